// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {ILiquidationEngine} from "./ILiquidationEngine.sol";
import {ILiquidityHub} from "./ILiquidityHub.sol";
import {IOracleRouter} from "./IOracleRouter.sol";

/// @title The vault: margin accounts on a hub
/// @notice `accountId = uint160(owner) << 8 | subAccount`. Amounts in token units, values in USD with 8 decimals, ratios
/// in BPS, health factors in WAD. A position's `supplied` is hub shares where the reserve rehypothecates, token units
/// where it is kept in escrow. What the hub refuses it refuses with its own errors (`ILiquidityHub`).
interface IVault is IAccessControl {
    struct ReserveConfig {
        uint16 ltvBps; // borrow limit per unit of collateral value
        uint16 ltBps; // liquidation threshold
        uint16 maxBonusBps;
        uint16 minBonusBps;
        uint16 liquidationFeeBps; // protocol's share of the bonus
        bool rehypothecate; // collateral is lent on; else kept in escrow
        bool collateralEnabled; // may newly become collateral
        bool borrowEnabled; // may newly be borrowed
        uint112 supplyCap; // of the whole vault, token units
        uint112 borrowCap;
    }

    struct Reserve {
        address asset;
        uint80 unit; // 10 ** decimals
        uint16 ltFromBps; // threshold at the start of a ramp
        // ---
        ReserveConfig config;
        uint40 rampStart;
        uint40 rampEnd; // the configured threshold is in force from here
    }

    struct Policy {
        ILiquidationEngine engine;
        uint32 liquidationDelay; // seconds between flag and liquidation; 0: no flag needed
        uint64 urgentHealth; // WAD; below it the delay does not apply
        uint256 dustValue; // USD; an insolvent account whose collateral counts for less is written off; whoever
        // borrows, or takes collateral out, owes at least as much of every asset that he owes
    }

    struct Account {
        uint64 collateralBits; // bit i: reserve i is collateral and its balance is not zero
        uint64 debtBits; // bit i: reserve i is owed
        uint40 flaggedAt; // timestamp of the last flag, 0 if there was none; it lapses by itself, see `FLAG_VALIDITY`
        uint40 wellSince; // timestamp of the first sighting of a recovery, 0 if none is going on
        uint40 wellAt; // timestamp of the last one
        bool isolated;
        // ---
        address manager;
        bool urgent; // the flag needs no delay: an operation lifted the account above the urgent health
        bool thin; // seen last, under this flag, due for liquidation and with less than its debts and the bonus
        uint16 thinFor; // seconds that it was seen so, from one sighting to the next
        uint40 thinAt; // timestamp of the last sighting that changed these
    }

    struct Position {
        uint256 supplied;
        uint256 scaledDebt;
    }

    struct Health {
        uint256 weightedCollateral; // sum of value x threshold, USD x BPS
        uint256 weightedLimit; // sum of value x ltv, USD x BPS
        uint256 collateralValue; // USD, down
        uint256 usableValue; // USD, down: of collateral that may be sold
        uint256 forfeitValue; // USD, down: of what nobody can price as well, at the price accepted last
        uint256 debtValue; // USD, up
        uint256 leastDebtValue; // USD, up: of its smallest debt; max when nothing is owed
        uint256 factor; // WAD, down; max when nothing is owed
        bool pricesOk; // every price of the account is OK
        bool pricesUsable; // every price of the account may be liquidated on: the factor is what it is
    }

