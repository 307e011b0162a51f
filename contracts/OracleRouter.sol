// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAggregatorV3} from "./interfaces/IAggregatorV3.sol";
import {IHubShare} from "./interfaces/IHubShare.sol";
import {IOracleRouter} from "./interfaces/IOracleRouter.sol";
import {IShareFeed} from "./interfaces/IShareFeed.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title OracleRouter: one price and one status per asset
/// @notice A feed answer is believed when it is positive, inside its bounds, complete and not from the future. A
/// primary that is down or stale gives way to a sound and fresh fallback. A price further than `maxMoveBps` from the
/// anchor, the last price accepted, is disputed. The anchor moves only to where the price was seen to persist: by fresh
/// answers, all on one side of it, one in every third of `holdOff` at the least, for all of it, the last one reported in
/// its last third. It moves to the nearest of them, so a price that goes on moving is followed, and one that was there
/// for a few blocks is not, however often. Nobody can extend a hold-off by poking, and silence ends none. Twin:
/// `sim/protocol/oracle.py`.
contract OracleRouter is IOracleRouter, AccessControl {
    /// @dev Liquidations accept a price that missed its heartbeat for less than this many heartbeats.
    uint256 internal constant STALE_HEARTBEATS = 3;
    /// @dev A price persists while it is seen in every such part of a hold-off; what was seen before a gap is void.
    uint256 internal constant SIGHTINGS = 3;
    /// @dev Shorter, and a third of it has no block in which the price can be seen; longer, and no crash is followed.
    uint256 internal constant MIN_HOLD_OFF = 5 minutes;
    uint256 internal constant MAX_HOLD_OFF = 7 days;
    /// @dev A price disputed for so many hold-offs no longer counts in the favour of accounts.
    uint256 internal constant DISPUTE_HOLD_OFFS = 2;
    /// @dev What nobody could price for so long counts for nothing.
    uint256 internal constant LOST_AFTER = 1 days;
    /// @dev What nobody could price for so long would not have paid a debt either: no outage lasts as long.
    uint256 internal constant FORGOTTEN_AFTER = 3 days;
    /// @dev A feed counts as down between two sightings of it that are no further apart.
    uint256 internal constant DOWN_GAP = 1 hours;
    /// @dev Most gas an aggregator may use: several times what any needs, and little of a transaction's. Who sends less
    /// than it needs makes nothing read as down: the 64th part that stays here does not suffice to go on.
    uint256 internal constant FEED_GAS = 200_000;

    mapping(address asset => Feed) internal _feeds;
    mapping(address asset => Anchor) internal _anchors;

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @inheritdoc IOracleRouter
    function setFeed(address asset, Feed calldata feed) external onlyRole(DEFAULT_ADMIN_ROLE) {
        bool sound = feed.aggregator.decimals() == 8 &&
            feed.heartbeat > 0 &&
            feed.heartbeat <= FixedPoint.YEAR &&
            feed.minAnswer < feed.maxAnswer &&
            feed.maxMoveBps > 0 &&
            feed.maxMoveBps <= FixedPoint.MAX_PRICE &&
            (feed.holdOff == 0 || (feed.holdOff >= MIN_HOLD_OFF && feed.holdOff <= MAX_HOLD_OFF));
        sound = sound && _looksThrough(asset, feed.aggregator);
        if (address(feed.fallbackAggregator) != address(0)) {
            sound = sound && feed.fallbackAggregator.decimals() == 8 && _looksThrough(asset, feed.fallbackAggregator);
        }
        if (!sound) revert InvalidFeed(asset);
        _feeds[asset] = feed;
        emit FeedSet(asset, feed);
    }

    /// @inheritdoc IOracleRouter
    function forgetAnchor(address asset) external onlyRole(DEFAULT_ADMIN_ROLE) {
        delete _anchors[asset];
        emit AnchorForgotten(asset);
    }

    /// @inheritdoc IOracleRouter
    function poke(address asset) external returns (Quote memory) {
        Feed storage f = _feeds[asset];
        Anchor storage a = _anchors[asset];
        (uint256 price, uint256 age) = _answer(f);
        _see(f, a, asset, price, age);
        Quote memory q = _quote(f, a, price, age);
        _noteSale(a, q.usable);
        if (q.usable) q.forSaleFor = _forSaleFor(a);
        return q;
    }

    /// @inheritdoc IOracleRouter
    function read(address asset) external view returns (Quote memory) {
        Feed storage f = _feeds[asset];
        (uint256 price, uint256 age) = _answer(f);
        return _quote(f, _anchors[asset], price, age);
    }

    /// @inheritdoc IOracleRouter
    function getFeed(address asset) external view returns (Feed memory) {
        return _feeds[asset];
    }

    /// @inheritdoc IOracleRouter
    function getAnchor(address asset) external view returns (Anchor memory) {
        return _anchors[asset];
    }

    /// @dev Advances the hold-off.
    function _see(Feed storage f, Anchor storage a, address asset, uint256 price, uint256 age) internal {
        _watch(a, price == 0);
        if (price != 0 && age > f.heartbeat) return;
        uint256 before = a.seenAt;
        if (f.holdOff != 0) a.seenAt = uint40(block.timestamp);
        if (f.holdOff != 0 && a.price != 0) {
            _dispute(f, a, asset, price, age, before);
            if (!_persists(f, a, price, age, before)) return;
            price = a.candidate;
        }
        if (price == 0 || price == a.price) return;
        (a.price, a.candidate) = (uint64(price), 0);
        emit AnchorSet(asset, price);
    }

    /// @dev What an answer counts at.
    function _quote(Feed storage f, Anchor storage a, uint256 price, uint256 age) internal view returns (Quote memory) {
        bool known = price != 0 && age < STALE_HEARTBEATS * uint256(f.heartbeat);
        if (!known) return _unknown(f, a, price, age);
        if (f.holdOff > 0 && _deviates(price, a.price, f.maxMoveBps)) return _disputed(f, a, price, age);
        return Quote(price, age <= f.heartbeat ? Status.OK : Status.STALE, true, price, price, price, _forSaleFor(a));
    }

    /// @dev Of no price, or one too old: at the anchor, the last price that was accepted; collateral until it is lost, and
    /// what would be forfeited until it is forgotten.
    function _unknown(
        Feed storage f,
        Anchor storage a,
        uint256 price,
        uint256 age
    ) internal view returns (Quote memory) {
        (Status status, uint256 unknownFor) = (Status.DOWN, block.timestamp <= a.downAt + DOWN_GAP ? a.downFor : 0);
        if (price != 0) (status, unknownFor) = (Status.STALE, age - STALE_HEARTBEATS * uint256(f.heartbeat));
        uint256 worth = a.price == 0 ? price : a.price; // without an anchor: at the last answer
        if (unknownFor >= LOST_AFTER) worth = 0;
        uint256 forfeited = unknownFor >= FORGOTTEN_AFTER ? 0 : Math.max(worth, a.price);
        (, uint256 forSaleFor) = Math.trySub(unknownFor, LOST_AFTER); // a debt of it is paid from then on
        return Quote(price, status, false, worth, a.price, forfeited, forSaleFor);
    }

    /// @dev Of a price beyond `maxMoveBps` of the anchor: in the account's favour until it was disputed for too long; and
    /// at the anchor when no report has confirmed it for a third of a hold-off, for one answer decides nothing.
    function _disputed(
        Feed storage f,
        Anchor storage a,
        uint256 price,
        uint256 age
    ) internal view returns (Quote memory) {
        (uint256 low, uint256 high) = (Math.min(price, a.price), Math.max(price, a.price));
        uint256 gap = f.holdOff / SIGHTINGS;
        bool overdue = a.disputedFor >= DISPUTE_HOLD_OFFS * uint256(f.holdOff) && block.timestamp <= a.disputedAt + gap;
        if (overdue) return Quote(price, Status.DEVIATED, true, low, high, high, _forSaleFor(a));
        if (age > gap) return Quote(price, Status.DEVIATED, false, a.price, a.price, a.price, 0);
        return Quote(price, Status.DEVIATED, false, high, low, high, 0);
    }

    /// @dev Notes since when the price is usable, and since when it is not; what is gone for no longer than a block was not gone.
    function _noteSale(Anchor storage a, bool usable) internal {
        if (!usable) {
            if (a.waitsSince == 0) a.waitsSince = uint40(block.timestamp);
        } else if (a.waitsSince != 0 || a.forSaleSince == 0) {
            if (a.waitsSince != block.timestamp || a.forSaleSince == 0) a.forSaleSince = uint40(block.timestamp);
            a.waitsSince = 0;
        }
    }

    /// @dev For how long pokes have seen it usable.
    function _forSaleFor(Anchor storage a) internal view returns (uint256) {
        return a.waitsSince != 0 || a.forSaleSince == 0 ? 0 : block.timestamp - a.forSaleSince;
    }

    /// @dev Counts for how long the feed is seen to be down: two moments a day apart are no day, nor is a moment's answer
    /// the end of one. Nothing is written while there is nothing to count.
    function _watch(Anchor storage a, bool down) internal {
        uint256 before = a.watchedAt;
        if (!down && before == 0) return;
        uint256 passed = block.timestamp - before;
        bool goesOn = down && a.downAt == before && passed <= DOWN_GAP;
        // What had long been lost does not stay so for longer, once it is seen again, than what was lost just now.
        uint256 past = goesOn ? a.downFor : Math.min(a.downFor, LOST_AFTER);
        uint256 counted = _counted(past, passed, goesOn, FORGOTTEN_AFTER);
        a.downFor = uint24(counted);
        a.watchedAt = down || counted != 0 ? uint40(block.timestamp) : 0;
        if (down) a.downAt = uint40(block.timestamp);
    }

    /// @dev Counts for how long prices are seen beyond `maxMoveBps` of the anchor, on whichever side: from one fresh answer
    /// to another, while nothing else is seen in between but old ones and none. So neither silence nor an outage makes a
    /// dispute out of one answer.
    function _dispute(
        Feed storage f,
        Anchor storage a,
        address asset,
        uint256 price,
        uint256 age,
        uint256 before
    ) internal {
        (uint256 since, uint256 passed, uint256 gap) = (a.disputedAt, block.timestamp - before, f.holdOff / SIGHTINGS);
        bool beyond = price == 0 || _deviates(price, a.price, f.maxMoveBps);
        bool fresh = beyond && price != 0 && age <= gap;
        bool goesOn = since != 0 && beyond && passed <= gap;
        if (goesOn && !fresh) return; // to be counted once a report confirms it
        if (goesOn) passed = block.timestamp - since;
        uint256 counted = _counted(a.disputedFor, passed, goesOn, DISPUTE_HOLD_OFFS * uint256(f.holdOff));
        if (counted != a.disputedFor) a.disputedFor = uint24(counted);
        if (fresh) {
            a.disputedAt = uint40(block.timestamp);
            if (since == 0) emit HoldOffStarted(asset, price, a.price);
        } else if (since != 0 && since != block.timestamp) {
            a.disputedAt = 0; // what is back within the block of a sight ends nothing
            emit HoldOffCleared(asset, price);
        }
    }

    /// @dev Whether prices on one side of the anchor have persisted; the nearest of them is the candidate.
    function _persists(
        Feed storage f,
        Anchor storage a,
        uint256 price,
        uint256 age,
        uint256 before
    ) internal returns (bool) {
        (uint256 last, uint256 candidate, uint256 gap) = (a.price, a.candidate, f.holdOff / SIGHTINGS);
        if (price == 0 || price == last) {
            if (candidate != 0) a.candidate = 0;
            return false;
        }
        bool there = candidate != 0 && price > last == candidate > last;
        if (!there || block.timestamp > before + gap) {
            (a.candidate, a.candidateSince) = (uint64(price), uint40(block.timestamp));
        } else if (price > last ? price < candidate : price > candidate) {
            a.candidate = uint64(price);
        }
        return block.timestamp >= a.candidateSince + f.holdOff && age <= gap;
    }

    /// @dev Whether a price of a share token is that of what the hub would pay for it, and so on where its asset is another
    /// share token: any other price would hide a loss of its asset.
    function _looksThrough(address asset, IAggregatorV3 aggregator) internal view returns (bool) {
        if (_word(asset, IHubShare.hub.selector) == 0) return true; // no share token
        if (_word(address(aggregator), IShareFeed.share.selector) != uint160(asset)) return false;
        address within = address(uint160(_word(asset, IERC4626.asset.selector)));
        return _looksThrough(within, IAggregatorV3(address(uint160(_word(address(aggregator), IShareFeed.feed.selector)))));
    }

    /// @dev What a contract answers to a call without arguments; 0 if it does not know it.
    function _word(address target, bytes4 selector) internal view returns (uint256) {
        (bool ok, bytes memory data) = target.staticcall(abi.encodeWithSelector(selector));
        return ok && data.length == 32 ? abi.decode(data, (uint256)) : 0;
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
        bytes memory asked = abi.encodeCall(IAggregatorV3.latestRoundData, ());
        uint256[5] memory round;
        bool whole;
        // Nothing beyond a round is copied: to read what else it returns would cost its reader gas without a bound.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            whole := staticcall(FEED_GAS, aggregator, add(asked, 32), mload(asked), round, 160)
            whole := and(whole, gt(returndatasize(), 159))
        }
        if (!whole) return (0, 0);
        (uint256 id, int256 answer, uint256 updatedAt, uint256 answeredInRound) = (
            round[0],
            int256(round[1]),
            round[3],
            round[4]
        );
        if (answer <= 0 || updatedAt == 0 || updatedAt > block.timestamp || answeredInRound < id) return (0, 0);
        uint256 price = uint256(answer);
        if (price <= f.minAnswer || price >= f.maxAnswer) return (0, 0);
        return (price, block.timestamp - updatedAt);
    }

    /// @dev Of trouble that is seen now and again: up, to the limit, from one such sight to the next, down at any other
    /// time. So neither does what is gone for a moment start anew, nor what is there for a moment, again and again, come
    /// any closer to the limit.
    function _counted(uint256 counted, uint256 passed, bool goesOn, uint256 limit) internal pure returns (uint256) {
        return goesOn ? Math.min(counted + passed, limit) : counted - Math.min(counted, passed);
    }

    function _deviates(uint256 price, uint256 anchor, uint256 maxMoveBps) internal pure returns (bool) {
        if (anchor == 0) return false;
        uint256 move = price > anchor ? price - anchor : anchor - price;
        return move * FixedPoint.BPS > anchor * maxMoveBps;
    }
}
