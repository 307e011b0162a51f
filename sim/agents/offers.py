"""What a liquidation offers a liquidator, to the wei: what is repaid, what comes out, and what that
is worth, sold or kept.

Gain is concave in what is repaid of one debt for one collateral, and either one of them is used up
or enough is left of both. So no size pays if none of these does: all there is, the most that leaves
enough, what the hub's cash of a lent collateral pays out, and the size that gains most on the
venues, or else the most that leaves enough.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.health.watchers import standing_of
from sim.market import venue
from sim.market.costs import gas_value, value_of
from sim.market.market import (
    GAS_USED,
    KEEPS,
    PROFIT_FLOOR,
    TAKES_SHARES,
    Market,
)
from sim.protocol import hub, split, vault
from sim.protocol.errors import INSUFFICIENT_CASH, INSUFFICIENT_LIQUIDITY, OK
from sim.protocol.fixed_point import BPS, jitable, mul_div_down, mul_div_up, zero
from sim.protocol.state import REHYPOTHECATE, State

OF_CASH = 9_900
"""bps of the hub's cash that a liquidation cut to it takes: at the limit rounding would decide, and
exact and compiled runs would part.
"""


@jitable
def asks(s: State, w: Market, k: int, lq: int, d: int) -> int:
    """Units of d that a liquidation must bring the liquidator: its floor and its gas, up."""
    row = w.liquidators.terms[lq]
    cost = gas_value(w, s, k, row[GAS_USED])
    return mul_div_up(row[PROFIT_FLOOR] + cost, s.unit[d], w.price[k, d])


class Offer(NamedTuple):
    """A liquidation as a liquidator sees it."""

    code: int
    """Why it would be refused; OK if not."""
    amount: int
    """What is asked for, units of the debt."""
    repaid: int
    """Units of the debt."""
    out: int
    """Units of the collateral."""
    worth: int
    """What that is worth to him, units of the debt."""


@jitable
def paying(
    s: State, w: Market, k: int, lq: int, a: int, d: int, c: int, most: int, least: int
) -> tuple[bool, Offer]:
    """The largest liquidation of account a that repays up to `most` of d for c, or else the best
    one, and whether it pays: what comes out is worth at least `least` more than what is repaid.
    """
    offer = _leaving_enough(s, w, k, lq, a, d, c, most)
    short = offer.worth < offer.repaid + least
    if offer.code == OK and short and not keeps(s, w, lq, a, c, offer.out):
        best = venue.best_sale_of_all(s, c, d, offer.repaid, offer.out)
        if 0 < best < offer.out:
            amount = mul_div_down(best, offer.repaid, offer.out)
            offer = _leaving_enough(s, w, k, lq, a, d, c, amount)
    return offer.code == OK and offer.worth >= offer.repaid + least, offer


@jitable
def keeps(s: State, w: Market, lq: int, a: int, c: int, out: int) -> bool:
    """Whether the liquidator does not sell what he seizes, or cannot."""
    return w.liquidators.terms[lq, KEEPS] != 0 or takes_shares(s, w, lq, a, c, out)


@jitable
def takes_shares(s: State, w: Market, lq: int, a: int, c: int, out: int) -> bool:
    """Whether he takes the collateral as a position, because the hub cannot pay it out."""
    return w.liquidators.terms[lq, TAKES_SHARES] != 0 and _lacks_cash(s, a, c, out)


@jitable
def _lacks_cash(s: State, a: int, c: int, out: int) -> bool:
    """Whether so much of a collateral that is lent on cannot leave the hub now."""
    return s.reserve[s.account_vault[a], c, REHYPOTHECATE] != 0 and hub.available(s, c) < out


@jitable
def _leaving_enough(
    s: State, w: Market, k: int, lq: int, a: int, d: int, c: int, amount: int
) -> Offer:
    """Of repaying up to `amount`, or `OF_CASH` of what the hub can pay out where that is less."""
    offer = _offer(s, w, k, lq, a, d, c, amount)
    if offer.code == INSUFFICIENT_CASH:
        paid_out = mul_div_down(hub.available(s, c), OF_CASH, BPS)
        offer = _offer(s, w, k, lq, a, d, c, mul_div_down(paid_out, offer.repaid, offer.out))
    return offer


@jitable
def _offer(s: State, w: Market, k: int, lq: int, a: int, d: int, c: int, amount: int) -> Offer:
    """Of liquidating up to `amount` now, at the health last seen; its worth is what a sale brings,
    or the reference price if it is kept.
    """
    t = vault.terms_at(s, a, d, c, amount, zero(), standing_of(s, w, a))
    if t.code != OK:
        return Offer(t.code, amount, zero(), zero(), zero())
    out = t.seized - t.fee
    if keeps(s, w, lq, a, c, out):
        worth = mul_div_down(value_of(w, s, k, c, out), s.unit[d], w.price[k, d])
        return Offer(OK, amount, t.repaid, out, worth)
    if c != d and _lacks_cash(s, a, c, out):
        return Offer(INSUFFICIENT_CASH, amount, t.repaid, out, zero())
    if s.pair_of[c, d] < 0:
        return Offer(INSUFFICIENT_LIQUIDITY, amount, zero(), zero(), zero())
    code, proceeds = split.proceeds(s, c, d, out)
    return Offer(code, amount, t.repaid, out, proceeds)
