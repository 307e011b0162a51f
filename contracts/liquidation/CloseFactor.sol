// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidationEngine} from "../interfaces/ILiquidationEngine.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @title CloseFactor: half of the debt, or all of it when the account is deep under water or small
/// @notice The rule of Aave v3.3 and later; fixed bonus. Twin: `sim/protocol/liquidation.py`.
contract CloseFactor is ILiquidationEngine {
    using FixedPoint for uint256;

    /// @notice At or below this health (WAD) everything may be repaid.
    uint256 public constant FULL_CLOSE_HEALTH = 0.95e18;
    /// @notice A pair with a leg below this value (USD 8 decimals) may be closed whole.
    uint256 public constant FULL_CLOSE_VALUE = 2_000e8;
    uint256 public constant CLOSE_FACTOR_BPS = 5_000;

    /// @inheritdoc ILiquidationEngine
    function quote(Context calldata c) external pure returns (uint256 maxRepay, uint256 bonusBps) {
        return (_maxRepay(c), c.maxBonusBps);
    }

    /// @inheritdoc ILiquidationEngine
    function hfForMaxBonus() external pure returns (uint256) {
        return type(uint256).max;
    }

    /// @dev The limit is half of the account's *total* debt value, rounded half up, in debt units down.
    function _maxRepay(Context calldata c) internal pure returns (uint256) {
        if (c.healthFactor <= FULL_CLOSE_HEALTH) return c.pairDebt;
        if (c.pairDebtValue < FULL_CLOSE_VALUE || c.pairCollateralValue < FULL_CLOSE_VALUE) return c.pairDebt;
        uint256 limit = c.totalDebtValue.mulDivHalf(CLOSE_FACTOR_BPS, FixedPoint.BPS);
        if (c.pairDebtValue <= limit) return c.pairDebt;
        return limit.mulDivDown(c.unitDebt, c.priceDebt);
    }
}
