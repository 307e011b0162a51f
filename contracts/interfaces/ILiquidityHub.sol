// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The hub: owner of every lent token
/// @notice Spokes (vaults and public share tokens) add and remove supply, draw and restore debt, and report losses.
/// Amounts in token units; shares are claims on `totalAssets = cash + debt + deficit`; indices and rates in RAY.
interface ILiquidityHub {
    struct Asset {
        uint256 cash; // lendable tokens held
        uint256 scaledDebt; // debt / borrowIndex
        uint256 borrowIndex; // RAY
        uint256 borrowRate; // RAY per year, in force since lastAccrual
        uint256 lastAccrual; // timestamp
        uint256 totalShares; // claims of all spokes and of the protocol
        uint256 feeShares; // the protocol's part of totalShares: the first layer of the loss waterfall
        uint256 deficit; // unpayable debt not yet covered; bears no interest
        uint256 deficitSince; // when the open deficit appeared, 0 if none
        uint256 escrow; // tokens held for spokes and never lent
        uint256 deficitReported; // sum of all losses ever reported ...
        uint256 coveredByFees; // ... and who bore them
        uint256 coveredByFund;
        uint256 socialised;
    }

    struct RateModel {
        uint256 reserveFactorBps; // share of interest kept by the protocol
        uint256 optimalUsageBps; // the kink
        uint256 baseRateBps; // yearly
        uint256 slope1Bps;
        uint256 slope2Bps;
    }

    struct Spoke {
        uint256 addCap; // largest supply, token units, escrow included
        uint256 drawCap; // largest debt plus losses ever reported: the firewall, token units
        uint256 addedShares;
        uint256 drawnScaled;
        uint256 escrowed; // token units
        uint256 reportedDeficit; // losses ever reported by this spoke, token units
        bool active; // may add and draw
        bool halted; // may neither draw nor remove: nothing leaves
    }

    event AssetListed(address indexed asset);
    event RateModelSet(address indexed asset, RateModel model);
    event SpokeSet(address indexed asset, address indexed spoke, uint256 addCap, uint256 drawCap, bool active, bool halted);
    event LossPolicySet(address fund, uint256 coverWindow, bool immediate);
    /// @notice Emitted when interest is booked: `index` replaces the old index, `feeShares` new shares go to the protocol.
    event Accrued(address indexed asset, uint256 index, uint256 feeShares);
    event RateUpdated(address indexed asset, uint256 rate);
    event Added(address indexed asset, address indexed spoke, uint256 assets, uint256 shares);
    event Removed(address indexed asset, address indexed spoke, address indexed to, uint256 assets, uint256 shares);
    event Drawn(address indexed asset, address indexed spoke, address indexed to, uint256 assets, uint256 scaled);
    event Restored(address indexed asset, address indexed spoke, uint256 assets, uint256 scaled);
    event EscrowAdded(address indexed asset, address indexed spoke, uint256 assets);
    event EscrowRemoved(address indexed asset, address indexed spoke, address indexed to, uint256 assets);
    /// @notice Emitted when a spoke hands collateral to the protocol; `escrowed` of it left escrow for cash.
    event FeeAdded(address indexed asset, address indexed spoke, uint256 shares, uint256 escrowed);
    event DeficitReported(address indexed asset, address indexed spoke, uint256 assets, uint256 scaled);
    event DeficitCovered(address indexed asset, uint256 byFees, uint256 feeSharesBurnt, uint256 byFund);
    event DeficitSocialised(address indexed asset, uint256 assets);
    event FeesClaimed(address indexed asset, address indexed to, uint256 assets, uint256 shares);

    error AssetNotListed(address asset);
    error AssetAlreadyListed(address asset);
    error InvalidRateModel();
    error InvalidLossPolicy();
    /// @notice Thrown when a spoke that may not add or draw tries to.
    error SpokeNotActive();
    /// @notice Thrown when a halted spoke tries to move tokens out.
    error SpokeHalted();
    /// @notice Thrown when either leg of an operation rounds to zero.
    error ZeroAmount();
    error AmountTooLarge();
    error AddCapExceeded();
    error DrawCapExceeded();
    /// @notice Thrown when suppliers' tokens are lent out: wait, or take shares.
    error InsufficientCash();
    error InsufficientShares();
    /// @notice Thrown when a spoke states shares that are not rounded against itself.
    error UnfairShares();
    error NoDeficit();
    error DeficitOpen();
    error CoverWindowOpen();

    function accrue(address asset) external;
    /// @notice Books `assets` already transferred in for `shares`, at most their worth rounded down
    /// @dev The spoke states both legs, so that it can round by assets or by shares; the hub refuses legs not rounded
    /// against the spoke.
    function add(address asset, uint256 assets, uint256 shares) external;
    /// @notice Pays `assets` to `to` for `shares`, at least their worth rounded up
    function remove(address asset, uint256 assets, uint256 shares, address to) external;
    /// @notice Lends `assets` to `to` and books scaled debt, up
    function draw(address asset, uint256 assets, address to) external returns (uint256 scaled);
    /// @notice Books `assets` already transferred in against a debt of `maxScaled`
    /// @return scaled debt burnt: all of it if `assets` is the debt rounded up, else down
    function restore(address asset, uint256 assets, uint256 maxScaled) external returns (uint256 scaled);
    function addEscrow(address asset, uint256 assets) external;
    function removeEscrow(address asset, uint256 assets, address to) external;
    /// @notice Turns shares of the calling spoke into protocol fees
    function addFee(address asset, uint256 shares) external;
    /// @notice Turns escrowed tokens of the calling spoke into cash and protocol fee shares, down
    function addFeeFromEscrow(address asset, uint256 assets) external;
    /// @notice Moves unpayable debt from `scaledDebt` to `deficit`
    /// @return assets loss booked: the debt rounded up
    function reportDeficit(address asset, uint256 scaled) external returns (uint256 assets);

    function toAssetsDown(address asset, uint256 shares) external view returns (uint256);
    function toAssetsUp(address asset, uint256 shares) external view returns (uint256);
    function toSharesDown(address asset, uint256 assets) external view returns (uint256);
    function toSharesUp(address asset, uint256 assets) external view returns (uint256);
    /// @notice Debt of a scaled amount, interest to now included, up
    function debtOf(address asset, uint256 scaled) external view returns (uint256);
    function totalAssets(address asset) external view returns (uint256);
    /// @notice Unpayable debt that nobody has borne yet: shares of the asset are worth less than they read as
    function deficitOf(address asset) external view returns (uint256);
    function getAsset(address asset) external view returns (Asset memory);
    function getSpoke(address asset, address spoke) external view returns (Spoke memory);
}
