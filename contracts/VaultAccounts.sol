// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ILiquidityHub} from "./interfaces/ILiquidityHub.sol";
import {IRiskGuard} from "./interfaces/IRiskGuard.sol";
import {IVault} from "./interfaces/IVault.sol";
import {VaultReserves} from "./VaultReserves.sol";
import {FixedPoint} from "./libraries/FixedPoint.sol";

/// @title Margin accounts of a vault, and what they hold and owe
/// @notice Invariants kept here (numbers of the specification): 3, 4 accounts' debts and shares sum to what the hub
/// books for this vault; 11 a user operation leaves health >= 1 and debt within the borrow limit; 12 supply and
/// repay need no price of the account's to be usable, and no switch or cap blocks repayment; 24 an isolated account holds one collateral and one debt.
/// Twin: `sim/protocol/vault_accounts.py`.
abstract contract VaultAccounts is VaultReserves, Multicall, ReentrancyGuardTransient {
    using FixedPoint for uint256;
    using SafeERC20 for IERC20;

    modifier onlyAuthorised(uint256 accountId) {
        if (msg.sender != ownerOf(accountId) && msg.sender != _accounts[accountId].manager) revert NotAuthorised();
        _;
    }

    // --- accounts -----------------------------------------------------------------------------------------------

    /// @inheritdoc IVault
    function setManager(uint256 accountId, address manager) external {
        if (msg.sender != ownerOf(accountId)) revert NotAuthorised();
        _accounts[accountId].manager = manager;
        emit ManagerSet(accountId, manager);
    }

    /// @inheritdoc IVault
    function setIsolated(uint256 accountId, bool isolated) external onlyAuthorised(accountId) {
        Account storage a = _accounts[accountId];
        if (a.collateralBits | a.debtBits != 0) revert AccountNotEmpty();
        a.isolated = isolated;
        emit IsolationSet(accountId, isolated);
    }

    /// @inheritdoc IVault
    function setCategory(uint256 accountId, uint8 category) external nonReentrant onlyAuthorised(accountId) {
        Account storage a = _accounts[accountId];
        if (category != 0) {
            CategoryConfig storage k = _categories[category].config;
            if (k.ltBps == 0 || a.debtBits & ~k.borrowBits != 0) revert NotInCategory();
        }
        a.category = category;
        _requireSafe(accountId);
        emit CategorySet(accountId, category);
    }

    /// @inheritdoc IVault
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
            if (a.isolated && a.collateralBits & ~_bit(i) != 0) revert IsolatedLimit();
            if (!_hasRoom(accountId, i)) revert TooManyAssets();
            bool due = _isDue(accountId);
            a.collateralBits |= _bit(i);
            _checkConcentration(accountId, i, r);
            _seeHealed(accountId, due);
        } else {
            a.collateralBits &= ~_bit(i);
            _requireSafe(accountId);
        }
        emit CollateralSet(accountId, asset, enabled);
    }

    // --- supply and borrow --------------------------------------------------------------------------------------

    /// @inheritdoc IVault
    function supply(uint256 accountId, address asset, uint256 amount) external nonReentrant onlyAuthorised(accountId) {
        (uint256 i, Reserve storage r) = _reserve(asset);
        if (amount == 0) revert ZeroAmount();
        if (amount >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        if (_becomesCollateral(accountId, i, asset) && !_hasRoom(accountId, i)) revert TooManyAssets();
        bool due = _isDue(accountId);
        hub.noteShortage(asset);
        _pull(asset, amount);
        (uint256 supplied, uint256 held, bool fits) = (amount, 0, false);
        if (r.config.rehypothecate) {
            supplied = hub.toSharesDown(asset, amount);
            (held, fits) = hub.add(asset, amount, supplied);
        } else {
            (held, fits) = hub.addEscrow(asset, amount);
        }
        _increaseSupplied(accountId, i, asset, supplied);
        if (!fits || held > r.config.supplyCap) _checkExcess(accountId, i, r);
        _checkConcentration(accountId, i, r);
        _seeHealed(accountId, due);
        emit Supplied(accountId, asset, msg.sender, amount, supplied);
    }

    /// @inheritdoc IVault
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
        if (lent) hub.accrue(asset);
        if (amount == type(uint256).max) {
            amount = lent ? hub.toAssetsDown(asset, supplied) : supplied;
        } else {
            if (amount >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
            supplied = lent ? hub.toSharesUp(asset, amount) : amount;
            if (supplied > p.supplied) revert InsufficientSupply();
        }
        _decreaseSupplied(accountId, i, asset, supplied);
        emit Withdrawn(accountId, asset, to, amount, supplied);
        if (hub.isHalted(asset, address(this))) revert SpokeHalted();
        _ask(IRiskGuard.Action.WITHDRAW, i, 0, _accounts[accountId].debtBits == 0);
        if (lent) hub.remove(asset, amount, supplied, to);
        else hub.removeEscrow(asset, amount, to);
        _requireSafe(accountId);
        return amount;
    }

    /// @inheritdoc IVault
    function borrow(
        uint256 accountId,
        address asset,
        uint256 amount,
        address to
    ) external nonReentrant onlyAuthorised(accountId) {
        (uint256 i, Reserve storage r) = _reserve(asset);
        if (!r.config.borrowEnabled) revert BorrowDisabled();
        Account storage a = _accounts[accountId];
        _ask(IRiskGuard.Action.BORROW, i, a.collateralBits, false);
        if (a.isolated && a.debtBits & ~_bit(i) != 0) revert IsolatedLimit();
        if (a.category != 0 && (_categories[a.category].config.borrowBits >> i) & 1 == 0) revert NotInCategory();
        if (!_hasRoom(accountId, i)) revert TooManyAssets();
        if (amount >= FixedPoint.MAX_AMOUNT) revert AmountTooLarge();
        // What the hub will book, known before it pays: whoever is paid may ask for the account's health.
        uint256 scaled = amount.mulDivUp(FixedPoint.RAY, hub.accrue(asset));
        a.debtBits |= _bit(i);
        _positions[accountId][asset].scaledDebt += scaled;
        emit Borrowed(accountId, asset, to, amount, scaled);
        (, uint256 drawn) = hub.draw(asset, amount, to);
        if (drawn > r.config.borrowCap) revert BorrowCapExceeded();
        _requireSafe(accountId);
    }

    /// @inheritdoc IVault
    function repay(uint256 accountId, address asset, uint256 amount) external nonReentrant returns (uint256 paid) {
        (uint256 i, ) = _reserve(asset);
        uint256 index = hub.noteShortage(asset);
        paid = Math.min(amount, _debtAt(_positions[accountId][asset].scaledDebt, index));
        if (paid == 0) revert ZeroAmount();
        bool due = _isDue(accountId);
        _pull(asset, paid);
        (uint256 owed, uint256 scaled) = _burnDebt(accountId, i, asset, paid, index);
        hub.restore(asset, paid, owed);
        _seeHealed(accountId, due);
        emit Repaid(accountId, asset, msg.sender, paid, scaled);
    }

    // --- views --------------------------------------------------------------------------------------------------

    /// @inheritdoc IVault
    function accountOf(uint256 accountId) external view returns (Account memory) {
        return _accounts[accountId];
    }

    // --- internals ----------------------------------------------------------------------------------------------

    /// @dev After everything that raises risk: undisputed prices, debt within the limit, health at least 1 and, under a margin call,
    /// at least that of calls, and no debt that is too small to be worth anybody's while.
    function _requireSafe(uint256 accountId) internal {
        if (_accounts[accountId].debtBits == 0) return;
        (Health memory h, ) = _pokedHealth(accountId);
        if (!h.pricesOk) revert PriceNotOk();
        if (h.debtValue * FixedPoint.BPS > h.weightedLimit) revert BorrowLimitExceeded();
        if (h.factor < FixedPoint.WAD) revert Unhealthy();
        if (h.factor < _policy.marginCallHealth && isCalled(accountId)) revert UnderMarginCall();
        if (h.leastDebtValue < _policy.dustValue) revert DebtTooSmall();
        _see(accountId, h);
    }

    /// @dev Of more than caps and switches let the vault have: refused, but for collateral that brings an account that owes more than its
    /// borrow limit nearer to it: nobody may be kept from that, and it makes no room for new debt.
    function _checkExcess(uint256 accountId, uint256 i, Reserve storage r) internal view {
        if (_isBeyondLimit(accountId, i)) return;
        ILiquidityHub.Spoke memory s = hub.getSpoke(r.asset, address(this));
        if (!s.active) revert SpokeNotActive();
        if (hub.toAssetsDown(r.asset, s.addedShares) + s.escrowed > s.addCap) revert AddCapExceeded();
        revert SupplyCapExceeded();
    }

    /// @dev Of an asset that became or grew as collateral: its share of what the vault has of it. What nobody can price is worth
    /// nothing here, as supply needs no price. Who takes shares in a liquidation is not asked.
    function _checkConcentration(uint256 accountId, uint256 i, Reserve storage r) internal view {
        uint256 most = r.config.concentrationBps;
        if (most == 0 || (_accounts[accountId].collateralBits >> i) & 1 == 0) return;
        ILiquidityHub.Spoke memory s = hub.getSpoke(r.asset, address(this));
        uint256 total = r.config.rehypothecate ? s.addedShares : s.escrowed;
        if (_positions[accountId][r.asset].supplied * FixedPoint.BPS <= total * most) return;
        uint256 value = _supplied(accountId, r).collateralValue(oracle.read(r.asset).collateralPrice, r.unit);
        if (value > r.config.concentrationFloor && !_isBeyondLimit(accountId, i)) revert ConcentrationExceeded();
    }

    /// @dev Whether asset i is collateral of an account that owes more than its borrow limit with it.
    function _isBeyondLimit(uint256 accountId, uint256 i) internal view returns (bool) {
        if ((_accounts[accountId].collateralBits >> i) & 1 == 0) return false;
        Health memory h = health(accountId);
        return h.debtValue * FixedPoint.BPS > h.weightedLimit;
    }
}
