"""A world opened again in compiled code is the world that is built anew, to rounding."""

import numpy as np
import pytest

from sim.books import describe
from sim.books.borrowing import Amounts
from sim.engines.memory import Memory, on_floats
from sim.engines.reopening import Reopening
from sim.protocol.records import arrays
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.schema.tuning import Debts
from sim.world import World, build

R = "protocol.reserves"
OUTFLOW = {"limit_bps": 500, "window_seconds": 86_400}


def _base() -> Scenario:
    return with_overrides(load("black-thursday"), {"book.accounts": 60, "duration_hours": 1.0})


def _amounts(world: World, debts: Debts = "follow-limit") -> Amounts:
    return Amounts(world.scenario, world.book, list(world.market.price[0]), debts)


@pytest.mark.compiled
@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {f"{R}.WETH.lt_bps": 8800, f"{R}.WETH.ltv_bps": 7900},
        {f"{R}.WETH.ltv_bps": 4000, f"{R}.WBTC.max_bonus_bps": 2000, f"{R}.DAI.lt_bps": 9000},
        {f"{R}.WETH.supply_cap": 100_000.0, f"{R}.DAI.borrow_cap": 1e7},
        {"protocol.insurance.capital_usd.DAI": 5e5, "protocol.liquidation.engine": "dutch-bonus"},
    ],
)
def test_the_same_start_as_built_anew(overrides: dict[str, object]) -> None:
    """Borrowers who follow their limit."""
    world = build(_base())
    amounts = _amounts(world)
    scenario = with_overrides(world.scenario, overrides)
    collateral, debt = amounts.under(scenario)
    found = Reopening(world).at(scenario, collateral, debt)
    _assert_same(found, on_floats(build(scenario, book=amounts.book_under(scenario))))


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("overrides", "below_one"),
    [
        ({}, False),
        ({f"{R}.WETH.lt_bps": 8800, f"{R}.WETH.ltv_bps": 7900}, False),
        ({f"{R}.WETH.lt_bps": 6000, f"{R}.WETH.ltv_bps": 5500}, True),
        ({f"{R}.WETH.ltv_bps": 0, f"{R}.WBTC.lt_bps": 5000, f"{R}.WBTC.ltv_bps": 0}, True),
        ({f"{R}.WETH.supply_cap": 100.0, f"{R}.DAI.borrow_enabled": False}, False),
        ({f"{R}.WETH.lt_bps": 6500, f"{R}.WETH.ltv_bps": 0, f"{R}.WETH.max_bonus_bps": 4000}, True),
        ({f"{R}.WETH.tiers": [{"above_usd": 1e5, "lt_bps": 6000}]}, True),
        ({f"{R}.WETH.concentration_bps": 500, "protocol.outflow": {"DAI": OUTFLOW}}, False),
    ],
)
def test_the_same_positions_as_crash_and_sweep_have(
    overrides: dict[str, object], below_one: bool
) -> None:
    """A trial of a search starts in the world that `ape run crash --set` builds, accounts below 1
    included; that of the current parameters in the scenario's own.
    """
    world = build(_base())
    amounts = _amounts(world, "same-positions")
    scenario = with_overrides(world.scenario, overrides)
    anew = build(scenario)
    assert (anew.book.collateral == world.book.collateral).all()
    assert (anew.book.debt == world.book.debt).all()
    found = Reopening(world).at(scenario, *amounts.under(scenario))
    _assert_same(found, on_floats(anew))
    number = describe(anew.book, scenario, list(anew.market.price[0]))["liquidatable_accounts"]
    assert number == int(found.market.watchers.hot_count[0]) and (number > 0) == below_one
    assert amounts.book_under(scenario) is world.book, "to the unit, for the contracts"


@pytest.mark.compiled
def test_a_market_that_has_settled_under_another_curve() -> None:
    """Those who answer to rates start at the same rates and with the same loans."""
    answers = {"supply_per_point": 0.1, "borrowing_per_point": 0.1, "half_life_hours": 24.0}
    world = build(with_overrides(_base(), {"rate_response": {"DAI": answers, "WETH": answers}}))
    scenario = with_overrides(world.scenario, {"protocol.rates.DAI.slope1_bps": 900})
    found = Reopening(world).at(scenario, *_amounts(world, "same-positions").under(scenario))
    _assert_same(found, on_floats(build(scenario)))
    # The rates they are used to come from amounts in doubles here, from whole numbers there.
    settled = world.market.actors.rate_response.terms.astype(float)
    np.testing.assert_array_max_ulp(found.market.actors.rate_response.terms, settled, maxulp=4)
    assert found.market.actors.rate_response.loan.any()


