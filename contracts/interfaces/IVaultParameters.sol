// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVaultLiquidation} from "./IVaultLiquidation.sol";
import {IVaultState} from "./IVaultState.sol";

/// @title Parameters of a vault, and what it refuses to be configured as
/// @notice What an account is, and in which units: `IVaultState`.
interface IVaultParameters is IVaultState {
    /// @notice Emitted on `setReserve`: the threshold in force falls from `ltFromBps` until `rampEnd`, and with it those of
    /// the other brackets (`reserveAt`).
    event ReserveSet(address indexed asset, ReserveConfig config, uint256 ltFromBps, uint256 rampEnd);
    /// @notice Emitted on `setPolicy`, and when the vault is created.
    event PolicySet(Policy policy);
    /// @notice Emitted on `setDeleveraging`: the mode of `asset` is off, and begins anew.
    event DeleveragingSet(address indexed asset, DeleveragingTerms terms);
    /// @notice Emitted on `setCategoryConfig`: the threshold in force falls from `ltFromBps` until `rampEnd`.
    event CategoryConfigSet(uint256 indexed category, CategoryConfig config, uint256 ltFromBps, uint256 rampEnd);

    /// @notice Thrown when a configuration is unsound, lowers a threshold in less than `RAMP_PER_BPS`, changes whether collateral that
    /// is there is lent on, or would be the 65th reserve.
    error InvalidReserve(address asset);
    /// @notice Thrown when a policy has no engine, a delay above a day, an urgent health above 1, a dust line that is zero or
    /// above what a partial liquidation leaves, a health of margin calls that is neither 0 nor from 1 to 2, or a guard of another router.
    error InvalidPolicy();
    /// @notice Thrown when terms of deleveraging that are not all zero have a share token of another asset or hub, a usage of 0
    /// or above 100%, a `usageFor` below `RECOVERY_GAP` or times above 30 days, or not 1 <= `maxHealth` <= `targetHealth` <= 10.
    error InvalidDeleveraging();
    /// @notice Thrown when a category is 0, does not follow on those that there are, has a threshold of 0, is unsound as a reserve
    /// would be, names reserves that are not listed, no longer has a collateral that it had, gets one that counts for more without
    /// it, or lowers its threshold in less than `RAMP_PER_BPS`.
    error InvalidCategory(uint256 category);

    /// @notice The contract with whose code the vault liquidates (`IVaultLiquidation`), on its own accounts and tokens
    function liquidation() external view returns (IVaultLiquidation);

    /// @notice Lists a reserve, which only the admin does, or changes one
    /// @dev Warning: a raised threshold is in force at once, a lowered one ramps; all else changes at once. A bracket's ramp
    /// starts from the threshold in force of the value at which the bracket begins.
    /// @param rampSeconds time over which lower thresholds come into force, at least `RAMP_PER_BPS` for each basis point of
    /// the bracket that falls most and at most a year; ignored unless one falls. Of the bonus at most half is the protocol's
    function setReserve(address asset, ReserveConfig calldata config, uint256 rampSeconds) external;
    /// @notice Sets engine, delay (a day at most), urgent health, dust line, health of margin calls and guard; every reserve must suit
    /// the engine. Without a health of calls none stands; with one again, those do that nothing ended
    function setPolicy(Policy calldata policy_) external;
    /// @notice Sets when accounts that owe `asset` may be deleveraged; all zero: never. Only the admin of the vault
    /// @dev Warning: the mode begins anew, whatever was seen.
    function setDeleveraging(address asset, DeleveragingTerms calldata terms) external;
    /// @notice Adds an efficiency mode, or changes one: of accounts that opt into it (`IVault.setCategory`), its collateral counts with
    /// its values, all else with its own. Only the admin of the vault. Sound as a reserve must be
    /// @dev Warning: a raised threshold is in force at once, a lowered one ramps; all else changes at once. Nobody's collateral counts
    /// for less at once: what is collateral of a category stays it, and what joins counts for no less in it.
    /// @param category from 1 on, without gaps
    /// @param rampSeconds as for `IVault.setReserve`
    function setCategoryConfig(uint256 category, CategoryConfig calldata config, uint256 rampSeconds) external;
}
