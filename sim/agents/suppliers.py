"""Suppliers: who leaves, and when: withdrawals that provoke withdrawals, until the cash runs out.

Per asset the withdrawals are a Hawkes process with an exponential kernel, by the time-change
theorem: arrivals E_1 < E_2 < ... of a Poisson process of rate 1 are drawn before the run, and
withdrawal j happens once the compensator L, the withdrawals expected so far, has reached E_j:

    L(k) = L(k-1) + base_k + X(k-1) (1 - decay)
    X(k) = X(k-1) decay + n N(k),        N(k) = #{j : L(k-1) < E_j <= L(k)}

with X the withdrawals still to be provoked by those before, decay = 2^(-dt / half-life) and n the
branching ratio. Given the past, N(k) is Poisson. The kernel is integrated over each step, so each
withdrawal provokes n others in all, whatever the step, and at a constant base the mean is
base / (1 - n). Within its own step a withdrawal provokes none: it acts from the next one on.

The base grows with usage and loss, both seen at the beginning of the step:

    base_k = base [1 + per_usage max(0, usage - above) / (1 - above) + per_loss loss]
    usage = debt / (cash + debt),   loss = lost / (total assets + lost)

with lost = deficit + socialised, what suppliers bear.

Everyone asks once. Who finds no cash is refused for good, and keeps his shares; so withdrawals end
when withdrawn + refused is all that these suppliers had: what they hold and what they took. Once
deleveraging is on, who was refused may take collateral instead (`sim.agents.stuck`).

Source: Hawkes, Biometrika 58 (1971); discrete and Poisson given the past: Ferland, Latour, Oraichi,
J. Time Series Analysis 27 (2006).
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, sqrt
from typing import NamedTuple

import numpy as np

from sim.agents import stuck
from sim.agents.start import SUPPLIERS, WAD, Start, to_tokens
from sim.market.costs import value_of
from sim.market.market import HELD_BACK_VALUE, REFUSED_VALUE, WITHDRAWN_VALUE, Market
from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.fixed_point import jitable, mul_div_down, wad, zero
from sim.protocol.state import (
    BORROW_INDEX,
    CASH,
    DEFICIT,
    HUB_SHARES,
    SCALED_DEBT,
    SOCIALISED,
    WALLET,
    Array,
    State,
)
from sim.protocol.units import to_wad
from sim.schema.people import Withdrawals

_DRAWS = 21  # first word of the spawn key, see `sim.market.draws`
_NEVER = 10**30
"""An arrival that no run reaches, WAD: fills the shorter rows."""

WITHDRAWAL = ("base", "per_usage", "above_usage", "per_loss", "branching", "decay", "size")
BASE, PER_USAGE, ABOVE_USAGE, PER_LOSS, BRANCHING, DECAY, SIZE = range(len(WITHDRAWAL))


class Suppliers(NamedTuple):
    """What suppliers know: F assets whose suppliers may leave, J arrivals."""

    actor: Array  # (1,) int64
    asset: Array  # (F,) int64
    terms: Array  # (F, WITHDRAWAL) base in WAD per step; size in token units; ratios in WAD
    arrival: Array  # (F, J) rising arrival times of a Poisson process of rate 1, WAD
    arrived: Array  # (F,) int64: how many of them have come
    compensator: Array  # (F,) withdrawals expected so far, WAD
    excitation: Array  # (F,) withdrawals that past ones will still provoke, in the mean, WAD
    instead: stuck.Instead

    @classmethod
    def of(cls, start: Start) -> Suppliers:
        """Of the assets whose suppliers leave, with their arrivals, drawn of a seed of its own."""
        scenario, symbols = start.scenario, start.scenario.symbols
        leaving = {symbols.index(symbol): one for symbol, one in scenario.withdrawals.items()}
        assets = sorted(leaving)
        rows, arrivals = [], []
        for i in assets:
            one, symbol = leaving[i], symbols[i]
            unit = 10 ** scenario.assets[symbol].decimals
            supply = to_tokens(scenario.suppliers[symbol], unit, start.prices[0, i])
            rows.append(_withdrawal(one, scenario.step_seconds, supply))
            sequence = np.random.SeedSequence(start.seed, spawn_key=(_DRAWS, i))
            rng = np.random.default_rng(sequence)
            arrivals.append(_arrivals(one, scenario.duration_hours, rng))
        table = np.full((len(assets), max(map(len, arrivals), default=0)), _NEVER, dtype=object)
        for f, row in enumerate(arrivals):
            table[f, : len(row)] = row
        return cls(
            actor=np.array([SUPPLIERS]),
            asset=np.array(assets, dtype=np.int64),
            terms=np.array(rows, dtype=object).reshape(len(rows), len(WITHDRAWAL)),
            arrival=table,
            arrived=np.zeros(len(assets), dtype=np.int64),
            compensator=np.full(len(assets), 0, dtype=object),
            excitation=np.full(len(assets), 0, dtype=object),
            instead=stuck.of([leaving[i].stuck for i in assets], len(symbols)),
        )


def _withdrawal(one: Withdrawals, step_seconds: int, supply: int) -> list[int]:
    per_step = Fraction(str(one.base_per_day)) * step_seconds / 86_400
    return [
        int(per_step * WAD),
        to_wad(one.per_usage),
        to_wad(one.above_usage),
        to_wad(one.per_loss),
        to_wad(one.branching_ratio),
        int(Fraction(0.5 ** (step_seconds / one.half_life_seconds)) * WAD),
        supply * one.size_bps // 10_000,
    ]


def _arrivals(one: Withdrawals, hours: float, rng: np.random.Generator) -> list[int]:
    """Sums of exponential waits of mean 1, WAD, and more of them than a run needs: the mean at full
    usage and a loss of a tenth, and ten times its standard deviation, sqrt(mean) / (1 - n).
    """
    mean = one.most_expected(hours)
    count = ceil(mean + 10 * sqrt(mean) / (1 - one.branching_ratio)) + 20
    times = np.cumsum(rng.standard_exponential(count))
    return [int(time * WAD) for time in times.tolist()]


@jitable
def act(s: State, w: Market, k: int, own: Suppliers) -> None:
    """Those who want to leave in this step take what there is; the rest of it is refused."""
    for f in range(own.terms.shape[0]):
        i = own.asset[f]
        leaving = arrivals(own, f, base(s, own, f, i))
        if leaving > 0:
            size = own.terms[f, SIZE]
            asked = (int(own.arrived[f]) - leaving) * size
            _withdraw(s, w, k, own, f, asked, leaving * size)
        if own.instead.how[f] != stuck.WAIT:
            asked = int(own.arrived[f]) * own.terms[f, SIZE]
            stuck.take(s, w, own.actor[0], own.instead, f, i, _refused(s, own, f, asked))


@jitable
def base(s: State, own: Suppliers, f: int, i: int) -> int:
    """Withdrawals per step (WAD) that usage and loss of asset i provoke now."""
    row = own.terms[f]
    cash, debt = s.hub[i, CASH], hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX])
    strain = wad()
    if debt > 0:
        excess = mul_div_down(debt, wad(), cash + debt) - row[ABOVE_USAGE]
        if excess > 0:
            strain += mul_div_down(row[PER_USAGE], excess, wad() - row[ABOVE_USAGE])
    lost = s.hub[i, DEFICIT] + s.hub[i, SOCIALISED]
    if lost > 0:
        strain += mul_div_down(row[PER_LOSS], lost, hub.total_assets(s, i) + lost)
    return mul_div_down(row[BASE], strain, wad())


@jitable
def arrivals(own: Suppliers, f: int, expected: int) -> int:
    """Withdrawals of this step, when `expected` (WAD) are provoked by what is not withdrawals."""
    decay = own.terms[f, DECAY]
    own.compensator[f] += expected + mul_div_down(own.excitation[f], wad() - decay, wad())
    own.excitation[f] = mul_div_down(own.excitation[f], decay, wad())
    count = 0
    most = own.arrival.shape[1]  # a table that is exhausted means nobody else
    while own.arrived[f] < most and own.arrival[f, own.arrived[f]] <= own.compensator[f]:
        own.arrived[f] += 1
        count += 1
    own.excitation[f] += count * own.terms[f, BRANCHING]
    return count


@jitable
def _withdraw(s: State, w: Market, k: int, own: Suppliers, f: int, asked: int, wanted: int) -> None:
    """Withdraw `wanted` units, or what is left to those who have not asked yet, or what cash there
    is; `asked` is what was wanted before.
    """
    actor, i = own.actor[0], own.asset[f]
    shares = s.holding[actor, i, HUB_SHARES]
    worth = hub.to_assets_down(s, i, shares)
    refused = _refused(s, own, f, asked)
    wanted = min(wanted, max(zero(), worth - refused))
    amount = min(wanted, hub.available(s, i))
    held_back = min(wanted, s.hub[i, CASH]) - amount
    taken = zero()
    if amount > 0:
        if amount == worth:
            code = op.redeem(s, actor, i, shares)
        else:
            code = op.withdraw_assets(s, actor, i, amount)
        if code == OK:
            taken = s.result[0]
    w.tally[WITHDRAWN_VALUE] += value_of(w, s, k, i, taken)
    w.tally[REFUSED_VALUE] += value_of(w, s, k, i, wanted - taken)
    w.tally[HELD_BACK_VALUE] += value_of(w, s, k, i, held_back)


@jitable
def _refused(s: State, own: Suppliers, f: int, asked: int) -> int:
    """Of what was asked, the units that are neither in the wallet nor paid for collateral."""
    i = own.asset[f]
    paid_out = s.holding[own.actor[0], i, WALLET] - own.instead.received[i]
    return max(zero(), asked - paid_out - own.instead.paid[f])
