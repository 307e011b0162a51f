// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Called on the liquidator between seizure and repayment, so that it can sell first and pay from the proceeds
interface ILiquidationCallback {
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
