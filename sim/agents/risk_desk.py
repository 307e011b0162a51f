"""The risk desk: thresholds and borrow limits that follow the risk of accepted prices, proposed to
the steward in steps that it allows.

Every review takes the log return r_i of each accepted price since the last, and carries on

    v_i <- omega_i + alpha_i r_i^2 + beta_i v_i             variance of a return of asset i
    Q_ij <- (1 - a - b) C_ij + a z_i z_j + b Q_ij           z_i = r_i / sqrt(v_i), v before it
    rho_ij = Q_ij / sqrt(Q_ii Q_jj)

GARCH(1,1) and DCC(1,1) (Engle, 2002); an EWMA is both with omega = 0, alpha = a = 1 - lambda and
beta = b = lambda (RiskMetrics, 1996). For collateral i and the asset j that is owed most of the
vault besides, over the horizon tau,

    sigma^2 = v_i + v_j - 2 rho_ij sqrt(v_i v_j)            per review
    h  = 1 - exp(-z sigma sqrt(tau / review))
    LT = clip((1 - h) (1 - s) / (1 + b), floor, ceiling)    in whole BPS, down
    limit = LT - buffer

with b the largest bonus and s = x / (R + x) what a sale of x loses on pools that hold R of it: x is
the account in which the average token is (sum x_a^2 / sum x_a). Without a pool s = 0.

Against procyclicality (options of EU 153/2013, art. 28): `stressed`, h <- 3/4 h + 1/4 h(stressed);
`floor`, h <- max(h, h of the long run); `buffer`, the haircut used is 1.25 h, and is left where it
is while h <= used <= 1.25 h: what was laid up is used up before haircuts rise.
"""

from __future__ import annotations

from math import exp, floor, log, sqrt
from typing import NamedTuple

import numpy as np

from sim.agents.start import Start
from sim.market.market import Market
from sim.protocol import hub, vault_positions
from sim.protocol import operations as op
from sim.protocol.fixed_point import BPS, YEAR, inlined, jitable, zero
from sim.protocol.state import (
    ANCHOR,
    BORROW_INDEX,
    DRAWN_SCALED,
    IS_COLLATERAL,
    LT,
    LT_PARAMETER,
    LTV,
    LTV_PARAMETER,
    MAX_BONUS,
    MAX_CHANGE,
    MIN_DELAY,
    RESERVE0,
    Array,
    State,
)
from sim.protocol.steward import COUNCIL

TERMS = ("deviations", "reviews", "floor", "ceiling", "buffer", "sale_share")
DEVIATIONS, REVIEWS, FLOOR, CEILING, BUFFER, SALE_SHARE = range(len(TERMS))
"""Reviews: of the horizon; floor, ceiling and buffer in BPS."""
STATISTICS = ("variance", "omega", "alpha", "beta", "long_run", "stressed", "price", "used")
VARIANCE, OMEGA, ALPHA, BETA, LONG_RUN, STRESSED, PRICE, USED = range(len(STATISTICS))
"""Variances per review; the price accepted and the haircut used at the last one, 0 before it."""
LAID_UP = 1.25
STRESSED_WEIGHT = 0.25


