// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidationEngine} from "./ILiquidationEngine.sol";

// Two are named as the constants that they return.
// solhint-disable func-name-mixedcase

/// @title An engine that allows what heals and half of the rest, or all when the account is deep under water or small
interface ICloseFactor is ILiquidationEngine {
    /// @notice Thrown when an engine is created with a health for a full close outside 0..1.
    error InvalidHealth();

    /// @notice A pair may be closed whole when what heals would leave less than this value (USD 8 decimals) of a leg
    function FULL_CLOSE_VALUE() external view returns (uint256);

    /// @notice Share of the debt value that is left when the account is healed, which may be repaid on top of what heals, BPS
    function CLOSE_FACTOR_BPS() external view returns (uint256);

    /// @notice At or below this health (WAD) everything may be repaid
    function fullCloseHealth() external view returns (uint256);
}
