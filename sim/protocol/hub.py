"""Twin of `contracts/HubLedger.sol`: cash, debt and shares of every asset; who bears its losses is
in `hub_losses.py`.

`spoke` is the calling vault's row, or the last row for the public share tokens. Functions that may
be refused return a code of `sim.protocol.errors`; the transaction that called them then undoes
everything.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.errors import (
    AMOUNT_TOO_LARGE,
    DRAW_CAP_EXCEEDED,
    INSUFFICIENT_CASH,
    INSUFFICIENT_SHARES,
    OK,
    OUTFLOW_LIMITED,
    SPOKE_HALTED,
    SPOKE_NOT_ACTIVE,
    UNFAIR_SHARES,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import (
    BPS,
    borrow_rate,
    div_down,
    exceeds,
    growth_factor,
    inlined,
    jitable,
    less,
    max_amount,
    max_index,
    max_shares,
    mul_div_down,
    mul_div_half,
    mul_div_up,
    ray,
    zero,
)
from sim.protocol.state import (
    ACTIVE,
    ADDED_SHARES,
    BASE_RATE,
    BORROW_INDEX,
    BORROW_RATE,
    CAPACITY,
    CASH,
    COVERED_BY_FEES,
    DEFICIT,
    DEFICIT_OWED,
    DEFICIT_SINCE,
    DRAW_CAP,
    DRAWN_SCALED,
    ESCROW,
    ESCROWED,
    FEE_REMAINDER,
    FEE_SHARES,
    FLOOR_AMOUNT,
    HALTED,
    LAST_ACCRUAL,
    LEVEL,
    LEVEL_AT,
    OPTIMAL_USAGE,
    OUTFLOW_LIMIT,
    REPORTED_DEFICIT,
    RESERVE_FACTOR,
    SCALED_DEBT,
    SLOPE1,
    SLOPE2,
    TOTAL_SHARES,
    WINDOW,
    State,
)
from sim.protocol.units import SHARES_OF_A_LOST_POOL

VIRTUAL_SHARES, VIRTUAL_ASSETS = 1_000_000, 1
"""Shares and assets that exist from the start and are nobody's: no first depositor is diluted, and
claims exceed what is there by less than a unit, whatever was lost and whatever the decimals."""


# --- interest -------------------------------------------------------------------------------------


@jitable
def accrue(s: State, i: int) -> None:
    """Book interest once per timestamp, before anything else touches the asset."""
    if s.hub[i, LAST_ACCRUAL] == s.clock[0]:
        return
    now = preview(s, i)
    s.hub[i, BORROW_INDEX] = now.borrow_index
    s.hub[i, TOTAL_SHARES] = now.total_shares
    s.hub[i, FEE_SHARES] = now.fee_shares
    s.hub[i, FEE_REMAINDER] = now.fee_remainder
    s.hub[i, LAST_ACCRUAL] = s.clock[0]
    if now.recovered != 0:
        recover(s, i, now.recovered)


# --- supply side ----------------------------------------------------------------------------------


@jitable
def add(s: State, spoke: int, i: int, assets: int, shares: int) -> int:
    """Book `assets` already moved in for `shares`, at most their worth rounded down."""
    accrue(s, i)
    if not _may_add(s, spoke, i):
        return SPOKE_NOT_ACTIVE
    if assets == 0 or shares == 0:
        return ZERO_AMOUNT
    if assets >= max_amount() or s.hub[i, CASH] + assets >= max_amount():
        return AMOUNT_TOO_LARGE
    if shares >= max_shares() or s.hub[i, TOTAL_SHARES] + shares >= max_shares():
        return AMOUNT_TOO_LARGE
    if exceeds(shares, to_shares_down(s, i, assets)):
        return UNFAIR_SHARES
    _put_in(s, i, assets)
    s.hub[i, TOTAL_SHARES] += shares
    s.spoke[spoke, i, ADDED_SHARES] += shares
    update_rate(s, i)
    return OK


@jitable
def remove(s: State, spoke: int, i: int, assets: int, shares: int) -> int:
    """Release `assets` for `shares`, at least their worth rounded up. The caller books the
    receiver's wallet.
    """
    accrue(s, i)
    if assets == 0 or shares == 0:
        return ZERO_AMOUNT
    if exceeds(shares, s.spoke[spoke, i, ADDED_SHARES]):
        return INSUFFICIENT_SHARES
    if exceeds(to_shares_up(s, i, assets), shares):
        return UNFAIR_SHARES
    code = take_out(s, i, assets)
    if code != OK:
        return code
    s.hub[i, TOTAL_SHARES] = less(s.hub[i, TOTAL_SHARES], shares)
    s.spoke[spoke, i, ADDED_SHARES] = less(s.spoke[spoke, i, ADDED_SHARES], shares)
    update_rate(s, i)
    return OK


@jitable
def add_escrow(s: State, spoke: int, i: int, assets: int) -> int:
    """Book `assets` already moved in as held for the spoke and never lent."""
    accrue(s, i)
    if not _may_add(s, spoke, i):
        return SPOKE_NOT_ACTIVE
    if assets == 0:
        return ZERO_AMOUNT
    if assets >= max_amount() or s.hub[i, ESCROW] + assets >= max_amount():
        return AMOUNT_TOO_LARGE
    s.hub[i, ESCROW] += assets
    s.spoke[spoke, i, ESCROWED] += assets
    return OK


@jitable
def remove_escrow(s: State, spoke: int, i: int, assets: int) -> int:
    """Release escrowed `assets`. The caller books the receiver's wallet."""
    if assets == 0:
        return ZERO_AMOUNT
    if exceeds(assets, s.spoke[spoke, i, ESCROWED]):
        return INSUFFICIENT_SHARES
    s.hub[i, ESCROW] = less(s.hub[i, ESCROW], assets)
    s.spoke[spoke, i, ESCROWED] = less(s.spoke[spoke, i, ESCROWED], assets)
    return OK