class RiskDesk(NamedTuple):
    """What the desk knows; it reviews nothing without one. m assets. Doubles in exact runs, too:
    what it proposes is rounded to whole BPS.
    """

    assets: Array  # (reviewed,) int64
    times: Array  # (2,) float64: seconds from a review to the next, and when that is
    terms: Array  # (TERMS,) float64
    statistics: Array  # (m, STATISTICS) float64
    returns: Array  # (m,) float64: log returns to the last review
    weights: Array  # (2,) float64: a and b of the correlations
    q: Array  # (m, m) float64
    long_run_q: Array  # (m, m) float64: C
    options: Array  # (3,) int64: buffer, stressed, floor

    @classmethod
    def of_nobody(cls, m: int) -> RiskDesk:
        """Without a desk."""
        return cls(
            np.zeros(0, dtype=np.int64),
            np.zeros(2),
            np.zeros(len(TERMS)),
            np.zeros((m, len(STATISTICS))),
            np.zeros(m),
            np.zeros(2),
            np.eye(m),
            np.eye(m),
            np.zeros(3, dtype=np.int64),
        )

    @classmethod
    def of(cls, start: Start) -> RiskDesk:
        """Estimates begin at what they are in the long run, before the first price is seen."""
        desk, symbols = start.scenario.risk_desk, start.scenario.symbols
        nobody = cls.of_nobody(len(symbols))
        if desk is None:
            return nobody
        seconds = desk.review_seconds
        statistics, weights = nobody.statistics, nobody.weights
        per_review = seconds / YEAR
        for column, volatility in (
            (LONG_RUN, desk.volatility_per_sqrt_year),
            (STRESSED, desk.stressed_volatility_per_sqrt_year),
        ):
            known = [volatility.get(symbol, 0.0) for symbol in symbols]
            statistics[:, column] = np.square(known) * per_review
        statistics[:, VARIANCE] = statistics[:, LONG_RUN]
        q = np.full((len(symbols), len(symbols)), desk.correlation)
        np.fill_diagonal(q, 1.0)
        if desk.half_life_hours is not None:
            left = 0.5 ** (seconds / (desk.half_life_hours * 3_600))
            statistics[:, ALPHA], statistics[:, BETA] = 1 - left, left
            weights[:] = 1 - left, left
        else:
            from sim.market.risk_fit import fitted  # it takes seconds to load

            found = fitted(str(desk.history), symbols, seconds)
            statistics[:, ALPHA], statistics[:, BETA] = found.alpha, found.beta
            statistics[:, OMEGA] = (1 - found.alpha - found.beta) * statistics[:, LONG_RUN]
            weights[:], q = found.weights, found.correlation
        options = ("buffer", "stressed", "floor")
        return cls(
            np.array([symbols.index(symbol) for symbol in desk.assets], dtype=np.int64),
            np.array([seconds, 0.0]),
            np.array(
                [
                    desk.deviations,
                    desk.horizon_hours * 3_600 / seconds,
                    desk.floor_bps,
                    desk.ceiling_bps,
                    desk.buffer_bps,
                    desk.sale_share,
                ]
            ),
            statistics,
            nobody.returns,
            weights,
            q.copy(),
            q,
            np.array([name in desk.against_procyclicality for name in options], dtype=np.int64),
        )


@jitable
def act(s: State, w: Market, k: int, own: RiskDesk) -> None:
    """A review, if one is due: estimates of what prices did, and proposals."""
    if own.assets.shape[0] == 0 or s.clock[0] < own.times[1]:
        return
    own.times[1] = float(s.clock[0]) + own.times[0]
    for i in range(own.statistics.shape[0]):
        _take_return(own, i, float(s.oracle[0, i, ANCHOR]))
    _carry_on(own)
    for v in range(s.policy.shape[0]):
        for n in range(own.assets.shape[0]):
            i = own.assets[n]
            _propose(s, v, i, threshold_for(s, own, v, i), own)


# --- estimates ------------------------------------------------------------------------------------


@jitable
def _take_return(own: RiskDesk, i: int, price: float) -> None:
    """Note what the price did since the last review; what has no price has not moved."""
    before = own.statistics[i, PRICE]
    own.statistics[i, PRICE] = price if price > 0 else before
    own.returns[i] = log(price / before) if price > 0 and before > 0 else 0.0


@jitable
def _carry_on(own: RiskDesk) -> None:
    """Variances and correlations, by the returns just taken."""
    m, a, b = own.statistics.shape[0], own.weights[0], own.weights[1]
    for i in range(m):
        for j in range(m):
            moved = _shock(own, i) * _shock(own, j)
            own.q[i, j] = (1 - a - b) * own.long_run_q[i, j] + a * moved + b * own.q[i, j]
    for i in range(m):
        row = own.statistics[i]
        row[VARIANCE] = row[OMEGA] + row[ALPHA] * own.returns[i] ** 2 + row[BETA] * row[VARIANCE]


@inlined
def _shock(own: RiskDesk, i: int) -> float:
    """A return by the deviation that was expected of it."""
    variance = own.statistics[i, VARIANCE]
    return float(own.returns[i] / sqrt(variance)) if variance > 0 else 0.0


# --- what they ask for ----------------------------------------------------------------------------


