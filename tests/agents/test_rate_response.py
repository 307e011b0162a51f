"""Supply and borrowing that answer to rates: against the equilibrium of the equations, and what
suppliers and borrowers can and cannot do.

The market of the closed forms: flat prices, one asset that is lent, a constant slope, interest of
two days (below 1e-3 of anything). Amounts are compared within what is not worth a transaction.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.optimize import brentq

from sim.agents import rate_response
from sim.agents.rate_response import NOTICED
from sim.agents.start import SUPPLIERS
from sim.engines.exact import run
from sim.market.market import REFUSED_VALUE, WITHDRAWN_VALUE
from sim.measures.parties import lost_units, profit_and_loss
from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import (
    BORROW_INDEX,
    BORROW_RATE,
    CASH,
    HUB_SHARES,
    SCALED_DEBT,
    WALLET,
)
from sim.protocol.vault_accounts import debt_assets, health
from sim.scenario import Scenario, load, with_overrides
from sim.world import World, build
from tests.measures.test_parties import played
from tests.simulation.runs import ANSWERING, SMALL

SYMBOLS = ("WETH", "WBTC", "USDC", "DAI")
DAI = 3
WAD, RAY, POINT = 10**18, 10**27, 10**25
SUPPLIED, OWED = 2e7, 1e7
USUAL = {
    "reserve_factor_bps": 1_000,
    "optimal_usage_bps": 9_999,
    "base_rate_bps": 0,
    "slope1_bps": 800,
    "slope2_bps": 0,
}
"""A rate of 4% at the usage of a half; suppliers earn 1.8%."""
BOTH = {"supply_per_point": 0.2, "borrowing_per_point": 0.08, "half_life_hours": 2.0}
MOVES = {
    op.DECLARED[kind].name
    for kind in (op.deposit.kind, op.withdraw_assets.kind, op.borrow.kind, op.repay.kind)
}


def market(response: dict[str, Any], curve: dict[str, int], **overrides: Any) -> Scenario:
    """DAI is lent against WETH; usage is a half, and the usual curve was `USUAL`."""
    only = {"WETH": 1.0, "WBTC": 0.0, "USDC": 0.0, "DAI": 0.0}
    changes: dict[str, Any] = {
        "assets.WETH.price_usd": 200.0,
        "assets.WBTC.price_usd": 8_000.0,
        "duration_hours": 48,
        "step_seconds": 1_800,
        "suppliers": {"WETH": 0.0, "WBTC": 0.0, "USDC": 0.0, "DAI": SUPPLIED},
        "book.accounts": 12,
        "book.total_debt_usd": OWED,
        "book.max_account_share": 0.3,
        "book.collateral_weights": only,
        "book.debt_weights": {**only, "WETH": 0.0, "DAI": 1.0},
        "book.two_collateral_share": 0.0,
        "book.isolated_share": 0.0,
        "book.health_quantiles": [[0.0, 2.9], [1.0, 3.0]],
        "rate_response": {"DAI": {**response, "settled_under": USUAL}},
        "protocol.rates.DAI": {**USUAL, **curve},
    }
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    return with_overrides(load("black-thursday"), {**changes, **named})


class End(NamedTuple):
    """How a run ended, and what moved in it."""

    world: World
    supply: float
    borrowing: float
    usage: float
    earned: float
    """By the protocol in the second half of the run, when the market has settled, USD."""
    operations: dict[str, int]

    @property
    def levels(self) -> Any:
        """At which the debts stand."""
        return self.world.market.actors.rate_response.borrowing_level[:, 0] / WAD


def ended(scenario: Scenario) -> End:
    """A run on the twin."""
    world, operations, fees = build(scenario), dict.fromkeys(MOVES, 0), [0]
    for one in run(world):
        for row in one.rows if one.k else ():
            if (kind := op.DECLARED[row.kind].name) in MOVES and row.code == OK:
                operations[kind] += 1
        if one.k == scenario.steps // 2:
            fees.append(int(hub.fee_assets(world.state, DAI)))
    row, first = world.state.hub[DAI], sum(int(debt) for debt in world.book.debt[:, DAI])
    debt = int(hub.debt_at(row[SCALED_DEBT], row[BORROW_INDEX]))
    return End(
        world,
        int(world.state.holding[SUPPLIERS, DAI, HUB_SHARES]) / (int(SUPPLIED) * WAD * 10**6),
        int(row[SCALED_DEBT]) / first,
        debt / (debt + int(row[CASH])),
        (int(hub.fee_assets(world.state, DAI)) - fees[-1]) / WAD,
        operations,
    )


def rates(curve: dict[str, int], usage: float) -> tuple[float, float]:
    """(what suppliers earn, what borrowers pay), percentage points a year."""
    optimal, paid = curve["optimal_usage_bps"] / 1e4, float(curve["base_rate_bps"])
    paid += curve["slope1_bps"] * min(usage / optimal, 1)
    paid += curve["slope2_bps"] * max(usage - optimal, 0) / (1 - optimal)
    return paid / 100 * usage * (1 - curve["reserve_factor_bps"] / 1e4), paid / 100


def equilibrium(response: dict[str, Any], change: dict[str, int]) -> tuple[float, float, float]:
    """(usage, supply, borrowing) at which nobody wants to move, the latter as shares of the usual:
    the root of usage - borrowing (usage) / supply (usage) x OWED / SUPPLIED.
    """
    curve, usual = {**USUAL, **change}, rates(USUAL, OWED / SUPPLIED)

    def wanted(usage: float) -> tuple[float, float]:
        earned, paid = rates(curve, usage)
        supply = 1 + response["supply_per_point"] * (earned - usual[0])
        borrowing = 1 - response["borrowing_per_point"] * (paid - usual[1])
        return max(supply, 0.01), max(borrowing, 0.01)

    def gap(usage: float) -> float:
        supply, borrowing = wanted(usage)
        return usage - borrowing / supply * OWED / SUPPLIED

    usage = brentq(gap, 1e-6, 1 - 1e-6)
    return usage, *wanted(usage)


# --- equilibrium ----------------------------------------------------------------------------------

CHANGES: dict[str, dict[str, int]] = {
    "steeper": {"slope1_bps": 1_600},
    "flatter": {"slope1_bps": 400},
    "a base": {"base_rate_bps": 300},
    "all for the protocol": {"reserve_factor_bps": 9_999},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_market_settles_where_nobody_wants_to_move(change: str) -> None:
    """Twenty-four half-lives after the curve has changed, against the root of a scalar equation:
    each amount within twice what is not worth a transaction.
    """
    usage, supply, borrowing = equilibrium(BOTH, CHANGES[change])
    end = ended(market(BOTH, CHANGES[change]))
    assert end.supply == pytest.approx(supply, rel=2 / NOTICED)
    assert end.borrowing == pytest.approx(borrowing, rel=2 / NOTICED)
    assert end.usage == pytest.approx(usage, rel=4 / NOTICED)
    assert max(abs(supply - 1), abs(borrowing - 1)) > 6 / NOTICED  # three times as far off
    assert end.levels == pytest.approx(end.borrowing, rel=1.5 / NOTICED), "everyone alike"


@pytest.mark.parametrize("step_seconds", [900, 3_600])
def test_a_steep_curve_does_not_make_rates_swing(step_seconds: int) -> None:
    """Above the kink a hundredth of the usage is 5 points of the rate. With rates as they were, in
    steps of an hour, usage swings about 42% and the protocol earns 30% more; it settles, in these
    steps and in shorter ones.
    """
    change = {"optimal_usage_bps": 4_500, "slope1_bps": 360, "slope2_bps": 30_000}
    change |= {"reserve_factor_bps": 5_000}
    response = {"supply_per_point": 0.5, "borrowing_per_point": 0.2, "half_life_hours": 12.0}
    usage, supply, borrowing = equilibrium(response, change)
    assert usage > 0.453
    end = ended(market(response, change, step_seconds=step_seconds, duration_hours=240))
    assert end.usage == pytest.approx(usage, rel=2 / NOTICED)
    assert end.supply == pytest.approx(supply, rel=6 / NOTICED)
    assert end.borrowing == pytest.approx(borrowing, rel=6 / NOTICED)
    assert end.earned / 5 == pytest.approx(_a_day(change, usage, borrowing), rel=0.03)


def test_which_way_rates_move_usage_and_supply() -> None:
    """A higher slope lowers usage, a higher protocol's part lowers supply; each alone too."""
    as_it_was = ended(market(BOTH, {}))
    steeper, costly = (ended(market(BOTH, CHANGES[name])) for name in list(CHANGES)[0:4:3])
    assert steeper.usage < as_it_was.usage - 0.05
    assert costly.supply < as_it_was.supply - 0.1
    only_supply = {**BOTH, "borrowing_per_point": 0.0}
    only_borrowing = {**BOTH, "supply_per_point": 0.0}
    end = ended(market(only_supply, CHANGES["all for the protocol"]))
    assert end.supply < 0.9 and end.borrowing == pytest.approx(1, rel=1e-12)
    assert end.operations["borrow"] == end.operations["repay"] == 0
    end = ended(market(only_borrowing, CHANGES["steeper"]))
    assert end.borrowing < 0.9 and end.supply == pytest.approx(1, rel=1e-12)
    assert end.operations["deposit"] == end.operations["withdraw_assets"] == 0


