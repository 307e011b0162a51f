"""Twin of `contracts/LiquidityHub.sol`: one ledger of cash, debt and shares per asset; who
bears its losses is in `hub_losses.py`.

`spoke` is the calling vault's row, or the last row for the public share tokens. Functions that may
be refused return a code of `sim.protocol.errors`; the transaction that called them then undoes
everything.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.errors import (
    ADD_CAP_EXCEEDED,
    AMOUNT_TOO_LARGE,
    DRAW_CAP_EXCEEDED,
    INSUFFICIENT_CASH,
    INSUFFICIENT_SHARES,
    OK,
    SPOKE_HALTED,
    SPOKE_NOT_ACTIVE,
    UNFAIR_SHARES,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import (
    BPS,
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
    ray_per_bps,
    zero,
)
from sim.protocol.state import (
    ACTIVE,
    ADD_CAP,
    ADDED_SHARES,
    BASE_RATE,
    BORROW_INDEX,
    BORROW_RATE,
    CASH,
    DEFICIT,
    DRAW_CAP,
    DRAWN_SCALED,
    ESCROW,
    ESCROWED,
    FEE_SHARES,
    HALTED,
    LAST_ACCRUAL,
    OPTIMAL_USAGE,
    REPORTED_DEFICIT,
    RESERVE_FACTOR,
    SCALED_DEBT,
    SLOPE1,
    SLOPE2,
    TOTAL_SHARES,
    State,
)

VIRTUAL = 1_000_000
"""Shares and assets that exist from the start and belong to nobody: a first depositor cannot be
diluted.
"""


# --- interest -------------------------------------------------------------------------------------


@jitable
def borrow_rate(
    cash: int,
    debt: int,
    optimal_usage_bps: int,
    base_rate_bps: int,
    slope1_bps: int,
    slope2_bps: int,
) -> int:
    """Yearly rate (RAY) on a two-slope curve of usage u = debt / (cash + debt).

    base + slope1 u / optimal up to the kink, base + slope1 + slope2 (u - optimal) / (1 - optimal)
    above it.
    """
    usage = zero()
    if debt != 0:
        usage = mul_div_half(debt, ray(), cash + debt)
    optimal = optimal_usage_bps * ray_per_bps()
    base = base_rate_bps * ray_per_bps()
    slope1 = slope1_bps * ray_per_bps()
    if usage <= optimal:
        return base + mul_div_half(mul_div_half(slope1, usage, ray()), ray(), optimal)
    excess = mul_div_half(usage - optimal, ray(), ray() - optimal)
    return base + slope1 + mul_div_half(slope2_bps * ray_per_bps(), excess, ray())


class Preview(NamedTuple):
    """What accrual changes, and the total that share prices are made of."""

    borrow_index: int
    total_shares: int
    fee_shares: int
    total_assets: int


@inlined
def preview(s: State, i: int) -> Preview:
    """The asset as accrual would leave it now."""
    index = s.hub[i, BORROW_INDEX]
    shares, fee_shares = s.hub[i, TOTAL_SHARES], s.hub[i, FEE_SHARES]
    held = total_assets(s, i)
    dt = s.clock[0] - s.hub[i, LAST_ACCRUAL]
    scaled = s.hub[i, SCALED_DEBT]
    if dt == 0 or scaled == 0:
        return Preview(index, shares, fee_shares, held)
    grown = min(mul_div_half(index, growth_factor(s.hub[i, BORROW_RATE], dt), ray()), max_index())
    interest = debt_at(scaled, grown) - debt_at(scaled, index)
    held = held + interest
    fee = mul_div_down(interest, s.rates[i, RESERVE_FACTOR], BPS)
    minted = mul_div_down(fee, shares + VIRTUAL, held - fee + VIRTUAL)
    return Preview(grown, shares + minted, fee_shares + minted, held)


@jitable
def accrue(s: State, i: int) -> None:
    """Book interest once per timestamp, before anything else touches the asset."""
    if s.hub[i, LAST_ACCRUAL] == s.clock[0]:
        return
    now = preview(s, i)
    s.hub[i, BORROW_INDEX] = now.borrow_index
    s.hub[i, TOTAL_SHARES] = now.total_shares
    s.hub[i, FEE_SHARES] = now.fee_shares
    s.hub[i, LAST_ACCRUAL] = s.clock[0]


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


# --- conversions ----------------------------------------------------------------------------------


@inlined
def debt_at(scaled: int, index: int) -> int:
    """Token units owed, up."""
    return mul_div_up(scaled, index, ray())


@inlined
def total_assets(s: State, i: int) -> int:
    """cash + debt + deficit, as of the last accrual."""
    return (
        s.hub[i, CASH] + debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX]) + s.hub[i, DEFICIT]
    )


@jitable
def to_shares_down(s: State, i: int, assets: int) -> int:
    """Shares for assets, interest to now included, down."""
    now = preview(s, i)
    return mul_div_down(assets, now.total_shares + VIRTUAL, now.total_assets + VIRTUAL)


@jitable
def to_shares_up(s: State, i: int, assets: int) -> int:
    """Shares for assets, interest to now included, up."""
    now = preview(s, i)
    return mul_div_up(assets, now.total_shares + VIRTUAL, now.total_assets + VIRTUAL)


@inlined
def to_assets_down(s: State, i: int, shares: int) -> int:
    """Assets for shares, interest to now included, down."""
    now = preview(s, i)
    return mul_div_down(shares, now.total_assets + VIRTUAL, now.total_shares + VIRTUAL)


@jitable
def to_assets_up(s: State, i: int, shares: int) -> int:
    """Assets for shares, interest to now included, up."""
    now = preview(s, i)
    return mul_div_up(shares, now.total_assets + VIRTUAL, now.total_shares + VIRTUAL)


@inlined
def debt_of(s: State, i: int, scaled: int) -> int:
    """Token units owed for a scaled debt, interest to now included, up."""
    return debt_at(scaled, preview(s, i).borrow_index)


@jitable
def fee_assets(s: State, i: int) -> int:
    """What the protocol's fee shares are worth, down."""
    return mul_div_down(
        s.hub[i, FEE_SHARES], total_assets(s, i) + VIRTUAL, s.hub[i, TOTAL_SHARES] + VIRTUAL
    )


