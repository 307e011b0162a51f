// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IHubShare} from "./IHubShare.sol";
import {ILiquidationEngine} from "./ILiquidationEngine.sol";
import {ILiquidityHub} from "./ILiquidityHub.sol";
import {IOracleRouter} from "./IOracleRouter.sol";
import {IRiskGuard} from "./IRiskGuard.sol";

/// @title What a vault keeps
/// @notice `accountId = uint160(owner) << 8 | subAccount`. Amounts in token units, values in USD with 8 decimals, ratios
/// in BPS, health factors in WAD. A position's `supplied` is hub shares where the reserve rehypothecates, token units
/// where it is kept in escrow.
interface IVaultState {
    struct Tiers {
        uint64 secondAbove; // USD; what an account's collateral is worth beyond it counts at `secondLtBps`
        uint64 thirdAbove; // USD; beyond it at `thirdLtBps`, at least `secondAbove`
        uint16 secondLtBps; // at most `ltBps`
        uint16 thirdLtBps; // at most `secondLtBps`
    }

    struct ReserveConfig {
        uint16 ltvBps; // borrow limit per unit of collateral value, of the first bracket
        uint16 ltBps; // liquidation threshold, of the first bracket
        uint16 maxBonusBps;
        uint16 minBonusBps;
        uint16 liquidationFeeBps; // protocol's share of the bonus
        uint16 concentrationBps; // most of the vault's total of it that one account's collateral may grow to; 0: all
        bool rehypothecate; // collateral is lent on; else kept in escrow
        bool collateralEnabled; // may newly become collateral
        bool borrowEnabled; // may newly be borrowed
        bool tiered; // counts in brackets, see `tiers`; else all of it at `ltBps`
        uint112 supplyCap; // of the whole vault, token units
        uint112 borrowCap;
        uint64 concentrationFloor; // USD; up to it an account's collateral may grow whatever its share
        Tiers tiers; // read only where `tiered`
    }

    struct Reserve {
        address asset;
        uint80 unit; // 10 ** decimals
        uint16 ltFromBps; // threshold at the start of a ramp
        // ---
        ReserveConfig config;
        uint16 secondFromBps; // the same of the other brackets
        uint16 thirdFromBps;
        uint40 rampStart;
        uint40 rampEnd; // the configured thresholds are in force from here
    }

    /// @dev An efficiency mode of the vault: assets that move together, and what they count for against each other.
    struct CategoryConfig {
        uint16 ltvBps; // of collateral of the category, in place of its reserve's and of its brackets
        uint16 ltBps; // likewise
        uint16 maxBonusBps; // likewise; the smallest is its reserve's, or this if that is less
        uint64 collateralBits; // bit i: reserve i is collateral of the category; a bit that is set stays
        uint64 borrowBits; // bit i: reserve i may be borrowed in it
    }

    struct Category {
        CategoryConfig config;
        uint16 ltFromBps; // threshold at the start of a ramp
        uint32 rampStart;
        uint32 rampEnd; // the configured threshold is in force from here
    }

    struct Policy {
        ILiquidationEngine engine;
        uint32 liquidationDelay; // seconds between flag and liquidation; 0: no flag needed
        uint64 urgentHealth; // WAD; below it the delay does not apply
        uint128 dustValue; // USD; an insolvent account whose collateral is worth less is written off; whoever
        // borrows, or takes collateral out, owes at least as much of every asset that he owes
        uint64 marginCallHealth; // WAD, 1 to 2; who is healthy, but below it, may be called (`marginCall`); 0: nobody
        IRiskGuard guard; // asked before anything leaves or is risked; zero address: none
    }

    /// @dev Of a debt asset; all zero: no account is ever deleveraged for it. Per asset, since what strains an asset is its own.
    struct DeleveragingTerms {
        IHubShare share; // its public face on the hub, with whose shares a caller may pay
        uint16 usageBps; // of the hub's cash and debt; above it lenders are stuck
        uint32 usageFor; // seconds for longer than which it was seen there, or below, before the mode begins, or ends
        uint32 ramp; // seconds in which the health that may be deleveraged rises to the largest
        uint64 maxHealth; // WAD, the largest
        uint64 targetHealth; // WAD, that no deleveraging exceeds
    }

