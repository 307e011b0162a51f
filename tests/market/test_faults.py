"""Tables of faults against closed forms: ages of what feeds see, factors, caps, windows."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from fractions import Fraction
from math import exp, sqrt
from typing import Any

import numpy as np
import pytest

from sim.market.faults import ages, fault_table, halted_table
from sim.market.level_tables import observed_table, price_table
from sim.market.market import (
    ANSWER_CAP,
    ANSWER_FACTOR,
    CAP_OF,
    FAULT,
    GRACE,
    HALTED,
    READS_VENUE,
    SILENT,
)
from sim.market.paths import observed
from sim.protocol.units import USD
from sim.scenario import Scenario, load, with_overrides
from sim.world import build

START = datetime(2020, 3, 12, tzinfo=timezone.utc)
YEAR = 365 * 86_400
WAD = 10**18


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def faulty(*faults: dict[str, Any], **changes: object) -> Scenario:
    """12 hours of Black Thursday in steps of 300 s with these faults."""
    changes = {"duration_hours": 12, **changes}
    return with_overrides(load("black-thursday"), {**changes, "feeds.faults": list(faults)})


def age_of(scenario: Scenario, symbol: str = "WETH") -> np.ndarray:
    """Ages per row, (steps + 1,)."""
    found = ages(scenario, symbol)
    assert isinstance(found, np.ndarray)
    return found


# --- no faults --------------------------------------------------------------------------------


def test_without_faults_nothing_is_stored_and_ages_are_latencies() -> None:
    scenario = faulty()
    assert fault_table(scenario).shape == (0, 4, len(FAULT))
    assert halted_table(scenario).shape == (0,)
    assert ages(scenario, "WETH") == 60


def test_delays_alone_need_no_table() -> None:
    scenario = faulty({"kind": "delay", "asset": "WETH", "mean_seconds": 60})
    assert fault_table(scenario).shape[0] == 0
    assert ages(scenario, "WBTC") == 60


# --- delays -----------------------------------------------------------------------------------


def mean_age(step: float, mean: float) -> float:
    """Integral of prod_j exp(-max(x - j step, 0) / mean) over x >= 0.

    Between j step and (j + 1) step the exponent is -((j + 1) x - step j (j + 1) / 2) / mean.
    """
    total = 0.0
    for j in range(10_000):
        n = j + 1
        low, high = (exp(-(n * x - step * j * n / 2) / mean) for x in (j * step, (j + 1) * step))
        total += mean / n * (low - high)
        if high < 1e-15:
            break
    return total


@pytest.mark.parametrize(("step", "mean", "hours"), [(3_600, 600.0, 8_000), (60, 600.0, 200)])
def test_sampled_delay_has_the_mean_of_its_law(step: int, mean: float, hours: int) -> None:
    """Where steps are long nearly the exponential's own mean; where they are short less, because
    a later report may arrive first. 4 standard errors, from means of 50 blocks.
    """
    delay = {"kind": "delay", "asset": "WETH", "mean_seconds": mean}
    scenario = faulty(delay, duration_hours=hours, step_seconds=step)
    extra = age_of(scenario)[100:] - 60
    blocks = np.array([block.mean() for block in np.array_split(extra, 50)])
    error = blocks.std(ddof=1) / sqrt(len(blocks))
    expected = mean_age(step, mean)
    assert abs(extra.mean() - expected) < 4 * error
    assert error < 0.03 * expected
    if step == 3_600:
        assert expected == pytest.approx(mean, rel=0.003)
    else:
        assert expected < mean / 2


def test_sampled_delay_is_exponential() -> None:
    """Kolmogorov's statistic: sqrt(n) D exceeds 1.95 once in 1,000."""
    delay = {"kind": "delay", "asset": "WETH", "mean_seconds": 60.0}
    extra = np.sort(age_of(faulty(delay, duration_hours=8_000, step_seconds=3_600)) - 60)
    n = len(extra)
    law = 1 - np.exp(-extra / 60)
    ranks = np.arange(n + 1) / n
    distance = max(np.abs(ranks[1:] - law).max(), np.abs(ranks[:-1] - law).max())
    assert sqrt(n) * distance < 1.95


def test_what_is_seen_never_goes_back_in_time() -> None:
    """And the age falls back to the latency when the window is over."""
    window = {"from": at(3_600), "until": at(7_200)}
    delay = {"kind": "delay", "asset": "WETH", "mean_seconds": 900, **window}
    age = age_of(faulty(delay))
    times = np.arange(len(age)) * 300
    assert (np.diff(times - age) >= 0).all()
    inside = (times >= 3_600) & (times < 7_200)
    assert (age[~inside] == 60).all()
    assert (age[inside] >= 60).all() and age[inside].max() > 300
    assert (np.diff(age) <= 300).all()


