"""One round of leverage, down or up: withdraw, sell, repay; or borrow, buy, supply.

Notation as in `sim.agents.borrowers`. A sale of a first unit on a pair with reserves R (in) and S
(out) and fee f costs

    k = (P_in / u_in) R / ((1 - f) (P_out / u_out) S)

of value for one of value, at oracle prices P of u token units. A sale of q costs k (1 + (1 - f) q /
R), so that with at most a share `slippage` of the value lost q is at most R (1 / ((1 - slippage) k)
- 1) / (1 - f). k takes the first unit's cost for all: what is still missing is left to the next
round. Where several venues trade the two, k is that of the best one, and the sale is divided
between them (`sim.protocol.split`).
"""

from __future__ import annotations

from sim.agents.habits import SLIPPAGE, TARGET, Borrowers
from sim.agents.largest import largest_collateral, largest_debt
from sim.agents.sales import sell
from sim.market.costs import value_of
from sim.market.market import DELEVERAGED_VALUE, LOOPED_VALUE, Market
from sim.protocol import hub, oracle
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import (
    BPS,
    div_down,
    jitable,
    max_uint,
    mul_div_down,
    mul_div_up,
    wad,
    zero,
)
from sim.protocol.split import side_of
from sim.protocol.state import (
    ADDED_SHARES,
    CONCENTRATION,
    CONCENTRATION_FLOOR,
    ESCROWED,
    FEE_BPS,
    REHYPOTHECATE,
    RESERVE0,
    RESERVE1,
    SUPPLIED,
    State,
)
from sim.protocol.vault_accounts import (
    collateral_value,
    debt_assets,
    debt_value,
    health,
    supplied_assets,
)
from sim.protocol.vault_reserves import last_threshold, weigh

HAIR = 10_000
"""Nobody goes closer to a limit or a target than a ten-thousandth of the debt. Less is not worth a
transaction, and where rounding decided, exact and compiled runs would part.
"""


@jitable
def reduce(s: State, w: Market, k: int, own: Borrowers, n: int) -> bool:
    """Sell collateral and repay; False if nothing more is to be done.

    Repaying x with collateral sold for it: (W - LT k x) / (D - x) = h, so

        x = (h D - W) / (h - LT k)

    and with LT = 0 for tokens of the purse, which are sold first. Where LT k >= h, or the venue
    costs too much, he keeps what he has.
    """
    a, row = own.account[n], own.behaviour[own.habit[n]]
    v, owner, target = s.account_vault[a], s.account_owner[a], row[TARGET]
    d = largest_debt(s, a)
    c = largest_collateral(s, a, d)
    if d < 0 or c < 0:
        return False
    h = health(s, a)
    missing = mul_div_up(h.debt_value, target, wad()) - div_down(h.weighted_collateral, BPS)
    if missing * HAIR <= h.debt_value:
        return False
    cost = _least_cost(s, v, c, d)
    weight = zero()
    if own.purse[n, c] == 0:
        weight = mul_div_up(cost, last_threshold(s, a, c, zero()), BPS)
    if weight >= target:
        return False
    price_c = oracle.read(s, v, c).price
    price_d = oracle.read(s, v, d).price
    owed = debt_value(debt_assets(s, a, d), price_d, s.unit[d])
    repaid = min(mul_div_up(missing, wad(), target - weight), owed)
    sold = mul_div_up(mul_div_up(repaid, cost, wad()), s.unit[c], price_c)
    sold = min(sold, _most_sold(s, v, c, d, row[SLIPPAGE]))
    if own.purse[n, c] == 0:
        take_out(s, own, n, c, min(sold, withdrawable(s, a, c, wad())))
    sold = min(sold, own.purse[n, c])
    if sold == 0 or _swap(s, own, n, c, d, sold) == 0:
        return False
    if op.repay(s, owner, a, d, own.purse[n, d]) != OK:
        return False
    paid = s.result[0]
    own.purse[n, d] -= paid
    w.tally[DELEVERAGED_VALUE] += value_of(w, s, k, d, paid)
    return True


