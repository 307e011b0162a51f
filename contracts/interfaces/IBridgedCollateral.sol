// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title A token of another chain, as it is on this one
/// @notice Minted on messages of a relayer, each once and in any order, none that is too old, and of no more than a leaky
/// bucket holds: a relayer that lies can mint so much before anybody reacts, and not more. Units of the token.
interface IBridgedCollateral {
    struct Limits {
        uint112 cap; // the most that messages mint at once; what they minted drains linearly ...
        uint32 window; // ... in so many seconds from full to empty
        uint32 maxAge; // seconds from a message's sending to its arrival at the most
    }

    struct Bucket {
        uint112 filled; // what messages have minted, as of `filledAt`; it drains since
        uint40 filledAt; // timestamp of the last of them
    }

    /// @notice Emitted on `receiveMessage`: `amount` was locked on the other chain at `sentAt` for `account`.
    event Arrived(uint256 indexed nonce, address indexed account, uint256 amount, uint256 sentAt);
    /// @notice Emitted on `sendBack`: what is burnt here is `account`'s on the other chain.
    event SentBack(address indexed account, uint256 amount);

    /// @notice Thrown when a token is created without a relayer, a cap or a window, or with an age of nothing or above `MOST_AGE`.
    error InvalidLimits();
    /// @notice Thrown when anyone but the relayer brings a message.
    error NotAuthorised();
    /// @notice Thrown when a message was received before.
    error AlreadyReceived();
    /// @notice Thrown when a message is older than `maxAge`, or of the future.
    error MessageTooOld();
    /// @notice Thrown when a message would mint more than the bucket has room for now.
    error MintLimited();
    /// @notice Thrown when an amount is zero.
    error ZeroAmount();

    /// @notice The longest that a message may be allowed to take, seconds: afterwards it is sent anew
    // Named as the constant that it returns.
    // solhint-disable-next-line func-name-mixedcase
    function MOST_AGE() external view returns (uint256);
    /// @notice Who brings messages
    function relayer() external view returns (address);
    /// @notice Whether the message of this number has been received
    function received(uint256 nonce) external view returns (bool);

    /// @notice Mints `amount` to `account`, which locked as much on the other chain at `sentAt`; the relayer alone
    /// @dev Warning: this chain cannot know whether it did. What is minted for what never happened backs nothing.
    function receiveMessage(uint256 nonce, address account, uint256 amount, uint256 sentAt) external;
    /// @notice Burns `amount` of the caller's for as much on the other chain; makes no room in the bucket
    function sendBack(uint256 amount) external;

    /// @notice What messages may mint now: cap - (filled - down(cap * seconds since / window)), never below nothing
    function mintable() external view returns (uint256);
    /// @notice What messages may mint, and how old they may be
    function limits() external view returns (Limits memory);
    /// @notice What fills the bucket, as of the last message
    function bucket() external view returns (Bucket memory);
}
