"""The recommended setting's worst paths on the real contracts, wei for wei.

Every path is run by `sim.questions.verification`: all operations executed on a chain in lockstep
with the twin, storage compared both ways after each step. What floats came to in the search itself,
in the process and the opening of that time, is held against the exact run of the same path.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from sim.books.borrowing import Amounts
from sim.engines.baseline import settled
from sim.engines.compiled import impact_of
from sim.engines.outcome import LOSS, OUTCOME
from sim.questions.verification import Verification, Watch, apart, error_of, loss_usd_of, verify
from sim.questions.work import world_of
from sim.tuning.objectives import Sample
from sim.tuning.preset import Setup
from sim.tuning.result import ChoiceName, Confirmation, Value
from sim.world import World, build
from sim.world.reference_market import with_impact


def worst(sample: Sample, count: int) -> list[tuple[int, int]]:
    """(scenario, number) of the paths that lose most over all scenarios, the worst first."""
    losses = np.stack([o[:, LOSS] for o in sample.outcomes])
    order = np.argsort(-losses, axis=None, kind="stable")[:count]
    where = zip(*np.unravel_index(order, losses.shape), strict=True)
    return [(int(i), sample.first + int(k)) for i, k in where]


def world_under(setup: Setup, scenario: int, values: Mapping[str, Value], book: int = 0) -> World:
    """The world of a scenario and one of its books under a setting, on integers."""
    seed = setup.book_seed(scenario, book)
    base = settled(world_of(setup.scenarios[scenario], seed), impact_of)
    debts = setup.preset.tuning.debts
    amounts = Amounts(base.scenario, base.book, list(base.market.price[0]), debts)
    under = setup.under(scenario, values)
    opened = build(under, seed, amounts.book_under(under))
    return opened._replace(market=with_impact(opened.market, base.market.reference.baseline_impact))


def verifications(
    setup: Setup,
    values: Mapping[str, Value],
    paths: list[tuple[int, int]],
    engine: str,
    watch: Callable[[int, int, int], Watch] | None = None,
) -> Iterator[Verification]:
    """Each path, on its book, on the chain; `watch(scenario, path, steps)` is asked for a watcher
    of each.
    """
    for i, k in paths:
        world = world_under(setup, i, values, setup.book_of(k))
        watcher = watch(i, k, world.scenario.steps) if watch else None
        yield verify(world, "mc", setup.first_path(i) + k, engine, watcher)


def confirmation(
    setup: Setup,
    choice: ChoiceName,
    paths: list[tuple[int, int]],
    found: list[Verification],
    sample: Sample,
    began: float,
) -> Confirmation:
    """What all of them came to, held against what the search saw of them in `sample`; `began` is
    when, by `time.monotonic`.
    """
    names = [one.name for one in setup.preset.scenarios]
    seen = [dict(zip(OUTCOME, sample.outcomes[i][k - sample.first], strict=True)) for i, k in paths]
    off = [
        f"path {one.path:,} of {names[i]}: {words}"
        for one, (i, _), on_floats in zip(found, paths, seen, strict=True)
        if one.exact and (words := apart(on_floats, one.exact))
    ]
    errors = [
        error_of(loss_usd_of(on_floats), one.loss_usd)
        for one, on_floats in zip(found, seen, strict=True)
        if one.exact
    ]
    states = hashlib.sha256("".join(one.state_sha256 for one in found).encode())
    return Confirmation(
        choice=choice,
        engine=found[0].engine,
        paths={
            name: tuple(setup.first_path(i) + k for i, k in paths if i == n)
            for n, name in enumerate(names)
            if any(i == n for i, _ in paths)
        },
        operations=sum(one.operations for one in found),
        values_compared=sum(one.values_compared for one in found),
        differing=sum(one.differences for one in found),
        state_hash=states.hexdigest(),
        seconds=time.monotonic() - began,
        apart=tuple(off),
        loss_error=_largest(errors),
    )


def _largest(errors: list[float | None]) -> float | None:
    """The one furthest from 0; None if one is unknown, or there is none."""
    known = [error for error in errors if error is not None]
    return max(known, key=abs, default=None) if len(known) == len(errors) else None
