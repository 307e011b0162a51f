"""Prices that a program has, instead of those of a scenario."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.scenario import Scenario, ScenarioError
from sim.schema.arguments import shown
from sim.schema.problems import Problem, nearest

Prices = pd.DataFrame | npt.ArrayLike
"""USD per token, before what the scenario's reference market adds: there sales lower them further,
which recorded prices have in them already (`reference_market.prices_contain_impact`). A frame has a
column per asset, those it lacks stay as they are, and as its index a time in UTC for each row, text
as ISO 8601 has it too, or whole numbers with a row per step; an array is (steps + 1, assets) in the
order of the scenario.
"""

_LEAST_USD, _MOST_USD = 1e-8, 1e11
"""What the contracts take, and a level of a scenario may be."""
_IN_EVERY_ROW = "a number from 1e-8 to 1e+11 in every row, USD per token"
_NO_PRICE = "bcmM"
"""Kinds of numpy's that would become numbers and mean none: truth values, complex ones, times."""
_TRUTH = (bool, np.bool_, complex)


def levels(scenario: Scenario, prices: Prices) -> dict[str, object]:
    """Prices as overrides: log-linear between the rows, exact at them. Raises `ScenarioError`."""
    if isinstance(prices, pd.DataFrame):
        frame = prices
    else:
        try:
            table = np.asarray(prices)
            table = table if table.dtype.kind in _NO_PRICE else table.astype(np.float64)
        except (TypeError, ValueError) as error:
            remedy = "an array of numbers or a DataFrame; files are read by `assets.NAME.price_usd`"
            raise _refused(scenario, f"no numbers ({error})", remedy) from error
        if table.ndim != 2:
            said = f"an array of {table.ndim} dimensions"
            remedy = "(steps + 1, assets), or a DataFrame with a column per asset"
            raise _refused(scenario, said, remedy)
        frame = pd.DataFrame(table)
        _check_shape(scenario, frame)
        frame.columns = pd.Index(scenario.symbols)
    if frame.columns.empty or not frame.columns.is_unique:
        said = f"the columns {', '.join(map(str, frame.columns)) or '(none)'}"
        raise _refused(scenario, said, "at least one asset, and each of them once")
    if unknown := [name for name in frame.columns if name not in scenario.symbols]:
        remedy = nearest(str(unknown[0]), scenario.symbols, "the assets are")
        raise _refused(scenario, f"the column {unknown[0]!r} is no asset of it", remedy)
    for name, column in frame.items():
        if _is_no_price(column):
            said = f"{name} is of {column.dtype}"
            raise _refused(scenario, said, _IN_EVERY_ROW)
    times = _times(scenario, frame)
    try:
        numbers = frame.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _refused(scenario, f"not numbers ({error})", _IN_EVERY_ROW) from error
    bad = ~((numbers >= _LEAST_USD) & (numbers <= _MOST_USD))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        value = frame.iloc[row, column]
        where = f"row {row} of {frame.columns[column]} is {value}"
        raise _refused(scenario, where, _IN_EVERY_ROW)
    return {
        f"assets.{symbol}.price_usd": [
            {"at": at, "value": float(value)} for at, value in zip(times, column, strict=True)
        ]
        for symbol, column in frame.items()
    }


def _check_shape(scenario: Scenario, frame: pd.DataFrame) -> None:
    if frame.shape != (wanted := (scenario.steps + 1, len(scenario.symbols))):
        raise _refused(
            scenario,
            f"an array of shape {frame.shape}",
            f"{wanted}: a row at the start and after each of {scenario.steps:,} steps, a column "
            f"for each of {', '.join(scenario.symbols)}",
        )


def _times(scenario: Scenario, frame: pd.DataFrame) -> list[Any]:
    """When the rows are; of a frame without times, at the start and after every step."""
    end = scenario.start + timedelta(hours=scenario.duration_hours)
    if pd.api.types.is_integer_dtype(frame.index.dtype):
        if len(frame) != scenario.steps + 1:
            raise _refused(
                scenario,
                f"{len(frame):,} rows and an index without times",
                f"{scenario.steps + 1:,} rows, one at the start and one after every step; or times "
                "as the index",
            )
        step = timedelta(seconds=scenario.step_seconds)
        return [scenario.start + k * step for k in range(len(frame))]
    index = _instants(scenario, frame.index)
    index = index.tz_localize("UTC") if index.tz is None else index
    if index.hasnans or not (index.is_monotonic_increasing and index.is_unique):
        raise _refused(scenario, "times that do not rise from row to row", "each once, sorted")
    if (index != index.floor("s")).any():
        raise _refused(scenario, "times between two seconds", "whole seconds: index.round('s')")
    if not len(index) or index[0] > scenario.start or index[-1] < end:
        spans = f"{index[0]} to {index[-1]}" if len(index) else "no row"
        raise _refused(
            scenario,
            f"times from {spans} do not cover the run, {scenario.start} to {end}",
            "more rows, or `start` and `duration_hours` of the scenario replaced",
        )
    return [at.to_pydatetime() for at in index]


def _instants(scenario: Scenario, index: pd.Index) -> pd.DatetimeIndex:
    """The index as times: text too, which is what a CSV file has."""
    if isinstance(index, pd.DatetimeIndex):
        return index
    if pd.api.types.is_string_dtype(index.dtype):
        with suppress(TypeError, ValueError):
            return pd.DatetimeIndex(pd.to_datetime(index, format="ISO8601", utc=True))
    raise _refused(
        scenario,
        f"an index of {index.dtype} that is no time, like {shown(next(iter(index), None))}",
        "times, as pd.to_datetime(frame.index) makes them of text and frame.index.to_timestamp() "
        "of periods; or frame.reset_index(drop=True) to have a row for each step",
    )


def _is_no_price(column: pd.Series[Any]) -> bool:
    """Whether it becomes numbers, and means none."""
    if column.dtype.kind in _NO_PRICE:
        return True
    return bool(column.dtype == object and column.map(lambda one: isinstance(one, _TRUTH)).any())


def _refused(scenario: Scenario, what: str, remedy: str) -> ScenarioError:
    return ScenarioError(f"scenario '{scenario.name}'", [Problem("prices", what, remedy)])
