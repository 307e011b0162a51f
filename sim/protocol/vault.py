"""Twin of `contracts/VaultLiquidation.sol`, with whose code a vault liquidates and writes off.

How much an engine lets a liquidator repay, and for what, is in `liquidation.py`. Other protocols'
figures are held against `vault.collateral_value`, `vault.debt_value` and `vault.health_factor`, so
these three functions have that name too.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol import hub, hub_losses, oracle
from sim.protocol.errors import (
    ACCOUNT_HEALTHY,
    ALREADY_CALLED,
    ALREADY_FLAGGED,
    COLLATERAL_REMAINS,
    DELAY_NOT_PASSED,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_COLLATERAL_OUT,
    NO_DEBT,
    NOT_CALLED,
    NOT_COLLATERAL,
    NOT_FLAGGED,
    OK,
    PRICE_NOT_USABLE,
    SELF_LIQUIDATION,
    UNHEALTHY,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import (
    BPS,
    collateral_value,
    debt_value,
    inlined,
    jitable,
    mul_div_down,
    wad,
    zero,
)
from sim.protocol.liquidation import Context, Pair, fitting, quote
from sim.protocol.soundness import RECOVERY_HEALTH_BPS, THIN_AUCTION
from sim.protocol.state import (
    CALLED_AT,
    DUST_VALUE,
    FLAGGED_AT,
    IS_COLLATERAL,
    LIQUIDATION_FEE,
    MARGIN_CALL_HEALTH,
    MIN_BONUS,
    POSITION_DEBT,
    REHYPOTHECATE,
    SUPPLIED,
    THIN_FOR,
    WALLET,
    State,
)
from sim.protocol.vault_flags import (
    Health,
    Standing,
    begin_flag,
    delay_passed,
    end_call,
    end_flag,
    is_called,
    is_flagged,
    is_thin,
    see,
    standing,
    stay_due,
    thin_for,
)
from sim.protocol.vault_health import ask_to_liquidate, health, is_due, poke, see_healed
from sim.protocol.vault_health import health_factor as health_factor
from sim.protocol.vault_health import is_liquidatable as is_liquidatable
from sim.protocol.vault_positions import (
    burn_debt,
    debt_assets,
    decrease_supplied,
    increase_supplied,
    supplied_assets,
)
from sim.protocol.vault_reserves import last_threshold, max_bonus


@jitable
def flag(s: State, a: int) -> int:
    """Start the liquidation delay of an unhealthy account; of a flagged one that is not recovered,
    end the row of sightings of its recovery, or note that it is due and thin.
    """
    poke(s, a)
    h = health(s, a)
    flagged = is_flagged(s, a)
    if h.factor * BPS >= (RECOVERY_HEALTH_BPS if flagged else BPS) * wad():
        return ACCOUNT_HEALTHY
    if not flagged:
        begin_flag(s, a)
    if not see(s, a, h) and flagged:
        return ALREADY_FLAGGED
    return OK


@jitable
def unflag(s: State, a: int) -> int:
    """A sighting of the recovery of a flagged account, if every price of it is usable."""
    if not is_flagged(s, a):
        return NOT_FLAGGED
    poke(s, a)
    h = health(s, a)
    if not h.prices_usable:
        return PRICE_NOT_USABLE
    if h.factor * BPS < RECOVERY_HEALTH_BPS * wad():
        return UNHEALTHY
    see(s, a, h)
    return OK


@jitable
def margin_call(s: State, a: int) -> int:
    """Call for margin: of an account that is healthy, but below the health of calls."""
    poke(s, a)
    h = health(s, a)
    if h.factor < wad():
        return UNHEALTHY
    if h.factor >= s.policy[s.account_vault[a], MARGIN_CALL_HEALTH]:
        return ACCOUNT_HEALTHY
    if is_called(s, a):
        return ALREADY_CALLED
    s.account[a, CALLED_AT] = s.clock[0]
    see(s, a, h)
    return OK


@jitable
def end_margin_call(s: State, a: int) -> int:
    """End the call of an account that is at the health of calls or above, if every price of it is
    usable.
    """
    if not is_called(s, a):
        return NOT_CALLED
    poke(s, a)
    h = health(s, a)
    if not h.prices_usable:
        return PRICE_NOT_USABLE
    if h.factor < s.policy[s.account_vault[a], MARGIN_CALL_HEALTH]:
        return UNHEALTHY
    see(s, a, h)
    return OK


@jitable
def liquidate(
    s: State,
    actor: int,
    a: int,
    d: int,
    c: int,
    repay_amount: int,
    min_out: int,
    receive_shares: int,
) -> int:
    """Repay debt `d` from the actor's wallet for collateral `c`, to the wallet or as a position."""
    if actor == s.account_owner[a]:
        return SELF_LIQUIDATION
    hub.accrue(s, d)
    hub.accrue(s, c)
    poke(s, a)
    t = terms(s, a, d, c, repay_amount, receive_shares)
    if t.code != OK:
        return t.code
    out = t.seized - t.fee
    if out < min_out:
        return INSUFFICIENT_COLLATERAL_OUT
    code = seize(s, actor, a, c, t, receive_shares)
    if code != OK:
        return code
    if receive_shares == 0:
        s.holding[actor, c, WALLET] += out
    if s.holding[actor, d, WALLET] < t.repaid:
        return INSUFFICIENT_BALANCE
    s.holding[actor, d, WALLET] -= t.repaid
    s.result[0] = t.repaid
    s.result[1] = out
    return settle(s, a, d, t.repaid)


