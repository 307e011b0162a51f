"""Collateral that counts in brackets of its value, on twin and EVM side by side: nowhere a cliff,
never a way to be liquidated by governance overnight, and what splitting over accounts brings.
"""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from sim.protocol import operations as op
from sim.protocol.errors import BORROW_LIMIT_EXCEEDED, INVALID_RESERVE, OK
from sim.protocol.fixed_point import max_uint, wad
from sim.protocol.state import (
    ANSWER,
    LT,
    LT_FROM,
    LTV,
    MAX_BONUS,
    MIN_BONUS,
    SECOND_ABOVE,
    SECOND_LT,
    THIRD_ABOVE,
    THIRD_LT,
    TIERED,
    State,
)
from sim.protocol.vault_accounts import debt_assets, health
from sim.protocol.vault_parameters import packed, set_reserve
from sim.protocol.vault_reserves import marginal_threshold, weigh_by_reserve
from tests.lockstep.invariants import check_state
from tests.lockstep.machine import LONG_RAMP, ProtocolMachine
from tests.lockstep.support import UNLIMITED, genesis

WETH, WBTC, USDC, DAI = range(4)
USD, BPS, DAY = 10**8, 10**4, 86_400
KEEPER, LIQUIDATOR = 0, 3
WHALES, WHALE = 2, 8
"""Owner and account, in vault 1, where WETH counts in these brackets: 250 WETH, $50,000 at $200,
owe $33,750 of DAI.
"""
BRACKETS = {
    TIERED: 1,
    SECOND_ABOVE: 40_000 * USD,
    THIRD_ABOVE: 120_000 * USD,
    SECOND_LT: 7_000,
    THIRD_LT: 5_000,
}
"""Beside the 80% up to $40,000; the borrow limit is 75%, of 80%."""


class Credulous(ProtocolMachine):
    """Every price is believed at once, and nobody waits."""

    hold_off = 0
    delay = 0
    tiered = True


@pytest.fixture
def market() -> ProtocolMachine:
    """A deployed protocol with open positions; `do` does the same on both sides and compares."""
    return Credulous()


def post(m: ProtocolMachine, **prices: float) -> None:
    """Every feed reports now: the last answer unless another is given."""
    for i, symbol in enumerate(("WETH", "WBTC", "USDC", "DAI")):
        answer = round(prices[symbol] * USD) if symbol in prices else int(m.s.feed[0, i, ANSWER])
        assert m.do(op.post_price, KEEPER, i, 0, answer) == OK


def in_brackets(value: Fraction, brackets: list[tuple[int, int]]) -> Fraction:
    """The sum of (the part of a value in a bracket) x its ratio; (begins, ratio in bps) each."""
    ends = [Fraction(begins) for begins, _ in brackets[1:]] + [max(value, Fraction(0))]
    return sum(
        (
            max(min(value, end) - begins, Fraction(0)) * ratio
            for (begins, ratio), end in zip(brackets, ends, strict=True)
        ),
        Fraction(0),
    )


# --- what it counts for ---------------------------------------------------------------------------


@pytest.mark.chain
def test_a_whale_borrows_to_the_unit_what_its_brackets_allow(market: ProtocolMachine) -> None:
    """$150,000 of WETH: 40 x .8 + 80 x .7 + 30 x .5 = $103,000 of weight, and of that 75 / 80."""
    m = market
    assert m.do(op.supply, WHALES, WHALE, WETH, 500 * 10**18) == OK
    h = health(m.s, WHALE)
    assert h.collateral_value == 150_000 * USD
    assert h.weighted_collateral == 103_000 * USD * BPS
    assert h.weighted_limit == 96_562_5 * USD * BPS // 10
    room = h.weighted_limit * 10**18 // (BPS * USD) - debt_assets(m.s, WHALE, DAI)
    assert m.do(op.borrow, WHALES, WHALE, DAI, room + 10**10) == BORROW_LIMIT_EXCEEDED
    assert m.do(op.borrow, WHALES, WHALE, DAI, room) == OK
    assert health(m.s, WHALE).factor == wad() * 16 // 15


