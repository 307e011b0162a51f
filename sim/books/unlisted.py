"""Rows of a book about what is no asset of the scenario: said once each, with what they come to."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sim.scenario import Scenario
from sim.schema.problems import Problem, nearest

_SIDES = ("supplied", "debt")


def problems(rows: pd.DataFrame, scenario: Scenario) -> Iterator[Problem]:
    """Why they are refused. `rows` have columns who, asset, symbol (empty for what is no asset),
    supplied, debt as texts, and supplied_units.
    """
    for name, group, sums in _each(rows):
        what = "book.unlisted: drop, or list it; the assets are"
        if name.startswith("0x"):
            what = f"assets.X.address: '{name}' if it is one of these, {what}"
        remedy = nearest(name, scenario.assets, what)
        problem = f"'{name}' is not an asset of the scenario ({sums})"
        yield Problem(f"line {group.index[0]}, asset", problem, remedy)


def without_collateral(rows: pd.DataFrame) -> list[str]:
    """The accounts all of whose collateral is no asset: their debts would look like bad ones."""
    listed = rows["symbol"] != ""
    others = set(rows["who"][~listed & (_tokens(rows["supplied"]) != 0)])
    return sorted(others - set(rows["who"][listed & (rows["supplied_units"] != 0)]))


def left_out(rows: pd.DataFrame, lost: int) -> str:
    """What was left out, in a line; `lost` accounts whole."""
    parts = [f"{name} ({sums})" for name, _, sums in _each(rows)]
    count = rows["who"][rows["symbol"] == ""].nunique()
    line = f"Left out, not assets of the scenario: {', '.join(parts)}; {count:,} accounts have them"
    if lost:
        line += f", {lost:,} of which have no other collateral and are left out whole"
    return f"{line}."


def _each(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """(what it is called, its rows, what they come to)."""
    others = rows[(rows["symbol"] == "") & (rows["asset"] != "")]
    for name, group in others.groupby("asset", sort=False):
        supplied, owed = (_tokens(group[side]).sum() for side in _SIDES)
        count = f"{len(group):,} row{'' if len(group) == 1 else 's'}"
        yield str(name), group, f"{count}, {supplied:,.6g} supplied and {owed:,.6g} owed"


def _tokens(texts: pd.Series[str]) -> pd.Series[float]:
    return pd.to_numeric(texts, errors="coerce").fillna(0.0)
