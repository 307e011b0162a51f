"""What one path comes to: a few numbers, whatever the number of steps and accounts.

A new one is an entry of `NUMBERS`, its name below it, and how it is computed, in `follow` or
`conclude`: docs/extending.md.

On floats and on integers alike, so that a path of a sweep can be held against its exact run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sim.agents.arbitrageurs import ran_out
from sim.engines.compiled_shortfall import everyones_shortfall, total_shortfall
from sim.health.watchers import look_at
from sim.market import lost_before
from sim.market.binding import any_off
from sim.market.market import (
    CALLS_ANSWERED,
    FACTOR,
    FORGED_DEBT_VALUE,
    GAS_VALUE,
    HELD_BACK_VALUE,
    HELD_UP,
    LIQUIDATIONS,
    LONGEST_HELD_UP,
    MARGIN_CALLS,
    MESSAGES_REFUSED,
    PROFIT_VALUE,
    REPAID_VALUE,
    SEIZED_VALUE,
    Market,
)
from sim.market.shortfall import shortfall
from sim.protocol import hub, insurance, risk_guard
from sim.protocol.fixed_point import inlined, jitable, mul_div_down, mul_div_up, wad, zero
from sim.protocol.state import (
    BORROW_INDEX,
    CASH,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    DEFICIT,
    DEFICIT_REPORTED,
    REPORTED_DEFICIT,
    SCALED_DEBT,
    SOCIALISED,
    Array,
    State,
)

_AT_THE_END = "USD at the reference prices of the last step"
_OF_THEIR_TIME = "USD, each at the prices of its step"


class Number(NamedTuple):
    """One of the numbers of a path."""

    unit: Literal["USD", "number", "ratio"]
    """USD: a value, with 8 decimals."""
    meaning: str


NUMBERS = {
    "bad_debt": Number("USD", f"debt written off because nothing backs it, {_AT_THE_END}"),
    "by_fees": Number("USD", f"the part of bad_debt borne by accrued fees, {_AT_THE_END}"),
    "by_fund": Number("USD", f"the part borne by the insurance fund, {_AT_THE_END}"),
    "by_suppliers": Number("USD", f"the part borne by all suppliers, {_AT_THE_END}"),
    "still_open": Number("USD", f"the part that nobody has borne yet, {_AT_THE_END}"),
    "shortfall": Number(
        "USD", f"debt beyond its collateral that is not written off, {_AT_THE_END}"
    ),
    "loss": Number(
        "USD", f"what the path adds to what was lost before it: both, if nothing was, {_AT_THE_END}"
    ),
    "repaid": Number("USD", f"debt repaid by liquidators, {_OF_THEIR_TIME}"),
    "seized": Number("USD", f"collateral they took, {_OF_THEIR_TIME}"),
    "profit": Number("USD", f"what they gained after gas, {_OF_THEIR_TIME}"),
    "gas": Number("USD", f"their gas, {_OF_THEIR_TIME}"),
    "debt": Number("USD", f"all debt left, {_AT_THE_END}"),
    "liquidations": Number("number", "number of liquidations"),
    "unhealthy": Number("number", "accounts with a health factor below 1 after the last step"),
    "operations": Number("number", "operations after the opening, refused ones included"),
    "largest_usage": Number(
        "ratio", "largest debt / (cash + debt) of any asset after any step, a ratio"
    ),
    "revenue": Number(
        "USD", f"what fees took in, the part that bore losses included, {_AT_THE_END}"
    ),
    "steps_without_cash": Number(
        "number",
        "steps after which suppliers of some asset found less than a thousandth in cash",
    ),
    "peak_loss": Number(
        "USD",
        "largest loss, by bad debt so far and shortfall, after any step, USD at the prices of it",
    ),
    "peak_shortfall": Number(
        "USD", "largest part of one that is shortfall after any step, USD at the prices of it"
    ),
    "steps_run_out": Number(
        "number",
        "steps after which arbitrageurs had less than a thousandth of their first of some token",
    ),
    "steps_pool_off": Number(
        "number", "steps after which some pool was more than 2% off its reference price"
    ),
    "steps_braked": Number(
        "number", "steps after which a pause or an open breaker of some vault stopped something"
    ),
    "held_back": Number(
        "USD",
        "withdrawals refused to suppliers for which there was cash, had no outflow limit kept it, "
        f"{_OF_THEIR_TIME}",
    ),
    "held_up": Number(
        "number", "liquidations of accounts that a guard had let nobody liquidate before"
    ),
    "longest_held_up": Number(
        "number", "seconds for which a guard let nobody liquidate an account, at the most"
    ),
    "messages_refused": Number(
        "number", "messages of other chains that a token refused, each try of the relayer"
    ),
    "borrowed_by_forger": Number(
        "USD", f"what was borrowed against forged tokens, {_OF_THEIR_TIME}"
    ),
    "margin_calls": Number("number", "margin calls"),
    "calls_answered": Number("number", "margin calls that a borrower's own reaction ended"),
}
"""What a path comes to, in the order of its row.

