// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidationEngine} from "./ILiquidationEngine.sol";

/// @title An engine that allows just enough to bring the account back to a target
interface ITargetHealth is ILiquidationEngine {
    /// @notice Thrown when an engine is created with a target outside 1..2, or a health for the largest bonus outside 0..1.
    error InvalidHealth();

    /// @notice Leftovers below this value (USD 8 decimals) are not left: the quote then covers the whole pair
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function MIN_LEFTOVER() external view returns (uint256);

    /// @notice Health (WAD) a liquidation restores
    function targetHealth() external view returns (uint256);
}
