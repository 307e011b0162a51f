// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IConstantProductPair} from "../interfaces/IConstantProductPair.sol";
import {IInsuranceFund} from "../interfaces/IInsuranceFund.sol";
import {ILiquidityHub} from "../interfaces/ILiquidityHub.sol";
import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {IRiskGuard} from "../interfaces/IRiskGuard.sol";
import {IVault} from "../interfaces/IVault.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @title Lens: the whole state in few calls
/// @notice Every view returns one flat row of words per item, in the order of the columns that `sim/protocol/state.py`
/// names, so that chain and twin are compared word for word.
contract Lens {
    /// @notice Per asset: the sixteen fields of `ILiquidityHub.Asset`, then the tokens the hub really holds
    function assets(ILiquidityHub hub, address[] calldata tokens) external view returns (uint256[] memory out) {
        out = new uint256[](tokens.length * 17);
        for (uint256 i = 0; i < tokens.length; ++i) {
            ILiquidityHub.Asset memory a = hub.getAsset(tokens[i]);
            uint256 o = i * 17;
            (out[o], out[o + 1], out[o + 2], out[o + 3]) = (a.cash, a.scaledDebt, a.borrowIndex, a.borrowRate);
            (out[o + 4], out[o + 5], out[o + 6]) = (a.lastAccrual, a.totalShares, a.feeShares);
            (out[o + 7], out[o + 8], out[o + 9]) = (a.deficit, a.deficitSince, a.escrow);
            (out[o + 10], out[o + 11]) = (a.deficitReported, a.coveredByFees);
            (out[o + 12], out[o + 13]) = (a.coveredByFund, a.socialised);
            (out[o + 14], out[o + 15]) = (a.deficitOwed, a.feeRemainder);
            out[o + 16] = IERC20(tokens[i]).balanceOf(address(hub));
        }
    }

    /// @notice Per asset: what can leave now, then the six fields of `ILiquidityHub.Outflow`
    function outflows(ILiquidityHub hub, address[] calldata tokens) external view returns (uint256[] memory out) {
        out = new uint256[](tokens.length * 7);
        for (uint256 i = 0; i < tokens.length; ++i) {
            ILiquidityHub.Outflow memory f = hub.getOutflow(tokens[i]);
            uint256 o = i * 7;
            (out[o], out[o + 1], out[o + 2]) = (hub.available(tokens[i]), f.level, f.capacity);
            (out[o + 3], out[o + 4], out[o + 5], out[o + 6]) = (f.levelAt, f.window, f.limitBps, f.floorAmount);
        }
    }

    /// @notice Per asset: until when borrowing, withdrawals and liquidations of it are paused in a vault, until when its breaker
    /// is open, and, the same for all, what borrow limits are multiplied by, BPS; 0 is never, a time that has passed is over
    function brakes(IVault vault, address[] calldata tokens) external view returns (uint256[] memory out) {
        out = new uint256[](tokens.length * 5);
        IRiskGuard guard = vault.policy().guard;
        bool guarded = address(guard) != address(0);
        for (uint256 i = 0; i < tokens.length; ++i) {
            uint256 o = i * 5;
            out[o + 4] = FixedPoint.BPS;
            if (!guarded) continue;
            IRiskGuard.Brake memory b = guard.brakeOf(tokens[i]);
            (out[o], out[o + 1], out[o + 2]) = (b.borrowPausedUntil, b.withdrawPausedUntil, b.liquidatePausedUntil);
            out[o + 3] = b.trippedAt == 0 ? 0 : uint256(b.trippedAt) + guard.terms().coolOff;
            out[o + 4] = guard.stressBps();
        }
    }

    /// @notice Per spoke and asset: the eight fields of `ILiquidityHub.Spoke`
    function spokes(
        ILiquidityHub hub,
        address[] calldata spokes_,
        address[] calldata tokens
    ) external view returns (uint256[] memory out) {
        out = new uint256[](tokens.length * 8);
        for (uint256 i = 0; i < tokens.length; ++i) {
            ILiquidityHub.Spoke memory s = hub.getSpoke(tokens[i], spokes_[i]);
            uint256 o = i * 8;
            (out[o], out[o + 1], out[o + 2], out[o + 3]) = (s.addCap, s.drawCap, s.addedShares, s.drawnScaled);
            (out[o + 4], out[o + 5]) = (s.escrowed, s.reportedDeficit);
            (out[o + 6], out[o + 7]) = (_word(s.active), _word(s.halted));
        }
    }

    /// @notice Per asset: the seven fields of `IOracleRouter.Quote`, then the eleven of `IOracleRouter.Anchor`
    function prices(IOracleRouter oracle, address[] calldata tokens) external view returns (uint256[] memory out) {
        out = new uint256[](tokens.length * 18);
        for (uint256 i = 0; i < tokens.length; ++i) {
            IOracleRouter.Quote memory q = oracle.read(tokens[i]);
            IOracleRouter.Anchor memory a = oracle.getAnchor(tokens[i]);
            uint256 o = i * 18;
            (out[o], out[o + 1], out[o + 2]) = (q.price, uint256(q.status), _word(q.usable));
            (out[o + 3], out[o + 4]) = (q.collateralPrice, q.debtPrice);
            (out[o + 5], out[o + 6]) = (q.forfeitPrice, q.forSaleFor);
            (out[o + 7], out[o + 8], out[o + 9], out[o + 10]) = (a.price, a.candidate, a.candidateSince, a.seenAt);
            (out[o + 11], out[o + 12], out[o + 13]) = (a.downFor, a.downAt, a.watchedAt);
            (out[o + 14], out[o + 15], out[o + 16]) = (a.disputedFor, a.disputedAt, a.forSaleSince);
            out[o + 17] = a.waitsSince;
        }
    }

    /// @notice Per account: collateral bits, debt bits, flagged at, isolated, health factor, collateral value, debt
    /// value, prices usable, liquidatable; then per token: supplied, scaled debt
    function accounts(
        IVault vault,
        uint256[] calldata ids,
        address[] calldata tokens
    ) external view returns (uint256[] memory out) {
        uint256 width = 9 + 2 * tokens.length;
        out = new uint256[](ids.length * width);
        for (uint256 k = 0; k < ids.length; ++k) {
            uint256 id = ids[k];
            uint256 o = k * width;
            _account(vault, id, out, o);
            for (uint256 i = 0; i < tokens.length; ++i) {
                IVault.Position memory p = vault.positionOf(id, tokens[i]);
                (out[o + 9 + 2 * i], out[o + 10 + 2 * i]) = (p.supplied, p.scaledDebt);
            }
        }
    }

    /// @notice Per reserve: the liquidation threshold in force
    function thresholds(IVault vault) external view returns (uint256[] memory out) {
        out = new uint256[](vault.reserveCount());
        for (uint256 i = 0; i < out.length; ++i) out[i] = vault.liquidationThreshold(i);
    }

    /// @notice Per holder and token: balance
    function balances(
        address[] calldata holders,
        address[] calldata tokens
    ) external view returns (uint256[] memory out) {
        out = new uint256[](holders.length * tokens.length);
        for (uint256 k = 0; k < holders.length; ++k) {
            for (uint256 i = 0; i < tokens.length; ++i) {
                out[k * tokens.length + i] = IERC20(tokens[i]).balanceOf(holders[k]);
            }
        }
    }

    /// @notice Per asset: the fund's assets, its shares, how often it was lost, when stake leaves next, shares that leave then
    /// and those a cool-down later, what left and was not collected
    function pools(IInsuranceFund fund, address[] calldata tokens) external view returns (uint256[] memory out) {
        out = new uint256[](7 * tokens.length);
        for (uint256 i = 0; i < tokens.length; ++i) {
            uint256 o = 7 * i;
            IInsuranceFund.Pool memory p = fund.poolOf(tokens[i]);
            (out[o], out[o + 1], out[o + 2], out[o + 3]) = (p.assets, p.totalShares, p.epoch, p.nextExit);
            (out[o + 4], out[o + 5], out[o + 6]) = (p.leaving, p.leavingAfter, p.uncollected);
        }
    }

    /// @notice Per staker and asset: shares that stay, shares asked to leave, when, the epoch of that, and once it is settled
    /// the assets and shares of all who left together
    function stakes(
        IInsuranceFund fund,
        address[] calldata stakers,
        address[] calldata tokens
    ) external view returns (uint256[] memory out) {
        out = new uint256[](6 * stakers.length * tokens.length);
        for (uint256 k = 0; k < stakers.length; ++k) {
            for (uint256 i = 0; i < tokens.length; ++i) {
                uint256 o = 6 * (k * tokens.length + i);
                IInsuranceFund.Request memory r = fund.requestOf(tokens[i], stakers[k]);
                IInsuranceFund.Exit memory e = fund.exitOf(tokens[i], r.epoch, r.leavesAt);
                (out[o], out[o + 1]) = (fund.stakeOf(tokens[i], stakers[k]), r.shares);
                (out[o + 2], out[o + 3], out[o + 4], out[o + 5]) = (r.leavesAt, r.epoch, e.assets, e.shares);
            }
        }
    }

    /// @notice Per pair: both reserves, both cumulative prices, time of the last change, LP supply
    function pairs(IConstantProductPair[] calldata list) external view returns (uint256[] memory out) {
        out = new uint256[](list.length * 6);
        for (uint256 i = 0; i < list.length; ++i) {
            IConstantProductPair p = list[i];
            uint256 o = i * 6;
            (out[o], out[o + 1], out[o + 2]) = (p.reserve0(), p.reserve1(), p.cumulative0());
            (out[o + 3], out[o + 4], out[o + 5]) = (p.cumulative1(), p.lastUpdate(), p.totalSupply());
        }
    }

    function _account(IVault vault, uint256 id, uint256[] memory out, uint256 o) internal view {
        IVault.Account memory a = vault.accountOf(id);
        IVault.Health memory h = vault.health(id);
        (out[o], out[o + 1], out[o + 2], out[o + 3]) = (a.collateralBits, a.debtBits, a.flaggedAt, _word(a.isolated));
        (out[o + 4], out[o + 5], out[o + 6]) = (h.factor, h.collateralValue, h.debtValue);
        (out[o + 7], out[o + 8]) = (_word(h.pricesUsable), _word(vault.isLiquidatable(id)));
    }

    function _word(bool b) internal pure returns (uint256) {
        return b ? 1 : 0;
    }
}
