"""Twin of `contracts/LiquidityHub.sol`: who bears what debtors do not pay, on top of the ledger in
`hub.py`. Fees first, then the insurance fund, then all suppliers, at once; for a window the
protocol's part of interest makes good what suppliers bore.
"""

from __future__ import annotations

from sim.protocol import insurance
from sim.protocol.errors import (
    COVER_WINDOW_OPEN,
    INSUFFICIENT_BALANCE,
    INSUFFICIENT_SHARES,
    INVALID_OUTFLOW_LIMIT,
    INVALID_RATE_MODEL,
    LOSSES_FIRST,
    NO_DEFICIT,
    OK,
    ZERO_AMOUNT,
)
from sim.protocol.fixed_point import BPS, exceeds, jitable, less, mul_div_down, zero
from sim.protocol.hub import (
    accrue,
    bucket,
    debt_at,
    fee_assets,
    fill,
    recover,
    take_out,
    to_shares_up,
    total_assets,
    update_rate,
)
from sim.protocol.soundness import MOST_OUTFLOW_WINDOW, MOST_RATE_BPS
from sim.protocol.state import (
    BASE_RATE,
    BORROW_INDEX,
    CASH,
    COVER_WINDOW,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_OWED,
    DEFICIT_REPORTED,
    DEFICIT_SINCE,
    DRAWN_SCALED,
    FEE_SHARES,
    FLOOR_AMOUNT,
    IMMEDIATE,
    OUTFLOW_LIMIT,
    REPORTED_DEFICIT,
    SCALED_DEBT,
    SLOPE1,
    SLOPE2,
    SOCIALISED,
    TOTAL_SHARES,
    WALLET,
    WINDOW,
    State,
)


@jitable
def set_slopes(s: State, i: int, slope1: int, slope2: int) -> int:
    """`setRateModel` with other slopes: interest so far is booked at the old ones."""
    if slope1 > MOST_RATE_BPS or slope2 > MOST_RATE_BPS:
        return INVALID_RATE_MODEL
    if s.rates[i, BASE_RATE] + slope1 + slope2 > MOST_RATE_BPS:
        return INVALID_RATE_MODEL
    accrue(s, i)
    s.rates[i, SLOPE1] = slope1
    s.rates[i, SLOPE2] = slope2
    update_rate(s, i)
    return OK


@jitable
def set_outflow_limit(s: State, i: int, limit_bps: int, floor_amount: int, window: int) -> int:
    """Limit what may leave of an asset, net of what comes: at once a capacity, and that again in
    every `window` seconds; 0 for no limit.
    """
    accrue(s, i)
    sound = limit_bps <= BPS and window <= MOST_OUTFLOW_WINDOW
    sound = sound and (limit_bps > 0 or floor_amount > 0)
    if window > 0 and not sound:
        return INVALID_OUTFLOW_LIMIT
    level = zero()
    if s.outflow[i, WINDOW] != 0:
        level, _ = bucket(s, i)
    s.outflow[i, WINDOW] = window
    s.outflow[i, OUTFLOW_LIMIT] = limit_bps
    s.outflow[i, FLOOR_AMOUNT] = floor_amount
    capacity = mul_div_down(total_assets(s, i), limit_bps, BPS)
    fill(s, i, level, max(capacity, floor_amount))
    return OK