@jitable
def add_fee(s: State, spoke: int, i: int, shares: int) -> int:
    """Turn shares of the spoke into protocol fees."""
    accrue(s, i)
    if exceeds(shares, s.spoke[spoke, i, ADDED_SHARES]):
        return INSUFFICIENT_SHARES
    s.spoke[spoke, i, ADDED_SHARES] = less(s.spoke[spoke, i, ADDED_SHARES], shares)
    s.hub[i, FEE_SHARES] += shares
    return OK


@jitable
def add_fee_from_escrow(s: State, spoke: int, i: int, assets: int) -> int:
    """Turn escrowed tokens of the spoke into cash and protocol fee shares, down."""
    accrue(s, i)
    if exceeds(assets, s.spoke[spoke, i, ESCROWED]):
        return INSUFFICIENT_SHARES
    shares = _fee_for(assets, s.hub[i, TOTAL_SHARES], total_assets(s, i))
    s.spoke[spoke, i, ESCROWED] = less(s.spoke[spoke, i, ESCROWED], assets)
    s.hub[i, ESCROW] = less(s.hub[i, ESCROW], assets)
    s.hub[i, CASH] += assets
    s.hub[i, TOTAL_SHARES] += shares
    s.hub[i, FEE_SHARES] += shares
    update_rate(s, i)
    return OK


# --- debt side ------------------------------------------------------------------------------------


