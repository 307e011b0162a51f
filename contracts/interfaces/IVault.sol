// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IVaultLiquidation} from "./IVaultLiquidation.sol";
import {IVaultParameters} from "./IVaultParameters.sol";

/// @title The vault: margin accounts on a hub
/// @notice What an account is, and in which units: `IVaultState`.
interface IVault is IVaultLiquidation, IVaultParameters, IAccessControl {
    /// @notice Emitted on `setManager`.
    event ManagerSet(uint256 indexed accountId, address manager);
    /// @notice Emitted on `setIsolated`.
    event IsolationSet(uint256 indexed accountId, bool isolated);
    /// @notice Emitted on `setCategory`: 0, it left the one that it was in.
    event CategorySet(uint256 indexed accountId, uint256 category);
    /// @notice Emitted on `supply`: a position's `supplied` grows by `supplied` for `assets` paid by `from`.
    event Supplied(uint256 indexed accountId, address indexed asset, address from, uint256 assets, uint256 supplied);
    /// @notice Emitted on `withdraw`: a position's `supplied` falls by `supplied` for `assets` paid to `to`.
    event Withdrawn(uint256 indexed accountId, address indexed asset, address to, uint256 assets, uint256 supplied);
    /// @notice Emitted on `borrow`: a position's debt grows by `scaled` for `assets` paid to `to`.
    event Borrowed(uint256 indexed accountId, address indexed asset, address to, uint256 assets, uint256 scaled);
    /// @notice Emitted on `repay`: a position's debt falls by `scaled` for `assets` paid by `from`.
    event Repaid(uint256 indexed accountId, address indexed asset, address from, uint256 assets, uint256 scaled);

    /// @notice Thrown when the caller neither owns nor manages the account.
    error NotAuthorised();
    /// @notice Thrown when an amount would reach 2^112 tokens.
    error AmountTooLarge();
    /// @notice Thrown when an asset may not newly be borrowed.
    error BorrowDisabled();
    /// @notice Thrown when an asset may not newly become collateral.
    error CollateralDisabled();
    /// @notice Thrown when an account that is within its borrow limit supplies while the hub has the vault inactive.
    error SpokeNotActive();
    /// @notice Thrown when an account withdraws while the hub has the vault halted.
    error SpokeHalted();
    /// @notice Thrown when the whole vault would hold more of an asset than the hub lets it.
    error AddCapExceeded();
    /// @notice Thrown when the whole vault would hold more of an asset than it may.
    error SupplyCapExceeded();
    /// @notice Thrown when the whole vault would owe more of an asset than it may.
    error BorrowCapExceeded();
    /// @notice Thrown when an isolated sub-account would hold a second collateral or a second debt.
    error IsolatedLimit();
    /// @notice Thrown when a category is none of the vault's, or an account would owe in it what may not be borrowed in it.
    error NotInCategory();
    /// @notice Thrown when an account would have or owe more than `MOST_ASSETS` assets.
    error TooManyAssets();
    /// @notice Thrown when an account that is within its borrow limit would have more of the vault's total of an asset as collateral
    /// than `concentrationBps`, worth more than `concentrationFloor`.
    error ConcentrationExceeded();
    /// @notice Thrown when isolation is changed while the account has collateral or debt.
    error AccountNotEmpty();
    /// @notice Thrown when a position has less supplied than is asked for, or nothing.
    error InsufficientSupply();
    /// @notice Thrown when a price of the account is not fresh and undisputed.
    error PriceNotOk();
    /// @notice Thrown when the account would owe more than its borrow limit.
    error BorrowLimitExceeded();
    /// @notice Thrown when a called account would borrow, or take collateral out, and be below the health of calls.
    error UnderMarginCall();
    /// @notice Thrown when the account would borrow, or take collateral out, and owe less than the dust line of an asset.
    error DebtTooSmall();

    /// @notice Who has this role may change reserves that are listed, and nothing else; the admin has it, too
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function PARAMETER_ROLE() external view returns (bytes32);

    /// @notice When accounts that owe `asset` may be deleveraged, and what was seen of it
    function deleveragingOf(address asset) external view returns (Deleveraging memory);
    /// @notice A category; all zero if there is none of this number
    function categoryAt(uint256 category) external view returns (Category memory);
    /// @notice The liquidation rules in force
    function policy() external view returns (Policy memory);
    /// @notice How many reserves are listed
    function reserveCount() external view returns (uint256);
    /// @notice A reserve by its place in the order of listing, which is its bit in an account
    function reserveAt(uint256 index) external view returns (Reserve memory);
    /// @notice The reserve of an asset
    function reserveOf(address asset) external view returns (Reserve memory);
    /// @notice Threshold in force now: falls linearly during a ramp
    function liquidationThreshold(uint256 index) external view returns (uint256 ltBps);
    /// @notice The same of the bracket that collateral worth `value` (USD) reaches: the largest is that of the first
    function marginalThreshold(uint256 index, uint256 value) external view returns (uint256 ltBps);

    /// @notice Lets `manager` act on one sub-account; the zero address ends it. Only the owner: a manager cannot pass its
    /// power on
    /// @dev Warning: a manager can borrow and withdraw to wherever it likes.
    function setManager(uint256 accountId, address manager) external;
    /// @notice Makes a sub-account isolated (one collateral, one debt) or cross; only while it has neither
    function setIsolated(uint256 accountId, bool isolated) external;
    /// @notice Has a sub-account count by a category (`setCategoryConfig`), 0: by none; only if all that it owes may be borrowed in
    /// it, and if it is safe afterwards, as after a loan
    function setCategory(uint256 accountId, uint8 category) external;
    /// @notice Lets a supplied asset back the account's debts, or no longer; of its share of the vault's total as in `supply`
    function setCollateral(uint256 accountId, address asset, bool enabled) external;
    /// @notice Adds `amount` of `asset` to an account; needs no price. The first supply of an asset becomes collateral
    /// where the reserve and the account's isolation allow it, more of it counts as what is there (`CollateralSet`).
    /// An account's collateral may grow to `concentrationBps` of the vault's total of the asset, or to `concentrationFloor`.
    /// Caps and switches do not keep an account that owes more than its borrow limit from collateral that brings it nearer,
    /// but for an asset of which an inactive spoke has nothing yet
    function supply(uint256 accountId, address asset, uint256 amount) external;
    /// @notice Takes `amount` of `asset` out; `type(uint256).max` takes everything
    /// @return token units paid to `to`
    function withdraw(uint256 accountId, address asset, uint256 amount, address to) external returns (uint256);
    /// @notice Borrows `amount` of `asset` to `to`; of every asset that it owes the account then owes at least the dust line
    function borrow(uint256 accountId, address asset, uint256 amount, address to) external;
    /// @notice Repays up to `amount` of an account's debt; anyone may, for anyone; needs no price
    /// @return paid min(amount, debt rounded up), token units
    function repay(uint256 accountId, address asset, uint256 amount) external returns (uint256 paid);
    /// @notice What is kept of an account besides its positions
    function accountOf(uint256 accountId) external view returns (Account memory);

    /// @notice The contract with whose code its parameters are set, on its own variables
    function parameters() external view returns (IVaultParameters);
}
