"""The first look at everyone, when a world is built: what `watchers.look` does then, in columns for
whoever is plainly healthy.
"""

from __future__ import annotations

import numpy as np

from sim.health.levels import SLACK, line, measure_units, weighed
from sim.health.watchers import BLOCK, GROUP, look_at, mark
from sim.market.market import (
    BACKS,
    COLLATERAL_WORTH,
    DEBT_WORTH,
    OWES,
    VALUE_WORTH,
    Market,
)
from sim.protocol.fixed_point import wad
from sim.protocol.state import (
    BACKS_IN,
    CATEGORY,
    IS_COLLATERAL,
    POSITION_DEBT,
    SUPPLIED,
    TIERED,
    Array,
    State,
)


def first_look(s: State, w: Market, doubles: Array) -> None:
    """Check everyone; nobody was looked at before. `doubles` are the positions of the state as
    such.
    """
    own = w.watchers
    measure_units(s, w)
    factor = _estimates(s, w, doubles)
    _pair_up(s, w, doubles)
    lines = [float(line(s, v)) / float(wad()) for v in range(len(s.policy))]
    least = np.array(lines)[s.account_vault]
    healthy = factor > least * (1 + SLACK)
    level = own.level[own.kind[healthy]]
    own.limit[healthy] = level * (least[healthy] * (1 + own.slack[0]) / factor[healthy])
    for a in np.flatnonzero(~healthy):
        look_at(s, w, a)
        mark(s, w, a)
    own.reached[:], own.reached_count[0] = np.arange(len(own.level)), len(own.level)
    blocks, everyone = len(own.hot_in), len(own.nearest) - 1
    own.nearest.fill(0.0)
    block = np.arange(len(own.limit)) // BLOCK
    for row in (block, blocks + block // GROUP, np.full(len(block), everyone)):
        np.maximum.at(own.nearest, (row, own.kind), own.limit)


def _pair_up(s: State, w: Market, doubles: Array) -> None:
    """Who has one collateral and one debt goes by their level, everyone else by `fall`."""
    own, m = w.watchers, doubles.shape[1]
    owes, backs = doubles[:, :, POSITION_DEBT] != 0, doubles[:, :, IS_COLLATERAL] != 0
    one = (owes.sum(axis=1) == 1) & (backs.sum(axis=1) == 1)
    pair = backs.argmax(axis=1) * m + owes.argmax(axis=1)
    own.pair[:] = np.where(one, pair, -1)
    rows = np.flatnonzero(one)
    own.pledge[rows, BACKS] = doubles[rows, pair[rows] // m, SUPPLIED]
    own.pledge[rows, OWES] = doubles[rows, pair[rows] % m, POSITION_DEBT]
    c = pair // m
    apart = (s.reserve[s.account_vault, c, TIERED] != 0) | in_category(s)[np.arange(len(c)), c]
    by_level = one & ~apart
    own.kind[:] = np.where(by_level, s.account_vault * m**2 + pair, len(own.level) - 1)


def in_category(s: State) -> Array:
    """(accounts, assets): whether such collateral of the account counts by its category."""
    category = s.account[:, CATEGORY].astype(np.intp)
    return np.asarray(s.member[s.account_vault, category][:, :, BACKS_IN] != 0)


def _estimates(s: State, w: Market, doubles: Array) -> Array:
    """`watchers.estimate` of everyone, to the bit, before any pair is known."""
    own, (n, m) = w.watchers, doubles.shape[:2]
    debt, backs = doubles[:, :, POSITION_DEBT], doubles[:, :, IS_COLLATERAL] != 0
    worth = own.worth[s.account_vault]
    owed, counted, least = np.zeros((3, n))
    unpriced, categorised = np.zeros(n, dtype=bool), in_category(s)
    for i in range(m):
        unpriced |= (debt[:, i] != 0) & (worth[:, i, DEBT_WORTH] == 0)
        owed += debt[:, i] * worth[:, i, DEBT_WORTH]
        pledged = doubles[:, i, SUPPLIED] * worth[:, i, COLLATERAL_WORTH]
        apart = (s.reserve[s.account_vault, i, TIERED] != 0) | categorised[:, i]
        for a in np.flatnonzero(backs[:, i] & apart):
            value = doubles[a, i, SUPPLIED] * worth[a, i, VALUE_WORTH]
            pledged[a] = weighed(s, a, i, value)
        counted += np.where(backs[:, i], pledged, 0.0)
        least += np.where(backs[:, i] | (debt[:, i] != 0), own.least_value[i], 0.0)
    unknown = unpriced | (owed == 0) | (owed < least) | (counted < least)
    return np.where(unknown, 0.0, counted / np.where(owed == 0, 1.0, owed))
