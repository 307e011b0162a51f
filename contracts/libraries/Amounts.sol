// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidationEngine} from "../interfaces/ILiquidationEngine.sol";
import {IVaultLiquidation} from "../interfaces/IVaultLiquidation.sol";
import {FixedPoint} from "./FixedPoint.sol";

/// @title Amounts of a liquidation
/// @notice Pure arithmetic on one debt and one collateral. Twin: `sim/protocol/liquidation.py`.
library Amounts {
    using FixedPoint for uint256;

    /// @dev A partial liquidation leaves at least this much (USD 8 decimals) of both legs.
    uint256 internal constant MIN_LEFTOVER = 1_000e8;

    /// @dev Seconds in which the bonus of who is worth no more than he owes grows to the largest.
    uint256 internal constant THIN_AUCTION = 30 minutes;

    struct Pair {
        uint256 debt; // token units, up
        uint256 collateral; // token units, down
        uint256 priceDebt; // USD 8 decimals
        uint256 unitDebt; // 10 ** decimals
        uint256 priceCollateral;
        uint256 unitCollateral;
        uint256 cash; // token units of the collateral that can be paid out; 0: no bound
        uint256 forSaleFor; // seconds for which both were for sale
    }

    /// @notice The value whose repayment brings health to `target`, up: D (T - HF) / (T - (1 + b) lt), and what roundings
    /// may take: of the debt a unit and what a unit of scaled debt comes to, of the collateral a unit, and a unit of value each
    /// @dev A reserve's (1 + b) lt is below 1, so below any target. More than the debt where repaying lowers health.
    /// @param target WAD, at least 1
    /// @return USD 8 decimals
    function healing(
        ILiquidationEngine.Context memory c,
        uint256 target,
        uint256 bonusBps
    ) internal pure returns (uint256) {
        uint256 gap = target - (FixedPoint.BPS + bonusBps) * c.ltBps * 1e10;
        uint256 roundings = Math.ceilDiv(3 * c.priceDebt, c.unitDebt) +
            Math.ceilDiv(c.priceCollateral, c.unitCollateral) +
            2;
        return c.totalDebtValue.mulDivUp(target - c.healthFactor, gap) + roundings.mulDivUp(target, gap);
    }

    /// @notice A value in units of the debt, up; all of the pair if less than `MIN_LEFTOVER` of a leg would be left
    function unitsOf(
        ILiquidationEngine.Context memory c,
        uint256 value,
        uint256 bonusBps
    ) internal pure returns (uint256) {
        uint256 seized = value.mulDivUp(FixedPoint.BPS + bonusBps, FixedPoint.BPS);
        bool leaves = value + MIN_LEFTOVER <= c.pairDebtValue && seized + MIN_LEFTOVER <= c.pairCollateralValue;
        return leaves ? Math.min(value.mulDivUp(c.unitDebt, c.priceDebt), c.pairDebt) : c.pairDebt;
    }

    /// @notice The largest bonus of an account with little beyond its debt: what it has beyond, or if more, what the largest
    /// has grown to while it was seen thin, and both sides were for sale
    /// @param collateralValue of what may be sold: nothing else pays
    /// @dev A bonus that is paid out of what lenders lose is bid for: its owner, too, gets no more of it, through a second
    /// address, than what nobody else was content with.
    function mostBonus(
        uint256 collateralValue,
        uint256 debtValue,
        uint256 maxBonusBps,
        uint256 secondsThin
    ) internal pure returns (uint256) {
        (, uint256 beyond) = Math.trySub(collateralValue.mulDivDown(FixedPoint.BPS, debtValue), FixedPoint.BPS);
        uint256 grown = maxBonusBps.mulDivDown(Math.min(secondsThin, THIN_AUCTION), THIN_AUCTION);
        return Math.min(Math.max(beyond, grown), maxBonusBps);
    }

    /// @notice Collateral for a repayment: base = repay in collateral units, plus the bonus, bounded by the balance
    /// @dev Base and bonus round down, so the borrower keeps the dust. When the balance is short all of it is seized and
    /// the repayment is what it pays for, up. Invariant 15: value seized <= value repaid * (1 + bonus) + 1 unit.
    /// @return repaid debt units, at most `repay`
    /// @return seized collateral units, fee included
    /// @return fee the protocol's part of the bonus, collateral units, up
    function seize(
        uint256 repay,
        Pair memory p,
        uint256 bonusBps,
        uint256 feeBps
    ) internal pure returns (uint256 repaid, uint256 seized, uint256 fee) {
        uint256 rate = FixedPoint.BPS + bonusBps;
        uint256 base = (repay * p.priceDebt).mulDivDown(p.unitCollateral, p.priceCollateral * p.unitDebt);
        (repaid, seized) = (repay, base.mulDivDown(rate, FixedPoint.BPS));
        if (seized > p.collateral) {
            seized = p.collateral;
            uint256 needed = (p.priceCollateral * seized).mulDivDown(p.unitDebt, p.priceDebt * p.unitCollateral);
            repaid = needed.mulDivUp(FixedPoint.BPS, rate);
        }
        fee = (seized - seized.mulDivDown(FixedPoint.BPS, rate)).mulDivUp(feeBps, FixedPoint.BPS);
    }

    /// @notice `seize`, cut down to what cash pays out and to what leaves enough of both legs
    function fitting(
        uint256 repay,
        Pair memory p,
        uint256 bonusBps,
        uint256 feeBps
    ) internal pure returns (uint256 repaid, uint256 seized, uint256 fee) {
        (repaid, seized, fee) = seize(repay, p, bonusBps, feeBps);
        if (p.cash > 0 && seized - fee > p.cash) {
            (repaid, seized, fee) = seize(paidBy(p, p.cash, bonusBps), p, bonusBps, feeBps);
        }
        if (!leavesDust(p, repaid, seized)) return (repaid, seized, fee);
        repay = paidLeaving(p, bonusBps);
        if (repay == 0) revert IVaultLiquidation.MustNotLeaveDust();
        return seize(repay, p, bonusBps, feeBps);
    }

    /// @notice What may be repaid without a bonus so that health stays at or below `target`, token units, down: the value
    /// D (T - HF) / (T - lt), less what roundings may take, as in `healing`
    /// @param target WAD, above `healthFactor` and at least 1
    function paidUpTo(
        Pair memory p,
        uint256 healthFactor,
        uint256 debtValue,
        uint256 ltBps,
        uint256 target
    ) internal pure returns (uint256) {
        uint256 gap = target - FixedPoint.BPS * ltBps * 1e10;
        uint256 roundings = Math.ceilDiv(3 * p.priceDebt, p.unitDebt) +
            Math.ceilDiv(p.priceCollateral, p.unitCollateral) +
            2;
        uint256 missing = debtValue.mulDivDown(target - healthFactor, gap);
        (, uint256 value) = Math.trySub(missing, roundings.mulDivUp(target, gap));
        return value.mulDivDown(p.unitDebt, p.priceDebt);
    }

    /// @notice `fitting` without a bonus, and all roundings against who pays: what is seized is worth no more than what is
    /// repaid, also where that is all there is
    function atPar(uint256 repay, Pair memory p) internal pure returns (uint256 repaid, uint256 seized) {
        (repaid, seized, ) = fitting(repay, p, 0, 0);
        if (seized < p.collateral) return (repaid, seized);
        uint256 needed = (p.priceCollateral * seized).mulDivUp(p.unitDebt, p.priceDebt * p.unitCollateral);
        repaid = Math.max(repaid, needed);
    }

    /// @notice What may be repaid at most so that no more than `collateral` is seized, token units, down
    function paidBy(Pair memory p, uint256 collateral, uint256 bonusBps) internal pure returns (uint256) {
        uint256 base = collateral.mulDivDown(FixedPoint.BPS, FixedPoint.BPS + bonusBps);
        return (base * p.priceCollateral).mulDivDown(p.unitDebt, p.priceDebt * p.unitCollateral);
    }

    /// @notice What may be repaid at most so that `MIN_LEFTOVER` is left of both legs, token units, down
    function paidLeaving(Pair memory p, uint256 bonusBps) internal pure returns (uint256) {
        (, uint256 debt) = Math.trySub(p.debt, MIN_LEFTOVER.mulDivUp(p.unitDebt, p.priceDebt));
        (, uint256 spare) = Math.trySub(p.collateral, MIN_LEFTOVER.mulDivUp(p.unitCollateral, p.priceCollateral));
        return Math.min(debt, paidBy(p, spare, bonusBps));
    }

    /// @notice Whether a liquidation leaves both legs open and one of them below `MIN_LEFTOVER`
    function leavesDust(Pair memory p, uint256 repaid, uint256 seized) internal pure returns (bool) {
        if (repaid == p.debt || seized == p.collateral) return false;
        uint256 debtLeft = (p.debt - repaid).debtValue(p.priceDebt, p.unitDebt);
        uint256 collateralLeft = (p.collateral - seized).collateralValue(p.priceCollateral, p.unitCollateral);
        return debtLeft < MIN_LEFTOVER || collateralLeft < MIN_LEFTOVER;
    }
}
