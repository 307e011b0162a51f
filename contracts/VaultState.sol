// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IOracleRouter} from "./interfaces/IOracleRouter.sol";
import {IVaultState} from "./interfaces/IVaultState.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title What a vault keeps
/// @notice The vault and the contracts whose code it runs (`VaultLiquidation`, `VaultParameters`) have these variables, and none
/// before them, in the same slots. Twin: `sim/protocol/vault_reserves.py`.
abstract contract VaultState is IVaultState {
    using FixedPoint for uint256;

    uint256 internal constant MAX_RESERVES = 64;
    /// @inheritdoc IVaultState
    uint256 public constant MOST_ASSETS = 8;
    /// @inheritdoc IVaultState
    uint256 public constant MIN_LEFTOVER = Amounts.MIN_LEFTOVER;
    /// @inheritdoc IVaultState
    uint256 public constant FLAG_VALIDITY = 6 hours;
    /// @inheritdoc IVaultState
    uint256 public constant RECOVERY_HEALTH = 1.01e18;
    /// @inheritdoc IVaultState
    uint256 public constant RECOVERY_TIME = 30 minutes;
    /// @inheritdoc IVaultState
    uint256 public constant RECOVERY_GAP = 10 minutes;
    /// @inheritdoc IVaultState
    uint256 public constant RAMP_PER_BPS = 864;

    /// @inheritdoc IVaultState
    ILiquidityHub public immutable hub;
    /// @inheritdoc IVaultState
    IOracleRouter public immutable oracle;

    Policy internal _policy;
    Reserve[] internal _reserves;
    /// @dev Index in `_reserves` plus one; 0 means not listed.
    mapping(address asset => uint256) internal _indexPlusOne;
    mapping(uint256 accountId => Account) internal _accounts;
    mapping(uint256 accountId => mapping(address asset => Position)) internal _positions;
    /// @dev By the asset that is owed.
    mapping(address asset => Deleveraging) internal _deleveraging;
    /// @dev From 1 on, without gaps.
    mapping(uint256 category => Category) internal _categories;

    constructor(ILiquidityHub hub_, IOracleRouter oracle_) {
        (hub, oracle) = (hub_, oracle_);
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Of the first bracket, which is the largest.
    function _threshold(Reserve storage r) internal view returns (uint256) {
        return _inForce(r, r.ltFromBps, r.config.ltBps);
    }

    /// @dev to + down((from - to) * secondsLeft / duration) during a ramp. What falls from bracket to bracket before and
    /// after it does so in between, rounded or not.
    function _inForce(Reserve storage r, uint256 from, uint256 to) internal view returns (uint256) {
        if (from == to) return to; // without a ramp no word more is read
        return _ramped(from, to, r.rampStart, r.rampEnd);
    }

    function _ramped(uint256 from, uint256 to, uint256 start, uint256 end) internal view returns (uint256) {
        if (from == to || block.timestamp >= end) return to;
        return to + (from - to).mulDivDown(end - block.timestamp, end - start);
    }

    /// @dev Of the highest bracket that collateral worth `value` reaches.
    function _marginalThreshold(Reserve storage r, uint256 value) internal view returns (uint256) {
        if (r.config.tiered) {
            Tiers memory t = r.config.tiers;
            if (value > t.thirdAbove) return _inForce(r, r.thirdFromBps, t.thirdLtBps);
            if (value > t.secondAbove) return _inForce(r, r.secondFromBps, t.secondLtBps);
        }
        return _threshold(r);
    }

    /// @dev Whether reserve i of the account counts by its category, and by which.
    function _categoryOf(uint256 accountId, uint256 i) internal view returns (bool, Category storage k) {
        uint256 category = _accounts[accountId].category;
        k = _categories[category];
        return (category != 0 && (k.config.collateralBits >> i) & 1 == 1, k); // without one no word more is read
    }

    function _thresholdOf(Category storage k) internal view returns (uint256) {
        return _ramped(k.ltFromBps, k.config.ltBps, k.rampStart, k.rampEnd);
    }

    /// @dev The threshold of the last unit of an account's collateral i, worth `value` in all.
    function _lastThreshold(uint256 accountId, uint256 i, uint256 value) internal view returns (uint256) {
        (bool counts, Category storage k) = _categoryOf(accountId, i);
        return counts ? _thresholdOf(k) : _marginalThreshold(_reserves[i], value);
    }

    /// @dev The largest bonus of an account's collateral i, BPS.
    function _maxBonus(uint256 accountId, uint256 i) internal view returns (uint256) {
        (bool counts, Category storage k) = _categoryOf(accountId, i);
        return counts ? k.config.maxBonusBps : _reserves[i].config.maxBonusBps;
    }

    /// @dev What an account's collateral i, worth `value`, counts for, USD x BPS: for health by the thresholds in force, for the
    /// borrow limit by ltv x lt_k / lt_0 of the thresholds as configured, down, which is never more.
    function _weigh(uint256 accountId, uint256 i, uint256 value) internal view returns (uint256 weighted, uint256 limit) {
        (bool counts, Category storage k) = _categoryOf(accountId, i);
        if (counts) return (value * _thresholdOf(k), value * k.config.ltvBps);
        Reserve storage r = _reserves[i];
        uint256 ltv = r.config.ltvBps;
        if (!r.config.tiered) return (value * _threshold(r), value * ltv); // no word more is read
        Tiers memory t = r.config.tiers;
        uint256 first = Math.min(value, t.secondAbove);
        uint256 second = Math.min(value, t.thirdAbove) - first;
        uint256 third = value - first - second;
        weighted = first * _threshold(r);
        weighted += second * _inForce(r, r.secondFromBps, t.secondLtBps);
        weighted += third * _inForce(r, r.thirdFromBps, t.thirdLtBps);
        uint256 lt = r.config.ltBps;
        limit = (first * lt + second * t.secondLtBps + third * t.thirdLtBps).mulDivDown(ltv, lt);
    }

    function _reserve(address asset) internal view returns (uint256 index, Reserve storage r) {
        index = _indexPlusOne[asset];
        if (index == 0) revert ReserveNotListed(asset);
        r = _reserves[--index];
    }
}