def test_delays_depend_on_seed_and_asset_only() -> None:
    """Another fault elsewhere changes nothing; the book of the seed stays what it was."""
    delay = {"kind": "delay", "asset": "WETH", "mean_seconds": 600}
    alone, other = faulty(delay), {**delay, "asset": "WBTC"}
    both = faulty(other, delay)
    assert (age_of(alone) == age_of(both)).all()
    assert (age_of(alone) != age_of(both, "WBTC")).any()
    assert (age_of(alone) != age_of(faulty(delay, seed=7))).any()
    small = {"book.accounts": 20, "book.total_debt_usd": 2e6, "duration_hours": 1}
    books = [build(faulty(*faults, **small)).book for faults in ([], [delay])]
    assert (books[0].debt == books[1].debt).all()
    assert (books[0].collateral == books[1].collateral).all()


def test_gas_delay_is_exact() -> None:
    """2 s for every gwei above 100; the age grows no faster than time passes."""
    slow = {"kind": "gas-delay", "asset": "WETH", "above_gwei": 100, "seconds_per_gwei": 2.0}
    assert (age_of(faulty(slow, gas_price_gwei=150.0)) == 60 + 100).all()
    assert (age_of(faulty(slow, gas_price_gwei=99.0)) == 60).all()
    # Log-linear from 100 to 200 gwei in an hour: slow enough for the formula itself.
    rising = [{"at": START, "value": 100.0}, {"at": at(3_600), "value": 200.0}]
    age = age_of(faulty(slow, gas_price_gwei=rising, duration_hours=1))
    gwei = 100 * 2 ** (np.arange(13) / 12)
    assert age == pytest.approx(60 + 2 * (gwei - 100), abs=1e-9)
    # From 100 to 10,000 gwei within a step: the observation of its beginning stays in force.
    jump = [{"at": at(3_000), "value": 100.0}, {"at": at(3_300), "value": 10_000.0}]
    age = age_of(faulty(slow, gas_price_gwei=jump))
    assert age[10:20].tolist() == [60 + 300 * k for k in range(10)]


def test_delays_add_up() -> None:
    """Constant gas: the gas delay shifts what the sampled one gives."""
    delay = {"kind": "delay", "asset": "WETH", "mean_seconds": 600}
    slow = {"kind": "gas-delay", "asset": "WETH", "above_gwei": 100, "seconds_per_gwei": 2.0}
    alone, both = (age_of(faulty(*some, gas_price_gwei=150.0)) for some in ([delay], [delay, slow]))
    assert both == pytest.approx(alone + 100, abs=1e-6)


def test_the_named_path_and_drawn_paths_are_seen_at_the_same_ages() -> None:
    """The named path, taken as a drawn one: both are log-linear between its waypoints, which lie on
    rows here. A unit of difference: one table rounds its prices before it interpolates.
    """
    delay = {"kind": "delay", "asset": "WETH", "mean_seconds": 700, "from": at(600)}
    slow = {"kind": "gas-delay", "asset": "WBTC", "above_gwei": 20, "seconds_per_gwei": 3.0}
    scenario = faulty(delay, slow)
    exact = observed_table(scenario).astype(float)
    drawn = observed(scenario, price_table(scenario).astype(float))
    # 00:00 is the first waypoint: before it both are flat.
    assert np.abs(exact - drawn).max() <= 1
    late = price_table(scenario).astype(float)
    assert (np.abs(exact[:, :2] - late[:, :2]) > 1e-3 * USD).any(axis=0).all()


def test_a_delayed_price_is_the_price_of_that_time() -> None:
    """On a path that doubles every hour the age can be read off the price."""
    level = [{"at": START, "value": 100.0}, {"at": at(43_200), "value": 100.0 * 2**12}]
    delay = {"kind": "delay", "asset": "WETH", "mean_seconds": 700}
    scenario = faulty(delay, **{"assets.WETH.price_usd": level})
    seen = observed_table(scenario)[:, 0].astype(float) / USD
    times = np.arange(len(seen)) * 300 - age_of(scenario)
    assert seen == pytest.approx(100 * 2 ** (np.maximum(times, 0) / 3_600), rel=1e-9)


# --- the other columns ------------------------------------------------------------------------


def rows_of(column: np.ndarray) -> list[int]:
    return np.flatnonzero(column).tolist()


def test_windows_hold_from_and_not_until() -> None:
    """Rows of 300 s: [900, 1800) is 3, 4, 5; without until the last row is in."""
    window = {"from": at(900), "until": at(1_800)}
    scenario = faulty(
        {"kind": "outage", "asset": "WETH", **window},
        {"kind": "outage", "asset": "DAI", "from": at(43_200 - 300)},
        {"kind": "outage", "asset": "USDC", "until": at(301)},
        {"kind": "sequencer-down", **window},
        {"kind": "sequencer-down", "from": at(3_000), "until": at(3_001)},
    )
    table = fault_table(scenario)
    assert [rows_of(table[:, i, SILENT]) for i in range(4)] == [
        [3, 4, 5],
        [],
        [0, 1],
        [143, 144],
    ]
    assert rows_of(halted_table(scenario)) == [3, 4, 5, 10]
    assert halted_table(scenario).dtype == np.int64


