"""Twin of `contracts/VaultDeleveraging.sol`: lenders who are stuck take collateral of the most
levered accounts instead.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol import hub, hub_share, insurance, oracle
from sim.protocol.errors import (
    ACCOUNT_HEALTHY,
    DELEVERAGING_OFF,
    HEALTH_WOULD_FALL,
    INSUFFICIENT_BALANCE,
    NO_DEBT,
    NOT_COLLATERAL,
    OK,
    PRICE_NOT_USABLE,
    SELF_LIQUIDATION,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import (
    BPS,
    collateral_value,
    exceeds,
    jitable,
    less,
    mul_div_down,
    wad,
    zero,
)
from sim.protocol.liquidation import Amounts, Pair, at_par, paid_up_to
from sim.protocol.soundness import RECOVERY_GAP
from sim.protocol.state import (
    ADL_MAX_HEALTH,
    ADL_ON_SINCE,
    ADL_RAMP,
    ADL_SEEN_AT,
    ADL_TARGET,
    ADL_TURNING_SINCE,
    ADL_USAGE,
    ADL_USAGE_FOR,
    BORROW_INDEX,
    CASH,
    DEFICIT,
    DEFICIT_OWED,
    IS_COLLATERAL,
    POSITION_DEBT,
    REHYPOTHECATE,
    SCALED_DEBT,
    SUPPLIED,
    WALLET,
    State,
)
from sim.protocol.vault_flags import Health, may_begin, see, stay_due
from sim.protocol.vault_health import ask_to_liquidate, health, poke
from sim.protocol.vault_positions import debt_assets, decrease_supplied, supplied_assets
from sim.protocol.vault_reserves import last_threshold


@jitable
def poke_deleveraging(s: State, v: int, i: int) -> int:
    """See whether a debt asset is strained, and turn its mode where that is due."""
    if s.adl[v, i, ADL_TARGET] == 0:
        return DELEVERAGING_OFF
    hub.accrue(s, i)
    note(s, v, i, see_strain(s, v, i))
    return OK


@jitable
def deleverage(
    s: State, actor: int, a: int, d: int, c: int, amount: int, pay_in_shares: int
) -> int:
    """Repay up to `amount` of debt `d` of a levered account for collateral `c` of equal value."""
    if actor == s.account_owner[a]:
        return SELF_LIQUIDATION
    v = s.account_vault[a]
    if s.adl[v, d, ADL_TARGET] == 0:
        return DELEVERAGING_OFF
    hub.accrue(s, d)
    seen = see_strain(s, v, d)
    if seen.on_since == 0 or not seen.strained:
        return DELEVERAGING_OFF
    hub.accrue(s, c)
    poke(s, a)
    h = health(s, a)
    if h.factor >= health_below(s, v, d, seen.on_since):
        return ACCOUNT_HEALTHY
    due = may_begin(s, a, h.factor)
    code, moved = legs(s, a, d, c, amount, h)
    if code != OK:
        return code
    supplied = moved.seized
    if s.reserve[v, c, REHYPOTHECATE] != 0:
        if moved.seized == supplied_assets(s, a, c):
            supplied = s.position[a, c, SUPPLIED]
        else:
            supplied = hub.to_shares_up(s, c, moved.seized)
    decrease_supplied(s, a, c, supplied)
    code = pay(s, actor, a, d, moved.repaid, pay_in_shares)
    if code != OK:
        return code
    if s.reserve[v, c, REHYPOTHECATE] != 0:
        code = hub.remove(s, v, c, moved.seized, supplied)
    else:
        code = hub.remove_escrow(s, v, c, moved.seized)
    if code != OK:
        return code
    s.holding[actor, c, WALLET] += moved.seized
    now = health(s, a)
    if exceeds(h.factor, now.factor):
        return HEALTH_WOULD_FALL
    see(s, a, now)
    if due:
        stay_due(s, a, now.factor)
    note(s, v, d, seen)
    s.result[0] = moved.repaid
    s.result[1] = moved.seized
    return OK


# --- internals ------------------------------------------------------------------------------------


class Strain(NamedTuple):
    """What is seen of a debt asset, and what follows for its mode."""

    strained: bool
    on_since: int
    """Timestamp, 0 where the mode is off."""
    turning_since: int
    """Timestamp of the first sighting in a row against the mode as it is, 0 if none was."""


@jitable
def see_strain(s: State, v: int, i: int) -> Strain:
    """Of an asset whose interest is booked. Not noted yet: a refused operation leaves no trace."""
    row, now = s.adl[v, i], s.clock[0]
    strained, lost = _strain(s, i, row[ADL_USAGE])
    fresh = now <= row[ADL_SEEN_AT] + RECOVERY_GAP
    on_since, since = zero(), zero()
    if fresh:
        on_since, since = row[ADL_ON_SINCE], row[ADL_TURNING_SINCE]
    on = on_since != 0
    if strained == on:
        since = zero()
    elif since == 0:
        since = now
    if since != 0 and (lost or now > since + row[ADL_USAGE_FOR]):
        since = zero()
        on_since = zero() if on else now
    return Strain(strained, on_since, since)


@jitable
def note(s: State, v: int, i: int, seen: Strain) -> None:
    """Keep what was seen."""
    s.adl[v, i, ADL_ON_SINCE] = seen.on_since
    s.adl[v, i, ADL_TURNING_SINCE] = seen.turning_since
    s.adl[v, i, ADL_SEEN_AT] = s.clock[0]


@jitable
def _strain(s: State, i: int, usage_bps: int) -> tuple[bool, bool]:
    """(whether lenders are stuck or lost and not made whole, whether the latter)."""
    uncovered = s.hub[i, DEFICIT] - s.hub[i, DEFICIT_OWED]
    if uncovered > 0 and insurance.assets_of(s, i) < uncovered:
        return True, True
    debt = hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX])
    return debt * BPS > usage_bps * (s.hub[i, CASH] + debt), False


@jitable
def health_below(s: State, v: int, i: int, on_since: int) -> int:
    """The health (WAD) below which accounts may be deleveraged: 1 + (max - 1) t / ramp, down."""
    row = s.adl[v, i]
    passed = s.clock[0] - on_since
    if passed >= row[ADL_RAMP]:
        return row[ADL_MAX_HEALTH]
    return wad() + mul_div_down(row[ADL_MAX_HEALTH] - wad(), passed, row[ADL_RAMP])


@jitable
def legs(s: State, a: int, d: int, c: int, amount: int, h: Health) -> tuple[int, Amounts]:
    """(code, what is repaid and taken) of up to `amount` of debt `d` for collateral `c`."""
    v = s.account_vault[a]
    nothing = Amounts(zero(), zero(), zero())
    if s.position[a, d, POSITION_DEBT] == 0:
        return NO_DEBT, nothing
    if s.position[a, c, IS_COLLATERAL] == 0:
        return NOT_COLLATERAL, nothing
    of_debt, of_collateral = oracle.read(s, v, d), oracle.read(s, v, c)
    if not (oracle.is_decided(of_debt) and of_collateral.usable):
        return PRICE_NOT_USABLE, nothing
    code = ask_to_liquidate(s, a, d, c, h.factor)
    if code != OK:
        return code, nothing
    price_collateral = of_collateral.collateral_price
    if d == c:  # a token pays for itself whatever it is worth
        price_collateral = of_debt.debt_price
    cash = zero()
    if s.reserve[v, c, REHYPOTHECATE] != 0:
        cash = hub.available(s, c)
    p = Pair(
        debt=debt_assets(s, a, d),
        collateral=supplied_assets(s, a, c),
        price_debt=of_debt.debt_price,
        unit_debt=s.unit[d],
        price_collateral=price_collateral,
        unit_collateral=s.unit[c],
        cash=cash,
    )
    target = s.adl[v, d, ADL_TARGET]
    backing = collateral_value(p.collateral, p.price_collateral, p.unit_collateral)
    lt = last_threshold(s, a, c, backing)
    most = paid_up_to(p, h.factor, h.debt_value, lt, target)
    code, moved = at_par(min(amount, p.debt, most), p)
    if code != OK:
        return code, nothing
    if moved.repaid == 0 or moved.seized == 0:
        return ZERO_AMOUNT, nothing
    return OK, moved


@jitable
def pay(s: State, actor: int, a: int, d: int, repaid: int, in_shares: int) -> int:
    """Take the repayment from the actor, in tokens or in hub shares, and book it."""
    v, owed = s.account_vault[a], s.position[a, d, POSITION_DEBT]
    if in_shares != 0:
        shares = hub.to_shares_up(s, d, repaid)
        code = hub_share.hand_over(s, actor, d, v, shares)
        if code != OK:
            return code
        s.result[2] = shares
        code, scaled = hub.restore_with_shares(s, v, d, repaid, shares, owed)
    else:
        if s.holding[actor, d, WALLET] < repaid:
            return INSUFFICIENT_BALANCE
        s.holding[actor, d, WALLET] -= repaid
        code, scaled = hub.restore(s, v, d, repaid, owed)
    if code == OK:
        s.position[a, d, POSITION_DEBT] = less(owed, scaled)
    return code
