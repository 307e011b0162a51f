// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title FeeToken: takes 1% of every transfer
contract FeeToken is TestToken {
    constructor() TestToken("FEE", 18) {}

    function _update(address from, address to, uint256 value) internal override {
        if (from != address(0) && to != address(0)) {
            super._update(from, address(0), value / 100);
            value -= value / 100;
        }
        super._update(from, to, value);
    }
}

/// @title FalseToken: returns false instead of reverting, and moves nothing
contract FalseToken is TestToken {
    constructor() TestToken("FALSE", 18) {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @title LyingToken: returns true and moves nothing
contract LyingToken is TestToken {
    constructor() TestToken("LIE", 18) {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}

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
        (hookSucceeded, hookResult) = callee.call(payload);
    }
}
