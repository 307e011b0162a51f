// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IConstantProductPair} from "../interfaces/IConstantProductPair.sol";
import {Backing} from "../libraries/Backing.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @title ConstantProductPair: the venue that liquidated collateral is sold into
/// @notice reserve0 * reserve1 never falls except when liquidity leaves (invariant 29): output rounds down, input up,
/// and the fee stays in the reserves. Prices accumulate per second before each change. Twin: `sim/protocol/pair.py`.
contract ConstantProductPair is IConstantProductPair, ERC20, ReentrancyGuardTransient {
    using FixedPoint for uint256;
    using SafeERC20 for IERC20;

    /// @dev Liquidity locked for ever at the first mint, so that a share can never be made worth too much.
    uint256 internal constant MINIMUM_LIQUIDITY = 1_000;
    address internal constant LOCK = address(0xdead);

    /// @inheritdoc IConstantProductPair
    IERC20 public immutable token0;
    /// @inheritdoc IConstantProductPair
    IERC20 public immutable token1;
    /// @inheritdoc IConstantProductPair
    uint256 public immutable feeBps;

    /// @inheritdoc IConstantProductPair
    uint256 public reserve0;
    /// @inheritdoc IConstantProductPair
    uint256 public reserve1;
    /// @inheritdoc IConstantProductPair
    uint256 public cumulative0;
    /// @inheritdoc IConstantProductPair
    uint256 public cumulative1;
    /// @inheritdoc IConstantProductPair
    uint256 public lastUpdate;

    constructor(IERC20 token0_, IERC20 token1_, uint256 feeBps_) ERC20("Breakwater LP", "bwLP") {
        if (token0_ == token1_ || feeBps_ > 1_000) revert InvalidPair();
        (token0, token1, feeBps) = (token0_, token1_, feeBps_);
        lastUpdate = block.timestamp;
    }

    /// @inheritdoc IConstantProductPair
    function addLiquidity(uint256 max0, uint256 max1) external nonReentrant returns (uint256 liquidity) {
        if (max0 >= FixedPoint.MAX_AMOUNT || max1 >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        (uint256 amount0, uint256 amount1) = (max0, max1);
        uint256 supply = totalSupply();
        if (supply == 0) {
            uint256 root = Math.sqrt(amount0 * amount1);
            if (root <= MINIMUM_LIQUIDITY) revert InsufficientLiquidity();
            liquidity = root - MINIMUM_LIQUIDITY;
            _mint(LOCK, MINIMUM_LIQUIDITY);
        } else {
            liquidity = Math.min(max0.mulDivDown(supply, reserve0), max1.mulDivDown(supply, reserve1));
            if (liquidity == 0) revert ZeroAmount();
            if (liquidity >= FixedPoint.MAX_SHARES || supply + liquidity >= FixedPoint.MAX_SHARES) revert AmountTooLarge();
            amount0 = liquidity.mulDivUp(reserve0, supply);
            amount1 = liquidity.mulDivUp(reserve1, supply);
        }
        if (reserve0 + amount0 >= FixedPoint.MAX_AMOUNT || reserve1 + amount1 >= FixedPoint.MAX_AMOUNT) {
            revert AmountTooLarge();
        }
        _accumulate();
        (reserve0, reserve1) = (reserve0 + amount0, reserve1 + amount1);
        _mint(msg.sender, liquidity);
        emit LiquidityAdded(msg.sender, amount0, amount1, liquidity);
        token0.safeTransferFrom(msg.sender, address(this), amount0);
        token1.safeTransferFrom(msg.sender, address(this), amount1);
        Backing.check(token0, reserve0);
        Backing.check(token1, reserve1);
    }

    /// @inheritdoc IConstantProductPair
    function removeLiquidity(uint256 liquidity) external nonReentrant returns (uint256 amount0, uint256 amount1) {
        if (liquidity == 0 || liquidity > balanceOf(msg.sender)) revert InsufficientLiquidity();
        uint256 supply = totalSupply();
        amount0 = liquidity.mulDivDown(reserve0, supply);
        amount1 = liquidity.mulDivDown(reserve1, supply);
        if (amount0 == 0 || amount1 == 0) revert ZeroAmount();
        _accumulate();
        (reserve0, reserve1) = (reserve0 - amount0, reserve1 - amount1);
        _burn(msg.sender, liquidity);
        emit LiquidityRemoved(msg.sender, amount0, amount1, liquidity);
        token0.safeTransfer(msg.sender, amount0);
        token1.safeTransfer(msg.sender, amount1);
    }

    /// @inheritdoc IConstantProductPair
    function swapExactIn(
        IERC20 tokenIn,
        uint256 amountIn,
        uint256 minOut,
        address to
    ) external nonReentrant returns (uint256 amountOut) {
        amountOut = getAmountOut(tokenIn, amountIn);
        if (amountOut < minOut) revert Slippage(minOut, amountOut);
        _swap(tokenIn, amountIn, amountOut, to);
    }

    /// @inheritdoc IConstantProductPair
    function swapExactOut(
        IERC20 tokenIn,
        uint256 amountOut,
        uint256 maxIn,
        address to
    ) external nonReentrant returns (uint256 amountIn) {
        amountIn = getAmountIn(tokenIn, amountOut);
        if (amountIn > maxIn) revert Slippage(maxIn, amountIn);
        _swap(tokenIn, amountIn, amountOut, to);
    }

    /// @inheritdoc IConstantProductPair
    function getAmountOut(IERC20 tokenIn, uint256 amountIn) public view returns (uint256) {
        (uint256 reserveIn, uint256 reserveOut) = _reserves(tokenIn);
        if (amountIn == 0) revert ZeroAmount();
        if (amountIn >= FixedPoint.MAX_AMOUNT || reserveIn + amountIn >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        uint256 net = amountIn * (FixedPoint.BPS - feeBps);
        uint256 amountOut = net.mulDivDown(reserveOut, reserveIn * FixedPoint.BPS + net);
        if (amountOut == 0) revert ZeroAmount();
        return amountOut;
    }

    /// @inheritdoc IConstantProductPair
    function getAmountIn(IERC20 tokenIn, uint256 amountOut) public view returns (uint256) {
        (uint256 reserveIn, uint256 reserveOut) = _reserves(tokenIn);
        if (amountOut == 0) revert ZeroAmount();
        if (amountOut >= reserveOut) revert InsufficientLiquidity();
        uint256 amountIn = (reserveIn * FixedPoint.BPS).mulDivUp(
            amountOut,
            (reserveOut - amountOut) * (FixedPoint.BPS - feeBps)
        );
        if (amountIn >= FixedPoint.MAX_AMOUNT || reserveIn + amountIn >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        return amountIn;
    }

    function _swap(IERC20 tokenIn, uint256 amountIn, uint256 amountOut, address to) internal {
        _accumulate();
        bool zeroIn = tokenIn == token0;
        IERC20 tokenOut = zeroIn ? token1 : token0;
        (reserve0, reserve1) = zeroIn
            ? (reserve0 + amountIn, reserve1 - amountOut)
            : (reserve0 - amountOut, reserve1 + amountIn);
        emit Swapped(msg.sender, address(tokenIn), amountIn, amountOut, to);
        tokenIn.safeTransferFrom(msg.sender, address(this), amountIn);
        Backing.check(tokenIn, zeroIn ? reserve0 : reserve1);
        tokenOut.safeTransfer(to, amountOut);
    }

    /// @dev Reserves as input and output side; only the pair's own tokens.
    function _reserves(IERC20 tokenIn) internal view returns (uint256 reserveIn, uint256 reserveOut) {
        if (tokenIn == token0) return (reserve0, reserve1);
        if (tokenIn == token1) return (reserve1, reserve0);
        revert UnknownToken(address(tokenIn));
    }

    /// @dev Adds the price in force since the last change; below 2^112 * 2^90 per second, so it cannot overflow.
    function _accumulate() internal {
        uint256 dt = block.timestamp - lastUpdate;
        if (dt > 0 && reserve0 > 0 && reserve1 > 0) {
            cumulative0 += reserve1.mulDivDown(FixedPoint.RAY, reserve0) * dt;
            cumulative1 += reserve0.mulDivDown(FixedPoint.RAY, reserve1) * dt;
        }
        lastUpdate = block.timestamp;
    }
}
