// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IOracleRouter} from "./interfaces/IOracleRouter.sol";
import {IVault} from "./interfaces/IVault.sol";
import {VaultReserves} from "./VaultReserves.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title Margin accounts of a vault, what they hold and owe, and their health
/// @notice Invariants kept here (numbers of the specification): 3, 4 accounts' debts and shares sum to what the hub
/// books for this vault; 11 a user operation leaves health >= 1 and debt within the borrow limit; 12 supply and repay
/// need no price and are never blocked; 24 an isolated account holds one collateral and one debt.
/// Twin: `sim/protocol/vault_accounts.py`.
abstract contract VaultAccounts is VaultReserves, Multicall, ReentrancyGuard {
    using FixedPoint for uint256;
    using SafeERC20 for IERC20;

    mapping(uint256 accountId => Account) internal _accounts;
    mapping(uint256 accountId => mapping(address asset => Position)) internal _positions;

    modifier onlyAuthorised(uint256 accountId) {
        if (msg.sender != ownerOf(accountId) && msg.sender != _accounts[accountId].manager) revert NotAuthorised();
        _;
    }

    // --- accounts -----------------------------------------------------------------------------------------------

    function ownerOf(uint256 accountId) public pure returns (address) {
        return address(uint160(accountId >> 8));
    }

    /// @notice Lets `manager` act on one sub-account; the zero address ends it
    /// @dev Only the owner: a manager cannot pass its power on.
    function setManager(uint256 accountId, address manager) external {
        if (msg.sender != ownerOf(accountId)) revert NotAuthorised();
        _accounts[accountId].manager = manager;
        emit ManagerSet(accountId, manager);
    }

    /// @notice Makes a sub-account isolated (one collateral, one debt) or cross; only while it has neither
    function setIsolated(uint256 accountId, bool isolated) external onlyAuthorised(accountId) {
        Account storage a = _accounts[accountId];
        if (a.collateralBits | a.debtBits != 0) revert AccountNotEmpty();
        a.isolated = isolated;
        emit IsolationSet(accountId, isolated);
    }

    /// @notice Lets a supplied asset back the account's debts, or no longer
    function setCollateral(
        uint256 accountId,
        address asset,
        bool enabled
    ) external nonReentrant onlyAuthorised(accountId) {
        (uint256 i, Reserve storage r) = _reserve(asset);
        Account storage a = _accounts[accountId];
        if (_positions[accountId][asset].supplied == 0) revert InsufficientSupply();
        if (enabled) {
            if (!r.config.collateralEnabled) revert CollateralDisabled();
            if (a.isolated && a.collateralBits & ~(1 << i) != 0) revert IsolatedLimit();
            a.collateralBits |= 1 << i;
        } else {
            a.collateralBits &= ~(1 << i);
            _requireSafe(accountId);
        }
        emit CollateralSet(accountId, asset, enabled);
    }

    // --- supply and borrow --------------------------------------------------------------------------------------

    /// @notice Adds `amount` of `asset` to an account; needs no price
    /// @dev The first supply of an asset becomes collateral where the reserve and the account's isolation allow it.
    function supply(uint256 accountId, address asset, uint256 amount) external nonReentrant onlyAuthorised(accountId) {
        (uint256 i, Reserve storage r) = _reserve(asset);
        if (amount == 0) revert ZeroAmount();
        if (amount >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        IERC20(asset).safeTransferFrom(msg.sender, address(hub), amount);
        uint256 supplied = amount;
        if (r.config.rehypothecate) {
            supplied = hub.toSharesDown(asset, amount);
            hub.add(asset, amount, supplied);
        } else {
            hub.addEscrow(asset, amount);
        }
        ILiquidityHub.Spoke memory s = hub.getSpoke(asset, address(this));
        uint256 total = r.config.rehypothecate ? hub.toAssetsDown(asset, s.addedShares) : s.escrowed;
        if (total > r.config.supplyCap) revert SupplyCapExceeded();

        Account storage a = _accounts[accountId];
        Position storage p = _positions[accountId][asset];
        if (p.supplied == 0 && r.config.collateralEnabled && !(a.isolated && a.collateralBits != 0)) {
            a.collateralBits |= 1 << i;
            emit CollateralSet(accountId, asset, true);
        }
        p.supplied += supplied;
        _unflagRecovered(accountId);
        emit Supplied(accountId, asset, msg.sender, amount, supplied);
    }

    /// @notice Takes `amount` of `asset` out; `type(uint256).max` takes everything
    function withdraw(
        uint256 accountId,
        address asset,
        uint256 amount,
        address to
    ) external nonReentrant onlyAuthorised(accountId) returns (uint256) {
        (uint256 i, Reserve storage r) = _reserve(asset);
        Position storage p = _positions[accountId][asset];
        bool lent = r.config.rehypothecate;
        uint256 supplied = p.supplied;
        if (amount == type(uint256).max) {
            amount = lent ? hub.toAssetsDown(asset, supplied) : supplied;
        } else {
            if (amount >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
            supplied = lent ? hub.toSharesUp(asset, amount) : amount;
            if (supplied > p.supplied) revert InsufficientSupply();
        }
        _decreaseSupplied(accountId, i, asset, supplied);
        emit Withdrawn(accountId, asset, to, amount, supplied);
        if (lent) hub.remove(asset, amount, supplied, to);
        else hub.removeEscrow(asset, amount, to);
        _requireSafe(accountId);
        return amount;
    }

    /// @notice Borrows `amount` of `asset` to `to`
    function borrow(
        uint256 accountId,
        address asset,
        uint256 amount,
        address to
    ) external nonReentrant onlyAuthorised(accountId) {
        (uint256 i, Reserve storage r) = _reserve(asset);
        if (!r.config.borrowEnabled) revert BorrowDisabled();
        Account storage a = _accounts[accountId];
        if (a.isolated && a.debtBits & ~(1 << i) != 0) revert IsolatedLimit();
        uint256 scaled = hub.draw(asset, amount, to);
        a.debtBits |= 1 << i;
        _positions[accountId][asset].scaledDebt += scaled;
        emit Borrowed(accountId, asset, to, amount, scaled);
        uint256 total = hub.debtOf(asset, hub.getSpoke(asset, address(this)).drawnScaled);
        if (total > r.config.borrowCap) revert BorrowCapExceeded();
        _requireSafe(accountId);
    }

    /// @notice Repays up to `amount` of an account's debt; anyone may, for anyone; needs no price
    /// @return paid min(amount, debt rounded up), token units
    function repay(uint256 accountId, address asset, uint256 amount) external nonReentrant returns (uint256 paid) {
        (uint256 i, ) = _reserve(asset);
        paid = Math.min(amount, debtAssets(accountId, asset));
        if (paid == 0) revert ZeroAmount();
        uint256 scaled = _collectRepayment(accountId, i, asset, paid);
        _unflagRecovered(accountId);
        emit Repaid(accountId, asset, msg.sender, paid, scaled);
    }

    // --- views --------------------------------------------------------------------------------------------------

    function accountOf(uint256 accountId) external view returns (Account memory) {
        return _accounts[accountId];
    }

    function positionOf(uint256 accountId, address asset) external view returns (Position memory) {
        return _positions[accountId][asset];
    }

    function suppliedAssets(uint256 accountId, address asset) public view returns (uint256) {
        (, Reserve storage r) = _reserve(asset);
        uint256 supplied = _positions[accountId][asset].supplied;
        return r.config.rehypothecate ? hub.toAssetsDown(asset, supplied) : supplied;
    }

    function debtAssets(uint256 accountId, address asset) public view returns (uint256) {
        return hub.debtOf(asset, _positions[accountId][asset].scaledDebt);
    }

    /// @inheritdoc IVault
    /// @dev HF = floor(half(sum C_i lt_i, WAD, sum D_j) / BPS), with C_i down and D_j up.
    function health(uint256 accountId) public view returns (Health memory h) {
        Account storage a = _accounts[accountId];
        (h.pricesOk, h.pricesUsable, h.debtPricesUsable) = (true, true, true);
        uint256 bits = a.collateralBits | a.debtBits;
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 0) continue;
            Reserve storage r = _reserves[i];
            address asset = r.asset;
            (uint256 price, IOracleRouter.Status status, bool usable) = oracle.read(asset);
            if (status != IOracleRouter.Status.OK) h.pricesOk = false;
            if (!usable) h.pricesUsable = false;
            if ((a.debtBits >> i) & 1 == 1) {
                h.debtValue += debtAssets(accountId, asset).debtValue(price, r.unit);
                if (!usable) h.debtPricesUsable = false;
            }
            if ((a.collateralBits >> i) & 1 == 1) {
                if (!usable) price = Math.max(price, oracle.accepted(asset));
                uint256 value = suppliedAssets(accountId, asset).collateralValue(price, r.unit);
                h.collateralValue += value;
                h.weightedCollateral += value * _threshold(r);
                h.weightedLimit += value * r.config.ltvBps;
                if (r.config.rehypothecate && hub.deficitOf(asset) > 0) h.pricesOk = false;
            }
        }
        h.factor = _healthFactor(h.weightedCollateral, h.debtValue);
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev Max without debt. A debt whose price is down counts as none here; its price status then keeps every operation
    /// that would rely on this from happening.
    function _healthFactor(uint256 weighted, uint256 debtValue) internal pure returns (uint256) {
        if (debtValue == 0) return type(uint256).max;
        return weighted.mulDivHalf(FixedPoint.WAD, debtValue) / FixedPoint.BPS;
    }

    /// @dev Advances the oracle's deviation checks for every asset of the account, then measures it.
    function _pokedHealth(uint256 accountId) internal returns (Health memory) {
        uint256 bits = _accounts[accountId].collateralBits | _accounts[accountId].debtBits;
        for (uint256 i = 0; bits >> i != 0; ++i) {
            if ((bits >> i) & 1 == 1) oracle.poke(_reserves[i].asset);
        }
        return health(accountId);
    }

    /// @dev After everything that raises risk: undisputed prices, debt within the limit, health at least 1.
    function _requireSafe(uint256 accountId) internal {
        if (_accounts[accountId].debtBits == 0) return;
        Health memory h = _pokedHealth(accountId);
        if (!h.pricesOk) revert PriceNotOk();
        if (h.debtValue * FixedPoint.BPS > h.weightedLimit) revert BorrowLimitExceeded();
        if (h.factor < FixedPoint.WAD) revert Unhealthy();
        _unflag(accountId);
    }

    /// @dev Moves `paid` from the caller to the hub and burns the account's scaled debt for it.
    function _collectRepayment(
        uint256 accountId,
        uint256 i,
        address asset,
        uint256 paid
    ) internal returns (uint256 scaled) {
        Position storage p = _positions[accountId][asset];
        IERC20(asset).safeTransferFrom(msg.sender, address(hub), paid);
        scaled = hub.restore(asset, paid, p.scaledDebt);
        p.scaledDebt -= scaled;
        if (p.scaledDebt == 0) _accounts[accountId].debtBits &= ~(1 << i);
    }

    function _decreaseSupplied(uint256 accountId, uint256 i, address asset, uint256 supplied) internal {
        Position storage p = _positions[accountId][asset];
        p.supplied -= supplied;
        if (p.supplied == 0) _accounts[accountId].collateralBits &= ~(1 << i);
    }

    /// @dev Recovery ends a flag: the next fall has a delay of its own. While a price cannot be used nobody knows, and
    /// the flag stays; without a flag no price is read.
    function _unflagRecovered(uint256 accountId) internal {
        Account storage a = _accounts[accountId];
        if (a.flaggedAt == 0) return;
        if (a.debtBits != 0) {
            Health memory h = health(accountId);
            if (!h.pricesUsable || h.factor < FixedPoint.WAD) return;
        }
        _unflag(accountId);
    }

    function _unflag(uint256 accountId) internal {
        if (_accounts[accountId].flaggedAt == 0) return;
        _accounts[accountId].flaggedAt = 0;
        emit Unflagged(accountId);
    }
}