@pytest.mark.compiled
def test_from_a_present_in_which_some_are_below_one_already() -> None:
    """Accounts that were opened at lowered prices open again, and higher thresholds heal them."""
    world = build(with_overrides(_base(), {f"{R}.WETH.lt_bps": 6000, f"{R}.WETH.ltv_bps": 5500}))
    assert int(world.market.watchers.hot_count[0]) > 0
    scenario = with_overrides(world.scenario, {f"{R}.WETH.lt_bps": 8000})
    found = Reopening(world).at(scenario, *_amounts(world, "same-positions").under(scenario))
    _assert_same(found, on_floats(build(scenario)))
    assert int(found.market.watchers.hot_count[0]) == 0


def _assert_same(found: Memory, anew: Memory) -> None:
    """Every array of state and market, to 1e-9 of its largest number (object integers to floats).

    Scratch space (journal, undo, result) is not state.
    """
    for name in set(anew.state._fields) - {"journal", "undo", "result", "journal_length"}:
        here, there = getattr(found.state, name), getattr(anew.state, name)
        scale = np.abs(there).max(initial=1.0)
        assert np.allclose(here, there, rtol=1e-9, atol=1e-12 * scale), name
    both = zip(arrays(found.market), arrays(anew.market), strict=True)
    for n, (here, there) in enumerate(both):
        assert np.allclose(here, there, rtol=1e-9, atol=1e-9), f"array {n} of the market"


@pytest.mark.compiled
def test_no_operation_is_refused_by_rounding() -> None:
    """A thousand accounts of a busy market, under forty settings."""
    world = build(load("lending-market"))
    amounts, reopening = _amounts(world), Reopening(world)
    rng = np.random.default_rng(5)
    for _ in range(40):
        ltv = {f"{R}.{name}.ltv_bps": int(rng.integers(4000, 7700)) for name in ("WETH", "WBTC")}
        scenario = with_overrides(world.scenario, ltv)
        reopening.at(scenario, *amounts.under(scenario))


@pytest.mark.compiled
def test_a_refused_operation_is_named() -> None:
    world = build(_base())
    amounts = _amounts(world)
    with pytest.raises(ScenarioError, match=r"refuses it at the start: .* of asset"):
        Reopening(world).at(world.scenario, amounts.collateral, amounts.debt * 10)


def test_borrowers_keep_their_share_of_the_limit() -> None:
    """One number by hand: WETH's limit up by a tenth, all debt against WETH alone up by a tenth."""
    world = build(_base())
    amounts = _amounts(world)
    up = with_overrides(world.scenario, {f"{R}.WETH.ltv_bps": 8250, f"{R}.WETH.lt_bps": 8500})
    collateral, debt = amounts.under(up)
    weth = world.scenario.symbols.index("WETH")
    assert (collateral == amounts.collateral).all()
    only = (amounts.collateral > 0).sum(axis=1) == 1
    pure = only & (amounts.collateral[:, weth] > 0)
    other = only & (amounts.collateral[:, weth] == 0)
    assert pure.sum() > 10 and other.sum() > 3
    # One unit: amounts are rounded down.
    up_by_a_tenth = 1.1 * amounts.debt[pure].sum(axis=1)
    assert np.allclose(debt[pure].sum(axis=1), up_by_a_tenth, rtol=1e-12, atol=1)
    assert np.allclose(debt[other], amounts.debt[other], rtol=1e-12, atol=1)


def test_the_current_parameters_give_the_current_book() -> None:
    world = build(_base())
    collateral, debt = _amounts(world).under(world.scenario)
    assert np.allclose(collateral, world.book.collateral.astype(float), rtol=1e-12, atol=1)
    assert np.allclose(debt, world.book.debt.astype(float), rtol=1e-12, atol=1)


def test_what_cannot_be_had_is_shared_out() -> None:
    """A cap of half the debt leaves everyone half of his, and cash ends before a cap does."""
    world = build(_base())
    amounts = _amounts(world)
    dai = world.scenario.symbols.index("DAI")
    total = amounts.debt[:, dai].sum() / 1e18
    capped = with_overrides(world.scenario, {f"{R}.DAI.borrow_cap": total / 2})
    _, debt = amounts.under(capped)
    has = amounts.debt[:, dai] > 0
    assert np.allclose(debt[has, dai] / amounts.debt[has, dai], 0.4995, rtol=1e-9)
    poor = with_overrides(world.scenario, {"suppliers.DAI": 1e6})
    _, debt = amounts.under(poor)
    build(poor, book=amounts.book_under(poor))  # refused if more were borrowed than is there
    assert 0 < debt[:, dai].sum() < amounts.debt[:, dai].sum()
