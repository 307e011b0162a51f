// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IRiskGuard} from "./interfaces/IRiskGuard.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {VaultPositions} from "./VaultPositions.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";
import {Price, Prices} from "./libraries/Prices.sol";

/// @title How healthy accounts are, and what is noted when that changes
/// @notice Twin: `sim/protocol/vault_health.py`.
abstract contract VaultHealth is VaultPositions {
    using FixedPoint for uint256;

    /// @inheritdoc IVaultLiquidation
    function ownerOf(uint256 accountId) public pure returns (address) {
        if (accountId >> 168 != 0) revert InvalidAccount();
        return address(uint160(accountId >> 8));
    }

    /// @inheritdoc IVaultLiquidation
    function health(uint256 accountId) public view returns (Health memory) {
        Price[] memory prices = new Price[](MAX_RESERVES);
        uint256 bits = _accounts[accountId].collateralBits | _accounts[accountId].debtBits;
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 1) prices[i] = Prices.kept(oracle.read(_reserves[i].asset));
        }
        return _healthAt(accountId, prices);
    }

    /// @inheritdoc IVaultLiquidation
    function isLiquidatable(uint256 accountId) external view returns (bool) {
        return _mayBegin(accountId, health(accountId).factor);
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Max without debt.
    function _healthFactor(uint256 weighted, uint256 debtValue) internal pure returns (uint256) {
        if (debtValue == 0) return type(uint256).max;
        return weighted.mulDivHalf(FixedPoint.WAD, debtValue) / FixedPoint.BPS;
    }

    /// @dev Advances the oracle's deviation checks for every asset of the account, then measures it.
    function _pokedHealth(uint256 accountId) internal returns (Health memory, Price[] memory prices) {
        prices = new Price[](MAX_RESERVES);
        uint256 bits = _accounts[accountId].collateralBits | _accounts[accountId].debtBits;
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 1) prices[i] = Prices.kept(oracle.poke(_reserves[i].asset));
        }
        return (_healthAt(accountId, prices), prices);
    }

    /// @dev At the prices of its assets, by their place among the reserves.
    function _healthAt(uint256 accountId, Price[] memory prices) internal view returns (Health memory h) {
        (h.pricesOk, h.pricesUsable, h.leastDebtValue) = (true, true, type(uint256).max);
        uint256 held = _accounts[accountId].collateralBits;
        uint256 owed = _accounts[accountId].debtBits;
        for (uint256 i = 0; (held | owed) >> i != 0; ++i) {
            if (((held | owed) >> i) & 1 == 0) continue;
            Reserve storage r = _reserves[i];
            Price price = prices[i];
            if (!price.isOk()) h.pricesOk = false;
            if (!price.isUsable()) h.pricesUsable = false;
            if ((owed >> i) & 1 == 1) {
                uint256 debt = debtAssets(accountId, r.asset).debtValue(price.ofDebt(), r.unit);
                h.debtValue += debt;
                h.leastDebtValue = Math.min(h.leastDebtValue, debt);
            }
            if ((held >> i) & 1 == 1) {
                uint256 supplied = _supplied(accountId, r);
                uint256 value = supplied.collateralValue(price.ofCollateral(), r.unit);
                h.collateralValue += value;
                if (price.isUsable()) h.usableValue += value;
                h.forfeitValue += supplied.collateralValue(price.ofForfeited(), r.unit);
                (uint256 weighted, uint256 limit) = _weigh(accountId, i, value);
                h.weightedCollateral += weighted;
                h.weightedLimit += limit;
            }
        }
        IRiskGuard guard = _policy.guard;
        if (address(guard) != address(0)) h.weightedLimit = h.weightedLimit.mulDivDown(guard.stressBps(), FixedPoint.BPS);
        h.factor = _healthFactor(h.weightedCollateral, h.debtValue);
    }

    /// @dev A debt and a collateral of an account, at the prices that they count at; both prices must be usable.
    function _pair(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        Price[] memory prices,
        uint256 index
    ) internal view returns (Amounts.Pair memory p, Reserve storage rc) {
        (uint256 d, Reserve storage rd) = _reserve(debtAsset);
        uint256 c;
        (c, rc) = _reserve(collateralAsset);
        if ((_accounts[accountId].debtBits >> d) & 1 == 0) revert NoDebt();
        if ((_accounts[accountId].collateralBits >> c) & 1 == 0) revert NotCollateral();

        (Price debt, Price collateral) = (prices[d], prices[c]);
        if (!debt.isDecided() || !collateral.isUsable()) revert PriceNotUsable();
        p.debt = _debtAt(_positions[accountId][debtAsset].scaledDebt, index);
        p.collateral = _supplied(accountId, rc);
        (p.priceDebt, p.priceCollateral) = (debt.ofDebt(), collateral.ofCollateral());
        p.forSaleFor = Math.min(debt.forSaleFor(), collateral.forSaleFor());
        if (d == c) p.priceCollateral = p.priceDebt; // a token pays for itself whatever it is worth
        (p.unitDebt, p.unitCollateral) = (rd.unit, rc.unit);
    }

    /// @dev Where a vault asks its guard, if it has one, before anything leaves it or is risked in it: with the reserve `first`,
    /// and those in `bits`. What heals an account (supply, repay) is never asked for.
    function _ask(IRiskGuard.Action action, uint256 first, uint256 bits, bool exempt) internal view {
        IRiskGuard guard = _policy.guard;
        if (address(guard) == address(0)) return;
        uint256 count = 1;
        for (uint256 rest = bits; rest != 0; ++count) rest &= rest - 1;
        address[] memory assets = new address[](count);
        (assets[0], count) = (_reserves[first].asset, 0);
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 1) assets[++count] = _reserves[i].asset;
        }
        guard.check(action, assets, exempt);
    }

    function _askToLiquidate(uint256 first, uint256 bits, Health memory h) internal view {
        _ask(IRiskGuard.Action.LIQUIDATE, first, bits, h.factor < _policy.urgentHealth);
    }

    /// @dev Whether a vault with a delay would let the account be liquidated now; without a delay no price is read.
    function _isDue(uint256 accountId) internal view returns (bool) {
        if (_policy.liquidationDelay == 0 || _accounts[accountId].debtBits == 0) return false;
        return _mayBegin(accountId, health(accountId).factor);
    }

    /// @dev After what heals an account, which was `due` for liquidation before: notes a recovery and an answer to a margin call,
    /// and keeps due who stays unhealthy. Without a flag and a call, and if it was not due, no price is read.
    function _seeHealed(uint256 accountId, bool due) internal {
        if (!due && !isFlagged(accountId) && !isCalled(accountId)) return;
        (Health memory h, ) = _pokedHealth(accountId); // a sighting counts if the router has one, too
        _see(accountId, h);
        if (due) _stayDue(accountId, h.factor);
    }
}
