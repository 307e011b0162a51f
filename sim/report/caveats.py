"""What a run is conditional on and does not show: what binds it, what cannot react in it, that no
price recovers. One line each: before a run, below its tables, on pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from sim.market.binding import OFF
from sim.measures.binding import (
    OFF_SECONDS,
    coarse,
    falls_beyond_bonus,
    pools_off,
    run_out,
    unmoved_supply,
    without_venue,
)
from sim.measures.borrowers import scenario_of
from sim.measures.parties import lost_units
from sim.report.text import clock, counted, listed, span
from sim.schema.kinds import assumed
from sim.tape import Frames

_COARSE = 6
"""Decimals below which it is said."""


def of_scenario(scenario: Mapping[str, Any]) -> list[str]:
    """What is known before anything runs; `scenario` as JSON says it."""
    return [*_of_any(scenario), *_long_steps(scenario)]


def _of_any(scenario: Mapping[str, Any]) -> list[str]:
    """What is known before, but for the steps: of them a run says more."""
    lines = [*assumed(scenario), *_few_decimals(scenario), *_outages(scenario), *_bridges(scenario)]
    if scenario["hold_at_low"]:
        lines.append("No rebound: what falls stays at its lowest level from then on (hold_at_low).")
    if alone := without_venue(scenario):
        lines.append(
            f"No venue trades {listed(alone)}: what is seized of it cannot be sold, what is owed "
            "in it not bought."
        )
    if unmoved := unmoved_supply(scenario):
        lines.append(
            f"Supply of {listed(unmoved)} never reacts: its suppliers stay, whatever rate, usage "
            "and loss are (withdrawals, rate_response)."
        )
    return lines


def _few_decimals(scenario: Mapping[str, Any]) -> Iterator[str]:
    """Tokens so few of whose units make a dollar that amounts round visibly."""
    for symbol, asset in scenario["assets"].items():
        if asset["decimals"] < _COARSE:
            decimals = counted(asset["decimals"], "decimal")
            yield f"{symbol} has {decimals}: amounts are whole units of it."


def _outages(scenario: Mapping[str, Any]) -> Iterator[str]:
    """When the sequencer is down, and how long nobody is judged after it."""
    for fault in scenario["feeds"]["faults"]:
        if fault["kind"] == "sequencer-down":
            since, until = fault["from"] or scenario["start"], fault["until"]
            grace = fault.get("grace_seconds", 0)  # older versions had none
            waits = f"; for {span(grace)} more nobody borrows, flags or liquidates (grace_seconds)"
            yield (
                f"The sequencer is down from {_minute(since)} to "
                f"{f'{_minute(until)} UTC' if until else 'the end'}{waits if grace else ''}. "
                "Interest accrues and auctions run on."
            )


def _bridges(scenario: Mapping[str, Any]) -> Iterator[str]:
    """What tokens of other chains stand for, and that nobody tops up with them at once."""
    for symbol, one in scenario.get("bridges", {}).items():  # older versions had none
        of, lag = one["of"], one["lag_seconds"]
        takes = f"messages take {span(lag)}" if lag else "messages take no time"
        mean = " in the mean" if one["lag_sd_log"] else ""
        yield (
            f"{symbol} is {of} of another chain, at its price x what backs it: sales of {symbol} "
            f"leave {of} where it is. Who tops up has his {symbol} there, and {takes}{mean}."
        )


def _minute(time: str) -> str:
    return f"{datetime.fromisoformat(time.replace('Z', '+00:00')):%Y-%m-%d %H:%M}"


def of_run(tape: Frames) -> list[str]:
    """The same and what the run showed."""
    scenario = scenario_of(tape)
    lines = [*_of_any(scenario), *_long_steps(scenario, falls_beyond_bonus(tape))]
    if lost := {asset: units for asset, units in lost_units(tape).items() if any(units)}:
        of_each = [f"{end:,} units of {asset}" for asset, (_, end) in lost.items()]
        lines.append(f"The books do not add up: nobody holds {listed(of_each)}. Please report it.")
    if out := run_out(tape):
        worst = max(out, key=lambda one: one.hours)
        lines.append(
            f"Arbitrageurs ran out of {listed([one.asset for one in out])}: for "
            f"{worst.hours:.1f} hours in all of {worst.asset}, first at {clock(worst.since)} "
            "(arbitrage.capital_usd)."
        )
    if off := pools_off(tape):
        lines.append(
            f"More than {OFF:.0%} off its reference price for an hour or longer: "
            f"{listed([one.pair for one in off])}; longest {off[0].pair}, {off[0].hours:.1f} hours "
            f"from {clock(off[0].since)}, {off[0].largest:+.1%} at the most."
        )
    return lines


def _long_steps(scenario: Mapping[str, Any], more: Sequence[str] = ()) -> list[str]:
    """That losses depend on the length of the steps, and why."""
    if reasons := [*coarse(scenario), *more]:
        seconds = scenario["step_seconds"]
        return [
            f"Steps of {seconds} s are long: {listed(reasons)}; losses depend on them "
            "(step_seconds)."
        ]
    return []


def of_paths(outcomes: pd.DataFrame, step_seconds: int) -> list[str]:
    """What bound the market on the paths of a sweep; a sweep of before it was kept says nothing."""
    if "steps_run_out" not in outcomes:
        return []
    hours = outcomes[["steps_run_out", "steps_pool_off"]] * step_seconds / 3_600
    without, off = hours["steps_run_out"], hours["steps_pool_off"]
    long = off[off >= OFF_SECONDS / 3_600]
    lines = []
    if (without > 0).any():
        lines.append(
            f"Arbitrageurs ran out of a token on {(without > 0).sum():,} of {len(hours):,} paths, "
            f"for {without[without > 0].mean():.1f} hours of each in the mean "
            "(arbitrage.capital_usd)."
        )
    if len(long):
        lines.append(
            f"Some pool was more than {OFF:.0%} off its reference price for an hour or longer in "
            f"all on {len(long):,} of {len(hours):,} paths, {long.mean():.1f} hours of each in "
            "the mean."
        )
    return lines
