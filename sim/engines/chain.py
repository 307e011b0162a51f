"""Two chains behind one small interface: anvil over JSON-RPC batches, and revm inside this process.

Anvil is the devnet that users see: real blocks, receipts and gas. Revm is for mass differential
testing: the same
bytecode at tens of thousands of operations per second, but its gas is too low (slots stay warm
between calls).
"""

from __future__ import annotations

import ctypes
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from eth_utils import to_checksum_address
from pyrevm import EVM, BlockEnv
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from sim.engines.failures import ChainError

GAS_PER_CALL = 10_000_000
BLOCK_GAS = 100_000_000_000
FUNDS_WEI = 10**30
_PORTS = 5
"""How many ports anvil may find taken, each by someone quicker, before it is given up."""
_LEAST_CHAIN_ID = 2**31
"""Every anvil gets an id from here on by lot, so that its answers are told from another's."""


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
    logs: list[tuple[str, list[bytes], bytes]]
    """(address, topics, data) of every event."""


class Chain(Protocol):
    """A chain of our own, mined block by block."""

    name: str

    def block(self, calls: list[Call], timestamp: int) -> list[Receipt]:
        """Mine one block at `timestamp` with exactly these transactions in exactly this order."""

    def view(self, calls: Iterable[tuple[str, bytes]]) -> list[bytes]:
        """Answers of (contract, calldata) on the latest block."""

    def fund(self, accounts: list[str]) -> None:
        """Give accounts the means to send transactions."""

    def close(self) -> None:
        """Release everything."""


class RevmChain:
    """An EVM in this process."""

    name = "revm"

    def __init__(self) -> None:
        self._evm = EVM(gas_limit=2**63, spec_id="CANCUN")
        self._number = 0

    def block(self, calls: list[Call], timestamp: int) -> list[Receipt]:
        """See `Chain`."""
        self._number += 1
        self._evm.set_block_env(BlockEnv(number=self._number, timestamp=timestamp))
        return [self._transact(call) for call in calls]

    def _transact(self, call: Call) -> Receipt:
        if call.to is None:
            address = self._evm.deploy(call.sender, call.data)
            return Receipt(True, 0, None, to_checksum_address(address), [])
        try:
            output = bytes(self._evm.message_call(call.sender, call.to, calldata=call.data))
        except RuntimeError as error:  # pyrevm reports a revert as text
            return Receipt(False, 0, _revert_data(str(error)), None, [])
        result = self._evm.result
        assert result is not None  # a call was just made
        logs = [
            (log.address, [bytes.fromhex(topic[2:]) for topic in log.topics], bytes(log.data[1]))
            for log in result.logs
        ]
        return Receipt(True, int(result.gas_used), output, None, logs)

    def view(self, calls: Iterable[tuple[str, bytes]]) -> list[bytes]:
        """See `Chain`."""
        caller = "0x" + "00" * 19 + "01"
        return [
            bytes(self._evm.message_call(caller, to, calldata=data, is_static=True))
            for to, data in calls
        ]

    def fund(self, accounts: list[str]) -> None:
        """See `Chain`."""
        for account in accounts:
            self._evm.set_balance(account, FUNDS_WEI)

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


