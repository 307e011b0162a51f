"""Twin of `contracts/RiskSteward.sol`: bounded, delayed, expiring changes of parameters."""

from __future__ import annotations

from sim.protocol import hub_losses, vault_parameters
from sim.protocol.errors import (
    CHANGE_OUT_OF_BOUNDS,
    CHANGED_LATELY,
    NOT_AUTHORISED,
    NOT_YET_PUBLISHED,
    OK,
    UPDATE_EXPIRED,
    UPDATE_SUPERSEDED,
    VALUE_ZERO,
    WRONG_TARGET,
)
from sim.protocol.fixed_point import BPS, jitable, max_amount, mul_div_down, zero
from sim.protocol.state import (
    LT,
    LT_PARAMETER,
    LTV,
    LTV_PARAMETER,
    MAX_BONUS,
    MAX_BONUS_PARAMETER,
    MAX_CAP_CHANGE,
    MAX_CHANGE,
    MIN_BONUS,
    MIN_BONUS_PARAMETER,
    MIN_DELAY,
    PUBLISHED_AT,
    RAMP,
    RAMP_END,
    SLOPE1,
    SLOPE1_PARAMETER,
    SLOPE2,
    SUPPLY_CAP,
    SUPPLY_CAP_PARAMETER,
    State,
)

COUNCIL = 0
"""The admin."""
EXPIRY = 6 * 3_600
"""Seconds for which a published update may be applied."""


@jitable
def update(
    s: State, actor: int, v: int, i: int, parameter: int, value: int, published_at: int
) -> int:
    """Change one parameter of an asset in vault v; behind the last vault is the hub. The result is
    what it was.
    """
    if s.bounds[RAMP] == 0:
        raise ValueError("there is no steward")
    if actor != COUNCIL:
        return NOT_AUTHORISED
    of_hub = parameter >= SLOPE1_PARAMETER
    if of_hub != (v == s.policy.shape[0]):
        return WRONG_TARGET
    if value == 0:
        return VALUE_ZERO
    if published_at > s.clock[0]:
        return NOT_YET_PUBLISHED
    if s.clock[0] - published_at > EXPIRY:
        return UPDATE_EXPIRED
    if published_at < s.changes[v, i, PUBLISHED_AT]:
        return UPDATE_SUPERSEDED
    if s.clock[0] < s.changes[v, i, parameter] + s.bounds[MIN_DELAY]:
        return CHANGED_LATELY
    code = _set_slope(s, i, parameter, value) if of_hub else _set_reserve(s, v, i, parameter, value)
    if code == OK:
        s.changes[v, i, parameter] = s.clock[0]
        s.changes[v, i, PUBLISHED_AT] = published_at
    return code


# --- internals ------------------------------------------------------------------------------------


@jitable
def _set_slope(s: State, i: int, parameter: int, value: int) -> int:
    slope1, slope2 = s.rates[i, SLOPE1], s.rates[i, SLOPE2]
    if parameter == SLOPE1_PARAMETER:
        before, slope1 = slope1, value
    else:
        before, slope2 = slope2, value
    code = _check_change(s, before, value, s.bounds[MAX_CHANGE], 1 << 32)
    return code if code != OK else hub_losses.set_slopes(s, i, slope1, slope2)


@jitable
def _set_reserve(s: State, v: int, i: int, parameter: int, value: int) -> int:
    """All else as it is, a ramp that goes on included."""
    row = s.reserve[v, i].copy()
    ramp = max(zero(), row[RAMP_END] - s.clock[0])
    most, below, column = s.bounds[MAX_CHANGE], zero() + (1 << 16), LTV
    if parameter == LT_PARAMETER:
        column = LT
        ramp = max(ramp, s.bounds[RAMP])
    elif parameter == MAX_BONUS_PARAMETER:
        column = MAX_BONUS
    elif parameter == MIN_BONUS_PARAMETER:
        column = MIN_BONUS
    elif parameter != LTV_PARAMETER:
        column = SUPPLY_CAP + parameter - SUPPLY_CAP_PARAMETER
        most, below = mul_div_down(row[column], s.bounds[MAX_CAP_CHANGE], BPS), max_amount()
    code = _check_change(s, row[column], value, most, below)
    if code != OK:
        return code
    row[column] = value
    return vault_parameters.set_row(s, v, i, row, ramp)


@jitable
def _check_change(s: State, before: int, after: int, most: int, below: int) -> int:
    """`after` is below what there is room for."""
    s.result[0] = before
    change = max(after - before, before - after)
    if change == 0 or change > most or after >= below:
        return CHANGE_OUT_OF_BOUNDS
    return OK
