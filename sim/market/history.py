"""Recorded prices from a CSV file: the material of replayed paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.schema.problems import Problem, ScenarioError

_EXAMPLE = "time,WETH,WBTC"


class History(NamedTuple):
    """Prices of some assets at rising times."""

    times: npt.NDArray[np.float64]
    """Seconds since 1970-01-01T00:00:00Z, rising, (rows,)."""
    symbols: tuple[str, ...]
    """The columns of `prices`."""
    prices: npt.NDArray[np.float64]
    """In the file's own unit, positive and finite, (rows, symbols)."""


def read_history(path: str | Path) -> History:
    """The history in a CSV file: a column `time` in ISO 8601 with zone, then a column per asset.

    Raises ScenarioError, which names file, line and remedy, if the file cannot be read, has no
    rows, or has a cell that is empty, no time later than the one before, or no positive number.
    """
    file = str(path)
    try:
        # Read as text, header included: so the row of every cell is its line in the file.
        cells = pd.read_csv(
            path, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False
        )
    except pd.errors.EmptyDataError:
        cells = pd.DataFrame([[""]])
    except (OSError, UnicodeDecodeError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        problem = Problem("(file)", f"cannot be read: {reason}", f"a CSV file with {_EXAMPLE}")
        raise ScenarioError(file, [problem]) from error
    cells.index += 1
    cells = cells.fillna("").map(str.strip)  # a line that ends early has no text in its last cells
    time, *symbols = cells.iloc[0]
    rows = cells.iloc[1:]
    rows = rows[(rows != "").any(axis=1)]
    if problems := list(_header_problems(time, symbols)) or list(_row_problems(rows, symbols)):
        raise ScenarioError(file, problems)
    times = _times(rows[0]).astype("int64").to_numpy() / 1e9
    return History(times, tuple(symbols), _prices(rows).to_numpy())


def _header_problems(time: str, symbols: list[str]) -> Iterator[Problem]:
    if time != "time" or not symbols:
        yield Problem("line 1", "is no header of times and assets", f"a header like {_EXAMPLE}")
    for i, symbol in enumerate(symbols):
        if not symbol or symbol in symbols[:i]:
            yield Problem(
                "line 1", f"column {i + 2} is named '{symbol}'", "a symbol of its own for each"
            )


def _row_problems(rows: pd.DataFrame, symbols: list[str]) -> Iterator[Problem]:
    if rows.empty:
        yield Problem("line 2", "there are no prices", "a row per time, like 2020-03-12T00:00Z,195")
        return
    times = _times(rows[0])
    for line, at in rows[0][times.isna()].items():
        yield Problem(
            f"line {line}, time",
            f"'{at}' is no time with a zone",
            "ISO 8601 with its zone, like 2020-03-12T00:00:00Z",
        )
    late = times.diff() <= pd.Timedelta(0)
    for line, at in rows[0][late].items():
        yield Problem(
            f"line {line}, time", f"{at} does not come after the line before", "rising times"
        )
    prices = _prices(rows)
    for column, symbol in enumerate(symbols, start=1):
        wrong = ~(np.isfinite(prices[column]) & (prices[column] > 0))
        for line, price in rows[column][wrong].items():
            yield Problem(
                f"line {line}, {symbol}",
                f"'{price}' is no price" if price else "is empty",
                "a number above 0; leave out the whole line where a price is not known",
            )


def _times(texts: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    """Instants in UTC, NaT where the text is none: without a zone an instant is not known."""
    zoned = texts.str.contains(r"T.*(?:Z|[+-]\d\d:?\d\d)$")
    return pd.to_datetime(texts.where(zoned), format="ISO8601", utc=True, errors="coerce")


def _prices(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.iloc[:, 1:].apply(pd.to_numeric, errors="coerce").astype(float)