    struct Deleveraging {
        DeleveragingTerms terms;
        uint40 onSince; // timestamp since when the mode is on, 0 if it is off
        uint40 turningSince; // timestamp of the first sighting in a row that spoke against the mode as it is, 0 if none did
        uint40 seenAt; // timestamp of the last sighting
    }

    struct Account {
        uint64 collateralBits; // bit i: reserve i is collateral and its balance is not zero
        uint64 debtBits; // bit i: reserve i is owed
        uint32 flaggedAt; // timestamp of the last flag, 0 if there was none; it lapses by itself, see `FLAG_VALIDITY`
        uint32 wellSince; // timestamp of the first sighting of a recovery, 0 if none is going on
        uint32 wellAt; // timestamp of the last one
        bool isolated;
        uint8 category; // that it opted into, 0 if none
        // ---
        address manager;
        bool urgent; // the flag needs no delay: an operation lifted the account above the urgent health
        bool thin; // seen last, under this flag, due for liquidation and with less than its debts and the bonus
        uint16 thinFor; // seconds that it was seen so, from one sighting to the next
        uint32 thinAt; // timestamp of the last sighting that changed these
        uint32 calledAt; // timestamp of the margin call that stands, 0 if none does
    }

    struct Position {
        uint256 supplied;
        uint256 scaledDebt;
    }

    struct Health {
        uint256 weightedCollateral; // sum of value x threshold, by brackets, USD x BPS
        uint256 weightedLimit; // sum of value x ltv, likewise, USD x BPS; times the guard's stress multiplier, down
        uint256 collateralValue; // USD, down
        uint256 usableValue; // USD, down: of collateral that may be sold
        uint256 forfeitValue; // USD, down: of what nobody can price as well, for three days, at the price accepted last
        uint256 debtValue; // USD, up
        uint256 leastDebtValue; // USD, up: of its smallest debt; max when nothing is owed
        uint256 factor; // WAD, down; max when nothing is owed
        bool pricesOk; // every price of the account is OK
        bool pricesUsable; // every price of the account may be liquidated on: the factor is what it is
    }

    /// @notice Thrown when an asset is no reserve of this vault.
    error ReserveNotListed(address asset);

    /// @notice The most assets of an account that are collateral or owed: so that none costs too much to liquidate, however
    /// much gas its feeds use
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function MOST_ASSETS() external view returns (uint256);
    /// @notice A partial liquidation leaves at least this much (USD 8 decimals) of both legs
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function MIN_LEFTOVER() external view returns (uint256);
    /// @notice Seconds that a flag lasts beyond the delay: the fall of another day is another fall
    // solhint-disable-next-line func-name-mixedcase
    function FLAG_VALIDITY() external view returns (uint256);
    /// @notice Health (WAD) from which on a flagged account counts as recovered
    // solhint-disable-next-line func-name-mixedcase
    function RECOVERY_HEALTH() external view returns (uint256);
    /// @notice Seconds that an account must have been seen recovered before its flag ends
    // solhint-disable-next-line func-name-mixedcase
    function RECOVERY_TIME() external view returns (uint256);
    /// @notice Most seconds from one sighting of a recovery to the next: what nobody saw does not count
    // solhint-disable-next-line func-name-mixedcase
    function RECOVERY_GAP() external view returns (uint256);
    /// @notice Least seconds of a ramp for each basis point that a threshold is lowered by: a percent takes a day
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function RAMP_PER_BPS() external view returns (uint256);
    /// @notice The hub whose spoke this vault is
    function hub() external view returns (ILiquidityHub);
    /// @notice Where this vault reads its prices
    function oracle() external view returns (IOracleRouter);
}
