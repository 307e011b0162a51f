// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVault} from "./interfaces/IVault.sol";
import {VaultReserves} from "./VaultReserves.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title Flags: the time between falling ill and being liquidated
/// @notice A flag belongs to one fall. It lapses by itself, and before that ends only by a recovery that was seen again and
/// again for some time; no single block and no operation takes it away. Twin: `sim/protocol/vault_flags.py`.
abstract contract VaultFlags is VaultReserves {
    mapping(uint256 accountId => Account) internal _accounts;

    /// @inheritdoc IVault
    function isFlagged(uint256 accountId) public view returns (bool) {
        uint256 flaggedAt = _accounts[accountId].flaggedAt;
        return flaggedAt != 0 && block.timestamp < flaggedAt + _policy.liquidationDelay + FLAG_VALIDITY;
    }

    // --- internals ----------------------------------------------------------------------------------------------

    function _delayPassed(uint256 accountId, uint256 healthFactor) internal view returns (bool) {
        uint256 delay = _policy.liquidationDelay;
        if (delay == 0 || healthFactor < _policy.urgentHealth) return true;
        Account storage a = _accounts[accountId];
        return isFlagged(accountId) && (a.urgent || block.timestamp >= a.flaggedAt + delay);
    }

    /// @dev Who was so ill that no delay applied does not get one for being a little less so: else dust would buy it.
    function _stayDue(uint256 accountId, uint256 healthFactor) internal {
        if (healthFactor >= FixedPoint.WAD || _delayPassed(accountId, healthFactor)) return;
        if (!isFlagged(accountId)) _flag(accountId, healthFactor);
        _accounts[accountId].urgent = true;
        emit DelayWaived(accountId);
    }

    function _flag(uint256 accountId, uint256 healthFactor) internal {
        Account storage a = _accounts[accountId];
        (a.flaggedAt, a.wellSince, a.wellAt, a.urgent) = (uint40(block.timestamp), 0, 0, false);
        emit Flagged(accountId, healthFactor);
    }

    /// @dev Whoever measures a flagged account sees it ill or well. Recovery ends the flag once it was seen for long enough:
    /// the next fall has a delay of its own, and a price that is pushed up for a block changes nothing. While a price cannot
    /// be used nobody knows of a recovery.
    function _see(uint256 accountId, Health memory h) internal {
        bool well = h.factor >= RECOVERY_HEALTH;
        if (!isFlagged(accountId) || (well && !h.pricesUsable)) return;
        Account storage a = _accounts[accountId];
        if (!well) {
            if (a.wellSince == 0) return;
            (a.wellSince, a.wellAt) = (0, 0);
            emit RecoverySeen(accountId, 0);
            return;
        }
        if (a.wellSince == 0 || block.timestamp > a.wellAt + RECOVERY_GAP) a.wellSince = uint40(block.timestamp);
        a.wellAt = uint40(block.timestamp);
        emit RecoverySeen(accountId, a.wellSince);
        if (block.timestamp >= a.wellSince + RECOVERY_TIME) _unflag(accountId);
    }

    function _unflag(uint256 accountId) internal {
        Account storage a = _accounts[accountId];
        if (a.flaggedAt == 0) return;
        (a.flaggedAt, a.wellSince, a.wellAt, a.urgent) = (0, 0, 0, false);
        emit Unflagged(accountId);
    }
}