@jitable
def draw(s: State, spoke: int, i: int, assets: int) -> tuple[int, int]:
    """(code, scaled debt booked, up) of lending `assets`; the caller books the wallet."""
    accrue(s, i)
    if s.spoke[spoke, i, ACTIVE] == 0:
        return SPOKE_NOT_ACTIVE, zero()
    if s.spoke[spoke, i, HALTED] != 0:
        return SPOKE_HALTED, zero()
    if assets == 0:
        return ZERO_AMOUNT, zero()
    code = take_out(s, i, assets)
    if code != OK:
        return code, zero()
    scaled = mul_div_up(assets, ray(), s.hub[i, BORROW_INDEX])
    if s.hub[i, SCALED_DEBT] + scaled >= max_amount():
        return AMOUNT_TOO_LARGE, zero()
    s.hub[i, SCALED_DEBT] += scaled
    s.spoke[spoke, i, DRAWN_SCALED] += scaled
    drawn = debt_at(s.spoke[spoke, i, DRAWN_SCALED], s.hub[i, BORROW_INDEX])
    if drawn + s.spoke[spoke, i, REPORTED_DEFICIT] > s.spoke[spoke, i, DRAW_CAP]:
        return DRAW_CAP_EXCEEDED, zero()
    update_rate(s, i)
    return OK, scaled


@jitable
def restore(s: State, spoke: int, i: int, assets: int, max_scaled: int) -> tuple[int, int]:
    """(code, scaled debt burnt) for `assets` already moved in: all of `max_scaled` if they pay it
    up, else down.
    """
    accrue(s, i)
    code, scaled = _burn_debt(s, spoke, i, assets, max_scaled)
    if code != OK:
        return code, zero()
    _put_in(s, i, assets)
    update_rate(s, i)
    return OK, scaled


@jitable
def give(s: State, spoke: int, i: int, to: int, shares: int) -> int:
    """Hand shares of the spoke to another one."""
    accrue(s, i)
    if shares == 0:
        return ZERO_AMOUNT
    if exceeds(shares, s.spoke[spoke, i, ADDED_SHARES]):
        return INSUFFICIENT_SHARES
    s.spoke[spoke, i, ADDED_SHARES] = less(s.spoke[spoke, i, ADDED_SHARES], shares)
    s.spoke[to, i, ADDED_SHARES] += shares
    return OK


@jitable
def restore_with_shares(
    s: State, spoke: int, i: int, assets: int, shares: int, max_scaled: int
) -> tuple[int, int]:
    """(code, scaled debt burnt) for `shares` of the spoke, at least what `assets` cost: no cash
    moves.
    """
    accrue(s, i)
    if exceeds(shares, s.spoke[spoke, i, ADDED_SHARES]):
        return INSUFFICIENT_SHARES, zero()
    if exceeds(to_shares_up(s, i, assets), shares):
        return UNFAIR_SHARES, zero()
    code, scaled = _burn_debt(s, spoke, i, assets, max_scaled)
    if code != OK:
        return code, zero()
    s.hub[i, TOTAL_SHARES] = less(s.hub[i, TOTAL_SHARES], shares)
    s.spoke[spoke, i, ADDED_SHARES] = less(s.spoke[spoke, i, ADDED_SHARES], shares)
    update_rate(s, i)
    return OK, scaled


# --- views ----------------------------------------------------------------------------------------


@inlined
def available(s: State, i: int) -> int:
    """What can leave now, token units: the bound of `remove`, `draw` and `claim_fees`. The cash, or
    what the outflow limit lets out if that is less.
    """
    if s.outflow[i, WINDOW] == 0:
        return s.hub[i, CASH]
    level, capacity = bucket(s, i)
    return min(s.hub[i, CASH], max(capacity - level, zero()))


@jitable
def room(s: State, i: int) -> int:
    """The most that can be added, whatever spokes may, token units."""
    now = preview(s, i)
    backing = _backing(now.total_shares, now.total_assets)
    shares = less(max_shares() - 1, now.total_shares)
    most = mul_div_down(shares, backing, now.total_shares + VIRTUAL_SHARES)
    return min(max(max_amount() - 1 - s.hub[i, CASH], zero()), most)


@inlined
def to_assets_down(s: State, i: int, shares: int) -> int:
    """Assets for shares, interest to now included, down."""
    now = preview(s, i)
    held, total = now.total_assets + VIRTUAL_ASSETS, now.total_shares + VIRTUAL_SHARES
    return mul_div_down(shares, held, total)


