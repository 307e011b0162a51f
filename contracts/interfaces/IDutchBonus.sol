// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidationEngine} from "./ILiquidationEngine.sol";

/// @title An engine that allows any size, at a bonus that grows with the time since the account was flagged
interface IDutchBonus is ILiquidationEngine {
    /// @notice Thrown when an engine is created with no duration, or with more than the longest.
    error InvalidDuration();

    /// @notice The longest that a bonus may take to grow, seconds: an hour less than a flag is sure to last
    function MAX_DURATION() external view returns (uint256);

    /// @notice Seconds from the flag until the bonus is at its maximum
    function duration() external view returns (uint256);
}
