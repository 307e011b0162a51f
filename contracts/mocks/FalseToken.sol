// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title FalseToken: returns false instead of reverting, and moves nothing
contract FalseToken is TestToken {
    constructor() TestToken("FALSE", 18) {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}
