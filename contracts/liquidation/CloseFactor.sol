// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ICloseFactor} from "../interfaces/ICloseFactor.sol";
import {ILiquidationEngine} from "../interfaces/ILiquidationEngine.sol";
import {Amounts} from "../libraries/Amounts.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @title CloseFactor: what heals and half of the rest, or all of it when the account is deep under water or small
/// @notice The rule of Aave v3.3 and later, taken at its best; fixed bonus. Half of all there is would be less than that: who
/// takes almost what heals first, and half of what is left, would get more out of two calls than out of one (Qin et al.
/// 2021). So no order of calls on one collateral brings more than one of them. On two it can, if (1 + bonus) * lt of one is
/// above `FULL_CLOSE_HEALTH`: seizing it lowers the health to where all may be repaid for the other. `hfForMaxBonus` does
/// not refuse that, because reserves of published markets are so (stablecoins against each other at a threshold of .975).
/// Twin: `sim/protocol/liquidation.py`.
contract CloseFactor is ICloseFactor {
    using FixedPoint for uint256;

    /// @inheritdoc ICloseFactor
    uint256 public constant FULL_CLOSE_HEALTH = 0.95e18;
    /// @inheritdoc ICloseFactor
    uint256 public constant FULL_CLOSE_VALUE = 2_000e8;
    /// @inheritdoc ICloseFactor
    uint256 public constant CLOSE_FACTOR_BPS = 5_000;

    /// @inheritdoc ILiquidationEngine
    function quote(Context calldata c) external pure returns (uint256 maxRepay, uint256 bonusBps) {
        return (_maxRepay(c), c.maxBonusBps);
    }

    /// @inheritdoc ILiquidationEngine
    function hfForMaxBonus() external pure returns (uint256) {
        return type(uint256).max;
    }

    /// @dev Up, in value and in debt units. Whoever nibbles at an account moves none of these bounds.
    function _maxRepay(Context calldata c) internal pure returns (uint256) {
        if (c.healthFactor <= FULL_CLOSE_HEALTH) return c.pairDebt;
        uint256 heals = Amounts.healing(c, FixedPoint.WAD, c.maxBonusBps);
        uint256 taken = heals.mulDivUp(FixedPoint.BPS + c.maxBonusBps, FixedPoint.BPS);
        if (c.pairDebtValue < FULL_CLOSE_VALUE + heals) return c.pairDebt;
        if (c.pairCollateralValue < FULL_CLOSE_VALUE + taken) return c.pairDebt;
        (, uint256 left) = Math.trySub(c.totalDebtValue, heals);
        uint256 limit = heals + left.mulDivHalf(CLOSE_FACTOR_BPS, FixedPoint.BPS);
        return Math.min(limit.mulDivUp(c.unitDebt, c.priceDebt), c.pairDebt);
    }
}
