// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IInsuranceFund} from "./interfaces/IInsuranceFund.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {VaultHealth} from "./VaultHealth.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";
import {Price} from "./libraries/Prices.sol";

/// @title Auto-deleveraging: lenders who are stuck take collateral of the most levered accounts instead
/// @notice A part of the code with which a vault liquidates (`VaultLiquidation`). Invariants kept here (numbers of the
/// specification): 9 both legs move; 15 the caller gets at most what he pays; 19 no dust legs. And only while the mode is
/// on and the asset strained, only of accounts below the health that may be, whose health neither falls nor rises
/// beyond the target. Twin: `sim/protocol/vault_deleveraging.py`.
abstract contract VaultDeleveraging is VaultHealth, ReentrancyGuardTransient {
    using FixedPoint for uint256;

    /// @dev What one deleveraging moves, besides what it returns.
    struct Legs {
        uint256 owed; // scaled debt before
        uint256 burnt; // scaled debt that the repayment burns
        uint256 supplied; // what the position loses
        uint256 shares; // that pay, 0: tokens do
        bool lent; // the collateral is hub shares
    }

    /// @inheritdoc IVaultLiquidation
    function pokeDeleveraging(address asset) external nonReentrant {
        _seeStrain(asset);
    }

    /// @inheritdoc IVaultLiquidation
    function deleverage(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 amount,
        bool payInShares
    ) external nonReentrant returns (uint256 repaid, uint256 collateralOut) {
        if (msg.sender == ownerOf(accountId)) revert SelfLiquidation();
        if (!_seeStrain(debtAsset)) revert DeleveragingOff();
        hub.accrue(collateralAsset);
        (Health memory h, Price[] memory prices) = _pokedHealth(accountId);
        if (h.factor >= _healthBelow(debtAsset)) revert AccountHealthy();
        bool due = _mayBegin(accountId, h.factor);
        Legs memory legs;
        (repaid, collateralOut, legs) = _moveLegs(accountId, debtAsset, collateralAsset, amount, h, prices);
        _pay(debtAsset, repaid, payInShares, legs);
        if (legs.lent) hub.remove(collateralAsset, collateralOut, legs.supplied, msg.sender);
        else hub.removeEscrow(collateralAsset, collateralOut, msg.sender);
        uint256 before = h.factor;
        h = _healthAt(accountId, prices);
        if (h.factor < before) revert HealthWouldFall();
        _see(accountId, h);
        if (due) _stayDue(accountId, h.factor);
        emit Deleveraged(
            accountId,
            msg.sender,
            debtAsset,
            collateralAsset,
            repaid,
            legs.burnt,
            collateralOut,
            legs.supplied,
            legs.shares
        );
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Looks at an asset and turns its mode where that is due.
    /// @return whether the mode is on and the asset strained
    function _seeStrain(address asset) internal returns (bool) {
        Deleveraging storage d = _deleveraging[asset];
        if (d.terms.targetHealth == 0) revert DeleveragingOff();
        hub.accrue(asset);
        (bool strained, bool lost) = _strain(asset, d.terms.usageBps);
        bool fresh = block.timestamp <= d.seenAt + RECOVERY_GAP;
        bool on = d.onSince != 0 && fresh;
        uint256 since = fresh ? d.turningSince : 0;
        if (strained == on) since = 0;
        else if (since == 0) since = block.timestamp;
        if (since != 0 && (lost || block.timestamp > since + d.terms.usageFor)) (on, since) = (!on, 0);
        bool was = d.onSince != 0;
        if (was && (!on || !fresh)) emit DeleveragingEnded(asset);
        if (on && (!was || !fresh)) {
            d.onSince = uint40(block.timestamp);
            emit DeleveragingBegan(asset);
        }
        if (!on) d.onSince = 0;
        (d.turningSince, d.seenAt) = (uint40(since), uint40(block.timestamp));
        emit StrainSeen(asset, strained, since);
        return on && strained;
    }

    /// @dev After accrual: what of an open loss the protocol does not owe is what the fund did not pay.
    /// @return strained whether its lenders are stuck, or lost and not made whole
    /// @return lost whether the latter
    function _strain(address asset, uint256 usageBps) internal view returns (bool strained, bool lost) {
        ILiquidityHub.Asset memory h = hub.getAsset(asset);
        uint256 open = h.deficit - h.deficitOwed;
        if (open > 0) {
            IInsuranceFund fund = hub.fund();
            if (address(fund) == address(0) || fund.assetsOf(asset) < open) return (true, true);
        }
        uint256 debt = _debtAt(h.scaledDebt, h.borrowIndex);
        return (debt * FixedPoint.BPS > usageBps * (h.cash + debt), false);
    }

    /// @dev The health (WAD) below which accounts may be deleveraged, while the mode is on: 1 + (max - 1) t / ramp, down.
    function _healthBelow(address asset) internal view returns (uint256) {
        Deleveraging storage d = _deleveraging[asset];
        uint256 most = d.terms.maxHealth;
        uint256 passed = block.timestamp - d.onSince;
        if (passed >= d.terms.ramp) return most;
        return FixedPoint.WAD + (most - FixedPoint.WAD).mulDivDown(passed, d.terms.ramp);
    }

    /// @dev What is repaid and taken, and both legs of the account without it: whoever is paid or called sees it as it will be.
    function _moveLegs(
        uint256 accountId,
        address debtAsset,
        address collateralAsset,
        uint256 amount,
        Health memory h,
        Price[] memory prices
    ) internal returns (uint256 repaid, uint256 seized, Legs memory legs) {
        uint256 index = hub.accrue(debtAsset);
        (Amounts.Pair memory p, Reserve storage rc) = _pair(accountId, debtAsset, collateralAsset, prices, index);
        _askToLiquidate(_indexPlusOne[debtAsset] - 1, _bit(_indexPlusOne[collateralAsset] - 1), h);
        uint256 target = _deleveraging[debtAsset].terms.targetHealth;
        uint256 backing = p.collateral.collateralValue(p.priceCollateral, p.unitCollateral);
        repaid = Amounts.paidUpTo(p, h.factor, h.debtValue, _lastThreshold(accountId, _indexPlusOne[collateralAsset] - 1, backing), target);
        repaid = Math.min(Math.min(amount, p.debt), repaid);
        legs.lent = rc.config.rehypothecate;
        if (legs.lent) p.cash = hub.available(collateralAsset);
        (repaid, seized) = Amounts.atPar(repaid, p);
        if (repaid == 0 || seized == 0) revert ZeroAmount();
        (legs.owed, legs.burnt) = _burnDebt(accountId, _indexPlusOne[debtAsset] - 1, debtAsset, repaid, index);
        legs.supplied = seized;
        if (legs.lent) {
            legs.supplied = seized == p.collateral
                ? _positions[accountId][collateralAsset].supplied
                : hub.toSharesUp(collateralAsset, seized);
        }
        _decreaseSupplied(accountId, _indexPlusOne[collateralAsset] - 1, collateralAsset, legs.supplied);
    }

    /// @dev Takes the repayment from the caller, in tokens or in shares, whose price that does not lower.
    function _pay(address asset, uint256 repaid, bool inShares, Legs memory legs) internal {
        if (inShares) {
            legs.shares = hub.toSharesUp(asset, repaid);
            _deleveraging[asset].terms.share.handOver(msg.sender, legs.shares);
            hub.restoreWithShares(asset, repaid, legs.shares, legs.owed);
        } else {
            hub.noteShortage(asset);
            _pull(asset, repaid);
            hub.restore(asset, repaid, legs.owed);
        }
    }
}
