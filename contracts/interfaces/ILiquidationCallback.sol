// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Called on the liquidator between seizure and repayment, so that it can sell first and pay from the proceeds
interface ILiquidationCallback {
    /// @notice The seized collateral is here; the debt is collected from here when this returns
    /// @dev Warning: anyone can call this. An implementation checks that the caller is the vault it is liquidating on.
    /// @param repaid debt the vault collects from the caller right afterwards, units of `debtAsset`
    /// @param collateralOut collateral already delivered, units of `collateralAsset` (shares if shares were asked for)
    function onLiquidate(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repaid,
        uint256 collateralOut,
        bytes calldata data
    ) external;
}
