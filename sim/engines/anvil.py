"""The devnet: an anvil of our own, over JSON-RPC batches."""

from __future__ import annotations

import ctypes
import gzip
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from eth_utils import to_checksum_address
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from sim.engines.chain import FUNDS_WEI, Call, Chain, Mined, Place, Receipt, View
from sim.engines.failures import ChainError
from sim.engines.rpc import Request, Rpc

GAS_PER_CALL = 10_000_000
BLOCK_GAS = 100_000_000_000
_PORTS = 5
"""How many ports anvil may find taken, each by someone quicker, before it is given up."""
_REQUESTS = 5_000
"""In one batch at most: anvil refuses two megabytes."""
_LEAST_CHAIN_ID = 2**31
"""Every anvil gets an id from here on by lot, so that its answers are told from another's."""


class AnvilChain(Chain):
    """A devnet process that lives and dies with this object."""

    name = "devnet"
    tells_changes = True

    def __init__(self, start: int, timeout_seconds: float = 30) -> None:
        anvil = shutil.which("anvil") or str(Path(sys.executable).with_name("anvil"))
        if not Path(anvil).exists():
            raise ChainError(
                "anvil not found: `make setup` puts it into a checkout; elsewhere install Foundry, "
                "or its npm package @foundry-rs/anvil, so that `anvil` is on the PATH"
            )
        # Hardfork and pruning keep the speed flat with block height; `--order fees` makes the order
        # inside a block ours.
        command = [anvil, "--accounts", "1", "--silent", "--no-mining"]
        command += ["--order", "fees", "--gas-limit", str(BLOCK_GAS), "--base-fee", "0"]
        command += ["--gas-price", "0", "--hardfork", "cancun", "--prune-history", "1"]
        command += ["--timestamp", str(start), "--auto-impersonate"]
        self._nonces: dict[str, int] = {}
        self._number = 0
        self._sent = deque[Sequence[Call]]()
        """The transactions of blocks that nobody has received yet."""
        self._rpc: Rpc | None = None
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
                    self._rpc = Rpc(port)
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

    def _batch(self, requests: list[Request]) -> list[Any]:
        if not requests:
            return []
        self._line.ask(requests)
        return self._line.answer()

    @property
    def _line(self) -> Rpc:
        assert self._rpc  # it was started
        return self._rpc

    def send(self, calls: Sequence[Call], timestamp: int, views: Iterable[View] = ()) -> None:
        """See `Chain`. Strictly falling gas prices make anvil keep the order within one batch."""
        requests = list[Request]()
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
        if requests:
            self._line.ask(requests)
        self._line.ask([("evm_mine", [{"timestamp": timestamp}])])
        # Of receipts anvil makes a block's worth for every transaction of it. What they say is in
        # the traces of those who sent them, and in what they paid.
        self._number += 1
        number, senders = hex(self._number), list(dict.fromkeys(call.sender for call in calls))
        traces = {"fromBlock": number, "toBlock": number, "fromAddress": senders}
        self._line.ask(
            [
                ("trace_filter", [traces]),
                ("trace_replayBlockTransactions", [number, ["stateDiff"]]),
                *map(_view, views),
            ]
        )
        self._sent.append(calls)

    def receive(self) -> Mined:
        """See `Chain`."""
        calls = self._sent.popleft()
        hashes = self._line.answer() if calls else []
        self._line.answer()
        traced, replayed, *answers = self._line.answer()
        for told in (traced, replayed):
            if [one["transactionHash"] for one in told] != hashes:
                raise ChainError(
                    f"{len(calls)} transactions sent, but not all mined in their places"
                )
        done = zip(calls, range(len(calls), 0, -1), traced, replayed, strict=True)
        changes = {
            (contract, int(slot, 16)): int(word["*"]["to"] if "*" in word else word["+"], 16)
            for transaction in replayed
            for contract, account in transaction["stateDiff"].items()
            for slot, word in account["storage"].items()  # "+": of a contract that is new
        }
        return Mined(
            [_receipt(*one) for one in done],
            changes,
            [bytes.fromhex(answer[2:]) for answer in answers],
        )

    def view(self, calls: Iterable[View]) -> list[bytes]:
        """See `Chain`."""
        return [bytes.fromhex(answer[2:]) for answer in self._batch(list(map(_view, calls)))]

    def read(self, places: list[Place]) -> list[int]:
        """See `Chain`."""
        asked: list[tuple[str, list[Any]]] = [
            ("eth_getStorageAt", [contract, hex(slot), "latest"]) for contract, slot in places
        ]
        answers = [
            word
            for k in range(0, len(asked), _REQUESTS)
            for word in self._batch(asked[k : k + _REQUESTS])
        ]
        return [int(word, 16) for word in answers]

    def storage(self) -> dict[Place, int]:
        """See `Chain`."""
        (dumped,) = self._batch([("anvil_dumpState", [])])
        text = gzip.decompress(bytes.fromhex(dumped[2:])).decode()
        start = text.index('"accounts":') + len('"accounts":')  # behind it, every block so far
        accounts, _ = json.JSONDecoder().raw_decode(text, start)
        return {
            (contract, int(slot, 16)): int(word, 16)
            for contract, account in accounts.items()
            for slot, word in account["storage"].items()
        }

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
        if self._rpc:
            self._rpc.close()
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()


def _view(view: View) -> Request:
    to, data = view
    return "eth_call", [{"to": to, "data": "0x" + data.hex()}, "latest"]


def _receipt(call: Call, price: int, traced: dict[str, Any], replayed: dict[str, Any]) -> Receipt:
    """What a transaction that paid `price` wei for gas came to. It moved no ether: what its sender
    has less is what he paid.
    """
    paid = replayed["stateDiff"][call.sender.lower()]["balance"]["*"]
    contract = (traced["result"] or {}).get("address")
    return Receipt(
        ok="error" not in traced,
        gas=(int(paid["from"], 16) - int(paid["to"], 16)) // price,
        output=bytes.fromhex(replayed["output"][2:]),
        contract=to_checksum_address(contract) if contract else None,
    )


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
