"""Borrowers who react: they look at their accounts now and then, and act some time later if they
still want to.

Each looks every `review` seconds. Where the health is beyond his trigger he waits `delay` seconds,
looks again and, if it still is, acts (top-up, deleverage, loop or withdraw); then he goes on
looking. Who waits for a margin call does not look before there is one: he acts `delay` seconds
after it, and again every `review` seconds while it stands. He goes by the protocol's own prices and
does nothing while they are not usable. Accounts without debt have no health and are left alone. A
refused operation ends his action; what he has in hand by then he keeps in his purse for the next.

In all formulas C is the collateral in question, LT its threshold, D the debt, W = sum LT C over all
collaterals, h the health he wants; values in USD.

Of a token of another chain the purse of who tops up lies there: he sends what he is short of, and
supplies it when it arrives, if he is short of it then (`sim.agents.relayer`).
"""

from __future__ import annotations

from sim.agents import leverage, relayer
from sim.agents.habits import (
    BEHAVES,
    DELAY,
    DELEVERAGE,
    LOOP,
    ON_CALL,
    REVIEW,
    ROUNDS,
    TARGET,
    TOP_UP,
    TRIGGER,
    Borrowers,
)
from sim.agents.largest import largest_collateral
from sim.health.levels import SLACK, estimate
from sim.health.watchers import look_at
from sim.market import feeds
from sim.market.costs import value_of
from sim.market.market import (
    CALLS_ANSWERED,
    FACTOR,
    TAKEN_OUT_VALUE,
    TOPPED_UP_VALUE,
    USABLE,
    Market,
)
from sim.protocol import operations as op
from sim.protocol import oracle
from sim.protocol.errors import OK
from sim.protocol.fixed_point import (
    BPS,
    jitable,
    mul_div_up,
    mul_div_whole,
    wad,
    zero,
)
from sim.protocol.state import CALLED_AT, IS_COLLATERAL, State
from sim.protocol.vault_accounts import collateral_value, health, supplied_assets
from sim.protocol.vault_flags import is_called
from sim.protocol.vault_reserves import last_threshold


@jitable
def act(s: State, w: Market, k: int, own: Borrowers) -> None:
    """Everyone whose look or action is due, in order of account."""
    bridged = w.bridges.asset.shape[0] > 0
    for n in range(own.account.shape[0]):
        if bridged and w.bridges.arrived[own.account[n]] != 0:
            _supply_what_arrived(s, w, k, own, n)
        if s.clock[0] >= own.due[n] and _knows(s, own, n):
            _look(s, w, k, own, n)


@jitable
def _knows(s: State, own: Borrowers, n: int) -> bool:
    """Whether there is anything to look at: for who waits for a call, one that he had time for."""
    a, row = own.account[n], own.behaviour[own.habit[n]]
    if row[ON_CALL] == 0:
        return True
    return bool(is_called(s, a) and s.clock[0] >= s.account[a, CALLED_AT] + row[DELAY])


@jitable
def _look(s: State, w: Market, k: int, own: Borrowers, n: int) -> None:
    """Look; decide to act, act, or go on looking."""
    a, row = own.account[n], own.behaviour[own.habit[n]]
    beyond = not _is_clearly_not(s, w, own, n)
    if beyond:
        look_at(s, w, a)
        beyond = _is_beyond(w, k, own, n)
    if beyond and own.waiting[n] == 0 and row[DELAY] > 0 and row[ON_CALL] == 0:
        own.waiting[n] = 1
        own.due[n] = s.clock[0] + row[DELAY]
        return
    if beyond:
        called = is_called(s, a)
        _react(s, w, k, own, n)
        look_at(s, w, a)
        if called and not is_called(s, a):
            w.tally[CALLS_ANSWERED] += 1
    own.waiting[n] = 0
    missed = mul_div_whole(s.clock[0] - own.due[n], 1, row[REVIEW])
    own.due[n] += (missed + 1) * row[REVIEW]


@jitable
def _is_beyond(w: Market, k: int, own: Borrowers, n: int) -> bool:
    """Whether the health last seen is one that the borrower acts on."""
    watch, row = w.watchers.watch[own.account[n]], own.behaviour[own.habit[n]]
    if watch[USABLE] == 0 or (row[BEHAVES] == LOOP and feeds.in_grace(w, k)):
        return False
    if row[BEHAVES] == TOP_UP or row[BEHAVES] == DELEVERAGE:
        return watch[FACTOR] < row[TRIGGER]
    return watch[FACTOR] > row[TRIGGER]


