"""What one path comes to: a few numbers, whatever the number of steps and accounts.

On floats and on integers alike, so that a path of a sweep can be held against its exact run.
"""

from __future__ import annotations

from sim.agents.watchers import look_at
from sim.market.market import (
    FACTOR,
    GAS_VALUE,
    LIQUIDATIONS,
    PROFIT_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
    Market,
)
from sim.protocol import hub, vault_accounts
from sim.protocol.fixed_point import jitable, mul_div_down, wad, zero
from sim.protocol.state import (
    BORROW_INDEX,
    CASH,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_REPORTED,
    IS_COLLATERAL,
    POSITION_DEBT,
    SCALED_DEBT,
    SOCIALISED,
    Array,
    State,
)

OUTCOME = (
    "bad_debt",
    "by_fees",
    "by_fund",
    "by_suppliers",
    "still_open",
    "shortfall",
    "repaid",
    "seized",
    "profit",
    "gas",
    "debt",
    "liquidations",
    "unhealthy",
    "operations",
    "largest_usage",
    "revenue",
    "steps_without_cash",
)
"""Values are USD with 8 decimals, stocks at the reference prices of the last step, flows at those
of their own; then numbers of things; then a ratio; then a value and a number.

bad_debt = by_fees + by_fund + by_suppliers + still_open was realised; shortfall is not, it is debt
beyond the collateral of its account, of all accounts, whatever the oracle makes of them; debt and
unhealthy are what is left at the end. profit is that of liquidators after gas. revenue is what fees
took in, the part of it that bore losses included; steps_without_cash counts those after which
suppliers of some asset found less than `NO_CASH` of what is theirs.
"""
(
    BAD_DEBT,
    BY_FEES,
    BY_FUND,
    BY_SUPPLIERS,
    STILL_OPEN,
    SHORTFALL,
    REPAID,
    SEIZED,
    PROFIT,
    GAS,
    DEBT,
    NUMBER_LIQUIDATED,
    UNHEALTHY,
    OPERATIONS,
    LARGEST_USAGE,
    REVENUE,
    STEPS_WITHOUT_CASH,
) = range(len(OUTCOME))
NO_CASH = 1e-3
"""Of cash and debt: a withdrawal of more than this waits for a repayment."""
_FROM_HUB = (
    (BAD_DEBT, DEFICIT_REPORTED),
    (BY_FEES, COVERED_BY_FEES),
    (BY_FUND, COVERED_BY_FUND),
    (BY_SUPPLIERS, SOCIALISED),
    (STILL_OPEN, DEFICIT),
)
_FROM_TALLY = (
    (REPAID, REPAID_VALUE),
    (SEIZED, SEIZED_VALUE),
    (PROFIT, PROFIT_VALUE),
    (GAS, GAS_VALUE),
    (NUMBER_LIQUIDATED, LIQUIDATIONS),
)


@jitable
def follow(s: State, outcome: Array) -> None:
    """After a step: what must be seen on the way. Whoever has the journal counts operations."""
    dry = 0
    for i in range(s.unit.shape[0]):
        debt = float(hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX]))
        lendable = float(s.hub[i, CASH]) + debt
        if lendable > 0:
            outcome[LARGEST_USAGE] = max(outcome[LARGEST_USAGE], debt / lendable)
        if lendable > 0 and debt > lendable * (1 - NO_CASH):
            dry = 1
    outcome[STEPS_WITHOUT_CASH] += dry


@jitable
def conclude(s: State, w: Market, k: int, outcome: Array) -> None:
    """After the last step, k: everything else."""
    for i in range(s.unit.shape[0]):
        price, unit = w.price[k, i], s.unit[i]
        for column, source in _FROM_HUB:
            outcome[column] += mul_div_down(s.hub[i, source], price, unit)
        earned = hub.fee_assets(s, i) + s.hub[i, COVERED_BY_FEES]
        outcome[REVENUE] += mul_div_down(earned, price, unit)
    for column, source in _FROM_TALLY:
        outcome[column] += w.tally[source]
    outcome[PROFIT] -= w.tally[GAS_VALUE]  # the tally is of proceeds less repayments
    for i in range(s.unit.shape[0]):
        debt = hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX])
        outcome[DEBT] += mul_div_down(debt, w.price[k, i], s.unit[i])
    for a in range(s.account.shape[0]):  # everyone: whom the oracle finds healthy may be ruined
        outcome[SHORTFALL] += _shortfall(s, w, k, a)
    for n in range(w.hot_count[0]):  # nobody else is unhealthy
        a = w.hot[n]
        look_at(s, w, a)
        if w.watch[a, FACTOR] < wad():
            outcome[UNHEALTHY] += 1


@jitable
def _shortfall(s: State, w: Market, k: int, a: int) -> int:
    """Debt of account a beyond the collateral that can be seized for it, at reference prices."""
    missing = zero()
    for i in range(s.unit.shape[0]):
        price, unit = w.price[k, i], s.unit[i]
        if s.position[a, i, POSITION_DEBT] != 0:
            debt = vault_accounts.debt_assets(s, a, i)
            missing += vault_accounts.debt_value(debt, price, unit)
        if s.position[a, i, IS_COLLATERAL] != 0:
            backing = vault_accounts.supplied_assets(s, a, i)
            missing -= vault_accounts.collateral_value(backing, price, unit)
    return max(zero(), missing)
