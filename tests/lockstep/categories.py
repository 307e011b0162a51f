"""What holds of categories after every operation."""

from __future__ import annotations

from itertools import product

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import BPS, wad
from sim.protocol.state import (
    BACKS_IN,
    CATEGORY_LT,
    CATEGORY_LT_FROM,
    CATEGORY_LTV,
    CATEGORY_MAX_BONUS,
    LENT_IN,
    POSITION_DEBT,
    Entry,
)
from tests.lockstep.look import Look


def check(before: Look, after: Look, row: Entry) -> None:
    """Sound ones only; an account owes what its category does not lend only if that was so before,
    or governance took it back; governance lowers nobody's health at once (31).
    """
    if len(after.category[0]) == 1:
        return
    configured = row.kind == op.set_category_config.kind and row.code == OK
    for v, k in product(after.vaults, range(1, len(after.category[0]))):
        terms = after.category[v][k]
        if terms[CATEGORY_LT]:
            assert terms[CATEGORY_LTV] <= terms[CATEGORY_LT] <= after.in_force(v, k), "31"
            assert after.in_force(v, k) <= terms[CATEGORY_LT_FROM], "31"
            assert terms[CATEGORY_LT_FROM] * (BPS + terms[CATEGORY_MAX_BONUS]) < BPS**2, "sound"
        if before.category[v][k] != terms or before.member[v][k] != after.member[v][k]:
            assert configured and (row.x, row.option) == (v, k), "only who may"
            assert after.in_force(v, k) >= before.in_force(v, k), "31"
            for i in after.assets:
                assert after.member[v][k][i][BACKS_IN] >= before.member[v][k][i][BACKS_IN], "31"
    if configured:
        for a in range(len(after.account)):
            assert after.health(a).factor >= before.health(a).factor, "31"
        return
    for a in range(len(after.account)):
        if not _owes_beyond(before, a):
            assert not _owes_beyond(after, a), "a category lends what is owed in it"
        if before.category_of(a) != after.category_of(a):
            assert row.kind == op.set_category.kind and row.account == a, "only who may"
            h = after.health(a)
            if after.has_debt(a):
                assert h.factor >= wad() and h.debt_value * BPS <= h.weighted_limit, "11"


def _owes_beyond(look: Look, a: int) -> bool:
    v, k = look.vault[a], look.category_of(a)
    return k != 0 and any(
        row[POSITION_DEBT] and not look.member[v][k][i][LENT_IN]
        for i, row in enumerate(look.position[a])
    )
