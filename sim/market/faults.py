"""What feeds make of prices, and what goes wrong with them, as tables made before the run: how old
what they see is, where else an answer comes from, and when nobody gets a transaction in.

Rows are steps, at start + k step seconds; a fault holds in the rows from <= t < until.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sim.market.feed_sources import rates, rounds
from sim.market.levels import on_grid, to_price_units
from sim.market.market import (
    ANSWER_CAP,
    ANSWER_FACTOR,
    ANSWER_FLOOR,
    CAP_OF,
    FAULT,
    GRACE,
    HALTED,
    RATE,
    RATE_OF,
    READS_VENUE,
    REPLAYED,
    SILENT,
)
from sim.protocol.fixed_point import YEAR
from sim.protocol.units import BPS
from sim.scenario import Scenario
from sim.schema.faults import (
    AssetFault,
    Delay,
    Floor,
    GasDelay,
    Outage,
    RateCap,
    SequencerDown,
    Spike,
    VenuePrice,
    Window,
    WrongAnswer,
    WrongDecimals,
)
from sim.schema.venues import place_of
from sim.schema.wads import WAD, wads

Floats = npt.NDArray[np.float64]
F = TypeVar("F", bound=AssetFault)

_DELAYS = 30  # first word of the spawn key: 0 is the borrower book's, 1 and 2 the paths'


def ages(scenario: Scenario, symbol: str) -> int | Floats:
    """How old the price is that the asset's feed sees, in seconds: its latency, or per row.

        age(t_k) = t_k - max_{j <= k} (t_j - latency - E_j - G_j)

    with E_j exponential of the delay's mean, independent per row, from the seed (the same on every
    path), and G_j the gas delay, seconds_per_gwei max(gas price - above_gwei, 0). Each report takes
    its own time; one that arrives after a later one is not used, so what a feed sees never goes
    back in time. With step s and mean m (and no gas delay) in force for long,

        P(age - latency > x) = prod_{j >= 0} exp(-max(x - j s, 0) / m),

    which is less than m on average where steps are short.
    """
    latency = scenario.feeds[symbol].latency_seconds
    delays, gas_delays = _of(scenario, symbol, Delay), _of(scenario, symbol, GasDelay)
    if not delays and not gas_delays:
        return latency
    times = _times(scenario)
    taken = np.full(times.shape, float(latency))
    column = scenario.symbols.index(symbol)
    sequence = np.random.SeedSequence(scenario.seed, spawn_key=(_DELAYS, column))
    drawn = np.random.default_rng(sequence).standard_exponential(len(times))
    gas = on_grid(scenario, scenario.gas_price_gwei)
    for delay in delays:
        taken += np.where(_holds(scenario, delay), delay.mean_seconds * drawn, 0.0)
    for dear in gas_delays:
        extra = dear.seconds_per_gwei * np.maximum(gas - dear.above_gwei, 0.0)
        taken += np.where(_holds(scenario, dear), extra, 0.0)
    return times - np.maximum.accumulate(times - taken)


def fault_table(scenario: Scenario) -> npt.NDArray[np.object_]:
    """Per step and asset the columns FAULT of `sim.market.market`, (steps + 1, assets, FAULT); no
    rows at all if every answer is the price seen.
    """
    other = any(
        isinstance(fault, AssetFault) and not isinstance(fault, Delay | GasDelay)
        for fault in scenario.feeds.faults
    ) or any(feed.rate_of or feed.replay for _, feed in scenario.feeds.items())
    rows = scenario.steps + 1 if other else 0
    table = np.zeros((rows, len(scenario.symbols), len(FAULT)), dtype=object)
    if not other:
        return table
    table[:, :, ANSWER_FACTOR] = WAD
    table[:, :, [RATE_OF, READS_VENUE, CAP_OF]] = -1
    for i, symbol in enumerate(scenario.symbols):
        column, feed = table[:, i], scenario.feeds[symbol]
        if feed.replay:
            column[:, REPLAYED], arrives = rounds(scenario, symbol)
            column[~arrives, SILENT] = 1
        if feed.rate_of:
            column[:, RATE_OF] = scenario.symbols.index(feed.rate_of)
            column[:, RATE] = rates(scenario, symbol)
        for outage in _of(scenario, symbol, Outage):
            column[_holds(scenario, outage), SILENT] = 1
        for read in _of(scenario, symbol, VenuePrice):
            place = place_of(scenario.venues, read.venue, read.venue_name)
            column[_holds(scenario, read), READS_VENUE] = place
        for floor in _of(scenario, symbol, Floor):
            column[_holds(scenario, floor), ANSWER_FLOOR] = to_price_units([floor.answer_usd])[0]
        for cap in _of(scenario, symbol, RateCap):
            holds = _holds(scenario, cap)
            column[holds, CAP_OF] = scenario.symbols.index(cap.of)
            column[holds, ANSWER_CAP] = wads(_highest_rate(scenario, cap)[holds])
        _multiply(scenario, symbol, column)
    return table


def halted_table(scenario: Scenario) -> npt.NDArray[np.int64]:
    """HALTED in the steps in which no transaction is included, GRACE in those of the grace period
    after them, until <= t < until + grace, otherwise 0, (steps + 1,); empty if there are none.
    """
    halts = [fault for fault in scenario.feeds.faults if isinstance(fault, SequencerDown)]
    if not halts:
        return np.zeros(0, dtype=np.int64)
    times, table = _times(scenario), np.zeros(scenario.steps + 1, dtype=np.int64)
    for halt in halts:
        _, end = _seconds(scenario, halt)
        table[(end <= times) & (times < end + halt.grace_seconds)] = GRACE
    for halt in halts:
        table[_holds(scenario, halt)] = HALTED
    return table


def _multiply(scenario: Scenario, symbol: str, column: npt.NDArray[np.object_]) -> None:
    """Multiply the factors of one asset, (steps + 1, FAULT), by those of its faults."""
    one = WAD
    for wrong in _of(scenario, symbol, WrongAnswer):
        rows = _holds(scenario, wrong)
        factors = wads(on_grid(scenario, wrong.factor)[rows])
        column[rows, ANSWER_FACTOR] = column[rows, ANSWER_FACTOR] * factors // one
    for spike in _of(scenario, symbol, Spike):
        rows = _holds(scenario, spike)
        factors = wads(_spike(scenario, spike)[rows])
        column[rows, ANSWER_FACTOR] = column[rows, ANSWER_FACTOR] * factors // one
    for moved in _of(scenario, symbol, WrongDecimals):
        rows = _holds(scenario, moved)
        up, down = 10 ** max(moved.digits, 0), 10 ** max(-moved.digits, 0)
        column[rows, ANSWER_FACTOR] = column[rows, ANSWER_FACTOR] * up // down


def _spike(scenario: Scenario, spike: Spike) -> Floats:
    """peak^(1 - |2u - 1|), with u the share of the window that is over, (steps + 1,)."""
    begin, end = _seconds(scenario, spike)
    share = np.clip((_times(scenario) - begin) / (end - begin), 0.0, 1.0)
    factors: Floats = spike.peak_factor ** (1 - np.abs(2 * share - 1))
    return factors


def _highest_rate(scenario: Scenario, cap: RateCap) -> Floats:
    """ratio (1 + growth (t - from) / year), (steps + 1,)."""
    begin, _ = _seconds(scenario, cap)
    years = (_times(scenario) - begin) / YEAR
    return cap.ratio * (1 + cap.growth_bps_per_year / BPS * years)


def _of(scenario: Scenario, symbol: str, kind: type[F]) -> list[F]:
    return [
        fault
        for fault in scenario.feeds.faults
        if isinstance(fault, kind) and fault.asset == symbol
    ]


def _times(scenario: Scenario) -> Floats:
    return np.arange(scenario.steps + 1.0) * scenario.step_seconds


def _seconds(scenario: Scenario, fault: Window) -> tuple[float, float]:
    """When the fault begins and ends, in seconds after the start."""
    second = timedelta(seconds=1)
    begin = (fault.from_ - scenario.start) / second if fault.from_ else 0.0
    end = (fault.until - scenario.start) / second if fault.until else float(_times(scenario)[-1])
    return begin, end


def _holds(scenario: Scenario, fault: Window) -> npt.NDArray[np.bool_]:
    """The rows in which a fault holds, (steps + 1,); the last one too unless `until` is named."""
    begin, end = _seconds(scenario, fault)
    times = _times(scenario)
    holds: npt.NDArray[np.bool_] = (begin <= times) & (
        times < end if fault.until else np.full(times.shape, True)
    )
    return holds
