"""Seeds of the books of one scenario."""

from __future__ import annotations

import numpy as np


def seed_of(root: int, b: int) -> int:
    """The seed of book b: the root itself for the first, independent ones for the others."""
    if b == 0:
        return root
    words = np.random.SeedSequence(root, spawn_key=(b,)).generate_state(2, np.uint64)
    return int(words[0]) << 64 | int(words[1])
