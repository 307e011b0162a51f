"""A sale on several pools of a pair: against closed forms, all divisions there are, and a bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.market import venue
from sim.protocol import pair, split
from sim.protocol.errors import OK, ZERO_AMOUNT
from sim.protocol.state import FEE_BPS, RESERVE0, RESERVE1, SOLD, State, empty
from tests.lockstep.sales import Pool, check_best

UNIT = 10**18
reserves = st.integers(10**3, 10**30)
fees = st.integers(0, 1_000)
pools_of = st.builds(Pool, reserves, reserves, fees)


def _market(pools: Sequence[Pool]) -> State:
    """The pools, every second one with its tokens the other way round."""
    tokens = [(p % 2, 1 - p % 2) for p in range(len(pools))]
    s = empty([UNIT, UNIT], 1, [], [], 1, tokens, 1_000, 0)
    for p, pool in enumerate(pools):
        side = p % 2
        s.pair[p, [RESERVE0 + side, RESERVE1 - side, FEE_BPS]] = list(pool)
    return s


def _sold(pools: Sequence[Pool], amount: int) -> tuple[list[int], int]:
    """The parts, and what they bring."""
    s = _market(pools)
    code, out = split.proceeds(s, 0, 1, amount)
    assert code in (OK, ZERO_AMOUNT)
    return [int(part) for part in s.split[:, SOLD]], int(out)


def _most(pools: Sequence[Pool], amount: int) -> int:
    """Of all divisions."""
    s = _market(pools)
    pays = [
        [int(pair.amount_out(s, p, p % 2, part)[1]) for part in range(amount + 1)]
        for p in range(len(pools))
    ]
    return max(
        sum(pays[p][part] for p, part in enumerate(parts))
        for parts in _divisions(amount, len(pools))
    )


def _divisions(amount: int, pools: int) -> Iterator[tuple[int, ...]]:
    if pools == 1:
        yield (amount,)
        return
    for first in range(amount + 1):
        for rest in _divisions(amount - first, pools - 1):
            yield (first, *rest)


@given(st.lists(reserves, min_size=2, max_size=4), st.integers(1, 10**30), fees, st.integers(1, 9))
def test_pools_of_one_price_and_fee_are_one_pool(
    sizes: list[int], amount: int, fee: int, price: int
) -> None:
    """Each takes the share of its reserve, to units; together they pay what one pool of the sums of
    their reserves pays, to a unit for each.
    """
    pools = [Pool(size, price * size, fee) for size in sizes]
    parts, brought = _sold(pools, amount)
    whole = Pool(sum(sizes), price * sum(sizes), fee)
    _, once = _sold([whole], amount)
    assert sum(parts) == amount
    assert once - len(pools) <= brought <= once
    if once >= 10 * price * len(pools):  # nobody is left out whose part would pay nothing
        for part, size in zip(parts, sizes, strict=True):
            scale = (amount + whole.reserve_in) // min(sizes) + len(pools) + 1
            assert abs(part - amount * size // sum(sizes)) <= 2 * scale


small = st.integers(1_000, 20_000)


@settings(max_examples=60)
@given(st.lists(st.builds(Pool, small, small, fees), min_size=2, max_size=2), st.integers(1, 500))
def test_no_division_between_two_brings_more(pools: list[Pool], amount: int) -> None:
    """Every division is tried; more than a unit for each pool is in none of them."""
    parts, brought = _sold(pools, amount)
    best = _most(pools, amount)
    assert sum(parts) == amount and best - len(pools) <= brought <= best


@settings(max_examples=60)
@given(st.lists(st.builds(Pool, small, small, fees), min_size=3, max_size=3), st.integers(1, 40))
def test_no_division_between_three_brings_more(pools: list[Pool], amount: int) -> None:
    parts, brought = _sold(pools, amount)
    best = _most(pools, amount)
    assert sum(parts) == amount and best - len(pools) <= brought <= best


@given(st.lists(pools_of, min_size=2, max_size=5), st.integers(1, 10**30))
def test_what_it_brings_is_the_most_there_is(pools: list[Pool], amount: int) -> None:
    """The bound of duality, whatever sizes, prices and fees; and never less than the best alone."""
    parts, brought = _sold(pools, amount)
    assert sum(parts) == amount and min(parts) >= 0
    check_best(pools, parts, brought)


@given(st.lists(pools_of, min_size=2, max_size=4), st.integers(1, 10**6), st.integers(2, 400))
def test_the_last_units_bring_the_same(pools: list[Pool], of: int, times: int) -> None:
    """After a sale that every pool takes a part of, to what units round; a pool that takes none
    pays less for its first unit than the others for their last.
    """
    amount = max(pool.reserve_in for pool in pools) * times // 100 + of
    parts, brought = _sold(pools, amount)
    if min(pool.reserve_in for pool in pools) < 10**12 or brought < 10**12:
        return
    last = [float(pool.last_unit(part)) for pool, part in zip(pools, parts, strict=True)]
    trading = [price for price, part in zip(last, parts, strict=True) if part > 10**6]
    assert max(trading) <= min(trading) * (1 + 1e-4)
    left_out = [price for price, part in zip(last, parts, strict=True) if part == 0]
    assert max(left_out, default=0.0) <= min(trading) * (1 + 1e-4)


@pytest.mark.parametrize(
    ("pools", "amount", "parts"),
    [
        ([Pool(1_000, 1_000, 0), Pool(3_000, 3_000, 0)], 400, [100, 300]),
        ([Pool(1_000, 1_000, 0), Pool(0, 0, 0)], 400, [400, 0]),
        ([Pool(0, 0, 0), Pool(1_000, 1_000, 0)], 400, [0, 400]),
        ([Pool(0, 0, 0), Pool(0, 0, 30)], 400, [0, 0]),
        ([Pool(10**6, 10**6, 0), Pool(10**6, 10**5, 0)], 1_000, [1_000, 0]),
        ([Pool(10**6, 10**5, 0), Pool(10**6, 10**6, 0)], 1_000, [0, 1_000]),
        ([Pool(10**6, 10**6, 0), Pool(10**6, 10**6, 0)], 1, [0, 1]),
        ([Pool(10**6, 10**6, 0), Pool(10**6, 10**6, 30)], 1_000, [1_000, 0]),
    ],
)
def test_by_hand(pools: list[Pool], amount: int, parts: list[int]) -> None:
    """Shares of the reserves; empty pools, worse prices and single units, whatever the order."""
    assert _sold(pools, amount)[0] == parts


def test_a_fee_keeps_a_pool_out_until_the_price_is_down_by_it() -> None:
    """Two pools of one price, one without a fee: the other's first unit brings g S / R, and so does
    the last of q on the first once (R / (R + q))^2 = g.
    """
    pools = [Pool(10**24, 10**24, 0), Pool(10**24, 10**24, 30)]
    alone = int(10**24 * (1 / 0.997**0.5 - 1))
    assert _sold(pools, alone * 999 // 1_000)[0][1] == 0
    assert _sold(pools, alone * 1_001 // 1_000)[0][1] > 0


@given(st.lists(pools_of, min_size=2, max_size=4), st.integers(1, 50))
def test_the_best_size_is_where_the_last_unit_costs_what_it_brings(
    pools: list[Pool], rise: int
) -> None:
    """Summed over the pools; the split of that sum brings more beyond its cost than others do."""
    s = _market(pools)
    first = max(pool.last_unit(0) for pool in pools)
    cost, units = int(first * 10**40), 10**40 + rise * 10**38
    best = int(venue.best_sale_of_all(s, 0, 1, cost, units)) if cost else 0
    if best < 10**9:
        return

    def gain(amount: int) -> int:
        _, out = split.proceeds(s, 0, 1, amount)
        return int(out) - amount * cost // units

    slack = len(pools) + 1 + int(sum(p.reserve_out / p.reserve_in**2 for p in pools) * 1_000)
    assert gain(best) + slack >= max(gain(best * f // 100) for f in (50, 90, 99, 101, 110, 200))
