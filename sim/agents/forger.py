"""A forger: has stolen the relayer's key, mints what the token of another chain lets him, for
deposits that never happened, and borrows against it all that he can, until somebody notices.

With a cap of C a window W apart he has minted, t seconds after the first, C (1 + t / W) at most. He
is never short of patience: step by step he mints what the bucket has room for again, supplies it as
far as the supply cap goes, and borrows what that is good for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sim.agents import relayer
from sim.agents.attacker import most_debt, room_to_supply
from sim.agents.start import Start, integers, owner
from sim.health.watchers import look_at
from sim.market.costs import value_of
from sim.market.market import FORGED_DEBT_VALUE, Market
from sim.protocol import bridge
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable
from sim.protocol.state import Array, State
from sim.protocol.vault_accounts import health
from sim.scenario import Scenario
from sim.schema.bridge import Forgery

NAME = "forger"

FORGER = ("actor", "account", "bridge", "target")
FORGER_ACTOR, FORGER_ACCOUNT, FORGED_BRIDGE, FORGER_TARGET = range(len(FORGER))


class Forger(NamedTuple):
    """What the forger knows; empty without one."""

    who: Array  # (FORGER,) int64; target: what he borrows
    times: Array  # (2,) from when, and until when: timestamps

    @classmethod
    def of(cls, start: Start) -> Forger:
        """Who forges what, and when."""
        scenario, found = start.scenario, forgery(start.scenario)
        if found is None:
            return cls(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=object))
        account, (symbol, plan) = start.own_account[NAME], found
        place, target = list(scenario.bridges).index(symbol), scenario.symbols.index(plan.borrow)
        at = int(plan.at.timestamp())
        return cls(
            who=np.array([owner(scenario, account), account, place, target], dtype=np.int64),
            times=integers([at, at + plan.noticed_seconds]),
        )


def forgery(scenario: Scenario) -> tuple[str, Forgery] | None:
    """Of which token there is one, and what it is like."""
    for symbol, one in scenario.bridges.items():
        if one.forgery:
            return symbol, one.forgery
    return None


def capital(scenario: Scenario) -> Mapping[str, float] | None:
    """He begins with nothing; None if there is none."""
    return {} if forgery(scenario) else None


def vault(scenario: Scenario) -> int:
    """The first that takes what he forges and lends what he borrows, if one does."""
    found = forgery(scenario)
    vaults = scenario.protocol.vaults.values()
    may = [found and v.takes(found[0]) and v.lends(found[1].borrow) for v in vaults]
    return may.index(True) if True in may else 0


@jitable
def act(s: State, w: Market, k: int, own: Forger) -> None:
    """Mint, supply and borrow what goes, as long as nobody has noticed."""
    if own.who.shape[0] == 0 or s.clock[0] < own.times[0] or s.clock[0] >= own.times[1]:
        return
    actor, a, b = own.who[FORGER_ACTOR], own.who[FORGER_ACCOUNT], own.who[FORGED_BRIDGE]
    i, target = w.bridges.asset[b], own.who[FORGER_TARGET]
    amount = bridge.mintable(s, i)
    if amount > 0:
        relayer.forge(s, w, b, actor, amount)
    pledged = room_to_supply(s, actor, a, i)
    if pledged > 0:
        op.supply(s, actor, a, i, pledged)
    borrowed = most_debt(s, a, target, health(s, a).weighted_limit)
    if borrowed > 0 and op.borrow(s, actor, a, target, borrowed) == OK:
        w.tally[FORGED_DEBT_VALUE] += value_of(w, s, k, target, borrowed)
    look_at(s, w, a)
