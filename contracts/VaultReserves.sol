// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IVault} from "./interfaces/IVault.sol";
import {VaultHealth} from "./VaultHealth.sol";

/// @title Risk parameters of a vault, as anyone reads them
/// @notice They are set with the code of `VaultParameters`. Twin: `sim/protocol/vault_reserves.py`.
abstract contract VaultReserves is IVault, VaultHealth, AccessControl {
    /// @inheritdoc IVault
    bytes32 public constant PARAMETER_ROLE = keccak256("PARAMETER_ROLE");

    constructor(address admin) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _grantRole(PARAMETER_ROLE, admin);
    }

    /// @inheritdoc IVault
    function deleveragingOf(address asset) external view returns (Deleveraging memory) {
        return _deleveraging[asset];
    }

    /// @inheritdoc IVault
    function categoryAt(uint256 category) external view returns (Category memory) {
        return _categories[category];
    }

    /// @inheritdoc IVault
    function policy() external view returns (Policy memory) {
        return _policy;
    }

    /// @inheritdoc IVault
    function reserveCount() external view returns (uint256) {
        return _reserves.length;
    }

    /// @inheritdoc IVault
    function reserveAt(uint256 index) external view returns (Reserve memory) {
        return _reserves[index];
    }

    /// @inheritdoc IVault
    function reserveOf(address asset) external view returns (Reserve memory) {
        (, Reserve storage r) = _reserve(asset);
        return r;
    }

    /// @inheritdoc IVault
    function liquidationThreshold(uint256 index) external view returns (uint256) {
        return _threshold(_reserves[index]);
    }

    /// @inheritdoc IVault
    function marginalThreshold(uint256 index, uint256 value) external view returns (uint256) {
        return _marginalThreshold(_reserves[index], value);
    }
}
