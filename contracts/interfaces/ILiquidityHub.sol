// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IBacked} from "./IBacked.sol";
import {IInsuranceFund} from "./IInsuranceFund.sol";

/// @title The hub: owner of every lent token
/// @notice Spokes (vaults and public share tokens) add and remove supply, draw and restore debt, and report losses.
/// Amounts in token units; shares are claims on `totalAssets = cash + debt`; indices and rates in RAY.
interface ILiquidityHub is IAccessControl, IBacked {
    /// @dev Four words are all that an operation without a loss reads and writes.
    struct Asset {
        uint128 cash; // lendable tokens held
        uint128 escrow; // tokens held for spokes and never lent
        // ---
        uint96 borrowIndex; // RAY
        uint96 borrowRate; // RAY per year, in force since lastAccrual
        uint40 lastAccrual; // timestamp
        uint24 feeRemainder; // of a unit of interest that is due to the protocol, in BPS
        // ---
        uint160 totalShares; // claims of all spokes and of the protocol
        uint40 deficitSince; // when the last loss that is open was reported, 0 if none is
        bool limited; // it has an outflow limit
        // ---
        uint112 scaledDebt; // debt / borrowIndex
        uint144 feeShares; // the protocol's part of totalShares: the first layer of the loss waterfall
        // ---
        uint128 deficit; // losses that suppliers bear and fees may still make good; in no share price
        uint128 deficitOwed; // of them what the protocol owes for collateral that it kept: no window ends it
        // ---
        uint128 deficitReported; // sum of all losses ever reported ...
        uint128 coveredByFees; // ... and who bore them
        uint128 coveredByFund;
        uint128 socialised;
    }

    /// @dev A leaky bucket: net outflow fills it, and it drains evenly, all of its capacity in a window.
    struct Outflow {
        uint128 level; // token units in it at `levelAt`
        uint128 capacity; // most token units in it, as of when it was last empty
        // ---
        uint40 levelAt;
        uint32 window; // seconds; 0: no limit
        uint16 limitBps; // of the total assets when it is empty ...
        uint112 floorAmount; // ... or this, token units, if that is more: its capacity
    }

    struct RateModel {
        uint32 reserveFactorBps; // share of interest kept by the protocol
        uint32 optimalUsageBps; // the kink
        uint32 baseRateBps; // yearly
        uint32 slope1Bps;
        uint32 slope2Bps;
    }

    /// @dev A word for what is added, one for what is drawn, one for the rest.
    struct Spoke {
        uint112 addCap; // largest supply, token units, escrow included
        uint144 addedShares;
        // ---
        uint112 drawCap; // most debt plus losses ever reported after a draw: the firewall, token units
        uint128 drawnScaled;
        bool active; // may add and draw
        bool halted; // may neither draw nor remove: nothing leaves
        // ---
        uint128 escrowed; // token units
        uint128 reportedDeficit; // losses ever reported by this spoke, token units
    }