# --- supply side ----------------------------------------------------------------------------------


@jitable
def add(s: State, spoke: int, i: int, assets: int, shares: int) -> int:
    """Book `assets` already moved in for `shares`, at most their worth rounded down."""
    accrue(s, i)
    if s.spoke[spoke, i, ACTIVE] == 0:
        return SPOKE_NOT_ACTIVE
    if assets == 0 or shares == 0:
        return ZERO_AMOUNT
    if assets >= max_amount() or s.hub[i, CASH] + assets >= max_amount():
        return AMOUNT_TOO_LARGE
    if shares >= max_shares() or s.hub[i, TOTAL_SHARES] + shares >= max_shares():
        return AMOUNT_TOO_LARGE
    if exceeds(shares, to_shares_down(s, i, assets)):
        return UNFAIR_SHARES
    s.hub[i, CASH] += assets
    s.hub[i, TOTAL_SHARES] += shares
    s.spoke[spoke, i, ADDED_SHARES] += shares
    if _above_add_cap(s, spoke, i):
        return ADD_CAP_EXCEEDED
    update_rate(s, i)
    return OK


@jitable
def remove(s: State, spoke: int, i: int, assets: int, shares: int) -> int:
    """Release `assets` for `shares`, at least their worth rounded up. The caller books the
    receiver's wallet.
    """
    accrue(s, i)
    if s.spoke[spoke, i, HALTED] != 0:
        return SPOKE_HALTED
    if assets == 0 or shares == 0:
        return ZERO_AMOUNT
    if exceeds(shares, s.spoke[spoke, i, ADDED_SHARES]):
        return INSUFFICIENT_SHARES
    if exceeds(assets, s.hub[i, CASH]):
        return INSUFFICIENT_CASH
    if exceeds(to_shares_up(s, i, assets), shares):
        return UNFAIR_SHARES
    s.hub[i, CASH] = less(s.hub[i, CASH], assets)
    s.hub[i, TOTAL_SHARES] = less(s.hub[i, TOTAL_SHARES], shares)
    s.spoke[spoke, i, ADDED_SHARES] = less(s.spoke[spoke, i, ADDED_SHARES], shares)
    update_rate(s, i)
    return OK


@jitable
def add_escrow(s: State, spoke: int, i: int, assets: int) -> int:
    """Book `assets` already moved in as held for the spoke and never lent."""
    accrue(s, i)
    if s.spoke[spoke, i, ACTIVE] == 0:
        return SPOKE_NOT_ACTIVE
    if assets == 0:
        return ZERO_AMOUNT
    if assets >= max_amount() or s.hub[i, ESCROW] + assets >= max_amount():
        return AMOUNT_TOO_LARGE
    s.hub[i, ESCROW] += assets
    s.spoke[spoke, i, ESCROWED] += assets
    if _above_add_cap(s, spoke, i):
        return ADD_CAP_EXCEEDED
    return OK


@jitable
def remove_escrow(s: State, spoke: int, i: int, assets: int) -> int:
    """Release escrowed `assets`. The caller books the receiver's wallet."""
    if s.spoke[spoke, i, HALTED] != 0:
        return SPOKE_HALTED
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
    shares = to_shares_down(s, i, assets)
    s.spoke[spoke, i, ESCROWED] = less(s.spoke[spoke, i, ESCROWED], assets)
    s.hub[i, ESCROW] = less(s.hub[i, ESCROW], assets)
    s.hub[i, CASH] += assets
    s.hub[i, TOTAL_SHARES] += shares
    s.hub[i, FEE_SHARES] += shares
    update_rate(s, i)
    return OK


@jitable
def _above_add_cap(s: State, spoke: int, i: int) -> bool:
    assets = to_assets_down(s, i, s.spoke[spoke, i, ADDED_SHARES])
    return assets + s.spoke[spoke, i, ESCROWED] > s.spoke[spoke, i, ADD_CAP]


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
    if assets > s.hub[i, CASH]:
        return INSUFFICIENT_CASH, zero()
    scaled = mul_div_up(assets, ray(), s.hub[i, BORROW_INDEX])
    s.hub[i, CASH] -= assets
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
    s.hub[i, CASH] += assets
    s.hub[i, SCALED_DEBT] = less(s.hub[i, SCALED_DEBT], scaled)
    s.spoke[spoke, i, DRAWN_SCALED] = less(s.spoke[spoke, i, DRAWN_SCALED], scaled)
    update_rate(s, i)
    return OK, scaled
