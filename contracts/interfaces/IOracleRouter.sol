// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Prices with a status
interface IOracleRouter {
    /// @notice OK: fresh and near its anchor. STALE: older than the heartbeat. DEVIATED: moved further from the anchor
    /// than allowed and has not stayed there for long enough. DOWN: zero, negative, out of bounds, reverted or incomplete.
    enum Status {
        OK,
        STALE,
        DEVIATED,
        DOWN
    }

    /// @notice Emitted when a price becomes the new reference for the deviation check.
    event AnchorSet(address indexed asset, uint256 price);
    /// @notice Emitted when a price is first seen beyond `maxMoveBps` of the anchor, or of where it last went: the
    /// hold-off starts.
    event HoldOffStarted(address indexed asset, uint256 price, uint256 anchor);
    /// @notice Emitted when a price returned to its anchor before the hold-off ended.
    event HoldOffCleared(address indexed asset, uint256 price);

    /// @notice The price as it stands now
    /// @return price USD with 8 decimals, 0 when DOWN
    /// @return status how far to believe it
    /// @return liquidatable true when OK, or STALE for less than three heartbeats
    function read(address asset) external view returns (uint256 price, Status status, bool liquidatable);

    /// @notice The last price accepted (the anchor), USD with 8 decimals; 0 before the first
    function accepted(address asset) external view returns (uint256);

    /// @notice Advances the deviation check of `asset`: anyone may call, operations that need prices do
    function poke(address asset) external;
}
