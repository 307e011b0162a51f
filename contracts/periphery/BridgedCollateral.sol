// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IBridgedCollateral} from "../interfaces/IBridgedCollateral.sol";
import {FixedPoint} from "../libraries/FixedPoint.sol";

/// @title BridgedCollateral: a wrapped token whose supply messages make
/// @notice Limits and relayer are for good: nobody can raise a cap in the hour in which it matters.
/// Twin: `sim/protocol/bridge.py`.
contract BridgedCollateral is IBridgedCollateral, ERC20 {
    using FixedPoint for uint256;

    /// @inheritdoc IBridgedCollateral
    uint256 public constant MOST_AGE = 7 days;
    /// @inheritdoc IBridgedCollateral
    address public immutable relayer;
    uint112 internal immutable _cap;
    uint32 internal immutable _window;
    uint32 internal immutable _maxAge;
    uint8 internal immutable _decimals;

    Bucket internal _bucket;
    /// @inheritdoc IBridgedCollateral
    mapping(uint256 nonce => bool) public received;

    constructor(
        string memory symbol_,
        uint8 decimals_,
        address relayer_,
        Limits memory limits_
    ) ERC20(symbol_, symbol_) {
        bool sound = limits_.cap > 0 && limits_.window > 0 && limits_.maxAge > 0 && limits_.maxAge <= MOST_AGE;
        if (relayer_ == address(0) || !sound) revert InvalidLimits();
        (_decimals, relayer) = (decimals_, relayer_);
        (_cap, _window, _maxAge) = (limits_.cap, limits_.window, limits_.maxAge);
    }

    /// @inheritdoc IBridgedCollateral
    function receiveMessage(uint256 nonce, address account, uint256 amount, uint256 sentAt) external {
        if (msg.sender != relayer) revert NotAuthorised();
        if (amount == 0) revert ZeroAmount();
        if (received[nonce]) revert AlreadyReceived();
        if (sentAt > block.timestamp || block.timestamp - sentAt > _maxAge) revert MessageTooOld();
        uint256 filled = _filledNow();
        if (amount > _cap - filled) revert MintLimited();
        received[nonce] = true;
        _bucket = Bucket(uint112(filled + amount), uint40(block.timestamp));
        emit Arrived(nonce, account, amount, sentAt);
        _mint(account, amount);
    }

    /// @inheritdoc IBridgedCollateral
    function sendBack(uint256 amount) external {
        if (amount == 0) revert ZeroAmount();
        emit SentBack(msg.sender, amount);
        _burn(msg.sender, amount);
    }

    /// @inheritdoc IBridgedCollateral
    function mintable() external view returns (uint256) {
        return _cap - _filledNow();
    }

    /// @inheritdoc IBridgedCollateral
    function limits() external view returns (Limits memory) {
        return Limits(_cap, _window, _maxAge);
    }

    /// @inheritdoc IBridgedCollateral
    function bucket() external view returns (Bucket memory) {
        return _bucket;
    }

    /// @inheritdoc IERC20Metadata
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    /// @dev filled - down(cap * seconds / window): at most the cap, so that one message of it is let in an empty bucket.
    function _filledNow() internal view returns (uint256) {
        Bucket memory b = _bucket;
        uint256 drained = uint256(_cap).mulDivDown(block.timestamp - b.filledAt, _window);
        return drained < b.filled ? b.filled - drained : 0;
    }
}
