"""Worlds for compiled code: the same records on float64, in one block of memory.

A world of doubles is copied for every path of a sweep. With all arrays of it next to each other
that is one copy of floats and one of integers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.market.market import Market
from sim.protocol.records import arrays, mapped
from sim.protocol.state import Entry, State
from sim.world import World


class Memory(NamedTuple):
    """A world on floats: `state` and `market` are views of `floats` and `indices`."""

    floats: npt.NDArray[np.float64]
    indices: npt.NDArray[np.int64]
    state: State
    market: Market

    def copy(self) -> Memory:
        """An independent one with the same contents."""
        return _placed(self.state, self.market)


def on_floats(world: World, journal_rows: int = 0) -> Memory:
    """The world's state and market with every Python integer as the nearest double.

    `journal_rows` is how many operations of a step are kept; none unless someone reads them.
    """
    journal = np.zeros((journal_rows, len(Entry._fields)))
    return _placed(world.state._replace(journal=journal), world.market)


def _placed(state: State, market: Market) -> Memory:
    blocks, views = {}, {}
    for kind in (np.float64, np.int64):
        own = [one for record in (state, market) for one in arrays(record) if _kind(one) is kind]
        blocks[kind] = np.concatenate([array.astype(kind).ravel() for array in own])
        ends = np.cumsum([array.size for array in own])[:-1]
        views[kind] = iter(np.split(blocks[kind], ends))

    def placed(array: Any) -> Any:
        return next(views[_kind(array)]).reshape(array.shape)

    placed_state, placed_market = mapped(state, placed), mapped(market, placed)
    return Memory(blocks[np.float64], blocks[np.int64], placed_state, placed_market)


def _kind(array: Any) -> Any:
    return np.int64 if array.dtype == np.int64 else np.float64
