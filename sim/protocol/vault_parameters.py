"""Twin of `contracts/VaultParameters.sol`: what a vault may be configured as."""

from __future__ import annotations

from collections.abc import Sequence

from sim.protocol.errors import INVALID_CATEGORY, INVALID_POLICY, INVALID_RESERVE, OK
from sim.protocol.fixed_point import BPS, YEAR, jitable, zero
from sim.protocol.soundness import (
    MIN_LEFTOVER,
    MOST_LIQUIDATION_FEE_BPS,
    RAMP_PER_BPS,
    WAD_PER_BPS_SQUARED,
)
from sim.protocol.state import (
    ADDED_SHARES,
    BACKS_IN,
    CATEGORY_LT,
    CLOSE_FACTOR,
    CONCENTRATION,
    CONCENTRATION_FLOOR,
    DUST_VALUE,
    ENGINE,
    ESCROWED,
    FULL_CLOSE_HEALTH,
    HF_FOR_MAX_BONUS,
    LENT_IN,
    LIQUIDATION_FEE,
    LT,
    LT_FROM,
    LTV,
    MAX_BONUS,
    MIN_BONUS,
    RAMP_END,
    RAMP_START,
    REHYPOTHECATE,
    SECOND_ABOVE,
    SECOND_FROM,
    SECOND_LT,
    SUPPLY_CAP,
    TARGET_HEALTH_ENGINE,
    THIRD_ABOVE,
    THIRD_FROM,
    THIRD_LT,
    TIERED,
    Array,
    State,
    assign,
)
from sim.protocol.vault_reserves import marginal_threshold, threshold, threshold_of

FIELD_BITS = 64
"""Of each field but the caps, in a configuration that is packed into one integer."""
CATEGORY_WORDS = 6
"""Limit, threshold, bonus, bits of its collateral, of what it lends, ramp in seconds."""


def set_reserve(s: State, v: int, i: int, supply_cap: int, borrow_cap: int, word: int) -> int:
    """`setReserve`: raising the threshold is immediate, lowering it ramps. On integers only."""
    before_caps, after_caps, ramp_seconds = unpacked(word)
    row = s.reserve[v, i].copy()
    row[:LT_FROM] = [*before_caps, supply_cap, borrow_cap, *after_caps]
    in_use = s.spoke[v, i, ADDED_SHARES] != 0 or s.spoke[v, i, ESCROWED] != 0
    if in_use and row[REHYPOTHECATE] != s.reserve[v, i, REHYPOTHECATE]:
        return INVALID_RESERVE
    return set_row(s, v, i, row, ramp_seconds)


@jitable
def set_row(s: State, v: int, i: int, row: Array, ramp_seconds: int) -> int:
    """The part of `setReserve` that is checked, all of it or nothing: `row` has what is configured
    in the columns before `LT_FROM`, and gets where ramps begin.
    """
    row[RAMP_START] = zero()
    row[RAMP_END] = zero()
    fall = _ramp_from(s, v, i, row)
    if fall > 0:
        if ramp_seconds < fall * RAMP_PER_BPS or ramp_seconds > YEAR:
            return INVALID_RESERVE
        row[RAMP_START] = s.clock[0]
        row[RAMP_END] = s.clock[0] + ramp_seconds
    code = _check_reserve(s, v, row)
    if code == OK:
        assign(s.reserve[v, i], row)
    return code


def set_dust_value(s: State, v: int, value: int) -> int:
    """`setPolicy` with another dust line, and all else as it is."""
    if value == 0 or value > MIN_LEFTOVER:
        return INVALID_POLICY
    s.policy[v, DUST_VALUE] = value
    return OK


def set_category_config(s: State, v: int, k: int, word: int) -> int:
    """`setCategoryConfig`: what accounts that opt into category k count by. On integers only."""
    ltv, lt, max_bonus, collateral, lent, ramp_seconds = fields_of(word, CATEGORY_WORDS)
    if k == 0 or k >= s.category.shape[1] or (k > 1 and s.category[v, k - 1, CATEGORY_LT] == 0):
        return INVALID_CATEGORY
    from_ = max(threshold_of(s, v, k), lt)
    fall = from_ - lt
    if lt == 0 or ltv > lt or not _is_sound(s, v, from_, max_bonus):
        return INVALID_CATEGORY
    if (collateral | lent) >> s.unit.shape[0] != 0:
        return INVALID_CATEGORY
    if fall > 0 and (ramp_seconds < fall * RAMP_PER_BPS or ramp_seconds > YEAR):
        return INVALID_CATEGORY
    for i in range(s.unit.shape[0]):
        was, backs = s.member[v, k, i, BACKS_IN], collateral >> i & 1
        if backs < was or (backs > was and threshold(s, v, i) > from_):
            return INVALID_CATEGORY
    ramp = (s.clock[0], s.clock[0] + ramp_seconds) if fall > 0 else (0, 0)
    s.category[v, k] = [ltv, lt, max_bonus, from_, *ramp]
    for i in range(s.unit.shape[0]):
        s.member[v, k, i, BACKS_IN] = collateral >> i & 1
        s.member[v, k, i, LENT_IN] = lent >> i & 1
    return OK


