"""Where the answers of a feed come from, if not from the price of its asset.

rate      rate(t) x the answer of another asset's feed: what an adapter for a staked token does.
          A discount on the market does not move it. The rate counts at once and without
          latency, up to a cap on its growth, as price caps of deployed protocols have it:

              rate(t) <= rate(0) (1 + growth t / year)

replay    recorded rounds, each in the first step at or after its time, whatever the market
          does; before the first of them inside the run the one before it
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.market.history import reading
from sim.market.levels import on_grid, to_price_units
from sim.market.price_files.columns import CANDLE
from sim.market.price_files.reading import utc
from sim.protocol.fixed_point import YEAR
from sim.protocol.units import BPS
from sim.scenario import Scenario, ScenarioError
from sim.schema.price_file import PriceFile
from sim.schema.problems import Problem
from sim.schema.wads import WAD, wads

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.object_]


def rates(scenario: Scenario, symbol: str) -> Integers:
    """The rate of the feed of `symbol`, of which it has one, in WAD, (steps + 1,)."""
    feed = scenario.feeds[symbol]
    assert feed.rate is not None  # `Feed` has seen to it
    rate = on_grid(scenario, feed.rate)
    growth = feed.rate_growth_cap_bps_per_year
    if growth is not None:
        years = np.arange(scenario.steps + 1.0) * scenario.step_seconds / YEAR
        rate = np.minimum(rate, rate[0] * (1 + growth / BPS * years))
    return wads(rate)


def rounds(scenario: Scenario, symbol: str) -> tuple[Integers, npt.NDArray[np.bool_]]:
    """(the last recorded answer at the start and at each step, in price units; in which steps one
    arrives), (steps + 1,) each, of a feed that is replayed.

    Raises ScenarioError if the rounds do not reach from the start to a heartbeat before the end, or
    are one and a half heartbeats apart and nobody said that they may be.
    """
    feed = scenario.feeds[symbol]
    assert feed.replay is not None
    gap = feed.replay.max_gap_seconds or feed.heartbeat_seconds * 3 // 2
    known, answers = _recorded(feed.replay.model_copy(update={"max_gap_seconds": gap}))
    start = scenario.start.timestamp()
    at = start + np.arange(scenario.steps + 1.0) * scenario.step_seconds
    if known[0] > start or known[-1] < at[-1] - feed.heartbeat_seconds:
        problem = f"covers {utc(known[0])} to {utc(known[-1])}"
        remedy = f"rounds from {utc(start)} or before to a heartbeat before {utc(at[-1])}, or later"
        raise ScenarioError(feed.replay.file, [Problem("(file)", problem, remedy)])
    last = np.searchsorted(known, at, side="right") - 1
    return to_price_units(answers[last]), np.diff(last, prepend=last[0]) > 0


def answers_at_start(scenario: Scenario, prices: Sequence[int]) -> list[int]:
    """What all feeds answer when a run starts at these reference prices, in price units."""
    answers, feeds = list(prices), dict(scenario.feeds.items())
    for i, symbol in enumerate(scenario.symbols):
        if feeds[symbol].replay is not None:
            answers[i] = rounds(scenario, symbol)[0][0]
    for i, symbol in enumerate(scenario.symbols):
        if (base := feeds[symbol].rate_of) is not None:
            answer, rate = answers[scenario.symbols.index(base)], rates(scenario, symbol)[0]
            answers[i] = max((2 * answer * rate + WAD) // (2 * WAD), 1)
    return answers


def _recorded(file: PriceFile) -> tuple[Floats, Floats]:
    read = reading(file)
    if read.names == CANDLE:
        problem = Problem("(file)", "are candles, not the answers of a feed", "name one as column")
        raise ScenarioError(file.file, [problem])
    return read.times, read.prices[:, 0]
