"""The registry of measures against the functions that it names, on losses of a known law."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from sim.market.draws import REPLICATES
from sim.measures.intervals import mean_of
from sim.measures.losses import (
    expected_loss,
    expected_shortfall,
    loss_given_loss,
    probability_of_loss,
    value_at_risk,
)
from sim.measures.measure import EVERYWHERE, KINDS, Measure, OfPaths, Paths, Unit
from sim.measures.registry import MEASURES, of_paths, of_reserves
from sim.report.page.content import shown
from sim.report.page.front import UNITS
from sim.sweeps.loss_table import loss_table
from tests.measures.test_losses import bernoulli_lognormal


def outcomes(paths: int) -> pd.DataFrame:
    """A tenth of the paths lose, and every path liquidates 50 times what it loses."""
    losses = bernoulli_lognormal(np.random.default_rng(17), (1, paths))[0]
    columns = {"bad_debt_usd": losses, "shortfall_usd": 0 * losses, "repaid_usd": 50 * losses}
    peaks = {"peak_loss_usd": 2 * losses, "peak_shortfall_usd": losses / 2}
    return pd.DataFrame({**columns, **peaks, "book": 0})


@pytest.mark.parametrize("sampler", ["mc", "sobol"])
def test_every_row_of_a_loss_table_is_what_its_function_says(sampler: str) -> None:
    found = outcomes(3_200)
    table = loss_table(found, "sobol" if sampler == "sobol" else "mc", 300)
    losses, n = found["bad_debt_usd"], REPLICATES if sampler == "sobol" else None
    expected = {
        "p_loss": probability_of_loss(losses, n),
        "expected_loss": expected_loss(losses, n),
        "loss_given_loss": loss_given_loss(losses, n),
        "var_95": value_at_risk(losses, 0.95, n),
        "var_99": value_at_risk(losses, 0.99, n),
        "var_99_9": value_at_risk(losses, 0.999, n),
        "es_95": expected_shortfall(losses, 0.95, n),
        "es_99": expected_shortfall(losses, 0.99, n),
        "es_99_9": expected_shortfall(losses, 0.999, n),
        "lar_95": value_at_risk(50 * losses, 0.95, n),
        "peak_loss": expected_loss(2 * losses, n),
        "peak_es_99": expected_shortfall(2 * losses, 0.99, n),
        "peak_shortfall": expected_loss(losses / 2, n),
    }
    assert table.columns.tolist() == ["value", "standard_error", "low", "high", "unit", "needs"]
    assert table.index.tolist() == list(expected)
    figures = table[["value", "standard_error", "low", "high"]]
    assert figures.values.tolist() == [list(row) for row in expected.values()]
    assert table["unit"].tolist() == ["share"] + 12 * ["USD"]


def test_a_measure_of_what_no_path_has_stands_in_no_loss_table() -> None:
    """Margin calls of a sweep without them, and of one in which a path in four has two."""
    found = outcomes(400)
    without = loss_table(found.assign(margin_calls=0.0), "mc", 300)
    assert without.equals(loss_table(found, "mc", 300))
    calls = np.tile([2.0, 0.0, 0.0, 0.0], 100)
    table = loss_table(found.assign(margin_calls=calls), "mc", 300)
    assert table.index.difference(without.index).tolist() == ["margin_calls"]
    assert table.loc["margin_calls", "value"] == 0.5


def test_a_benefit_may_be_negative_and_a_harm_is_not() -> None:
    """Which decides the interval too: that of a mean of any sign, or of losses."""
    numbers = {"revenue": np.array([1.0, -3.0, 2.0, 4.0] * 20)}
    paths = Paths(lambda name: numbers[name], 300)
    amount = OfPaths(lambda paths: paths.sum("revenue"))
    words = {"name": "x", "title": "x", "meaning": ""}
    benefit = Measure(**words, unit="USD", of_paths=amount, side="benefit")
    harm = Measure(**words, unit="USD", of_paths=amount)
    assert benefit.on(paths).min() == -3 and harm.on(paths).min() == 0
    assert benefit.estimate(benefit.on(paths)) == mean_of(numbers["revenue"])
    assert harm.estimate(harm.on(paths)) == expected_loss(np.maximum(numbers["revenue"], 0))


def test_sums_are_in_dollars_where_they_are_values() -> None:
    numbers = {"seized": np.array([7e8]), "repaid": np.array([5e8]), "steps": np.array([12.0])}
    paths = Paths(lambda n: numbers[n], 300, lambda n: 1.0 if n == "steps" else 1e-8)
    assert paths.sum("seized", "repaid").tolist() == [12.0]
    assert paths.sum("seized", less="repaid").tolist() == [2.0]
    assert (paths.sum("steps") * paths.step_seconds / 3_600).tolist() == [1.0]


def test_every_entry_can_be_read() -> None:
    for name, one in MEASURES.items():
        assert (one.name == name and one.title and one.title[0].islower()) or one.title == "LaR"
        kinds = (one.of_run, one.of_asset, one.at_start, one.of_paths, one.of_reserve)
        assert any(kinds), "is computed from something"
        if one.at_start:
            assert one.meaning and not one.of_paths and one.stands_in("settings"), name
        if one.of_paths:
            assert one.meaning, "a search explains it"
            assert any(one.of_paths.kind in KINDS[place] for place in one.places), name
            assert bool(one.of_paths.level) == (one.of_paths.kind in ("VaR", "ES")), name
    for called in (of_paths("losses"), of_reserves()):  # rows of one table
        headings = [one.heading for one in called.values()]
        assert len(set(headings)) == len(headings)
    assert set(KINDS) == {*EVERYWHERE, "paired"}


def test_levels_are_those_of_their_names() -> None:
    """es_99_9 is of 99.9%, and its words say so."""
    for name, one in MEASURES.items():
        if one.of_paths and one.of_paths.level:
            digits = "".join(filter(str.isdigit, name))
            assert math.isclose(one.of_paths.level, float(f"0.{digits}"))
            assert f"{100 * one.of_paths.level:g}%" in one.title


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (3.0, "number", "3"),
        (3.7, "number", "3.7"),
        (0.1234, "share", "12.34%"),
        (1.5, "ratio", "1.500"),
        (23.94, "hours", "23.94 hours"),
        (12.0, "minutes", "12 min"),
        (0.7, "seconds", "0.7 s"),
        (-0.001, "USD", "$0.00"),
        (-1234.5, "USD", "-$1,234"),
    ],
)
def test_every_unit_is_shown_as_one(number: float, unit: Unit, text: str) -> None:
    """A mean of whole things has decimals; a rounding error is no loss."""
    found = shown(number, unit)
    assert found.text == text and found.number == number
    assert {*get_args(Unit)} == {*UNITS}