def test_the_grace_period_begins_where_the_outage_ends() -> None:
    """[900, 1800) is rows 3 to 5 and [1800, 3000) is 6 to 9; another outage in it goes first, and
    what has no grace period has none.
    """
    first = {"kind": "sequencer-down", "from": at(900), "until": at(1_800), "grace_seconds": 1_200}
    second = {"kind": "sequencer-down", "from": at(2_400), "until": at(2_700)}
    table = halted_table(faulty(first))
    assert (rows_of(table == HALTED), rows_of(table == GRACE)) == ([3, 4, 5], [6, 7, 8, 9])
    table = halted_table(faulty(first, second))
    assert (rows_of(table == HALTED), rows_of(table == GRACE)) == ([3, 4, 5, 8], [6, 7, 9])
    late = {"kind": "sequencer-down", "until": at(43_200 - 300), "grace_seconds": 86_400}
    assert rows_of(halted_table(faulty(late)) == GRACE) == [143, 144]


def test_factors_are_the_decimals_as_written_and_multiply() -> None:
    table = fault_table(
        faulty(
            {"kind": "wrong-answer", "asset": "WETH", "factor": 1.65e6},
            {"kind": "wrong-answer", "asset": "WBTC", "factor": 0.1},
            {"kind": "wrong-decimals", "asset": "WETH", "digits": -2, "from": at(600)},
            {"kind": "wrong-decimals", "asset": "DAI", "digits": 10},
        )
    )
    factor = table[:, :, ANSWER_FACTOR]
    assert factor[1].tolist() == [1_650_000 * WAD, WAD // 10, WAD, 10**10 * WAD]
    assert factor[2].tolist() == [16_500 * WAD, WAD // 10, WAD, 10**10 * WAD]


def test_a_factor_may_have_waypoints() -> None:
    """Log-linear from 1 to .25 within two hours: half after one."""
    factor = [{"at": START, "value": 1.0}, {"at": at(7_200), "value": 0.25}]
    table = fault_table(faulty({"kind": "wrong-answer", "asset": "WETH", "factor": factor}))
    found = table[[0, 12, 24, 30], 0, ANSWER_FACTOR].astype(float) / WAD
    assert found == pytest.approx([1, 0.5, 0.25, 0.25], rel=1e-12)


def test_a_spike_peaks_in_the_middle() -> None:
    """1.3 at half of the window, its square root at a quarter and three quarters, 1 at the ends."""
    window = {"from": at(3_600), "until": at(3_600 + 2_400)}
    table = fault_table(faulty({"kind": "spike", "asset": "DAI", "peak_factor": 1.3, **window}))
    found = table[[11, 12, 14, 16, 18, 20], 3, ANSWER_FACTOR].astype(float) / WAD
    assert found == pytest.approx([1, 1, sqrt(1.3), 1.3, sqrt(1.3), 1], rel=1e-12)
    assert found[3] == max(table[:, 3, ANSWER_FACTOR]) / WAD


def test_a_cap_grows_linearly_from_its_beginning() -> None:
    """900 bps a year: after 6 hours 1.1939 (1 + .09 x 6 h / year)."""
    begin = {"from": at(3_600)}
    cap = {"kind": "rate-cap", "asset": "WBTC", "of": "WETH", "ratio": 1.1939}
    table = fault_table(faulty({**cap, "growth_bps_per_year": 900, **begin}))
    assert (table[:12, 1, CAP_OF] == -1).all() and (table[12:, 1, CAP_OF] == 0).all()
    assert table[12, 1, ANSWER_CAP] == 1_193_900_000_000_000_000
    expected = Fraction(11_939, 10_000) * (1 + Fraction(9, 100) * 21_600 / YEAR)
    assert float(table[84, 1, ANSWER_CAP]) / WAD == pytest.approx(float(expected), rel=1e-15)
    fixed = fault_table(faulty(cap))
    assert set(fixed[:, 1, ANSWER_CAP]) == {1_193_900_000_000_000_000}


def test_a_feed_finds_its_venue_in_either_order() -> None:
    pairs = [venue.assets for venue in load("black-thursday").venues]
    for n, (one, other) in enumerate(pairs):
        read = {"kind": "venue", "asset": one, "venue": [other, one], "from": at(600)}
        scenario = faulty(read)
        column = fault_table(scenario)[:, scenario.symbols.index(one), READS_VENUE]
        assert column[:2].tolist() == [-1, -1] and set(column[2:]) == {n}
