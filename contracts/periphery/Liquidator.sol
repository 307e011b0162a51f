// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IConstantProductPair} from "../interfaces/IConstantProductPair.sol";
import {ILiquidationCallback} from "../interfaces/ILiquidationCallback.sol";
import {ILiquidator} from "../interfaces/ILiquidator.sol";
import {IVault} from "../interfaces/IVault.sol";
import {Split} from "../libraries/Split.sol";

/// @title Liquidator: liquidates without capital
/// @notice Seizes, sells what it seized on one or several pools inside the vault's callback, repays from the proceeds and
/// hands the rest to its caller, or reverts if that is less than the caller wants. Holds nothing between transactions.
/// Twin: `sim/protocol/liquidator.py`.
contract Liquidator is ILiquidator, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev The vault whose callback is expected, and what it brought; zero outside `liquidate`.
    IVault internal _vault;
    uint256 internal _proceeds;

    /// @inheritdoc ILiquidator
    function liquidate(
        IVault vault,
        IConstantProductPair[] calldata pools,
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repayAmount,
        uint256 minProfit
    ) external nonReentrant returns (uint256 profit) {
        _vault = vault;
        bytes memory data = abi.encode(pools, minProfit);
        (uint256 repaid, ) = vault.liquidate(accountId, debtAsset, collateralAsset, repayAmount, 0, false, data);
        profit = _proceeds - repaid;
        _vault = IVault(address(0));
        _proceeds = 0;
        emit Profited(msg.sender, accountId, debtAsset, profit);
        IERC20(debtAsset).safeTransfer(msg.sender, profit);
    }

    /// @inheritdoc ILiquidationCallback
    function onLiquidate(
        uint256,
        address debtAsset,
        address collateralAsset,
        uint256 repaid,
        uint256 collateralOut,
        bytes calldata data
    ) external {
        if (msg.sender != address(_vault)) revert UnexpectedCallback();
        (IConstantProductPair[] memory pools, uint256 minProfit) = abi.decode(data, (IConstantProductPair[], uint256));
        uint256 proceeds = _sell(pools, IERC20(collateralAsset), collateralOut);
        if (proceeds < repaid || proceeds - repaid < minProfit) revert ProfitTooLow(proceeds, repaid, minProfit);
        _proceeds = proceeds;
        IERC20(debtAsset).forceApprove(msg.sender, repaid);
    }

    /// @inheritdoc ILiquidator
    function split(
        IConstantProductPair[] calldata pools,
        IERC20 tokenIn,
        uint256 amount
    ) external view returns (uint256[] memory parts) {
        return Split.parts(pools, tokenIn, amount);
    }

    /// @dev Each pool's part of `amount` on it.
    function _sell(
        IConstantProductPair[] memory pools,
        IERC20 tokenIn,
        uint256 amount
    ) internal returns (uint256 proceeds) {
        uint256[] memory parts = Split.parts(pools, tokenIn, amount);
        for (uint256 i = 0; i < pools.length; ++i) {
            if (parts[i] == 0) continue;
            tokenIn.forceApprove(address(pools[i]), parts[i]);
            proceeds += pools[i].swapExactIn(tokenIn, parts[i], 0, address(this));
        }
    }
}
