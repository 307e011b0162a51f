// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IAggregatorV3} from "./interfaces/IAggregatorV3.sol";
import {IOracleRouter} from "./interfaces/IOracleRouter.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title OracleRouter: one price and one status per asset
/// @notice A feed answer is believed when it is positive, inside its bounds, complete and not from the future. A
/// primary that is down or stale gives way to a sound and fresh fallback. A price further than `maxMoveBps` from the
/// anchor (the last price accepted) is a candidate and held off for `holdOff` seconds; if it persists, within `maxMoveBps`
/// of where it went, it becomes the anchor. A price that returns ends the hold-off, one that moves on far starts it again,
/// and nobody can extend one by poking. Twin: `sim/protocol/oracle.py`.
contract OracleRouter is IOracleRouter, AccessControl {
    /// @dev Liquidations accept a price that missed its heartbeat for less than this many heartbeats.
    uint256 internal constant STALE_HEARTBEATS = 3;
    /// @dev Most gas an aggregator may use: several times what any needs, and little of a transaction's. Who sends less
    /// than it needs makes nothing read as down: the 64th part that stays here does not suffice to go on.
    uint256 internal constant FEED_GAS = 200_000;

    struct Feed {
        IAggregatorV3 aggregator;
        IAggregatorV3 fallbackAggregator; // zero address: none
        uint256 heartbeat; // seconds
        uint256 minAnswer; // USD 8 decimals; an answer at or below it is DOWN: feeds that clamp stop there
        uint256 maxAnswer; // USD 8 decimals; an answer at or above it is DOWN
        uint256 maxMoveBps; // against the anchor
        uint256 holdOff; // seconds
    }

    struct Anchor {
        uint256 price; // USD 8 decimals, 0 before the first sound price
        uint256 candidate; // where the price went, 0 when it is near the anchor
        uint256 deviatedSince; // since when it is there
    }

    event FeedSet(address indexed asset, Feed feed);

    /// @notice Thrown when a feed's settings or decimals cannot give a believable price.
    error InvalidFeed(address asset);

    mapping(address asset => Feed) internal _feeds;
    mapping(address asset => Anchor) internal _anchors;

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Sets or replaces the feed of an asset; the anchor starts again from the next sound price
    /// @dev Set feeds that answer: until the first sound price, collateral of the asset counts for nothing.
    function setFeed(address asset, Feed calldata feed) external onlyRole(DEFAULT_ADMIN_ROLE) {
        bool sound = feed.aggregator.decimals() == 8 &&
            feed.heartbeat > 0 &&
            feed.heartbeat <= FixedPoint.YEAR &&
            feed.minAnswer < feed.maxAnswer &&
            feed.maxAnswer < FixedPoint.MAX_PRICE &&
            feed.maxMoveBps > 0 &&
            feed.maxMoveBps <= FixedPoint.MAX_PRICE &&
            feed.holdOff <= FixedPoint.YEAR;
        if (address(feed.fallbackAggregator) != address(0)) sound = sound && feed.fallbackAggregator.decimals() == 8;
        if (!sound) revert InvalidFeed(asset);
        _feeds[asset] = feed;
        delete _anchors[asset];
        emit FeedSet(asset, feed);
    }

    /// @inheritdoc IOracleRouter
    function poke(address asset) external {
        Feed storage f = _feeds[asset];
        Anchor storage a = _anchors[asset];
        (uint256 price, ) = _answer(f);
        if (price == 0 || price == a.price && a.candidate == 0) return;
        if (_deviates(price, a.price, f.maxMoveBps)) {
            if (a.candidate == 0 || _deviates(price, a.candidate, f.maxMoveBps)) {
                (a.candidate, a.deviatedSince) = (price, block.timestamp);
                emit HoldOffStarted(asset, price, a.price);
            }
            if (block.timestamp < a.deviatedSince + f.holdOff) return;
        } else if (a.candidate != 0) {
            emit HoldOffCleared(asset, price);
        }
        (a.price, a.candidate, a.deviatedSince) = (price, 0, 0);
        emit AnchorSet(asset, price);
    }

    /// @inheritdoc IOracleRouter
    function read(address asset) external view returns (uint256 price, Status status, bool liquidatable) {
        Feed storage f = _feeds[asset];
        uint256 age;
        (price, age) = _answer(f);
        if (price == 0) return (0, Status.DOWN, false);
        Anchor storage a = _anchors[asset];
        if (f.holdOff > 0 && _deviates(price, a.price, f.maxMoveBps)) {
            bool there = a.candidate != 0 && !_deviates(price, a.candidate, f.maxMoveBps);
            if (!there || block.timestamp < a.deviatedSince + f.holdOff) return (price, Status.DEVIATED, false);
        }
        if (age <= f.heartbeat) return (price, Status.OK, true);
        return (price, Status.STALE, age < STALE_HEARTBEATS * f.heartbeat);
    }

    /// @inheritdoc IOracleRouter
    function accepted(address asset) external view returns (uint256) {
        return _anchors[asset].price;
    }

    function getFeed(address asset) external view returns (Feed memory) {
        return _feeds[asset];
    }

    function getAnchor(address asset) external view returns (Anchor memory) {
        return _anchors[asset];
    }

    /// @dev The primary's answer unless it is down or stale and the fallback's is sound and fresh. Price 0: none sound.
    function _answer(Feed storage f) internal view returns (uint256 price, uint256 age) {
        (price, age) = _sound(f, f.aggregator);
        if (price != 0 && age <= f.heartbeat) return (price, age);
        (uint256 other, uint256 otherAge) = _sound(f, f.fallbackAggregator);
        if (other != 0 && otherAge <= f.heartbeat) return (other, otherAge);
    }

    /// @dev An aggregator's answer and age, or (0, 0) when it cannot be believed. A low-level call of bounded gas,
    /// because an aggregator that answers nonsense or never must read as down and not revert its reader.
    function _sound(Feed storage f, IAggregatorV3 aggregator) internal view returns (uint256, uint256) {
        (bool ok, bytes memory data) = address(aggregator).staticcall{gas: FEED_GAS}(
            abi.encodeCall(IAggregatorV3.latestRoundData, ())
        );
        if (!ok || data.length < 160) return (0, 0);
        (uint256 id, int256 answer, , uint256 updatedAt, uint256 answeredInRound) = abi.decode(
            data,
            (uint256, int256, uint256, uint256, uint256)
        );
        if (answer <= 0 || updatedAt == 0 || updatedAt > block.timestamp || answeredInRound < id) return (0, 0);
        uint256 price = uint256(answer);
        if (price <= f.minAnswer || price >= f.maxAnswer) return (0, 0);
        return (price, block.timestamp - updatedAt);
    }

    function _deviates(uint256 price, uint256 anchor, uint256 maxMoveBps) internal pure returns (bool) {
        if (anchor == 0) return false;
        uint256 move = price > anchor ? price - anchor : anchor - price;
        return move * FixedPoint.BPS > anchor * maxMoveBps;
    }
}
