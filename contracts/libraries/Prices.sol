// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IOracleRouter} from "../interfaces/IOracleRouter.sol";

/// @dev What an asset counts at for one call, in one word: the two prices of a quote, and whether it is usable and OK.
type Price is uint256;

using Prices for Price global;

/// @title Prices that are asked for once
/// @notice A call that judges an account asks the oracle once for each asset, and keeps the answers here.
library Prices {
    uint256 internal constant USABLE = 1 << 128;
    uint256 internal constant OK = 1 << 129;

    /// @notice A quote, as it is kept
    /// @dev Prices are below `FixedPoint.MAX_PRICE`.
    function kept(IOracleRouter.Quote memory q) internal pure returns (Price) {
        uint256 word = q.collateralPrice | (q.debtPrice << 64);
        if (q.usable) word |= USABLE;
        if (q.status == IOracleRouter.Status.OK) word |= OK;
        return Price.wrap(word);
    }

    /// @notice What collateral counts at, USD 8 decimals
    function ofCollateral(Price p) internal pure returns (uint256) {
        return uint64(Price.unwrap(p));
    }

    /// @notice What a debt counts at, USD 8 decimals
    function ofDebt(Price p) internal pure returns (uint256) {
        return uint64(Price.unwrap(p) >> 64);
    }

    /// @notice What forfeited collateral is valued at: where it counts for nothing because nobody knows a price, or for less
    /// because it is disputed, at least at the price accepted last, as a debt; USD 8 decimals
    function ofForfeited(Price p) internal pure returns (uint256) {
        return Math.max(p.ofCollateral(), p.ofDebt());
    }

    /// @notice Whether a liquidation may buy or sell the asset
    function isUsable(Price p) internal pure returns (bool) {
        return Price.unwrap(p) & USABLE != 0;
    }

    /// @notice Whether the price is fresh and undisputed
    function isOk(Price p) internal pure returns (bool) {
        return Price.unwrap(p) & OK != 0;
    }
}
