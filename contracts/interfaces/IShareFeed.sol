// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregatorV3} from "./IAggregatorV3.sol";
import {IHubShare} from "./IHubShare.sol";

/// @title What a whole share token is worth, at the feed of its asset
/// @notice The feed of a share token that is listed as collateral: it looks through to what the hub would pay, so that a
/// loss is off its answer in the moment in which it is reported. Rounds and times are those of the asset's feed.
interface IShareFeed is IAggregatorV3 {
    /// @notice The share token that is priced
    function share() external view returns (IHubShare);
    /// @notice The feed of its asset
    function feed() external view returns (IAggregatorV3);
}
