// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IConstantProductPair} from "../interfaces/IConstantProductPair.sol";
import {FixedPoint} from "./FixedPoint.sol";

/// @title How a sale is divided between pools of the same two tokens
/// @notice It brings most where the last unit brings the same everywhere, fees included. With reserves R (in) and S (out),
/// g = 1 - fee, a = R / g and b = sqrt(R S / g), a pool at the marginal price 1 / m^2 has taken b m - a, so that
///
///     m = (amount + sum a) / sum b          over the pools that trade
///
/// A pool that would pay nothing for its part does not trade: its price is worse than that of the last unit elsewhere.
/// Of pools of one fee and price each takes the share that its reserve is of all: together they are one pool.
/// Twin: `sim/protocol/split.py`.
library Split {
    using FixedPoint for uint256;

    struct Pool {
        uint256 reserveIn;
        uint256 reserveOut;
        uint256 keep; // BPS of what goes in that are traded
        uint256 width; // a, up
        uint256 root; // b, down; 0: does not trade
    }

    /// @notice What of `amount` to sell on each of `pools`, the sum of it all; nothing where all of them are empty
    function parts(
        IConstantProductPair[] memory pools,
        IERC20 tokenIn,
        uint256 amount
    ) internal view returns (uint256[] memory sold) {
        sold = new uint256[](pools.length);
        if (pools.length == 1) {
            sold[0] = amount;
            return sold;
        }
        Pool[] memory known = new Pool[](pools.length);
        for (uint256 i = 0; i < known.length; ++i) known[i] = _pool(pools[i], tokenIn);
        while (!_fill(known, amount, sold)) continue;
    }

    /// @dev Whether every pool that trades pays for its part; of those that do not the first is closed. Parts round down,
    /// and what they leave is the last one's.
    function _fill(Pool[] memory known, uint256 amount, uint256[] memory sold) internal pure returns (bool) {
        (uint256 trading, uint256 level, uint256 roots) = (0, amount, 0);
        for (uint256 i = 0; i < known.length; ++i) {
            if (known[i].root == 0) continue;
            (trading, level, roots) = (trading + 1, level + known[i].width, roots + known[i].root);
        }
        (bool alone, uint256 left) = (trading == 1, amount);
        for (uint256 i = 0; i < known.length; ++i) {
            if (known[i].root == 0) continue;
            --trading;
            uint256 filled = known[i].root.mulDivDown(level, roots);
            uint256 part = filled > known[i].width ? filled - known[i].width : 0;
            if (!alone && !_pays(known[i], part)) {
                (known[i].root, sold[i]) = (0, 0);
                return false;
            }
            sold[i] = trading == 0 ? left : Math.min(part, left); // more than is left only if another closes
            left -= sold[i];
        }
        return true;
    }

    /// @dev What is known of a pool.
    function _pool(IConstantProductPair pair, IERC20 tokenIn) internal view returns (Pool memory p) {
        (p.reserveIn, p.reserveOut) = (pair.reserve0(), pair.reserve1());
        if (pair.token0() != tokenIn) (p.reserveIn, p.reserveOut) = (p.reserveOut, p.reserveIn);
        p.keep = FixedPoint.BPS - pair.feeBps();
        p.width = p.reserveIn.mulDivUp(FixedPoint.BPS, p.keep);
        p.root = Math.sqrt((p.reserveIn * p.reserveOut).mulDivDown(FixedPoint.BPS, p.keep));
    }

    /// @dev Whether a part brings a unit or more.
    function _pays(Pool memory p, uint256 part) internal pure returns (bool) {
        uint256 net = part * p.keep;
        return net.mulDivDown(p.reserveOut, p.reserveIn * FixedPoint.BPS + net) > 0;
    }
}
