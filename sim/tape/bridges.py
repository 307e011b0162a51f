"""What there is of tokens of other chains after a step, and what of their messages."""

from __future__ import annotations

from typing import Any

from sim.market.bridges import supply
from sim.market.market import (
    BACKING,
    DELIVERED,
    FORGED,
    MINTED,
    REFUSED,
    SENT,
    UNNOTICED,
)
from sim.world import World


def rows(world: World, k: int) -> list[dict[str, Any]]:
    """A row per token of another chain, of the tape's table `bridges`."""
    own, there = world.market.bridges, _elsewhere(world)
    found = []
    for b, i in enumerate(own.asset):
        ledger, now = own.ledger[b], supply(world.state, i)
        found.append(
            {
                "step": k,
                "asset": world.symbols[i],
                "supply": now,
                "backing": ledger[BACKING] if ledger[MINTED] else now,  # before the first step: all
                "unnoticed": ledger[UNNOTICED],
                "elsewhere": there[b],
                "messages_sent": int(ledger[SENT]),
                "messages_delivered": int(ledger[DELIVERED]),
                "messages_refused": int(ledger[REFUSED]),
                "forged": ledger[FORGED],
            }
        )
    return found


def _elsewhere(world: World) -> list[int]:
    """Units of each token that borrowers have on the other chain, or on the way."""
    own, people = world.market.bridges, world.market.actors.borrowers
    tops_up = [
        n for n, b in enumerate(people.habit) if world.scenario.borrowers[b].kind == "top-up"
    ]
    return [
        int(people.purse[tops_up, i].sum() + own.under_way[:, b].sum())
        for b, i in enumerate(own.asset)
    ]