@jitable
def _is_clearly_not(s: State, w: Market, own: Borrowers, n: int) -> bool:
    """Whether an estimate tells that the health is none that the borrower acts on."""
    factor, row = estimate(s, w, own.account[n]), own.behaviour[own.habit[n]]
    trigger = float(row[TRIGGER]) / float(wad())
    if row[BEHAVES] == TOP_UP or row[BEHAVES] == DELEVERAGE:
        return factor > trigger * (1 + SLACK)
    return 0 < factor < trigger * (1 - SLACK)


@jitable
def _react(s: State, w: Market, k: int, own: Borrowers, n: int) -> None:
    row = own.behaviour[own.habit[n]]
    if row[BEHAVES] == TOP_UP:
        _top_up(s, w, k, own, n, True)
    elif row[BEHAVES] == DELEVERAGE:
        for _ in range(int(row[ROUNDS])):
            if not leverage.reduce(s, w, k, own, n):
                return
    elif row[BEHAVES] == LOOP:
        for _ in range(int(row[ROUNDS])):
            if not leverage.increase(s, w, k, own, n):
                return
    else:
        _withdraw(s, w, k, own, n)


@jitable
def _supply_what_arrived(s: State, w: Market, k: int, own: Borrowers, n: int) -> None:
    """Look at the account, and top it up with what is here by now."""
    a = own.account[n]
    w.bridges.arrived[a] = 0
    look_at(s, w, a)
    watch, called = w.watchers.watch[a], is_called(s, a)
    if watch[USABLE] == 0 or watch[FACTOR] >= own.behaviour[own.habit[n], TARGET]:
        return
    _top_up(s, w, k, own, n, False)
    look_at(s, w, a)
    if called and not is_called(s, a):
        w.tally[CALLS_ANSWERED] += 1


@jitable
def _top_up(s: State, w: Market, k: int, own: Borrowers, n: int, sends: bool) -> None:
    """Supply what is missing of the assets that back the account already, as far as the purse goes,
    which of a token of another chain is what is here; `sends`: and more is sent for.

    (W + LT x) / D = h, so x = (h D - W) / LT
    """
    a, target = own.account[n], own.behaviour[own.habit[n], TARGET]
    v = s.account_vault[a]
    for i in range(s.unit.shape[0]):
        b = w.bridges.place[i] if w.bridges.asset.shape[0] > 0 else -1
        there = w.bridges.in_hand[a, b] if b >= 0 else zero()
        if s.position[a, i, IS_COLLATERAL] == 0 or own.purse[n, i] + there == 0:
            continue
        price = oracle.read(s, v, i).price
        held = collateral_value(supplied_assets(s, a, i), price, s.unit[i])
        lt = last_threshold(s, a, i, held)
        if lt == 0:
            continue
        h = health(s, a)
        missing = mul_div_up(h.debt_value * BPS, target, wad()) - h.weighted_collateral
        if missing * leverage.HAIR <= h.debt_value * BPS:
            return
        amount = mul_div_up(mul_div_up(missing, 1, lt), s.unit[i], price)
        if b >= 0:
            amount = relayer.fetch(s, w, k, own, n, b, amount, sends)
            if amount == 0:
                continue
        else:
            amount = min(amount, own.purse[n, i])
        if op.supply(s, s.account_owner[a], a, i, amount) == OK:
            if b >= 0:
                w.bridges.in_hand[a, b] -= amount
            else:
                own.purse[n, i] -= amount
            w.tally[TOPPED_UP_VALUE] += value_of(w, s, k, i, amount)


@jitable
def _withdraw(s: State, w: Market, k: int, own: Borrowers, n: int) -> None:
    """Take the largest collateral out until the health is the one wanted, or the vault or its cash
    gives no more: (W - LT x) / D = h.
    """
    a, target = own.account[n], own.behaviour[own.habit[n], TARGET]
    c = largest_collateral(s, a, -1)
    if c < 0:
        return
    room = leverage.withdrawable(s, a, c, target)
    taken = leverage.take_out(s, own, n, c, room)
    w.tally[TAKEN_OUT_VALUE] += value_of(w, s, k, c, taken)
