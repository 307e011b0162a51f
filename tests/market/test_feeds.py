"""Feeds in the loop: when they report, what they answer when something is wrong, and how the model
compares with measured Chainlink feeds.
"""

from __future__ import annotations

import csv
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from math import exp, floor, log, pi, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from sim.market import feeds
from sim.market.market import FAULT, Feeds, Market
from sim.protocol import pair
from sim.protocol.errors import OK
from sim.protocol.state import ANSWER, UPDATED_AT, WALLET, empty
from sim.scenario import load, with_overrides
from sim.world import World, build

START = datetime(2020, 3, 12, tzinfo=timezone.utc)
REFERENCE = Path(__file__).parents[3] / "shared" / "data"
WETH, WBTC, USDC, DAI = range(4)
USD = 10**8


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def faulty(*faults: dict[str, Any], **changes: object) -> World:
    """12 hours in steps of 300 s with these faults, five accounts, constant prices of ETH and BTC,
    and no latency.
    """
    world = {
        "duration_hours": 12,
        "book.accounts": 5,
        "book.total_debt_usd": 1e5,
        "book.max_account_share": 1.0,
        "assets.WETH.price_usd": 200.0,
        "assets.WBTC.price_usd": 8_000.0,
        **{f"feeds.{symbol}.latency_seconds": 0 for symbol in ("WETH", "WBTC", "USDC", "DAI")},
        **changes,
        "feeds.faults": list(faults),
    }
    return build(with_overrides(load("black-thursday"), world))


class Report(NamedTuple):
    """A price posted, at seconds after the start, in price units."""

    seconds: int
    answer: int


def reports(world: World, i: int = WETH) -> list[Report]:
    """Run the feeds alone, step by step; what one of them posts."""
    s, w = world.state, world.market
    posted = []
    for k in range(1, world.scenario.steps + 1):
        s.clock[0] = w.time[k]
        s.journal_length[0] = 0
        feeds.report(s, w, k)
        if s.feed[0, i, UPDATED_AT] == w.time[k]:
            posted.append(Report(int(w.time[k] - w.time[0]), int(s.feed[0, i, ANSWER])))
    return posted


def answers(world: World, i: int) -> list[int]:
    """What the feed would answer at every step, posted or not."""
    steps = range(1, world.scenario.steps + 1)
    return [feeds.faulty_answer(world.state, world.market, k, i) for k in steps]


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def falling(to_usd: float, hours: float = 12) -> list[dict[str, Any]]:
    """From 200 USD, log-linear."""
    return [{"at": START, "value": 200.0}, {"at": at(hours * 3_600), "value": to_usd}]


# --- what it answers --------------------------------------------------------------------------


def test_a_stuck_floor_is_the_larger_of_price_and_floor() -> None:
    """LUNA, May 2022: the market falls to .01, the feed stops at its minAnswer .107."""
    fall = {
        "assets.WETH.price_usd": falling(0.01),
        "feeds.WETH.min_price_usd": 0.001,
        "feeds.WETH.deviation_bps": 1,
    }
    world = faulty({"kind": "floor", "asset": "WETH", "answer_usd": 0.107}, **fall)
    expected = [max(int(price), 10_700_000) for price in world.market.price[1:, WETH]]
    assert answers(world, WETH) == expected
    assert 10_700_000 in expected and expected[0] > 10_700_000 > world.market.price[-1, WETH]
    posted = reports(world)
    assert posted[-1].answer == 10_700_000
    # Stuck: it reports at heartbeats only.
    stuck = [report.seconds for report in posted if report.answer == 10_700_000]
    assert set(np.diff(stuck)) == {3_600}


@pytest.mark.parametrize(
    ("fault", "factor"),
    [
        ({"kind": "wrong-answer", "factor": 1.65e6}, Fraction(1_650_000)),
        ({"kind": "wrong-answer", "factor": 0.123}, Fraction(123, 1_000)),
        ({"kind": "wrong-decimals", "digits": -2}, Fraction(1, 100)),
        ({"kind": "wrong-decimals", "digits": 3}, Fraction(1_000)),
    ],
    ids=["too high", "too low", "two digits short", "three digits long"],
)
def test_wrong_answers_are_the_right_ones_times_the_factor(
    fault: dict[str, Any], factor: Fraction
) -> None:
    """Exactly, half rounded up; in the window and nowhere else."""
    window = {"from": at(3_600), "until": at(7_200)}
    world = faulty({**fault, "asset": "WETH", **window}, **{"assets.WETH.price_usd": falling(90)})
    for k, answer in enumerate(answers(world, WETH), start=1):
        right = int(world.market.feeds.observed[k, WETH])
        assert answer == (half_up(right * factor) if 12 <= k < 24 else right)


