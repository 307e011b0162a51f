// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVaultState} from "./IVaultState.sol";

/// @title Liquidation of a vault's accounts, and what it needs to know of them
/// @notice What an account is, and in which units: `IVaultState`. What the hub refuses it refuses with its own errors
/// (`ILiquidityHub`).
interface IVaultLiquidation is IVaultState {
    /// @notice Emitted on `setCollateral`, and on what is supplied, or seized as shares: whether it backs debts from now on.
    event CollateralSet(uint256 indexed accountId, address indexed asset, bool enabled);
    /// @notice Emitted when the liquidation delay of the account starts: on `flag`, and before `DelayWaived`.
    event Flagged(uint256 indexed accountId, uint256 healthFactor);
    /// @notice Emitted on whatever makes an account less ill, but not healthy, that was so ill that it needed no delay: it
    /// needs none now.
    event DelayWaived(uint256 indexed accountId);
    /// @notice Emitted when a flagged account is seen recovered, on `unflag` and on all that changes its position: it has
    /// been since `since`; with 0, also on `flag`, when it is seen to be ill again.
    event RecoverySeen(uint256 indexed accountId, uint256 since);
    /// @notice Emitted on whatever measures a flagged account that is or was thin: it is `thin`, due for liquidation and with less, of what
    /// can be sold, than its debts and the bonus, or no longer, and was so for `thinFor` seconds, with which the bonus that lenders pay grows.
    event ThinSeen(uint256 indexed accountId, bool thin, uint256 thinFor);
    /// @notice Emitted when a flag ends before it lapses: after a recovery, and on a write-off.
    event Unflagged(uint256 indexed accountId);
    /// @notice Emitted on `marginCall`: until the call ends the account may neither borrow nor take collateral out.
    event MarginCalled(uint256 indexed accountId, uint256 healthFactor);
    /// @notice Emitted when a margin call ends: on `endMarginCall`, on all that changes the position, once the account is seen at the
    /// health of calls or above, or owes nothing, and on a write-off.
    event MarginCallEnded(uint256 indexed accountId);
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

    /// @notice Emitted when the strain of a debt asset is seen, on `pokeDeleveraging` and on `deleverage`: it is `strained` or
    /// not, and was seen otherwise than the mode says since `turningSince`, 0 if it was not.
    event StrainSeen(address indexed asset, bool strained, uint256 turningSince);
    /// @notice Emitted on `pokeDeleveraging` and on `deleverage`: from now on accounts that owe `asset` may be deleveraged, the
    /// most levered first.
    event DeleveragingBegan(address indexed asset);
    /// @notice Emitted on `pokeDeleveraging` and on `deleverage`: the mode of `asset` ended, or had lapsed because nobody saw it.
    event DeleveragingEnded(address indexed asset);
    /// @notice Emitted on `deleverage`: the account's debt falls by `repaid`, its position by `supplied`, worth `collateralOut`,
    /// which the caller got; he paid with `shares` of the debt asset's share token, or with tokens if 0.
    event Deleveraged(
        uint256 indexed accountId,
        address indexed by,
        address debtAsset,
        address collateralAsset,
        uint256 repaid,
        uint256 scaledRepaid,
        uint256 collateralOut,
        uint256 supplied,
        uint256 shares
    );

    /// @notice Thrown when an account id has bits above those of its owner and sub-account: it would be nobody's to find.
    error InvalidAccount();
    /// @notice Thrown when an amount is or rounds to zero.
    error ZeroAmount();
    /// @notice Thrown when the account does not owe the asset that is to be repaid.
    error NoDebt();
    /// @notice Thrown when what is to be seized does not back the account.
    error NotCollateral();
    /// @notice Thrown when the price of the debt to be repaid, or of the collateral to be seized, may not be used, nor has the
    /// debt been without one for so long that what it counts at decides; and by `unflag` and `endMarginCall`, when any price of the
    /// account may not.
    error PriceNotUsable();
    /// @notice Thrown when the account would be below a health of 1; by `unflag`, when it is below `RECOVERY_HEALTH`; by `marginCall`,
    /// when it is below 1, where a call comes too late; and by `endMarginCall`, when it is below the health of calls.
    error Unhealthy();
    /// @notice Thrown when an account that is not below a health of 1 is flagged, liquidated or written off, or one that is not below
    /// the health of calls is called, or one that is not below the health that may be is deleveraged.
    error AccountHealthy();
    /// @notice Thrown when an account is flagged twice, no recovery of it is going on, and nothing new is seen.
    error AlreadyFlagged();
    /// @notice Thrown when the flag of an account without one is to be cleared.
    error NotFlagged();
    /// @notice Thrown when an account is called twice.
    error AlreadyCalled();
    /// @notice Thrown when the call of an account without one is to be ended.
    error NotCalled();
    /// @notice Thrown when an account is liquidated before its delay has passed.
    error DelayNotPassed();
    /// @notice Thrown when an owner liquidates or deleverages his own account.
    error SelfLiquidation();
    /// @notice Thrown when any liquidation of the size asked for, or a smaller one, would leave both legs open and one of
    /// them below `MIN_LEFTOVER`.
    error MustNotLeaveDust();
    /// @notice Thrown when a liquidator would get less collateral than he accepts.
    error InsufficientCollateralOut();
    /// @notice Thrown when an asset is not strained, or its mode is off or was never set.
    error DeleveragingOff();
    /// @notice Thrown when a deleveraging would lower the account's health: it was below the threshold of what is taken.
    error HealthWouldFall();
    /// @notice Thrown when an account is to be written off that still has collateral worth taking, or worth its debt.
    error CollateralRemains();

