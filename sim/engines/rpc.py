"""JSON-RPC batches over one connection, written ahead of their answers: whoever answers goes on to
the next batch while we do something else.
"""

from __future__ import annotations

import json
import socket
from collections import deque
from typing import Any

from sim.engines.failures import ChainError

Request = tuple[str, list[Any]]
"""A method and its parameters."""

_ACKNOWLEDGE: int | None = getattr(socket, "TCP_QUICKACK", None)
"""Linux has it: the server keeps back a short answer until the one before was acknowledged, which
would take 40 ms.
"""
_AHEAD = 64_000 if _ACKNOWLEDGE else 0
"""Bytes that are written although answers wait to be read: more than the system keeps for who does
not read, and both sides would write for ever.
"""
_SECONDS = 600.0
"""An answer may take."""


class Rpc:
    """A server on this machine that answers in the order it is asked in.

    HTTP/1.1 of our own: web3 takes longer to ask than anvil to answer, and `http.client` waits for
    one answer before the next question.
    """

    def __init__(self, port: int) -> None:
        """Raises OSError if nobody listens there."""
        self._url = f"http://127.0.0.1:{port}"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        self._asked: deque[tuple[int, list[str]]] = deque()
        """Of each batch that was asked and not answered yet: the id of its first request, and the
        methods.
        """
        self._ids = 0
        """Given to requests so far."""
        self._ahead: deque[int] = deque()
        """Bytes of each batch whose answer was not read yet."""
        self._read: deque[bytes] = deque()
        """Answers nobody has taken yet."""

    def ask(self, requests: list[Request]) -> None:
        """Write one batch; `answer` has what comes of it."""
        batch = [
            {"jsonrpc": "2.0", "id": k, "method": method, "params": params}
            for k, (method, params) in enumerate(requests, self._ids)
        ]
        body = json.dumps(batch, separators=(",", ":")).encode()
        head = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        try:
            while self._ahead and sum(self._ahead) + len(body) > _AHEAD:
                self._read.append(self._next())
            self._socket.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except OSError as error:
            raise self._gone() from error
        self._ahead.append(len(body))
        self._asked.append((self._ids, [method for method, _ in requests]))
        self._ids += len(requests)

    def answer(self) -> list[Any]:
        """Results of the first batch that has not been taken yet. Raises `ChainError`."""
        try:
            text = self._read.popleft() if self._read else self._next()
        except OSError as error:
            raise self._gone() from error
        (first, methods), answers = self._asked.popleft(), json.loads(text)
        if not isinstance(answers, list) or len(answers) != len(methods):
            raise ChainError(f"anvil refused a batch: {answers}")
        for k, (method, answer) in enumerate(zip(methods, answers, strict=True), first):
            if answer["id"] != k:
                raise ChainError(f"{method} was request {k}, anvil answers {answer['id']}")
            if "error" in answer:
                raise ChainError(f"{method}: {answer['error']}")
        return [answer["result"] for answer in answers]

    def _next(self) -> bytes:
        """The body of one answer."""
        self._ahead.popleft()
        status, length = self._answers.readline(), None
        while line := self._answers.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        body = self._answers.read(length or 0)
        if _ACKNOWLEDGE:
            self._socket.setsockopt(socket.IPPROTO_TCP, _ACKNOWLEDGE, 1)
        if not status or length != len(body):
            raise ConnectionError("the connection ended")
        if b" 200 " not in status:
            said = (status + body).decode(errors="replace")
            raise ChainError(f"anvil refused a batch: {said}")
        return body

    def _gone(self) -> ChainError:
        return ChainError(f"anvil at {self._url} does not answer any more")

    def close(self) -> None:
        """Release the connection."""
        self._answers.close()
        self._socket.close()
