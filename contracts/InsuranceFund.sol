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
/// who wait to leave: capital in its cool-down still absorbs losses. Invariant 32: the pool is never negative, and stake
/// that was asked to leave leaves at an instant that was fixed when it was asked, at what it is worth then, whoever calls
/// what in between. Deposit mints shares down, what leaves and what is paid of it is rounded down.
/// @dev Time is divided in periods of `cooldown` seconds, and stake leaves where one ends. So whoever leaves does not choose
/// the moment, and what leaves together is one sum: at most two such instants are ever ahead, and every function that
/// touches a pool settles those that passed before it does anything else.
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

    mapping(address asset => Pool) internal _pools;
    /// @dev Shares that stay. A pool that was lost starts again: stakes of earlier epochs are worth nothing.
    mapping(address asset => mapping(uint256 epoch => mapping(address staker => uint256))) internal _stakes;
    /// @dev Outside of the epochs: what left before a pool was lost is its staker's.
    mapping(address asset => mapping(address staker => Request)) internal _requests;
    /// @dev Written once, when the instant is settled: never for what was lost before it.
    mapping(address asset => mapping(uint256 epoch => mapping(uint256 leavesAt => Exit))) internal _exits;

    constructor(address hub_, uint256 cooldown_) {
        if (cooldown_ < MIN_COOLDOWN || cooldown_ > FixedPoint.YEAR) revert InvalidCooldown();
        (hub, cooldown) = (hub_, cooldown_);
    }

    /// @inheritdoc IInsuranceFund
    /// @dev Tokens first: a loss that is reported from within their transfer is borne by those who are in already.
    function stake(address asset, uint256 assets) external nonReentrant returns (uint256 shares) {
        Pool storage p = _settle(asset);
        if (assets >= FixedPoint.MAX_AMOUNT || p.assets + assets >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        Backing.pull(IERC20(asset), assets);
        if (p.assets * FixedPoint.SHARES_OF_A_LOST_POOL < p.totalShares && _isLost(p.assets, assets)) {
            _beginAnew(p);
            emit PoolBegunAnew(asset, p.epoch);
        }
        shares = assets.mulDivDown(p.totalShares + VIRTUAL_SHARES, p.assets + VIRTUAL_ASSETS);
        if (shares == 0) revert ZeroAmount();
        if (p.totalShares + shares >= FixedPoint.MAX_SHARES) revert AmountTooLarge();
        p.assets += assets;
        p.totalShares += shares;
        _stakes[asset][p.epoch][msg.sender] += shares;
        emit Staked(asset, msg.sender, assets, shares);
    }

    /// @inheritdoc IInsuranceFund
    function requestWithdrawal(address asset, uint256 shares) external {
        Pool storage p = _settle(asset);
        Request storage r = _requests[asset][msg.sender];
        (uint256 epoch, uint256 leavesAt) = (p.epoch, p.nextExit + cooldown);
        if (shares == 0) revert ZeroAmount();
        if (r.shares != 0 && (r.leavesAt != leavesAt || r.epoch != epoch)) revert RequestPending();
        if (shares > _stakes[asset][epoch][msg.sender]) revert InsufficientShares();
        _stakes[asset][epoch][msg.sender] -= shares;
        (r.shares, r.leavesAt, r.epoch) = (r.shares + shares, leavesAt, epoch);
        p.leavingAfter += shares;
        emit WithdrawalRequested(asset, msg.sender, shares, leavesAt);
    }

    /// @inheritdoc IInsuranceFund
    function withdraw(address asset) external nonReentrant returns (uint256 assets) {
        Pool storage p = _settle(asset);
        Request memory r = _requests[asset][msg.sender];
        if (r.shares == 0) revert ZeroAmount();
        if (block.timestamp < r.leavesAt && r.epoch == p.epoch) revert CoolingDown();
        Exit memory e = _exits[asset][r.epoch][r.leavesAt];
        if (e.shares != 0) assets = r.shares.mulDivDown(e.assets, e.shares);
        delete _requests[asset][msg.sender];
        p.uncollected -= assets;
        emit Withdrawn(asset, msg.sender, assets, r.shares);
        if (assets != 0) IERC20(asset).safeTransfer(msg.sender, assets);
    }

    /// @inheritdoc IInsuranceFund
    /// @dev Not guarded: who stakes or leaves could otherwise report a loss from within, and the fund would not pay.
    function payOut(address asset, uint256 amount) external returns (uint256 paid) {
        if (msg.sender != hub) revert OnlyHub();
        if (amount == 0) return 0;
        Pool storage p = _settle(asset);
        uint256 before = p.assets;
        paid = Math.min(amount, before);
        if (paid == 0) return 0;
        p.assets = before - paid;
        if (_isLost(p.assets, before)) _beginAnew(p);
        emit PaidOut(asset, paid, p.epoch);
        IERC20(asset).safeTransfer(hub, paid);
    }

    /// @inheritdoc IInsuranceFund
    function poolOf(address asset) external view returns (Pool memory p) {
        (p, , ) = _now(asset);
    }

    /// @inheritdoc IInsuranceFund
    function stakeOf(address asset, address staker) external view returns (uint256) {
        return _stakes[asset][_pools[asset].epoch][staker];
    }

    /// @inheritdoc IInsuranceFund
    function requestOf(address asset, address staker) external view returns (Request memory) {
        return _requests[asset][staker];
    }

    /// @inheritdoc IInsuranceFund
    function exitOf(address asset, uint256 epoch, uint256 leavesAt) external view returns (Exit memory) {
        return _exits[asset][epoch][leavesAt];
    }

    /// @inheritdoc IInsuranceFund
    function assetsOf(address asset) external view returns (uint256) {
        (Pool memory p, , ) = _now(asset);
        return p.assets;
    }

    /// @dev First in whatever touches a pool: what it has from here on is what is there now.
    function _settle(address asset) internal returns (Pool storage p) {
        p = _pools[asset];
        uint256 at = p.nextExit;
        if (block.timestamp < at) return p;
        (Pool memory settled, uint256 first, uint256 second) = _now(asset);
        (uint256 leaving, uint256 leavingAfter) = (p.leaving, p.leavingAfter);
        if (leaving != 0) _left(asset, settled.epoch, at, Exit(leaving, first));
        // Either the later ones left as well, or they are the next now.
        if (leavingAfter != settled.leaving) _left(asset, settled.epoch, at + cooldown, Exit(leavingAfter, second));
        _pools[asset] = settled;
    }

    /// @dev All stakes are gone, also those that wait to leave; what is left is nobody's, in the pool that begins then.
    function _beginAnew(Pool storage p) internal {
        (p.totalShares, p.leaving, p.leavingAfter, p.epoch) = (0, 0, 0, p.epoch + 1);
    }

    /// @dev Whether what is left is less than a millionth of so much.
    function _isLost(uint256 left, uint256 whole) internal pure returns (bool) {
        return left * FixedPoint.PARTS_OF_A_POOL < whole;
    }

    /// @dev What they are paid is written down for good.
    function _left(address asset, uint256 epoch, uint256 leavesAt, Exit memory e) internal {
        _exits[asset][epoch][leavesAt] = e;
        emit StakeLeft(asset, leavesAt, e.assets, e.shares);
    }

    /// @dev The pool without what has left by now, and the assets that left with the next to leave and with those after.
    function _now(address asset) internal view returns (Pool memory p, uint256 first, uint256 second) {
        p = _pools[asset];
        if (block.timestamp < p.nextExit) return (p, 0, 0);
        bool both = block.timestamp >= p.nextExit + cooldown;
        first = _leave(p, p.leaving);
        if (both) second = _leave(p, p.leavingAfter);
        (p.leaving, p.leavingAfter) = (both ? 0 : p.leavingAfter, 0);
        p.nextExit = (block.timestamp / cooldown + 1) * cooldown;
    }

    /// @dev Shares are burnt, and their assets no longer insure anything.
    function _leave(Pool memory p, uint256 shares) internal pure returns (uint256 assets) {
        assets = shares.mulDivDown(p.assets + VIRTUAL_ASSETS, p.totalShares + VIRTUAL_SHARES);
        p.assets -= assets;
        p.totalShares -= shares;
        p.uncollected += assets;
    }
}
