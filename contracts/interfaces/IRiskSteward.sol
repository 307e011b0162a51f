// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidityHub} from "./ILiquidityHub.sol";

/// @title Who may change parameters without the admin, by how much and how often
/// @notice A council publishes one parameter at a time. Each change is bounded and rare, so that a council gone wrong is a
/// matter of days; whatever it may not do, the vault and the hub refuse it as they refuse it to the admin.
interface IRiskSteward {
    /// @dev Those of a vault's reserve, then those of the hub's rate curve.
    enum Parameter {
        Ltv,
        Lt,
        MaxBonus,
        MinBonus,
        SupplyCap,
        BorrowCap,
        Slope1,
        Slope2
    }

    struct Update {
        address target; // the vault; the hub, for a slope
        address asset;
        Parameter parameter;
        uint256 value; // BPS; of a cap token units
        uint256 publishedAt; // timestamp of what it was worked out from
    }

    struct Bounds {
        uint32 maxChangeBps; // of a ratio or a slope, absolute
        uint32 maxCapChangeBps; // of a cap, of what it is
        uint32 minDelay; // seconds from a change of a parameter to the next
        uint32 ramp; // seconds in which a lowered threshold comes into force
    }

    /// @notice Emitted on `update`: the parameter was `from`.
    event ParameterUpdated(
        address indexed target,
        address indexed asset,
        Parameter indexed parameter,
        uint256 from,
        uint256 to,
        uint256 publishedAt
    );

    /// @notice Thrown when a steward is created whose ramp is too short for its largest change, whose delay is shorter than its
    /// ramp or longer than a year, or that may change nothing, or more than all of something.
    error InvalidSteward();
    /// @notice Thrown when anyone but the council updates.
    error NotAuthorised();
    /// @notice Thrown when a vault is asked for a slope, or the hub for anything else.
    error WrongTarget();
    /// @notice Thrown when a parameter would become zero: switching off is the admin's.
    error ValueZero();
    /// @notice Thrown when an update was published after now.
    error NotYetPublished();
    /// @notice Thrown when an update was published more than `EXPIRY` ago.
    error UpdateExpired();
    /// @notice Thrown when an update was published before the one that was applied last to the asset, there.
    error UpdateSuperseded();
    /// @notice Thrown when the parameter was changed less than `minDelay` ago.
    error ChangedLately();
    /// @notice Thrown when a parameter would change by nothing, or by more than it may.
    error ChangeOutOfBounds();

    /// @notice Seconds for which a published update may be applied
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function EXPIRY() external view returns (uint256);
    /// @notice Whose rate curves it may change, and whose vaults' reserves
    function hub() external view returns (ILiquidityHub);
    /// @notice Who may update
    function council() external view returns (address);
    /// @notice When the update that was applied last to an asset, in a vault or in the hub, was published; 0 if there was none
    function publishedAt(address target, address asset) external view returns (uint256);
    /// @notice When a parameter was last changed here, 0 if it never was
    function changedAt(address target, address asset, Parameter parameter) external view returns (uint256);

    /// @notice Changes one parameter; only the council
    /// @dev A lower threshold comes into force over `ramp`, or as long as one that ramps already, if that is longer; any other
    /// change leaves a ramp's end where it is. What the admin changed counts for no delay.
    /// @dev Warning: all but a lower threshold is in force at once. A report on several parameters is several updates, of one
    /// publication: lower a borrow limit before its threshold, and raise it after.
    function update(Update calldata u) external;
    /// @notice How much, and how often
    function bounds() external view returns (Bounds memory);
}
