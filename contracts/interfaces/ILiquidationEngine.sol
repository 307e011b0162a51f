// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title How much of a debt may be repaid, and at what bonus
/// @notice Engines hold no state and see only what they are handed. The vault clamps what they answer, so a bad engine
/// can misprice but not steal.
interface ILiquidationEngine {
    struct Context {
        uint256 healthFactor; // WAD, below 1e18
        uint256 pairDebt; // token units, up
        uint256 pairDebtValue; // USD 8 decimals, up
        uint256 pairCollateralValue; // USD 8 decimals, down
        uint256 totalDebtValue; // USD 8 decimals, up
        uint256 priceDebt; // USD 8 decimals
        uint256 unitDebt; // 10 ** decimals
        uint256 priceCollateral;
        uint256 unitCollateral;
        uint256 ltBps; // liquidation threshold of the collateral now in force, of the highest bracket that the account has of it
        uint256 minBonusBps;
        uint256 maxBonusBps;
        uint256 secondsFlagged; // 0 when the account is not flagged
    }

    /// @notice The engine's answer for one debt and one collateral of an unhealthy account
    /// @dev Warning: an engine that reverts keeps the accounts of its vault from being liquidated.
    /// @return maxRepay largest debt that may be repaid, token units
    /// @return bonusBps share of the repaid value the liquidator receives on top
    function quote(Context calldata context) external view returns (uint256 maxRepay, uint256 bonusBps);

    /// @notice Health (WAD) at which the bonus reaches its maximum; `type(uint256).max` if the bonus does not grow as
    /// health falls. The vault refuses a reserve with (1 + maxBonus) * lt above it: splitting one liquidation into
    /// several would pay.
    function hfForMaxBonus() external view returns (uint256);
}
