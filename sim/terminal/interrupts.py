"""Ctrl-C as an exception, whatever ape makes of it; where asked, other requests to end as well."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def interruptible(
    uses_ape: bool = False, by: Sequence[signal.Signals] = (signal.SIGINT,)
) -> Iterator[None]:
    """Let Ctrl-C, or other signals, raise KeyboardInterrupt. Importing ape makes Ctrl-C end the
    process on the spot.
    """
    if uses_ape:
        import ape  # noqa: F401  imported by the engine in any case, and from here on imported
    before = {one: signal.signal(one, signal.default_int_handler) for one in by}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
