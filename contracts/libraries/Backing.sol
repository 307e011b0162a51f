// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IBacked} from "../interfaces/IBacked.sol";

/// @title The check that tokens booked as received did arrive
/// @notice Ledgers count what operations say; a token that takes a fee or lies about a transfer would leave a ledger
/// larger than the holding. Every inflow therefore ends here. Nothing is ever *booked* from a balance, so a donation
/// changes no state and no view.
library Backing {
    using SafeERC20 for IERC20;

    /// @param booked what the calling contract's ledger says it holds of `token`, in token units
    function check(IERC20 token, uint256 booked) internal view {
        check(token, booked, 0);
    }

    /// @param booked what the calling contract's ledger says it holds of `token`, in token units
    /// @param excused what of it was missing before, token units
    function check(IERC20 token, uint256 booked, uint256 excused) internal view {
        uint256 held = token.balanceOf(address(this));
        if (held + excused < booked) revert IBacked.Unbacked(address(token), booked, held);
    }

    /// @notice Takes `amount` from the caller, all of which must arrive
    function pull(IERC20 token, uint256 amount) internal {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        check(token, before + amount);
    }
}
