// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {HubLedger} from "./HubLedger.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title LiquidityHub: configuration, and who bears what debtors do not pay, on top of the ledger
/// @notice Fees first, then the insurance fund, then all suppliers, at once; for a window the protocol's part of interest
/// makes good what suppliers bore. Invariants kept here (numbers of the specification): 6 the share price falls only by a
/// loss; 21, 22 losses are conserved and borne in order.
/// Twin: `sim/protocol/hub_losses.py`.
contract LiquidityHub is HubLedger {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;
    using FixedPoint for uint256;

    /// @dev Longest of an outflow limit.
    uint256 internal constant MOST_WINDOW = 30 days;

    /// @inheritdoc ILiquidityHub
    IInsuranceFund public fund;
    /// @inheritdoc ILiquidityHub
    uint256 public coverWindow;
    /// @inheritdoc ILiquidityHub
    bool public immediateLoss;

    constructor(address admin) HubLedger(admin) {}

    // --- configuration ------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    function listAsset(address asset, RateModel calldata model) external onlyRole(DEFAULT_ADMIN_ROLE) {
        Asset storage a = _assets[asset];
        if (a.borrowIndex != 0) revert AssetAlreadyListed(asset);
        (a.borrowIndex, a.lastAccrual) = (uint96(FixedPoint.RAY), uint40(block.timestamp));
        emit AssetListed(asset);
        _setRateModel(asset, a, model);
    }

    /// @inheritdoc ILiquidityHub
    function setRateModel(address asset, RateModel calldata model) external onlyRole(PARAMETER_ROLE) {
        _setRateModel(asset, _accrued(asset), model);
    }

    /// @inheritdoc ILiquidityHub
    function setSpoke(
        address asset,
        address spoke,
        uint112 addCap,
        uint112 drawCap,
        bool active,
        bool halted
    ) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (_assets[asset].borrowIndex == 0) revert AssetNotListed(asset);
        Spoke storage s = _spokes[asset][spoke];
        (s.addCap, s.drawCap, s.active, s.halted) = (addCap, drawCap, active, halted);
        emit SpokeSet(asset, spoke, addCap, drawCap, active, halted);
    }

    /// @inheritdoc ILiquidityHub
    function setOutflowLimit(
        address asset,
        uint16 limitBps,
        uint112 floorAmount,
        uint32 window
    ) external onlyRole(DEFAULT_ADMIN_ROLE) {
        Asset storage a = _accrued(asset);
        bool sound = limitBps <= FixedPoint.BPS && window <= MOST_WINDOW && (limitBps > 0 || floorAmount > 0);
        if (window > 0 && !sound) revert InvalidOutflowLimit();
        Outflow storage o = _outflows[asset];
        uint256 level = 0;
        if (a.limited) (level, ) = _bucket(asset);
        (a.limited, o.window, o.limitBps, o.floorAmount) = (window > 0, window, limitBps, floorAmount);
        uint256 capacity = _totalAssets(a).mulDivDown(limitBps, FixedPoint.BPS);
        _fill(asset, level, Math.max(capacity, floorAmount));
        emit OutflowLimitSet(asset, limitBps, floorAmount, window);
    }

    /// @inheritdoc ILiquidityHub
    function setLossPolicy(
        IInsuranceFund fund_,
        uint256 coverWindow_,
        bool immediate
    ) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (coverWindow_ > FixedPoint.YEAR || fund_.hub() != address(this)) revert InvalidLossPolicy();
        (fund, coverWindow, immediateLoss) = (fund_, coverWindow_, immediate);
        emit LossPolicySet(address(fund_), coverWindow_, immediate);
    }

    // --- losses -------------------------------------------------------------------------------------------------

    /// @inheritdoc ILiquidityHub
    /// @dev Nothing is left to flee from: in the same call fees and fund pay, and shares lose what remains. Fees are worth
    /// here what they were before the loss. The fund does not pay for what the protocol kept the collateral of; it is asked
    /// first, for whoever its token calls must not see half of a loss.
    function reportDeficit(
        address asset,
        uint256 scaled,
        uint256 worth
    ) external nonReentrant returns (uint256 assets) {
        Asset storage a = _accrued(asset);
        Spoke storage s = _spokes[asset][msg.sender];
        if (scaled == 0) revert ZeroAmount();
        if (scaled > s.drawnScaled) revert InsufficientShares();
        assets = _debtAt(scaled, a.borrowIndex);
        uint256 byFees = Math.min(_feeAssets(a), assets);
        (, uint256 owed) = Math.trySub(Math.min(worth, assets), byFees);
        uint256 byFund = _askFund(asset, assets - byFees - owed);
        (, uint256 burnt) = _burnFees(a, assets);
        a.scaledDebt -= uint112(scaled);
        s.drawnScaled -= uint128(scaled);
        s.reportedDeficit += assets.toUint128();
        a.deficitReported += assets.toUint128();
        a.coveredByFees += uint128(byFees);
        emit DeficitReported(asset, msg.sender, assets, scaled);
        if (owed > 0 && a.deficitOwed == 0) ++owing;
        a.cash += uint128(byFund);
        a.coveredByFund += uint128(byFund);
        if (byFees + byFund > 0) emit DeficitCovered(asset, byFees, burnt, byFund);
        uint256 rest = assets - byFees - byFund;
        if (rest > 0) {
            a.deficit += uint128(rest);
            a.deficitOwed += uint128(owed);
            a.deficitSince = uint40(block.timestamp);
            emit DeficitOpened(asset, rest, owed);
            if (immediateLoss && rest > owed) _close(asset, a);
        }
        _updateRate(asset, a);
    }

    /// @inheritdoc ILiquidityHub
    function socialise(address asset) external nonReentrant returns (uint256 assets) {
        Asset storage a = _accrued(asset);
        if (a.deficit == a.deficitOwed) revert NoDeficit();
        if (!immediateLoss && block.timestamp < a.deficitSince + coverWindow) revert CoverWindowOpen();
        return _close(asset, a);
    }

    /// @inheritdoc ILiquidityHub
    function makeGood(address asset, uint256 amount) external nonReentrant returns (uint256 paid) {
        Asset storage a = _accrued(asset);
        if (a.deficitOwed == 0) revert NoDeficit();
        (uint256 byFees, uint256 burnt) = _burnFees(a, a.deficitOwed);
        paid = Math.min(amount, a.deficitOwed - byFees);
        if (byFees + paid == 0) revert ZeroAmount();
        _recover(a, byFees + paid);
        a.cash += uint128(paid);
        emit DeficitMadeGood(asset, msg.sender, byFees, burnt, paid);
        _updateRate(asset, a);
        if (paid > 0) IERC20(asset).safeTransferFrom(msg.sender, address(this), paid);
        _checkBacked(asset, a);
    }

    /// @inheritdoc ILiquidityHub
    function claimFees(
        address asset,
        address to
    ) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) returns (uint256 assets) {
        Asset storage a = _accrued(asset);
        if (owing != 0) revert LossesFirst();
        uint256 shares = a.feeShares;
        assets = _feeAssets(a);
        if (assets == 0) revert ZeroAmount();
        _takeOut(asset, a, assets);
        a.feeShares = 0;
        a.totalShares -= uint160(shares);
        emit FeesClaimed(asset, to, assets, shares);
        _updateRate(asset, a);
        IERC20(asset).safeTransfer(to, assets);
    }

    // --- internals ----------------------------------------------------------------------------------------------

    function _setRateModel(address asset, Asset storage a, RateModel calldata m) internal {
        if (m.reserveFactorBps >= FixedPoint.BPS) revert InvalidRateModel();
        if (m.optimalUsageBps == 0 || m.optimalUsageBps >= FixedPoint.BPS) revert InvalidRateModel();
        if (m.baseRateBps > 1e5 || m.slope1Bps > 1e5 || m.slope2Bps > 1e5) revert InvalidRateModel();
        if (m.baseRateBps + m.slope1Bps + m.slope2Bps > 1e5) revert InvalidRateModel();
        _rateModels[asset] = m;
        emit RateModelSet(asset, m);
        _updateRate(asset, a);
    }

    /// @dev Up to `loss` of the protocol's fee shares; what suppliers' shares are worth does not fall by it.
    function _burnFees(Asset storage a, uint256 loss) internal returns (uint256 byFees, uint256 burnt) {
        byFees = _feeAssets(a);
        burnt = byFees == 0 ? 0 : a.feeShares;
        if (byFees > loss) {
            byFees = loss;
            burnt = _burnt(byFees, a.totalShares, _totalAssets(a));
        }
        a.feeShares -= uint144(burnt);
        a.totalShares -= uint160(burnt);
    }

    /// @dev From now on fees make good no more than what the protocol owes for collateral.
    function _close(address asset, Asset storage a) internal returns (uint256 assets) {
        assets = a.deficit - a.deficitOwed;
        a.deficit = a.deficitOwed;
        if (a.deficit == 0) a.deficitSince = 0;
        a.socialised += uint128(assets);
        emit DeficitSocialised(asset, assets);
    }

    /// @dev What arrives, not what is said; a fund that reverts is a fund that pays nothing, and delays nobody.
    function _askFund(address asset, uint256 amount) internal returns (uint256 paid) {
        if (amount == 0 || address(fund) == address(0)) return 0;
        uint256 held = IERC20(asset).balanceOf(address(this));
        try fund.payOut(asset, amount) {
            (, paid) = Math.trySub(IERC20(asset).balanceOf(address(this)), held);
            paid = Math.min(paid, amount);
        } catch {
            paid = 0;
        }
    }
}
