// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";
import {IVault} from "./interfaces/IVault.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {VaultAccounts} from "./VaultAccounts.sol";
import {VaultReserves} from "./VaultReserves.sol";
import {VaultState} from "./VaultState.sol";

/// @title Vault: margin accounts on a hub
/// @notice Accounts and risk parameters are in the parts that this is made of; it liquidates with the code of
/// `liquidation`, which has no room here, on its own variables. Twin: `sim/protocol/vault.py`.
contract Vault is VaultAccounts {
    using Address for address;

    /// @inheritdoc IVault
    address public immutable liquidation;

    /// @dev Hub and oracle are those of the code that liquidates, so that it cannot be another's.
    constructor(
        IVaultLiquidation liquidation_,
        Policy memory policy_,
        address admin
    ) VaultState(liquidation_.hub(), liquidation_.oracle()) VaultReserves(policy_, admin) {
        liquidation = address(liquidation_);
    }

    /// @inheritdoc IVaultLiquidation
    function pokeDeleveraging(address) external {
        liquidation.functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function deleverage(
        uint256,
        address,
        address,
        uint256,
        bool
    ) external returns (uint256 repaid, uint256 collateralOut) {
        return abi.decode(liquidation.functionDelegateCall(msg.data), (uint256, uint256));
    }

    /// @inheritdoc IVaultLiquidation
    function setDeleveraging(address, DeleveragingTerms calldata) external onlyRole(DEFAULT_ADMIN_ROLE) {
        liquidation.functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function flag(uint256) external {
        liquidation.functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function unflag(uint256) external {
        liquidation.functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function marginCall(uint256) external {
        liquidation.functionDelegateCall(msg.data);
    }

    /// @inheritdoc IVaultLiquidation
    function endMarginCall(uint256) external {
        liquidation.functionDelegateCall(msg.data);
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
        return abi.decode(liquidation.functionDelegateCall(msg.data), (uint256, uint256));
    }

    /// @inheritdoc IVaultLiquidation
    function writeOff(uint256) external {
        liquidation.functionDelegateCall(msg.data);
    }
}
