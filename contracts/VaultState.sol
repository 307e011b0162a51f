// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IOracleRouter} from "./interfaces/IOracleRouter.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title What a vault keeps
/// @notice The vault and the contract whose code it liquidates with (`VaultLiquidation`) have these variables, and none
/// before them, in the same slots. Twin: `sim/protocol/vault_reserves.py`.
abstract contract VaultState is IVaultLiquidation {
    using FixedPoint for uint256;

    uint256 internal constant MAX_RESERVES = 64;
    /// @inheritdoc IVaultLiquidation
    uint256 public constant MOST_ASSETS = 8;
    /// @inheritdoc IVaultLiquidation
    uint256 public constant MIN_LEFTOVER = Amounts.MIN_LEFTOVER;
    /// @inheritdoc IVaultLiquidation
    uint256 public constant FLAG_VALIDITY = 6 hours;
    /// @inheritdoc IVaultLiquidation
    uint256 public constant RECOVERY_HEALTH = 1.01e18;
    /// @inheritdoc IVaultLiquidation
    uint256 public constant RECOVERY_TIME = 30 minutes;
    /// @inheritdoc IVaultLiquidation
    uint256 public constant RECOVERY_GAP = 10 minutes;

    /// @inheritdoc IVaultLiquidation
    ILiquidityHub public immutable hub;
    /// @inheritdoc IVaultLiquidation
    IOracleRouter public immutable oracle;

    Policy internal _policy;
    Reserve[] internal _reserves;
    /// @dev Index in `_reserves` plus one; 0 means not listed.
    mapping(address asset => uint256) internal _indexPlusOne;
    mapping(uint256 accountId => Account) internal _accounts;
    mapping(uint256 accountId => mapping(address asset => Position)) internal _positions;
    /// @dev By the asset that is owed.
    mapping(address asset => Deleveraging) internal _deleveraging;

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
        if (from == to || block.timestamp >= r.rampEnd) return to; // without a ramp no word more is read
        return to + (from - to).mulDivDown(r.rampEnd - block.timestamp, r.rampEnd - r.rampStart);
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

    /// @dev What collateral worth `value` counts for, USD x BPS: for health by the thresholds in force, for the borrow limit
    /// by ltv x lt_k / lt_0 of the thresholds as configured, down, which is never more.
    function _weigh(Reserve storage r, uint256 value) internal view returns (uint256 weighted, uint256 limit) {
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
