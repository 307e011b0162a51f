// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";
import {IHubShare} from "../interfaces/IHubShare.sol";
import {IShareFeed} from "../interfaces/IShareFeed.sol";

/// @title ShareFeed: a share token as collateral is worth what the hub would pay
/// @notice Nothing is kept here. It has no twin: in the twin no asset is another's share.
contract ShareFeed is IShareFeed {
    /// @inheritdoc IShareFeed
    IHubShare public immutable share;
    /// @inheritdoc IShareFeed
    IAggregatorV3 public immutable feed;
    uint256 internal immutable _wholeShare;
    uint256 internal immutable _wholeToken;

    constructor(IHubShare share_, IAggregatorV3 feed_) {
        (share, feed) = (share_, feed_);
        _wholeShare = 10 ** IERC20Metadata(address(share_)).decimals();
        _wholeToken = 10 ** IERC20Metadata(share_.asset()).decimals();
    }

    /// @inheritdoc IAggregatorV3
    function decimals() external view returns (uint8) {
        return feed.decimals();
    }

    /// @inheritdoc IAggregatorV3
    /// @dev Down; of a price that is none, none.
    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        (roundId, answer, startedAt, updatedAt, answeredInRound) = feed.latestRoundData();
        if (answer <= 0) return (roundId, 0, startedAt, updatedAt, answeredInRound);
        uint256 price = Math.mulDiv(uint256(answer), share.convertToAssets(_wholeShare), _wholeToken);
        answer = int256(price);
    }
}
