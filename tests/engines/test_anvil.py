"""A devnet is the process that was started, whatever else sits on its port."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from sim.engines import anvil as anvil_module
from sim.engines.anvil import GAS_PER_CALL, AnvilChain
from sim.engines.artifacts import contracts
from sim.engines.calldata import actor_address
from sim.engines.chain import Call
from sim.engines.failures import ChainError
from tests.scripts.commands import BIN, ape

pytestmark = pytest.mark.chain

START = 1_600_000_000


class _Pretender(BaseHTTPRequestHandler):
    """Answers, one call or a batch, as an anvil with its usual chain id would."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        says = {"web3_clientVersion": "anvil/v1.7.1", "eth_chainId": "0x7a69"}
        answer = json.dumps(
            {"jsonrpc": "2.0", "id": asked["id"], "result": says.get(asked["method"])}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Not on the terminal."""


@pytest.fixture
def pretender() -> Iterator[int]:
    """Port of a server that answers like a chain."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pretender)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    serving.join()


@pytest.fixture
def other_anvil() -> Iterator[int]:
    """Port of an anvil of somebody else's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen([BIN / "anvil", "--silent", "--port", str(port)])
    try:
        while _block_number(port) is None:
            assert process.poll() is None
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def _block_number(port: int) -> str | None:
    question = {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}
    request = Request(
        f"http://127.0.0.1:{port}",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urlopen(request) as answer:
            return str(json.load(answer)["result"])
    except URLError:
        return None


def _probing_finds(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Asked for a free port, the system names these first; then it tells the truth again."""
    ahead, truth = list(ports), socket.socket.getsockname

    def name(of: socket.socket) -> Any:
        return ("127.0.0.1", ahead.pop(0)) if ahead else truth(of)

    monkeypatch.setattr(socket.socket, "getsockname", name, raising=False)


@pytest.mark.parametrize("taken_by", ["pretender", "other_anvil"])
def test_a_port_that_another_chain_holds_is_left_to_it(
    taken_by: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = request.getfixturevalue(taken_by)
    _probing_finds(monkeypatch, port, port)
    with AnvilChain(START) as devnet:
        assert devnet.url != f"http://127.0.0.1:{port}"
        assert devnet.block([], START + 3_600) == []
        (block,) = devnet._batch([("eth_getBlockByNumber", ["latest", False])])
        assert int(block["timestamp"], 16) == START + 3_600
    if taken_by == "other_anvil":
        assert _block_number(port) == "0x0"


def test_what_came_of_a_block_is_what_its_receipts_say() -> None:
    """Done, with a refund, refused, out of gas, a constructor that refuses, and one that does not:
    verdict, gas and address.
    """
    token, endless = contracts()["TestToken"], bytes.fromhex("5b5f56")
    owner, other = actor_address(0), actor_address(1)
    with AnvilChain(START) as devnet:
        devnet.fund([owner, other])
        (made,) = devnet.block([Call(owner, None, token.creation("WETH", 18))], START + 1)
        assert made.contract
        calls = [
            Call(owner, made.contract, token.call("mint", owner, 5)),
            Call(owner, made.contract, token.call("transfer", other, 5)),
            Call(other, made.contract, token.call("transfer", owner, 6)),
            Call(other, None, endless),
            Call(other, None, bytes.fromhex("5f5ffd")),
            Call(owner, None, token.creation("DAI", 18)),
        ]
        found = devnet.block(calls, START + 2)
        (receipts,) = devnet._batch([("eth_getBlockReceipts", ["latest"])])
    assert [one.ok for one in found] == [True, True, False, False, False, True]
    for one, receipt in zip(found, receipts, strict=True):
        assert one.ok == (int(receipt["status"], 16) == 1)
        assert one.gas == int(receipt["gasUsed"], 16)
        if one.ok:
            assert (one.contract or "").lower() == (receipt["contractAddress"] or "")
    assert found[2].output and len(found[2].output) > 4  # ERC20InsufficientBalance and who
    assert found[3].gas == GAS_PER_CALL


def test_every_devnet_has_a_chain_id_of_its_own() -> None:
    with AnvilChain(START) as one, AnvilChain(START) as other:
        ids = {devnet._batch([("eth_chainId", [])])[0] for devnet in (one, other)}
    assert len(ids) == 2 and "0x7a69" not in ids


def test_an_anvil_that_ends_is_noticed_although_its_port_answers(
    pretender: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It says why, after every port that was tried; no process is left waiting to be reaped."""
    count = tmp_path / "count"
    anvil = tmp_path / "anvil"
    anvil.write_text(f"#!/bin/sh\necho started >> {count}\necho no luck today >&2\nexit 1\n")
    anvil.chmod(0o755)
    monkeypatch.setattr(anvil_module.shutil, "which", lambda _: str(anvil))
    _probing_finds(monkeypatch, *[pretender] * 100)
    with pytest.raises(ChainError, match="no luck today"):
        AnvilChain(START)
    assert 1 < len(count.read_text().split()) < 100


def test_an_anvil_that_never_answers_is_given_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    anvil = tmp_path / "anvil"
    anvil.write_text("#!/bin/sh\nexec sleep 60\n")
    anvil.chmod(0o755)
    monkeypatch.setattr(anvil_module.shutil, "which", lambda _: str(anvil))
    with pytest.raises(ChainError, match="no answer"):
        AnvilChain(START, timeout_seconds=0.5)


def test_contract_tests_leave_an_anvil_alone_that_ape_did_not_start(
    other_anvil: int, tmp_path: Path
) -> None:
    """Ape draws a port, and takes what it finds there for the node that it was to start."""
    drawn = f"lambda least, most: {other_anvil} if least == 49_152 else truth(least, most)"
    custom = f"import random\ntruth = random.randint\nrandom.randint = {drawn}\n"
    (tmp_path / "sitecustomize.py").write_text(custom)
    done = ape("test", "tests/contracts/test_sizes.py", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert f"another anvil is at http://127.0.0.1:{other_anvil}" in done.stdout
    assert _block_number(other_anvil) == "0x0"
