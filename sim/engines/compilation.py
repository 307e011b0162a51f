"""Compiled code and where it is kept: built once for each state of the sources, and tested before
its first use in every process.

    built         names that nothing else has (`symbols`)      -> stored
    from the disk a small world on it and on integers           -> used, or thrown away and rebuilt
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import llvmlite
import numba
import numpy as np
from platformdirs import user_cache_path

from sim.engines import symbols

_PACKAGE = Path(__file__).parents[1]


class CompilationError(RuntimeError):
    """Freshly compiled code does not do what the same source does on integers."""


def _fingerprint() -> str:
    """Of every source that compiled code may be made of, and of what compiles it."""
    digest = hashlib.sha256(f"{numba.__version__} {llvmlite.__version__} {np.__version__}".encode())
    for folder in ("protocol", "market", "health", "agents", "users", "engines"):
        for path in sorted((_PACKAGE / folder).glob("*.py")):
            digest.update(path.read_bytes())
    digest.update((_PACKAGE / "simulation.py").read_bytes())
    return digest.hexdigest()[:16]


CACHE = user_cache_path("breakwater") / _fingerprint()
"""Compiled code of exactly these sources: a changed source has another folder."""

_preparing = Lock()


class Entry:
    """A function that is compiled on its first call, or taken from the disk.

    One signature, that of the test's world: a call with other types raises TypeError.
    """

    def __init__(self, function: Callable[..., Any], test: Callable[[Any], str | None]) -> None:
        """`test(compiled)` says where the compiled function is off the exact engine, None if
        nowhere.
        """
        self.py_func, self._test = function, test
        self._compiled: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return self.ready()(*arguments)

    def ready(self) -> Any:
        """The compiled function, tested.

        Raises `CompilationError` if what has just been compiled fails, and `SymbolError`.
        """
        if self._compiled is None:
            with _preparing:  # one thread prepares, the others wait
                if self._compiled is None:
                    CACHE.parent.mkdir(parents=True, exist_ok=True)
                    with CACHE.with_suffix(".lock").open("w") as lock:
                        fcntl.flock(lock, fcntl.LOCK_EX)  # one builds, the others find it
                        self._compiled = self._prepared()
        return self._compiled

    def _prepared(self) -> Any:
        was_there = is_compiled()
        try:
            compiled, wrong = self._tested()
        except Exception as error:  # whatever reading a damaged file may raise
            if not was_there or isinstance(error, symbols.SymbolError):
                raise
            compiled, wrong = None, f"{type(error).__name__}: {error}"
        if wrong and was_there:
            print(
                f"Compiled code in {CACHE} is wrong ({wrong}): thrown away, and compiled again.",
                file=sys.stderr,
            )
            shutil.rmtree(CACHE)
            compiled, wrong = self._tested()
        if wrong:
            shutil.rmtree(CACHE)
            raise CompilationError(f"{self.py_func.__name__} is off the exact engine: {wrong}")
        compiled.disable_compile()
        return compiled

    def _tested(self) -> tuple[Any, str | None]:
        """The function, compiled or loaded, and what is wrong with it."""
        compiled = _cached(self.py_func)
        wrong = self._test(compiled)
        if not compiled.stats.cache_hits:
            (result,) = compiled.overloads.values()
            try:
                symbols.keep(symbols.of(result), CACHE)
            except symbols.SymbolError:
                shutil.rmtree(CACHE)
                raise
        return compiled, wrong


def _cached(function: Any) -> Any:
    """Numba's own cache, in our folder."""
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(CACHE)
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    finally:
        config.CACHE_DIR = before


def is_compiled() -> bool:
    """Whether the next run without agents of users takes the compiled code of these sources from
    the disk.
    """
    return any(CACHE.rglob("*.nbc"))
