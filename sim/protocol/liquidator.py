"""Twin of `contracts/periphery/Liquidator.sol`: seize, sell, repay, keep the rest; no capital."""

from __future__ import annotations

from sim.protocol import hub, pair, split, vault
from sim.protocol.errors import OK, PROFIT_TOO_LOW
from sim.protocol.fixed_point import jitable, zero
from sim.protocol.split import side_of
from sim.protocol.state import SOLD, WALLET, State
from sim.protocol.vault_health import poke


@jitable
def liquidate(
    s: State, actor: int, a: int, d: int, c: int, repay_amount: int, min_profit: int
) -> int:
    """Liquidate through the pairs of `c` and `d`; refused unless the sale pays the debt and at
    least `min_profit`.
    """
    hub.accrue(s, d)
    hub.accrue(s, c)
    poke(s, a)
    t = vault.terms(s, a, d, c, repay_amount, 0)
    if t.code != OK:
        return t.code
    out = t.seized - t.fee
    code = vault.seize(s, actor, a, c, t, 0)
    if code != OK:
        return code
    code, proceeds = _sell(s, c, d, out)
    if code != OK:
        return code
    if proceeds < t.repaid or proceeds - t.repaid < min_profit:
        return PROFIT_TOO_LOW
    s.holding[actor, d, WALLET] += proceeds - t.repaid
    s.result[0] = t.repaid
    s.result[1] = out
    s.result[2] = proceeds - t.repaid
    return vault.settle(s, a, d, t.repaid)


@jitable
def _sell(s: State, c: int, d: int, amount: int) -> tuple[int, int]:
    """(code, proceeds): each pool's part of `amount` of c on it."""
    split.parts(s, c, d, amount)
    proceeds, p = zero(), s.pair_of[c, d]
    while p >= 0:
        sold = s.split[p, SOLD]
        if sold != 0:
            side = side_of(s, p, c)
            code, out = pair.amount_out(s, p, side, sold)
            if code != OK:
                return code, zero()
            pair.move_reserves(s, p, side, sold, out)
            proceeds += out
        p = s.next_pair[p]
    return OK, proceeds
