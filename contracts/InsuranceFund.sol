// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {Backing} from "./libraries/Backing.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title InsuranceFund: staked first-loss capital, one pool per asset
/// @notice Stakers own shares of a pool. A loss is taken from the pool, so from all stakers pro rata, including those
/// who wait to leave: capital in its cool-down still absorbs losses. Invariant 32: the pool is never negative and
/// capital exits only after the cool-down. Deposit mints shares down, withdrawal pays assets down.
/// Twin: `sim/protocol/insurance.py`.
contract InsuranceFund is IInsuranceFund, ReentrancyGuard {
    using FixedPoint for uint256;
    using SafeERC20 for IERC20;

    uint256 internal constant VIRTUAL = 1e6;

    struct Pool {
        uint256 assets; // token units
        uint256 totalShares;
        uint256 epoch; // times the pool was emptied
    }

    struct Stake {
        uint256 shares; // including those waiting
        uint256 pendingShares; // asked to leave
        uint256 unlockAt; // timestamp from which the pending shares may leave
    }

    event Staked(address indexed asset, address indexed staker, uint256 assets, uint256 shares);
    event WithdrawalRequested(address indexed asset, address indexed staker, uint256 shares, uint256 unlockAt);
    event Withdrawn(address indexed asset, address indexed staker, uint256 assets, uint256 shares);
    /// @notice Emitted when the pool bears a loss; a new `epoch` means that it was emptied and all stakes are gone.
    event PaidOut(address indexed asset, uint256 assets, uint256 epoch);

    error OnlyHub();
    error ZeroAmount();
    error AmountTooLarge();
    error InsufficientShares();
    /// @notice Thrown when stake is withdrawn before its cool-down ended.
    error CoolingDown();

    address public immutable hub;
    /// @notice Seconds between asking to leave and leaving.
    uint256 public immutable cooldown;

    mapping(address asset => Pool) public poolOf;
    /// @dev A pool that was emptied starts again: stakes of earlier epochs are worth nothing.
    mapping(address asset => mapping(uint256 epoch => mapping(address staker => Stake))) internal _stakes;

    constructor(address hub_, uint256 cooldown_) {
        (hub, cooldown) = (hub_, cooldown_);
    }

    function stake(address asset, uint256 assets) external nonReentrant returns (uint256 shares) {
        Pool storage p = poolOf[asset];
        if (assets >= FixedPoint.MAX_AMOUNT || p.assets + assets >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        shares = assets.mulDivDown(p.totalShares + VIRTUAL, p.assets + VIRTUAL);
        if (shares == 0) revert ZeroAmount();
        if (p.totalShares + shares >= FixedPoint.MAX_SHARES) revert AmountTooLarge();
        p.assets += assets;
        p.totalShares += shares;
        _stakes[asset][p.epoch][msg.sender].shares += shares;
        emit Staked(asset, msg.sender, assets, shares);
        IERC20(asset).safeTransferFrom(msg.sender, address(this), assets);
        Backing.check(IERC20(asset), p.assets);
    }

    /// @notice Starts the cool-down for `shares`; asking again replaces the request and restarts the clock
    function requestWithdrawal(address asset, uint256 shares) external {
        Stake storage s = _stakes[asset][poolOf[asset].epoch][msg.sender];
        if (shares == 0) revert ZeroAmount();
        if (shares > s.shares) revert InsufficientShares();
        s.pendingShares = shares;
        s.unlockAt = block.timestamp + cooldown;
        emit WithdrawalRequested(asset, msg.sender, shares, s.unlockAt);
    }

    /// @notice Pays the requested shares at what they are worth now, losses of the cool-down included
    function withdraw(address asset) external nonReentrant returns (uint256 assets) {
        Pool storage p = poolOf[asset];
        Stake storage s = _stakes[asset][p.epoch][msg.sender];
        uint256 shares = s.pendingShares;
        if (shares == 0) revert ZeroAmount();
        if (block.timestamp < s.unlockAt) revert CoolingDown();
        // After losses the virtual assets outweigh the virtual shares: the last to leave take what is there.
        assets = Math.min(shares.mulDivDown(p.assets + VIRTUAL, p.totalShares + VIRTUAL), p.assets);
        if (assets == 0) revert ZeroAmount();
        p.assets -= assets;
        p.totalShares -= shares;
        s.shares -= shares;
        s.pendingShares = 0;
        emit Withdrawn(asset, msg.sender, assets, shares);
        IERC20(asset).safeTransfer(msg.sender, assets);
    }

    /// @inheritdoc IInsuranceFund
    function payOut(address asset, uint256 amount) external nonReentrant returns (uint256 paid) {
        if (msg.sender != hub) revert OnlyHub();
        Pool storage p = poolOf[asset];
        paid = Math.min(amount, p.assets);
        if (paid == 0) return 0;
        p.assets -= paid;
        if (p.assets == 0) (p.totalShares, p.epoch) = (0, p.epoch + 1);
        emit PaidOut(asset, paid, p.epoch);
        IERC20(asset).safeTransfer(hub, paid);
    }

    /// @notice A staker's shares in the pool as it is now
    function stakeOf(address asset, address staker) external view returns (Stake memory) {
        return _stakes[asset][poolOf[asset].epoch][staker];
    }

    /// @inheritdoc IInsuranceFund
    function assetsOf(address asset) external view returns (uint256) {
        return poolOf[asset].assets;
    }
}
