// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title LyingToken: returns true and moves nothing
contract LyingToken is TestToken {
    constructor() TestToken("LIE", 18) {}

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}