@pytest.mark.parametrize("value", [0, 1, 39_999, 40_000, 40_001, 119_999, 120_000, 120_001, 10**9])
@pytest.mark.parametrize("by", [-1, 0, 1])
def test_values_beside_where_a_bracket_begins(value: int, by: int) -> None:
    """To the unit of value; the marginal threshold is that of the highest bracket reached."""
    s, x = genesis(), max(value * USD + by, 0)
    for column, number in BRACKETS.items():
        s.reserve[0, WETH, column] = number
    weighted, limit = weigh_by_reserve(s, 0, WETH, x)
    lts = [(0, 8_000), (40_000 * USD, 7_000), (120_000 * USD, 5_000)]
    exact = in_brackets(Fraction(x), lts)
    assert weighted == exact
    assert limit == int(exact * 7_500 / 8_000)
    reached = [lt for begins, lt in lts if x > begins or begins == 0][-1]
    assert marginal_threshold(s, 0, WETH, x) == reached


def test_without_brackets_it_is_value_times_ratio() -> None:
    """Whatever the columns of the brackets say."""
    s = genesis()
    s.reserve[0, WETH, SECOND_ABOVE:LT_FROM] = [1, 2, 3, 1]
    assert weigh_by_reserve(s, 0, WETH, 10**15) == (8_000 * 10**15, 7_500 * 10**15)
    assert marginal_threshold(s, 0, WETH, 10**15) == 8_000


@pytest.mark.chain
def test_a_whale_that_splits_over_accounts_is_as_good_as_small(market: ProtocolMachine) -> None:
    """The limit of $150,000 in one account is $96,562.50; in four it is the flat $112,500: what
    brackets keep from a whale is what it gets back by three more accounts.
    """
    s = market.s
    one = weigh_by_reserve(s, 1, WETH, 150_000 * USD)[1]
    four = 4 * weigh_by_reserve(s, 1, WETH, 37_500 * USD)[1]
    assert (one, four) == (965_625_000 * USD, 1_125_000_000 * USD)


# --- what is refused, and what breaks it ----------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {SECOND_LT: 8_001},
        {SECOND_LT: 4_999},
        {SECOND_ABOVE: 0},
        {SECOND_ABOVE: 120_000 * USD + 1},
        {LT: 0, LTV: 0, SECOND_LT: 0, THIRD_LT: 0},
    ],
    ids=["above-the-first", "below-the-third", "from-nothing", "after-the-third", "of-nothing"],
)
@pytest.mark.chain
def test_brackets_that_rise_or_overlap_are_refused(
    market: ProtocolMachine, changes: dict[int, int]
) -> None:
    """On both sides."""
    assert market.configure(WETH, 0, BRACKETS | changes, LONG_RAMP) == INVALID_RESERVE


@pytest.mark.parametrize("column", [SECOND_LT, THIRD_LT])
@pytest.mark.chain
def test_a_bracket_that_counts_for_more_breaks_the_invariant(
    market: ProtocolMachine, column: int
) -> None:
    """Whoever got past the checks would be found: 26 sees a weight that bends up."""
    check_state(market.s, market.minted)
    market.s.reserve[1, WETH, column] = 8_500
    with pytest.raises(AssertionError, match="26"):
        check_state(market.s, market.minted)


# --- ramps ----------------------------------------------------------------------------------------


@pytest.mark.chain
def test_brackets_come_into_force_by_a_percent_a_day(market: ProtocolMachine) -> None:
    """30% off the third takes 30 days; half way a third of the whale's weight is 65%."""
    m = market
    assert m.configure(WETH, 0, BRACKETS, 30 * DAY - 1) == INVALID_RESERVE
    assert m.configure(WETH, 0, BRACKETS, 30 * DAY) == OK
    seen = []
    for _ in range(4):
        seen.append(weigh_by_reserve(m.s, 0, WETH, 150_000 * USD))
        m.s.clock[0] += 10 * DAY
    limits = {limit for _, limit in seen}
    assert limits == {965_625_000 * USD}, "the borrow limit changes at once"
    assert seen[0][0] == 150_000 * 8_000 * USD
    middle = 40_000 * 8_000 + 80_000 * 7_666 + 30_000 * 7_000  # 7,666.67, down
    assert seen[1][0] == middle * USD
    assert seen[3][0] == 103_000 * BPS * USD
    assert [w for w, _ in seen] == sorted((w for w, _ in seen), reverse=True)


@pytest.mark.chain
def test_half_of_the_threshold_and_brackets_fall_together(market: ProtocolMachine) -> None:
    """The time is that of the bracket that falls most: the first by 10%, the second by 15%."""
    m = market
    lower = BRACKETS | {LT: 7_000, LTV: 7_000, SECOND_LT: 5_500, THIRD_LT: 5_000}
    assert m.configure(WETH, 1, lower, 15 * DAY - 1) == INVALID_RESERVE
    assert m.configure(WETH, 1, lower, 15 * DAY) == OK
    m.s.clock[0] += 5 * DAY
    thresholds = [marginal_threshold(m.s, 1, WETH, x * USD) for x in (1, 50_000, 200_000)]
    assert thresholds == [7_666, 6_500, 5_000]
    post(m)


