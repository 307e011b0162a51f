// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IDutchBonus} from "../interfaces/IDutchBonus.sol";
import {ILiquidationEngine} from "../interfaces/ILiquidationEngine.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @title DutchBonus: any size, at a bonus that grows with the time since the account was flagged
/// @notice Liquidators bid by waiting: the first to find the bonus worth it acts. Twin: `sim/protocol/liquidation.py`.
contract DutchBonus is IDutchBonus {
    using FixedPoint for uint256;

    /// @inheritdoc IDutchBonus
    uint256 public constant MAX_DURATION = 5 hours;
    /// @inheritdoc IDutchBonus
    uint256 public immutable duration;

    constructor(uint256 duration_) {
        if (duration_ == 0 || duration_ > MAX_DURATION) revert InvalidDuration();
        duration = duration_;
    }

    /// @inheritdoc ILiquidationEngine
    function quote(Context calldata c) external view returns (uint256 maxRepay, uint256 bonusBps) {
        uint256 elapsed = c.secondsFlagged < duration ? c.secondsFlagged : duration;
        bonusBps = c.minBonusBps + (c.maxBonusBps - c.minBonusBps).mulDivDown(elapsed, duration);
        return (c.pairDebt, bonusBps);
    }

    /// @inheritdoc ILiquidationEngine
    function hfForMaxBonus() external pure returns (uint256) {
        return type(uint256).max;
    }
}