def test_a_spike_reaches_its_peak_and_returns() -> None:
    """DAI, November 2020: 1.30 on the only venue that was asked."""
    window = {"from": at(3_600), "until": at(7_200)}
    found = answers(faulty({"kind": "spike", "asset": "DAI", "peak_factor": 1.3, **window}), DAI)
    assert max(found) == found[17] == 130_000_000, "step 18: 01:30"
    assert found[14] == pytest.approx(USD * sqrt(1.3), abs=1)
    assert found[11] == found[23] == USD


def test_a_rate_cap_bounds_the_answer() -> None:
    """wstETH, March 2026: 1.1939 of ETH at most, while the market pays 1.228 and later 1.1."""
    price = [
        {"at": START, "value": 200 * 1.228},
        {"at": at(21_600), "value": 200 * 1.228},
        {"at": at(21_900), "value": 200 * 1.1},
    ]
    cap = {"kind": "rate-cap", "asset": "WBTC", "of": "WETH", "ratio": 1.1939}
    world = faulty({**cap, "from": at(600)}, **{"assets.WBTC.price_usd": price})
    found = answers(world, WBTC)
    capped = half_up(200 * USD * Fraction(11_939, 10_000))
    assert found[0] == round(245.6 * USD) and set(found[1:72]) == {capped}
    assert set(found[72:]) == {220 * USD}, "a rate below the cap is not touched"


def test_a_cap_protects_from_a_wrong_answer_and_a_floor_does_not() -> None:
    wrong = {"kind": "wrong-answer", "asset": "WBTC", "factor": 1.65e6}
    low = {"kind": "wrong-answer", "asset": "WETH", "factor": 1e-6}
    cap = {"kind": "rate-cap", "asset": "WBTC", "of": "WETH", "ratio": 41.0}
    under = {"kind": "floor", "asset": "WETH", "answer_usd": 150.0}
    world = faulty(wrong, low, cap, under)
    assert set(answers(world, WBTC)) == {41 * 200 * USD}
    assert set(answers(world, WETH)) == {150 * USD}


def test_a_feed_that_reads_a_pool_follows_whoever_trades_there() -> None:
    """Selling x of reserve R without fee: price (R / (R + x))^2 of before, at reserves read off
    the pool. The fee leaves a little more.
    """
    read = {"kind": "venue", "asset": "WBTC", "venue": ["WBTC", "USDC"]}
    world = faulty(read, **{"assets.USDC.price_usd": 0.5})
    s, w = world.state, world.market
    assert feeds.faulty_answer(s, w, 1, WBTC) == pytest.approx(8_000 * USD, abs=1)
    pool = [tuple(row) for row in s.pair_tokens.tolist()].index((WBTC, USDC))
    reserve = int(s.pair[pool, 0])
    s.holding[0, WBTC, WALLET] += reserve
    assert pair.swap_exact_in(s, 0, pool, 0, reserve, 0) == OK
    after = feeds.faulty_answer(s, w, 1, WBTC)
    btc, usdc = (Fraction(int(n)) for n in s.pair[pool, :2])
    assert after == half_up(Fraction(1, 2) * USD * (usdc / 10**6) / (btc / 10**8))
    assert after == pytest.approx(8_000 * USD / 4, rel=0.002)
    assert feeds.faulty_answer(s, w, 1, WETH) == 200 * USD


def test_answers_stay_within_what_the_contracts_accept() -> None:
    """1 unit to 2^64 - 1."""
    world = faulty(
        {"kind": "wrong-decimals", "asset": "USDC", "digits": -12},
        {"kind": "wrong-answer", "asset": "WBTC", "factor": 1e11},
    )
    assert set(answers(world, USDC)) == {1}
    assert set(answers(world, WBTC)) == {2**64 - 1}
    assert reports(world, USDC)[0].answer == 1


def test_a_wrong_answer_obeys_heartbeat_and_deviation() -> None:
    """.4% too high is below the threshold: seen at the next heartbeat only, and kept until the one
    after the window.
    """
    wrong = {"kind": "wrong-answer", "asset": "WETH", "factor": 1.004}
    found = reports(faulty({**wrong, "from": at(4_000), "until": at(9_000)}))
    assert found[:3] == [
        Report(3_600, 200 * USD),
        Report(7_200, 20_080_000_000),
        Report(10_800, 200 * USD),
    ]
    found = reports(faulty({**wrong, "factor": 1.006, "from": at(4_000), "until": at(9_000)}))
    assert [report.seconds for report in found[:4]] == [3_600, 4_200, 7_800, 9_000]


