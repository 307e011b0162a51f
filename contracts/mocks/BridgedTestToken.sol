// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BridgedCollateral} from "../periphery/BridgedCollateral.sol";

/// @title A bridged token of a devnet
/// @notice Of which, as of `TestToken`, anyone may have some: what was bridged before a run begins.
contract BridgedTestToken is BridgedCollateral {
    constructor(
        string memory symbol_,
        uint8 decimals_,
        address relayer_,
        Limits memory limits_
    ) BridgedCollateral(symbol_, decimals_, relayer_, limits_) {}

    /// @notice Mints to anyone, for free
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