    /// @notice Whether the account has a flag that has not lapsed
    function isFlagged(uint256 accountId) external view returns (bool);
    /// @notice Whether a margin call of the account stands; none does while the policy has no health of calls
    function isCalled(uint256 accountId) external view returns (bool);
    /// @notice What an account has and owes of an asset, as booked
    function positionOf(uint256 accountId, address asset) external view returns (Position memory);
    /// @notice Token units a position's `supplied` is worth now, down
    function suppliedAssets(uint256 accountId, address asset) external view returns (uint256);
    /// @notice Token units owed now, up
    function debtAssets(uint256 accountId, address asset) external view returns (uint256);
    /// @notice Who owns an account: the 160 bits above its lowest 8; above them there are none
    function ownerOf(uint256 accountId) external pure returns (address);
    /// @notice What an account holds, owes and is allowed, at the prices that each asset counts at for liquidation
    /// (`IOracleRouter.read`): a feed that is broken or disputed liquidates nobody for a stated time, and shields nobody
    /// who is unhealthy without it, nor anybody for longer.
    /// @dev HF = floor(half(sum W(C_i), WAD, sum D_j) / BPS), with C_i down and D_j up. W(C) = C lt; of a tiered reserve
    /// sum_k lt_k (min(C, T_k+1) - T_k)^+, which is continuous, rises, bends down and is at most C lt.
    /// @dev Warning: prices are not poked here, so an operation may find another status.
    function health(uint256 accountId) external view returns (Health memory);
    /// @notice Whether `liquidate` would find the account eligible now
    function isLiquidatable(uint256 accountId) external view returns (bool);
    /// @notice Sees whether a debt asset is strained; anyone may. It is while a loss is open that neither fees nor the fund
    /// paid, and the fund has less of it than that, or while its usage is above `usageBps`. The mode begins with a loss at
    /// once, with usage once that was seen high for longer than `usageFor`, and it ends once no strain was seen for longer than
    /// that: each time at least every `RECOVERY_GAP`, and no sighting to the contrary between. What nobody saw for longer
    /// than `RECOVERY_GAP` begins anew
    /// @dev Usage of one block proves nothing, and can be made: neither a block of high usage begins the mode, nor does a block
    /// of low usage end it. While it is on, nobody is deleveraged in a block without strain. Whoever lowers usage for a
    /// block can hold up its beginning, once for each `usageFor`.
    function pokeDeleveraging(address asset) external;
    /// @notice While the mode of a debt asset is on and it is strained: repays debt of a levered account for its collateral of
    /// equal value at the oracle's prices, those of a liquidation, rounded against the caller; no bonus. The health that may be
    /// deleveraged rises from 1 to `maxHealth` over `ramp`. Not beyond `targetHealth`, and each leg is left whole, closed or
    /// at `MIN_LEFTOVER`, as in a liquidation
    /// @dev Health does not fall if it is at least the threshold lt of what is taken: with W the weighted collateral, D the
    /// debt and x the value that leaves both, (W - lt x) / (D - x) >= W / D iff W x >= lt x D iff W / D >= lt. Where it
    /// would, rounding included, the call reverts.
    /// @dev Warning: the price is the oracle's, not the market's. State no more than you want at any price it may have.
    /// @param amount most the caller will repay, units of `debtAsset`
    /// @param payInShares pay with the debt asset's share token, which must let this vault have what it costs, up: no cash
    /// moves, so it works when there is none. Else in tokens. What accounts of this vault supplied pays nothing: it backs debts
    /// @return repaid units of `debtAsset`
    /// @return collateralOut units of `collateralAsset`, in tokens
    function deleverage(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 amount,
        bool payInShares
    ) external returns (uint256 repaid, uint256 collateralOut);
    /// @notice Starts the liquidation delay of an unhealthy account; anyone may. Of a flagged one that is not recovered, ends
    /// the row of sightings of its recovery, or sees whether it is thin: due for liquidation and with less, of what can be
    /// sold, than its debts and the bonus. What lenders add to a bonus grows with the time that it was seen so, at least every `RECOVERY_GAP`
    function flag(uint256 accountId) external;
    /// @notice A sighting of the recovery of a flagged account; anyone may. The flag ends once it was seen for
    /// `RECOVERY_TIME`, at least every `RECOVERY_GAP`. Every price must be usable: a factor in the account's favour is no
    /// recovery
    function unflag(uint256 accountId) external;
    /// @notice Calls for margin: of an account that is healthy, but below the policy's `marginCallHealth`; anyone may. While called
    /// it may neither borrow nor take collateral out nor end that some backs its debts, unless that leaves it at the health of calls
    /// or above. Supply and repayment are as free as ever
    /// @dev A price that cannot be used counts in the account's favour, as for `flag`: it is called no sooner for it.
    /// @dev Warning: to sell collateral of a called account, repay first.
    function marginCall(uint256 accountId) external;
    /// @notice Ends the margin call of an account that is at the health of calls or above; anyone may, and all that changes its
    /// position does so as well. Every price must be usable: a factor in the account's favour answers no call
    function endMarginCall(uint256 accountId) external;
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
    /// @notice Writes off the debts of an unhealthy account whose collateral is below the dust line and below what it owes;
    /// anyone may. What nobody can price, or what is disputed, is worth at least the price accepted last, for three days
    /// (`IOracleRouter.Quote.forfeitPrice`): it is nobody's to take in an outage, and its owner has as long to repay
    function writeOff(uint256 accountId) external;
}
