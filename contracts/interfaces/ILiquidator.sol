// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IConstantProductPair} from "./IConstantProductPair.sol";
import {ILiquidationCallback} from "./ILiquidationCallback.sol";
import {IVault} from "./IVault.sol";

/// @title Liquidates without capital: seizes, sells on a pair, repays, hands the rest to its caller
interface ILiquidator is ILiquidationCallback {
    /// @notice Emitted on `liquidate`: `profit` of `debtAsset` went to the caller.
    event Profited(address indexed caller, uint256 indexed accountId, address debtAsset, uint256 profit);

    /// @notice Thrown when anyone but the vault that is being liquidated on calls back.
    error UnexpectedCallback();
    /// @notice Thrown when the sale brings less than the repayment plus the profit asked for.
    error ProfitTooLow(uint256 proceeds, uint256 repaid, uint256 minProfit);

    /// @notice Liquidates `accountId` and sells what it seizes on `pair`
    /// @dev Warning: vault and pair are the caller's choice, and are called. Nothing is held here between transactions.
    /// @param repayAmount most to repay, units of `debtAsset`
    /// @param minProfit least to hand to the caller, units of `debtAsset`
    /// @return profit units of `debtAsset`
    function liquidate(
        IVault vault,
        IConstantProductPair pair,
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repayAmount,
        uint256 minProfit
    ) external returns (uint256 profit);
}
