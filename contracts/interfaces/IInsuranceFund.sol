// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBacked} from "./IBacked.sol";

/// @title Staked first-loss capital, one pool per asset
/// @notice Stakers own shares of a pool and bear losses pro rata, also while they wait to leave. Amounts in token units.
interface IInsuranceFund is IBacked {
    struct Pool {
        uint256 assets; // token units
        uint256 totalShares;
        uint256 epoch; // times the pool was lost
    }

    struct Stake {
        uint256 shares; // including those waiting
        uint256 pendingShares; // asked to leave
        uint256 unlockAt; // timestamp from which, for `EXIT_WINDOW`, the pending shares may leave
    }

    /// @notice Emitted on `stake`: `assets` came in for `shares`.
    event Staked(address indexed asset, address indexed staker, uint256 assets, uint256 shares);
    /// @notice Emitted on `requestWithdrawal`: `shares`, not more, may leave from `unlockAt` on, for `EXIT_WINDOW`.
    event WithdrawalRequested(address indexed asset, address indexed staker, uint256 shares, uint256 unlockAt);
    /// @notice Emitted on `withdraw`: `shares` left with `assets`.
    event Withdrawn(address indexed asset, address indexed staker, uint256 assets, uint256 shares);
    /// @notice Emitted on `payOut` of more than nothing; a new `epoch` means that the pool was lost and all stakes are gone.
    event PaidOut(address indexed asset, uint256 assets, uint256 epoch);

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
    /// @notice Thrown when stake is withdrawn before its cool-down ended.
    error CoolingDown();
    /// @notice Thrown when stake is withdrawn after the time to do so has passed: ask again.
    error RequestExpired();

    /// @notice The hub whose losses are borne here
    function hub() external view returns (address);
    /// @notice Seconds between asking to leave and leaving
    function cooldown() external view returns (uint256);
    /// @notice The least cool-down, seconds: most of the time whoever stakes must not be free to leave
    function MIN_COOLDOWN() external view returns (uint256);

    /// @notice Seconds after the cool-down in which a request holds: who could leave at any time would leave before a loss
    function EXIT_WINDOW() external view returns (uint256);
    /// @notice The pool of an asset, as `Pool`
    function poolOf(address asset) external view returns (uint256 assets, uint256 totalShares, uint256 epoch);

    /// @notice Takes `assets` from the caller into the pool for shares, down
    /// @dev Warning: a pool of which a loss leaves less than a millionth takes every stake with it, also those in their
    /// cool-down; what is left belongs to the pool that begins then.
    function stake(address asset, uint256 assets) external returns (uint256 shares);
    /// @notice Starts the cool-down for `shares`; asking again replaces the request and restarts the clock
    function requestWithdrawal(address asset, uint256 shares) external;
    /// @notice Pays the requested shares at what they are worth now, losses of the cool-down included, down; only within
    /// `EXIT_WINDOW` after it
    function withdraw(address asset) external returns (uint256 assets);
    /// @notice Pays up to `amount` of `asset` to the hub; only the hub may call
    /// @return paid min(amount, the pool's assets), token units
    function payOut(address asset, uint256 amount) external returns (uint256 paid);

    /// @notice A staker's shares in the pool as it is now
    function stakeOf(address asset, address staker) external view returns (Stake memory);
    /// @notice Capital available to absorb losses, token units
    function assetsOf(address asset) external view returns (uint256);
}
