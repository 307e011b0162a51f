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

    /// @dev Seconds since a bonus that lenders pay for is bid for.
    function _thinFor(uint256 accountId) internal view returns (uint256) {
        uint256 since = _accounts[accountId].thinSince;
        return since == 0 || !isFlagged(accountId) ? 0 : block.timestamp - since;
    }

    function _flag(uint256 accountId, uint256 healthFactor) internal {
        Account storage a = _accounts[accountId];
        (a.flaggedAt, a.wellSince, a.wellAt) = (uint40(block.timestamp), 0, 0);
        (a.urgent, a.thinSince) = (false, 0);
        emit Flagged(accountId, healthFactor);
    }

    /// @dev Whoever measures a flagged account sees it ill or well. Recovery ends the flag once it was seen for long enough:
    /// the next fall has a delay of its own, and a price that is pushed up for a block changes nothing. While a price cannot
    /// be used nobody knows of a recovery.
    function _see(uint256 accountId, Health memory h) internal {
        bool well = h.factor >= RECOVERY_HEALTH;
        if (!isFlagged(accountId) || (well && !h.pricesUsable)) return;
        Account storage a = _accounts[accountId];
        _seeThin(accountId, h);
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

    /// @dev Notes, once per flag, that a flagged account is due for liquidation and thin: from then on a bonus that lenders pay
    /// for is bid for. Not from the flag on: who was flagged before he was thin, or while nobody else was let, would find it
    /// grown.
    function _seeThin(uint256 accountId, Health memory h) internal returns (bool) {
        if (!_isNewlyThin(accountId, h)) return false;
        _accounts[accountId].thinSince = uint40(block.timestamp);
        emit ThinSeen(accountId);
        return true;
    }

    function _isNewlyThin(uint256 accountId, Health memory h) internal view returns (bool) {
        Account storage a = _accounts[accountId];
        if (a.thinSince != 0 || h.factor >= FixedPoint.WAD || !_delayPassed(accountId, h.factor)) return false;
        return _isThin(a.collateralBits, h);
    }

    /// @dev Whether what the account has might not pay for its debts with the bonus: health below (1 + bonus) x threshold of any
    /// of it, which for one collateral says that it does not; or part of it cannot be sold.
    function _isThin(uint256 bits, Health memory h) internal view returns (bool) {
        if (!h.pricesUsable) return true;
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 0) continue;
            Reserve storage r = _reserves[i];
            if (h.factor < _threshold(r) * (FixedPoint.BPS + r.config.maxBonusBps) * 1e10) return true;
        }
        return false;
    }

    function _unflag(uint256 accountId) internal {
        Account storage a = _accounts[accountId];
        if (a.flaggedAt == 0) return;
        (a.flaggedAt, a.wellSince, a.wellAt) = (0, 0, 0);
        (a.urgent, a.thinSince) = (false, 0);
        emit Unflagged(accountId);
    }
}
