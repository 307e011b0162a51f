// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title GreedyEngine: answers every question of the vault with the largest number there is
contract GreedyEngine {
    fallback() external {
        assembly {
            mstore(0, not(0))
            mstore(32, not(0))
            return(0, 64)
        }
    }
}

/// @title Puppet: calls what it is told to, and again from inside a liquidation's callback
contract Puppet {
    event CalledBack(bool succeeded, bytes answer);

    function act(address target, bytes calldata payload) external {
        (bool ok, bytes memory answer) = target.call(payload);
        if (!ok) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
    }

    /// @dev `data` is the target and the payload of what to try in the middle of a liquidation.
    function onLiquidate(uint256, address, address, uint256, uint256, bytes calldata data) external {
        (address target, bytes memory payload) = abi.decode(data, (address, bytes));
        (bool ok, bytes memory answer) = target.call(payload);
        emit CalledBack(ok, answer);
    }
}

/// @title ChattyFeed: answers a round, and 9,000 words more
contract ChattyFeed {
    function decimals() external pure returns (uint8) {
        return 8;
    }

    fallback() external {
        assembly {
            mstore(0, 2)
            mstore(32, 200000000000) // $2,000
            mstore(64, timestamp())
            mstore(96, timestamp())
            mstore(128, 2)
            return(0, 288160)
        }
    }
}
