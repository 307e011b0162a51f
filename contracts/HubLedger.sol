// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {Backing} from "./libraries/Backing.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title HubLedger: cash, debt and shares of every asset, and what spokes may do with them
/// @notice Invariants kept here (numbers of the specification): 1 tokens held >= cash + escrow, a donation changes
/// nothing; 2 claims <= totalAssets; 3, 4 spokes' scaled debt and shares sum to the asset's; 5 the index never falls;
/// 23 a spoke loses at most its draw cap and interest on what it drew. Every function reads: checks, accrual, effects,
/// event, transfer.
/// Twin: `sim/protocol/hub.py`.
abstract contract HubLedger is ILiquidityHub, AccessControl, ReentrancyGuardTransient {
    using FixedPoint for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @inheritdoc ILiquidityHub
    bytes32 public constant PARAMETER_ROLE = keccak256("PARAMETER_ROLE");
    /// @dev Exist from the start and are nobody's: a first depositor cannot be diluted; claims never exceed what is there.
    uint256 internal constant VIRTUAL_SHARES = 1e6;
    uint256 internal constant VIRTUAL_ASSETS = 1;

    /// @dev What accrual changes, and the total that share prices are made of.
    struct Preview {
        uint256 index;
        uint256 totalShares;
        uint256 feeShares;
        uint256 totalAssets;
        uint256 feeRemainder;
        uint256 recovered;
    }

    mapping(address asset => Asset) internal _assets;
    mapping(address asset => RateModel) internal _rateModels;
    mapping(address asset => mapping(address spoke => Spoke)) internal _spokes;
    mapping(address asset => Outflow) internal _outflows;
    /// @inheritdoc ILiquidityHub
    uint256 public owing;
    /// @dev Of what and how much `noteShortage` found missing, in this transaction.
    address internal transient _shortOf;
    uint256 internal transient _shortage;

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PARAMETER_ROLE, admin);
    }

    // --- interest -----------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function accrue(address asset) external returns (uint256 index) {
        return _accrued(asset).borrowIndex;
    }

    /// @inheritdoc ILiquidityHub
    function noteShortage(address asset) external nonReentrant returns (uint256 index) {
        Asset storage a = _accrued(asset);
        (, uint256 short) = Math.trySub(_held(a), IERC20(asset).balanceOf(address(this)));
        (_shortOf, _shortage) = (asset, short);
        return a.borrowIndex;
    }

    // --- supply side --------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function add(
        address asset,
        uint256 assets,
        uint256 shares
    ) external nonReentrant returns (uint256 held, bool fits) {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (!_mayAdd(s)) revert SpokeNotActive();
        if (assets == 0 || shares == 0) revert ZeroAmount();
        if (assets >= FixedPoint.MAX_AMOUNT || a.cash + assets >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        if (shares >= FixedPoint.MAX_SHARES || a.totalShares + shares >= FixedPoint.MAX_SHARES) revert AmountTooLarge();
        if (shares > _minted(assets, a.totalShares, _totalAssets(a))) revert UnfairShares();
        _putIn(asset, a, assets);
        a.totalShares += uint160(shares);
        s.addedShares += uint144(shares);
        emit Added(asset, msg.sender, assets, shares);
        _updateRate(asset, a);
        _checkBacked(asset, a);
        return _holding(a, s);
    }

    /// @inheritdoc ILiquidityHub
    function remove(address asset, uint256 assets, uint256 shares, address to) external nonReentrant {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (assets == 0 || shares == 0) revert ZeroAmount();
        if (shares > s.addedShares) revert InsufficientShares();
        if (shares < _burnt(assets, a.totalShares, _totalAssets(a))) revert UnfairShares();
        _takeOut(asset, a, assets);
        a.totalShares -= uint160(shares);
        s.addedShares -= uint144(shares);
        emit Removed(asset, msg.sender, to, assets, shares);
        _updateRate(asset, a);
        IERC20(asset).safeTransfer(to, assets);
    }

    /// @inheritdoc ILiquidityHub
    function addEscrow(address asset, uint256 assets) external nonReentrant returns (uint256 held, bool fits) {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (!_mayAdd(s)) revert SpokeNotActive();
        if (assets == 0) revert ZeroAmount();
        if (assets >= FixedPoint.MAX_AMOUNT || a.escrow + assets >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        a.escrow += uint128(assets);
        s.escrowed += uint128(assets);
        emit EscrowAdded(asset, msg.sender, assets);
        _checkBacked(asset, a);
        return _holding(a, s);
    }

    /// @inheritdoc ILiquidityHub
    function removeEscrow(address asset, uint256 assets, address to) external nonReentrant {
        Spoke storage s = _spokes[asset][msg.sender];
        if (assets == 0) revert ZeroAmount();
        if (assets > s.escrowed) revert InsufficientShares();
        _assets[asset].escrow -= uint128(assets);
        s.escrowed -= uint128(assets);
        emit EscrowRemoved(asset, msg.sender, to, assets);
        IERC20(asset).safeTransfer(to, assets);
    }

    /// @inheritdoc ILiquidityHub
    function addFee(address asset, uint256 shares) external nonReentrant {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (shares > s.addedShares) revert InsufficientShares();
        s.addedShares -= uint144(shares);
        a.feeShares += uint144(shares);
        emit FeeAdded(asset, msg.sender, shares, 0);
    }

    /// @inheritdoc ILiquidityHub
    function addFeeFromEscrow(address asset, uint256 assets) external nonReentrant {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (assets > s.escrowed) revert InsufficientShares();
        uint256 shares = _feeFor(assets, a.totalShares, _totalAssets(a));
        s.escrowed -= uint128(assets);
        a.escrow -= uint128(assets);
        a.cash += uint128(assets);
        a.feeShares += uint144(shares);
        a.totalShares += uint160(shares);
        emit FeeAdded(asset, msg.sender, shares, assets);
        _updateRate(asset, a);
    }

    // --- debt side ----------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function draw(
        address asset,
        uint256 assets,
        address to
    ) external nonReentrant returns (uint256 scaled, uint256 drawn) {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (!s.active) revert SpokeNotActive();
        if (s.halted) revert SpokeHalted();
        if (assets == 0) revert ZeroAmount();
        _takeOut(asset, a, assets);
        scaled = assets.mulDivUp(FixedPoint.RAY, a.borrowIndex);
        if (a.scaledDebt + scaled >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        a.scaledDebt += uint112(scaled);
        s.drawnScaled += uint128(scaled);
        drawn = _debtAt(s.drawnScaled, a.borrowIndex);
        if (drawn + s.reportedDeficit > s.drawCap) revert DrawCapExceeded();
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
        scaled = _burnDebt(a, _spokes[asset][msg.sender], assets, maxScaled);
        _putIn(asset, a, assets);
        emit Restored(asset, msg.sender, assets, scaled);
        _updateRate(asset, a);
        _checkBacked(asset, a);
    }

    /// @inheritdoc ILiquidityHub
    function give(address asset, address to, uint256 shares) external nonReentrant {
        _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (shares == 0) revert ZeroAmount();
        if (shares > s.addedShares) revert InsufficientShares();
        s.addedShares -= uint144(shares);
        _spokes[asset][to].addedShares += uint144(shares);
        emit SharesGiven(asset, msg.sender, to, shares);
    }

    /// @inheritdoc ILiquidityHub
    function restoreWithShares(
        address asset,
        uint256 assets,
        uint256 shares,
        uint256 maxScaled
    ) external nonReentrant returns (uint256 scaled) {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (shares > s.addedShares) revert InsufficientShares();
        if (shares < _burnt(assets, a.totalShares, _totalAssets(a))) revert UnfairShares();
        scaled = _burnDebt(a, s, assets, maxScaled);
        a.totalShares -= uint160(shares);
        s.addedShares -= uint144(shares);
        emit RestoredWithShares(asset, msg.sender, assets, shares, scaled);
        _updateRate(asset, a);
    }

    // --- views --------------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function available(address asset) public view returns (uint256) {
        Asset storage a = _assets[asset];
        if (!a.limited) return a.cash;
        (uint256 level, uint256 capacity) = _bucket(asset);
        (, uint256 left) = Math.trySub(capacity, level);
        return Math.min(a.cash, left);
    }

    /// @inheritdoc ILiquidityHub
    function room(address asset) external view returns (uint256) {
        Preview memory p = _preview(asset);
        (, uint256 assets) = Math.trySub(FixedPoint.MAX_AMOUNT - 1, _assets[asset].cash);
        uint256 shares = FixedPoint.MAX_SHARES - 1 - p.totalShares;
        uint256 paid = shares.mulDivDown(_backing(p.totalShares, p.totalAssets), p.totalShares + VIRTUAL_SHARES);
        return Math.min(assets, paid);
    }

    /// @inheritdoc ILiquidityHub
    function toAssetsDown(address asset, uint256 shares) external view returns (uint256) {
        Preview memory p = _preview(asset);
        return _toAssets(shares, p.totalShares, p.totalAssets);
    }

    /// @inheritdoc ILiquidityHub
    function toAssetsUp(address asset, uint256 shares) external view returns (uint256) {
        Preview memory p = _preview(asset);
        return shares.mulDivUp(_backing(p.totalShares, p.totalAssets), p.totalShares + VIRTUAL_SHARES);
    }

    /// @inheritdoc ILiquidityHub
    function toSharesDown(address asset, uint256 assets) external view returns (uint256) {
        Preview memory p = _preview(asset);
        return _minted(assets, p.totalShares, p.totalAssets);
    }

    /// @inheritdoc ILiquidityHub
    function toSharesUp(address asset, uint256 assets) external view returns (uint256) {
        Preview memory p = _preview(asset);
        return _burnt(assets, p.totalShares, p.totalAssets);
    }

    /// @inheritdoc ILiquidityHub
    function debtOf(address asset, uint256 scaled) external view returns (uint256) {
        return _debtAt(scaled, _preview(asset).index);
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

    /// @inheritdoc ILiquidityHub
    function isHalted(address asset, address spoke) external view returns (bool) {
        return _spokes[asset][spoke].halted;
    }

    /// @inheritdoc ILiquidityHub
    function getOutflow(address asset) external view returns (Outflow memory) {
        return _outflows[asset];
    }

    /// @inheritdoc ILiquidityHub
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
        emit Accrued(asset, p.index, p.feeShares - a.feeShares);
        (a.borrowIndex, a.lastAccrual) = (uint96(p.index), uint40(block.timestamp));
        a.feeRemainder = uint24(p.feeRemainder);
        (a.totalShares, a.feeShares) = (uint160(p.totalShares), uint144(p.feeShares));
        if (p.recovered == 0) return a;
        _recover(a, p.recovered);
        emit DeficitRecovered(asset, p.recovered);
    }

    /// @dev Books what the protocol makes good of the open deficit, first of what it owes.
    function _recover(Asset storage a, uint256 assets) internal {
        (, uint256 owed) = Math.trySub(a.deficitOwed, assets);
        if (owed == 0 && a.deficitOwed != 0) --owing;
        (a.deficit, a.deficitOwed) = (a.deficit - uint128(assets), uint128(owed));
        a.coveredByFees += uint128(assets);
        if (a.deficit == 0) a.deficitSince = 0;
    }

    /// @dev The asset as accrual would leave it now. The index saturates at its bound instead of bricking repayment. Of
    /// the protocol's part of the interest a fraction of a unit is carried over, so that it does not matter how often
    /// interest is booked; while a deficit is open suppliers keep it, second by second, so that nobody can come for it.
    function _preview(address asset) internal view returns (Preview memory p) {
        Asset storage a = _assets[asset];
        p = Preview(a.borrowIndex, a.totalShares, a.feeShares, _totalAssets(a), a.feeRemainder, 0);
        uint256 dt = block.timestamp - a.lastAccrual;
        if (dt == 0 || a.scaledDebt == 0) return p;
        uint256 index = p.index.mulDivHalf(FixedPoint.growthFactor(a.borrowRate, dt), FixedPoint.RAY);
        index = Math.min(index, FixedPoint.MAX_INDEX);
        uint256 interest = _debtAt(a.scaledDebt, index) - _debtAt(a.scaledDebt, p.index);
        p.index = index;
        p.totalAssets += interest;
        uint256 feeInBps = interest * _rateModels[asset].reserveFactorBps + p.feeRemainder;
        uint256 fee = feeInBps / FixedPoint.BPS;
        p.feeRemainder = feeInBps - fee * FixedPoint.BPS;
        p.recovered = a.deficitSince == 0 ? 0 : Math.min(fee, a.deficit); // since: no word more to read
        fee -= p.recovered;
        uint256 shares = _feeFor(fee, p.totalShares, p.totalAssets - fee);
        p.totalShares += shares;
        p.feeShares += shares;
    }

    /// @dev Scaled debt of a spoke for what pays it, down, or all of `maxScaled` if that is paid up: debt falls by no more than
    /// `assets`, so no share loses by it.
    function _burnDebt(
        Asset storage a,
        Spoke storage s,
        uint256 assets,
        uint256 maxScaled
    ) internal returns (uint256 scaled) {
        uint256 debt = _debtAt(maxScaled, a.borrowIndex);
        if (assets > debt) revert AmountTooLarge();
        scaled = assets == debt ? maxScaled : assets.mulDivDown(FixedPoint.RAY, a.borrowIndex);
        if (scaled == 0) revert ZeroAmount();
        if (scaled > s.drawnScaled) revert InsufficientShares();
        a.scaledDebt -= uint112(scaled);
        s.drawnScaled -= uint128(scaled);
    }

    /// @dev Cash that is paid out; it fills the bucket, if the asset has one.
    function _takeOut(address asset, Asset storage a, uint256 assets) internal {
        if (assets > a.cash) revert InsufficientCash();
        if (a.limited) {
            (uint256 level, uint256 capacity) = _bucket(asset);
            if (level + assets > capacity) revert OutflowLimited();
            _fill(asset, level + assets, capacity);
        }
        a.cash -= uint128(assets);
    }

    /// @dev Cash that came; it takes as much out of the bucket, which gives no credit beyond being empty.
    function _putIn(address asset, Asset storage a, uint256 assets) internal {
        if (a.limited) {
            (uint256 level, uint256 capacity) = _bucket(asset);
            (, uint256 left) = Math.trySub(level, assets);
            if (level > 0) _fill(asset, left, capacity);
        }
        a.cash += assets.toUint128();
    }

    function _fill(address asset, uint256 level, uint256 capacity) internal {
        Outflow storage o = _outflows[asset];
        (o.level, o.capacity, o.levelAt) = (uint128(level), uint128(capacity), uint40(block.timestamp));
    }

    /// @dev What is in the bucket now, up, and what it holds: once it is empty, anew of what there is.
    function _bucket(address asset) internal view returns (uint256 level, uint256 capacity) {
        Outflow storage o = _outflows[asset];
        uint256 drained = uint256(o.capacity).mulDivDown(block.timestamp - o.levelAt, o.window);
        (, level) = Math.trySub(o.level, drained);
        if (level > 0) return (level, o.capacity);
        capacity = _preview(asset).totalAssets.mulDivDown(o.limitBps, FixedPoint.BPS);
        return (0, Math.max(capacity, o.floorAmount));
    }

    /// @dev After every change of cash or debt.
    function _updateRate(address asset, Asset storage a) internal {
        RateModel storage m = _rateModels[asset];
        uint256 rate = FixedPoint.borrowRate(
            a.cash,
            _debtAt(a.scaledDebt, a.borrowIndex),
            m.optimalUsageBps,
            m.baseRateBps,
            m.slope1Bps,
            m.slope2Bps
        );
        if (rate == a.borrowRate) return;
        a.borrowRate = uint96(rate);
        emit RateUpdated(asset, rate);
    }

    /// @dev What a spoke has, and whether it may have it.
    function _holding(Asset storage a, Spoke storage s) internal view returns (uint256 held, bool fits) {
        held = s.escrowed + _toAssets(s.addedShares, a.totalShares, _totalAssets(a));
        return (held, s.active && held <= s.addCap);
    }

    /// @dev Whoever has anything here may add: what accounts that owe put on top is nobody's to refuse.
    function _mayAdd(Spoke storage s) internal view returns (bool) {
        return s.active || s.addedShares + s.escrowed + s.drawnScaled > 0;
    }

    /// @dev Every inflow ends here. A shortage that was noted before it is no fault of who pays in.
    function _checkBacked(address asset, Asset storage a) internal view {
        Backing.check(IERC20(asset), _held(a), _shortOf == asset ? _shortage : 0);
    }

    /// @dev What must be there of the token.
    function _held(Asset storage a) internal view returns (uint256) {
        return uint256(a.cash) + a.escrow;
    }

    function _debtAt(uint256 scaled, uint256 index) internal pure returns (uint256) {
        return scaled.mulDivUp(index, FixedPoint.RAY);
    }

    function _totalAssets(Asset storage a) internal view returns (uint256) {
        return a.cash + _debtAt(a.scaledDebt, a.borrowIndex);
    }

    /// @dev What the protocol's fee shares are worth, down.
    function _feeAssets(Asset storage a) internal view returns (uint256) {
        return _toAssets(a.feeShares, a.totalShares, _totalAssets(a));
    }

    /// @dev Down, and what does not fit is forgone: a fee never keeps anything else from happening.
    function _feeFor(uint256 assets, uint256 shares_, uint256 assets_) internal pure returns (uint256) {
        return Math.min(_minted(assets, shares_, assets_), FixedPoint.MAX_SHARES - 1 - shares_);
    }

    /// @dev New shares for assets, down.
    function _minted(uint256 assets, uint256 shares_, uint256 assets_) internal pure returns (uint256) {
        return assets.mulDivDown(shares_ + VIRTUAL_SHARES, _backing(shares_, assets_));
    }

    /// @dev Shares that assets cost who takes them out, up.
    function _burnt(uint256 assets, uint256 shares_, uint256 assets_) internal pure returns (uint256) {
        return assets.mulDivUp(shares_ + VIRTUAL_SHARES, assets_ + VIRTUAL_ASSETS);
    }

    function _toAssets(uint256 shares, uint256 shares_, uint256 assets_) internal pure returns (uint256) {
        return shares.mulDivDown(assets_ + VIRTUAL_ASSETS, shares_ + VIRTUAL_SHARES);
    }

    /// @dev The assets that all shares count for where shares are minted: more than there are if the pool was lost.
    function _backing(uint256 shares_, uint256 assets_) internal pure returns (uint256) {
        uint256 least = Math.ceilDiv(shares_ + VIRTUAL_SHARES, FixedPoint.SHARES_OF_A_LOST_POOL);
        return Math.max(assets_ + VIRTUAL_ASSETS, least);
    }
}
