// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {Backing} from "./libraries/Backing.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title InsuranceFund: staked first-loss capital, one pool per asset
/// @notice Stakers own shares of a pool. A loss is taken from the pool, so from all stakers pro rata, including those
/// who wait to leave: capital in its cool-down still absorbs losses. Invariant 32: the pool is never negative and
/// capital exits only after the cool-down, within an hour, or asks again. Deposit mints shares down, withdrawal pays
/// assets down.
/// Twin: `sim/protocol/insurance.py`.
contract InsuranceFund is IInsuranceFund, ReentrancyGuardTransient {
    using FixedPoint for uint256;
    using SafeERC20 for IERC20;

    /// @dev As in the hub: claims exceed the pool by less than a unit.
    uint256 internal constant VIRTUAL_SHARES = 1e6;
    uint256 internal constant VIRTUAL_ASSETS = 1;

    /// @inheritdoc IInsuranceFund
    address public immutable hub;
    /// @inheritdoc IInsuranceFund
    uint256 public immutable cooldown;
    /// @inheritdoc IInsuranceFund
    uint256 public constant MIN_COOLDOWN = 1 days;
    /// @inheritdoc IInsuranceFund
    uint256 public constant EXIT_WINDOW = 1 hours;

    /// @inheritdoc IInsuranceFund
    mapping(address asset => Pool) public poolOf;
    /// @dev A pool that was lost starts again: stakes of earlier epochs are worth nothing.
    mapping(address asset => mapping(uint256 epoch => mapping(address staker => Stake))) internal _stakes;

    constructor(address hub_, uint256 cooldown_) {
        if (cooldown_ < MIN_COOLDOWN || cooldown_ > FixedPoint.YEAR) revert InvalidCooldown();
        (hub, cooldown) = (hub_, cooldown_);
    }

    /// @inheritdoc IInsuranceFund
    /// @dev Tokens first: a loss that is reported from within their transfer is borne by those who are in already.
    function stake(address asset, uint256 assets) external nonReentrant returns (uint256 shares) {
        Pool storage p = poolOf[asset];
        if (assets >= FixedPoint.MAX_AMOUNT || p.assets + assets >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        Backing.pull(IERC20(asset), assets);
        shares = assets.mulDivDown(p.totalShares + VIRTUAL_SHARES, p.assets + VIRTUAL_ASSETS);
        if (shares == 0) revert ZeroAmount();
        if (p.totalShares + shares >= FixedPoint.MAX_SHARES) revert AmountTooLarge();
        p.assets += assets;
        p.totalShares += shares;
        _stakes[asset][p.epoch][msg.sender].shares += shares;
        emit Staked(asset, msg.sender, assets, shares);
    }

    /// @inheritdoc IInsuranceFund
    function requestWithdrawal(address asset, uint256 shares) external {
        Stake storage s = _stakes[asset][poolOf[asset].epoch][msg.sender];
        if (shares == 0) revert ZeroAmount();
        if (shares > s.shares) revert InsufficientShares();
        s.pendingShares = shares;
        s.unlockAt = block.timestamp + cooldown;
        emit WithdrawalRequested(asset, msg.sender, shares, s.unlockAt);
    }

    /// @inheritdoc IInsuranceFund
    function withdraw(address asset) external nonReentrant returns (uint256 assets) {
        Pool storage p = poolOf[asset];
        Stake storage s = _stakes[asset][p.epoch][msg.sender];
        uint256 shares = s.pendingShares;
        if (shares == 0) revert ZeroAmount();
        if (block.timestamp < s.unlockAt) revert CoolingDown();
        if (block.timestamp >= s.unlockAt + EXIT_WINDOW) revert RequestExpired();
        assets = shares.mulDivDown(p.assets + VIRTUAL_ASSETS, p.totalShares + VIRTUAL_SHARES);
        if (assets == 0) revert ZeroAmount();
        p.assets -= assets;
        p.totalShares -= shares;
        s.shares -= shares;
        s.pendingShares = 0;
        emit Withdrawn(asset, msg.sender, assets, shares);
        IERC20(asset).safeTransfer(msg.sender, assets);
    }

    /// @inheritdoc IInsuranceFund
    /// @dev Not guarded: who stakes or leaves could otherwise report a loss from within, and the fund would not pay.
    function payOut(address asset, uint256 amount) external returns (uint256 paid) {
        if (msg.sender != hub) revert OnlyHub();
        Pool storage p = poolOf[asset];
        paid = Math.min(amount, p.assets);
        if (paid == 0) return 0;
        p.assets -= paid;
        if (p.assets * FixedPoint.SHARES_OF_A_LOST_POOL < p.totalShares) (p.totalShares, p.epoch) = (0, p.epoch + 1);
        emit PaidOut(asset, paid, p.epoch);
        IERC20(asset).safeTransfer(hub, paid);
    }

    /// @inheritdoc IInsuranceFund
    function stakeOf(address asset, address staker) external view returns (Stake memory) {
        return _stakes[asset][poolOf[asset].epoch][staker];
    }

    /// @inheritdoc IInsuranceFund
    function assetsOf(address asset) external view returns (uint256) {
        return poolOf[asset].assets;
    }
}
