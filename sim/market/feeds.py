"""Oracle reporting: a feed answers when its price moved enough or its heartbeat is due."""

from __future__ import annotations

from sim.market.market import Market
from sim.protocol import transaction as op
from sim.protocol.fixed_point import BPS, jitable, zero
from sim.protocol.state import ANSWER, UPDATED_AT, State

OPERATOR = 0
"""The actor that posts prices."""
PRIMARY = 0


@jitable
def report(s: State, w: Market, k: int) -> None:
    """Post every price that moved by the deviation threshold since the last answer, or whose
    heartbeat is due.
    """
    for i in range(s.unit.shape[0]):
        seen, last = w.observed[k, i], s.feed[PRIMARY, i, ANSWER]
        moved = abs(seen - last) * BPS >= w.deviation[i] * last
        due = s.clock[0] - s.feed[PRIMARY, i, UPDATED_AT] >= w.heartbeat[i]
        if moved or due:
            op.post_price(s, OPERATOR, op.NOBODY, i, PRIMARY, seen, zero(), zero())
