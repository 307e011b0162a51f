// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";

/// @title PriceFeed: a Chainlink-style feed that says what it is told, faults included
contract PriceFeed is IAggregatorV3 {
    /// @notice How the feed behaves: answers, reverts, answers an incomplete round, answers too few bytes, or burns all gas.
    enum Mode {
        NORMAL,
        REVERTS,
        INCOMPLETE,
        GARBLED,
        BURNS
    }

    error FeedReverted();

    uint8 public immutable decimals;
    int256 public answer;
    uint256 public updatedAt;
    Mode public mode;

    constructor(uint8 decimals_) {
        decimals = decimals_;
    }

    /// @notice Reports `answer_` now
    function post(int256 answer_) external {
        (answer, updatedAt) = (answer_, block.timestamp);
    }

    /// @notice Reports `answer_` as of another time
    function postAt(int256 answer_, uint256 updatedAt_) external {
        (answer, updatedAt) = (answer_, updatedAt_);
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        if (mode == Mode.REVERTS) revert FeedReverted();
        if (mode == Mode.BURNS) {
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                invalid()
            }
        }
        if (mode == Mode.GARBLED) {
            // One word where five are due.
            // solhint-disable-next-line no-inline-assembly
            assembly ("memory-safe") {
                mstore(0, 1)
                return(0, 32)
            }
        }
        uint80 round = 2;
        return (round, answer, updatedAt, updatedAt, mode == Mode.INCOMPLETE ? round - 1 : round);
    }
}
