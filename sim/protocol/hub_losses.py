"""Twin of `contracts/LiquidityHub.sol`, the part on losses: what debts nobody pays become, and who
bears them. Fees first, then the insurance fund, after a window all suppliers.
"""

from __future__ import annotations

from sim.protocol import insurance
from sim.protocol.errors import (
    COVER_WINDOW_OPEN,
    DEFICIT_OPEN,
    INSUFFICIENT_CASH,
    INSUFFICIENT_SHARES,
    NO_DEFICIT,
    OK,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import exceeds, jitable, less, zero
from sim.protocol.hub import accrue, debt_at, fee_assets, to_shares_up, update_rate
from sim.protocol.state import (
    BORROW_INDEX,
    CASH,
    COVER_WINDOW,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_REPORTED,
    DEFICIT_SINCE,
    DRAWN_SCALED,
    FEE_SHARES,
    IMMEDIATE,
    REPORTED_DEFICIT,
    SCALED_DEBT,
    SOCIALISED,
    TOTAL_SHARES,
    WALLET,
    State,
)


@jitable
def report_deficit(s: State, spoke: int, i: int, scaled: int) -> tuple[int, int]:
    """(code, loss booked, up): move unpayable debt to the deficit, which bears no interest."""
    accrue(s, i)
    if scaled == 0:
        return ZERO_AMOUNT, zero()
    if exceeds(scaled, s.spoke[spoke, i, DRAWN_SCALED]):
        return INSUFFICIENT_SHARES, zero()
    assets = debt_at(scaled, s.hub[i, BORROW_INDEX])
    s.hub[i, SCALED_DEBT] = less(s.hub[i, SCALED_DEBT], scaled)
    s.spoke[spoke, i, DRAWN_SCALED] = less(s.spoke[spoke, i, DRAWN_SCALED], scaled)
    s.spoke[spoke, i, REPORTED_DEFICIT] += assets
    if s.hub[i, DEFICIT] == 0:
        s.hub[i, DEFICIT_SINCE] = s.clock[0]
    s.hub[i, DEFICIT] += assets
    s.hub[i, DEFICIT_REPORTED] += assets
    update_rate(s, i)
    return OK, assets


@jitable
def cover(s: State, i: int) -> int:
    """Cover an open deficit from accrued fees, then from the insurance fund."""
    accrue(s, i)
    if s.hub[i, DEFICIT] == 0:
        return NO_DEFICIT
    by_fees, by_fund = _cover(s, i)
    if by_fees + by_fund == 0:
        return ZERO_AMOUNT
    s.result[0] = by_fees
    s.result[1] = by_fund
    return OK


@jitable
def socialise(s: State, i: int) -> int:
    """Once the window has passed: what fees and fund still hold, then all suppliers."""
    accrue(s, i)
    if s.hub[i, DEFICIT] == 0:
        return NO_DEFICIT
    if s.losses[IMMEDIATE] == 0 and s.clock[0] < s.hub[i, DEFICIT_SINCE] + s.losses[COVER_WINDOW]:
        return COVER_WINDOW_OPEN
    by_fees, by_fund = _cover(s, i)
    assets = s.hub[i, DEFICIT]
    s.hub[i, DEFICIT] = zero()
    s.hub[i, DEFICIT_SINCE] = zero()
    s.hub[i, SOCIALISED] += assets
    s.result[0] = by_fees
    s.result[1] = by_fund
    s.result[2] = assets
    return OK


@jitable
def _cover(s: State, i: int) -> tuple[int, int]:
    """(by fees, by fund): fees first, then the fund; the share price does not fall."""
    by_fees = fee_assets(s, i)
    burnt = s.hub[i, FEE_SHARES]
    if by_fees == 0:
        burnt = zero()
    if by_fees > s.hub[i, DEFICIT]:
        by_fees = s.hub[i, DEFICIT]
        burnt = to_shares_up(s, i, by_fees)
    s.hub[i, FEE_SHARES] -= burnt
    s.hub[i, TOTAL_SHARES] -= burnt
    s.hub[i, DEFICIT] -= by_fees
    s.hub[i, COVERED_BY_FEES] += by_fees
    by_fund = zero()
    if s.hub[i, DEFICIT] > 0:
        by_fund = insurance.pay_out(s, i, s.hub[i, DEFICIT])
        s.hub[i, DEFICIT] -= by_fund
        s.hub[i, CASH] += by_fund
        s.hub[i, COVERED_BY_FUND] += by_fund
    if s.hub[i, DEFICIT] == 0:
        s.hub[i, DEFICIT_SINCE] = zero()
    if by_fees + by_fund > 0:
        update_rate(s, i)
    return by_fees, by_fund


@jitable
def claim_fees(s: State, actor: int, i: int) -> int:
    """Pay all accrued fees to the admin; never while a deficit is open."""
    accrue(s, i)
    if s.hub[i, DEFICIT] > 0:
        return DEFICIT_OPEN
    assets = fee_assets(s, i)
    if assets == 0:
        return ZERO_AMOUNT
    if assets > s.hub[i, CASH]:
        return INSUFFICIENT_CASH
    s.hub[i, TOTAL_SHARES] -= s.hub[i, FEE_SHARES]
    s.hub[i, FEE_SHARES] = zero()
    s.hub[i, CASH] -= assets
    s.holding[actor, i, WALLET] += assets
    s.result[0] = assets
    update_rate(s, i)
    return OK
