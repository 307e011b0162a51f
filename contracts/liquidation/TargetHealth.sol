// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidationEngine} from "../interfaces/ILiquidationEngine.sol";
import {ITargetHealth} from "../interfaces/ITargetHealth.sol";
import {Amounts} from "../libraries/Amounts.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @title TargetHealth: just enough to bring the account back to a target, at a bonus that grows as health falls
/// @notice Repaying value x and seizing (1 + b) x restores health T when x = D (T - HF) / (T - (1 + b) lt); roundings are
/// toward healing, so that a target of 1 leaves nobody below it. Twin: `sim/protocol/liquidation.py`.
contract TargetHealth is ITargetHealth {
    using FixedPoint for uint256;

    /// @inheritdoc ITargetHealth
    uint256 public constant MIN_LEFTOVER = Amounts.MIN_LEFTOVER;

    /// @inheritdoc ITargetHealth
    uint256 public immutable targetHealth;
    /// @inheritdoc ILiquidationEngine
    uint256 public immutable hfForMaxBonus;

    constructor(uint256 targetHealth_, uint256 hfForMaxBonus_) {
        if (targetHealth_ < FixedPoint.WAD || targetHealth_ > 2 * FixedPoint.WAD) revert InvalidHealth();
        if (hfForMaxBonus_ == 0 || hfForMaxBonus_ >= FixedPoint.WAD) revert InvalidHealth();
        (targetHealth, hfForMaxBonus) = (targetHealth_, hfForMaxBonus_);
    }

    /// @inheritdoc ILiquidationEngine
    function quote(Context calldata c) external view returns (uint256 maxRepay, uint256 bonusBps) {
        bonusBps = _bonus(c);
        maxRepay = Amounts.unitsOf(c, Amounts.healing(c, targetHealth, bonusBps), bonusBps);
    }

    /// @dev Linear in health from the least bonus at 1 to the largest at `hfForMaxBonus`, down.
    function _bonus(Context calldata c) internal view returns (uint256) {
        if (c.healthFactor <= hfForMaxBonus) return c.maxBonusBps;
        uint256 fall = FixedPoint.WAD - c.healthFactor;
        return c.minBonusBps + (c.maxBonusBps - c.minBonusBps).mulDivDown(fall, FixedPoint.WAD - hfForMaxBonus);
    }
}
