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
/// 2021). And no collateral may be seized so that health falls to where all may be repaid for another: (1 + bonus) * lt of
/// every reserve is at most `fullCloseHealth` (the vault asks for `hfForMaxBonus`), so above it health rises with every call:
/// of one debt and one collateral no splitting brings more than one call. Of two collaterals of different bonus it may, by
/// the difference of the bonuses on what is taken first.
/// Twin: `sim/protocol/liquidation.py`.
contract CloseFactor is ICloseFactor {
    using FixedPoint for uint256;

    /// @inheritdoc ICloseFactor
    uint256 public constant FULL_CLOSE_VALUE = 2_000e8;
    /// @inheritdoc ICloseFactor
    uint256 public constant CLOSE_FACTOR_BPS = 5_000;

    /// @inheritdoc ICloseFactor
    uint256 public immutable fullCloseHealth;

    constructor(uint256 fullCloseHealth_) {
        if (fullCloseHealth_ == 0 || fullCloseHealth_ >= FixedPoint.WAD) revert InvalidHealth();
        fullCloseHealth = fullCloseHealth_;
    }

    /// @inheritdoc ILiquidationEngine
    function quote(Context calldata c) external view returns (uint256 maxRepay, uint256 bonusBps) {
        return (_maxRepay(c), c.maxBonusBps);
    }

    /// @inheritdoc ILiquidationEngine
    function hfForMaxBonus() external view returns (uint256) {
        return fullCloseHealth;
    }

    /// @dev Up, in value and in debt units. Whoever nibbles at an account moves none of these bounds.
    function _maxRepay(Context calldata c) internal view returns (uint256) {
        if (c.healthFactor <= fullCloseHealth) return c.pairDebt;
        uint256 heals = Amounts.healing(c, FixedPoint.WAD, c.maxBonusBps);
        uint256 taken = heals.mulDivUp(FixedPoint.BPS + c.maxBonusBps, FixedPoint.BPS);
        if (c.pairDebtValue < FULL_CLOSE_VALUE + heals) return c.pairDebt;
        if (c.pairCollateralValue < FULL_CLOSE_VALUE + taken) return c.pairDebt;
        (, uint256 left) = Math.trySub(c.totalDebtValue, heals);
        uint256 limit = heals + left.mulDivHalf(CLOSE_FACTOR_BPS, FixedPoint.BPS);
        return Math.min(limit.mulDivUp(c.unitDebt, c.priceDebt), c.pairDebt);
    }
}
