"""Recorded prices from CSV files: a level for one asset, or the material of replayed paths.

A file has a column `time` (or `timestamp`) in ISO 8601 with zone and either a price per asset and
row, or candles of one asset: columns open, high, low, close, as exchanges give them, whose times
are those of their beginnings. A level goes through

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

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.schema.csv_file import Line, read_lines
from sim.schema.price_file import PriceFile
from sim.schema.problems import Problem, ScenarioError, nearest

Floats = npt.NDArray[np.float64]

_EXAMPLE = "time,WETH,WBTC"
_TIMES = ("time", "timestamp")
_CANDLE = ("open", "high", "low", "close")
# What a scenario may name, see `sim.schema.base.Magnitude`.
_LOWEST, _HIGHEST = 1e-8, 1e11
# A missing row among regular ones leaves twice the median; exchanges' clocks are better than that.
_GAP_OF_MEDIAN = 1.5


class History(NamedTuple):
    """Prices at rising times."""

    times: Floats
    """Seconds since 1970-01-01T00:00:00Z, rising, (rows,)."""
    symbols: tuple[str, ...]
    """The columns of `prices`: assets, or open, high, low, close."""
    prices: Floats
    """In the file's own unit, positive and finite, (rows, symbols)."""


def read_history(path: str | Path, max_gap_seconds: int | None = None) -> History:
    """The history in a CSV file with a column per asset.

    Raises ScenarioError, which names file, line and remedy, if the file cannot be read, has no
    rows, or has a cell that is empty, a time that is not later than the one before or later by more
    than `max_gap_seconds` (by default one and a half times the median), or no price from 1e-8 to
    1e+11.
    """
    header, lines = _opened(path)
    return _history(path, header, lines, header[1:], max_gap_seconds)


def recorded(file: PriceFile) -> tuple[Floats, Floats]:
    """(seconds since 1970-01-01T00:00:00Z, prices) that the level of a price file goes through.

    Raises ScenarioError as `read_history` does, and for a candle whose high or low is none.
    """
    header, lines = _opened(file.file)
    columns = _wanted(file, header)
    history = _history(file.file, header, lines, columns, file.max_gap_seconds)
    if len(history.symbols) == 1:
        return history.times, history.prices[:, 0]
    starts, (first, high, low, close) = history.times, history.prices.T
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


def price_columns(path: str | Path) -> dict[str, str]:
    """Asset -> column of a CSV file with a column per asset.

    Raises ScenarioError if it has no such header, and for candles, which name no asset.
    """
    header, _ = _opened(path)
    if set(_CANDLE) <= set(header):
        problem = Problem("line 1", "are candles, of an asset not named", "ASSET=close as column")
        raise ScenarioError(str(path), [problem])
    return {name: name for name in header[1:]}


def recorded_at(file: PriceFile, start: float, times: npt.ArrayLike) -> Floats:
    """The level of a price file at `times`, in seconds after `start` (since 1970), same shape.

    Before its first price the level is that price. Raises ScenarioError if it is not known from
    `start` to the last of `times`, and as `recorded` does.
    """
    known, prices = recorded(file)
    at = start + np.asarray(times, dtype=np.float64)
    if known[0] > start or known[-1] < at.max():
        problem = f"covers {_utc(known[0])} to {_utc(known[-1])}"
        run = f"{_utc(start)} to {_utc(at.max())}"
        raise ScenarioError(
            file.file,
            [Problem("(file)", problem, f"a file that covers the run, {run}, or another run")],
        )
    if file.between == "last":
        return prices[np.maximum(np.searchsorted(known, at, side="right") - 1, 0)]
    level: Floats = np.exp(np.interp(at, known, np.log(prices)))
    return level


def _opened(path: str | Path) -> tuple[list[str], list[Line]]:
    """Header and lines of a file; the names of candles' columns in lower case."""
    header, lines = read_lines(path, _EXAMPLE)
    lower = [name.lower() for name in header]
    if set(_CANDLE) <= set(lower):
        header = lower
    if problems := list(_header_problems(header)):
        raise ScenarioError(str(path), problems)
    return header, lines