def packed(row: Array, ramp_seconds: int = 0) -> int:
    """What is configured of a reserve's row but its caps, and the ramp, as `set_reserve` takes
    them.
    """
    return word_of([*row[:SUPPLY_CAP], *row[CONCENTRATION_FLOOR:LT_FROM], ramp_seconds])


def unpacked(word: int) -> tuple[list[int], list[int], int]:
    """(fields before the caps, those after them, ramp in seconds) of what `packed` returned."""
    *fields, ramp_seconds = fields_of(word, SUPPLY_CAP + LT_FROM - CONCENTRATION_FLOOR + 1)
    return fields[:SUPPLY_CAP], fields[SUPPLY_CAP:], ramp_seconds


def word_of(fields: Sequence[int]) -> int:
    """Fields in one integer, as the journal has a configuration."""
    word = 0
    for field in reversed(fields):
        word = word << FIELD_BITS | int(field)
    return word


def fields_of(word: int, count: int) -> list[int]:
    """So many fields of what `word_of` returned; the last has the rest."""
    mask = (1 << FIELD_BITS) - 1
    fields = [word >> FIELD_BITS * field & mask for field in range(count - 1)]
    return [*fields, word >> FIELD_BITS * (count - 1)]


# --- internals ------------------------------------------------------------------------------------


@jitable
def _ramp_from(s: State, v: int, i: int, row: Array) -> int:
    """The most that the threshold of a bracket falls by (BPS); notes in the row from where each
    ramps: that in force of the value at which the bracket begins, or if it does not fall, its own.
    """
    row[LT_FROM] = max(threshold(s, v, i), row[LT])
    row[SECOND_FROM] = zero()
    row[THIRD_FROM] = zero()
    fall = row[LT_FROM] - row[LT]
    if row[TIERED] != 0:
        second = marginal_threshold(s, v, i, row[SECOND_ABOVE] + 1)
        third = marginal_threshold(s, v, i, row[THIRD_ABOVE] + 1)
        row[SECOND_FROM] = max(second, row[SECOND_LT])
        row[THIRD_FROM] = max(third, row[THIRD_LT])
        fall = max(fall, row[SECOND_FROM] - row[SECOND_LT])
        fall = max(fall, row[THIRD_FROM] - row[THIRD_LT])
    return fall


@jitable
def _check_reserve(s: State, v: int, row: Array) -> int:
    """Whether the vault may have such a reserve, with the threshold that it ramps from: it only
    falls from here on.
    """
    if row[LTV] > row[LT] or row[MIN_BONUS] > row[MAX_BONUS]:
        return INVALID_RESERVE
    if row[LIQUIDATION_FEE] > MOST_LIQUIDATION_FEE_BPS or row[CONCENTRATION] > BPS:
        return INVALID_RESERVE
    if row[TIERED] != 0:
        if row[SECOND_ABOVE] <= 0 or row[SECOND_ABOVE] > row[THIRD_ABOVE] or row[LT] == 0:
            return INVALID_RESERVE
        if row[LT] < row[SECOND_LT] or row[SECOND_LT] < row[THIRD_LT]:
            return INVALID_RESERVE
    return OK if _is_sound(s, v, row[LT_FROM], row[MAX_BONUS]) else INVALID_RESERVE


@jitable
def _is_sound(s: State, v: int, lt: int, max_bonus: int) -> bool:
    """Whether a liquidation at a threshold and bonus leaves no bad debt on a continuous price path,
    and splitting it does not pay.
    """
    returned, engine = (BPS + max_bonus) * lt, s.policy[v, ENGINE]
    if returned >= BPS * BPS:
        return False
    at_health = returned * WAD_PER_BPS_SQUARED
    if engine == TARGET_HEALTH_ENGINE and at_health > s.policy[v, HF_FOR_MAX_BONUS]:
        return False
    return not (engine == CLOSE_FACTOR and at_health > s.policy[v, FULL_CLOSE_HEALTH])
