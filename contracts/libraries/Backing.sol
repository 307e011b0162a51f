// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title The check that tokens booked as received did arrive
/// @notice Ledgers count what operations say; a token that takes a fee or lies about a transfer would leave a ledger
/// larger than the holding. Every inflow therefore ends here. Nothing is ever *booked* from a balance, so a donation
/// changes no state and no view.
library Backing {
    /// @notice Thrown when a token delivered less than was booked (fee on transfer, false success).
    error Unbacked(address token, uint256 booked, uint256 held);

    /// @param booked what the calling contract's ledger says it holds of `token`, in token units
    function check(IERC20 token, uint256 booked) internal view {
        uint256 held = token.balanceOf(address(this));
        if (held < booked) revert Unbacked(address(token), booked, held);
    }
}
