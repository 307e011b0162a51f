// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidationEngine} from "../interfaces/ILiquidationEngine.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @title TargetHealth: just enough to bring the account back to a target, at a bonus that grows as health falls
/// @notice Repaying value x and seizing (1 + b) x restores health T when x = D (T - HF) / (T - (1 + b) lt).
/// Twin: `sim/protocol/liquidation.py`.
contract TargetHealth is ILiquidationEngine {
    using FixedPoint for uint256;

    /// @notice Leftovers below this value (USD 8 decimals) are not left: the quote then covers the whole pair.
    uint256 public constant MIN_LEFTOVER = 1_000e8;

    /// @notice Health (WAD) a liquidation restores.
    uint256 public immutable targetHealth;
    /// @inheritdoc ILiquidationEngine
    uint256 public immutable hfForMaxBonus;

    error InvalidHealth();

    constructor(uint256 targetHealth_, uint256 hfForMaxBonus_) {
        if (targetHealth_ < FixedPoint.WAD || targetHealth_ > 2 * FixedPoint.WAD) revert InvalidHealth();
        if (hfForMaxBonus_ == 0 || hfForMaxBonus_ >= FixedPoint.WAD) revert InvalidHealth();
        (targetHealth, hfForMaxBonus) = (targetHealth_, hfForMaxBonus_);
    }

    /// @inheritdoc ILiquidationEngine
    function quote(Context calldata c) external view returns (uint256 maxRepay, uint256 bonusBps) {
        bonusBps = _bonus(c);
        // (1 + b) lt as a WAD; below 1 by the vault's configuration check, so the division is sound.
        uint256 returned = (FixedPoint.BPS + bonusBps) * c.ltBps * 1e10;
        uint256 value = c.totalDebtValue.mulDivUp(targetHealth - c.healthFactor, targetHealth - returned);
        if (value + MIN_LEFTOVER > c.pairDebtValue) return (c.pairDebt, bonusBps);
        uint256 seized = value.mulDivUp(FixedPoint.BPS + bonusBps, FixedPoint.BPS);
        if (seized + MIN_LEFTOVER > c.pairCollateralValue) return (c.pairDebt, bonusBps);
        maxRepay = value.mulDivUp(c.unitDebt, c.priceDebt);
        if (maxRepay > c.pairDebt) maxRepay = c.pairDebt;
    }

    /// @dev Linear in health from the least bonus at 1 to the largest at `hfForMaxBonus`, down.
    function _bonus(Context calldata c) internal view returns (uint256) {
        if (c.healthFactor <= hfForMaxBonus) return c.maxBonusBps;
        uint256 fall = FixedPoint.WAD - c.healthFactor;
        return c.minBonusBps + (c.maxBonusBps - c.minBonusBps).mulDivDown(fall, FixedPoint.WAD - hfForMaxBonus);
    }
}
