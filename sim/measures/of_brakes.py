"""The measures of brakes: what they refused, what an outflow limit kept from suppliers, and for how
long a guard let nobody liquidate who would have been.

A liquidation is held up from when a liquidator first would have taken of the account and found
that a pause, an open breaker or a grace period lets nobody, until somebody does, without a recovery
in between.
"""

from __future__ import annotations

from typing import Final

from sim.measures.activity import braked_hours, refused_by_brakes
from sim.measures.borrowers import scenario_of
from sim.measures.facts import Facts
from sim.measures.measure import Found, Measure, OfPaths, Place
from sim.schema.guard import Guard

_SWEEP: Final[frozenset[Place]] = frozenset({"losses"})


def _cool_off(run: Facts) -> list[int] | None:
    """Seconds of each vault's guard; None if no vault has one."""
    protocol = scenario_of(run.tape)["protocol"]
    guard = protocol.get("guard")  # older versions had none, nor vaults
    own = [vault.get("guard", {}) for vault in protocol.get("vaults", {}).values()] or [{}]
    if guard is None and not any(own):
        return None
    usual = (guard or Guard().model_dump())["cool_off_seconds"]
    return [changes.get("cool_off_seconds", usual) for changes in own]


def _braked_hours(run: Facts) -> Found:
    seconds = _cool_off(run)
    if seconds is None:
        return Found(None)
    number = refused_by_brakes(run.tape)
    return Found(braked_hours(run.tape, seconds), f"operations refused: {number:,}")


def _held_up(run: Facts) -> Found:
    if _cool_off(run) is None:
        return Found(None)
    longest = run.so_far("longest_held_up_seconds") / 60
    return Found(run.so_far("held_up"), f"longest: {longest:,.0f} min" if longest else "")


def _held_back(run: Facts) -> Found:
    limited = scenario_of(run.tape)["protocol"].get("outflow")  # older versions had none
    return Found(run.so_far("held_back_usd") if limited else None)


def _mean(run: Facts) -> Found:
    number = run.so_far("held_up")
    return Found(run.so_far("held_up_seconds") / number / 60 if number else None)


OF_BRAKES = (
    Measure(
        name="refused_by_brakes",
        title="operations refused by brakes",
        unit="number",
        table="files",
        meaning="by a pause, an open breaker, a grace period or an outflow limit",
        of_run=lambda run: refused_by_brakes(run.tape),
    ),
    Measure(
        name="braked_hours",
        title="hours of pauses and open breakers",
        unit="hours",
        digits=1,
        meaning="in which the vault's guard stopped something, of whatever asset",
        of_run=_braked_hours,
        of_paths=OfPaths(lambda paths: paths.sum("steps_braked") * (paths.step_seconds / 3_600)),
        places=_SWEEP,
        only_if_any=True,
    ),
    Measure(
        name="held_back_usd",
        title="withdrawals that the outflow limit held back",
        short="held back",
        unit="USD",
        meaning="refused to suppliers though there was cash, USD of the time",
        of_run=_held_back,
        of_paths=OfPaths(lambda paths: paths.sum("held_back")),
        places=_SWEEP,
        only_if_any=True,
    ),
    Measure(
        name="held_up",
        title="liquidations held up by the guard",
        short="held up",
        unit="number",
        meaning="of accounts that a pause, an open breaker or a grace period had let nobody "
        "liquidate before",
        of_run=_held_up,
        of_paths=OfPaths(lambda paths: paths.sum("held_up")),
        places=_SWEEP,
        only_if_any=True,
    ),
    Measure(
        name="mean_held_up_minutes",
        title="for how long, in the mean",
        unit="minutes",
        table="files",
        meaning="from when a liquidator would have taken of the account until one did",
        of_run=_mean,
    ),
    Measure(
        name="longest_held_up_minutes",
        title="longest that the guard held a liquidation up",
        short="longest held up",
        unit="minutes",
        table="files",
        meaning="of those that nobody had done at the end as well",
        of_run=lambda run: run.so_far("longest_held_up_seconds") / 60,
        of_paths=OfPaths(lambda paths: paths.sum("longest_held_up") / 60),
        places=_SWEEP,
        only_if_any=True,
    ),
)
