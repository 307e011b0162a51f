// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title What a ledger says that was not given the tokens it booked
interface IBacked {
    /// @notice Thrown when a token delivered less than was booked (fee on transfer, false success).
    error Unbacked(address token, uint256 booked, uint256 held);
}