# --- statistics against measured feeds --------------------------------------------------------

# Chainlink ETH/USD, 5 April 2023 to 29 January 2024, 11,106 rounds.
MEASURED_VOLATILITY = 0.442
"""Per square root of a year: of log answers every six hours."""
MEASURED = {
    "heartbeat share": 0.438,
    "median early move": 0.00503,
    "p95 early move": 0.0068,
    "p99 early move": 0.0099,
    "largest early move": 0.0328,
    "rounds a day": 37.2,
}
BLOCK_SECONDS, DAYS, THRESHOLD, HEARTBEAT = 12, 120, 0.005, 3_600


@pytest.fixture(scope="module")
def modelled() -> list[Report]:
    """The feed on a driftless geometric Brownian motion of the measured volatility: 120 days in
    steps of one block.
    """
    steps = DAYS * 86_400 // BLOCK_SECONDS
    spread = MEASURED_VOLATILITY * sqrt(BLOCK_SECONDS / (365 * 86_400))
    noise = np.random.default_rng(20230405).standard_normal(steps)
    price = 1_900 * np.exp(np.concatenate([[0.0], np.cumsum(spread * noise - spread**2 / 2)]))
    s = empty([10**18], 1, [0], [0], 1, [], now=1, journal_capacity=8)
    unused = np.zeros(0)
    seen = Feeds(
        observed=np.rint(price * USD).astype(np.int64).astype(object)[:, None],
        fault=np.zeros((0, 1, len(FAULT)), dtype=object),
        halted=unused,
        heartbeat=np.array([HEARTBEAT]),
        deviation=np.array([50]),
    )
    w = Market(*(unused for _ in Market._fields))._replace(
        time=1 + np.arange(steps + 1) * BLOCK_SECONDS, feeds=seen
    )
    s.feed[0, 0, ANSWER], s.feed[0, 0, UPDATED_AT] = w.feeds.observed[0, 0], 1
    posted = [Report(0, int(w.feeds.observed[0, 0]))]
    for k in range(1, steps + 1):
        s.clock[0] = int(w.time[k])
        feeds.report(s, w, k)
        if s.journal_length[0]:
            s.journal_length[0] = 0
            posted.append(Report(k * BLOCK_SECONDS, int(s.feed[0, 0, ANSWER])))
    return posted


def survival(seconds: float, threshold: float, volatility: float) -> float:
    """P(a Brownian motion stays within -threshold..threshold), eigenfunction series."""
    variance = volatility**2 / (365 * 86_400) * seconds
    return sum(
        4
        / pi
        * (-1) ** n
        / (2 * n + 1)
        * exp(-((2 * n + 1) ** 2) * pi**2 * variance / (8 * threshold**2))
        for n in range(50)
    )


def gaps_and_moves(posted: list[Report]) -> tuple[np.ndarray, np.ndarray]:
    seconds, prices = np.array(posted, dtype=float).T
    return np.diff(seconds), np.abs(np.diff(prices)) / prices[:-1]


def test_modelled_feed_against_its_own_law(modelled: list[Report]) -> None:
    """Every round starts afresh at the last answer, so the share of heartbeats is the chance to
    stay within the threshold for an hour; the barrier moved by .5826 sigma sqrt(dt) for looks
    once a block (Broadie, Glasserman, Kou 1997). 4 standard errors of a share.
    """
    gaps, moves = gaps_and_moves(modelled)
    early = gaps < HEARTBEAT
    step = MEASURED_VOLATILITY * sqrt(BLOCK_SECONDS / (365 * 86_400))
    # The last look before the heartbeat is a block earlier.
    expected = survival(HEARTBEAT - BLOCK_SECONDS, THRESHOLD + 0.5826 * step, MEASURED_VOLATILITY)
    n = len(gaps)
    assert n > 3_000
    assert abs((~early).mean() - expected) < 4 * sqrt(expected * (1 - expected) / n)
    assert set(gaps[~early]) == {HEARTBEAT}
    assert (moves[early] >= THRESHOLD).all()
    overshoot = moves[early].mean() - THRESHOLD
    assert overshoot == pytest.approx(0.5826 * step, rel=0.05)