def test_nobody_moves_at_the_start_or_when_it_is_off() -> None:
    """The usual curve moves nothing; nor does another with elasticities of 0, or none given."""
    end = ended(market(BOTH, {}))
    assert not any(end.operations.values())
    wishes = (
        end.world.market.actors.rate_response.supply_wish[0],
        end.world.market.actors.rate_response.borrowing_wish[0],
    )
    assert wishes == pytest.approx((WAD, WAD), rel=1 / NOTICED)
    for scenario in (market(OFF, CHANGES["steeper"]), market(OFF, {}, rate_response={})):
        end = ended(scenario)
        assert not any(end.operations.values())
        assert (
            end.world.market.actors.rate_response.terms.size
            == end.world.market.actors.rate_response.loan.size
            == 0
        )


def test_the_usual_rates_are_those_of_the_hub_at_the_start() -> None:
    """Of a book with collateral that is lent on, for every asset, against the deployed curve."""
    each = {symbol: {"supply_per_point": 0.1, "half_life_hours": 1.0} for symbol in SYMBOLS}
    world = build(
        with_overrides(load("black-thursday"), {"book.accounts": 40, "rate_response": each})
    )
    row = world.state.hub
    found = world.market.actors.rate_response.terms[:, 3:5]
    for i in range(len(SYMBOLS)):
        debt = hub.debt_at(row[i, SCALED_DEBT], row[i, BORROW_INDEX])
        earned = rate_response.earned_rate(
            row[i, BORROW_RATE], debt, hub.total_assets(world.state, i), 1_000
        )
        assert found[i].tolist() == pytest.approx([earned, row[i, BORROW_RATE]], rel=1e-9)
        assert row[i, BORROW_RATE] > 0