    /// @notice Emitted on `listAsset`.
    event AssetListed(address indexed asset);
    /// @notice Emitted on `listAsset` and `setRateModel`.
    event RateModelSet(address indexed asset, RateModel model);
    /// @notice Emitted on `setSpoke`.
    event SpokeSet(address indexed asset, address indexed spoke, uint256 addCap, uint256 drawCap, bool active, bool halted);
    /// @notice Emitted on `setOutflowLimit`.
    event OutflowLimitSet(address indexed asset, uint256 limitBps, uint256 floorAmount, uint256 window);
    /// @notice Emitted on `setLossPolicy`.
    event LossPolicySet(address fund, uint256 coverWindow, bool immediate);
    /// @notice Emitted on everything that books interest: `index` replaces the old index, `feeShares` new shares go to
    /// the protocol.
    event Accrued(address indexed asset, uint256 index, uint256 feeShares);
    /// @notice Emitted on everything that changes cash or debt, or the curve, if the rate changes: the yearly `rate` (RAY)
    /// from now on.
    event RateUpdated(address indexed asset, uint256 rate);
    /// @notice Emitted on `add`.
    event Added(address indexed asset, address indexed spoke, uint256 assets, uint256 shares);
    /// @notice Emitted on `remove`.
    event Removed(address indexed asset, address indexed spoke, address indexed to, uint256 assets, uint256 shares);
    /// @notice Emitted on `addEscrow`.
    event EscrowAdded(address indexed asset, address indexed spoke, uint256 assets);
    /// @notice Emitted on `removeEscrow`.
    event EscrowRemoved(address indexed asset, address indexed spoke, address indexed to, uint256 assets);
    /// @notice Emitted on `addFee` and `addFeeFromEscrow`: a spoke handed collateral to the protocol; `escrowed` of it
    /// left escrow for cash.
    event FeeAdded(address indexed asset, address indexed spoke, uint256 shares, uint256 escrowed);
    /// @notice Emitted on `draw`.
    event Drawn(address indexed asset, address indexed spoke, address indexed to, uint256 assets, uint256 scaled);
    /// @notice Emitted on `restore`.
    event Restored(address indexed asset, address indexed spoke, uint256 assets, uint256 scaled);
    /// @notice Emitted on `give`.
    event SharesGiven(address indexed asset, address indexed spoke, address indexed to, uint256 shares);
    /// @notice Emitted on `restoreWithShares`: no cash moved.
    event RestoredWithShares(
        address indexed asset,
        address indexed spoke,
        uint256 assets,
        uint256 shares,
        uint256 scaled
    );
    /// @notice Emitted on `reportDeficit`.
    event DeficitReported(address indexed asset, address indexed spoke, uint256 assets, uint256 scaled);
    /// @notice Emitted on `reportDeficit`: suppliers bear `assets`, which fees to come may make good, and `owed` of it must.
    event DeficitOpened(address indexed asset, uint256 assets, uint256 owed);
    /// @notice Emitted on everything that books interest: of the protocol's part `assets` went to suppliers.
    event DeficitRecovered(address indexed asset, uint256 assets);
    /// @notice Emitted on `reportDeficit`, when fees or fund bore anything of the loss.
    event DeficitCovered(address indexed asset, uint256 byFees, uint256 feeSharesBurnt, uint256 byFund);
    /// @notice Emitted on `socialise`, and on `reportDeficit` without a window: suppliers bore `assets`, all that was open
    /// and not owed, for good.
    event DeficitSocialised(address indexed asset, uint256 assets);
    /// @notice Emitted on `makeGood`: of what the protocol owed, `byFees` came out of its fee shares and `paid` from the caller.
    event DeficitMadeGood(
        address indexed asset,
        address indexed by,
        uint256 byFees,
        uint256 feeSharesBurnt,
        uint256 paid
    );
    /// @notice Emitted on `claimFees`.
    event FeesClaimed(address indexed asset, address indexed to, uint256 assets, uint256 shares);

    /// @notice Thrown when an asset was never listed.
    error AssetNotListed(address asset);
    /// @notice Thrown when an asset is listed twice.
    error AssetAlreadyListed(address asset);
    /// @notice Thrown when a curve has no kink inside 0..100%, keeps all interest or charges more than 1,000% a year.
    error InvalidRateModel();
    /// @notice Thrown when an outflow limit lets nothing out, is above all that there is, or has a window above 30 days.
    error InvalidOutflowLimit();
    /// @notice Thrown when a policy has the fund of another hub, or a window above a year.
    error InvalidLossPolicy();
    /// @notice Thrown when a spoke that is not active draws, or adds an asset of which it has nothing yet.
    error SpokeNotActive();
    /// @notice Thrown when a halted spoke draws.
    error SpokeHalted();
    /// @notice Thrown when either leg of an operation rounds to zero.
    error ZeroAmount();
    /// @notice Thrown when an amount or a total would reach 2^112 tokens (or scaled debt) or 2^144 shares, or a repayment
    /// exceeds its debt.
    error AmountTooLarge();
    /// @notice Thrown when a spoke would owe more, losses ever reported included, than it may.
    error DrawCapExceeded();
    /// @notice Thrown when suppliers' tokens are lent out: wait, or take shares.
    error InsufficientCash();
    /// @notice Thrown when more would leave than the outflow limit lets out, though it is there: wait, or take shares.
    error OutflowLimited();
    /// @notice Thrown when a spoke has less of what it would give up: shares, escrow or debt.
    error InsufficientShares();
    /// @notice Thrown when a spoke states shares that are not rounded against itself.
    error UnfairShares();
    /// @notice Thrown when there is no open deficit to close, or nothing owed to make good.
    error NoDeficit();
    /// @notice Thrown when fees are claimed while the protocol owes for collateral that it kept: `makeGood`.
    error LossesFirst();
    /// @notice Thrown when a deficit is closed before its window has passed.
    error CoverWindowOpen();

