// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IBacked} from "./IBacked.sol";

/// @title A venue of two tokens, reserve0 * reserve1 = constant; its shares are a token
/// @notice Amounts in token units. Output rounds down, input up, and the fee stays in the reserves.
interface IConstantProductPair is IERC20, IBacked {
    /// @notice Emitted on `addLiquidity`: the amounts came in for `liquidity` LP shares.
    event LiquidityAdded(address indexed provider, uint256 amount0, uint256 amount1, uint256 liquidity);
    /// @notice Emitted on `removeLiquidity`: the amounts left for `liquidity` LP shares.
    event LiquidityRemoved(address indexed provider, uint256 amount0, uint256 amount1, uint256 liquidity);
    /// @notice Emitted on `swapExactIn` and `swapExactOut`.
    event Swapped(address indexed trader, address indexed tokenIn, uint256 amountIn, uint256 amountOut, address to);

    /// @notice Thrown when a pair is created of one token, or with a fee above 10%.
    error InvalidPair();
    /// @notice Thrown when a token is not one of the pair's.
    error UnknownToken(address token);
    /// @notice Thrown when either leg of an operation is or rounds to zero.
    error ZeroAmount();
    /// @notice Thrown when an amount or a reserve would reach 2^112 tokens, or the LP shares 2^144.
    error AmountTooLarge();
    /// @notice Thrown when the pair holds less than is asked for, the provider has fewer shares, or the first liquidity is
    /// not more than what is locked for ever.
    error InsufficientLiquidity();
    /// @notice Thrown when the price moved beyond what the trader accepts.
    error Slippage(uint256 wanted, uint256 got);

    /// @notice The first of the two tokens
    function token0() external view returns (IERC20);
    /// @notice The second of the two tokens
    function token1() external view returns (IERC20);
    /// @notice Fee on the input, BPS
    function feeBps() external view returns (uint256);
    /// @notice What the pair trades with of `token0`
    /// @dev Warning: anyone with capital moves the reserves within a transaction; they are no price to lend on.
    function reserve0() external view returns (uint256);
    /// @notice What the pair trades with of `token1`
    function reserve1() external view returns (uint256);
    /// @notice Sum over seconds of reserve1 / reserve0 (RAY), up to `lastUpdate`
    function cumulative0() external view returns (uint256);
    /// @notice Sum over seconds of reserve0 / reserve1 (RAY), up to `lastUpdate`
    function cumulative1() external view returns (uint256);
    /// @notice Timestamp of the last change of the reserves
    function lastUpdate() external view returns (uint256);

    /// @notice Adds both tokens in the reserves' ratio, using at most the amounts given
    /// @return liquidity LP shares minted, down; the second leg rounds up against the provider
    function addLiquidity(uint256 max0, uint256 max1) external returns (uint256 liquidity);
    /// @notice Burns LP shares for both tokens, down
    function removeLiquidity(uint256 liquidity) external returns (uint256 amount0, uint256 amount1);
    /// @notice Sells exactly `amountIn` of `tokenIn`
    /// @return amountOut units of the other token, down
    function swapExactIn(
        IERC20 tokenIn,
        uint256 amountIn,
        uint256 minOut,
        address to
    ) external returns (uint256 amountOut);
    /// @notice Buys exactly `amountOut` of the token that is not `tokenIn`
    /// @return amountIn units of `tokenIn` paid, up
    function swapExactOut(
        IERC20 tokenIn,
        uint256 amountOut,
        uint256 maxIn,
        address to
    ) external returns (uint256 amountIn);

    /// @notice out = down(reserveOut * in * (1 - fee) / (reserveIn + in * (1 - fee)))
    function getAmountOut(IERC20 tokenIn, uint256 amountIn) external view returns (uint256);
    /// @notice in = up(reserveIn * out / ((reserveOut - out) * (1 - fee)))
    function getAmountIn(IERC20 tokenIn, uint256 amountOut) external view returns (uint256);
}
