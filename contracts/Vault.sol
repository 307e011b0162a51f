// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidationCallback} from "./interfaces/ILiquidationCallback.sol";
import {ILiquidationEngine} from "./interfaces/ILiquidationEngine.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IOracleRouter} from "./interfaces/IOracleRouter.sol";
import {IVault} from "./interfaces/IVault.sol";
import {VaultAccounts} from "./VaultAccounts.sol";
import {VaultReserves} from "./VaultReserves.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title Vault: liquidation and write-off, on top of margin accounts and risk parameters
/// @notice Invariants kept here (numbers of the specification): 14 only eligible accounts are liquidated; 15 the
/// liquidator gets at most repaid x (1 + bonus); 19 no dust legs; 20 no unhealthy debt without collateral after a
/// liquidation. Twin: `sim/protocol/vault.py`.
contract Vault is VaultAccounts {
    using FixedPoint for uint256;

    /// @dev What one liquidation moves; see `_terms`.
    struct Terms {
        uint256 repaid; // debt units
        uint256 seized; // collateral units, fee included
        uint256 fee; // collateral units
        uint256 supplied; // what the borrower's position loses
        bool seizesAll;
    }

    constructor(
        ILiquidityHub hub_,
        IOracleRouter oracle_,
        Policy memory policy_,
        address admin
    ) VaultReserves(hub_, oracle_, policy_, admin) {}

    /// @notice Starts the liquidation delay of an unhealthy account; anyone may
    function flag(uint256 accountId) external nonReentrant {
        Health memory h = _pokedHealth(accountId);
        if (!h.debtPricesUsable) revert PriceNotUsable();
        if (h.factor >= FixedPoint.WAD) revert AccountHealthy();
        if (_accounts[accountId].flaggedAt != 0) revert AlreadyFlagged();
        _accounts[accountId].flaggedAt = block.timestamp;
        emit Flagged(accountId, h.factor);
    }

    /// @notice Clears the flag of an account that recovered; anyone may
    /// @dev Every price must be usable: a factor in the account's favour is no recovery.
    function unflag(uint256 accountId) external nonReentrant {
        if (_accounts[accountId].flaggedAt == 0) revert NotFlagged();
        Health memory h = _pokedHealth(accountId);
        if (!h.pricesUsable) revert PriceNotUsable();
        if (h.factor < FixedPoint.WAD) revert Unhealthy();
        _unflag(accountId);
    }

    /// @notice Repays debt of an unhealthy account for its collateral plus a bonus
    /// @param repayAmount most the caller will repay, units of `debtAsset`; the engine and the account bound it
    /// @param minCollateralOut least the caller accepts, units of `collateralAsset`
    /// @param receiveShares take the collateral as a position of the caller's sub-account 0: needed when cash is short
    /// @param data if not empty, `onLiquidate` is called on the caller between seizure and repayment
    /// @return repaid units of `debtAsset`
    /// @return collateralOut units of `collateralAsset`
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
        Terms memory t = _terms(accountId, debtAsset, collateralAsset, repayAmount);
        (repaid, collateralOut) = (t.repaid, t.seized - t.fee);
        if (collateralOut < minCollateralOut) revert InsufficientCollateralOut();

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

        Health memory h = health(accountId);
        if (!h.debtPricesUsable) return (repaid, collateralOut); // a callback may have moved what prices depend on
        if (h.factor >= FixedPoint.WAD) {
            if (h.pricesUsable || h.debtValue == 0) _unflag(accountId);
        } else if (_isBeyondHope(h)) {
            _writeOffAll(accountId);
        }
    }

    /// @notice Writes off the debts of an unhealthy account whose collateral is below the dust line and below what it
    /// owes; anyone may
    function writeOff(uint256 accountId) external nonReentrant {
        Health memory h = _pokedHealth(accountId);
        if (!h.debtPricesUsable) revert PriceNotUsable();
        if (h.factor >= FixedPoint.WAD) revert AccountHealthy();
        if (!_isBeyondHope(h)) revert CollateralRemains();
        _writeOffAll(accountId);
    }

    /// @inheritdoc IVault
    function isLiquidatable(uint256 accountId) external view returns (bool) {
        Health memory h = health(accountId);
        return h.debtPricesUsable && h.factor < FixedPoint.WAD && _delayPassed(accountId, h.factor);
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Too little for a liquidator, and a loss to whoever lent: what an account still owns is not taken from it.
    function _isBeyondHope(Health memory h) internal view returns (bool) {
        return h.collateralValue < _policy.dustValue && h.collateralValue < h.debtValue;
    }

    function _delayPassed(uint256 accountId, uint256 healthFactor) internal view returns (bool) {
        if (_policy.liquidationDelay == 0 || healthFactor < _policy.urgentHealth) return true;
        uint256 flaggedAt = _accounts[accountId].flaggedAt;
        return flaggedAt != 0 && block.timestamp >= flaggedAt + _policy.liquidationDelay;
    }

    /// @dev Eligibility, the engine's quote clamped, and the amounts that follow from it.
    function _terms(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repayAmount
    ) internal returns (Terms memory t) {
        Health memory h = _pokedHealth(accountId);
        if (!h.debtPricesUsable) revert PriceNotUsable();
        if (h.factor >= FixedPoint.WAD) revert AccountHealthy();
        if (!_delayPassed(accountId, h.factor)) revert DelayNotPassed();
        (uint256 d, Reserve storage rd) = _reserve(debtAsset);
        (uint256 c, Reserve storage rc) = _reserve(collateralAsset);
        if ((_accounts[accountId].debtBits >> d) & 1 == 0) revert NoDebt();
        if ((_accounts[accountId].collateralBits >> c) & 1 == 0) revert NotCollateral();

        Amounts.Pair memory p;
        p.debt = debtAssets(accountId, debtAsset);
        p.collateral = suppliedAssets(accountId, collateralAsset);
        (p.priceDebt, , ) = oracle.read(debtAsset);
        bool usable;
        (p.priceCollateral, , usable) = oracle.read(collateralAsset);
        if (!usable) revert PriceNotUsable();
        (p.unitDebt, p.unitCollateral) = (rd.unit, rc.unit);

        uint256 bonusBps;
        (t.repaid, bonusBps) = _quote(accountId, h, p, rc);
        t.repaid = Math.min(repayAmount, t.repaid);
        (t.repaid, t.seized, t.fee) = Amounts.seize(t.repaid, p, bonusBps, rc.config.liquidationFeeBps);
        if (t.repaid == 0 || t.seized == t.fee) revert ZeroAmount();
        if (Amounts.leavesDust(p, t.repaid, t.seized, MIN_LEFTOVER)) revert MustNotLeaveDust();
        t.seizesAll = t.seized == p.collateral;
    }

    function _quote(
        uint256 accountId,
        Health memory h,
        Amounts.Pair memory p,
        Reserve storage rc
    ) internal view returns (uint256 maxRepay, uint256 bonusBps) {
        uint256 flaggedAt = _accounts[accountId].flaggedAt;
        (maxRepay, bonusBps) = _policy.engine.quote(
            ILiquidationEngine.Context({
                healthFactor: h.factor,
                pairDebt: p.debt,
                pairDebtValue: p.debt.debtValue(p.priceDebt, p.unitDebt),
                pairCollateralValue: p.collateral.collateralValue(p.priceCollateral, p.unitCollateral),
                totalDebtValue: h.debtValue,
                priceDebt: p.priceDebt,
                unitDebt: p.unitDebt,
                ltBps: _threshold(rc),
                minBonusBps: rc.config.minBonusBps,
                maxBonusBps: rc.config.maxBonusBps,
                secondsFlagged: flaggedAt == 0 ? 0 : block.timestamp - flaggedAt
            })
        );
        return (Math.min(maxRepay, p.debt), Math.min(bonusBps, rc.config.maxBonusBps));
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
            _positions[uint256(uint160(msg.sender)) << 8][asset].supplied += toLiquidator;
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
        uint256 scaled = _collectRepayment(accountId, _indexPlusOne[debtAsset] - 1, debtAsset, t.repaid);
        emit Liquidated(
            accountId,
            msg.sender,
            debtAsset,
            collateralAsset,
            t.repaid,
            scaled,
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

    /// @dev Hands what collateral is left to the protocol, as fees that bear losses first, and reports every debt to the
    /// hub as unpayable. Nobody keeps what a forgiven debt was backed by: else small accounts would borrow to be forgiven.
    function _writeOffAll(uint256 accountId) internal {
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
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 0) continue;
            address asset = _reserves[i].asset;
            uint256 scaled = _positions[accountId][asset].scaledDebt;
            _positions[accountId][asset].scaledDebt = 0;
            emit WrittenOff(accountId, asset, hub.reportDeficit(asset, scaled), scaled);
        }
        _accounts[accountId].debtBits = 0;
        _unflag(accountId);
    }
}