    /// @notice Emitted on `setReserve`: the threshold in force falls from `ltFromBps` until `rampEnd`.
    event ReserveSet(address indexed asset, ReserveConfig config, uint256 ltFromBps, uint256 rampEnd);
    /// @notice Emitted on `setPolicy`, and when the vault is created.
    event PolicySet(Policy policy);
    /// @notice Emitted on `setManager`.
    event ManagerSet(uint256 indexed accountId, address manager);
    /// @notice Emitted on `setIsolated`.
    event IsolationSet(uint256 indexed accountId, bool isolated);
    /// @notice Emitted on `setCollateral`, and on what is supplied, or seized as shares: whether it backs debts from now on.
    event CollateralSet(uint256 indexed accountId, address indexed asset, bool enabled);
    /// @notice Emitted on `supply`: a position's `supplied` grows by `supplied` for `assets` paid by `from`.
    event Supplied(uint256 indexed accountId, address indexed asset, address from, uint256 assets, uint256 supplied);
    /// @notice Emitted on `withdraw`: a position's `supplied` falls by `supplied` for `assets` paid to `to`.
    event Withdrawn(uint256 indexed accountId, address indexed asset, address to, uint256 assets, uint256 supplied);
    /// @notice Emitted on `borrow`: a position's debt grows by `scaled` for `assets` paid to `to`.
    event Borrowed(uint256 indexed accountId, address indexed asset, address to, uint256 assets, uint256 scaled);
    /// @notice Emitted on `repay`: a position's debt falls by `scaled` for `assets` paid by `from`.
    event Repaid(uint256 indexed accountId, address indexed asset, address from, uint256 assets, uint256 scaled);
    /// @notice Emitted when the liquidation delay of the account starts: on `flag`, and before `DelayWaived`.
    event Flagged(uint256 indexed accountId, uint256 healthFactor);
    /// @notice Emitted on whatever makes an account less ill, but not healthy, that was so ill that it needed no delay: it
    /// needs none now.
    event DelayWaived(uint256 indexed accountId);
    /// @notice Emitted when a flagged account is seen recovered, on `unflag` and on all that changes its position: it has
    /// been since `since`; with 0, also on `flag`, when it is seen to be ill again.
    event RecoverySeen(uint256 indexed accountId, uint256 since);
    /// @notice Emitted on whatever measures a flagged account that is or was thin: it is `thin`, due for liquidation and with less than its debts and
    /// the bonus, or no longer, and was so for `thinFor` seconds, with which the bonus that lenders pay grows.
    event ThinSeen(uint256 indexed accountId, bool thin, uint256 thinFor);
    /// @notice Emitted when a flag ends before it lapses: after a recovery, and on a write-off.
    event Unflagged(uint256 indexed accountId);
    /// @notice Emitted on `liquidate`: the position loses `seized`, of which `fee` goes to the protocol and the rest, worth
    /// `collateralOut`, to the liquidator (as a position if `asShares`).
    event Liquidated(
        uint256 indexed accountId,
        address indexed liquidator,
        address debtAsset,
        address collateralAsset,
        uint256 repaid,
        uint256 scaledRepaid,
        uint256 collateralOut,
        uint256 seized,
        uint256 fee,
        bool asShares
    );
    /// @notice Emitted on a write-off, by `liquidate` or `writeOff`: what is left of a position goes to the protocol.
    event Forfeited(uint256 indexed accountId, address indexed asset, uint256 supplied);
    /// @notice Emitted on a write-off, by `liquidate` or `writeOff`: a debt of `assets` became a loss of the hub.
    event WrittenOff(uint256 indexed accountId, address indexed asset, uint256 assets, uint256 scaled);

