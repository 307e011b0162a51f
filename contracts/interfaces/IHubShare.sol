// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {ILiquidityHub} from "./ILiquidityHub.sol";

/// @title The public ERC-4626 face of one hub asset
/// @notice One share of this token is one share of the hub: a millionth of a unit at first, so that this token has six
/// decimals more than its asset. Where it says more than the standard, it is said here.
interface IHubShare is IERC4626 {
    /// @notice Emitted on `handOver`: `shares` of `owner` are the hub shares of `spoke` now.
    event HandedOver(address indexed owner, address indexed spoke, uint256 shares);

    /// @notice Thrown when shares are handed over while this token is halted.
    error SpokeHalted();

    /// @notice The hub that holds what is deposited
    function hub() external view returns (ILiquidityHub);

    /// @notice This token's claim on the hub, down; losses are off it in the moment in which they are reported
    function totalAssets() external view override returns (uint256);

    /// @notice The room below the add cap, and below the largest amount the hub holds; nothing while this token may not add
    function maxDeposit(address receiver) external view override returns (uint256);

    /// @notice What `maxDeposit` buys
    function maxMint(address receiver) external view override returns (uint256);

    /// @notice Bounded by what the hub has available: at full usage suppliers wait; nothing while this token is halted
    function maxWithdraw(address owner) external view override returns (uint256);

    /// @notice Bounded by what the hub has available: at full usage suppliers wait; nothing while this token is halted, or
    /// of shares that are worth less than a unit
    function maxRedeem(address owner) external view override returns (uint256);

    /// @notice Burns `shares` of `owner` and gives what they are of the hub to the caller, who is a spoke that he let have them:
    /// needs no cash
    /// @dev Warning: the caller has them then, not `owner`. A vault burns them against a debt (`IVaultLiquidation.deleverage`).
    function handOver(address owner, uint256 shares) external;
}
