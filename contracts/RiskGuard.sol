// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAggregatorV3} from "./interfaces/IAggregatorV3.sol";
import {IOracleRouter} from "./interfaces/IOracleRouter.sol";
import {IRiskGuard} from "./interfaces/IRiskGuard.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title RiskGuard: brakes of a vault that release themselves
/// @notice A pause ends by itself, and what was paused stays open for a while after; a breaker opens by proof, for a while.
/// What may leave the hub is not limited here but there, where all vaults and share tokens meet (`ILiquidityHub.available`).
/// Twin: `sim/protocol/risk_guard.py`.
contract RiskGuard is IRiskGuard, AccessControl {
    uint256 internal constant MAX_PAUSE = 14 days;
    uint256 internal constant MIN_PAUSE_GAP = 1 hours;
    uint256 internal constant MAX_GRACE = 1 days;
    uint256 internal constant ACTIONS = 3;
    /// @dev As the router lets an aggregator use.
    uint256 internal constant FEED_GAS = 200_000;
    /// @inheritdoc IRiskGuard
    bytes32 public constant GUARDIAN = keccak256("GUARDIAN");
    /// @inheritdoc IRiskGuard
    uint256 public constant MIN_STRESS = 5_000;
    /// @inheritdoc IRiskGuard
    uint256 public constant RING = 8;

    /// @inheritdoc IRiskGuard
    IOracleRouter public immutable oracle;
    /// @inheritdoc IRiskGuard
    uint256 public stressBps = FixedPoint.BPS;

    Terms internal _terms;
    mapping(address asset => Brake) internal _brakes;
    mapping(address asset => mapping(uint256 place => Seen)) internal _seen;

    constructor(IOracleRouter oracle_, Terms memory terms_, address owner, address guardian) {
        oracle = oracle_;
        _grantRole(DEFAULT_ADMIN_ROLE, owner);
        _grantRole(GUARDIAN, guardian);
        _setTerms(terms_);
    }

    /// @inheritdoc IRiskGuard
    function setTerms(Terms calldata terms_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setTerms(terms_);
    }

    /// @inheritdoc IRiskGuard
    function pause(address asset, uint256 bits, uint256 duration) external onlyRole(GUARDIAN) {
        if (bits == 0 || bits >> ACTIONS != 0) revert InvalidPause();
        if (duration == 0 || duration > _terms.maxPause) revert InvalidPause();
        Brake storage b = _brakes[asset];
        for (uint256 k = 0; k < ACTIONS; ++k) {
            if ((bits >> k) & 1 == 0) continue;
            uint256 until = _pausedUntil(b, Action(k));
            if (block.timestamp < until + _terms.pauseGap) revert PausedLately();
        }
        _setPaused(b, bits, block.timestamp + duration);
        emit Paused(asset, bits, block.timestamp + duration);
    }

    /// @inheritdoc IRiskGuard
    function unpause(address asset, uint256 bits) external onlyRole(DEFAULT_ADMIN_ROLE) {
        Brake storage b = _brakes[asset];
        for (uint256 k = 0; k < ACTIONS; ++k) {
            bool ends = (bits >> k) & 1 == 1 && block.timestamp < _pausedUntil(b, Action(k));
            if (ends) _setPaused(b, 1 << k, block.timestamp);
        }
        emit Unpaused(asset, bits);
    }

    /// @inheritdoc IRiskGuard
    function poke(address asset) external {
        oracle.poke(asset);
        uint256 price = oracle.getAnchor(asset).price;
        Brake storage b = _brakes[asset];
        Seen storage last = _seen[asset][(uint256(b.next) + RING - 1) % RING];
        bool late = last.at == 0 || (block.timestamp - last.at) * RING >= _terms.tripWindow;
        if (price != 0 && price != last.price && late) _note(b, asset, price);
    }

    /// @inheritdoc IRiskGuard
    function trip(address asset) external {
        oracle.poke(asset);
        uint256 price = oracle.getAnchor(asset).price;
        Brake storage b = _brakes[asset];
        if (!_moved(b, asset, price)) revert NotMoved();
        b.trippedAt = uint40(block.timestamp);
        emit Tripped(asset, price);
        _note(b, asset, price);
    }

    /// @inheritdoc IRiskGuard
    function setStress(uint256 bps) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (bps < MIN_STRESS || bps > FixedPoint.BPS) revert InvalidStress();
        stressBps = bps;
        emit StressSet(bps);
    }

    /// @inheritdoc IRiskGuard
    function lowerStress(uint256 bps) external onlyRole(GUARDIAN) {
        if (bps < MIN_STRESS || bps >= stressBps) revert InvalidStress();
        stressBps = bps;
        emit StressSet(bps);
    }

    /// @inheritdoc IRiskGuard
    function check(Action action, address[] calldata assets, bool exempt) external view {
        bool liquidates = action == Action.LIQUIDATE;
        uint256 grace = exempt && _terms.urgentExempt ? 0 : _terms.grace;
        for (uint256 k = 0; k < assets.length; ++k) {
            Brake storage b = _brakes[assets[k]];
            if (k == 0 || liquidates) {
                uint256 until = _pausedUntil(b, action);
                if (block.timestamp < until) revert ActionPaused();
                if (liquidates && until != 0 && block.timestamp < until + grace) revert InGrace();
            }
            if (_isStopped(action, exempt) && _isOpen(b)) revert BreakerOpen();
        }
        if (liquidates && _isHeldUp(grace)) revert InGrace();
    }

    /// @inheritdoc IRiskGuard
    function terms() external view returns (Terms memory) {
        return _terms;
    }

    /// @inheritdoc IRiskGuard
    function brakeOf(address asset) external view returns (Brake memory) {
        return _brakes[asset];
    }

    /// @inheritdoc IRiskGuard
    function seenOf(address asset, uint256 place) external view returns (Seen memory) {
        return _seen[asset][place];
    }

    // --- internals ----------------------------------------------------------------------------------------------

    function _setTerms(Terms memory t) internal {
        bool sound = t.maxPause > 0 && t.maxPause <= MAX_PAUSE && t.pauseGap >= MIN_PAUSE_GAP && t.grace <= MAX_GRACE;
        if (t.tripBps > 0) {
            sound = sound && t.tripWindow > 0 && t.tripWindow <= MAX_PAUSE && t.coolOff > 0 && t.coolOff <= MAX_PAUSE;
        }
        if (!sound) revert InvalidTerms();
        _terms = t;
        emit TermsSet(t);
    }

    function _pausedUntil(Brake storage b, Action action) internal view returns (uint256) {
        if (action == Action.BORROW) return b.borrowPausedUntil;
        return action == Action.WITHDRAW ? b.withdrawPausedUntil : b.liquidatePausedUntil;
    }

    function _setPaused(Brake storage b, uint256 bits, uint256 until) internal {
        if (bits & 1 != 0) b.borrowPausedUntil = uint40(until);
        if (bits & 2 != 0) b.withdrawPausedUntil = uint40(until);
        if (bits & 4 != 0) b.liquidatePausedUntil = uint40(until);
    }

    function _note(Brake storage b, address asset, uint256 price) internal {
        _seen[asset][b.next] = Seen(uint64(price), uint40(block.timestamp));
        b.next = uint8((uint256(b.next) + 1) % RING);
        emit PriceNoted(asset, price);
    }

    /// @dev Whether a price noted since the last trip, and in force within the window, is far enough from this one. From the
    /// newest on: each was in force until the one before it in this row was noted.
    function _moved(Brake storage b, address asset, uint256 price) internal view returns (bool) {
        uint256 until = block.timestamp;
        for (uint256 k = 1; k <= RING; ++k) {
            Seen storage seen = _seen[asset][(uint256(b.next) + RING - k) % RING];
            if (seen.at == 0 || seen.at < b.trippedAt || until + _terms.tripWindow < block.timestamp) return false;
            uint256 move = price > seen.price ? price - seen.price : seen.price - price;
            if (_terms.tripBps > 0 && price > 0 && move * FixedPoint.BPS > seen.price * uint256(_terms.tripBps)) return true;
            if (seen.at == b.trippedAt) return false; // the price that the last trip found
            until = seen.at;
        }
        return false;
    }

    /// @dev Whether a breaker that is open stops the action.
    function _isStopped(Action action, bool exempt) internal view returns (bool) {
        if (action == Action.LIQUIDATE) return _terms.breakerStopsLiquidation;
        return action == Action.BORROW || !exempt;
    }

    function _isOpen(Brake storage b) internal view returns (bool) {
        return b.trippedAt != 0 && block.timestamp < uint256(b.trippedAt) + _terms.coolOff;
    }

    /// @dev Whether the sequencer is down, or back up for less than `grace`. A feed that does not answer holds nobody up.
    function _isHeldUp(uint256 grace) internal view returns (bool) {
        IAggregatorV3 feed = _terms.sequencerFeed;
        if (address(feed) == address(0)) return false;
        bytes memory asked = abi.encodeCall(IAggregatorV3.latestRoundData, ());
        (bool ok, bytes memory data) = address(feed).staticcall{gas: FEED_GAS}(asked);
        if (!ok || data.length < 160) return false;
        (, int256 status, uint256 since, , ) = abi.decode(data, (uint256, int256, uint256, uint256, uint256));
        (, uint256 passed) = Math.trySub(block.timestamp, since);
        return status != 0 || (since != 0 && passed < grace);
    }
}