    /// @notice Thrown when an asset is no reserve of this vault.
    error ReserveNotListed(address asset);
    /// @notice Thrown when a configuration is unsound, lowers a threshold in less than `RAMP_PER_BPS`, changes whether collateral that
    /// is there is lent on, or would be the 65th reserve.
    error InvalidReserve(address asset);
    /// @notice Thrown when an account id has bits above those of its owner and sub-account: it would be nobody's to find.
    error InvalidAccount();
    /// @notice Thrown when a policy has no engine, a delay above a day, an urgent health above 1, or a dust line that is
    /// zero or above what a partial liquidation leaves.
    error InvalidPolicy();
    /// @notice Thrown when the caller neither owns nor manages the account.
    error NotAuthorised();
    /// @notice Thrown when an amount is or rounds to zero.
    error ZeroAmount();
    /// @notice Thrown when an amount would reach 2^112 tokens.
    error AmountTooLarge();
    /// @notice Thrown when an asset may not newly be borrowed.
    error BorrowDisabled();
    /// @notice Thrown when an asset may not newly become collateral.
    error CollateralDisabled();
    /// @notice Thrown when an account that is within its borrow limit supplies while the hub has the vault inactive.
    error SpokeNotActive();
    /// @notice Thrown when an account withdraws while the hub has the vault halted.
    error SpokeHalted();
    /// @notice Thrown when the whole vault would hold more of an asset than the hub lets it.
    error AddCapExceeded();
    /// @notice Thrown when the whole vault would hold more of an asset than it may.
    error SupplyCapExceeded();
    /// @notice Thrown when the whole vault would owe more of an asset than it may.
    error BorrowCapExceeded();
    /// @notice Thrown when an isolated sub-account would hold a second collateral or a second debt.
    error IsolatedLimit();
    /// @notice Thrown when an account would have or owe more than `MOST_ASSETS` assets.
    error TooManyAssets();
    /// @notice Thrown when isolation is changed while the account has collateral or debt.
    error AccountNotEmpty();
    /// @notice Thrown when a position has less supplied than is asked for, or nothing.
    error InsufficientSupply();
    /// @notice Thrown when the account does not owe the asset that is to be repaid.
    error NoDebt();
    /// @notice Thrown when what is to be seized does not back the account.
    error NotCollateral();
    /// @notice Thrown when a price of the account is not fresh and undisputed, or collateral that is lent on still counts
    /// a loss that nobody has borne yet: who borrows against it would leave his part of the haircut to others.
    error PriceNotOk();
    /// @notice Thrown when the price of the debt to be repaid, or of the collateral to be seized, may not be used, nor has the
    /// debt been without one for so long that what it counts at decides; and by `unflag`, when any price of the account may not.
    error PriceNotUsable();
    /// @notice Thrown when the account would owe more than its borrow limit.
    error BorrowLimitExceeded();
    /// @notice Thrown when the account would borrow, or take collateral out, and owe less than the dust line of an asset.
    error DebtTooSmall();
    /// @notice Thrown when the account would be below a health of 1; and by `unflag`, when it is below `RECOVERY_HEALTH`.
    error Unhealthy();
    /// @notice Thrown when an account that is not below a health of 1 is flagged, liquidated or written off.
    error AccountHealthy();
    /// @notice Thrown when an account is flagged twice, no recovery of it is going on, and nothing new is seen.
    error AlreadyFlagged();
    /// @notice Thrown when the flag of an account without one is to be cleared.
    error NotFlagged();
    /// @notice Thrown when an account is liquidated before its delay has passed.
    error DelayNotPassed();
    /// @notice Thrown when an owner liquidates his own account.
    error SelfLiquidation();
    /// @notice Thrown when any liquidation of the size asked for, or a smaller one, would leave both legs open and one of
    /// them below `MIN_LEFTOVER`.
    error MustNotLeaveDust();
    /// @notice Thrown when a liquidator would get less collateral than he accepts.
    error InsufficientCollateralOut();
    /// @notice Thrown when an account is to be written off that still has collateral worth taking, or worth its debt.
    error CollateralRemains();

    /// @notice The most assets of an account that are collateral or owed: so that none costs too much to liquidate, however
    /// much gas its feeds use
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function MOST_ASSETS() external view returns (uint256);
    /// @notice A partial liquidation leaves at least this much (USD 8 decimals) of both legs
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function MIN_LEFTOVER() external view returns (uint256);
    /// @notice Least seconds of a ramp for each basis point that a threshold is lowered by: a percent takes a day
    // Named as the constants that they return.
    // solhint-disable-next-line func-name-mixedcase
    function RAMP_PER_BPS() external view returns (uint256);
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
    /// @notice The hub whose spoke this vault is
    function hub() external view returns (ILiquidityHub);
    /// @notice Where this vault reads its prices
    function oracle() external view returns (IOracleRouter);

    /// @notice Lists a reserve, or changes one
    /// @dev Warning: a raised threshold is in force at once, a lowered one ramps; all else changes at once.
    /// @param rampSeconds time over which a lower threshold comes into force, at least `RAMP_PER_BPS` for each basis point
    /// and at most a year; ignored unless the threshold falls. Of the bonus at most half is the protocol's
    function setReserve(address asset, ReserveConfig calldata config, uint256 rampSeconds) external;
    /// @notice Sets engine, delay (a day at most), urgent health and dust line; every reserve must suit the engine
    function setPolicy(Policy calldata policy_) external;
    /// @notice The liquidation rules in force
    function policy() external view returns (Policy memory);
    /// @notice How many reserves are listed
    function reserveCount() external view returns (uint256);
    /// @notice A reserve by its place in the order of listing, which is its bit in an account
    function reserveAt(uint256 index) external view returns (Reserve memory);
    /// @notice Threshold in force now: falls linearly during a ramp
    function liquidationThreshold(uint256 index) external view returns (uint256 ltBps);

    /// @notice Whether the account has a flag that has not lapsed
    function isFlagged(uint256 accountId) external view returns (bool);
    /// @notice What an account has and owes of an asset, as booked
    function positionOf(uint256 accountId, address asset) external view returns (Position memory);
    /// @notice Token units a position's `supplied` is worth now, down
    function suppliedAssets(uint256 accountId, address asset) external view returns (uint256);
    /// @notice Token units owed now, up
    function debtAssets(uint256 accountId, address asset) external view returns (uint256);