@jitable
def increase(s: State, w: Market, k: int, own: Borrowers, n: int) -> bool:
    """Borrow more of the largest debt, buy the largest collateral with it and supply that; False if
    nothing more is to be done.

    Borrowing b and buying collateral for it: (W + LT b / k) / (D + b) = h, so

        b = (W - h D) / (h - LT / k)

    but no more than the borrow limit leaves before the purchase, sum LTV C - D, nor than buys what
    he may supply of the collateral, but a hair.
    """
    a, row = own.account[n], own.behaviour[own.habit[n]]
    v, owner, target = s.account_vault[a], s.account_owner[a], row[TARGET]
    d = largest_debt(s, a)
    c = largest_collateral(s, a, d)
    if d < 0 or c < 0:
        return False
    h = health(s, a)
    spare = div_down(h.weighted_collateral, BPS) - mul_div_up(h.debt_value, target, wad())
    room = div_down(room_below(h.weighted_limit, h.debt_value), BPS)
    if spare * HAIR <= h.debt_value or room * HAIR <= h.debt_value:
        return False
    cost = _least_cost(s, v, d, c)
    held = collateral_value(supplied_assets(s, a, c), oracle.read(s, v, c).price, s.unit[c])
    weight = mul_div_down(last_threshold(s, a, c, held) * wad(), wad(), cost * BPS)
    if weight < target:
        room = min(room, mul_div_down(spare, wad(), target - weight))
    price = oracle.read(s, v, d).price
    amount = min(mul_div_down(room, s.unit[d], price), hub.available(s, d))
    amount = min(amount, _most_sold(s, v, d, c, row[SLIPPAGE]))
    if s.reserve[v, c, CONCENTRATION] != 0:
        growth = mul_div_down(may_grow(s, a, c), HAIR - 1, HAIR)
        bought = collateral_value(growth, oracle.read(s, v, c).price, s.unit[c])
        amount = min(amount, mul_div_down(bought, s.unit[d], price))
    if amount == 0 or op.borrow(s, owner, a, d, amount) != OK:
        return False
    own.purse[n, d] += amount
    w.tally[LOOPED_VALUE] += value_of(w, s, k, d, amount)
    bought = _swap(s, own, n, d, c, amount)
    if bought == 0 or op.supply(s, owner, a, c, bought) != OK:
        return False
    own.purse[n, c] -= bought
    return True


@jitable
def may_grow(s: State, a: int, c: int) -> int:
    """Token units x by which collateral may grow where one account's share of it is limited: to the
    share m of what the vault has then, or to the floor F of its value, whichever is more:

        own + x <= m (total + x),    (own + x) price <= F
    """
    v = s.account_vault[a]
    row, own, most = s.reserve[v, c], s.position[a, c, SUPPLIED], s.reserve[v, c, CONCENTRATION]
    lent = row[REHYPOTHECATE] != 0
    total = s.spoke[v, c, ADDED_SHARES] if lent else s.spoke[v, c, ESCROWED]
    growth = div_down(max(total * most - own * BPS, zero()), max(BPS - most, 1))
    if lent:
        growth = hub.to_assets_down(s, c, growth)
    price = oracle.read(s, v, c).collateral_price
    value = collateral_value(supplied_assets(s, a, c), price, s.unit[c])
    left = max(row[CONCENTRATION_FLOOR] - value, zero())
    return max(growth, mul_div_down(left, s.unit[c], max(price, 1)))