@jitable
def write_off(s: State, a: int) -> int:
    """Write off the debts of an unhealthy account whose collateral is below the dust line and below
    what it owes, also at the prices accepted last.
    """
    poke(s, a)
    h = health(s, a)
    if h.factor >= wad():
        return ACCOUNT_HEALTHY
    if not _is_beyond_hope(s, a, h):
        return COLLATERAL_REMAINS
    last = 0
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0 or s.position[a, i, POSITION_DEBT] != 0:
            last = i
    code = ask_to_liquidate(s, a, last, -1, h.factor)
    if code != OK:
        return code
    return _write_off_all(s, a, h)


# --- internals ------------------------------------------------------------------------------------


@inlined
def _is_beyond_hope(s: State, a: int, h: Health) -> bool:
    dust = s.policy[s.account_vault[a], DUST_VALUE]
    return h.forfeit_value < dust and h.forfeit_value < h.debt_value


class Terms(NamedTuple):
    """What a liquidation would move, or the code of why it would be refused."""

    code: int
    repaid: int
    """Debt units."""
    seized: int
    """Collateral units, fee included."""
    fee: int
    """Collateral units."""


@jitable
def terms(s: State, a: int, d: int, c: int, repay_amount: int, receive_shares: int) -> Terms:
    """Of liquidating up to `repay_amount` of debt `d` for collateral `c` now."""
    h = health(s, a)
    if h.factor >= wad():
        return _refused(ACCOUNT_HEALTHY)
    if not delay_passed(s, a, h.factor):
        return _refused(DELAY_NOT_PASSED)
    see(s, a, h)
    cash = zero()
    if receive_shares == 0 and s.reserve[s.account_vault[a], c, REHYPOTHECATE] != 0:
        cash = hub.available(s, c)
    return terms_at(s, a, d, c, repay_amount, cash, standing(h))


@jitable
def terms_at(
    s: State,
    a: int,
    d: int,
    c: int,
    repay_amount: int,
    cash: int,
    h: Standing,
) -> Terms:
    """`terms` of an account known to be liquidatable as it stands, and no more than `cash` pays out
    unless it is 0.
    """
    v = s.account_vault[a]
    if s.position[a, d, POSITION_DEBT] == 0:
        return _refused(NO_DEBT)
    if s.position[a, c, IS_COLLATERAL] == 0:
        return _refused(NOT_COLLATERAL)

    of_debt, of_collateral = oracle.read(s, v, d), oracle.read(s, v, c)
    if not (oracle.is_decided(of_debt) and of_collateral.usable):
        return _refused(PRICE_NOT_USABLE)
    code = ask_to_liquidate(s, a, d, c, h.factor)
    if code != OK:
        return _refused(code)
    price_collateral = of_collateral.collateral_price
    if d == c:  # a token pays for itself whatever it is worth
        price_collateral = of_debt.debt_price
    p = Pair(
        debt=debt_assets(s, a, d),
        collateral=supplied_assets(s, a, c),
        price_debt=of_debt.debt_price,
        unit_debt=s.unit[d],
        price_collateral=price_collateral,
        unit_collateral=s.unit[c],
        cash=cash,
    )
    seconds_flagged, seconds_thin = zero(), zero()
    if is_flagged(s, a):
        seconds_flagged = s.clock[0] - s.account[a, FLAGGED_AT]
        seconds_thin = s.account[a, THIN_FOR]
        if seconds_thin != THIN_AUCTION:
            seconds_thin = thin_for(s, a, is_thin(s, a, h))
        seconds_thin = min(seconds_thin, of_debt.for_sale_for, of_collateral.for_sale_for)
    most = max_bonus(s, a, c)
    backing = collateral_value(p.collateral, p.price_collateral, p.unit_collateral)
    context = Context(
        health_factor=h.factor,
        pair_debt=p.debt,
        pair_debt_value=debt_value(p.debt, p.price_debt, p.unit_debt),
        pair_collateral_value=backing,
        total_debt_value=h.debt_value,
        usable_collateral_value=h.usable_value,
        price_debt=p.price_debt,
        unit_debt=p.unit_debt,
        price_collateral=p.price_collateral,
        unit_collateral=p.unit_collateral,
        lt_bps=last_threshold(s, a, c, backing),
        min_bonus_bps=min(s.reserve[v, c, MIN_BONUS], most),
        max_bonus_bps=most,
        seconds_flagged=seconds_flagged,
        seconds_thin=seconds_thin,
    )
    max_repay, bonus = quote(s, v, context)
    fee = s.reserve[v, c, LIQUIDATION_FEE]
    code, moved = fitting(min(repay_amount, max_repay), p, bonus, fee)
    if code != OK:
        return _refused(code)
    if moved.repaid == 0 or moved.seized == moved.fee:
        return _refused(ZERO_AMOUNT)
    return Terms(OK, moved.repaid, moved.seized, moved.fee)


