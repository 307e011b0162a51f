"""Names of compiled functions: no two functions share one, in whatever process they were compiled.

Numba tells functions of one name apart by a counter that starts at 1 in every process, and the
number is part of the symbol. Code that two processes wrote to one cache can then hold one symbol
with two bodies, and a process that loads both runs one function in place of the other. Here the
number is replaced by a name that begins with a random 128-bit number of the process, so what two
processes compile has no symbol in common. It is checked: within the process at every compilation,
and by `keep` against what other processes have stored.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from numba.core import event
from numba.core.bytecode import FunctionIdentity

_NUMBERED = re.compile(r"B(\d+)v(\w+?)B\d+c8t")
"""In a mangled name: how long v and what tells the function apart is, and that; then ABI flags."""


_functions: dict[str, Any] = {}
"""By symbol: the function that this process compiled under it."""


class SymbolError(RuntimeError):
    """Two compiled functions share a symbol, or could."""


class _Names(Iterator[str]):
    """p<128 bits of the process>n<count>, one for every function that this process compiles."""

    def __init__(self) -> None:
        self._renew()
        os.register_at_fork(after_in_child=self._renew)  # a child is another process

    def _renew(self) -> None:
        self.process, self._count = f"p{uuid.uuid4().hex}", count()

    def __next__(self) -> str:
        return f"{self.process}n{next(self._count)}"


_names = _Names()
_numba: Any = FunctionIdentity
_numba._unique_ids = _names  # the next one is asked for whenever numba compiles


class _Watch(event.Listener):
    """Sees every compilation. Raises `SymbolError` if two functions come out under one symbol."""

    def on_start(self, event: Any) -> None:
        """Nothing is compiled yet."""

    def on_end(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        for result in event.data["dispatcher"].overloads.values():
            symbol = result.fndesc.mangled_name
            if _functions.setdefault(symbol, function) is not function:
                raise SymbolError(f"{_functions[symbol]} and {function} share a symbol: {symbol}")


event.register("numba:compile", _Watch())


def of(compiled: Any) -> set[str]:
    """The symbols of the functions that a `CompileResult` is made of.

    What has no name of its own (numba's runtime, destructors) is the same everywhere. Raises
    `SymbolError` if a function is only numbered, as those are that numba compiled before this
    module was imported.
    """
    found = set()
    for function in compiled.library.get_defined_functions():
        match = _NUMBERED.search(function.name)
        if match and len(match[2]) + 1 == int(match[1]):
            if match[2].isdigit():
                raise SymbolError(
                    f"{function.name} could be the name of another function in another process: "
                    "import sim before anything that compiles with numba"
                )
            found.add(str(function.name))
    if not found:
        raise SymbolError("this numba names functions in another way: install the pinned version")
    return found


def keep(symbols: set[str], folder: Path) -> None:
    """Add to the list of symbols that this process has written to a cache.

    Units of one process share those of the functions that they share. Raises `SymbolError` if
    another process has written one of them.
    """
    mine = folder / f"{_names.process}.symbols"
    for other in folder.glob("*.symbols"):
        written = set(other.read_text("ascii").split())
        if other == mine:
            symbols = symbols | written
        elif shared := symbols & written:
            raise SymbolError(f"two processes compiled into {folder} what is called {min(shared)}")
    mine.write_text("\n".join(sorted(symbols)) + "\n", "ascii")