@jitable
def to_assets_up(s: State, i: int, shares: int) -> int:
    """Assets to be paid for new shares, interest to now included, up."""
    now = preview(s, i)
    backing = _backing(now.total_shares, now.total_assets)
    return mul_div_up(shares, backing, now.total_shares + VIRTUAL_SHARES)


@jitable
def to_shares_down(s: State, i: int, assets: int) -> int:
    """New shares for assets, interest to now included, down: at most 1e12 for a unit."""
    now = preview(s, i)
    return _minted(assets, now.total_shares, now.total_assets)


@jitable
def to_shares_up(s: State, i: int, assets: int) -> int:
    """Shares for assets, interest to now included, up."""
    now = preview(s, i)
    return mul_div_up(assets, now.total_shares + VIRTUAL_SHARES, now.total_assets + VIRTUAL_ASSETS)


@inlined
def debt_of(s: State, i: int, scaled: int) -> int:
    """Token units owed for a scaled debt, interest to now included, up."""
    return debt_at(scaled, preview(s, i).borrow_index)


# --- internals ------------------------------------------------------------------------------------


class Preview(NamedTuple):
    """What accrual changes, and the total that share prices are made of."""

    borrow_index: int
    total_shares: int
    fee_shares: int
    total_assets: int
    fee_remainder: int
    recovered: int
    """Of the open deficit."""


@jitable
def recover(s: State, i: int, assets: int) -> None:
    """Book what the protocol makes good of the open deficit, first of what it owes."""
    s.hub[i, DEFICIT] -= assets
    s.hub[i, DEFICIT_OWED] = max(s.hub[i, DEFICIT_OWED] - assets, zero())
    s.hub[i, COVERED_BY_FEES] += assets
    if s.hub[i, DEFICIT] == 0:
        s.hub[i, DEFICIT_SINCE] = zero()


@inlined
def preview(s: State, i: int) -> Preview:
    """The asset as accrual would leave it now. Of the protocol's part of the interest a fraction of
    a unit is carried over; while a deficit is open suppliers keep it.
    """
    index = s.hub[i, BORROW_INDEX]
    shares, fee_shares = s.hub[i, TOTAL_SHARES], s.hub[i, FEE_SHARES]
    remainder = s.hub[i, FEE_REMAINDER]
    held = total_assets(s, i)
    dt = s.clock[0] - s.hub[i, LAST_ACCRUAL]
    scaled = s.hub[i, SCALED_DEBT]
    if dt == 0 or scaled == 0:
        return Preview(index, shares, fee_shares, held, remainder, zero())
    grown = min(mul_div_half(index, growth_factor(s.hub[i, BORROW_RATE], dt), ray()), max_index())
    interest = debt_at(scaled, grown) - debt_at(scaled, index)
    held = held + interest
    fee_in_bps = interest * s.rates[i, RESERVE_FACTOR] + remainder
    fee = div_down(fee_in_bps, BPS)
    remainder = less(fee_in_bps, fee * BPS)
    recovered = min(fee, s.hub[i, DEFICIT])
    fee = fee - recovered
    minted = _fee_for(fee, shares, held - fee)
    return Preview(grown, shares + minted, fee_shares + minted, held, remainder, recovered)


@jitable
def _burn_debt(s: State, spoke: int, i: int, assets: int, max_scaled: int) -> tuple[int, int]:
    """(code, scaled debt of a spoke that `assets` pay): all of `max_scaled` if they pay it up, else
    down.
    """
    debt = debt_at(max_scaled, s.hub[i, BORROW_INDEX])
    if assets > debt:
        return AMOUNT_TOO_LARGE, zero()
    scaled = max_scaled
    if assets != debt:
        scaled = mul_div_down(assets, ray(), s.hub[i, BORROW_INDEX])
    if scaled == 0:
        return ZERO_AMOUNT, zero()
    if exceeds(scaled, s.spoke[spoke, i, DRAWN_SCALED]):
        return INSUFFICIENT_SHARES, zero()
    s.hub[i, SCALED_DEBT] = less(s.hub[i, SCALED_DEBT], scaled)
    s.spoke[spoke, i, DRAWN_SCALED] = less(s.spoke[spoke, i, DRAWN_SCALED], scaled)
    return OK, scaled


