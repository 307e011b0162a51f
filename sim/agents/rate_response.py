"""Those who answer to rates: suppliers who come or leave, borrowers who borrow more or repay.

Per asset, with semi-elasticities e (share per percentage point) and usual rates r0 (those at which
nobody moves, see `usual_rates`), supply and borrowing want to be, as shares of what they would be
without this,

    supply:     1 + e_S (r_S - r_S0)          r_S = r_B (1 - reserve factor) debt / total assets
    borrowing:  1 - e_B (r_B - r_B0)          r_B = the borrow rate

within 1/100 and 2, rates in percentage points a year. What they want follows that with a half-life,

    dS = c (S* - S),   dB = c (B* - B),   c = 1 - 2^(-dt / half-life),

with * of the rates as they will be after both, to first order in the usage u, which rises by
x = dB / B - dS / S: S* + x u dS*/du, B* + x u dB*/du, so that

    x = c ((B* - B) / B - (S* - S) / S) / (1 + c (- u dB*/du / B + u dS*/du / S)).

Above the kink of a curve rates move by 5 points with a hundredth of the usage; with rates as they
were, steps of an hour would overshoot and swing (a linearly implicit Euler step does not).

Each looks whether his own amount, interest included, stands at the level wanted, and changes it in
proportion where it is off by more than a two-hundredth of itself (less is not worth a transaction):

    amount (wish - level) / level

Suppliers are one, who looks at every step. Borrowers are all accounts of the book that owe the
asset; each looks `LOOKS` times in a half-life, in turn. So a debt that was liquidated, or supply
that bore a haircut, answers with what is left of it.

Suppliers withdraw what cash there is; what is not paid counts as refused once, and is asked for
again. They deposit what they hold outside, which at the start is as much again. Borrowers repay
with what they borrowed: the token can be had back without loss. They borrow more only while
prices are usable, there is cash, the debt stays within the borrow limit and the health at least
`least_health`.

Responses linear in the rate: Baude et al., arXiv:2502.19862; demand and supply curves fitted to
Aave: Bastankhah et al., arXiv:2410.13105.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from sim.agents.leverage import room_below
from sim.agents.start import SUPPLIERS, WAD, Start, integers, to_tokens
from sim.books import Book
from sim.health.watchers import look_at
from sim.market import feeds
from sim.market.costs import value_of
from sim.market.market import HELD_BACK_VALUE, REFUSED_VALUE, WITHDRAWN_VALUE, Market
from sim.protocol import hub, oracle
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import (
    BPS,
    borrow_rate,
    div_down,
    jitable,
    mul_div_down,
    ray,
    ray_per_bps,
    wad,
    zero,
)
from sim.protocol.state import (
    BORROW_INDEX,
    BORROW_RATE,
    CASH,
    HUB_SHARES,
    OPTIMAL_USAGE,
    RESERVE_FACTOR,
    SCALED_DEBT,
    SLOPE1,
    SLOPE2,
    WALLET,
    Array,
    State,
)
from sim.protocol.units import to_wad
from sim.protocol.vault_accounts import debt_assets, health
from sim.scenario import Scenario
from sim.schema.people import RateResponse

NOTICED = 200
"""A change of no more than one part in so many is not worth a transaction."""
LOOKS = 48
"""Of a borrower, in a half-life: often enough that delay does not make rates swing."""
POINT_BPS = 100
_LEAST, _MOST = 100, 2
"""Bounds of what is wanted: a hundredth, and twice the usual."""

RESPONSE = (
    "supply_per_point",
    "borrowing_per_point",
    "approach",
    "supply_rate",
    "borrow_rate",
    "least_health",
)
(
    SUPPLY_PER_POINT,
    BORROWING_PER_POINT,
    APPROACH,
    USUAL_SUPPLY_RATE,
    USUAL_BORROW_RATE,
    LEAST_HEALTH,
) = range(len(RESPONSE))


class Responders(NamedTuple):
    """What those know who answer to rates: E assets of theirs, b accounts of the book. Levels are
    shares of the first amounts.
    """

    supplier: Array  # (1,) actor, int64
    asset: Array  # (E,) int64
    terms: Array  # (E, RESPONSE) per point and ratios in WAD, yearly rates in RAY
    review: Array  # (E,) int64: every how many steps each borrower looks
    supply_wish: Array  # (E,) level of supply that suppliers want, WAD
    supply_asked: Array  # (E,) down to which level they have asked for, WAD
    supply_level: Array  # (E,) at which supply stands, WAD
    borrowing_wish: Array  # (E,) level of borrowing that borrowers want, WAD
    borrowing_level: Array  # (b, E) at which each debt stands, WAD; (0, E) without an asset
    loan: Array  # (b, E) token units of what was borrowed that each has at hand; likewise

    @classmethod
    def of(cls, start: Start) -> Responders:
        """Of the assets whose supply or borrowing the scenario has answer to their rates."""
        scenario, symbols = start.scenario, start.scenario.responding
        assets = [scenario.symbols.index(symbol) for symbol in symbols]
        parts = [scenario.rate_response[symbol] for symbol in symbols]
        rows = [
            _row(scenario, one, *usual_rates(scenario, start.book, start.prices[0], symbol))
            for symbol, one in zip(symbols, parts, strict=True)
        ]
        looks = [
            max(1, round(one.half_life_hours * 3_600 / LOOKS / scenario.step_seconds))
            for one in parts
        ]
        accounts, levels = len(start.book.debt) if assets else 0, [WAD] * len(assets)
        return cls(
            supplier=np.array([SUPPLIERS]),
            asset=np.array(assets, dtype=np.int64),
            terms=np.array(rows, dtype=object).reshape(len(rows), len(RESPONSE)),
            review=np.array(looks, dtype=np.int64),
            supply_wish=integers(levels),
            supply_asked=integers(levels),
            supply_level=integers(levels),
            borrowing_wish=integers(levels),
            borrowing_level=np.full((accounts, len(assets)), WAD, dtype=object),
            loan=start.book.debt[:accounts, assets].copy(),
        )


def usual_rates(scenario: Scenario, book: Book, prices: Array, symbol: str) -> tuple[int, int]:
    """(what suppliers earn, what borrowers pay) a year at the start, RAY, under the curve that the
    market has settled under: the one of the scenario, or the one that an override replaced. Of the
    amounts in the book,

        usage = debt / (cash + debt),   cash + debt = deposits + collateral that is lent on
    """
    i = scenario.symbols.index(symbol)
    curve = scenario.rate_response[symbol].settled_under or scenario.protocol.rates[symbol]
    unit = 10 ** scenario.assets[symbol].decimals
    supplied = to_tokens(scenario.suppliers[symbol], unit, prices[i])
    for v, one in enumerate(scenario.protocol.each):
        if one.reserves[symbol].rehypothecate:
            rows = slice(None) if book.vault is None else book.vault == v
            supplied += int(book.collateral[rows, i].sum())
    debt = int(book.debt[:, i].sum())
    paid = borrow_rate(
        supplied - debt,
        debt,
        curve.optimal_usage_bps,
        curve.base_rate_bps,
        curve.slope1_bps,
        curve.slope2_bps,
    )
    return earned_rate(paid, debt, supplied, curve.reserve_factor_bps), paid


def _row(scenario: Scenario, one: RateResponse, earned: int, paid: int) -> list[int]:
    approach = 1 - 0.5 ** (scenario.step_seconds / (one.half_life_hours * 3_600))
    return [
        to_wad(one.supply_per_point),
        to_wad(one.borrowing_per_point),
        int(Fraction(approach) * WAD),
        earned,
        paid,
        to_wad(one.least_health),
    ]


@jitable
def act(s: State, w: Market, k: int, own: Responders) -> None:
    """Everyone whose turn it is, asset by asset: suppliers, then borrowers in order of account."""
    for e in range(own.terms.shape[0]):
        i = own.asset[e]
        _want(s, own, e, i)
        _supply(s, w, k, own, e, i)
        wish, levels, review = own.borrowing_wish[e], own.borrowing_level, own.review[e]
        for a in range(k % review, levels.shape[0], review):
            if _is_off(levels[a, e], wish):  # asked here, as most are not and a call costs more
                _borrow(s, w, k, own, e, i, a)


@jitable
def _is_off(level: int, wish: int) -> bool:
    """Whether the change that is wanted is worth a transaction."""
    return abs(wish - level) * NOTICED > level


@jitable
def earned_rate(paid: int, debt: int, assets: int, reserve_factor_bps: int) -> int:
    """What suppliers earn a year, RAY, down, of what borrowers pay: the interest less the
    protocol's part, over all `assets` that are supplied.
    """
    if debt == 0:
        return zero()
    return mul_div_down(mul_div_down(paid, BPS - reserve_factor_bps, BPS), debt, assets)


@jitable
def _want(s: State, own: Responders, e: int, i: int) -> None:
    """Move what is wanted toward what the rates now ask for, damped as above."""
    row, supply, borrowing = own.terms[e], own.supply_wish[e], own.borrowing_wish[e]
    paid, debt = s.hub[i, BORROW_RATE], hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX])
    kept, point = s.rates[i, RESERVE_FACTOR], POINT_BPS * ray_per_bps()
    usage, rise, earned_rise = zero(), zero(), zero()
    if debt > 0:
        usage = mul_div_down(debt, ray(), s.hub[i, CASH] + debt)
        rise = _rise(s, i, usage)
        earned_rise = mul_div_down(mul_div_down(paid + rise, BPS - kept, BPS), usage, ray())
    more = earned_rate(paid, debt, hub.total_assets(s, i), kept) - row[USUAL_SUPPLY_RATE]
    dearer = paid - row[USUAL_BORROW_RATE]
    supply_goal = wad() + mul_div_down(row[SUPPLY_PER_POINT], more, point)
    borrowing_goal = wad() - mul_div_down(row[BORROWING_PER_POINT], dearer, point)
    supply_gain, borrowing_gain = zero(), zero()
    if supply_goal == _bounded(supply_goal):
        supply_gain = mul_div_down(row[SUPPLY_PER_POINT], earned_rise, point)
    if borrowing_goal == _bounded(borrowing_goal):
        borrowing_gain = mul_div_down(row[BORROWING_PER_POINT], rise, point)
    supply_gap = _bounded(supply_goal) - supply
    borrowing_gap = _bounded(borrowing_goal) - borrowing
    speed = row[APPROACH]
    drive = mul_div_down(borrowing_gap, speed, borrowing) - mul_div_down(supply_gap, speed, supply)
    damping = wad() + mul_div_down(borrowing_gain, speed, borrowing)
    damping += mul_div_down(supply_gain, speed, supply)
    change = mul_div_down(drive, wad(), damping)
    supply_gap += mul_div_down(supply_gain, change, wad())
    borrowing_gap -= mul_div_down(borrowing_gain, change, wad())
    own.supply_wish[e] = _bounded(supply + mul_div_down(supply_gap, speed, wad()))
    own.borrowing_wish[e] = _bounded(borrowing + mul_div_down(borrowing_gap, speed, wad()))


@jitable
def _rise(s: State, i: int, usage: int) -> int:
    """By how much the borrow rate rises (RAY) as usage u does in proportion: u dr/du."""
    optimal = s.rates[i, OPTIMAL_USAGE] * ray_per_bps()
    if usage <= optimal:
        return mul_div_down(s.rates[i, SLOPE1] * ray_per_bps(), usage, optimal)
    return mul_div_down(s.rates[i, SLOPE2] * ray_per_bps(), usage, ray() - optimal)


@jitable
def _bounded(level: int) -> int:
    return min(max(level, div_down(wad(), _LEAST)), _MOST * wad())


@jitable
def _supply(s: State, w: Market, k: int, own: Responders, e: int, i: int) -> None:
    """Deposit or withdraw until supply stands at the level wanted, as far as wallet or cash go."""
    wish, level, actor = own.supply_wish[e], own.supply_level[e], own.supplier[0]
    worth = hub.to_assets_down(s, i, s.holding[actor, i, HUB_SHARES])
    if worth == 0 or not _is_off(level, wish):
        return
    if wish > level:
        amount = min(mul_div_down(worth, wish - level, level), s.holding[actor, i, WALLET])
        own.supply_asked[e] = wish
        if amount * NOTICED <= worth:
            return
        if op.deposit(s, actor, i, amount) == OK:
            own.supply_level[e] += mul_div_down(level, amount, worth)
        return
    wanted = mul_div_down(worth, level - wish, level)
    asked_now = mul_div_down(worth, max(zero(), own.supply_asked[e] - wish), level)
    own.supply_asked[e] = wish
    taken = min(wanted, hub.available(s, i))
    held_back = min(min(wanted, s.hub[i, CASH]) - taken, asked_now)
    if taken * NOTICED <= worth or op.withdraw_assets(s, actor, i, taken) != OK:
        taken = zero()
    own.supply_level[e] -= mul_div_down(level, taken, worth)
    w.tally[WITHDRAWN_VALUE] += value_of(w, s, k, i, taken)
    w.tally[REFUSED_VALUE] += value_of(w, s, k, i, min(wanted - taken, asked_now))
    w.tally[HELD_BACK_VALUE] += value_of(w, s, k, i, held_back)


@jitable
def _borrow(s: State, w: Market, k: int, own: Responders, e: int, i: int, a: int) -> None:
    """Borrow or repay until the account's debt stands at the level wanted, as far as it can."""
    wish, level = own.borrowing_wish[e], own.borrowing_level[a, e]
    debt, owner = debt_assets(s, a, i), s.account_owner[a]
    if debt == 0:
        return
    if wish < level:
        amount = min(mul_div_down(debt, level - wish, level), own.loan[a, e])
        if amount * NOTICED <= debt:
            return
        if op.repay(s, owner, a, i, amount) != OK:
            return
        own.loan[a, e] -= amount
        own.borrowing_level[a, e] -= mul_div_down(level, amount, debt)
    else:
        amount = min(mul_div_down(debt, wish - level, level), _room(s, w, k, own, e, i, a))
        if amount * NOTICED <= debt:
            return
        if op.borrow(s, owner, a, i, amount) != OK:
            return
        own.loan[a, e] += amount
        own.borrowing_level[a, e] += mul_div_down(level, amount, debt)
    look_at(s, w, a)


@jitable
def _room(s: State, w: Market, k: int, own: Responders, e: int, i: int, a: int) -> int:
    """Token units of i that the account can borrow besides:

    x <= sum LTV C - D,    x <= W / least health - D,    x <= what can leave
    """
    h = health(s, a)
    if not h.prices_usable or feeds.in_grace(w, k):
        return zero()
    by_health = mul_div_down(h.weighted_collateral, wad(), own.terms[e, LEAST_HEALTH])
    room = room_below(min(h.weighted_limit, by_health), h.debt_value)
    if room <= 0:
        return zero()
    price = oracle.read(s, s.account_vault[a], i).price
    return min(mul_div_down(div_down(room, BPS), s.unit[i], price), hub.available(s, i))