    /// @notice Who has this role may change rate curves, and nothing else; the admin has it, too
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function PARAMETER_ROLE() external view returns (bytes32);
    /// @notice Assets of which the protocol owes for collateral that it kept
    function owing() external view returns (uint256);

    /// @notice Books interest to now; anyone may call
    /// @return index what a scaled debt of one is now, RAY
    function accrue(address asset) external returns (uint256 index);
    /// @notice Books interest to now, and excuses, for the rest of the transaction, what the hub lacks of an asset already, so
    /// that it hinders nobody who pays in; anyone may call
    /// @dev A token can take from a holder (a slash, a rebase, a wipe). Repayments and liquidations heal, and call this.
    /// @return index what a scaled debt of one is now, RAY
    function noteShortage(address asset) external returns (uint256 index);

    /// @notice Books `assets` already transferred in for `shares`, at most their worth rounded down
    /// @dev The spoke states both legs, so that it can round by assets or by shares; the hub refuses legs not rounded
    /// against the spoke.
    /// @dev Warning: transfer and call in one transaction; what lies here unbooked any spoke can book.
    /// @return held what the spoke has of the asset now, escrow included, token units, down
    /// @return fits whether it is active and has no more than its `addCap`: the spoke sees to that
    function add(address asset, uint256 assets, uint256 shares) external returns (uint256 held, bool fits);
    /// @notice Pays `assets` to `to` for `shares`, at least their worth rounded up
    function remove(address asset, uint256 assets, uint256 shares, address to) external;
    /// @notice Books `assets` already transferred in as held for the spoke and never lent
    /// @dev Warning: as for `add`.
    /// @return held as for `add`
    /// @return fits as for `add`
    function addEscrow(address asset, uint256 assets) external returns (uint256 held, bool fits);
    /// @notice Pays escrowed `assets` of the calling spoke to `to`
    function removeEscrow(address asset, uint256 assets, address to) external;
    /// @notice Turns shares of the calling spoke into protocol fees
    function addFee(address asset, uint256 shares) external;
    /// @notice Turns escrowed tokens of the calling spoke into cash and protocol fee shares, down
    function addFeeFromEscrow(address asset, uint256 assets) external;

    /// @notice Lends `assets` to `to` and books scaled debt, up
    /// @return scaled debt booked
    /// @return drawn what the spoke owes now, token units, up
    function draw(address asset, uint256 assets, address to) external returns (uint256 scaled, uint256 drawn);
    /// @notice Books `assets` already transferred in against a debt of `maxScaled`
    /// @return scaled debt burnt: all of it if `assets` is the debt rounded up, else down
    function restore(address asset, uint256 assets, uint256 maxScaled) external returns (uint256 scaled);
    /// @notice Hands shares of the calling spoke to another one, which needs no consent to have more
    function give(address asset, address to, uint256 shares) external;
    /// @notice Burns `shares` of the calling spoke, at least what `assets` cost, against a debt of its own of `maxScaled`: no
    /// cash moves, so there need not be any
    /// @return scaled debt burnt, as for `restore`
    function restoreWithShares(
        address asset,
        uint256 assets,
        uint256 shares,
        uint256 maxScaled
    ) external returns (uint256 scaled);

    /// @notice What can leave now, token units: the bound of `remove`, `draw` and `claimFees`. The cash, or what the outflow limit
    /// lets out if that is less
    /// @dev Of all spokes together: a run goes through whichever is open. Liquidators, too, are paid no more in tokens; they take shares.
    /// So in no window does more than two capacities leave, net of what comes, whatever a spoke does.
    function available(address asset) external view returns (uint256);
    /// @notice The most that can be added of an asset, whatever spokes may, token units: until 2^112 are cash or 2^144 shares
    /// are out
    function room(address asset) external view returns (uint256);
    /// @notice Assets for shares, interest to now included, down
    function toAssetsDown(address asset, uint256 shares) external view returns (uint256);
    /// @notice Assets to be paid for new shares, interest to now included, up
    function toAssetsUp(address asset, uint256 shares) external view returns (uint256);
    /// @notice New shares for assets, interest to now included, down: at most 1e12 for a unit, a million times as many as at
    /// the start
    /// @dev Of a pool that was lost, shares would else cost nothing, and soon no number could hold them. So who supplies such
    /// a pool makes up, until it has a unit for every 1e12 shares, for what is missing of them: a millionth of a pool that
    /// was lost once.
    function toSharesDown(address asset, uint256 assets) external view returns (uint256);
    /// @notice Shares for assets, interest to now included, up
    function toSharesUp(address asset, uint256 assets) external view returns (uint256);
    /// @notice Debt of a scaled amount, interest to now included, up
    function debtOf(address asset, uint256 scaled) external view returns (uint256);
    /// @notice cash + debt, interest to now included
    function totalAssets(address asset) external view returns (uint256);
    /// @notice Losses that suppliers bear, and that fees to come may still make good, as last booked
    function deficitOf(address asset) external view returns (uint256);
    /// @notice The ledger of an asset as last booked; all zero if it is not listed
    function getAsset(address asset) external view returns (Asset memory);
    /// @notice What a spoke may do with an asset, and what it has and owes
    function getSpoke(address asset, address spoke) external view returns (Spoke memory);
    /// @notice Whether nothing may leave the spoke
    function isHalted(address asset, address spoke) external view returns (bool);
    /// @notice Where the outflow limit of an asset stands, as last booked; all zero if it has none
    function getOutflow(address asset) external view returns (Outflow memory);
    /// @notice The rate curve of an asset
    function getRateModel(address asset) external view returns (RateModel memory);

