// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IOracleRouter} from "../interfaces/IOracleRouter.sol";

/// @dev What an asset counts at for one call, in one word: the three prices of a quote, whether it is usable and OK, and for
/// how long it was for sale.
type Price is uint256;

using Prices for Price global;

/// @title Prices that are asked for once
/// @notice A call that judges an account asks the oracle once for each asset, and keeps the answers here.
library Prices {
    uint256 internal constant USABLE = 1 << 192;
    uint256 internal constant OK = 1 << 193;
    uint256 internal constant FOR_SALE = 194; // the bit at which the seconds begin

    /// @notice A quote, as it is kept
    /// @dev Prices are below `FixedPoint.MAX_PRICE`.
    function kept(IOracleRouter.Quote memory q) internal pure returns (Price) {
        uint256 word = q.collateralPrice | (q.debtPrice << 64) | (q.forfeitPrice << 128) | (q.forSaleFor << FOR_SALE);
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

    /// @notice What collateral is worth at least, where it is asked whether it would pay a debt; USD 8 decimals
    function ofForfeited(Price p) internal pure returns (uint256) {
        return uint64(Price.unwrap(p) >> 128);
    }

    /// @notice Whether a liquidation may buy or sell the asset
    function isUsable(Price p) internal pure returns (bool) {
        return Price.unwrap(p) & USABLE != 0;
    }

    /// @notice Seconds for which a liquidation could buy, sell or repay the asset
    function forSaleFor(Price p) internal pure returns (uint256) {
        return Price.unwrap(p) >> FOR_SALE;
    }

    /// @notice Whether a debt may be repaid for collateral: of one that nobody could price for too long, the price that it
    /// counts at decides, else it would wait for ever
    function isDecided(Price p) internal pure returns (bool) {
        return p.isUsable() || (p.ofCollateral() == 0 && p.ofDebt() > 0);
    }

    /// @notice Whether the price is fresh and undisputed
    function isOk(Price p) internal pure returns (bool) {
        return Price.unwrap(p) & OK != 0;
    }
}
