// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

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

    /// @dev to + down((from - to) * secondsLeft / duration) during a ramp.
    function _threshold(Reserve storage r) internal view returns (uint256) {
        uint256 to = r.config.ltBps;
        if (r.ltFromBps == to || block.timestamp >= r.rampEnd) return to; // without a ramp no word more is read
        return to + (uint256(r.ltFromBps) - to).mulDivDown(r.rampEnd - block.timestamp, r.rampEnd - r.rampStart);
    }

    function _reserve(address asset) internal view returns (uint256 index, Reserve storage r) {
        index = _indexPlusOne[asset];
        if (index == 0) revert ReserveNotListed(asset);
        r = _reserves[--index];
    }
}
