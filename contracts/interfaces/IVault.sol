// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidationEngine} from "./ILiquidationEngine.sol";
import {ILiquidityHub} from "./ILiquidityHub.sol";
import {IOracleRouter} from "./IOracleRouter.sol";

/// @title The vault: margin accounts on a hub
/// @notice `accountId = uint160(owner) << 8 | subAccount`. Amounts in token units, values in USD with 8 decimals, ratios
/// in BPS, health factors in WAD. A position's `supplied` is hub shares where the reserve rehypothecates, token units
/// where it is kept in escrow.
interface IVault {
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
        uint256 unit; // 10 ** decimals
        ReserveConfig config;
        uint16 ltFromBps; // threshold at the start of a ramp
        uint40 rampStart;
        uint40 rampEnd; // the configured threshold is in force from here
    }

    struct Policy {
        ILiquidationEngine engine;
        uint256 liquidationDelay; // seconds between flag and liquidation; 0: no flag needed
        uint256 urgentHealth; // WAD; below it the delay does not apply
        uint256 dustValue; // USD; an unhealthy account with less collateral, and less than it owes, is written off
    }

    struct Account {
        uint256 collateralBits; // bit i: reserve i is collateral and its balance is not zero
        uint256 debtBits; // bit i: reserve i is owed
        uint256 flaggedAt; // timestamp, 0 when not flagged
        bool isolated;
        address manager;
    }

    struct Position {
        uint256 supplied;
        uint256 scaledDebt;
    }

    struct Health {
        uint256 weightedCollateral; // sum of value x threshold, USD x BPS
        uint256 weightedLimit; // sum of value x ltv, USD x BPS
        uint256 collateralValue; // USD, down
        uint256 debtValue; // USD, up
        uint256 factor; // WAD, down; max when nothing is owed
        bool pricesOk; // every price of the account is OK, and no collateral that is lent on has an open deficit
        bool pricesUsable; // every price of the account may be liquidated on: the factor is what it is
        bool debtPricesUsable; // those of its debts may: the factor is at most too high, so below 1 is unhealthy
    }

    event ReserveSet(address indexed asset, ReserveConfig config, uint256 ltFromBps, uint256 rampEnd);
    event PolicySet(Policy policy);
    event ManagerSet(uint256 indexed accountId, address manager);
    event IsolationSet(uint256 indexed accountId, bool isolated);
    event CollateralSet(uint256 indexed accountId, address indexed asset, bool enabled);
    /// @notice Emitted when a position's `supplied` grows by `supplied` for `assets` paid by `from`.
    event Supplied(uint256 indexed accountId, address indexed asset, address from, uint256 assets, uint256 supplied);
    event Withdrawn(uint256 indexed accountId, address indexed asset, address to, uint256 assets, uint256 supplied);
    event Borrowed(uint256 indexed accountId, address indexed asset, address to, uint256 assets, uint256 scaled);
    event Repaid(uint256 indexed accountId, address indexed asset, address from, uint256 assets, uint256 scaled);
    event Flagged(uint256 indexed accountId, uint256 healthFactor);
    event Unflagged(uint256 indexed accountId);
    /// @notice Emitted when debt is repaid for collateral: the position loses `seized`, of which `fee` goes to the
    /// protocol and the rest, worth `collateralOut`, to the liquidator (as a position if `asShares`).
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
    /// @notice Emitted when a write-off hands what is left of a position to the protocol.
    event Forfeited(uint256 indexed accountId, address indexed asset, uint256 supplied);
    event WrittenOff(uint256 indexed accountId, address indexed asset, uint256 assets, uint256 scaled);

    error ReserveNotListed(address asset);
    error InvalidReserve(address asset);
    error InvalidPolicy();
    error NotAuthorised();
    error ZeroAmount();
    error AmountTooLarge();
    error BorrowDisabled();
    error CollateralDisabled();
    error SupplyCapExceeded();
    error BorrowCapExceeded();
    /// @notice Thrown when an isolated sub-account would hold a second collateral or a second debt.
    error IsolatedLimit();
    error AccountNotEmpty();
    error InsufficientSupply();
    error NoDebt();
    error NotCollateral();
    /// @notice Thrown when a price of the account is not fresh and undisputed, or collateral that is lent on still counts
    /// a loss that nobody has borne yet: who borrows against it would leave his part of the haircut to others.
    error PriceNotOk();
    /// @notice Thrown when the price of a debt, or of the collateral to be seized, may not be liquidated on; and by
    /// `unflag`, when any price of the account may not.
    error PriceNotUsable();
    error BorrowLimitExceeded();
    error Unhealthy();
    error AccountHealthy();
    error AlreadyFlagged();
    error NotFlagged();
    /// @notice Thrown when an account is liquidated before its delay has passed.
    error DelayNotPassed();
    error SelfLiquidation();
    error MustNotLeaveDust();
    error InsufficientCollateralOut();
    error CollateralRemains();

    function hub() external view returns (ILiquidityHub);
    function oracle() external view returns (IOracleRouter);
    function policy() external view returns (Policy memory);
    function reserveCount() external view returns (uint256);
    function reserveAt(uint256 index) external view returns (Reserve memory);
    /// @notice Threshold in force now: falls linearly during a ramp
    function liquidationThreshold(uint256 index) external view returns (uint256 ltBps);
    function accountOf(uint256 accountId) external view returns (Account memory);
    function positionOf(uint256 accountId, address asset) external view returns (Position memory);
    /// @notice Token units a position's `supplied` is worth now, down
    function suppliedAssets(uint256 accountId, address asset) external view returns (uint256);
    /// @notice Token units owed now, up
    function debtAssets(uint256 accountId, address asset) external view returns (uint256);
    /// @notice What an account holds, owes and is allowed. Collateral whose price may not be liquidated on counts at the
    /// higher of that price (0 when down) and the last one accepted: in the account's favour, so that a broken feed
    /// liquidates nobody, and shields nobody who is unhealthy without it.
    function health(uint256 accountId) external view returns (Health memory);
    /// @notice Whether `liquidate` would find the account eligible now
    function isLiquidatable(uint256 accountId) external view returns (bool);

    function liquidate(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 repayAmount,
        uint256 minCollateralOut,
        bool receiveShares,
        bytes calldata data
    ) external returns (uint256 repaid, uint256 collateralOut);
}
