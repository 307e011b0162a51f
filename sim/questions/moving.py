"""Which assets move: an asset that does not is not worth a panel or a word."""

from __future__ import annotations

import numpy as np

from sim.questions.work import Floats

_MOVED = 0.02  # of its price at the start


def moving_assets(prices: Floats) -> list[int]:
    """The columns of the assets that leave their start on some path; (paths, times, assets), the
    first time that of the start.
    """
    far = np.abs(prices / prices[:, :1] - 1).max(axis=(0, 1))
    return [int(i) for i in np.flatnonzero(far > _MOVED)]