@jitable
def take_out(s: State, i: int, assets: int) -> int:
    """Pay cash out; it fills the bucket, if the asset has one."""
    if exceeds(assets, s.hub[i, CASH]):
        return INSUFFICIENT_CASH
    if s.outflow[i, WINDOW] != 0:
        level, capacity = bucket(s, i)
        if exceeds(level + assets, capacity):
            return OUTFLOW_LIMITED
        fill(s, i, level + assets, capacity)
    s.hub[i, CASH] = less(s.hub[i, CASH], assets)
    return OK


@jitable
def _put_in(s: State, i: int, assets: int) -> None:
    """Cash that came; it takes as much out of the bucket."""
    if s.outflow[i, WINDOW] != 0:
        level, capacity = bucket(s, i)
        if level > 0:
            fill(s, i, max(level - assets, zero()), capacity)
    s.hub[i, CASH] += assets


@jitable
def fill(s: State, i: int, level: int, capacity: int) -> None:
    """So much is in the bucket now, and it holds so much."""
    s.outflow[i, LEVEL] = level
    s.outflow[i, CAPACITY] = capacity
    s.outflow[i, LEVEL_AT] = s.clock[0]


@jitable
def bucket(s: State, i: int) -> tuple[int, int]:
    """(what is in it now, up, what it holds): once it is empty, anew of what there is."""
    o = s.outflow[i]
    drained = mul_div_down(o[CAPACITY], s.clock[0] - o[LEVEL_AT], o[WINDOW])
    level = max(o[LEVEL] - drained, zero())
    if level > 0:
        return level, o[CAPACITY]
    capacity = mul_div_down(preview(s, i).total_assets, o[OUTFLOW_LIMIT], BPS)
    return level, max(capacity, o[FLOOR_AMOUNT])


@jitable
def update_rate(s: State, i: int) -> None:
    """After every change of cash or debt."""
    s.hub[i, BORROW_RATE] = borrow_rate(
        s.hub[i, CASH],
        debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX]),
        s.rates[i, OPTIMAL_USAGE],
        s.rates[i, BASE_RATE],
        s.rates[i, SLOPE1],
        s.rates[i, SLOPE2],
    )


@jitable
def _may_add(s: State, spoke: int, i: int) -> bool:
    """Whoever has anything here may add."""
    row = s.spoke[spoke, i]
    return row[ACTIVE] != 0 or row[ADDED_SHARES] + row[ESCROWED] + row[DRAWN_SCALED] > 0


@inlined
def debt_at(scaled: int, index: int) -> int:
    """Token units owed, up."""
    return mul_div_up(scaled, index, ray())


@inlined
def total_assets(s: State, i: int) -> int:
    """cash + debt, as of the last accrual."""
    return s.hub[i, CASH] + debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX])


@jitable
def fee_assets(s: State, i: int) -> int:
    """What the protocol's fee shares are worth, down."""
    held, shares = total_assets(s, i) + VIRTUAL_ASSETS, s.hub[i, TOTAL_SHARES] + VIRTUAL_SHARES
    return mul_div_down(s.hub[i, FEE_SHARES], held, shares)


@inlined
def _fee_for(assets: int, shares: int, held: int) -> int:
    """Down, and what does not fit is forgone."""
    return min(_minted(assets, shares, held), less(max_shares() - 1, shares))


@inlined
def _minted(assets: int, shares: int, held: int) -> int:
    """New shares for assets, down."""
    return mul_div_down(assets, shares + VIRTUAL_SHARES, _backing(shares, held))


@inlined
def _backing(shares: int, held: int) -> int:
    """The assets that all shares count for where some are minted: more than a lost pool has."""
    least = mul_div_up(shares + VIRTUAL_SHARES, 1, SHARES_OF_A_LOST_POOL)
    return max(held + VIRTUAL_ASSETS, least)
