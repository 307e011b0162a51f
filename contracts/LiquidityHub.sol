// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {Backing} from "./libraries/Backing.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title LiquidityHub: one ledger of cash, debt, shares and losses per asset
/// @notice Invariants kept here (numbers of the specification): 1 tokens held >= cash + escrow, a donation changes
/// nothing; 2 claims <= totalAssets; 3, 4 spokes' scaled debt and shares sum to the asset's; 5 the index never falls;
/// 6 the share price falls only by a socialised loss; 21, 22 losses are conserved and borne in order; 23 a spoke loses
/// at most its draw cap. Every function reads: checks, accrual, effects, event, transfer. Twin: `sim/protocol/hub.py`.
contract LiquidityHub is ILiquidityHub, AccessControl, ReentrancyGuard {
    using FixedPoint for uint256;
    using SafeERC20 for IERC20;

    /// @dev Shares and assets that exist from the start and belong to nobody: a first depositor cannot be diluted.
    uint256 internal constant VIRTUAL = 1e6;

    /// @dev What accrual changes, and the total that share prices are made of.
    struct Preview {
        uint256 index;
        uint256 totalShares;
        uint256 feeShares;
        uint256 totalAssets;
    }

    IInsuranceFund public fund;
    /// @notice Seconds an open deficit waits for cover before suppliers can be charged.
    uint256 public coverWindow;
    /// @notice Charge suppliers without waiting for the window.
    bool public immediateLoss;

    mapping(address asset => Asset) internal _assets;
    mapping(address asset => RateModel) internal _rateModels;
    mapping(address asset => mapping(address spoke => Spoke)) internal _spokes;

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    // --- configuration ------------------------------------------------------------------------------------------

    /// @notice Lists an asset with its rate curve; once, for good
    function listAsset(address asset, RateModel calldata model) external onlyRole(DEFAULT_ADMIN_ROLE) {
        Asset storage a = _assets[asset];
        if (a.borrowIndex != 0) revert AssetAlreadyListed(asset);
        a.borrowIndex = FixedPoint.RAY;
        a.lastAccrual = block.timestamp;
        emit AssetListed(asset);
        _setRateModel(asset, a, model);
    }

    /// @notice Changes the rate curve from now on; interest so far is booked at the old one
    function setRateModel(address asset, RateModel calldata model) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setRateModel(asset, _accrued(asset), model);
    }

    /// @notice Sets what a spoke may do with an asset; positions it already has stay
    function setSpoke(
        address asset,
        address spoke,
        uint256 addCap,
        uint256 drawCap,
        bool active,
        bool halted
    ) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (_assets[asset].borrowIndex == 0) revert AssetNotListed(asset);
        Spoke storage s = _spokes[asset][spoke];
        (s.addCap, s.drawCap, s.active, s.halted) = (addCap, drawCap, active, halted);
        emit SpokeSet(asset, spoke, addCap, drawCap, active, halted);
    }

    function setLossPolicy(
        IInsuranceFund fund_,
        uint256 coverWindow_,
        bool immediate
    ) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (address(fund_) == address(0) || coverWindow_ > FixedPoint.YEAR) revert InvalidLossPolicy();
        (fund, coverWindow, immediateLoss) = (fund_, coverWindow_, immediate);
        emit LossPolicySet(address(fund_), coverWindow_, immediate);
    }

    // --- interest -----------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function accrue(address asset) external {
        _accrued(asset);
    }

    // --- supply side --------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function add(address asset, uint256 assets, uint256 shares) external nonReentrant {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (!s.active) revert SpokeNotActive();
        if (assets == 0 || shares == 0) revert ZeroAmount();
        if (assets >= FixedPoint.MAX_AMOUNT || a.cash + assets >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        if (shares >= FixedPoint.MAX_SHARES || a.totalShares + shares >= FixedPoint.MAX_SHARES) revert AmountTooLarge();
        if (shares > _toShares(assets, a.totalShares, _totalAssets(a), Math.Rounding.Floor)) revert UnfairShares();
        a.cash += assets;
        a.totalShares += shares;
        s.addedShares += shares;
        _checkAddCap(a, s);
        emit Added(asset, msg.sender, assets, shares);
        _updateRate(asset, a);
        Backing.check(IERC20(asset), a.cash + a.escrow);
    }

    /// @inheritdoc ILiquidityHub
    function remove(address asset, uint256 assets, uint256 shares, address to) external nonReentrant {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (s.halted) revert SpokeHalted();
        if (assets == 0 || shares == 0) revert ZeroAmount();
        if (shares > s.addedShares) revert InsufficientShares();
        if (assets > a.cash) revert InsufficientCash();
        if (shares < _toShares(assets, a.totalShares, _totalAssets(a), Math.Rounding.Ceil)) revert UnfairShares();
        a.cash -= assets;
        a.totalShares -= shares;
        s.addedShares -= shares;
        emit Removed(asset, msg.sender, to, assets, shares);
        _updateRate(asset, a);
        IERC20(asset).safeTransfer(to, assets);
    }

    /// @inheritdoc ILiquidityHub
    function addEscrow(address asset, uint256 assets) external nonReentrant {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (!s.active) revert SpokeNotActive();
        if (assets == 0) revert ZeroAmount();
        if (assets >= FixedPoint.MAX_AMOUNT || a.escrow + assets >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        a.escrow += assets;
        s.escrowed += assets;
        _checkAddCap(a, s);
        emit EscrowAdded(asset, msg.sender, assets);
        Backing.check(IERC20(asset), a.cash + a.escrow);
    }

    /// @inheritdoc ILiquidityHub
    function removeEscrow(address asset, uint256 assets, address to) external nonReentrant {
        Spoke storage s = _spokes[asset][msg.sender];
        if (s.halted) revert SpokeHalted();
        if (assets == 0) revert ZeroAmount();
        if (assets > s.escrowed) revert InsufficientShares();
        _assets[asset].escrow -= assets;
        s.escrowed -= assets;
        emit EscrowRemoved(asset, msg.sender, to, assets);
        IERC20(asset).safeTransfer(to, assets);
    }

    /// @inheritdoc ILiquidityHub
    function addFee(address asset, uint256 shares) external nonReentrant {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (shares > s.addedShares) revert InsufficientShares();
        s.addedShares -= shares;
        a.feeShares += shares;
        emit FeeAdded(asset, msg.sender, shares, 0);
    }

    /// @inheritdoc ILiquidityHub
    function addFeeFromEscrow(address asset, uint256 assets) external nonReentrant {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (assets > s.escrowed) revert InsufficientShares();
        uint256 shares = _toShares(assets, a.totalShares, _totalAssets(a), Math.Rounding.Floor);
        s.escrowed -= assets;
        a.escrow -= assets;
        a.cash += assets;
        a.totalShares += shares;
        a.feeShares += shares;
        emit FeeAdded(asset, msg.sender, shares, assets);
        _updateRate(asset, a);
    }

    // --- debt side ----------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function draw(address asset, uint256 assets, address to) external nonReentrant returns (uint256 scaled) {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (!s.active) revert SpokeNotActive();
        if (s.halted) revert SpokeHalted();
        if (assets == 0) revert ZeroAmount();
        if (assets > a.cash) revert InsufficientCash();
        scaled = assets.mulDivUp(FixedPoint.RAY, a.borrowIndex);
        a.cash -= assets;
        a.scaledDebt += scaled;
        s.drawnScaled += scaled;
        if (_debt(s.drawnScaled, a.borrowIndex) + s.reportedDeficit > s.drawCap) revert DrawCapExceeded();
        emit Drawn(asset, msg.sender, to, assets, scaled);
        _updateRate(asset, a);
        IERC20(asset).safeTransfer(to, assets);
    }

    /// @inheritdoc ILiquidityHub
    function restore(
        address asset,
        uint256 assets,
        uint256 maxScaled
    ) external nonReentrant returns (uint256 scaled) {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        uint256 debt = _debt(maxScaled, a.borrowIndex);
        if (assets > debt) revert AmountTooLarge();
        scaled = assets == debt ? maxScaled : assets.mulDivDown(FixedPoint.RAY, a.borrowIndex);
        if (scaled == 0) revert ZeroAmount();
        if (scaled > s.drawnScaled) revert InsufficientShares();
        a.cash += assets;
        a.scaledDebt -= scaled;
        s.drawnScaled -= scaled;
        emit Restored(asset, msg.sender, assets, scaled);
        _updateRate(asset, a);
        Backing.check(IERC20(asset), a.cash + a.escrow);
    }

    // --- losses -------------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function reportDeficit(address asset, uint256 scaled) external nonReentrant returns (uint256 assets) {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (scaled == 0) revert ZeroAmount();
        if (scaled > s.drawnScaled) revert InsufficientShares();
        assets = _debt(scaled, a.borrowIndex);
        a.scaledDebt -= scaled;
        s.drawnScaled -= scaled;
        s.reportedDeficit += assets;
        if (a.deficit == 0) a.deficitSince = block.timestamp;
        a.deficit += assets;
        a.deficitReported += assets;
        emit DeficitReported(asset, msg.sender, assets, scaled);
        _updateRate(asset, a);
    }

    /// @notice Covers an open deficit from accrued fees, then from the insurance fund; anyone may call
    /// @return byFees token units borne by the protocol's fees
    /// @return byFund token units borne by the fund; the deficit falls by the sum of both
    function cover(address asset) external nonReentrant returns (uint256 byFees, uint256 byFund) {
        Asset storage a = _accrued(asset);
        if (a.deficit == 0) revert NoDeficit();
        (byFees, byFund) = _cover(asset, a);
        if (byFees + byFund == 0) revert ZeroAmount();
    }

    /// @notice Once the cover window has passed: takes what fees and fund still hold, then removes the rest of the open
    /// deficit from `totalAssets`, so that every supplier loses pro rata; anyone may call
    /// @dev Earlier layers are emptied here and not demanded to be empty: fees accrue every second.
    function socialise(address asset) external nonReentrant returns (uint256 assets) {
        Asset storage a = _accrued(asset);
        if (a.deficit == 0) revert NoDeficit();
        if (!immediateLoss && block.timestamp < a.deficitSince + coverWindow) revert CoverWindowOpen();
        _cover(asset, a);
        assets = a.deficit;
        if (assets == 0) return 0;
        a.deficit = 0;
        a.deficitSince = 0;
        a.socialised += assets;
        emit DeficitSocialised(asset, assets);
    }

    /// @notice Pays all accrued fees to `to`; never while a deficit is open, since fees bear losses first
    function claimFees(
        address asset,
        address to
    ) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) returns (uint256 assets) {
        Asset storage a = _accrued(asset);
        if (a.deficit > 0) revert DeficitOpen();
        uint256 shares = a.feeShares;
        assets = _feeAssets(a);
        if (assets == 0) revert ZeroAmount();
        if (assets > a.cash) revert InsufficientCash();
        a.feeShares = 0;
        a.totalShares -= shares;
        a.cash -= assets;
        emit FeesClaimed(asset, to, assets, shares);
        _updateRate(asset, a);
        IERC20(asset).safeTransfer(to, assets);
    }

    // --- views --------------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function toAssetsDown(address asset, uint256 shares) external view returns (uint256) {
        Preview memory p = _preview(asset);
        return _toAssets(shares, p.totalShares, p.totalAssets, Math.Rounding.Floor);
    }

    /// @inheritdoc ILiquidityHub
    function toAssetsUp(address asset, uint256 shares) external view returns (uint256) {
        Preview memory p = _preview(asset);
        return _toAssets(shares, p.totalShares, p.totalAssets, Math.Rounding.Ceil);
    }

    /// @inheritdoc ILiquidityHub
    function toSharesDown(address asset, uint256 assets) external view returns (uint256) {
        Preview memory p = _preview(asset);
        return _toShares(assets, p.totalShares, p.totalAssets, Math.Rounding.Floor);
    }

    /// @inheritdoc ILiquidityHub
    function toSharesUp(address asset, uint256 assets) external view returns (uint256) {
        Preview memory p = _preview(asset);
        return _toShares(assets, p.totalShares, p.totalAssets, Math.Rounding.Ceil);
    }

    /// @inheritdoc ILiquidityHub
    function debtOf(address asset, uint256 scaled) external view returns (uint256) {
        return _debt(scaled, _preview(asset).index);
    }

    /// @inheritdoc ILiquidityHub
    function totalAssets(address asset) external view returns (uint256) {
        return _preview(asset).totalAssets;
    }

    /// @inheritdoc ILiquidityHub
    function deficitOf(address asset) external view returns (uint256) {
        return _assets[asset].deficit;
    }

    /// @inheritdoc ILiquidityHub
    function getAsset(address asset) external view returns (Asset memory) {
        return _assets[asset];
    }

    /// @inheritdoc ILiquidityHub
    function getSpoke(address asset, address spoke) external view returns (Spoke memory) {
        return _spokes[asset][spoke];
    }

    function getRateModel(address asset) external view returns (RateModel memory) {
        return _rateModels[asset];
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Books interest once per timestamp, before anything else touches the asset.
    function _accrued(address asset) internal returns (Asset storage a) {
        a = _assets[asset];
        if (a.borrowIndex == 0) revert AssetNotListed(asset);
        if (a.lastAccrual == block.timestamp) return a;
        Preview memory p = _preview(asset);
        uint256 feeShares = p.feeShares - a.feeShares;
        (a.borrowIndex, a.totalShares, a.feeShares) = (p.index, p.totalShares, p.feeShares);
        a.lastAccrual = block.timestamp;
        emit Accrued(asset, p.index, feeShares);
    }

    /// @dev The asset as accrual would leave it now. The index saturates at its bound instead of bricking repayment.
    function _preview(address asset) internal view returns (Preview memory p) {
        Asset storage a = _assets[asset];
        (p.index, p.totalShares, p.feeShares, p.totalAssets) = (
            a.borrowIndex,
            a.totalShares,
            a.feeShares,
            _totalAssets(a)
        );
        uint256 dt = block.timestamp - a.lastAccrual;
        if (dt == 0 || a.scaledDebt == 0) return p;
        uint256 index = p.index.mulDivHalf(FixedPoint.growthFactor(a.borrowRate, dt), FixedPoint.RAY);
        index = Math.min(index, FixedPoint.MAX_INDEX);
        uint256 interest = _debt(a.scaledDebt, index) - _debt(a.scaledDebt, p.index);
        p.index = index;
        p.totalAssets += interest;
        uint256 fee = interest.mulDivDown(_rateModels[asset].reserveFactorBps, FixedPoint.BPS);
        uint256 shares = _toShares(fee, p.totalShares, p.totalAssets - fee, Math.Rounding.Floor);
        p.totalShares += shares;
        p.feeShares += shares;
    }

    /// @dev Fees first, then the fund; the share price does not fall.
    function _cover(address asset, Asset storage a) internal returns (uint256 byFees, uint256 byFund) {
        byFees = _feeAssets(a);
        uint256 burnt = byFees == 0 ? 0 : a.feeShares;
        if (byFees > a.deficit) {
            byFees = a.deficit;
            burnt = _toShares(byFees, a.totalShares, _totalAssets(a), Math.Rounding.Ceil);
        }
        a.feeShares -= burnt;
        a.totalShares -= burnt;
        a.deficit -= byFees;
        a.coveredByFees += byFees;
        if (a.deficit > 0) {
            byFund = fund.payOut(asset, a.deficit);
            a.deficit -= byFund;
            a.cash += byFund;
            a.coveredByFund += byFund;
        }
        if (a.deficit == 0) a.deficitSince = 0;
        if (byFees + byFund == 0) return (0, 0);
        emit DeficitCovered(asset, byFees, burnt, byFund);
        _updateRate(asset, a);
        Backing.check(IERC20(asset), a.cash + a.escrow);
    }

    function _setRateModel(address asset, Asset storage a, RateModel calldata m) internal {
        if (m.reserveFactorBps >= FixedPoint.BPS) revert InvalidRateModel();
        if (m.optimalUsageBps == 0 || m.optimalUsageBps >= FixedPoint.BPS) revert InvalidRateModel();
        if (m.baseRateBps > 1e5 || m.slope1Bps > 1e5 || m.slope2Bps > 1e5) revert InvalidRateModel();
        if (m.baseRateBps + m.slope1Bps + m.slope2Bps > 1e5) revert InvalidRateModel();
        _rateModels[asset] = m;
        emit RateModelSet(asset, m);
        _updateRate(asset, a);
    }

    /// @dev After every change of cash or debt.
    function _updateRate(address asset, Asset storage a) internal {
        RateModel storage m = _rateModels[asset];
        uint256 rate = FixedPoint.borrowRate(
            a.cash,
            _debt(a.scaledDebt, a.borrowIndex),
            m.optimalUsageBps,
            m.baseRateBps,
            m.slope1Bps,
            m.slope2Bps
        );
        if (rate == a.borrowRate) return;
        a.borrowRate = rate;
        emit RateUpdated(asset, rate);
    }

    function _checkAddCap(Asset storage a, Spoke storage s) internal view {
        uint256 assets = _toAssets(s.addedShares, a.totalShares, _totalAssets(a), Math.Rounding.Floor);
        if (assets + s.escrowed > s.addCap) revert AddCapExceeded();
    }

    function _debt(uint256 scaled, uint256 index) internal pure returns (uint256) {
        return scaled.mulDivUp(index, FixedPoint.RAY);
    }

    function _totalAssets(Asset storage a) internal view returns (uint256) {
        return a.cash + _debt(a.scaledDebt, a.borrowIndex) + a.deficit;
    }

    /// @dev What the protocol's fee shares are worth, down.
    function _feeAssets(Asset storage a) internal view returns (uint256) {
        return _toAssets(a.feeShares, a.totalShares, _totalAssets(a), Math.Rounding.Floor);
    }

    function _toShares(uint256 assets, uint256 shares_, uint256 assets_, Math.Rounding r) internal pure returns (uint256) {
        return Math.mulDiv(assets, shares_ + VIRTUAL, assets_ + VIRTUAL, r);
    }

    function _toAssets(uint256 shares, uint256 shares_, uint256 assets_, Math.Rounding r) internal pure returns (uint256) {
        return Math.mulDiv(shares, assets_ + VIRTUAL, shares_ + VIRTUAL, r);
    }
}
