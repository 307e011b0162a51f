// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IAggregatorV3} from "./IAggregatorV3.sol";
import {IOracleRouter} from "./IOracleRouter.sol";

/// @title Whom a vault asks before anything leaves it or is risked in it
/// @notice The owner (`DEFAULT_ADMIN_ROLE`) sets terms and ends pauses; a guardian only pauses and lowers the stress
/// multiplier; anyone trips the breaker once the move is there. Nobody can move funds, and nothing here keeps anyone from
/// supplying or repaying. Times in seconds, prices USD with 8 decimals, ratios in BPS.
interface IRiskGuard is IAccessControl {
    /// @notice What may be stopped, per asset. As a bit of `pause`: 1, 2 and 4.
    enum Action {
        BORROW,
        WITHDRAW,
        LIQUIDATE
    }

    struct Terms {
        uint32 maxPause; // most seconds of a pause, at most 14 days
        uint32 pauseGap; // seconds from the end of a pause until the same may be paused again, at least an hour
        uint32 grace; // seconds for which liquidations stay stopped after a pause of them and after an outage of the sequencer
        uint32 tripWindow; // seconds in which the move must have happened that trips the breaker
        uint32 coolOff; // seconds for which it stays open
        uint16 tripBps; // that move, of the accepted price; 0: no breaker
        bool breakerStopsLiquidation;
        bool urgentExempt; // grace does not hold up the liquidation of who is below the vault's urgent health
        // ---
        IAggregatorV3 sequencerFeed; // answers 0 while the sequencer is up, since when it says as `startedAt`; zero address: none
    }

    struct Brake {
        uint40 borrowPausedUntil; // 0 if it never was
        uint40 withdrawPausedUntil;
        uint40 liquidatePausedUntil;
        uint40 trippedAt; // 0 if it never was
        uint8 next; // place in the ring that is written next
    }

    /// @dev An entry of the ring: in force until the next one.
    struct Seen {
        uint64 price;
        uint40 at; // 0: nothing yet
    }

    /// @notice Emitted on `setTerms`, and when the guard is created.
    event TermsSet(Terms terms);
    /// @notice Emitted on `pause`: the actions of `bits` are stopped until then.
    event Paused(address indexed asset, uint256 bits, uint256 until);
    /// @notice Emitted on `unpause`.
    event Unpaused(address indexed asset, uint256 bits);
    /// @notice Emitted on `poke` and `trip`, when an accepted price enters the ring.
    event PriceNoted(address indexed asset, uint256 price);
    /// @notice Emitted on `trip`: the price accepted now is that far from one that was in force within the window.
    event Tripped(address indexed asset, uint256 price);
    /// @notice Emitted on `setStress` and `lowerStress`.
    event StressSet(uint256 bps);

    /// @notice Thrown when terms pause for nothing, for more than 14 days or with a gap below an hour, hold liquidations up
    /// for more than a day, or have a breaker with a window or a cool-off of nothing or of more than 14 days.
    error InvalidTerms();
    /// @notice Thrown when a pause is of nothing, for nothing, or longer than it may be.
    error InvalidPause();
    /// @notice Thrown when something is paused that is paused, or was less than `pauseGap` ago.
    error PausedLately();
    /// @notice Thrown when a stress multiplier is out of its bounds, or a guardian's not below the one in force.
    error InvalidStress();
    /// @notice Thrown when no price that was in force within the window, and since the last trip, is that far from the one accepted now.
    error NotMoved();
    /// @notice Thrown when a vault asks for what is paused.
    error ActionPaused();
    /// @notice Thrown when a vault asks for what the breaker stops.
    error BreakerOpen();
    /// @notice Thrown when a vault asks for a liquidation while the sequencer is down, or in the grace period after that or after a pause.
    error InGrace();

    /// @notice Who may pause and lower the stress multiplier
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function GUARDIAN() external view returns (bytes32);
    /// @notice Least of the stress multiplier, BPS
    // solhint-disable-next-line func-name-mixedcase
    function MIN_STRESS() external view returns (uint256);
    /// @notice Entries of the ring of accepted prices of an asset
    // solhint-disable-next-line func-name-mixedcase
    function RING() external view returns (uint256);
    /// @notice Whose accepted prices trip the breaker
    function oracle() external view returns (IOracleRouter);
    /// @notice Borrow limits of the vault are multiplied with it, BPS; thresholds are not: nobody becomes liquidatable by it
    function stressBps() external view returns (uint256);

    /// @notice Sets all terms; a pause that goes on ends when it would have ended
    /// @dev Warning: a lost guardian key can stop what it may for `maxPause` out of every `maxPause + pauseGap` seconds, until
    /// its role is revoked.
    function setTerms(Terms calldata terms_) external;
    /// @notice Stops the actions of `bits` with an asset for `duration` seconds, after which they go on by themselves; only a guardian
    /// @dev Warning: what is paused is not paid for. While liquidations are paused, losses grow.
    /// @param bits sum of 1 (borrow), 2 (withdraw) and 4 (liquidate)
    function pause(address asset, uint256 bits, uint256 duration) external;
    /// @notice Ends pauses now; only the owner. What is not paused stays as it is
    function unpause(address asset, uint256 bits) external;
    /// @notice Shows the router the price of an asset, and notes the one that it accepts, if it is another than the last one noted and that
    /// is an eighth of the window ago: so nobody washes the ring out by noting small moves. Anyone may
    function poke(address asset) external;
    /// @notice Opens the breaker of an asset for `coolOff` seconds; anyone may, if the price accepted now is more than `tripBps` from one
    /// that was in force within `tripWindow`. Prices from before the last trip do not count: what tripped it does not keep it open
    function trip(address asset) external;
    /// @notice Sets the stress multiplier; only the owner
    function setStress(uint256 bps) external;
    /// @notice Lowers the stress multiplier; only a guardian
    function lowerStress(uint256 bps) external;

    /// @notice Reverts unless `action` may be done now with the first of `assets`: the others are what is borrowed against, or taken for it
    /// @dev Pauses stop the action with the first asset; liquidation with any of them. The breaker of any of them stops borrowing, and
    /// liquidation if the terms say so; that of the first stops withdrawal.
    /// @param exempt of a withdrawal: by an account without debt, which no breaker stops; of a liquidation: of an account below the urgent health
    function check(Action action, address[] calldata assets, bool exempt) external view;
    /// @notice The terms in force
    function terms() external view returns (Terms memory);
    /// @notice What is stopped of an asset, and where its ring stands
    function brakeOf(address asset) external view returns (Brake memory);
    /// @notice An entry of the ring of an asset's accepted prices
    function seenOf(address asset, uint256 place) external view returns (Seen memory);
}