@jitable
def report_deficit(s: State, spoke: int, i: int, scaled: int, worth: int) -> tuple[int, int]:
    """(code, loss booked, up): take unpayable debt off the books. Fees and fund pay in the same
    call, and shares lose what remains; of it the protocol owes what the collateral that it kept is
    `worth`, token units.
    """
    accrue(s, i)
    if scaled == 0:
        return ZERO_AMOUNT, zero()
    if exceeds(scaled, s.spoke[spoke, i, DRAWN_SCALED]):
        return INSUFFICIENT_SHARES, zero()
    assets = debt_at(scaled, s.hub[i, BORROW_INDEX])
    by_fees = _burn_fees(s, i, assets)
    s.hub[i, SCALED_DEBT] = less(s.hub[i, SCALED_DEBT], scaled)
    s.spoke[spoke, i, DRAWN_SCALED] = less(s.spoke[spoke, i, DRAWN_SCALED], scaled)
    s.spoke[spoke, i, REPORTED_DEFICIT] += assets
    s.hub[i, DEFICIT_REPORTED] += assets
    s.hub[i, COVERED_BY_FEES] += by_fees
    owed = max(min(worth, assets) - by_fees, zero())
    by_fund = insurance.pay_out(s, i, assets - by_fees - owed)
    s.hub[i, CASH] += by_fund
    s.hub[i, COVERED_BY_FUND] += by_fund
    rest = assets - by_fees - by_fund
    if rest > 0:
        s.hub[i, DEFICIT] += rest
        s.hub[i, DEFICIT_OWED] += owed
        s.hub[i, DEFICIT_SINCE] = s.clock[0]
        if s.losses[IMMEDIATE] != 0 and rest > owed:
            _close(s, i)
    update_rate(s, i)
    return OK, assets


@jitable
def socialise(s: State, i: int) -> int:
    """Once the window since the last loss has passed: suppliers bore the open deficit for good."""
    accrue(s, i)
    if s.hub[i, DEFICIT] == s.hub[i, DEFICIT_OWED]:
        return NO_DEFICIT
    if s.losses[IMMEDIATE] == 0 and s.clock[0] < s.hub[i, DEFICIT_SINCE] + s.losses[COVER_WINDOW]:
        return COVER_WINDOW_OPEN
    s.result[0] = s.hub[i, DEFICIT] - s.hub[i, DEFICIT_OWED]
    _close(s, i)
    return OK


@jitable
def make_good(s: State, actor: int, i: int, amount: int) -> int:
    """Make good what the protocol owes of a loss for collateral that it kept: out of its fees of
    the asset, then up to `amount` from the actor.
    """
    accrue(s, i)
    owed = s.hub[i, DEFICIT_OWED]
    if owed == 0:
        return NO_DEFICIT
    by_fees = _burn_fees(s, i, owed)
    paid = min(amount, owed - by_fees)
    if by_fees + paid == 0:
        return ZERO_AMOUNT
    if s.holding[actor, i, WALLET] < paid:
        return INSUFFICIENT_BALANCE
    recover(s, i, by_fees + paid)
    s.hub[i, CASH] += paid
    s.holding[actor, i, WALLET] -= paid
    s.result[0] = paid
    update_rate(s, i)
    return OK


@jitable
def claim_fees(s: State, actor: int, i: int) -> int:
    """Pay all accrued fees to the admin, once nothing is owed of any asset."""
    accrue(s, i)
    for j in range(s.unit.shape[0]):
        if s.hub[j, DEFICIT_OWED] != 0:
            return LOSSES_FIRST
    assets = fee_assets(s, i)
    if assets == 0:
        return ZERO_AMOUNT
    code = take_out(s, i, assets)
    if code != OK:
        return code
    s.hub[i, TOTAL_SHARES] -= s.hub[i, FEE_SHARES]
    s.hub[i, FEE_SHARES] = zero()
    s.holding[actor, i, WALLET] += assets
    s.result[0] = assets
    update_rate(s, i)
    return OK


# --- internals ------------------------------------------------------------------------------------


@jitable
def _burn_fees(s: State, i: int, loss: int) -> int:
    """Up to `loss` of the protocol's fee shares; what suppliers' are worth does not fall by it."""
    by_fees = fee_assets(s, i)
    burnt = s.hub[i, FEE_SHARES]
    if by_fees == 0:
        burnt = zero()
    if by_fees > loss:
        by_fees = loss
        burnt = to_shares_up(s, i, by_fees)
    s.hub[i, FEE_SHARES] -= burnt
    s.hub[i, TOTAL_SHARES] -= burnt
    return by_fees


@jitable
def _close(s: State, i: int) -> None:
    """From now on fees make good no more than what the protocol owes for collateral."""
    s.hub[i, SOCIALISED] += s.hub[i, DEFICIT] - s.hub[i, DEFICIT_OWED]
    s.hub[i, DEFICIT] = s.hub[i, DEFICIT_OWED]
    if s.hub[i, DEFICIT] == 0:
        s.hub[i, DEFICIT_SINCE] = zero()
