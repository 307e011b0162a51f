// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {IVaultLiquidation} from "./interfaces/IVaultLiquidation.sol";
import {VaultFlags} from "./VaultFlags.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title Positions: what accounts of a vault have and owe, as booked
/// @notice A bit of an account says that it has, or owes, an asset. Twin: `sim/protocol/vault_positions.py`.
abstract contract VaultPositions is VaultFlags {
    using FixedPoint for uint256;
    using SafeERC20 for IERC20;

    /// @inheritdoc IVaultLiquidation
    function positionOf(uint256 accountId, address asset) external view returns (Position memory) {
        return _positions[accountId][asset];
    }

    /// @inheritdoc IVaultLiquidation
    function suppliedAssets(uint256 accountId, address asset) public view returns (uint256) {
        (, Reserve storage r) = _reserve(asset);
        return _supplied(accountId, r);
    }

    /// @inheritdoc IVaultLiquidation
    function debtAssets(uint256 accountId, address asset) public view returns (uint256) {
        return hub.debtOf(asset, _positions[accountId][asset].scaledDebt);
    }

    // --- internals ----------------------------------------------------------------------------------------------

    function _supplied(uint256 accountId, Reserve storage r) internal view returns (uint256 supplied) {
        supplied = _positions[accountId][r.asset].supplied;
        return r.config.rehypothecate ? hub.toAssetsDown(r.asset, supplied) : supplied;
    }

    /// @dev Burns the account's scaled debt for `paid`, as the hub does once the tokens are there (`restore`).
    /// @param index what a scaled debt of one RAY is by now
    /// @return owed its scaled debt before
    /// @return scaled what is burnt of it
    function _burnDebt(
        uint256 accountId,
        uint256 i,
        address asset,
        uint256 paid,
        uint256 index
    ) internal returns (uint256 owed, uint256 scaled) {
        Position storage p = _positions[accountId][asset];
        owed = p.scaledDebt;
        scaled = paid == _debtAt(owed, index) ? owed : paid.mulDivDown(FixedPoint.RAY, index);
        p.scaledDebt = owed - scaled;
        if (scaled == owed) _accounts[accountId].debtBits &= ~_bit(i);
    }

    /// @dev As the hub books it.
    function _debtAt(uint256 scaled, uint256 index) internal pure returns (uint256) {
        return scaled.mulDivUp(index, FixedPoint.RAY);
    }

    /// @dev Where an account says of an asset that it is collateral, or owed.
    function _bit(uint256 i) internal pure returns (uint64) {
        return uint64(1 << i);
    }

    /// @dev Whether the account may count one more asset, unless it counts this one: whoever liquidates it pays for each.
    function _hasRoom(uint256 accountId, uint256 i) internal view returns (bool) {
        uint256 bits = _accounts[accountId].collateralBits | _accounts[accountId].debtBits;
        if ((bits >> i) & 1 == 1) return true;
        uint256 count = 0;
        for (; bits != 0; ++count) bits &= bits - 1;
        return count < MOST_ASSETS;
    }

    /// @dev Whether what comes of an asset is the first, which becomes collateral if there is room: reserve and isolation
    /// allow it.
    function _becomesCollateral(uint256 accountId, uint256 i, address asset) internal view returns (bool) {
        Account storage a = _accounts[accountId];
        if (_positions[accountId][asset].supplied != 0 || !_reserves[i].config.collateralEnabled) return false;
        return !(a.isolated && a.collateralBits != 0);
    }

    /// @dev What does not back debts is said not to: of an asset whose first shares found no room nothing does.
    function _increaseSupplied(uint256 accountId, uint256 i, address asset, uint256 supplied) internal {
        uint64 before = _accounts[accountId].collateralBits;
        bool becomes = _becomesCollateral(accountId, i, asset) && _hasRoom(accountId, i);
        if (becomes) _accounts[accountId].collateralBits = before | _bit(i);
        if (becomes || before & _bit(i) == 0) emit CollateralSet(accountId, asset, becomes);
        _positions[accountId][asset].supplied += supplied;
    }

    function _decreaseSupplied(uint256 accountId, uint256 i, address asset, uint256 supplied) internal {
        Position storage p = _positions[accountId][asset];
        p.supplied -= supplied;
        if (p.supplied == 0) _accounts[accountId].collateralBits &= ~_bit(i);
    }

    /// @dev From the caller to the hub, which checks that they arrive: not what `noteShortage` found missing before.
    function _pull(address asset, uint256 amount) internal {
        IERC20(asset).safeTransferFrom(msg.sender, address(hub), amount);
    }
}