@jitable
def withdrawable(s: State, a: int, c: int, least_health: int) -> int:
    """Token units of c that can be taken out while the debt stays within the borrow limit and the
    health at least `least_health`:

        x <= (sum LTV C - D) / LTV,    x <= (W - health D) / LT
    """
    v = s.account_vault[a]
    h = health(s, a)
    by_limit = room_below(h.weighted_limit, h.debt_value)
    by_health = h.weighted_collateral - mul_div_up(h.debt_value * BPS, least_health, wad())
    if by_limit <= 0 or by_health * HAIR <= h.debt_value * BPS:
        return zero()
    price = oracle.read(s, v, c).price
    amount, (lt, ltv) = supplied_assets(s, a, c), weigh(s, a, c, zero() + 1)
    if ltv > 0:
        amount = min(amount, mul_div_down(div_down(by_limit, ltv), s.unit[c], price))
    if lt > 0:
        amount = min(amount, mul_div_down(div_down(by_health, lt), s.unit[c], price))
    if s.reserve[v, c, REHYPOTHECATE] != 0:
        amount = min(amount, hub.available(s, c))
    return amount


@jitable
def take_out(s: State, own: Borrowers, n: int, c: int, amount: int) -> int:
    """Withdraw `amount` of c to the purse; what was taken."""
    a = own.account[n]
    if amount == 0:
        return zero()
    if amount == supplied_assets(s, a, c):
        amount = max_uint()  # everything: no share of rounding stays behind
    if op.withdraw(s, s.account_owner[a], a, c, amount) != OK:
        return zero()
    taken = s.result[0]
    own.purse[n, c] += taken
    return taken


@jitable
def _swap(s: State, own: Borrowers, n: int, i: int, j: int, amount: int) -> int:
    """Sell i from the purse for j, whatever it brings; what that is."""
    sold, bought = sell(s, s.account_owner[own.account[n]], i, j, amount, False)
    own.purse[n, i] -= sold
    own.purse[n, j] += bought
    return bought


@jitable
def _least_cost(s: State, v: int, i: int, j: int) -> int:
    """k of the first unit of i sold for j: where it costs least."""
    p = s.pair_of[i, j]
    least = _cost(s, v, p, side_of(s, p, i))
    p = s.next_pair[p]
    while p >= 0:
        least = min(least, _cost(s, v, p, side_of(s, p, i)))
        p = s.next_pair[p]
    return least


@jitable
def _cost(s: State, v: int, p: int, side: int) -> int:
    """k of the first unit sold, WAD, up."""
    token_in, token_out = s.pair_tokens[p, side], s.pair_tokens[p, 1 - side]
    price_in = oracle.read(s, v, token_in).price
    price_out = oracle.read(s, v, token_out).price
    paid = price_in * s.unit[token_out] * s.pair[p, RESERVE0 + side] * BPS
    got = price_out * s.unit[token_in] * s.pair[p, RESERVE1 - side] * (BPS - s.pair[p, FEE_BPS])
    return mul_div_up(paid, wad(), got)


@jitable
def _most_sold(s: State, v: int, i: int, j: int, slippage_bps: int) -> int:
    """Token units of i whose sale for j loses at most `slippage_bps` of their value at oracle
    prices, on each venue and so together.
    """
    if slippage_bps == BPS:
        return max_uint()
    most, p = zero(), s.pair_of[i, j]
    while p >= 0:
        side = side_of(s, p, i)
        most += _most_sold_on(s, p, side, _cost(s, v, p, side), slippage_bps)
        p = s.next_pair[p]
    return most


@jitable
def _most_sold_on(s: State, p: int, side: int, cost: int, slippage_bps: int) -> int:
    """The same on one venue."""
    keep = BPS - s.pair[p, FEE_BPS]
    worst = mul_div_down(wad() * BPS, wad(), (BPS - slippage_bps) * cost)  # to k, WAD
    if worst <= wad():
        return zero()
    reserve = s.pair[p, RESERVE0 + side]
    return mul_div_down(mul_div_down(reserve, BPS, keep), worst - wad(), wad())


@jitable
def room_below(limit: int, debt: int) -> int:
    """What is free below the borrow limit (USD x BPS), less a hair of the debt."""
    return limit - debt * BPS - mul_div_up(debt * BPS, 1, HAIR)