@jitable
def haircut(own: RiskDesk, i: int, d: int, column: int) -> float:
    """1 - exp(-z sigma sqrt(tau)) of collateral i against a debt d, by variances of a column."""
    q = own.q if column == VARIANCE else own.long_run_q
    scale = sqrt(q[i, i] * q[d, d])
    rho = min(max(q[i, d] / scale, -1.0), 1.0) if scale > 0 else 0.0
    a, b = own.statistics[i, column], own.statistics[d, column] if d != i else 0.0
    variance = max(a + b - 2 * rho * sqrt(a * b), 0.0)
    return 1 - exp(-own.terms[DEVIATIONS] * sqrt(variance * own.terms[REVIEWS]))


@jitable
def used_haircut(own: RiskDesk, i: int, d: int) -> float:
    """With what is done against procyclicality."""
    h = haircut(own, i, d, VARIANCE)
    if own.options[1] != 0:
        h = (1 - STRESSED_WEIGHT) * h + STRESSED_WEIGHT * haircut(own, i, d, STRESSED)
    if own.options[2] != 0:
        h = max(h, haircut(own, i, d, LONG_RUN))
    if own.options[0] != 0:
        most = min(LAID_UP * h, 1.0)
        used = own.statistics[i, USED]
        h = most if used == 0 else min(max(used, h), most)
        own.statistics[i, USED] = h
    return h


@jitable
def threshold_for(s: State, own: RiskDesk, v: int, i: int) -> int:
    """The threshold (BPS) that the collateral should have."""
    kept = 1 - used_haircut(own, i, _owed_most(s, v, i))
    bonus = float(s.reserve[v, i, MAX_BONUS]) / BPS
    wanted = BPS * kept * (1 - slippage(s, own, v, i)) / (1 + bonus)
    return zero() + floor(min(max(wanted, own.terms[FLOOR]), own.terms[CEILING]))


@jitable
def _owed_most(s: State, v: int, i: int) -> int:
    """The other asset of which the vault owes the most; i itself if it owes nothing else."""
    most, found = 0.0, i
    for d in range(s.unit.shape[0]):
        debt = hub.debt_at(s.spoke[v, d, DRAWN_SCALED], s.hub[d, BORROW_INDEX])
        value = float(debt) * float(s.oracle[v, d, ANCHOR]) / float(s.unit[d])
        if d != i and value > most:
            most, found = value, d
    return found


@jitable
def slippage(s: State, own: RiskDesk, v: int, i: int) -> float:
    """What a sale of an account's collateral loses on the pools there are, 0..1."""
    depth = 0.0
    for p in range(s.pair.shape[0]):
        for side in range(2):
            if s.pair_tokens[p, side] == i:
                depth += float(s.pair[p, RESERVE0 + side])
    total, squares = 0.0, 0.0
    for a in range(s.account.shape[0]):
        if s.account_vault[a] == v and s.position[a, i, IS_COLLATERAL] != 0:
            held = float(vault_positions.supplied_assets(s, a, i))
            total += held
            squares += held * held
    if depth == 0 or total == 0:
        return 0.0
    sold = own.terms[SALE_SHARE] * squares / total
    return float(sold / (depth + sold))


# --- proposals ------------------------------------------------------------------------------------


@jitable
def _propose(s: State, v: int, i: int, wanted: int, own: RiskDesk) -> None:
    """A step towards it, of the limit first if the threshold falls: a limit is never above."""
    row, buffer = s.reserve[v, i], zero() + floor(own.terms[BUFFER])
    lt = _step(s, v, i, LT_PARAMETER, row[LT], wanted)
    ltv = _step(s, v, i, LTV_PARAMETER, row[LTV], wanted - buffer)
    if ltv < row[LTV]:
        op.update_parameter(s, COUNCIL, i, v, ltv, s.clock[0], LTV_PARAMETER)
    if lt != row[LT] and lt >= row[LTV]:
        op.update_parameter(s, COUNCIL, i, v, lt, s.clock[0], LT_PARAMETER)
    ltv = min(ltv, row[LT])
    if ltv > row[LTV]:
        op.update_parameter(s, COUNCIL, i, v, ltv, s.clock[0], LTV_PARAMETER)


@jitable
def _step(s: State, v: int, i: int, parameter: int, now: int, wanted: int) -> int:
    """What the steward lets a parameter be next; as it is, while it rests."""
    if s.clock[0] < s.changes[v, i, parameter] + s.bounds[MIN_DELAY]:
        return now
    most = s.bounds[MAX_CHANGE]
    return min(max(wanted, now - most), now + most)
