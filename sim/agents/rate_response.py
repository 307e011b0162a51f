"""Those who answer to rates: suppliers who come or leave, borrowers who borrow more or repay.

Per asset, with semi-elasticities e (share per percentage point) and usual rates r0 (those at which
nobody moves, see `sim.world.responses`), supply and borrowing want to be, as shares of what they
would be without this,

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

from sim.agents.leverage import room_below
from sim.health.watchers import look_at
from sim.market import feeds
from sim.market.costs import value_of
from sim.market.market import (
    APPROACH,
    BORROWING_PER_POINT,
    LEAST_HEALTH,
    REFUSED_VALUE,
    SUPPLY_PER_POINT,
    USUAL_BORROW_RATE,
    USUAL_SUPPLY_RATE,
    WITHDRAWN_VALUE,
    Market,
)
from sim.protocol import hub, oracle
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import (
    BPS,
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
    State,
)
from sim.protocol.vault_accounts import debt_assets, health

NOTICED = 200
"""A change of no more than one part in so many is not worth a transaction."""
LOOKS = 48
"""Of a borrower, in a half-life: often enough that delay does not make rates swing."""
POINT_BPS = 100
_LEAST, _MOST = 100, 2
"""Bounds of what is wanted: a hundredth, and twice the usual."""


@jitable
def act(s: State, w: Market, k: int) -> None:
    """Everyone whose turn it is, asset by asset: suppliers, then borrowers in order of account."""
    for e in range(w.response.shape[0]):
        i = w.response_asset[e]
        _want(s, w, e, i)
        _supply(s, w, k, e, i)
        wish, levels, review = w.borrowing_wish[e], w.borrowing_level, w.response_review[e]
        for a in range(k % review, levels.shape[0], review):
            if _is_off(levels[a, e], wish):  # asked here, as most are not and a call costs more
                _borrow(s, w, k, e, i, a)


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
def _want(s: State, w: Market, e: int, i: int) -> None:
    """Move what is wanted toward what the rates now ask for, damped as above."""
    row, supply, borrowing = w.response[e], w.supply_wish[e], w.borrowing_wish[e]
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
    w.supply_wish[e] = _bounded(supply + mul_div_down(supply_gap, speed, wad()))
    w.borrowing_wish[e] = _bounded(borrowing + mul_div_down(borrowing_gap, speed, wad()))


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
def _supply(s: State, w: Market, k: int, e: int, i: int) -> None:
    """Deposit or withdraw until supply stands at the level wanted, as far as wallet or cash go."""
    wish, level, actor = w.supply_wish[e], w.supply_level[e], w.supplier[0]
    worth = hub.to_assets_down(s, i, s.holding[actor, i, HUB_SHARES])
    if worth == 0 or not _is_off(level, wish):
        return
    if wish > level:
        amount = min(mul_div_down(worth, wish - level, level), s.holding[actor, i, WALLET])
        w.supply_asked[e] = wish
        if amount * NOTICED <= worth:
            return
        if op.deposit(s, actor, i, amount) == OK:
            w.supply_level[e] += mul_div_down(level, amount, worth)
        return
    wanted = mul_div_down(worth, level - wish, level)
    asked_now = mul_div_down(worth, max(zero(), w.supply_asked[e] - wish), level)
    w.supply_asked[e] = wish
    taken = min(wanted, s.hub[i, CASH])
    if taken * NOTICED <= worth or op.withdraw_assets(s, actor, i, taken) != OK:
        taken = zero()
    w.supply_level[e] -= mul_div_down(level, taken, worth)
    w.tally[WITHDRAWN_VALUE] += value_of(w, s, k, i, taken)
    w.tally[REFUSED_VALUE] += value_of(w, s, k, i, min(wanted - taken, asked_now))


@jitable
def _borrow(s: State, w: Market, k: int, e: int, i: int, a: int) -> None:
    """Borrow or repay until the account's debt stands at the level wanted, as far as it can."""
    wish, level = w.borrowing_wish[e], w.borrowing_level[a, e]
    debt, owner = debt_assets(s, a, i), s.account_owner[a]
    if debt == 0:
        return
    if wish < level:
        amount = min(mul_div_down(debt, level - wish, level), w.loan[a, e])
        if amount * NOTICED <= debt:
            return
        if op.repay(s, owner, a, i, amount) != OK:
            return
        w.loan[a, e] -= amount
        w.borrowing_level[a, e] -= mul_div_down(level, amount, debt)
    else:
        amount = min(mul_div_down(debt, wish - level, level), _room(s, w, k, e, i, a))
        if amount * NOTICED <= debt:
            return
        if op.borrow(s, owner, a, i, amount) != OK:
            return
        w.loan[a, e] += amount
        w.borrowing_level[a, e] += mul_div_down(level, amount, debt)
    look_at(s, w, a)


@jitable
def _room(s: State, w: Market, k: int, e: int, i: int, a: int) -> int:
    """Token units of i that the account can borrow besides:

    x <= sum LTV C - D,    x <= W / least health - D,    x <= cash
    """
    h = health(s, a)
    if not h.prices_usable or feeds.in_grace(w, k):
        return zero()
    by_health = mul_div_down(h.weighted_collateral, wad(), w.response[e, LEAST_HEALTH])
    room = room_below(min(h.weighted_limit, by_health), h.debt_value)
    if room <= 0:
        return zero()
    price = oracle.read(s, s.account_vault[a], i).price
    return min(mul_div_down(div_down(room, BPS), s.unit[i], price), s.hub[i, CASH])