def _wanted(file: PriceFile, header: list[str]) -> list[str]:
    """The columns of a price file that are read: one of prices, or the four of candles."""
    names = header[1:]
    if file.column is None and set(_CANDLE) <= set(names):
        return list(_CANDLE)
    column = file.column or (names[0] if len(names) == 1 else "")
    if column not in names:
        problem = f"has no column '{column}'" if column else "has several columns of prices"
        remedy = nearest(column, names, "name one as column; the columns are")
        raise ScenarioError(file.file, [Problem("line 1", problem, remedy)])
    return [column]


def _history(
    path: str | Path,
    header: list[str],
    lines: list[Line],
    symbols: list[str],
    max_gap_seconds: int | None,
) -> History:
    if problems := list(_row_problems(lines, header, symbols, max_gap_seconds)):
        raise ScenarioError(str(path), problems)
    times = _times(lines).astype("int64").to_numpy() / 1e9
    prices = [_prices(lines, header.index(symbol)) for symbol in symbols]
    return History(times, tuple(symbols), np.stack(prices, axis=1))


def _header_problems(header: list[str]) -> Iterator[Problem]:
    time, *symbols = header
    if time.lower() not in _TIMES or not symbols:
        yield Problem("line 1", "is no header of times and assets", f"a header like {_EXAMPLE}")
    for i, symbol in enumerate(symbols):
        if not symbol or symbol in symbols[:i]:
            yield Problem(
                "line 1", f"column {i + 2} is named '{symbol}'", "a symbol of its own for each"
            )


def _row_problems(
    lines: list[Line], header: list[str], symbols: list[str], max_gap_seconds: int | None
) -> Iterator[Problem]:
    if not lines:
        yield Problem("line 2", "there are no prices", "a row per time, like 2020-03-12T00:00Z,195")
        return
    times = _times(lines)
    for line in _where(lines, times.isna()):
        yield Problem(
            f"line {line.number}, time",
            f"'{line.cells[0]}' is no time with a zone",
            "ISO 8601 with its zone, like 2020-03-12T00:00:00Z",
        )
    apart = times.diff().dt.total_seconds()
    for line in _where(lines, apart <= 0):
        yield Problem(
            f"line {line.number}, time",
            f"{line.cells[0]} does not come after the line before",
            "rising times, each once",
        )
    allowed = max_gap_seconds or _GAP_OF_MEDIAN * apart[apart > 0].median()
    for line, seconds in zip(_where(lines, apart > allowed), apart[apart > allowed], strict=True):
        yield Problem(
            f"line {line.number}, time",
            f"{line.cells[0]} is {seconds:g} s after the line before, a gap of more than "
            f"{allowed:g} s",
            "the missing rows, or a larger max_gap_seconds",
        )
    for symbol in symbols:
        column = header.index(symbol)
        prices = _prices(lines, column)
        for line in _where(lines, ~((prices >= _LOWEST) & (prices <= _HIGHEST))):
            text = line.cells[column]
            yield Problem(
                f"line {line.number}, {symbol}",
                f"'{text}' is no price" if text else "is empty",
                "a number from 1e-8 to 1e+11; a time without a price leaves a gap",
            )
    if len(symbols) == len(_CANDLE):
        first, high, low, close = (_prices(lines, header.index(name)) for name in _CANDLE)
        wrong = (low > np.minimum(first, close)) | (high < np.maximum(first, close))
        for line in _where(lines, wrong):
            yield Problem(
                f"line {line.number}",
                "open or close lies outside low to high",
                "low <= open, close <= high",
            )


def _where(lines: list[Line], mask: Any) -> list[Line]:
    return [line for line, chosen in zip(lines, mask, strict=True) if chosen]


def _times(lines: list[Line]) -> pd.Series[pd.Timestamp]:
    """Instants in UTC, NaT where the text is none: without a zone an instant is not known."""
    texts = pd.Series([line.cells[0] for line in lines], dtype=str)
    zoned = texts.str.contains(r"[T ].*(?:Z|[+-]\d\d:?\d\d)$")
    return pd.to_datetime(texts.where(zoned), format="ISO8601", utc=True, errors="coerce")


def _prices(lines: list[Line], column: int) -> Floats:
    texts = pd.Series([line.cells[column] for line in lines], dtype=str)
    return pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64)


def _utc(seconds: float) -> str:
    return f"{pd.Timestamp(seconds, unit='s'):%Y-%m-%dT%H:%M:%SZ}"
