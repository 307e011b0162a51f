"""Batches are answered in their order, however many are asked ahead; what goes wrong is said."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from sim.engines import rpc as rpc_module
from sim.engines.anvil import AnvilChain
from sim.engines.failures import ChainError
from sim.engines.rpc import Request, Rpc

START = 1_600_000_000


@pytest.fixture
def answering() -> Iterator[Callable[[bytes], int]]:
    """The port of a server that says this to the first question and hangs up."""
    servers: list[tuple[socket.socket, threading.Thread]] = []

    def serve(answer: bytes) -> int:
        listening = socket.create_server(("127.0.0.1", 0))

        def once() -> None:
            with listening.accept()[0] as connection:
                connection.recv(100_000)
                connection.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        servers.append((listening, thread))
        port: int = listening.getsockname()[1]
        return port

    yield serve
    for listening, thread in servers:
        thread.join()
        listening.close()


def _http(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.chain
@pytest.mark.parametrize("ahead", [rpc_module._AHEAD, 0])
def test_answers_come_in_the_order_of_the_questions(
    ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short and long ones mixed, far more of both than a connection holds; without asking ahead,
    too, which is how it goes where a system cannot acknowledge at once.
    """
    monkeypatch.setattr(rpc_module, "_AHEAD", ahead)
    with AnvilChain(START) as chain:
        port = int(chain.url.rpartition(":")[2])
        line = Rpc(port)
        sizes = [1, 3_000, 1, 1, 12_000, 2, 5_000, 1]
        for n, size in enumerate(sizes):
            line.ask([("web3_sha3", [f"0x{n:02x}{k:06x}"]) for k in range(size)])
        found = [line.answer() for _ in sizes]
        assert list(map(len, found)) == sizes
        assert len({digest for answer in found for digest in answer}) == sum(sizes)
        line.ask([("web3_sha3", ["0x00000000"])])
        assert line.answer() == found[0]
        line.close()


@pytest.mark.chain
def test_what_anvil_refuses_is_said() -> None:
    with AnvilChain(START) as chain:
        line = Rpc(int(chain.url.rpartition(":")[2]))
        line.ask([("eth_blockNumber", []), ("eth_nonsense", [])])
        with pytest.raises(ChainError, match=r"eth_nonsense: .*not found"):
            line.answer()
        line.ask([("web3_sha3", ["0x" + "00" * 1_500_000])])
        with pytest.raises(ChainError, match=r"refused a batch: .*Invalid request"):
            line.answer()
        line.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "does not answer any more"),
        (_http(b"[]")[:-1], "does not answer any more"),
        (_http(b"not today", "503 Service Unavailable"), "503 Service Unavailable.*not today"),
        (_http(b"{}"), "refused a batch"),
        (_http(b"[]"), "refused a batch"),
        (_http(json.dumps([{"id": 7, "result": 1}]).encode()), "was request 0, anvil answers 7"),
    ],
)
def test_whatever_else_answers_is_an_error(
    answer: bytes, why: str, answering: Callable[[bytes], int]
) -> None:
    asked: list[Request] = [("eth_blockNumber", [])]
    line = Rpc(answering(answer))
    line.ask(asked)
    with pytest.raises(ChainError, match=f"(?s){why}"):
        line.answer()
    line.close()
