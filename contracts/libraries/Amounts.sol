// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {FixedPoint} from "./FixedPoint.sol";

/// @title Amounts of a liquidation
/// @notice Pure arithmetic on one debt and one collateral. Twin: `sim/protocol/liquidation.py`.
library Amounts {
    using FixedPoint for uint256;

    struct Pair {
        uint256 debt; // token units, up
        uint256 collateral; // token units, down
        uint256 priceDebt; // USD 8 decimals
        uint256 unitDebt; // 10 ** decimals
        uint256 priceCollateral;
        uint256 unitCollateral;
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

    /// @notice Whether a liquidation leaves both legs open and one of them below `leastValue` (USD 8 decimals)
    function leavesDust(
        Pair memory p,
        uint256 repaid,
        uint256 seized,
        uint256 leastValue
    ) internal pure returns (bool) {
        if (repaid == p.debt || seized == p.collateral) return false;
        uint256 debtLeft = (p.debt - repaid).debtValue(p.priceDebt, p.unitDebt);
        uint256 collateralLeft = (p.collateral - seized).collateralValue(p.priceCollateral, p.unitCollateral);
        return debtLeft < leastValue || collateralLeft < leastValue;
    }
}
