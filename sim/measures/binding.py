"""What binds a run, or cannot react in it, without stopping it: figures that depend on it say so.

Of a scenario alone: an asset that no venue trades, suppliers who stay whatever happens. Of a tape:
arbitrageurs who ran out of a token, pools that stood off their reference price, a step too long for
what happened in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.agents.arbitrageurs import EMPTY, MOST_PARTS, PART
from sim.agents.start import ARBITRAGEURS
from sim.market.binding import OFF
from sim.measures.borrowers import scenario_of
from sim.protocol import operations as op
from sim.protocol.fixed_point import BPS
from sim.tape import Frames

OFF_SECONDS = 3_600
"""A pool that is off counts when it is for as long."""


class RunOut(NamedTuple):
    """A token that arbitrageurs ran out of."""

    asset: str
    hours: float
    """In all, without it."""
    since: datetime
    """The first time."""


class PoolOff(NamedTuple):
    """A pool that stood off its reference price."""

    pair: str
    hours: float
    """The longest time without a break."""
    since: datetime
    """Its beginning."""
    largest: float
    """The largest difference then, a share of the reference price with its sign."""


def without_venue(scenario: Mapping[str, Any]) -> list[str]:
    """The assets that no venue trades; `scenario` as JSON says it, as below."""
    traded = {symbol for venue in scenario["venues"] for symbol in venue["assets"]}
    return [symbol for symbol in scenario["assets"] if symbol not in traded]


def unmoved_supply(scenario: Mapping[str, Any]) -> list[str]:
    """The assets whose suppliers neither leave nor come, whatever rate, usage and loss are."""
    moved = set(scenario["withdrawals"]) | {
        symbol for symbol, one in scenario["rate_response"].items() if one["supply_per_point"]
    }
    return [
        symbol for symbol, usd in scenario["suppliers"].items() if usd > 0 and symbol not in moved
    ]


def coarse(scenario: Mapping[str, Any]) -> list[str]:
    """Why the step is long against what acts in a run, in words; nothing where it is not.

    Feeds and liquidators act at its end, half a step late in the mean; arbitrage and sales
    alternate within it, but so often only.
    """
    step, reasons = scenario["step_seconds"], []
    half_life = scenario["arbitrage"]["half_life_seconds"]
    if step > MOST_PARTS * PART * half_life and scenario["arbitrage"]["capital_usd"] > 0:
        reasons.append(f"arbitrage halves a gap in {half_life:g} s")
    for who, parts in (
        ("feeds report", [scenario["feeds"][symbol] for symbol in scenario["assets"]]),
        ("liquidators act", scenario["liquidators"]),
    ):
        times = [one["latency_seconds"] for one in parts]
        if quick := [seconds for seconds in times if 0 < 2 * seconds < step]:
            reasons.append(f"{who} within {min(quick)} s")
    return reasons


def falls_beyond_bonus(tape: Frames) -> list[str]:
    """A price that falls by more than the bonus from step to step, in words: it leaves nobody time
    to liquidate.
    """
    scenario = scenario_of(tape)
    prices = tape.assets.pivot(index="step", columns="asset", values="reference_price_usd")
    falls = 1 - (prices / prices.shift()).min()
    reserves = scenario["protocol"]["reserves"]
    beyond = falls - pd.Series({a: one["max_bonus_bps"] / BPS for a, one in reserves.items()})
    if (beyond > 0).any():
        asset = str(beyond.idxmax())
        return [f"{asset} falls by {falls[asset]:.1%} in one, more than its bonus"]
    return []


def run_out(tape: Frames) -> list[RunOut]:
    """The tokens that arbitrageurs ran out of, of those that a venue trades: their wallet is what
    they were given and what their swaps left of it.
    """
    scenario = scenario_of(tape)
    wallets = _arbitrageurs(tape, [venue["assets"] for venue in scenario["venues"]])
    found = []
    for asset, units in wallets.items():
        without = units <= EMPTY * units[0]
        without[0] = False  # who never had any is no one who ran out in the opening
        if without.any():
            since = tape.steps["time_utc"].iloc[int(without.argmax())]
            seconds = int(without.sum()) * scenario["step_seconds"]
            found.append(RunOut(asset, seconds / 3_600, since))
    return found


def pools_off(tape: Frames) -> list[PoolOff]:
    """The pools that were off their reference price for long, the one that was longest first."""
    assets = tape.assets.pivot(index="step", columns="asset", values="reference_price_usd")
    times, found = tape.steps["time_utc"], []
    for venue, rows in tape.venues.groupby("venue", sort=False):
        base, quote = str(rows["pair"].iloc[0]).split("/")
        reference = (assets[base] / assets[quote]).to_numpy()
        gap = rows["price_token1_per_token0"].to_numpy() / reference - 1
        spells = [
            ((times.iloc[last] - times.iloc[first]).total_seconds(), first, last)
            for first, last in _spells(np.abs(gap) > OFF)
        ]
        seconds, first, last = max(spells, default=(0.0, 0, 0))
        if seconds >= OFF_SECONDS:
            inside = gap[first : last + 1]
            largest = float(inside[np.abs(inside).argmax()])
            found.append(PoolOff(str(venue), seconds / 3_600, times.iloc[first], largest))
    return sorted(found, key=lambda one: -one.hours)


def _arbitrageurs(tape: Frames, pairs: list[list[str]]) -> dict[str, npt.NDArray[np.float64]]:
    """Units of every traded asset in their wallet after each step, (steps + 1,)."""
    did = tape.operations[tape.operations["actor"] == ARBITRAGEURS]
    done = did[did["verdict"] == "ok"]
    moved: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(tape.steps))
    for kind, step, asset, pair, side, amount, sold, got in zip(
        *(done[name] for name in ("kind", "step", "asset", "x", "y")),
        *(done[name] for name in ("amount", "result0", "result1")),
        strict=True,
    ):
        if kind == op.mint_token.declared.name:
            moved[asset][step] += int(amount)
        elif kind == op.swap_in.declared.name:
            moved[pairs[pair][side]][step] -= int(sold)
            moved[pairs[pair][1 - side]][step] += int(got)
    traded = dict.fromkeys(symbol for assets in pairs for symbol in assets)
    return {
        symbol: np.cumsum(np.array(moved[symbol], dtype=object)).astype(np.float64)
        for symbol in traded
    }


def _spells(true: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of trues."""
    edges = np.diff(np.concatenate([[0], true.astype(np.int8), [0]]))
    return list(
        zip(
            np.flatnonzero(edges == 1).tolist(),
            (np.flatnonzero(edges == -1) - 1).tolist(),
            strict=True,
        )
    )
