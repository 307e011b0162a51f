// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IAggregatorV3} from "./IAggregatorV3.sol";

/// @title Prices with a status
/// @notice Prices are USD with 8 decimals.
interface IOracleRouter is IAccessControl {
    /// @notice OK: fresh and near its anchor. STALE: older than the heartbeat. DEVIATED: further from the anchor than
    /// allowed. DOWN: zero, negative, out of bounds, reverted or incomplete.
    enum Status {
        OK,
        STALE,
        DEVIATED,
        DOWN
    }

    struct Feed {
        IAggregatorV3 aggregator;
        uint32 heartbeat; // seconds
        uint32 holdOff; // seconds; 0: none, else 5 minutes to a week
        // ---
        uint64 minAnswer; // USD 8 decimals; an answer at or below it is DOWN: feeds that clamp stop there
        uint64 maxAnswer; // USD 8 decimals; an answer at or above it is DOWN
        uint128 maxMoveBps; // against the anchor
        // ---
        IAggregatorV3 fallbackAggregator; // zero address: none
    }

    struct Anchor {
        uint64 price; // USD 8 decimals, 0 before the first sound price
        uint64 candidate; // of the prices seen on one side of it, the nearest; 0: none
        uint40 candidateSince; // since when they are there
        uint40 seenAt; // when the feed was last seen, silence aside; only with a hold-off
        uint24 downFor; // seconds for which no answer was seen that could be believed, less those when one was
        // ---
        uint40 downAt; // when none was last
        uint40 watchedAt; // when the feed was last seen while that is counted, 0 while it is not
        uint24 disputedFor; // seconds for which prices were seen beyond `maxMoveBps`, less those when not
        uint40 disputedAt; // when a fresh one was last, 0 while others are seen
        uint40 forSaleSince; // since when pokes see that it is usable
        uint40 waitsSince; // since when they see that it is not, 0 while it is
    }

    struct Quote {
        uint256 price; // USD 8 decimals, 0 when DOWN
        Status status;
        bool usable; // a liquidation may buy or sell the asset
        uint256 collateralPrice; // what collateral counts at for liquidation, and is sold at if usable
        uint256 debtPrice; // what a debt counts at for liquidation, and is repaid at if usable or collateral counts 0
        uint256 forfeitPrice; // what collateral is worth at least, where it is asked whether it would pay
        uint256 forSaleFor; // seconds for which pokes have seen that a liquidation may buy, sell or repay it; 0 if it may not
    }

    /// @notice Emitted on `setFeed`.
    event FeedSet(address indexed asset, Feed feed);
    /// @notice Emitted on `forgetAnchor`.
    event AnchorForgotten(address indexed asset);
    /// @notice Emitted on `poke`, when a price becomes the new reference for the deviation check.
    event AnchorSet(address indexed asset, uint256 price);
    /// @notice Emitted on `poke`, when a fresh price is first seen beyond `maxMoveBps` of the anchor.
    event HoldOffStarted(address indexed asset, uint256 price, uint256 anchor);
    /// @notice Emitted on `poke`, when a price is seen that is not any longer.
    event HoldOffCleared(address indexed asset, uint256 price);

    /// @notice Thrown when a feed's settings or decimals cannot give a believable price, or a feed of a hub's share token is
    /// not that token's `IShareFeed`.
    error InvalidFeed(address asset);

    /// @notice Sets or replaces the feed of an asset; the anchor stays: what another feed says is disputed like any move
    /// @dev Warning: set feeds that answer. Until the first sound price, collateral of the asset counts for nothing.
    function setFeed(address asset, Feed calldata feed) external;

    /// @notice Lets the anchor of an asset start again from the next sound price, whatever that is
    /// @dev Warning: for a feed that quotes another level on purpose, and for collateral that is worth nothing any more:
    /// until the feed answers, debts of the asset count for nothing and collateral for no more than its last answer, so
    /// that what a broken feed left unpriced can be written off.
    function forgetAnchor(address asset) external;

    /// @notice Shows the router the price of `asset`, which advances its hold-off: anyone may call, operations that need
    /// prices do
    /// @return what `read` says from now on, of the same answer
    function poke(address asset) external returns (Quote memory);

    /// @notice The price as it stands now, and what it counts at when accounts are judged. While it may be used, that is
    /// the price. While it is disputed it is the better one for the account of price and anchor; once disputed for two
    /// hold-offs the worse one, at which it then may be used. A disputed price that no report has confirmed for a third of a
    /// hold-off counts for nothing: the anchor does. While nobody knows it, a debt counts at the anchor, and
    /// so does collateral for a day (without an anchor, at the last answer), then at nothing; whether that would pay a debt
    /// is asked at the anchor for three days. Unknown: DOWN, for as long as pokes saw it every hour at least, or STALE for
    /// three heartbeats.
    function read(address asset) external view returns (Quote memory);

    /// @notice The settings of an asset's feed; all zero if it has none
    function getFeed(address asset) external view returns (Feed memory);

    /// @notice Where the deviation check of an asset stands
    function getAnchor(address asset) external view returns (Anchor memory);
}
