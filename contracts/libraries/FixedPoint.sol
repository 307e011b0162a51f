// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Fixed-point arithmetic of the protocol
/// @notice Every rounding direction used anywhere has its name here; twin: `sim/protocol/fixed_point.py`.
/// Units: WAD 1e18 (health factors), RAY 1e27 (indices, yearly rates), BPS 1e4 (ratios), USD with 8 decimals.
library FixedPoint {
    uint256 internal constant WAD = 1e18;
    uint256 internal constant RAY = 1e27;
    uint256 internal constant BPS = 1e4;
    /// @dev One basis point as a RAY.
    uint256 internal constant RAY_PER_BPS = 1e23;
    uint256 internal constant YEAR = 365 days;

    /// @dev Bounds enforced where numbers enter, so that no product below leaves 256 bits.
    uint256 internal constant MAX_AMOUNT = 2 ** 112;
    uint256 internal constant MAX_SHARES = 2 ** 144; // times an amount within 256 bits
    uint256 internal constant MAX_PRICE = 2 ** 64;
    /// @dev Shares are minted at 1e6 for a unit. A pool in which a unit has to do for a million times as many was lost.
    uint256 internal constant SHARES_OF_A_LOST_POOL = 1e12;
    /// @dev Less than one of so many parts is nothing: a loss that leaves it of a pool of stakes took all of it.
    uint256 internal constant PARTS_OF_A_POOL = 1e6;
    uint256 internal constant MAX_INDEX = 2 ** 96 - 1;

    /// @notice floor(a * b / d)
    function mulDivDown(uint256 a, uint256 b, uint256 d) internal pure returns (uint256) {
        return Math.mulDiv(a, b, d);
    }

    /// @notice ceil(a * b / d)
    function mulDivUp(uint256 a, uint256 b, uint256 d) internal pure returns (uint256) {
        return Math.mulDiv(a, b, d, Math.Rounding.Ceil);
    }

    /// @notice floor((a * b + floor(d / 2)) / d), half rounds up
    function mulDivHalf(uint256 a, uint256 b, uint256 d) internal pure returns (uint256) {
        uint256 roundsUp = mulmod(a, b, d) + d / 2 >= d ? 1 : 0;
        return Math.mulDiv(a, b, d) + roundsUp;
    }

    /// @notice Growth of an index over `dt` seconds at a yearly `rate` (RAY): 1 + x + x^2/2 + x^3/6, x = rate dt / year
    /// @return RAY factor, at least RAY; below exp(x), so borrowers are never charged more than continuous interest
    function growthFactor(uint256 rate, uint256 dt) internal pure returns (uint256) {
        uint256 x = rate * dt / YEAR;
        return RAY + x + mulDivHalf(x, x / 2 + mulDivHalf(x, x / 6, RAY), RAY);
    }

    /// @notice Two-slope borrow rate as a function of usage = debt / (cash + debt)
    /// @dev Cash and debt in token units; curve parameters in BPS, rates yearly, 0 < optimal < BPS.
    /// @return yearly rate in RAY, within [base, base + slope1 + slope2], continuous at the kink
    function borrowRate(
        uint256 cash,
        uint256 debt,
        uint256 optimalBps,
        uint256 baseBps,
        uint256 slope1Bps,
        uint256 slope2Bps
    ) internal pure returns (uint256) {
        uint256 usage = debt == 0 ? 0 : mulDivHalf(debt, RAY, cash + debt);
        uint256 optimal = optimalBps * RAY_PER_BPS;
        uint256 base = baseBps * RAY_PER_BPS;
        uint256 slope1 = slope1Bps * RAY_PER_BPS;
        if (usage <= optimal) {
            return base + mulDivHalf(mulDivHalf(slope1, usage, RAY), RAY, optimal);
        }
        uint256 excess = mulDivHalf(usage - optimal, RAY, RAY - optimal);
        return base + slope1 + mulDivHalf(slope2Bps * RAY_PER_BPS, excess, RAY);
    }

    /// @notice USD value (8 decimals) of a holding, down: collateral never counts for more than it is
    function collateralValue(uint256 amount, uint256 price, uint256 unit) internal pure returns (uint256) {
        return mulDivDown(amount, price, unit);
    }

    /// @notice USD value (8 decimals) of a debt, up: debt never counts for less than it is
    function debtValue(uint256 amount, uint256 price, uint256 unit) internal pure returns (uint256) {
        return mulDivUp(amount, price, unit);
    }
}
