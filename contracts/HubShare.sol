// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IHubShare} from "./interfaces/IHubShare.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";

/// @title HubShare: the public ERC-4626 face of one hub asset
/// @notice For suppliers who never borrow; can itself be listed as collateral. One share of this token is one share of
/// the hub, so invariant 4 (shares of all holders sum to the spoke's) is the token's own supply. Conversions are the
/// hub's: deposit down, mint up, withdraw up, redeem down. Twin: `sim/protocol/hub_share.py`.
contract HubShare is IHubShare, ERC4626 {
    using SafeERC20 for IERC20;

    /// @inheritdoc IHubShare
    ILiquidityHub public immutable hub;

    constructor(
        ILiquidityHub hub_,
        IERC20Metadata asset_
    )
        ERC4626(asset_)
        ERC20(string.concat("Breakwater ", asset_.name()), string.concat("bw", asset_.symbol()))
    {
        hub = hub_;
    }

    /// @inheritdoc IHubShare
    function totalAssets() public view override(IHubShare, ERC4626) returns (uint256) {
        return hub.toAssetsDown(asset(), totalSupply());
    }

    /// @inheritdoc IHubShare
    function maxDeposit(address) public view override(IHubShare, ERC4626) returns (uint256) {
        ILiquidityHub.Spoke memory s = hub.getSpoke(asset(), address(this));
        uint256 held = totalAssets();
        if (!s.active || held >= s.addCap) return 0;
        return Math.min(s.addCap - held, hub.room(asset()));
    }

    /// @inheritdoc IHubShare
    function maxMint(address receiver) public view override(IHubShare, ERC4626) returns (uint256) {
        return hub.toSharesDown(asset(), maxDeposit(receiver));
    }

    /// @inheritdoc IHubShare
    function maxWithdraw(address owner) public view override(IHubShare, ERC4626) returns (uint256) {
        if (hub.isHalted(asset(), address(this))) return 0;
        return Math.min(super.maxWithdraw(owner), hub.available(asset()));
    }

    /// @inheritdoc IHubShare
    function maxRedeem(address owner) public view override(IHubShare, ERC4626) returns (uint256) {
        if (hub.isHalted(asset(), address(this))) return 0;
        uint256 shares = balanceOf(owner);
        uint256 available = hub.available(asset());
        if (previewRedeem(shares) > available) shares = hub.toSharesDown(asset(), available);
        return previewRedeem(shares) == 0 ? 0 : shares;
    }

    /// @inheritdoc IHubShare
    function handOver(address owner, uint256 shares) external {
        if (hub.isHalted(asset(), address(this))) revert SpokeHalted();
        if (msg.sender != owner) _spendAllowance(owner, msg.sender, shares);
        _burn(owner, shares);
        hub.give(asset(), msg.sender, shares);
        emit HandedOver(owner, msg.sender, shares);
    }

    /// @dev What the hub's virtual shares add to the decimals of the asset.
    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }

    function _convertToShares(uint256 assets, Math.Rounding rounding) internal view override returns (uint256) {
        return rounding == Math.Rounding.Floor ? hub.toSharesDown(asset(), assets) : hub.toSharesUp(asset(), assets);
    }

    function _convertToAssets(uint256 shares, Math.Rounding rounding) internal view override returns (uint256) {
        return rounding == Math.Rounding.Floor ? hub.toAssetsDown(asset(), shares) : hub.toAssetsUp(asset(), shares);
    }

    /// @dev Tokens go straight to the hub, which checks that they arrived.
    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override {
        IERC20(asset()).safeTransferFrom(caller, address(hub), assets);
        hub.add(asset(), assets, shares);
        _mint(receiver, shares);
        emit Deposit(caller, receiver, assets, shares);
    }

    function _withdraw(
        address caller,
        address receiver,
        address owner,
        uint256 assets,
        uint256 shares
    ) internal override {
        if (caller != owner) _spendAllowance(owner, caller, shares);
        _burn(owner, shares);
        hub.remove(asset(), assets, shares, receiver);
        emit Withdraw(caller, receiver, owner, assets, shares);
    }
}