def test_modelled_feed_against_the_measured_one(modelled: list[Report]) -> None:
    """Near in the middle, off in the tails, and it is known why.

    * Share of heartbeat rounds within 3 points of 43.8%, but a sixth too few rounds a day.
    * Median early move .50% to .52%, measured .503%.
    * The model knows no early round without a trigger. A quarter of the measured early moves are
      below .11%, and 47% below .5%: part of the agreement above is these replacing others.
    * The model's moves end just above the threshold, because its path is continuous and its
      volatility constant: p99 below .6% where .99% was measured (.68% at p95), and never the 3.28%
      of 17 August 2023. Jumps of the reference price (`paths.jumps`, waypoints) bring those.
    * Its heartbeats are punctual, the measured ones 3602 +- 22 s: below the 300 s of a step.
    """
    gaps, moves = gaps_and_moves(modelled)
    early = gaps < HEARTBEAT
    assert (~early).mean() == pytest.approx(MEASURED["heartbeat share"], abs=0.03)
    rounds = len(gaps) / DAYS
    assert rounds / MEASURED["rounds a day"] == pytest.approx(5 / 6, abs=0.04)
    assert 0.0050 <= np.median(moves[early]) < 0.0052
    assert np.median(moves[early]) == pytest.approx(MEASURED["median early move"], rel=0.03)
    p95, p99 = np.quantile(moves[early], [0.95, 0.99])
    assert p95 < MEASURED["p95 early move"]
    assert p99 < 0.006 < MEASURED["p99 early move"]
    assert moves[early].max() < 0.01 < MEASURED["largest early move"]


def test_measured_figures_are_those_of_the_rounds() -> None:
    """Each to the digits quoted above."""
    file = REFERENCE / "chainlink_rounds_2022_2024.csv"
    if not file.exists():
        pytest.skip(f"reference data not available: ../shared/data/{file.name}")
    with file.open(newline="") as rows:
        found = sorted(
            (
                datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")).timestamp(),
                int(row["answer_raw"]) / 10 ** int(row["decimals"]),
            )
            for row in csv.DictReader(rows)
            if row["feed"] == "ETH/USD"
        )
    times, prices = np.array(found).T
    gaps, moves = np.diff(times), np.abs(np.diff(prices)) / prices[:-1]
    early = gaps < 3_492
    median, p95, p99, largest = np.quantile(moves[early], [0.5, 0.95, 0.99, 1])
    days = (times[-1] - times[0]) / 86_400
    assert {
        "heartbeat share": round((~early).mean(), 3),
        "median early move": round(median, 5),
        "p95 early move": round(p95, 4),
        "p99 early move": round(p99, 4),
        "largest early move": round(largest, 4),
        "rounds a day": round(len(times) / days, 1),
    } == MEASURED
    assert round(gaps[~early].mean()) == 3_602 and round(gaps[~early].std()) == 22
    assert np.quantile(moves[early], 0.25) < 0.0011
    assert (moves[early] < THRESHOLD).mean() == pytest.approx(0.47, abs=0.005)
    grid = np.arange(times[0], times[-1], 21_600)
    seen = np.log(prices[np.searchsorted(times, grid, "right") - 1])
    volatility = np.diff(seen).std() * sqrt(365 * 4)
    assert round(volatility, 3) == MEASURED_VOLATILITY


def test_one_round_can_move_by_more_than_twice_the_threshold() -> None:
    """The flash move of 17 August 2023 in minutes: the model, on the real answers log-linear in
    between, moves by more than 1% in a round, as the real feed did. It follows to the low.
    """
    waypoints = [(0, 1_705.06), (240, 1_671.436), (264, 1_653.16), (324, 1_632.63)]
    waypoints += [(360, 1_610.912), (420, 1_557.996), (480, 1_579.695)]
    level = [{"at": START, "value": 1_705.06}]
    level += [{"at": at(3_600 + seconds), "value": price} for seconds, price in waypoints]
    world = faulty(
        **{
            "assets.WETH.price_usd": level,
            "feeds.WETH.latency_seconds": 60,
            "step_seconds": 60,
            "duration_hours": 2,
        }
    )
    answered = [1_705.06, *(report.answer / USD for report in reports(world))]
    moves = np.abs(np.diff(np.log(answered)))
    assert min(answered) == pytest.approx(1_557.996, abs=1e-6)
    assert 0.01 < moves.max() < log(1_610.912 / 1_557.996) + 0.005
