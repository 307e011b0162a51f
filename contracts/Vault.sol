// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IVault} from "./interfaces/IVault.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {IVaultParameters} from "./interfaces/IVaultParameters.sol";
import {VaultAccounts} from "./VaultAccounts.sol";
import {VaultReserves} from "./VaultReserves.sol";
import {VaultState} from "./VaultState.sol";

/// @title Vault: margin accounts on a hub
/// @notice Accounts are in the parts that this is made of; it liquidates with the code of `liquidation`, and sets parameters
/// with that of `parameters`, which have no room here, on its own variables. Twin: `sim/protocol/vault.py`.
contract Vault is VaultAccounts {
    using Address for address;

    /// @inheritdoc IVault
    IVaultParameters public immutable parameters;
    /// @inheritdoc IVaultParameters
    IVaultLiquidation public immutable liquidation;

    /// @dev Hub and oracle are those of the code that it runs, so that it cannot be another's.
    constructor(
        IVaultParameters parameters_,
        Policy memory policy_,
        address admin
    ) VaultState(parameters_.hub(), parameters_.oracle()) VaultReserves(admin) {
        (parameters, liquidation) = (parameters_, parameters_.liquidation());
        address(parameters_).functionDelegateCall(abi.encodeCall(IVaultParameters.setPolicy, (policy_)));
    }

    /// @inheritdoc IVaultParameters
    function setReserve(address asset, ReserveConfig calldata, uint256) external onlyRole(PARAMETER_ROLE) {
        if (_indexPlusOne[asset] == 0) _checkRole(DEFAULT_ADMIN_ROLE);
        address(parameters).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultParameters
    function setPolicy(Policy calldata) external onlyRole(DEFAULT_ADMIN_ROLE) {
        address(parameters).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultParameters
    function setDeleveraging(address, DeleveragingTerms calldata) external onlyRole(DEFAULT_ADMIN_ROLE) {
        address(parameters).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultParameters
    function setCategoryConfig(uint256, CategoryConfig calldata, uint256) external onlyRole(DEFAULT_ADMIN_ROLE) {
        address(parameters).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function pokeDeleveraging(address) external {
        address(liquidation).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function deleverage(
        uint256,
        address,
        address,
        uint256,
        bool
    ) external returns (uint256 repaid, uint256 collateralOut) {
        return abi.decode(address(liquidation).functionDelegateCall(msg.data), (uint256, uint256));
    }

    /// @inheritdoc IVaultLiquidation
    function flag(uint256) external {
        address(liquidation).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function unflag(uint256) external {
        address(liquidation).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function marginCall(uint256) external {
        address(liquidation).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function endMarginCall(uint256) external {
        address(liquidation).functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function liquidate(
        uint256,
        address,
        address,
        uint256,
        uint256,
        bool,
        bytes calldata
    ) external returns (uint256 repaid, uint256 collateralOut) {
        return abi.decode(address(liquidation).functionDelegateCall(msg.data), (uint256, uint256));
    }

    /// @inheritdoc IVaultLiquidation
    function writeOff(uint256) external {
        address(liquidation).functionDelegateCall(msg.data);
    }
}
