// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title HookToken: calls a target of the sender's choosing in the middle of every transfer
contract HookToken is TestToken {
    address public target;
    bytes public payload;
    /// @notice What the last hook call answered.
    bool public hookSucceeded;
    bytes public hookResult;

    constructor() TestToken("HOOK", 18) {}

    function setHook(address target_, bytes calldata payload_) external {
        (target, payload) = (target_, payload_);
    }

    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, value);
        if (target == address(0)) return;
        address callee = target;
        target = address(0);
        // Whatever the test asks for.
        // solhint-disable-next-line avoid-low-level-calls
        (hookSucceeded, hookResult) = callee.call(payload);
    }
}
