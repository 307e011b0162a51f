"""Twin of `contracts/periphery/Liquidator.sol`: seize, sell, repay, keep the rest; no capital."""

from __future__ import annotations

from sim.protocol import hub, pair, vault
from sim.protocol.errors import OK, PROFIT_TOO_LOW
from sim.protocol.fixed_point import jitable
from sim.protocol.state import WALLET, State
from sim.protocol.vault_health import poke


@jitable
def liquidate(
    s: State, actor: int, a: int, d: int, c: int, repay_amount: int, min_profit: int
) -> int:
    """Liquidate through the pair of `c` and `d`; refused unless the sale pays the debt and at least
    `min_profit`.
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
    p = s.pair_of[c, d]
    side = side_of(s, p, c)
    code, proceeds = pair.amount_out(s, p, side, out)
    if code != OK:
        return code
    pair.move_reserves(s, p, side, out, proceeds)
    if proceeds < t.repaid or proceeds - t.repaid < min_profit:
        return PROFIT_TOO_LOW
    s.holding[actor, d, WALLET] += proceeds - t.repaid
    s.result[0] = t.repaid
    s.result[1] = out
    s.result[2] = proceeds - t.repaid
    return vault.settle(s, a, d, t.repaid)


@jitable
def side_of(s: State, p: int, token: int) -> int:
    """0 or 1: which side of pair `p` the token is."""
    if s.pair_tokens[p, 0] == token:
        return 0
    return 1
