// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IConstantProductPair} from "./IConstantProductPair.sol";
import {ILiquidationCallback} from "./ILiquidationCallback.sol";
import {IVault} from "./IVault.sol";

/// @title Liquidates without capital: seizes, sells on a pool or several, repays, hands the rest to its caller
interface ILiquidator is ILiquidationCallback {
    /// @notice Emitted on `liquidate`: `profit` of `debtAsset` went to the caller.
    event Profited(address indexed caller, uint256 indexed accountId, address debtAsset, uint256 profit);

    /// @notice Thrown when anyone but the vault that is being liquidated on calls back.
    error UnexpectedCallback();
    /// @notice Thrown when the sale brings less than the repayment plus the profit asked for.
    error ProfitTooLow(uint256 proceeds, uint256 repaid, uint256 minProfit);

    /// @notice Liquidates `accountId` and sells what it seizes on `pools`, divided so that the last unit brings the same on
    /// each after its fee; a pool whose price is worse takes no part
    /// @dev Warning: vault and pools are the caller's choice, and are called. Nothing is held here between transactions.
    /// @param pools of the two assets, each once: one that is named twice takes two parts, each as if the other were not
    /// @param repayAmount most to repay, units of `debtAsset`
    /// @param minProfit least to hand to the caller, units of `debtAsset`
    /// @return profit units of `debtAsset`
    function liquidate(
        IVault vault,
        IConstantProductPair[] calldata pools,
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repayAmount,
        uint256 minProfit
    ) external returns (uint256 profit);
    /// @notice How a sale of `amount` of `tokenIn` is divided between `pools`
    /// @return parts units of `tokenIn` for each, their sum `amount`; all 0 where every pool is empty
    function split(
        IConstantProductPair[] calldata pools,
        IERC20 tokenIn,
        uint256 amount
    ) external view returns (uint256[] memory parts);
}