    /// @notice The insurance fund that bears losses after the fees
    function fund() external view returns (IInsuranceFund);
    /// @notice Seconds after a loss for which the protocol's part of interest makes good what suppliers bore
    function coverWindow() external view returns (uint256);
    /// @notice Suppliers bear losses for good at once, without a window
    function immediateLoss() external view returns (bool);

    /// @notice Lists an asset with its rate curve; once, for good
    /// @dev Warning: tokens that rebase or take fees are refused at the first transfer that brings less than was booked.
    function listAsset(address asset, RateModel calldata model) external;
    /// @notice Changes the rate curve from now on; interest so far is booked at the old one
    function setRateModel(address asset, RateModel calldata model) external;
    /// @notice Sets what a spoke may do with an asset; positions it already has stay
    /// @dev The hub holds a spoke to what it may draw. What it may add, and that nothing is taken out of it while it is
    /// halted, a spoke sees to itself, because it knows which operations heal an account: these go on.
    /// @dev Warning: an active spoke is trusted to hold its own debtors to account; it can lose `drawCap`,
    /// and the interest on what it drew: that is asked of debtors, not drawn, and no cap keeps a loss from being written off.
    function setSpoke(
        address asset,
        address spoke,
        uint112 addCap,
        uint112 drawCap,
        bool active,
        bool halted
    ) external;
    /// @notice Limits what may leave of an asset, net of what comes: at once its capacity, `limitBps` of the total assets or, if that is
    /// more, `floorAmount`; what left is forgotten evenly, a capacity in `window` seconds (at most 30 days; 0: no limit). What has
    /// left counts under the new limit, too
    /// @dev Warning: a run on a limited asset lasts longer, and who comes first still takes what there is.
    function setOutflowLimit(address asset, uint16 limitBps, uint112 floorAmount, uint32 window) external;
    /// @notice Sets who bears losses after the fees, and for how long fees to come make good what suppliers bore
    /// @dev Warning: a fund that reverts pays nothing, and is not asked again for the same loss.
    function setLossPolicy(IInsuranceFund fund_, uint256 coverWindow_, bool immediate) external;

    /// @notice Takes unpayable debt of the calling spoke off the books: accrued fees bear it, then the insurance fund, then
    /// every supplier pro rata; without `immediateLoss` what suppliers bear is an open deficit
    /// @param worth token units that the collateral behind it is worth, which became the protocol's: it pays so much before
    /// the fund is asked, at once or, for as long as it takes, out of its part of interest, and takes no fees before
    /// @return assets loss booked: the debt rounded up
    function reportDeficit(address asset, uint256 scaled, uint256 worth) external returns (uint256 assets);
    /// @notice Once the window since the last loss has passed: closes the open deficit, which suppliers bore for good;
    /// anyone may call
    function socialise(address asset) external returns (uint256 assets);
    /// @notice Makes good what the protocol owes of a loss for collateral that it kept: out of its fees of the asset, then
    /// up to `amount` from the caller, who may be anyone
    /// @dev What was forfeited is among the fees of its own asset, which nobody takes before: so it bears the loss that it
    /// backed, at the price at which it was forfeited.
    function makeGood(address asset, uint256 amount) external returns (uint256 paid);
    /// @notice Pays all accrued fees to `to`, once nothing is owed of any asset
    function claimFees(address asset, address to) external returns (uint256 assets);
}
