"""Ctrl-C as an exception, whatever ape makes of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(uses_ape: bool = False) -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt. Importing ape makes it end the process on the spot."""
    if uses_ape:
        import ape  # noqa: F401  imported by the engine in any case, and from here on imported
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
