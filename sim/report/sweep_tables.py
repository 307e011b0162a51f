"""The tables of a sweep, declared once: its page shows them, and a terminal prints them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from sim.measures.clusters import Split
from sim.measures.measure import Unit
from sim.measures.registry import MEASURES
from sim.report.given import Books
from sim.report.page.content import NONE, Cell, Range, Table, Value, count, money, shown
from sim.report.sweep_words import BEARERS, losing_assets, scope, split_line, times, title
from sim.report.text import sentence
from sim.sweeps.loss_table import BEFORE


def loss_table(
    losses: pd.DataFrame, paths: int, books: Books, split: Split | None, given: str
) -> Table:
    """One row per measure of `sim.sweeps.loss_table.loss_table`: value, error, interval; and below
    it the split of the variance, and what all of it is conditional on.
    """
    rows: list[list[Cell]] = []
    for measure, row in losses.iterrows():
        name, unit = str(measure), row["unit"]
        lost = not math.isnan(row["value"])
        value = shown(row["value"], unit, name=name) if lost else "none lost"
        rows.append([MEASURES[name].heading, value, _error(row, unit), interval(row, unit, name)])
    lines = (
        "error: standard error; LaR: liquidations at risk",
        "peak: the largest bad debt so far and shortfall, after any step",
        scope(books),
        split_line(split) if split else "",
        given,
    )
    below = f"{sentence(split_line(split))}. {given}" if split else given
    return Table(
        title(paths, books),
        ["measure", "value", "error", "95% interval"],
        rows,
        words=(0, 3),
        note="VaR: the loss that a share of the paths exceeds, one in twenty at 95%. ES: the mean "
        "loss of those worst paths. LaR: the VaR of the value liquidated. Peak: the largest bad "
        "debt so far and shortfall after any step. Error: standard error. The interval holds the "
        "figure of infinitely many paths of this model in 19 of 20 sweeps "
        f"({scope(books).partition(': ')[2]}); it does not know whether the model is right. "
        f"{below}",
        legend="\n".join(filter(None, lines)),
    )


def bearer_table(bearers: pd.DataFrame, note: str = "") -> Table:
    """One row per bearer of `sim.sweeps.loss_table.borne_by`: who bears the mean loss."""
    rows: list[list[Cell]] = []
    for bearer, row in bearers.iterrows():
        # A share of which no path saw anything has no error of its own.
        seen, name = bool(row["value"]), f"mean by {bearer}"
        known = not math.isnan(row["share"])
        rows.append(
            [
                BEARERS[str(bearer)],
                shown(row["share"], "share", 1, f"share by {bearer}") if known else NONE,
                shown(row["value"], "USD", name=name),
                _error(row, "USD") if seen and bearer != BEFORE else "",
                "known at the start, with interest"
                if bearer == BEFORE
                else interval(row, "USD", name)
                if seen
                else "on no path",
            ]
        )
    header = ["borne by", "share", "mean", "error", "95% interval"]
    return Table("Who bore the expected loss", header, rows, words=(0, 4), note=note)


def reserve_table(assets: pd.DataFrame, below: str = "") -> Table | str:
    """`sim.sweeps.reserves.by_asset`: what each asset loses, and whether it can bear it."""
    if not len(assets):
        return (
            "This sweep was made before losses were kept by asset and at their peak: these are not "
            "shown. Sweep again, into another folder, to have them."
        )
    losing = losing_assets(assets)
    if not losing:
        return "No path lost anything in any asset."
    rows: list[list[Cell]] = []
    for asset in losing:
        for measure, row in assets.loc[asset].iterrows():
            low, high = (_of_asset(row[end], row["unit"]) for end in ("low", "high"))
            value = _of_asset(row["value"], row["unit"], f"{measure} of {asset}")
            known = not math.isnan(row["low"])
            called = MEASURES[str(measure)].heading
            rows.append([f"{asset}: {called}", value, Range(low, high) if known else NONE])
    return Table(
        "Loss by the asset that was owed, and what its reserve can bear",
        ["asset and measure", "value", "95% interval"],
        rows,
        words=(0, 2),
        note="The part of an asset in the ES 99% is its mean loss on the worst hundredth of the "
        "paths of all assets; the parts add up to that ES. Fees and fund: what they bore and have "
        "left, in the mean over paths. Coverage: how many times over fees and fund can bear the "
        f"loss of their asset, or more, on 99% of the paths; below 1, suppliers lose too. {below}",
        legend="part: of the ES 99% of all, the sum of these\n"
        "fees and fund: what they bore and have left, in the mean\n"
        "coverage: how often over that bears the loss on 99% of the paths",
    )


def verified_table(paths: Sequence[Mapping[str, Any]], hashes: bool = False) -> Table:
    """One row per path of verify.json, of which older versions say less; with `hashes` of the final
    state.
    """
    rows: list[list[Cell]] = []
    for one in paths:
        lost, error = one.get("loss_exact_usd"), one.get("loss_relative_error")
        numbers = ("decisions", "decisions_differ", "operations", "values_compared", "differences")
        rows.append(
            [
                count(one["path"]),
                one["engine"],
                NONE if lost is None else money(lost),
                NONE if error is None else f"{error:+.1e}" if error else "0",
                *(count(one[name]) if name in one else NONE for name in numbers),
                *([one["state_sha256"]] if hashes else []),
            ]
        )
    header = ["path", "engine", "loss", "float error", "decisions", "differ"]
    header += ["operations", "values", "differ", *(["state SHA-256"] if hashes else [])]
    return Table(
        "Paths executed on the real contracts, every word of state compared with the twin's",
        header,
        rows,
        words=(0, 1, 9),
        note="Float error: of the loss on floats, which the sweep wrote. Decisions: of agents, and "
        "how many differ between floats and integers. Values: compared between twin and contracts.",
    )


def interval(row: pd.Series, unit: Unit, name: str = "") -> Range:
    """From ... to ..., with the reason if there is no upper end."""
    low = shown(row["low"], unit, name=f"{name} low" if name else "")
    if math.isfinite(row["high"]):
        return Range(low, shown(row["high"], unit, name=f"{name} high" if name else ""))
    missing = row.get("needs")
    return Range(low, f"unbounded (needs {missing})" if missing else "unbounded")


def _error(row: pd.Series, unit: Unit) -> Value | str:
    """The standard error, where the sample says what it is."""
    error = row["standard_error"]
    return shown(error, unit) if math.isfinite(error) else "unknown"


def _of_asset(value: float, unit: str, name: str = "") -> Value | str:
    if unit == "times":
        return Value(times(value), value, name) if math.isfinite(value) else times(value)
    return money(value, name) if math.isfinite(value) else "unbounded"