    /// @notice Who owns an account: the 160 bits above its lowest 8; above them there are none
    function ownerOf(uint256 accountId) external pure returns (address);
    /// @notice Lets `manager` act on one sub-account; the zero address ends it. Only the owner: a manager cannot pass its
    /// power on
    /// @dev Warning: a manager can borrow and withdraw to wherever it likes.
    function setManager(uint256 accountId, address manager) external;
    /// @notice Makes a sub-account isolated (one collateral, one debt) or cross; only while it has neither
    function setIsolated(uint256 accountId, bool isolated) external;
    /// @notice Lets a supplied asset back the account's debts, or no longer
    function setCollateral(uint256 accountId, address asset, bool enabled) external;
    /// @notice Adds `amount` of `asset` to an account; needs no price. The first supply of an asset becomes collateral
    /// where the reserve and the account's isolation allow it, more of it counts as what is there (`CollateralSet`).
    /// Caps and switches do not keep an account that owes more than its borrow limit from collateral that brings it nearer,
    /// but for an asset of which an inactive spoke has nothing yet
    function supply(uint256 accountId, address asset, uint256 amount) external;
    /// @notice Takes `amount` of `asset` out; `type(uint256).max` takes everything
    /// @return token units paid to `to`
    function withdraw(uint256 accountId, address asset, uint256 amount, address to) external returns (uint256);
    /// @notice Borrows `amount` of `asset` to `to`; of every asset that it owes the account then owes at least the dust line
    function borrow(uint256 accountId, address asset, uint256 amount, address to) external;
    /// @notice Repays up to `amount` of an account's debt; anyone may, for anyone; needs no price
    /// @return paid min(amount, debt rounded up), token units
    function repay(uint256 accountId, address asset, uint256 amount) external returns (uint256 paid);
    /// @notice What is kept of an account besides its positions
    function accountOf(uint256 accountId) external view returns (Account memory);
    /// @notice What an account holds, owes and is allowed, at the prices that each asset counts at for liquidation
    /// (`IOracleRouter.read`): a feed that is broken or disputed liquidates nobody for a stated time, and shields nobody
    /// who is unhealthy without it, nor anybody for longer.
    /// @dev HF = floor(half(sum C_i lt_i, WAD, sum D_j) / BPS), with C_i down and D_j up.
    /// @dev Warning: prices are not poked here, so an operation may find another status.
    function health(uint256 accountId) external view returns (Health memory);

    /// @notice Starts the liquidation delay of an unhealthy account; anyone may. Of a flagged one that is not recovered, ends
    /// the row of sightings of its recovery, or sees whether it is thin: due for liquidation and with less than its debts and
    /// the bonus. What lenders add to a bonus grows with the time that it was seen so, at least every `RECOVERY_GAP`
    function flag(uint256 accountId) external;
    /// @notice A sighting of the recovery of a flagged account; anyone may. The flag ends once it was seen for
    /// `RECOVERY_TIME`, at least every `RECOVERY_GAP`. Every price must be usable: a factor in the account's favour is no
    /// recovery
    function unflag(uint256 accountId) external;
    /// @notice Repays debt of an unhealthy account for its collateral plus a bonus
    /// @dev Warning: state what you accept. What an engine allows, and the bonus, change with every block. Beyond what the
    /// account has beyond its debt, there is no bonus until it is seen thin (`flag`); seen so for half an hour it is the largest.
    /// @param repayAmount most the caller will repay, units of `debtAsset`; the engine, the account, `MIN_LEFTOVER` and, unless
    /// shares are taken, the hub's cash of the collateral bound it
    /// @param minCollateralOut least the caller accepts, units of `collateralAsset`
    /// @param receiveShares take the collateral as a position of the caller's sub-account 0, as if supplied to it: needed
    /// for what cash does not pay out, so for a pair too small to leave `MIN_LEFTOVER` of
    /// @param data if not empty, `onLiquidate` is called on the caller between seizure and repayment
    /// @return repaid units of `debtAsset`
    /// @return collateralOut units of `collateralAsset`
    function liquidate(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repayAmount,
        uint256 minCollateralOut,
        bool receiveShares,
        bytes calldata data
    ) external returns (uint256 repaid, uint256 collateralOut);
    /// @notice Writes off the debts of an unhealthy account whose collateral counts for less than the dust line and is
    /// below what it owes; anyone may. For the second, what nobody can price, or what is disputed, is worth at least the
    /// price accepted last: where it would pay it is nobody's to take until `IOracleRouter.forgetAnchor` says that this is
    /// no price any more
    function writeOff(uint256 accountId) external;
    /// @notice Whether `liquidate` would find the account eligible now
    function isLiquidatable(uint256 accountId) external view returns (bool);
}