def _randomly(s: State, rng: random.Random) -> int:
    """Any configuration of WETH in vault 0 that is sound, with brackets more often than not."""
    row = s.reserve[0, WETH].copy()
    lts = sorted((rng.randrange(1, 9_000) for _ in range(3)), reverse=True)
    begin = sorted(rng.randrange(1, 100) * 10**9 for _ in range(2))
    row[[LT, SECOND_LT, THIRD_LT]], row[[SECOND_ABOVE, THIRD_ABOVE]] = lts, begin
    row[LTV], row[TIERED] = rng.randrange(lts[0] + 1), int(rng.random() < 0.8)
    row[[MAX_BONUS, MIN_BONUS]] = 100
    ramp = rng.randrange(90 * DAY, 120 * DAY)
    return set_reserve(s, 0, WETH, UNLIMITED, UNLIMITED, packed(row, ramp))


def test_no_configuration_takes_weight_away_at_once_and_none_bends_up() -> None:
    """Of 300 after one another, at any time of the ramp of the one before: what a value counts for
    does not fall with the block, is concave, and falls with time only.
    """
    s, rng = genesis(), random.Random(1)
    values = [0, 1, *(n * 10**9 + by for n in range(1, 120) for by in (0, 1))]
    for _ in range(300):
        before = [weigh_by_reserve(s, 0, WETH, x)[0] for x in values]
        assert _randomly(s, rng) == OK
        last = [weigh_by_reserve(s, 0, WETH, x) for x in values]
        assert all(now >= was for (now, _), was in zip(last, before, strict=True))
        for _ in range(3):
            s.clock[0] += rng.randrange(45 * DAY)
            seen = [weigh_by_reserve(s, 0, WETH, x) for x in values]
            assert all(now <= was for (now, _), (was, _) in zip(seen, last, strict=True))
            assert all(limit <= counted for counted, limit in seen)
            slopes = [
                Fraction(b - a, y - x)
                for (x, (a, _)), (y, (b, _)) in zip(
                    zip(values, seen, strict=True),
                    list(zip(values, seen, strict=True))[1:],
                    strict=False,
                )
            ]
            assert slopes == sorted(slopes, reverse=True) and slopes[-1] >= 0
            last = seen


# --- liquidation ----------------------------------------------------------------------------------


@pytest.mark.chain
@pytest.mark.parametrize(("price", "crosses"), [(180, False), (176, True)])
def test_a_liquidation_heals_by_the_threshold_of_the_highest_bracket(
    market: ProtocolMachine, price: int, crosses: bool
) -> None:
    """Within the third bracket repaying D (T - HF) / (T - (1 + b) lt_3) restores the target of 1.05
    as if all counted at it. Beyond it, what is seized counted for more: health stays below the
    target, which nobody overshoots.
    """
    m = market
    assert m.configure(WETH, 1, {MIN_BONUS: 500}, 0) == OK
    assert m.do(op.supply, WHALES, WHALE, WETH, 500 * 10**18) == OK
    h = health(m.s, WHALE)
    room = h.weighted_limit * 10**18 // (BPS * USD) - debt_assets(m.s, WHALE, DAI)
    assert m.do(op.borrow, WHALES, WHALE, DAI, room) == OK
    post(m, WETH=price)
    was, owed = health(m.s, WHALE), debt_assets(m.s, WHALE, DAI)
    target, factor = Fraction(105, 100), Fraction(was.factor, wad())
    heals = was.debt_value * (target - factor) / (target - target * Fraction(5_000, BPS))
    assert m.do(op.liquidate, LIQUIDATOR, WHALE, DAI, WETH, max_uint(), 0, 0) == OK
    repaid = Fraction(owed - debt_assets(m.s, WHALE, DAI), 10**10)
    assert abs(repaid - heals) < 1_000, "to a hundred thousandth of a dollar"
    now = health(m.s, WHALE)
    assert (now.collateral_value <= 120_000 * USD) == crosses
    exact = target
    if crosses:  # what of the seized was below the third bracket counted for .2 more
        below = Fraction(120_000 * USD - now.collateral_value)
        exact = target - below * Fraction(2, 10) / now.debt_value
    assert abs(Fraction(now.factor, wad()) - exact) < Fraction(1, 10**8)
    assert now.factor <= target * wad() + 10**9
