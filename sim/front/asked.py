"""A scenario as whoever calls means it."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.front.handed_over import placed
from sim.measures.published import unmeasured
from sim.questions.store import QuestionError
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.schema.arguments import fields_of
from sim.schema.problems import Problem, nearest
from sim.users import user_agents
from sim.world import World, without_code

Prices = pd.DataFrame | npt.ArrayLike
"""USD per token, before what the scenario's reference market adds: there sales lower them further,
which recorded prices have in them already (`reference_market.prices_contain_impact`). A frame has a
column per asset, those it lacks stay as they are, and a row per step or a time in UTC as its index;
an array is (steps + 1, assets) in the order of the scenario.
"""


class Asked(NamedTuple):
    """What is to be run."""

    scenario: Scenario
    agents: list[user_agents.Agent]
    """The user's own: those of the scenario, then those that were handed over."""

    def world(self, book_seed: int | None = None) -> World:
        """Built; `book_seed` replaces its seed for book and people. Raises `ScenarioError`."""
        return without_code(self.scenario, book_seed, self.agents)


def whole(name: str, number: Any, least: int) -> int | None:
    """How many are asked for, numpy's numbers too; None is none. Raises `QuestionError`."""
    if number is None:
        return None
    try:
        found = operator.index(number)
    except TypeError:
        raise QuestionError(f"{name} {number!r}: a whole number is needed") from None
    if found < least:
        raise QuestionError(f"{name} {found}: {least} or more is needed")
    return found


def changed(
    scenario: str | Path | Scenario,
    *,
    accounts: int | None = None,
    seed: int | None = None,
    hold_at_low: bool | None = None,
    overrides: Mapping[str, object] | None = None,
    redraw_book: bool = False,
    prices: Prices | None = None,
) -> Scenario:
    """A name, a file or a scenario, with what the arguments replace. Raises `ScenarioError`, and
    `TypeError` for arguments of another kind.
    """
    one = scenario if isinstance(scenario, Scenario) else load(scenario)
    shortcuts = {"book.accounts": accounts, "seed": seed, "hold_at_low": hold_at_low}
    given: dict[str, object] = {k: value for k, value in shortcuts.items() if value is not None}
    if prices is not None:
        # What figures are conditional on names the scenario: these are not its prices.
        given |= {"name": f"{one.name[:53]}-own-prices", **levels(one, prices)}
    one = with_overrides(one, {**given, **fields_of("overrides", overrides)}, redraw_book)
    if problems := list(unmeasured(one.expected)):
        raise ScenarioError(f"scenario '{one.name}'", problems)
    return one


def asked(one: Scenario, agents: Sequence[Any] = ()) -> Asked:
    """A scenario with the user's agents: its own, and those handed over. Raises `ScenarioError`."""
    one, code = placed(one, agents)
    # Looked up only now: an override may have been about them.
    found, problems = user_agents.find(one.agents, code)
    if problems:
        raise ScenarioError(f"scenario '{one.name}'", problems)
    return Asked(one, found)


def levels(scenario: Scenario, prices: Prices) -> dict[str, object]:
    """Prices as overrides: log-linear between the rows, exact at them. Raises `ScenarioError`."""
    if isinstance(prices, pd.DataFrame):
        frame = prices
    else:
        try:
            table = np.asarray(prices, dtype=np.float64)
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
    times = _times(scenario, frame)
    try:
        numbers = frame.to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise _refused(
            scenario, f"not numbers ({error})", "a number above 0 in every row"
        ) from error
    bad = ~(np.isfinite(numbers) & (numbers > 0))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        value = frame.iloc[row, column]
        where = f"row {row} of {frame.columns[column]} is {value}"
        raise _refused(scenario, where, "a number above 0 in every row")
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
    if not isinstance(frame.index, pd.DatetimeIndex):
        if len(frame) != scenario.steps + 1:
            raise _refused(
                scenario,
                f"{len(frame):,} rows and an index without times",
                f"{scenario.steps + 1:,} rows, one at the start and one after every step; or times "
                "as the index",
            )
        step = timedelta(seconds=scenario.step_seconds)
        return [scenario.start + k * step for k in range(len(frame))]
    index = frame.index.tz_localize("UTC") if frame.index.tz is None else frame.index
    if index.hasnans or not (index.is_monotonic_increasing and index.is_unique):
        raise _refused(scenario, "times that do not rise from row to row", "each once, sorted")
    if not len(index) or index[0] > scenario.start or index[-1] < end:
        spans = f"{index[0]} to {index[-1]}" if len(index) else "no row"
        raise _refused(
            scenario,
            f"times from {spans} do not cover the run, {scenario.start} to {end}",
            "more rows, or `start` and `duration_hours` of the scenario replaced",
        )
    return [at.to_pydatetime() for at in index]


def _refused(scenario: Scenario, what: str, remedy: str) -> ScenarioError:
    return ScenarioError(f"scenario '{scenario.name}'", [Problem("prices", what, remedy)])
