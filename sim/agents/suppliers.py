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
    usage = debt / (cash + debt),   loss = (deficit + socialised) / (total assets + socialised)

Everyone asks once. Who finds no cash is refused for good, and keeps his shares; so withdrawals end
when withdrawn + refused is all that these suppliers had: what they hold and what they took.

Source: Hawkes, Biometrika 58 (1971); discrete and Poisson given the past: Ferland, Latour, Oraichi,
J. Time Series Analysis 27 (2006).
"""

from __future__ import annotations

from sim.market.costs import value_of
from sim.market.market import (
    ABOVE_USAGE,
    BASE,
    BRANCHING,
    DECAY,
    PER_LOSS,
    PER_USAGE,
    REFUSED_VALUE,
    SIZE,
    WITHDRAWN_VALUE,
    Market,
)
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
    State,
)


@jitable
def act(s: State, w: Market, k: int) -> None:
    """Those who want to leave in this step take what there is; the rest of it is refused."""
    for f in range(w.withdrawal.shape[0]):
        i = w.withdrawal_asset[f]
        leaving = arrivals(w, f, base(s, w, f, i))
        if leaving > 0:
            size = w.withdrawal[f, SIZE]
            asked = (int(w.arrived[f]) - leaving) * size
            _withdraw(s, w, k, i, asked, leaving * size)


@jitable
def base(s: State, w: Market, f: int, i: int) -> int:
    """Withdrawals per step (WAD) that usage and loss of asset i provoke now."""
    row = w.withdrawal[f]
    cash, debt = s.hub[i, CASH], hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX])
    strain = wad()
    if debt > 0:
        excess = mul_div_down(debt, wad(), cash + debt) - row[ABOVE_USAGE]
        if excess > 0:
            strain += mul_div_down(row[PER_USAGE], excess, wad() - row[ABOVE_USAGE])
    lost = s.hub[i, DEFICIT] + s.hub[i, SOCIALISED]
    if lost > 0:
        whole = hub.total_assets(s, i) + s.hub[i, SOCIALISED]
        strain += mul_div_down(row[PER_LOSS], lost, whole)
    return mul_div_down(row[BASE], strain, wad())


@jitable
def arrivals(w: Market, f: int, expected: int) -> int:
    """Withdrawals of this step, when `expected` (WAD) are provoked by what is not withdrawals."""
    decay = w.withdrawal[f, DECAY]
    w.compensator[f] += expected + mul_div_down(w.excitation[f], wad() - decay, wad())
    w.excitation[f] = mul_div_down(w.excitation[f], decay, wad())
    count = 0
    while (
        w.arrived[f] < w.arrival.shape[1] and w.arrival[f, w.arrived[f]] <= w.compensator[f]
    ):  # a table that is exhausted means nobody else
        w.arrived[f] += 1
        count += 1
    w.excitation[f] += count * w.withdrawal[f, BRANCHING]
    return count


@jitable
def _withdraw(s: State, w: Market, k: int, i: int, asked: int, wanted: int) -> None:
    """Withdraw `wanted` units, or what is left to those who have not asked yet, or what cash there
    is; `asked` is what was wanted before, of which what is not in the wallet was refused.
    """
    actor = w.supplier[0]
    shares = s.holding[actor, i, HUB_SHARES]
    worth = hub.to_assets_down(s, i, shares)
    refused = max(zero(), asked - s.holding[actor, i, WALLET])
    wanted = min(wanted, max(zero(), worth - refused))
    amount = min(wanted, s.hub[i, CASH])
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