@pytest.mark.parametrize("step_seconds", [300, 900, 3_600])
def test_half_of_a_change_takes_the_half_life_whatever_the_step(step_seconds: int) -> None:
    """At a rate that does not depend on usage: 1 + (wanted - 1) (1 - 2^(-t / half-life))."""
    flat = {"slope1_bps": 0, "base_rate_bps": 700}
    response = {**BOTH, "half_life_hours": 4.0}
    world = build(market(response, flat, step_seconds=step_seconds, duration_hours=8))
    _, usual = rates(USUAL, OWED / SUPPLIED)
    wanted = 1 - response["borrowing_per_point"] * (7 - usual)
    for hours in (4, 8):
        steps = range((hours - 4) * 3_600 // step_seconds + 1, hours * 3_600 // step_seconds + 1)
        for k in steps:
            world.state.clock[0] = world.market.time[k]
            rate_response.act(world.state, world.market, k, world.market.actors.rate_response)
        expected = 1 + (wanted - 1) * (1 - 0.5 ** (hours / 4))
        assert world.market.actors.rate_response.borrowing_wish[0] / WAD == pytest.approx(
            expected, rel=1e-9
        )
    assert ended(market(response, flat)).borrowing == pytest.approx(wanted, rel=2 / NOTICED)


@pytest.mark.parametrize(("slope", "level"), [(100_000, 0.01), (0, 2.0)])
def test_what_is_wanted_is_bounded(slope: int, level: float) -> None:
    """A hundredth of the borrowing, or twice."""
    strong = {"borrowing_per_point": 10.0, "half_life_hours": 1.0}
    end = ended(market(strong, {"slope1_bps": 0, "base_rate_bps": slope}))
    assert end.world.market.actors.rate_response.borrowing_wish[0] / WAD == pytest.approx(
        level, rel=1e-6
    )
    assert end.levels == pytest.approx(level, rel=2 / NOTICED)


# --- suppliers ------------------------------------------------------------------------------------


def test_who_finds_no_cash_is_refused_once_and_served_when_there_is_some() -> None:
    """Suppliers of all but a hundredth of which is lent: half of them want to leave. What was paid
    and refused is what they wanted, however often they ask; a repayment pays some of them.
    """
    leave = {"supply_per_point": 0.5, "borrowing_per_point": 0.0, "half_life_hours": 1.0}
    tight = {"suppliers.DAI": OWED * 1.01, "protocol.rates.DAI.reserve_factor_bps": 9_999}
    scenario = with_overrides(market(leave, {}), tight)
    world = build(scenario)
    s, w = world.state, world.market
    cash, worth = int(s.hub[DAI, CASH]), int(OWED * 1.01) * WAD
    for k in range(1, 49):
        s.clock[0] = w.time[k]
        rate_response.act(s, w, k, w.actors.rate_response)
    wanted = worth * (WAD - int(w.actors.rate_response.supply_wish[0])) // WAD * 10**8 // WAD
    assert wanted > worth * 10**8 // WAD // 3
    taken, refused = int(w.tally[WITHDRAWN_VALUE]), int(w.tally[REFUSED_VALUE])
    assert taken == pytest.approx(cash * 10**8 // WAD, rel=1e-9)
    assert taken + refused == pytest.approx(wanted, rel=2 / NOTICED)
    back = 10**6 * WAD
    s.hub[DAI, CASH] += back
    s.hub[DAI, SCALED_DEBT] -= back * RAY // int(s.hub[DAI, BORROW_INDEX])
    s.clock[0] = w.time[49]
    rate_response.act(s, w, 49, w.actors.rate_response)
    assert int(w.tally[WITHDRAWN_VALUE]) == pytest.approx(taken + 10**14, rel=1e-6)
    assert int(w.tally[REFUSED_VALUE]) == pytest.approx(refused, rel=2 / NOTICED)


# --- borrowers ------------------------------------------------------------------------------------


def test_nobody_borrows_more_below_the_least_health_or_into_it() -> None:
    """Healths from 1.1 to 2 when borrowing gets cheap: who is below 1.5 stays, nobody ends there
    who was not, and those far above borrow all that they want.
    """
    response = {**BOTH, "borrowing_per_point": 0.3, "least_health": 1.5}
    scenario = market(
        response,
        {"slope1_bps": 100},
        book__health_quantiles=[[0.0, 1.1], [1.0, 3.0]],
        book__accounts=40,
    )
    world = build(scenario)
    before = np.array([int(health(world.state, a).factor) / WAD for a in range(40)])
    for _ in run(world):
        pass
    after = np.array([int(health(world.state, a).factor) / WAD for a in range(40)])
    level = world.market.actors.rate_response.borrowing_level[:, 0] / WAD
    low = before < 1.5
    assert 3 < low.sum() < 37
    assert (level[low] == 1).all() and (level[~low & (before > 1.52)] > 1).all()
    assert (after[~low] >= 1.4999).all()
    assert (abs(after[(before > 1.6) & (before < 2)] - 1.5) < 0.01).any(), "some are held there"
    wish = int(world.market.actors.rate_response.borrowing_wish[0]) / WAD
    assert level[before > 1.6 * wish] == pytest.approx(wish, rel=2 / NOTICED) and wish > 1.3


def test_a_cap_refuses_and_debts_stand_where_they_are() -> None:
    cap = {"protocol__reserves__DAI__borrow_cap": OWED * 1.02}
    end = ended(market({**BOTH, "supply_per_point": 0.0}, CHANGES["flatter"], **cap))
    assert (
        1 < end.borrowing < 1.0201
        and end.world.market.actors.rate_response.borrowing_wish[0] > 1.05 * WAD
    )
    debts = [int(debt_assets(end.world.state, a, DAI)) for a in range(12)]
    assert sum(debts) / WAD <= OWED * 1.0201


def test_what_was_liquidated_is_not_borrowed_again() -> None:
    """A debt that somebody else repaid a half of answers with the other half: it only grows, as
    what is wanted does, and no further.
    """
    world = build(market(BOTH, CHANGES["flatter"]))
    s, w = world.state, world.market
    a = int(np.argmax([int(debt_assets(s, n, DAI)) for n in range(12)]))
    half = int(debt_assets(s, a, DAI)) // 2
    op.mint_token(s, SUPPLIERS, DAI, half)
    assert op.repay(s, SUPPLIERS, a, DAI, half) == OK
    own = [row for one in run(world) if one.k > 1 for row in one.rows if row.account == a]
    assert own and {row.kind for row in own} == {op.borrow.kind}
    level = int(w.actors.rate_response.borrowing_level[a, 0]) / WAD
    assert level > 1.05
    assert int(s.position[a, DAI, 1]) / half == pytest.approx(level, rel=1e-3)


def test_borrowers_hold_what_they_borrowed_and_their_purse() -> None:
    """To the unit, after a crash with every kind of behaviour: repayments come from the loan."""
    world = build(with_overrides(load("black-thursday"), {**SMALL, **ANSWERING}))
    for _ in run(world):
        pass
    s, w = world.state, world.market
    purse = {int(a): w.actors.borrowers.purse[n] for n, a in enumerate(w.actors.borrowers.account)}
    for a in range(len(world.book.debt)):
        for e, i in enumerate(w.actors.rate_response.asset):
            own = int(w.actors.rate_response.loan[a, e]) + int(purse.get(a, [0] * len(SYMBOLS))[i])
            assert s.holding[s.account_owner[a], i, WALLET] == own >= 0
    assert (w.actors.rate_response.loan != world.book.debt[:, w.actors.rate_response.asset]).any()


def test_profit_and_loss_still_sum_to_zero() -> None:
    """In integers, and no token is lost: what suppliers have outside is theirs from the start."""
    _, tape = played(with_overrides(load("black-thursday"), {**SMALL, **ANSWERING}))
    table = profit_and_loss(tape)
    assert all(table[column].sum() == 0 for column in table)
    assert not any(any(units) for units in lost_units(tape).values())
    held = tape.parties.set_index(["party", "asset"])["held_start"]
    supplied = load("black-thursday").suppliers["DAI"]
    assert int(held["suppliers", "DAI"]) / WAD == pytest.approx(2 * supplied, rel=1e-6)


OFF = {"supply_per_point": 0.0, "borrowing_per_point": 0.0, "half_life_hours": 2.0}


def earned(response: dict[str, Any], change: dict[str, int]) -> tuple[float, float]:
    """What the protocol earns in a day, in a run and by the equilibrium."""
    usage, _, borrowing = equilibrium(response, change)
    return ended(market(response, change)).earned, _a_day(change, usage, borrowing)


def _a_day(change: dict[str, int], usage: float, borrowing: float) -> float:
    """The protocol's part of the interest of a day, USD."""
    curve = {**USUAL, **change}
    kept = rates(curve, usage)[1] / 100 * curve["reserve_factor_bps"] / 1e4
    return kept / 365 * borrowing * OWED
