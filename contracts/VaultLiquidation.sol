// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidationCallback} from "./interfaces/ILiquidationCallback.sol";
import {ILiquidationEngine} from "./interfaces/ILiquidationEngine.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IOracleRouter} from "./interfaces/IOracleRouter.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {VaultDeleveraging} from "./VaultDeleveraging.sol";
import {VaultState} from "./VaultState.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";
import {Price} from "./libraries/Prices.sol";

/// @title VaultLiquidation: the code with which a vault liquidates and writes off
/// @notice A vault calls it with its own accounts and tokens (DELEGATECALL); by itself it has none, and no account is
/// unhealthy. Invariants kept here (numbers of the specification): 14 only eligible accounts are liquidated; 15 the
/// liquidator gets at most repaid x (1 + bonus); 19 no dust legs; 20 no unhealthy debt without collateral after a
/// liquidation. Twin: `sim/protocol/vault.py`.
contract VaultLiquidation is VaultDeleveraging {
    using FixedPoint for uint256;

    /// @dev What one liquidation moves; see `_terms`.
    struct Terms {
        uint256 repaid; // debt units
        uint256 seized; // collateral units, fee included
        uint256 fee; // collateral units
        uint256 supplied; // what the borrower's position loses
        bool seizesAll;
        uint256 owed; // scaled debt before
        uint256 burnt; // scaled debt that the repayment burns
        uint256 index; // RAY, of the debt's interest
        Price[] prices; // of the account's assets, by their place among the reserves
    }

    constructor(ILiquidityHub hub_, IOracleRouter oracle_) VaultState(hub_, oracle_) {}

    /// @inheritdoc IVaultLiquidation
    function flag(uint256 accountId) external nonReentrant {
        (Health memory h, ) = _pokedHealth(accountId);
        bool flagged = isFlagged(accountId);
        if (h.factor >= (flagged ? RECOVERY_HEALTH : FixedPoint.WAD)) revert AccountHealthy();
        if (!flagged) _flag(accountId, h.factor);
        if (!_see(accountId, h) && flagged) revert AlreadyFlagged();
    }

    /// @inheritdoc IVaultLiquidation
    function unflag(uint256 accountId) external nonReentrant {
        if (!isFlagged(accountId)) revert NotFlagged();
        (Health memory h, ) = _pokedHealth(accountId);
        if (!h.pricesUsable) revert PriceNotUsable();
        if (h.factor < RECOVERY_HEALTH) revert Unhealthy();
        _see(accountId, h);
    }

    /// @inheritdoc IVaultLiquidation
    function marginCall(uint256 accountId) external nonReentrant {
        (Health memory h, ) = _pokedHealth(accountId);
        if (h.factor < FixedPoint.WAD) revert Unhealthy();
        if (h.factor >= _policy.marginCallHealth) revert AccountHealthy();
        if (isCalled(accountId)) revert AlreadyCalled();
        _accounts[accountId].calledAt = uint32(block.timestamp);
        emit MarginCalled(accountId, h.factor);
        _see(accountId, h);
    }

    /// @inheritdoc IVaultLiquidation
    function endMarginCall(uint256 accountId) external nonReentrant {
        if (!isCalled(accountId)) revert NotCalled();
        (Health memory h, ) = _pokedHealth(accountId);
        if (!h.pricesUsable) revert PriceNotUsable();
        if (h.factor < _policy.marginCallHealth) revert Unhealthy();
        _see(accountId, h);
    }

    /// @inheritdoc IVaultLiquidation
    function liquidate(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repayAmount,
        uint256 minCollateralOut,
        bool receiveShares,
        bytes calldata data
    ) external nonReentrant returns (uint256 repaid, uint256 collateralOut) {
        if (msg.sender == ownerOf(accountId)) revert SelfLiquidation();
        Terms memory t = _terms(accountId, debtAsset, collateralAsset, repayAmount, receiveShares);
        (repaid, collateralOut) = (t.repaid, t.seized - t.fee);
        if (collateralOut < minCollateralOut) revert InsufficientCollateralOut();

        // Both legs first, then the tokens of both: whoever is paid or called sees the account as it will be.
        (t.owed, t.burnt) = _burnDebt(accountId, _indexPlusOne[debtAsset] - 1, debtAsset, repaid, t.index);
        _seize(accountId, collateralAsset, t, receiveShares);
        if (data.length > 0) {
            ILiquidationCallback(msg.sender).onLiquidate(
                accountId,
                debtAsset,
                collateralAsset,
                repaid,
                collateralOut,
                data
            );
        }
        _settle(accountId, debtAsset, collateralAsset, t, receiveShares);

        Health memory h = _healthAt(accountId, t.prices);
        if (h.factor < FixedPoint.WAD && _isBeyondHope(h)) {
            _writeOffAll(accountId, h);
        } else {
            _see(accountId, h);
            _stayDue(accountId, h.factor);
        }
    }

    /// @inheritdoc IVaultLiquidation
    function writeOff(uint256 accountId) external nonReentrant {
        (Health memory h, ) = _pokedHealth(accountId);
        if (h.factor >= FixedPoint.WAD) revert AccountHealthy();
        if (!_isBeyondHope(h)) revert CollateralRemains();
        uint256 bits = _accounts[accountId].collateralBits | _accounts[accountId].debtBits;
        _askToLiquidate(Math.log2(bits), bits, h);
        _writeOffAll(accountId, h);
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Too little for a liquidator, and a loss to whoever lent: what an account still owns is not taken from it, and
    /// what nobody can price is not nothing, for as long as any outage takes.
    function _isBeyondHope(Health memory h) internal view returns (bool) {
        return h.forfeitValue < _policy.dustValue && h.forfeitValue < h.debtValue;
    }

    /// @dev Eligibility, the engine's quote clamped, and the amounts that follow from it.
    function _terms(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repayAmount,
        bool receiveShares
    ) internal returns (Terms memory t) {
        t.index = hub.accrue(debtAsset);
        hub.accrue(collateralAsset);
        Health memory h;
        (h, t.prices) = _pokedHealth(accountId);
        if (h.factor >= FixedPoint.WAD) revert AccountHealthy();
        if (!_delayPassed(accountId, h.factor)) revert DelayNotPassed();
        _see(accountId, h);
        (Amounts.Pair memory p, Reserve storage rc) = _pair(accountId, debtAsset, collateralAsset, t.prices, t.index);
        _askToLiquidate(_indexPlusOne[debtAsset] - 1, _bit(_indexPlusOne[collateralAsset] - 1), h);
        uint256 bonusBps;
        (t.repaid, bonusBps) = _quote(accountId, h, p, _indexPlusOne[collateralAsset] - 1);
        t.repaid = Math.min(repayAmount, t.repaid);
        if (rc.config.rehypothecate && !receiveShares) p.cash = hub.available(collateralAsset);
        (t.repaid, t.seized, t.fee) = Amounts.fitting(t.repaid, p, bonusBps, rc.config.liquidationFeeBps);
        if (t.repaid == 0 || t.seized == t.fee) revert ZeroAmount();
        t.seizesAll = t.seized == p.collateral;
    }

    function _quote(
        uint256 accountId,
        Health memory h,
        Amounts.Pair memory p,
        uint256 c
    ) internal view returns (uint256 maxRepay, uint256 bonusBps) {
        Account storage a = _accounts[accountId];
        (uint256 flaggedFor, uint256 thinFor) = isFlagged(accountId) ? (block.timestamp - a.flaggedAt, a.thinFor) : (0, 0);
        uint256 most = _maxBonus(accountId, c);
        uint256 backing = p.collateral.collateralValue(p.priceCollateral, p.unitCollateral);
        (maxRepay, bonusBps) = _policy.engine.quote(
            ILiquidationEngine.Context({
                healthFactor: h.factor,
                pairDebt: p.debt,
                pairDebtValue: p.debt.debtValue(p.priceDebt, p.unitDebt),
                pairCollateralValue: backing,
                totalDebtValue: h.debtValue,
                priceDebt: p.priceDebt,
                unitDebt: p.unitDebt,
                priceCollateral: p.priceCollateral,
                unitCollateral: p.unitCollateral,
                ltBps: _lastThreshold(accountId, c, backing),
                minBonusBps: Math.min(_reserves[c].config.minBonusBps, most),
                maxBonusBps: most,
                secondsFlagged: flaggedFor
            })
        );
        bonusBps = Math.min(
            bonusBps,
            Amounts.mostBonus(h.usableValue, h.debtValue, most, Math.min(thinFor, p.forSaleFor))
        );
        return (Math.min(maxRepay, p.debt), bonusBps);
    }

    /// @dev Takes `t.seized` from the borrower: the fee to the protocol, the rest to the liquidator. Where collateral
    /// is shares, the borrower loses `seized` up (or all), the liquidator's part is cut out first, and what is left,
    /// rounding included, is the fee. Fills `t.supplied`.
    function _seize(uint256 accountId, address asset, Terms memory t, bool receiveShares) internal {
        (uint256 i, Reserve storage r) = _reserve(asset);
        bool lent = r.config.rehypothecate;
        uint256 out = t.seized - t.fee;
        uint256 toLiquidator = out;
        t.supplied = t.seized;
        if (lent) {
            t.supplied = t.seizesAll ? _positions[accountId][asset].supplied : hub.toSharesUp(asset, t.seized);
            toLiquidator = receiveShares ? hub.toSharesDown(asset, out) : hub.toSharesUp(asset, out);
        }
        uint256 fee = t.supplied - toLiquidator;
        _decreaseSupplied(accountId, i, asset, t.supplied);
        if (fee > 0) _addFee(asset, lent, fee);
        if (receiveShares) {
            if (toLiquidator == 0) revert ZeroAmount();
            uint256 own = uint256(uint160(msg.sender)) << 8;
            bool due = _isDue(own);
            _increaseSupplied(own, i, asset, toLiquidator);
            _seeHealed(own, due);
        } else if (lent) {
            hub.remove(asset, out, toLiquidator, msg.sender);
        } else {
            hub.removeEscrow(asset, out, msg.sender);
        }
    }

    /// @dev Collects the repayment of a liquidation and tells what it moved.
    function _settle(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        Terms memory t,
        bool asShares
    ) internal {
        hub.noteShortage(debtAsset);
        _pull(debtAsset, t.repaid);
        hub.restore(debtAsset, t.repaid, t.owed);
        emit Liquidated(
            accountId,
            msg.sender,
            debtAsset,
            collateralAsset,
            t.repaid,
            t.burnt,
            t.seized - t.fee,
            t.supplied,
            t.fee,
            asShares
        );
    }

    function _addFee(address asset, bool lent, uint256 supplied) internal {
        if (lent) hub.addFee(asset, supplied);
        else hub.addFeeFromEscrow(asset, supplied);
    }

    /// @dev Hands what collateral is left to the protocol, which pays for it to who bears the debts, and reports every debt
    /// to the hub as unpayable. Nobody keeps what a forgiven debt was backed by: else small accounts would borrow to be
    /// forgiven.
    function _writeOffAll(uint256 accountId, Health memory h) internal {
        uint256 bits = _accounts[accountId].collateralBits;
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 0) continue;
            address asset = _reserves[i].asset;
            uint256 supplied = _positions[accountId][asset].supplied;
            _decreaseSupplied(accountId, i, asset, supplied);
            _addFee(asset, _reserves[i].config.rehypothecate, supplied);
            emit Forfeited(accountId, asset, supplied);
        }
        bits = _accounts[accountId].debtBits;
        _accounts[accountId].debtBits = 0;
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 0) continue;
            address asset = _reserves[i].asset;
            uint256 scaled = _positions[accountId][asset].scaledDebt;
            _positions[accountId][asset].scaledDebt = 0;
            uint256 worth = hub.debtOf(asset, scaled).mulDivDown(h.forfeitValue, h.debtValue);
            emit WrittenOff(accountId, asset, hub.reportDeficit(asset, scaled, worth), scaled);
        }
        _unflag(accountId);
        _endCall(accountId);
    }
}
