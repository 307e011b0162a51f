"""Sales of those who have the tokens: on every venue of the two its part, one after the other."""

from __future__ import annotations

from sim.protocol import operations as op
from sim.protocol import pair, split
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, zero
from sim.protocol.split import side_of
from sim.protocol.state import SOLD, State


@jitable
def sell(s: State, actor: int, c: int, d: int, amount: int, guarded: bool) -> tuple[int, int]:
    """Sell `amount` of c for d: (units of c sold, units of d that they brought). A guarded sale is
    refused for less than it brings now.
    """
    split.parts(s, c, d, amount)
    sold, brought, p = zero(), zero(), s.pair_of[c, d]
    while p >= 0:
        part, least = s.split[p, SOLD], zero()
        if part != 0:
            side = side_of(s, p, c)
            if guarded:
                _, least = pair.amount_out(s, p, side, part)
            if op.swap_in(s, actor, p, side, part, least) == OK:
                sold += s.result[0]
                brought += s.result[1]
        p = s.next_pair[p]
    return sold, brought