bad_debt = by_fees + by_fund + by_suppliers + still_open was realised; shortfall is not: it is of
all accounts, whatever the oracle makes of them. `sim.market.lost_before` says what was lost before
a path, `sim.market.binding` when arbitrageurs ran out of a token and a pool was off. No cash is
less than `NO_CASH` of what is there.
"""
OUTCOME = tuple(NUMBERS)
(
    BAD_DEBT,
    BY_FEES,
    BY_FUND,
    BY_SUPPLIERS,
    STILL_OPEN,
    SHORTFALL,
    LOSS,
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
    PEAK_LOSS,
    PEAK_SHORTFALL,
    STEPS_RUN_OUT,
    STEPS_POOL_OFF,
    STEPS_BRAKED,
    HELD_BACK,
    NUMBER_HELD_UP,
    LONGEST_HELD,
    NUMBER_REFUSED,
    BORROWED_BY_FORGER,
    NUMBER_CALLED,
    NUMBER_ANSWERED,
) = range(len(OUTCOME))
NUMBERS_BY_ASSET = {
    "bad_debt": Number("USD", f"of bad_debt_usd, that of debts in this asset, {_AT_THE_END}"),
    "shortfall": Number("USD", f"of shortfall_usd, that of debts in this asset, {_AT_THE_END}"),
    "loss": Number("USD", f"of loss_usd, that of debts in this asset, {_AT_THE_END}"),
    "bearable": Number(
        "USD", f"what fees and insurance fund of this asset bore and have left, {_AT_THE_END}"
    ),
}
"""The same of each asset, behind OUTCOME. The shortfall of an account is split over the assets that
it owes as its debt is; so all but the last sum to those of OUTCOME. bearable could have been borne.
"""
BY_ASSET = tuple(NUMBERS_BY_ASSET)
_BAD_DEBT_OF, _SHORTFALL_OF, _LOSS_OF, _BEARABLE_OF = range(
    len(OUTCOME), len(OUTCOME) + len(BY_ASSET)
)
_EACH = len(BY_ASSET)
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
    (HELD_BACK, HELD_BACK_VALUE),
    (NUMBER_HELD_UP, HELD_UP),
    (LONGEST_HELD, LONGEST_HELD_UP),
    (NUMBER_REFUSED, MESSAGES_REFUSED),
    (BORROWED_BY_FORGER, FORGED_DEBT_VALUE),
    (NUMBER_CALLED, MARGIN_CALLS),
    (NUMBER_ANSWERED, CALLS_ANSWERED),
)


NUMBERS_BY_VAULT = {
    "vault_loss": Number("USD", f"bad debt and shortfall of accounts in this vault, {_AT_THE_END}"),
}
"""Of each vault where there are several, behind those of the assets: what was lost before the path
is in it.
"""
BY_VAULT = tuple(NUMBERS_BY_VAULT)


def names(symbols: Sequence[str], vaults: Sequence[str] = ()) -> list[str]:
    """What the numbers of a path are: OUTCOME, then `BY_ASSET` of each asset as "bad_debt.WETH",
    then, of several vaults, `BY_VAULT` of each as "vault_loss.majors".
    """
    of_assets = [f"{name}.{symbol}" for symbol in symbols for name in BY_ASSET]
    several = vaults if len(vaults) > 1 else ()
    return [*OUTCOME, *of_assets, *(f"{name}.{one}" for one in several for name in BY_VAULT)]


def width(assets: int, vaults: int = 1) -> int:
    """How many numbers a path comes to."""
    return len(OUTCOME) + assets * len(BY_ASSET) + (vaults * len(BY_VAULT) if vaults > 1 else 0)


@jitable
def follow(s: State, w: Market, k: int, outcome: Array) -> None:
    """After step k: what must be seen on the way. Whoever has the journal counts operations."""
    dry, realised, open_still = 0, zero(), zero()
    total_shortfall(s, w, k)
    for i in range(s.unit.shape[0]):
        debt = float(hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX]))
        lendable = float(s.hub[i, CASH]) + debt
        if lendable > 0:
            outcome[LARGEST_USAGE] = max(outcome[LARGEST_USAGE], debt / lendable)
        if lendable > 0 and debt > lendable * (1 - NO_CASH):
            dry = 1
        reported, before = _realised(s, w, k, i), _before(s, w, k, i)
        realised += max(zero(), reported - before)
        open_still += max(zero(), w.missing[i] - max(zero(), before - reported))
    outcome[STEPS_WITHOUT_CASH] += dry
    outcome[PEAK_LOSS] = max(outcome[PEAK_LOSS], realised + open_still)
    outcome[PEAK_SHORTFALL] = max(outcome[PEAK_SHORTFALL], open_still)
    outcome[STEPS_RUN_OUT] += ran_out(s, w.actors.arbitrageurs)
    outcome[STEPS_BRAKED] += _any_braked(s)
    outcome[STEPS_POOL_OFF] += any_off(s, w, k)


@jitable
def _any_braked(s: State) -> int:
    """1 if the guard of any vault stops something now."""
    for v in range(s.policy.shape[0]):
        if risk_guard.is_guarded(s, v) and risk_guard.is_any_stopped(s, v):
            return 1
    return 0


@jitable
def conclude(s: State, w: Market, k: int, outcome: Array) -> None:
    """After the last step, k: everything else."""
    for i in range(s.unit.shape[0]):
        price, unit = w.price[k, i], s.unit[i]
        for column, source in _FROM_HUB:
            outcome[column] += mul_div_down(s.hub[i, source], price, unit)
        earned = hub.fee_assets(s, i) + s.hub[i, COVERED_BY_FEES]
        outcome[REVENUE] += mul_div_down(earned, price, unit)
        bearable = earned + s.hub[i, COVERED_BY_FUND] + insurance.assets_of(s, i)
        outcome[_BEARABLE_OF + i * _EACH] = mul_div_down(bearable, price, unit)
    for column, source in _FROM_TALLY:
        outcome[column] += w.tally[source]
    outcome[PROFIT] -= w.tally[GAS_VALUE]  # the tally is of proceeds less repayments
    for i in range(s.unit.shape[0]):
        debt = hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX])
        outcome[DEBT] += mul_div_down(debt, w.price[k, i], s.unit[i])
    # Of everyone: whom the oracle finds healthy may be ruined.
    outcome[SHORTFALL] = everyones_shortfall(s, w, k)
    for i in range(s.unit.shape[0]):
        reported, missing = _realised(s, w, k, i), w.missing[i]
        added = max(zero(), reported + missing - _before(s, w, k, i))
        outcome[_BAD_DEBT_OF + i * _EACH] = reported
        outcome[_SHORTFALL_OF + i * _EACH] = missing
        outcome[_LOSS_OF + i * _EACH] = added
        outcome[LOSS] += added
    if s.policy.shape[0] > 1:
        _conclude_vaults(s, w, k, outcome)
    for a in range(s.account.shape[0]):
        if w.watchers.hot[a] != 0:  # nobody else is unhealthy
            look_at(s, w, a)
            if w.watchers.watch[a, FACTOR] < wad():
                outcome[UNHEALTHY] += 1


@jitable
def _conclude_vaults(s: State, w: Market, k: int, outcome: Array) -> None:
    """The loss of each of several vaults."""
    first = len(OUTCOME) + s.unit.shape[0] * _EACH
    for v in range(s.policy.shape[0]):
        for i in range(s.unit.shape[0]):
            reported = s.spoke[v, i, REPORTED_DEFICIT]
            outcome[first + v] += mul_div_down(reported, w.price[k, i], s.unit[i])
    for a in range(s.account.shape[0]):
        outcome[first + s.account_vault[a]] += shortfall(s, w, k, a)


@inlined
def _realised(s: State, w: Market, k: int, i: int) -> int:
    """Bad debt so far of asset i, a value."""
    return mul_div_down(s.hub[i, DEFICIT_REPORTED], w.price[k, i], s.unit[i])


@inlined
def _before(s: State, w: Market, k: int, i: int) -> int:
    """Lost of asset i before the run, a value; up, so that it covers what is left of it."""
    return mul_div_up(lost_before.lost(w, i), w.price[k, i], s.unit[i])
