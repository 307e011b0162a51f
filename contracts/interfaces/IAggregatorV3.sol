// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title The part of Chainlink's `AggregatorV3Interface` that the router reads
interface IAggregatorV3 {
    /// @notice Decimals of the answer; the router takes feeds of 8
    function decimals() external view returns (uint8);

    /// @notice The newest answer: a price, when it was made and in which round
    /// @return roundId the round it was asked for
    /// @return answer USD with `decimals()` decimals; not believed at 0 or below
    /// @return startedAt timestamp, not read
    /// @return updatedAt timestamp, 0 while the round is incomplete
    /// @return answeredInRound the round it was made in; not believed if that is an earlier one
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}
