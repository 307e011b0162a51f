"""A guardian: watches reference prices and the hub's cash, and brakes the vault, late.

With prices p and cash c of an asset at step k, and w steps in the window, it is alarmed by

    p_k <= (1 - fall) max(p_{k-w} ... p_k)      or      c_k <= (1 - outflow) max(c_{k-w} ... c_k)

and acts a delay after the first alarm: it pauses what it was told to of that asset, and lowers the
stress multiplier. It looks again when that is over; the guard lets it pause no sooner than it may.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.agents.start import Start, integers
from sim.market.market import Market
from sim.protocol import operations as op
from sim.protocol.fixed_point import BPS, jitable, zero
from sim.protocol.risk_guard import is_guarded
from sim.protocol.state import (
    CASH,
    PAUSE_GAP,
    PAUSED_UNTIL,
    STRESS,
    Array,
    State,
)

GUARDIAN_ACTOR = 0
"""The keepers' account."""
ACTIONS = ("borrow", "withdraw", "liquidate")
GUARDIAN_TERMS = ("fall_bps", "outflow_bps", "delay", "pause", "stress_bps")
FALL, OUTFLOW, DELAY, PAUSE, LOWERED = range(len(GUARDIAN_TERMS))


class Guardian(NamedTuple):
    """What the guardian knows; T steps and m assets, or nothing without one."""

    terms: Array  # (GUARDIAN_TERMS,) bps, seconds
    steps: Array  # (2,) int64: steps in the window, bits of what it pauses
    cash: Array  # (T + 1, m) of the hub, as it saw it, token units
    alarmed: Array  # (m,) since when, timestamps; 0: it is not

    @classmethod
    def of(cls, start: Start) -> Guardian:
        """Who watches, and for what."""
        scenario, one = start.scenario, start.scenario.guardian
        if one is None:
            nothing = np.full((0, len(scenario.symbols)), 0, dtype=object)
            return cls(integers([]), np.zeros(0, dtype=np.int64), nothing, integers([]))
        bits = sum(1 << ACTIONS.index(action) for action in one.pauses)
        steps = -(-one.window_seconds // scenario.step_seconds)
        terms = [one.fall_bps, one.outflow_bps, one.delay_seconds]
        return cls(
            terms=integers([*terms, one.pause_seconds, one.stress_bps]),
            steps=np.array([steps, bits], dtype=np.int64),
            cash=np.full((scenario.steps + 1, len(scenario.symbols)), 0, dtype=object),
            alarmed=integers([0] * len(scenario.symbols)),
        )


@jitable
def act(s: State, w: Market, k: int, own: Guardian) -> None:
    """Look at every asset; do what is due."""
    if own.terms.shape[0] == 0:
        return
    for i in range(s.unit.shape[0]):
        own.cash[k, i] = s.hub[i, CASH]
        if own.alarmed[i] == 0 and is_alarming(w, k, own, i):
            own.alarmed[i] = s.clock[0]
        if own.alarmed[i] != 0 and s.clock[0] >= own.alarmed[i] + own.terms[DELAY]:
            own.alarmed[i] = zero()
            _brake(s, own, i)


@jitable
def is_alarming(w: Market, k: int, own: Guardian, i: int) -> bool:
    """Whether the price of an asset, or its cash, is that far below what it was in the window."""
    price, cash = w.price[k, i], own.cash[k, i]
    highest, most = price, cash
    for j in range(max(k - own.steps[0], 0), k):
        highest = max(highest, w.price[j, i])
        most = max(most, own.cash[j, i])
    fell = own.terms[FALL] > 0 and (highest - price) * BPS >= highest * own.terms[FALL]
    left = own.terms[OUTFLOW] > 0 and (most - cash) * BPS >= most * own.terms[OUTFLOW]
    return (fell and highest > price) or (left and most > cash)


@jitable
def _brake(s: State, own: Guardian, i: int) -> None:
    """Pause what it may in every vault that has a guard, and lower the borrow limits if they are
    not.
    """
    for v in range(s.policy.shape[0]):
        if not is_guarded(s, v):
            continue
        bits, free = own.steps[1], True
        for action in range(3):
            until = s.brake[v, i, PAUSED_UNTIL + action]
            free = free and s.clock[0] >= until + s.guard[v, PAUSE_GAP]
        if bits != 0 and free:
            op.pause(s, GUARDIAN_ACTOR, i, v, own.terms[PAUSE], zero() + bits)
        if own.terms[LOWERED] < s.guard[v, STRESS]:
            op.lower_stress(s, GUARDIAN_ACTOR, v, own.terms[LOWERED])
