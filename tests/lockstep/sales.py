"""The most that a sale can bring on several pools, by duality: nothing of how it is divided.

A unit that goes in somewhere may be bought for a price l instead. Whatever the division of Q is, it
brings at most

    l Q + sum max over q of (f(q) - l q),    f(q) = S g q / (R + g q)

with reserves R (in) and S (out) and g = 1 - fee; the maximum is (sqrt(S) - sqrt(l R / g))^2 where
l < g S / R, the price of a first unit, and else 0. At the price of the last unit of the best
division both are equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from typing import NamedTuple

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import FEE_BPS, RESERVE0, Entry
from tests.lockstep.look import Look

BPS = 10_000
_PRECISE = Context(prec=120)


class Pool(NamedTuple):
    """What goes in, what comes out, BPS of the fee."""

    reserve_in: int
    reserve_out: int
    fee_bps: int

    @property
    def keep(self) -> Decimal:
        return _div(BPS - self.fee_bps, BPS)

    def last_unit(self, sold: int) -> Decimal:
        """What the last unit of a part brings."""
        width = _PRECISE.add(Decimal(self.reserve_in), _PRECISE.multiply(self.keep, Decimal(sold)))
        top = _PRECISE.multiply(self.keep, Decimal(self.reserve_in * self.reserve_out))
        return _PRECISE.divide(top, _PRECISE.multiply(width, width))


def most(pools: Sequence[Pool], amount: int, price: Decimal) -> Decimal:
    """The bound above at a price l."""
    total = _PRECISE.multiply(price, Decimal(amount))
    for pool in pools:
        if pool.reserve_in and price < pool.last_unit(0):
            whole = _PRECISE.sqrt(Decimal(pool.reserve_out))
            scaled = _PRECISE.multiply(price, Decimal(pool.reserve_in))
            gap = _PRECISE.subtract(whole, _PRECISE.sqrt(_PRECISE.divide(scaled, pool.keep)))
            total = _PRECISE.add(total, _PRECISE.multiply(gap, gap))
    return total


def check_best(pools: Sequence[Pool], parts: Sequence[int], brought: int) -> None:
    """The parts bring the most there is but for roundings: of what each pool pays, less than a
    unit; of each part, a few units that are worth the difference between two last units.
    """
    amount = sum(parts)
    each = zip(pools, parts, strict=True)
    prices = {pool.last_unit(part) for pool, part in each if pool.reserve_in}
    off = len(pools) + 2
    units = sum(_div(p.reserve_out, p.reserve_in**2) for p in pools if p.reserve_in) * off**2
    bound = min(most(pools, amount, price) for price in prices)
    least = _PRECISE.subtract(bound, units + len(pools))
    assert brought > least, "split"


def check(before: Look, after: Look, row: Entry) -> None:
    """What a flash liquidation seized went to the pools of the two, and brought what it could."""
    if row.kind != op.flash_liquidate.kind or row.code != OK:
        return
    d, c, out, brought = row.x, row.y, row.result1, row.result0 + row.result2
    pools, parts = [], []
    for p, tokens in enumerate(after.pair_tokens):
        b, a = before.pair[p], after.pair[p]
        moved = [a[RESERVE0 + side] - b[RESERVE0 + side] for side in (0, 1)]
        if set(tokens) == {c, d}:
            side = tokens.index(c)
            pools.append(Pool(b[RESERVE0 + side], b[RESERVE0 + 1 - side], b[FEE_BPS]))
            parts.append(moved[side])
            brought += moved[1 - side]
        else:
            assert moved == [0, 0], "split"
    assert brought == 0 and sum(parts) == out, "split"
    if len(pools) > 1:
        check_best(pools, parts, row.result0 + row.result2)


def _div(a: int, b: int) -> Decimal:
    return _PRECISE.divide(Decimal(a), Decimal(b))
