// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title First-loss capital, as the hub sees it
interface IInsuranceFund {
    /// @notice Pays up to `amount` of `asset` to the hub; only the hub may call
    /// @return paid min(amount, the fund's assets), token units
    function payOut(address asset, uint256 amount) external returns (uint256 paid);

    /// @notice Capital available to absorb losses, token units
    function assetsOf(address asset) external view returns (uint256);
}
