"""Recorded prices: a level for one asset, or the material of replayed paths.

`sim.market.price_files` reads the file: a price per asset and row, or candles of one asset, whose
times are those of their beginnings. A level goes through

    a price         at its time
    a candle's      open at its beginning, if it is the first; then what `within_bar` says:
                      low, high     the low (the high) in its middle
                      both          what is nearer to the open after a third, the other after two
                      close         nothing
                    close at its end

and is log-linear between them, or the last of them (`between`). The default misses no low, which
is what a borrower is liquidated at, and is how the waypoints of the scenarios here are stamped.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.market.price_files.columns import CANDLE, columns_of
from sim.market.price_files.reading import Reading, Request, read_prices, utc
from sim.market.price_files.sheet import read_sheet
from sim.schema.price_file import PriceFile
from sim.schema.problems import Problem, ScenarioError, nearest

Floats = npt.NDArray[np.float64]


class History(NamedTuple):
    """Prices at rising times."""

    times: Floats
    """Seconds since 1970-01-01T00:00:00Z, rising, (rows,)."""
    symbols: tuple[str, ...]
    """The columns of `prices`: assets, or open, high, low, close."""
    prices: Floats
    """In the file's own unit, positive and finite, (rows, symbols)."""


def read_history(
    path: str | Path, max_gap_seconds: int | None = None, zone: str | None = None
) -> History:
    """The history in a file with a column per asset; `zone` is that of times that name none.

    Raises ScenarioError, which names file, place and remedy, as `read_prices` does.
    """
    read = read_prices(path, Request(zone=zone, max_gap_seconds=max_gap_seconds, every=True))
    return History(read.times, read.names, read.prices)


def reading(file: PriceFile) -> Reading:
    """What a price file says. Raises ScenarioError as `read_prices` does."""
    wanted = Request(file.column, file.zone, file.max_gap_seconds, file.decimals)
    return read_prices(file.file, wanted)


def recorded(file: PriceFile) -> tuple[Floats, Floats]:
    """(seconds since 1970-01-01T00:00:00Z, prices) that the level of a price file goes through.

    Raises ScenarioError as `read_prices` does.
    """
    read = reading(file)
    if read.names != CANDLE:
        return read.times, read.prices[:, 0]
    starts, (first, high, low, close) = read.times, read.prices.T
    # A bar is as long as most are apart: after a missing one it does not stretch.
    length = float(np.median(np.diff(starts))) if len(starts) > 1 else 0.0
    lengths = np.minimum(length, np.append(np.diff(starts), np.inf))
    met: dict[float, Floats] = {1.0: close}  # price by the share of the bar that has passed
    if file.within_bar == "both":
        falls_first = first - low < high - first
        met[1 / 3] = np.where(falls_first, low, high)
        met[2 / 3] = np.where(falls_first, high, low)
    elif file.within_bar != "close":
        met[1 / 2] = low if file.within_bar == "low" else high
    shares = sorted(met)
    times = np.stack([starts + share * lengths for share in shares], axis=1).ravel()
    prices = np.stack([met[share] for share in shares], axis=1).ravel()
    return np.append(starts[0], times), np.append(first[0], prices)


def price_columns(path: str | Path, without: Collection[str] = ()) -> dict[str, str]:
    """Asset -> column of a file with a column per asset, but for those `without`; what is in them
    is not looked at.

    Raises ScenarioError as `read_prices` does, and for candles, which name no asset.
    """
    found = columns_of(path, read_sheet(path), None, every=True)
    if found.are_candles:
        problem = Problem("(file)", "are candles, of an asset not named", "ASSET=close as column")
        raise ScenarioError(str(path), [problem])
    for column in without:
        if column not in found.prices:
            remedy = nearest(column, found.prices, "the columns are")
            raise ScenarioError(str(path), [Problem(f"column {column}", "is not there", remedy)])
    kept = {name: name for name in found.prices if name not in without}
    if not kept:
        raise ScenarioError(str(path), [Problem("(file)", "no column is left", "fewer left out")])
    return kept


def recorded_at(file: PriceFile, start: float, times: npt.ArrayLike) -> Floats:
    """The level of a price file at `times`, in seconds after `start` (since 1970), same shape.

    Before its first price the level is that price. Raises ScenarioError if it is not known from
    `start` to the last of `times`, and as `recorded` does.
    """
    known, prices = recorded(file)
    at = start + np.asarray(times, dtype=np.float64)
    if known[0] > start or known[-1] < at.max():
        problem = f"covers {utc(known[0])} to {utc(known[-1])}"
        run = f"{utc(start)} to {utc(at.max())}"
        raise ScenarioError(
            file.file,
            [Problem("(file)", problem, f"a file that covers the run, {run}, or another run")],
        )
    if file.between == "last":
        return prices[np.maximum(np.searchsorted(known, at, side="right") - 1, 0)]
    level: Floats = np.exp(np.interp(at, known, np.log(prices)))
    return level
