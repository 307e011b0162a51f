"""A whole run keeps the books: tokens, shares, debts and losses, to the wei."""

from __future__ import annotations

from sim.engines.exact import run
from sim.protocol import operations as op
from sim.scenario import load, with_overrides
from sim.world import build
from tests.lockstep.invariants import check_state
from tests.simulation.runs import SMALL


def test_tokens_shares_debts_and_losses_are_conserved_at_every_step() -> None:
    """The state invariants hold at each hour of the crash, minted tokens included."""
    world = build(with_overrides(load("black-thursday"), SMALL))
    minted = [0] * len(world.symbols)
    for step in run(world):
        for row in step.rows:
            if row.kind == op.mint_token.kind:
                minted[row.x] += row.amount
        if step.k % 12 == 0:
            check_state(world.state, minted)


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    """Every row of the journal is equal."""

    def journal(seed: int) -> list[object]:
        world = build(with_overrides(load("black-thursday"), {**SMALL, "duration_hours": 12}), seed)
        return [row for step in run(world) for row in step.rows]

    assert journal(1) == journal(1)
    assert journal(1) != journal(2)
