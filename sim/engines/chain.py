"""Chains behind one small interface: revm inside this process, a devnet in `sim.engines.anvil`.

Anvil is the devnet that users see: real blocks, receipts and gas. Revm is for mass differential
testing: the same bytecode without a process around it, but its gas is too low (slots stay warm
between calls), and it does not tell what a transaction changed.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any, NamedTuple, Protocol

from eth_utils import to_checksum_address
from pyrevm import EVM, BlockEnv

Place = tuple[str, int]
"""A contract's address, in small letters, and a slot of its storage."""

FUNDS_WEI = 10**30
_SLOT = re.compile(r"(\d+): StorageSlot { previous_or_original_value: \d+, present_value: (\d+) }")


class Call(NamedTuple):
    """One transaction."""

    sender: str
    to: str | None
    """None creates a contract."""
    data: bytes


class Receipt(NamedTuple):
    """What came of one transaction."""

    ok: bool
    gas: int
    output: bytes | None
    """Return or revert data, where the chain tells."""
    contract: str | None


View = tuple[str, bytes]
"""A contract, and the calldata of a question to it."""


class Mined(NamedTuple):
    """What came of one block, and of the views asked for with it."""

    receipts: list[Receipt]
    changes: dict[Place, int]
    """(contract, slot) -> word, of every slot that the block changed, where the chain tells."""
    answers: list[bytes]


class Chain(Protocol):
    """A chain of our own, mined block by block."""

    name: str
    tells_changes: bool
    """Whether it tells what a block changed."""

    def send(self, calls: Sequence[Call], timestamp: int, views: Iterable[View] = ()) -> None:
        """Begin to mine one block at `timestamp` with exactly these transactions in exactly this
        order, and to answer views on it. One more may be sent before it was received; nothing else
        may be asked for.
        """

    def receive(self) -> Mined:
        """What came of the first block that was sent and not received yet."""

    def block(self, calls: Sequence[Call], timestamp: int) -> list[Receipt]:
        """Mine a block, and wait for it."""
        self.send(calls, timestamp)
        return self.receive().receipts

    def view(self, calls: Iterable[View]) -> list[bytes]:
        """Answers on the latest block."""

    def read(self, places: list[Place]) -> list[int]:
        """The words in slots (contract, slot)."""

    def storage(self) -> dict[Place, int]:
        """(contract, slot) -> word, of all contracts; slots without an entry are 0."""

    def fund(self, accounts: list[str]) -> None:
        """Give accounts the means to send transactions."""

    def close(self) -> None:
        """Release everything."""


class RevmChain(Chain):
    """An EVM in this process. It does not tell what changed, so only what is asked for is seen, and
    all that there is by `storage`, which takes longer with every transaction so far.
    """

    name = "revm"
    tells_changes = False

    def __init__(self) -> None:
        self._evm = EVM(gas_limit=2**63, spec_id="CANCUN")
        self._number = 0
        self._mined = deque[Mined]()

    def send(self, calls: Sequence[Call], timestamp: int, views: Iterable[View] = ()) -> None:
        """See `Chain`."""
        self._number += 1
        self._evm.set_block_env(BlockEnv(number=self._number, timestamp=timestamp))
        self._mined.append(Mined([self._transact(call) for call in calls], {}, self.view(views)))

    def receive(self) -> Mined:
        """See `Chain`."""
        return self._mined.popleft()

    def _transact(self, call: Call) -> Receipt:
        if call.to is None:
            address = self._evm.deploy(call.sender, call.data)
            return Receipt(True, 0, None, to_checksum_address(address))
        try:
            output = self._evm.message_call(call.sender, call.to, calldata=call.data)
        except RuntimeError as error:  # pyrevm reports a revert as text
            return Receipt(False, 0, _revert_data(str(error)), None)
        result = self._evm.result
        assert result is not None  # a call was just made
        return Receipt(True, int(result.gas_used), output, None)

    def view(self, calls: Iterable[View]) -> list[bytes]:
        """See `Chain`."""
        caller = "0x" + "00" * 19 + "01"
        return [
            self._evm.message_call(caller, to, calldata=data, is_static=True) for to, data in calls
        ]

    def fund(self, accounts: list[str]) -> None:
        """See `Chain`."""
        for account in accounts:
            self._evm.set_balance(account, FUNDS_WEI)

    def read(self, places: list[Place]) -> list[int]:
        """See `Chain`."""
        return list(starmap(self._evm.storage, places))

    def storage(self) -> dict[Place, int]:
        """See `Chain`. Pyrevm has all accounts in the text of its journal only."""
        journal = self._evm.journal_str
        found = {}
        before, *accounts = journal[: journal.index("transient_storage")].split(": Account {")
        for account in accounts:
            contract = before[-42:]
            slots = account[account.index("storage: {") : account.index("}, status")]
            for slot, word in _SLOT.findall(slots):
                found[contract, int(slot)] = int(word)
            before = account
        return found

    def snapshot(self) -> Any:
        """A state to go back to, once."""
        return self._evm.snapshot(), self._number

    def revert(self, snapshot: Any) -> None:
        """Go back; releases the memory of everything since."""
        checkpoint, self._number = snapshot
        self._evm.revert(checkpoint)

    def close(self) -> None:
        """See `Chain`."""


def _revert_data(text: str) -> bytes:
    """Revert data in pyrevm's message `Revert { gas_used: 1, output: 0x... }`; a halt has none."""
    if not text.startswith("Revert"):
        return b""
    return bytes.fromhex(text.partition("output: 0x")[2].split(" ")[0].rstrip("}, "))
