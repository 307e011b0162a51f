// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {IVaultParameters} from "./interfaces/IVaultParameters.sol";
import {VaultState} from "./VaultState.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title VaultParameters: the code with which a vault's parameters are set
/// @notice A vault calls it with its own variables (DELEGATECALL), after it asked for the role; by itself it is open to anyone
/// and sets its own, which nobody reads. A configuration is refused unless ltv <= lt, lt * (1 + maxBonus) < 1 (no bad debt on
/// a continuous price path) and (1 + maxBonus) * lt <= the engine's `hfForMaxBonus` (splitting a liquidation never pays), for
/// the largest threshold, which is the first bracket's, and for that of a category. Raising a threshold is immediate; lowering
/// it ramps, so that governance liquidates nobody overnight (invariant 31). Brackets only ever fall (invariant 26).
/// Twin: `sim/protocol/vault_reserves.py`.
contract VaultParameters is IVaultParameters, VaultState {
    using FixedPoint for uint256;

    /// @dev More would leave who liquidates less than half of what he is paid: nobody would.
    uint256 internal constant MOST_LIQUIDATION_FEE_BPS = 5_000;
    /// @dev Longer than that nobody is shielded by an illness that was announced.
    uint256 internal constant MOST_DELAY = 1 days;
    /// @dev Above it nobody needs to be called, and everyone could be kept from what is his.
    uint256 internal constant MOST_MARGIN_CALL_HEALTH = 2e18;
    /// @dev Longer than that no strain lasts that is not a failure.
    uint256 internal constant MOST_DELEVERAGING_TIME = 30 days;
    uint256 internal constant MOST_TARGET_HEALTH = 10e18;

    /// @inheritdoc IVaultParameters
    IVaultLiquidation public immutable liquidation;

    /// @dev Hub and oracle are those of the code that liquidates, so that it cannot be another's.
    constructor(IVaultLiquidation liquidation_) VaultState(liquidation_.hub(), liquidation_.oracle()) {
        liquidation = liquidation_;
    }

    /// @inheritdoc IVaultParameters
    function setReserve(
        address asset,
        ReserveConfig calldata config,
        uint256 rampSeconds
    ) external {
        uint256 index = _indexPlusOne[asset];
        if (index == 0) {
            if (_reserves.length == MAX_RESERVES) revert InvalidReserve(asset);
            uint8 decimals = IERC20Metadata(asset).decimals();
            if (decimals > 24) revert InvalidReserve(asset); // 18, and 6 more for shares of it
            Reserve storage fresh = _reserves.push();
            (fresh.asset, fresh.unit) = (asset, uint80(10 ** decimals));
            index = _indexPlusOne[asset] = _reserves.length;
            fresh.config.rehypothecate = config.rehypothecate;
        }
        Reserve storage r = _reserves[index - 1];
        if (config.rehypothecate != r.config.rehypothecate) {
            ILiquidityHub.Spoke memory s = hub.getSpoke(asset, address(this));
            if (s.addedShares != 0 || s.escrowed != 0) revert InvalidReserve(asset);
        }
        uint256 fall = _rampFrom(r, config);
        r.config = config;
        if (fall > 0) {
            bool gentle = rampSeconds >= fall * RAMP_PER_BPS && rampSeconds <= FixedPoint.YEAR;
            if (!gentle) revert InvalidReserve(asset);
            (r.rampStart, r.rampEnd) = (uint40(block.timestamp), uint40(block.timestamp + rampSeconds));
        } else {
            (r.rampStart, r.rampEnd) = (0, 0);
        }
        _checkReserve(r);
        emit ReserveSet(asset, config, r.ltFromBps, r.rampEnd);
    }

    /// @inheritdoc IVaultParameters
    function setPolicy(Policy calldata policy_) external {
        _setPolicy(policy_);
        for (uint256 i = 0; i < _reserves.length; ++i) _checkReserve(_reserves[i]);
        for (uint256 k = 1; _categories[k].config.ltBps != 0; ++k) {
            if (!_isSound(_thresholdOf(_categories[k]), _categories[k].config.maxBonusBps)) revert InvalidCategory(k);
        }
    }

    /// @inheritdoc IVaultParameters
    function setDeleveraging(address asset, DeleveragingTerms calldata terms) external {
        _reserve(asset);
        bool off = terms.targetHealth == 0;
        bool sound = off
            ? terms.usageBps == 0 && terms.usageFor == 0 && terms.ramp == 0 && terms.maxHealth == 0
            : terms.usageBps > 0 &&
                terms.usageBps <= FixedPoint.BPS &&
                terms.usageFor >= RECOVERY_GAP &&
                terms.usageFor <= MOST_DELEVERAGING_TIME &&
                terms.ramp <= MOST_DELEVERAGING_TIME &&
                terms.maxHealth >= FixedPoint.WAD &&
                terms.maxHealth <= terms.targetHealth &&
                terms.targetHealth <= MOST_TARGET_HEALTH &&
                terms.share.hub() == hub &&
                terms.share.asset() == asset;
        if (!sound) revert InvalidDeleveraging();
        _deleveraging[asset] = Deleveraging(terms, 0, 0, 0);
        emit DeleveragingSet(asset, terms);
    }

    /// @inheritdoc IVaultParameters
    function setCategoryConfig(uint256 category, CategoryConfig calldata config, uint256 rampSeconds) external {
        Category storage k = _categories[category];
        uint256 from = Math.max(_thresholdOf(k), config.ltBps);
        uint256 fall = from - config.ltBps;
        uint256 joins = config.collateralBits & ~k.config.collateralBits;
        bool sound = category != 0 &&
            category <= type(uint8).max &&
            (category == 1 || _categories[category - 1].config.ltBps != 0) &&
            config.ltBps != 0 &&
            config.ltvBps <= config.ltBps &&
            _isSound(from, config.maxBonusBps) &&
            k.config.collateralBits & ~config.collateralBits == 0 &&
            (config.collateralBits | config.borrowBits) >> _reserves.length == 0 &&
            (fall == 0 || (rampSeconds >= fall * RAMP_PER_BPS && rampSeconds <= FixedPoint.YEAR));
        for (uint256 i = 0; sound && joins >> i != 0; ++i) {
            sound = (joins >> i) & 1 == 0 || _threshold(_reserves[i]) <= from;
        }
        if (!sound) revert InvalidCategory(category);
        k.config = config;
        k.ltFromBps = uint16(from);
        (k.rampStart, k.rampEnd) = fall == 0 ? (0, 0) : (uint32(block.timestamp), uint32(block.timestamp + rampSeconds));
        emit CategoryConfigSet(category, config, from, k.rampEnd);
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Notes from where each bracket's threshold ramps: from that in force of the value at which the bracket begins, or
    /// where it does not fall, from itself. Nobody's collateral counts for less at once, whatever brackets there were.
    /// @return fall the most that any falls by, BPS
    function _rampFrom(Reserve storage r, ReserveConfig calldata config) internal returns (uint256 fall) {
        Tiers calldata t = config.tiers;
        uint256[3] memory to = [uint256(config.ltBps), t.secondLtBps, t.thirdLtBps];
        uint256[3] memory from = [_threshold(r), 0, 0];
        if (config.tiered) {
            from[1] = _marginalThreshold(r, uint256(t.secondAbove) + 1);
            from[2] = _marginalThreshold(r, uint256(t.thirdAbove) + 1);
        } else {
            (to[1], to[2]) = (0, 0);
        }
        for (uint256 k = 0; k < 3; ++k) {
            if (from[k] > to[k]) fall = Math.max(fall, from[k] - to[k]);
            else from[k] = to[k];
        }
        (r.ltFromBps, r.secondFromBps, r.thirdFromBps) = (uint16(from[0]), uint16(from[1]), uint16(from[2]));
    }

    function _checkReserve(Reserve storage r) internal view {
        ReserveConfig memory c = r.config;
        bool falling = c.ltBps > 0 &&
            c.tiers.secondAbove > 0 &&
            c.tiers.secondAbove <= c.tiers.thirdAbove &&
            c.ltBps >= c.tiers.secondLtBps &&
            c.tiers.secondLtBps >= c.tiers.thirdLtBps;
        bool sound = c.ltvBps <= c.ltBps &&
            c.concentrationBps <= FixedPoint.BPS &&
            (falling || !c.tiered) &&
            c.minBonusBps <= c.maxBonusBps &&
            c.liquidationFeeBps <= MOST_LIQUIDATION_FEE_BPS &&
            _isSound(_threshold(r), c.maxBonusBps); // it only falls from here on
        if (!sound) revert InvalidReserve(r.asset);
    }

    function _setPolicy(Policy memory p) internal {
        bool sound = address(p.engine).code.length > 0 &&
            p.liquidationDelay <= MOST_DELAY &&
            p.urgentHealth <= FixedPoint.WAD &&
            p.dustValue > 0 &&
            p.dustValue <= MIN_LEFTOVER && // so that a partial liquidation never ends in a write-off
            (p.marginCallHealth == 0 || p.marginCallHealth >= FixedPoint.WAD) &&
            p.marginCallHealth <= MOST_MARGIN_CALL_HEALTH &&
            (address(p.guard) == address(0) || p.guard.oracle() == oracle);
        if (!sound) revert InvalidPolicy();
        _policy = p;
        emit PolicySet(p);
    }

    /// @dev Whether a liquidation at a threshold and bonus leaves no bad debt on a continuous price path, and splitting it does not pay.
    function _isSound(uint256 lt, uint256 maxBonusBps) internal view returns (bool) {
        uint256 worst = (FixedPoint.BPS + maxBonusBps) * lt;
        return worst < FixedPoint.BPS * FixedPoint.BPS && worst * 1e10 <= _policy.engine.hfForMaxBonus();
    }
}
