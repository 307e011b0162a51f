"""One path of a sweep on the real contracts: every operation, wei for wei, and what floats missed.

    float64, compiled   what the sweep ran           -> its outcome and its decisions
    integers, the twin  the same path, exact         -> outcome, decisions, final state
    a chain             every operation of the twin, storage compared both ways after each step

The first two differ by rounding, and this says by how much; the last two must not differ at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from sim.engines.baseline import settled
from sim.engines.by_name import follower
from sim.engines.compiled import Compiled, impact_of
from sim.engines.exact import run
from sim.engines.failures import LockstepError
from sim.engines.outcome import OPERATIONS, conclude, follow, names
from sim.engines.recorded import recorded, when_compared
from sim.market import lost_before
from sim.market.draws import Sampler
from sim.market.market import REPAID_VALUE
from sim.market.paths import draw, observed
from sim.protocol.state import DEFICIT_REPORTED, State
from sim.protocol.units import USD
from sim.questions.decisions import Comparison
from sim.tape import Tape
from sim.tape.exact_shortfall import shortfall
from sim.world import World, on_path

_SHARE, _DOLLAR = 1e-3, 1.0
"""Floats may be off by this share, or by so little: decisions among equals may differ, see
`sim.questions.decisions`; a world of other rules is further off."""

Watch = Callable[[int, float, float], None]
"""Told after every step: which, and USD repaid and lost until then."""


class Verification(NamedTuple):
    """What became of one path."""

    path: int
    engine: str
    steps: int
    """Steps done; all of them unless a difference was found."""
    operations: int
    """Executed on the chain and found equal, those of the opening included."""
    values_compared: int
    differences: int
    """Values in which chain and twin differ: 0, or the run ended there."""
    difference: str | None
    """The operation that caused them, and the values."""
    state_sha256: str
    """Of the exact state at the end, see `state_digest`."""
    on_floats: dict[str, float]
    """What the compiled run came to, see `sim.engines.outcome.names`."""
    exact: dict[str, float]
    """The same of the exact run; empty if a difference ended it."""
    decisions: Comparison
    tape: Tape | None
    """The exact run in full, if it was to be recorded."""

    @property
    def loss_on_floats_usd(self) -> float:
        """The loss of the compiled run."""
        return loss_usd_of(self.on_floats)

    @property
    def loss_usd(self) -> float:
        """The loss of the exact run."""
        return loss_usd_of(self.exact)

    @property
    def relative_error(self) -> float | None:
        """(loss on floats - exact loss) / exact loss; None where the exact loss is 0 but not the
        other, or the exact run did not end.
        """
        if not self.exact:
            return None
        return error_of(self.loss_on_floats_usd, self.loss_usd)

    @property
    def apart(self) -> str | None:
        """Where floats and integers are further apart than roundings explain; None if nowhere."""
        return apart(self.on_floats, self.exact) if self.exact else None


def error_of(on_floats: float, exact: float) -> float | None:
    """(on floats - exact) / exact; None where only the exact one is 0."""
    error = on_floats - exact
    return error / exact if exact else None if error else 0.0


def apart(on_floats: Mapping[str, float], exact: Mapping[str, float]) -> str | None:
    """Where outcomes (by name, in the units of OUTCOME) of one path on floats and on integers are
    further apart than roundings explain, in loss or in debt repaid; None if nowhere.
    """
    for what, a, b in (
        ("loss", loss_usd_of(on_floats), loss_usd_of(exact)),
        ("debt repaid by liquidators", on_floats["repaid"] / USD, exact["repaid"] / USD),
    ):
        if abs(a - b) > max(_DOLLAR, _SHARE * max(abs(a), abs(b))):
            return f"{what} is ${a:,.0f} on floats and ${b:,.0f} exactly"
    return None


def loss_usd_of(outcome: Mapping[str, float]) -> float:
    """The loss of an outcome by name, USD."""
    return outcome["loss"] / USD


def verify(
    world: World,
    sampler: Sampler,
    path: int,
    engine: str = "devnet",
    watch: Watch | None = None,
    record: bool = False,
) -> Verification:
    """Run path number `path` of the world's scenario on floats and, in lockstep with the chain of
    an engine of `sim.engines.by_name.ENGINES`, on integers.

    Raises `ChainError` if the chain does not start or fails, and what `draw` raises.
    """
    world, scenario = settled(world, impact_of), world.scenario
    prices = draw(scenario, sampler, path, 1)
    seen = observed(scenario, prices)
    compiled = Compiled(world, journal_rows=len(world.state.journal))
    on_floats = compiled.outcomes(prices, seen)[0]
    float_rows = compiled.journal(prices[0], seen[0])
    one = on_path(world, prices[0], seen[0])
    columns = names(world.symbols, list(scenario.protocol.vaults))
    outcome = np.full(len(columns), 0, dtype=object)
    decisions, compared, difference = Comparison(), [0], None
    tape = Tape(one, engine) if record else None
    with follower(engine, one) as chain:
        try:
            for k, rows, _ in recorded(one, tape, chain) if tape else run(one, chain):
                if k:
                    outcome[OPERATIONS] += len(rows)
                    follow(one.state, one.market, k, outcome)
                    decisions.step(k, next(float_rows), rows)
                when_compared(chain, partial(compared.append, k))
                if watch:
                    watch(k, *_so_far(one, k))
        except LockstepError as error:
            difference = error
        operations, values = (chain.operations, chain.values) if chain else (0, 0)
    digest = state_digest(one.state)
    if difference is None:
        conclude(one.state, one.market, scenario.steps, outcome)
    return Verification(
        path=path,
        engine=engine,
        steps=compared[-1],
        operations=operations,
        values_compared=values,
        differences=len(difference.differences) if difference else 0,
        difference=str(difference) if difference else None,
        state_sha256=digest,
        on_floats=dict(zip(columns, on_floats.tolist(), strict=True)),
        exact={} if difference else dict(zip(columns, map(float, outcome), strict=True)),
        decisions=decisions,
        tape=tape,
    )


def world_on(world: World, sampler: Sampler, path: int) -> World:
    """The world on the prices of path number `path`, as `verify` runs it."""
    prices = draw(world.scenario, sampler, path, 1)
    return on_path(settled(world, impact_of), prices[0], observed(world.scenario, prices)[0])


def state_digest(state: State) -> str:
    """SHA-256, in hex, of the protocol's state on integers: equal exactly for states that are.

    Field by field: name, shape and all numbers in decimal. Scratch space is no state.
    """
    digest = hashlib.sha256()
    for name, array in state._asdict().items():
        if name not in ("split", "result", "journal", "journal_length", "undo"):
            numbers = " ".join(str(int(number)) for number in array.ravel())
            digest.update(f"{name} {array.shape} {numbers}\n".encode())
    return digest.hexdigest()


def _so_far(world: World, k: int) -> tuple[float, float]:
    """USD repaid and lost up to step k."""
    s, w = world.state, world.market
    missing, lost = shortfall(s, w.price[k]).tokens, 0
    for i in range(s.unit.shape[0]):
        added = max(0, s.hub[i, DEFICIT_REPORTED] + missing[i] - lost_before.lost(w, i))
        lost += added * w.price[k, i] // s.unit[i]
    return w.tally[REPAID_VALUE] / USD, lost / USD
