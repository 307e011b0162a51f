"""The seeds of several books of one scenario."""

from __future__ import annotations

import numpy as np

_BOOK = 30  # first word of the spawn key, see `sim.market.draws` for the others


def seed_of(root: int, book: int) -> int:
    """The seed that book number `book` >= 0 is drawn with, a whole number below 2^63.

    Book 0 has the root itself, so that it is the one of a single run. The others have seeds of
    children of the root (`numpy.random.SeedSequence`), which do not depend on how many there are.
    """
    if book == 0:
        return root
    sequence = np.random.SeedSequence(root, spawn_key=(_BOOK, book))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