class AnvilChain:
    """A devnet process that lives and dies with this object."""

    name = "devnet"

    def __init__(self, start: int, timeout_seconds: float = 30) -> None:
        anvil = shutil.which("anvil") or str(Path(sys.executable).with_name("anvil"))
        if not Path(anvil).exists():
            raise ChainError("anvil not found: run `make setup`, it comes with the npm packages")
        # Hardfork and pruning keep the speed flat with block height; `--order fees` makes the order
        # inside a block ours.
        command = [anvil, "--accounts", "1", "--silent", "--no-mining"]
        command += ["--order", "fees", "--gas-limit", str(BLOCK_GAS), "--base-fee", "0"]
        command += ["--gas-price", "0", "--hardfork", "cancun", "--prune-history"]
        command += ["--timestamp", str(start), "--auto-impersonate"]
        self._nonces: dict[str, int] = {}
        deadline = time.monotonic() + timeout_seconds
        for _ in range(_PORTS):
            problem = self._start(command, deadline)
            if not problem:
                return
        raise ChainError(f"anvil did not start on {_PORTS} ports: {problem}")

    def _start(self, command: list[str], deadline: float) -> str:
        """Start anvil on a port that was free just now; empty, or what it said when it ended."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.chain_id = chain_id = _LEAST_CHAIN_ID + secrets.randbelow(2**31)
        self._provider = HTTPProvider(self.url, request_kwargs={"timeout": 600})
        self._process = subprocess.Popen(
            [*command, "--port", str(port), "--chain-id", str(chain_id)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us: we write the tape, then end anvil
            preexec_fn=_die_with_parent(),
        )
        try:
            while self._process.poll() is None:
                if _is_anvil(self.url, chain_id):
                    return ""
                if time.monotonic() > deadline:
                    raise ChainError(f"anvil did not start: no answer at {self.url}")
                time.sleep(0.02)
            said = self._process.stderr.read().decode() if self._process.stderr else ""
        except BaseException:  # Ctrl-C included: no process of ours is left behind
            self.close()
            raise
        self.close()
        return said.strip() or f"it ended with code {self._process.returncode}"

    def __enter__(self) -> AnvilChain:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _batch(self, requests: list[tuple[str, list[Any]]]) -> list[Any]:
        if not requests:
            return []
        try:
            answers = self._provider.make_batch_request(requests)  # type: ignore[arg-type]
        except OSError as error:  # of which those of `requests` are a kind
            raise ChainError(f"anvil at {self.url} does not answer any more") from error
        if not isinstance(answers, list):
            raise ChainError(f"anvil refused a batch: {answers}")
        for (method, _), answer in zip(requests, answers, strict=True):
            if "error" in answer:
                raise ChainError(f"{method}: {answer['error']}")
        return [answer["result"] for answer in answers]

    def block(self, calls: list[Call], timestamp: int) -> list[Receipt]:
        """See `Chain`. Strictly falling gas prices make anvil keep the order within one batch."""
        requests: list[tuple[str, list[Any]]] = []
        for k, call in enumerate(calls):
            nonce = self._nonces.get(call.sender, 0)
            self._nonces[call.sender] = nonce + 1
            transaction = {
                "from": call.sender,
                "data": "0x" + call.data.hex(),
                "gas": hex(GAS_PER_CALL),
                "gasPrice": hex(len(calls) - k),
                "nonce": hex(nonce),
            }
            if call.to is not None:
                transaction["to"] = call.to
            requests.append(("eth_sendTransaction", [transaction]))
        hashes = self._batch(requests)
        self._batch([("evm_mine", [{"timestamp": timestamp}])])
        receipts = []
        for k, raw in enumerate(self._batch([("eth_getTransactionReceipt", [h]) for h in hashes])):
            if raw is None or int(raw["transactionIndex"], 16) != k:
                raise ChainError(f"transaction {k} of {len(calls)} was not mined in its place")
            contract = raw["contractAddress"]
            logs = [
                (
                    log["address"],
                    [bytes.fromhex(topic[2:]) for topic in log["topics"]],
                    bytes.fromhex(log["data"][2:]),
                )
                for log in raw["logs"]
            ]
            receipts.append(
                Receipt(
                    ok=int(raw["status"], 16) == 1,
                    gas=int(raw["gasUsed"], 16),
                    output=None,
                    contract=to_checksum_address(contract) if contract else None,
                    logs=logs,
                )
            )
        return receipts

    def view(self, calls: Iterable[tuple[str, bytes]]) -> list[bytes]:
        """See `Chain`."""
        requests: list[tuple[str, list[Any]]] = [
            ("eth_call", [{"to": to, "data": "0x" + data.hex()}, "latest"]) for to, data in calls
        ]
        return [bytes.fromhex(answer[2:]) for answer in self._batch(requests)]

    def fund(self, accounts: list[str]) -> None:
        """See `Chain`."""
        self._batch([("anvil_setBalance", [account, hex(FUNDS_WEI)]) for account in accounts])

    def open_to_others(self) -> None:
        """Mine what anybody sends from here on, a block each, a second after the one before: while
        nothing is sent, no time passes.
        """
        self._batch([("evm_setAutomine", [True]), ("anvil_setBlockTimestampInterval", [1])])

    def wait(self) -> str:
        """Until the process ends, which it does not by itself: why it did."""
        _, said = self._process.communicate()
        return said.decode().strip() or f"it ended with code {self._process.returncode}"

    def close(self) -> None:
        """See `Chain`."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()


def _is_anvil(url: str, chain_id: int) -> bool:
    """Whether an anvil with this chain id answers. Anything may sit on a port, and say anything."""
    asked = HTTPProvider(url, request_kwargs={"timeout": 2}, exception_retry_configuration=None)
    try:
        is_chain = asked.make_request(RPCEndpoint("eth_chainId"), [])["result"] == hex(chain_id)
        version = asked.make_request(RPCEndpoint("web3_clientVersion"), [])["result"]
        return is_chain and bool(version.startswith("anvil/"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux, what the child runs so that the kernel ends it with us, even on kill -9."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    pr_set_pdeathsig = 1
    return lambda: libc.prctl(pr_set_pdeathsig, signal.SIGKILL)
