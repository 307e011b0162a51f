// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {VaultState} from "./VaultState.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title Flags: the time between falling ill and being liquidated; and margin calls, before that
/// @notice A flag belongs to one fall. It lapses by itself, and before that ends only by a recovery that was seen again and
/// again for some time; no single block and no operation takes it away. Twin: `sim/protocol/vault_flags.py`.
abstract contract VaultFlags is IVaultLiquidation, VaultState {
    /// @inheritdoc IVaultLiquidation
    function isFlagged(uint256 accountId) public view returns (bool) {
        uint256 flaggedAt = _accounts[accountId].flaggedAt;
        return flaggedAt != 0 && block.timestamp < flaggedAt + _policy.liquidationDelay + FLAG_VALIDITY;
    }

    /// @inheritdoc IVaultLiquidation
    function isCalled(uint256 accountId) public view returns (bool) {
        return _policy.marginCallHealth != 0 && _accounts[accountId].calledAt != 0;
    }

    // --- internals ----------------------------------------------------------------------------------------------

    function _delayPassed(uint256 accountId, uint256 healthFactor) internal view returns (bool) {
        uint256 delay = _policy.liquidationDelay;
        if (delay == 0 || healthFactor < _policy.urgentHealth) return true;
        Account storage a = _accounts[accountId];
        return isFlagged(accountId) && (a.urgent || block.timestamp >= a.flaggedAt + delay);
    }

    /// @dev Whether a liquidator may begin.
    function _mayBegin(uint256 accountId, uint256 healthFactor) internal view returns (bool) {
        return healthFactor < FixedPoint.WAD && _delayPassed(accountId, healthFactor);
    }

    /// @dev Who was so ill that no delay applied does not get one for being a little less so: else dust would buy it.
    function _stayDue(uint256 accountId, uint256 healthFactor) internal {
        if (healthFactor >= FixedPoint.WAD || _delayPassed(accountId, healthFactor)) return;
        if (!isFlagged(accountId)) _flag(accountId, healthFactor);
        _accounts[accountId].urgent = true;
        emit DelayWaived(accountId);
    }

    function _flag(uint256 accountId, uint256 healthFactor) internal {
        _restart(accountId, block.timestamp);
        emit Flagged(accountId, healthFactor);
    }

    /// @dev Whoever measures an account sees whether it answered its margin call, and a flagged one ill or well. Recovery ends the flag once it was seen for long enough:
    /// the next fall has a delay of its own, and a price that is pushed up for a block changes nothing. While a price cannot
    /// be used nobody knows of a recovery.
    /// @return news whether there was anything new
    function _see(uint256 accountId, Health memory h) internal returns (bool news) {
        _seeCall(accountId, h);
        bool well = h.factor >= RECOVERY_HEALTH;
        if (!isFlagged(accountId) || (well && !h.pricesUsable)) return false;
        news = _seeThin(accountId, h);
        Account storage a = _accounts[accountId];
        if (!well) {
            if (a.wellSince == 0) return news;
            (a.wellSince, a.wellAt) = (0, 0);
            emit RecoverySeen(accountId, 0);
            return true;
        }
        if (a.wellSince == 0 || block.timestamp > a.wellAt + RECOVERY_GAP) a.wellSince = uint32(block.timestamp);
        a.wellAt = uint32(block.timestamp);
        emit RecoverySeen(accountId, a.wellSince);
        if (block.timestamp >= a.wellSince + RECOVERY_TIME) _unflag(accountId);
        return true;
    }

    /// @dev Counts the time for which a flagged account was due for liquidation and thin: with it a bonus that lenders pay for
    /// grows. Not since the flag, nor since one sighting: who was flagged before he fell so far, or while nobody else was let,
    /// would find it grown. What was seen for the whole auction stays seen while the flag stands.
    /// @return whether there was anything new
    function _seeThin(uint256 accountId, Health memory h) internal returns (bool) {
        Account storage a = _accounts[accountId];
        bool thin = _isThin(accountId, h);
        uint256 counted = _thinFor(a, thin);
        if (!thin && !a.thin && counted == a.thinFor) return false;
        (a.thin, a.thinFor, a.thinAt) = (thin, uint16(counted), uint32(block.timestamp));
        emit ThinSeen(accountId, thin, counted);
        return true;
    }

    /// @dev From one sighting to the next, if they are near enough, it grows; whatever else passed takes off as much.
    function _thinFor(Account storage a, bool thin) internal view returns (uint256 counted) {
        counted = a.thinFor;
        if (counted == Amounts.THIN_AUCTION) return counted;
        uint256 passed = block.timestamp - a.thinAt;
        if (thin && a.thin && passed <= RECOVERY_GAP) return Math.min(counted + passed, Amounts.THIN_AUCTION);
        (, counted) = Math.trySub(counted, passed);
    }

    /// @dev Whether anybody may liquidate the account, and what of it can be sold is less than its debts and the bonus.
    function _isThin(uint256 accountId, Health memory h) internal view returns (bool) {
        if (!_mayBegin(accountId, h.factor)) return false;
        uint256 bits = _accounts[accountId].collateralBits;
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 0) continue;
            uint256 needed = h.debtValue * (FixedPoint.BPS + _maxBonus(accountId, i));
            if (h.usableValue * FixedPoint.BPS < needed) return true;
        }
        return false;
    }

    /// @dev A call ends at the health of calls, of which nobody knows while a price cannot be used, or with the last debt.
    function _seeCall(uint256 accountId, Health memory h) internal {
        if (!isCalled(accountId) || h.factor < _policy.marginCallHealth) return;
        if (h.pricesUsable || _accounts[accountId].debtBits == 0) _endCall(accountId);
    }

    function _endCall(uint256 accountId) internal {
        if (_accounts[accountId].calledAt == 0) return;
        _accounts[accountId].calledAt = 0;
        emit MarginCallEnded(accountId);
    }

    function _unflag(uint256 accountId) internal {
        if (_accounts[accountId].flaggedAt == 0) return;
        _restart(accountId, 0);
        emit Unflagged(accountId);
    }

    /// @dev What was seen under a flag ends with it.
    function _restart(uint256 accountId, uint256 flaggedAt) internal {
        Account storage a = _accounts[accountId];
        (a.flaggedAt, a.wellSince, a.wellAt) = (uint32(flaggedAt), 0, 0);
        (a.urgent, a.thin, a.thinFor, a.thinAt) = (false, false, 0, 0);
    }
}
