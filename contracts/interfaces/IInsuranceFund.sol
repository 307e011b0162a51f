// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBacked} from "./IBacked.sol";

/// @title Staked first-loss capital, one pool per asset
/// @notice Stakers own shares of a pool and bear losses pro rata, also while they wait to leave. Who leaves does so at an
/// instant that is fixed when he asks: between one and two cool-downs later. Amounts in token units.
interface IInsuranceFund is IBacked {
    struct Pool {
        uint256 assets; // token units
        uint256 totalShares; // including those that wait to leave
        uint256 epoch; // times the pool was lost, or begun anew at a stake
        uint256 nextExit; // timestamp at which stake leaves next: a multiple of the cool-down
        uint256 leaving; // shares that leave then
        uint256 leavingAfter; // shares that leave a cool-down later
        uint256 uncollected; // token units that left and wait for their stakers: no part of `assets`
    }

    struct Request {
        uint256 shares; // asked to leave, and not collected
        uint256 leavesAt; // timestamp
        uint256 epoch; // of the pool when it was asked
    }

    struct Exit {
        uint256 shares; // of all who left together
        uint256 assets; // token units that they left with
    }

    /// @notice Emitted on `stake`: `assets` came in for `shares`.
    event Staked(address indexed asset, address indexed staker, uint256 assets, uint256 shares);
    /// @notice Emitted on `requestWithdrawal`: `shares` more will leave at `leavesAt`.
    event WithdrawalRequested(address indexed asset, address indexed staker, uint256 shares, uint256 leavesAt);
    /// @notice Emitted when somebody calls first after `leavesAt`: all `shares` that were to leave then left with `assets`.
    event StakeLeft(address indexed asset, uint256 indexed leavesAt, uint256 assets, uint256 shares);
    /// @notice Emitted on `withdraw`: `assets` were paid for `shares` that had left, nothing if those were lost before.
    event Withdrawn(address indexed asset, address indexed staker, uint256 assets, uint256 shares);
    /// @notice Emitted on `payOut` of more than nothing; a new `epoch` means that the pool was lost and all stakes are gone.
    event PaidOut(address indexed asset, uint256 assets, uint256 epoch);
    /// @notice Emitted on `stake` where a pool of next to nothing begins anew with it: all earlier stakes are gone.
    event PoolBegunAnew(address indexed asset, uint256 epoch);

    /// @notice Thrown when a fund is created with a cool-down below `MIN_COOLDOWN`, or above a year.
    error InvalidCooldown();
    /// @notice Thrown when anyone but the hub asks for a pay-out.
    error OnlyHub();
    /// @notice Thrown when an amount, or the shares or tokens that it is worth, is zero.
    error ZeroAmount();
    /// @notice Thrown when an amount or a total would reach 2^112 tokens or 2^144 shares.
    error AmountTooLarge();
    /// @notice Thrown when more shares are to leave than the staker has.
    error InsufficientShares();
    /// @notice Thrown when stake is withdrawn before the instant at which it leaves.
    error CoolingDown();
    /// @notice Thrown when stake of an earlier period or of a lost pool was asked to leave and is not collected: `withdraw`
    /// first.
    error RequestPending();

    /// @notice The hub whose losses are borne here
    function hub() external view returns (address);
    /// @notice The length of a period, seconds: stake leaves at the end of the period after that in which it is asked to
    function cooldown() external view returns (uint256);
    /// @notice The least cool-down, seconds: losses must be reported sooner than whoever sees them coming can leave
    function MIN_COOLDOWN() external view returns (uint256);

    /// @notice Takes `assets` from the caller into the pool for shares, down
    /// @dev Warning: a loss that leaves less than a millionth of what the pool had takes every stake with it, also those
    /// that wait to leave. And once losses have left a unit of the pool for more than 1e12 shares, which takes all but a
    /// millionth of what a share cost at first, a stake of more than a million times what is left takes the place of all
    /// others. What is left belongs to nobody, in the pool that begins then.
    function stake(address asset, uint256 assets) external returns (uint256 shares);
    /// @notice Makes `shares` leave at the end of the next period: final, and on top of what was asked for in this one
    /// @dev Until then they bear losses, and from then on none, whether or not anybody calls anything.
    function requestWithdrawal(address asset, uint256 shares) external;
    /// @notice Pays, at any time after they left, what the caller's shares were worth at that instant, down, once
    /// @dev Clears, for nothing, a request of a pool that was lost before.
    function withdraw(address asset) external returns (uint256 assets);
    /// @notice Pays up to `amount` of `asset` to the hub; only the hub may call
    /// @return paid min(amount, the pool's assets), token units
    function payOut(address asset, uint256 amount) external returns (uint256 paid);

    /// @notice The pool of an asset as it is now, without what has left
    function poolOf(address asset) external view returns (Pool memory);
    /// @notice A staker's shares in the pool as it is now, without those that he asked to leave
    function stakeOf(address asset, address staker) external view returns (uint256);
    /// @notice What a staker asked to leave and has not collected
    function requestOf(address asset, address staker) external view returns (Request memory);
    /// @notice What left a pool at an instant, once anybody called something after it; nothing if it was lost before
    function exitOf(address asset, uint256 epoch, uint256 leavesAt) external view returns (Exit memory);
    /// @notice Capital available to absorb losses now, token units
    function assetsOf(address asset) external view returns (uint256);
}