@inlined
def _refused(code: int) -> Terms:
    return Terms(code, zero(), zero(), zero())


@jitable
def seize(s: State, actor: int, a: int, c: int, t: Terms, receive_shares: int) -> int:
    """Take `t.seized` from the borrower: the fee to the protocol, the rest released (or booked as a
    position).

    Where collateral is shares, the liquidator's part is cut out first; what is left, rounding
    included, is the fee.
    """
    v = s.account_vault[a]
    lent = s.reserve[v, c, REHYPOTHECATE] != 0
    out = t.seized - t.fee
    supplied, to_liquidator = t.seized, out
    if lent:
        if t.seized == supplied_assets(s, a, c):
            supplied = s.position[a, c, SUPPLIED]
        else:
            supplied = hub.to_shares_up(s, c, t.seized)
        if receive_shares != 0:
            to_liquidator = hub.to_shares_down(s, c, out)
        else:
            to_liquidator = hub.to_shares_up(s, c, out)
    decrease_supplied(s, a, c, supplied)
    if supplied - to_liquidator > 0:
        code = _add_fee(s, v, c, supplied - to_liquidator)
        if code != OK:
            return code
    if receive_shares != 0:
        if to_liquidator == 0:
            return ZERO_AMOUNT
        own = s.own_account[v, actor]
        if own < 0:
            raise ValueError("a liquidator that takes shares needs an account row in the vault")
        due = is_due(s, own)
        increase_supplied(s, own, c, to_liquidator)
        see_healed(s, own, due)
        return OK
    if lent:
        return hub.remove(s, v, c, out, to_liquidator)
    return hub.remove_escrow(s, v, c, out)


@jitable
def settle(s: State, a: int, d: int, repaid: int) -> int:
    """Book a repayment already taken from the liquidator, and what follows from it."""
    code = burn_debt(s, a, d, repaid)
    if code != OK:
        return code
    h = health(s, a)
    if h.factor < wad() and _is_beyond_hope(s, a, h):
        return _write_off_all(s, a, h)
    see(s, a, h)
    stay_due(s, a, h.factor)
    return OK


@jitable
def _add_fee(s: State, v: int, i: int, supplied: int) -> int:
    if s.reserve[v, i, REHYPOTHECATE] != 0:
        return hub.add_fee(s, v, i, supplied)
    return hub.add_fee_from_escrow(s, v, i, supplied)


@jitable
def _write_off_all(s: State, a: int, h: Health) -> int:
    """Hand what collateral is left to the protocol, which pays for it to who bears the debts;
    report every debt as unpayable.
    """
    for i in range(s.unit.shape[0]):
        if s.position[a, i, IS_COLLATERAL] != 0:
            supplied = s.position[a, i, SUPPLIED]
            decrease_supplied(s, a, i, supplied)
            code = _add_fee(s, s.account_vault[a], i, supplied)
            if code != OK:
                return code
    for i in range(s.unit.shape[0]):
        scaled = s.position[a, i, POSITION_DEBT]
        if scaled != 0:
            worth = mul_div_down(hub.debt_of(s, i, scaled), h.forfeit_value, h.debt_value)
            code, _ = hub_losses.report_deficit(s, s.account_vault[a], i, scaled, worth)
            if code != OK:
                return code
            s.position[a, i, POSITION_DEBT] = zero()
    end_flag(s, a)
    end_call(s, a)
    return OK
