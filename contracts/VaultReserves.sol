// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IVault} from "./interfaces/IVault.sol";
import {VaultHealth} from "./VaultHealth.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title Risk parameters of a vault
/// @notice A configuration is refused unless ltv <= lt, lt * (1 + maxBonus) < 1 (no bad debt on a continuous price path)
/// and (1 + maxBonus) * lt <= the engine's `hfForMaxBonus` (splitting a liquidation never pays), for the largest threshold,
/// which is the first bracket's. Raising a threshold is immediate; lowering it ramps, so that governance liquidates nobody
/// overnight (invariant 31). Brackets only ever fall (invariant 26).
abstract contract VaultReserves is IVault, VaultHealth, AccessControl {
    using FixedPoint for uint256;

    /// @inheritdoc IVault
    bytes32 public constant PARAMETER_ROLE = keccak256("PARAMETER_ROLE");
    /// @inheritdoc IVault
    uint256 public constant RAMP_PER_BPS = 864;
    /// @dev More would leave who liquidates less than half of what he is paid: nobody would.
    uint256 internal constant MOST_LIQUIDATION_FEE_BPS = 5_000;
    /// @dev Longer than that nobody is shielded by an illness that was announced.
    uint256 internal constant MOST_DELAY = 1 days;
    /// @dev Above it nobody needs to be called, and everyone could be kept from what is his.
    uint256 internal constant MOST_MARGIN_CALL_HEALTH = 2e18;

    constructor(Policy memory policy_, address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PARAMETER_ROLE, admin);
        _setPolicy(policy_);
    }

    /// @inheritdoc IVault
    function setReserve(
        address asset,
        ReserveConfig calldata config,
        uint256 rampSeconds
    ) external onlyRole(PARAMETER_ROLE) {
        uint256 index = _indexPlusOne[asset];
        if (index == 0) {
            _checkRole(DEFAULT_ADMIN_ROLE);
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

    /// @inheritdoc IVault
    function setPolicy(Policy calldata policy_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setPolicy(policy_);
        for (uint256 i = 0; i < _reserves.length; ++i) _checkReserve(_reserves[i]);
    }

    /// @inheritdoc IVault
    function deleveragingOf(address asset) external view returns (Deleveraging memory) {
        return _deleveraging[asset];
    }

    /// @inheritdoc IVault
    function policy() external view returns (Policy memory) {
        return _policy;
    }

    /// @inheritdoc IVault
    function reserveCount() external view returns (uint256) {
        return _reserves.length;
    }

    /// @inheritdoc IVault
    function reserveAt(uint256 index) external view returns (Reserve memory) {
        return _reserves[index];
    }

    /// @inheritdoc IVault
    function reserveOf(address asset) external view returns (Reserve memory) {
        (, Reserve storage r) = _reserve(asset);
        return r;
    }

    /// @inheritdoc IVault
    function liquidationThreshold(uint256 index) external view returns (uint256) {
        return _threshold(_reserves[index]);
    }

    /// @inheritdoc IVault
    function marginalThreshold(uint256 index, uint256 value) external view returns (uint256) {
        return _marginalThreshold(_reserves[index], value);
    }

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
        uint256 worst = (FixedPoint.BPS + c.maxBonusBps) * _threshold(r); // it only falls from here on
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
            worst < FixedPoint.BPS * FixedPoint.BPS &&
            worst * 1e10 <= _policy.engine.hfForMaxBonus();
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
}
