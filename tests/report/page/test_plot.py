"""Charts before a browser draws them: numbers that JSON has, looks that need no colour."""

from __future__ import annotations

import json
import math
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from sim.protocol.fixed_point import borrow_rate
from sim.report.page.content import money, ratio, share
from sim.report.page.market_costs import rate_per_year
from sim.report.page.plot import COLOURS, DASHES, MARKERS, line, plain, some

RAY = 10**27


def test_numbers_for_json() -> None:
    values = [1, 2.5, np.float64(1 / 3), math.nan, math.inf, None, pd.NA, np.int64(7), "word"]
    found = plain(values)
    assert found == [1, 2.5, 0.333333333, None, None, None, None, 7, "word"]
    assert json.dumps(found, allow_nan=False)
    assert plain([datetime(2020, 3, 12, 5), pd.NaT]) == ["2020-03-12 05:00:00", None]
    assert plain([10**15]) == [10**15]


def test_some_keeps_both_ends() -> None:
    assert some(5, 10) == [0, 1, 2, 3, 4]
    kept = some(1_000, 40)
    assert len(kept) == 40 and kept[0] == 0 and kept[-1] == 999


def test_neighbours_differ_without_colour() -> None:
    looks = [line("", [], [], n)["line"] for n in range(6)]
    assert len({look["dash"] for look in looks}) == 6
    assert len(set(MARKERS)) == len(MARKERS) == len(COLOURS) == len(DASHES)


def test_money_in_words() -> None:
    assert money(-1234.5).text == "-$1,234" and money(-1234.5).number == -1234.5
    assert money(1e12).text == "$1,000,000,000,000"
    assert share(0.12345).text == "12.35%"
    assert ratio(math.nan) == ratio(None) == "\N{EN DASH}"


@pytest.mark.parametrize("usage", [0.0, 0.25, 0.8, 0.9, 1.0])
def test_rates_are_the_hubs(usage: float) -> None:
    rates = {
        "optimal_usage_bps": 8000,
        "base_rate_bps": 100,
        "slope1_bps": 400,
        "slope2_bps": 7500,
    }
    debt = round(usage * 10**18)
    exact = borrow_rate(10**18 - debt, debt, 8000, 100, 400, 7500) / RAY
    assert float(rate_per_year(rates, usage)) == pytest.approx(exact, rel=1e-12)
