"""When thresholds, limits and caps are overridden, a drawn book stays: the same people with the
same positions, and those whom it leaves unhealthy are shown to be.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, get_args

import pytest
from rich.console import Console

from sim.books import describe
from sim.books.borrowing import SAID
from sim.engines.chain import RevmChain
from sim.engines.exact import run
from sim.engines.lockstep import Lockstep
from sim.health.census import census
from sim.market.market import FACTOR
from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.questions.work import world_of
from sim.report.page.provenance import overrides as overrides_of
from sim.report.study_tables import difference_table, risk_table
from sim.scenario import Scenario, ScenarioError, digest, load, of_json, with_overrides
from sim.schema.tuning import Debts, Preset
from sim.tape import frames
from sim.tape.replay import replay
from sim.terminal.opening_book import print_book
from sim.tuning.confirm import world_under
from sim.tuning.preset import prepare
from sim.tuning.result import TuningResult
from sim.world import World, build
from tests.report.page.studies import study
from tests.tape.storm import play
from tests.tuning.small import PRESET, preset

WAD = 10**18
R = "protocol.reserves"
LOWER = {f"{R}.WETH.lt_bps": 6_000, f"{R}.WETH.ltv_bps": 6_000}


@pytest.fixture(scope="module")
def base() -> Scenario:
    return with_overrides(load("black-thursday"), {"book.accounts": 60, "duration_hours": 0.25})


@pytest.fixture(scope="module")
def unchanged(base: Scenario) -> World:
    return build(base)


def _positions(world: World) -> tuple[Any, ...]:
    return tuple(array.tolist() for array in world.book[:3])


CHANGES: list[dict[str, Any]] = [
    LOWER,
    {f"{R}.WETH.lt_bps": 8_500},
    {f"{R}.WETH.ltv_bps": 0},
    {f"{R}.WETH.collateral_enabled": False, f"{R}.DAI.borrow_enabled": False},
    {f"{R}.WETH.supply_cap": 1.0, f"{R}.DAI.borrow_cap": 1.0},
    {"protocol.liquidation.engine": "dutch-bonus", **LOWER},
    {f"{R}.WETH.max_bonus_bps": 4_000, f"{R}.WETH.lt_bps": 7_000, f"{R}.WETH.ltv_bps": 7_000},
]


@pytest.mark.chain
@pytest.mark.parametrize("changes", CHANGES)
def test_the_same_positions_open_on_a_chain(
    base: Scenario, unchanged: World, changes: dict[str, Any]
) -> None:
    """By operations that the contracts accept one by one; then the scenario's own settings are in
    force, and the run goes on under them. Every word of state compared.
    """
    scenario = with_overrides(base, changes)
    world = build(scenario)
    assert _positions(world) == _positions(unchanged)
    assert (world.state.position == unchanged.state.position).all(), "as opened, too"
    assert world.state.reserve.tolist() == world.genesis.reserve.tolist()
    assert all(row.code == OK for block in world.opening for row in block.rows)
    lockstep = Lockstep(RevmChain(), world.genesis, world.symbols)
    for _ in run(world, lockstep):
        pass
    assert lockstep.values > 1_000


def test_who_falls_below_one_is_liquidatable_at_the_start(base: Scenario, unchanged: World) -> None:
    """Health by hand: with one collateral it is in proportion to its threshold. Debts as before."""
    world = build(with_overrides(base, LOWER))
    weth = world.symbols.index("WETH")
    before, after = (census(w.state)[:, FACTOR] / WAD for w in (unchanged, world))
    only = (world.book.collateral > 0).sum(axis=1) == 1
    in_weth = only & (world.book.collateral[:, weth] > 0)
    ratio = (after / before).astype(float)
    assert ratio[in_weth] == pytest.approx(6_000 / 8_000, rel=1e-9)
    assert ratio[only & ~in_weth] == pytest.approx(1.0, rel=1e-9)
    below = after < 1
    assert (before >= 1).all() and below.sum() > 5
    figures = describe(world.book, world.scenario, list(world.market.price[0]))
    assert figures["liquidatable_accounts"] == below.sum()
    assert world.market.watchers.hot.nonzero()[0].tolist() == below.nonzero()[0].tolist()
    (liquidated,) = [step.rows for step in run(world) if step.k == 1]
    repaid = {
        row.account for row in liquidated if row.kind == op.flash_liquidate.kind and row.code == OK
    }
    assert repaid and repaid <= set(below.nonzero()[0].tolist())


def test_the_run_says_so(base: Scenario) -> None:
    """How many are liquidatable and what they owe, whose positions these are, and which caps they
    are beyond.
    """
    world = build(with_overrides(base, {**LOWER, f"{R}.DAI.borrow_cap": 1_000.0}))
    printed = io.StringIO()
    print_book(world, Console(file=printed, width=300, highlight=False))
    figures = describe(world.book, world.scenario, list(world.market.price[0]))
    count, owed = figures["liquidatable_accounts"], figures["liquidatable_debt_usd"]
    said = printed.getvalue()
    assert f"{count} accounts are liquidatable at the start, with ${owed:,.0f} of debt." in said
    assert "--redraw-book draws others" in said
    total = world.book.debt[:, world.symbols.index("DAI")].sum() / 10**18
    assert f"{total:,.0f} DAI are borrowed at the start, beyond the cap of 1,000" in said
    plain = io.StringIO()
    print_book(build(base), Console(file=plain, width=300, highlight=False))
    assert "redraw" not in plain.getvalue() and "beyond" not in plain.getvalue()


def test_redrawing_is_asked_for(base: Scenario, unchanged: World) -> None:
    """Then healths are those of the distribution again, and collateral is what gives them."""
    redrawn = build(with_overrides(base, LOWER, redraw_book=True))
    assert (redrawn.book.debt == unchanged.book.debt).all()
    assert (redrawn.book.collateral >= unchanged.book.collateral).all()
    assert (redrawn.book.collateral > unchanged.book.collateral).any()
    assert (census(redrawn.state)[:, FACTOR] >= WAD).all()
    by_field = with_overrides(base, {**LOWER, "book.drawn_under": None})
    assert digest(by_field) == digest(redrawn.scenario)


def test_what_a_result_carries_makes_the_same_world(base: Scenario, unchanged: World) -> None:
    """A sweep's workers, its study and a tape have the scenario as JSON and nothing else."""
    scenario = with_overrides(base, LOWER)
    assert _positions(world_of(of_json(scenario.model_dump_json()))) == _positions(unchanged)
    played, tape = play(scenario)
    again = replay(frames(tape.tables(complete=True)))
    assert (again.position == played.state.position).all()
    assert (again.hub == played.state.hub).all()


def test_one_override_after_the_other(base: Scenario, unchanged: World) -> None:
    """The positions stay the first ones, and back at the first parameters nothing is left."""
    lower = with_overrides(base, LOWER)
    even_lower = with_overrides(lower, {f"{R}.WETH.lt_bps": 5_500, f"{R}.WETH.ltv_bps": 5_500})
    assert _positions(build(even_lower)) == _positions(unchanged)
    back = with_overrides(even_lower, {f"{R}.WETH.lt_bps": 8_000, f"{R}.WETH.ltv_bps": 7_500})
    assert back == base and digest(back) == digest(base)
    assert with_overrides(base, {f"{R}.WETH.max_bonus_bps": 300}).book == base.book


def test_other_borrowers_are_still_drawn(base: Scenario) -> None:
    """Only what reserves say leaves a book as it is."""
    fewer = build(with_overrides(base, {**LOWER, "book.total_debt_usd": 2e7}))
    figures = describe(fewer.book, fewer.scenario, list(fewer.market.price[0]))
    assert figures["total_debt_usd"] == pytest.approx(2e7, rel=1e-6)
    assert figures["liquidatable_accounts"] > 5


def test_the_command_that_makes_it_again(base: Scenario) -> None:
    """`--set` of what was set; a book that was drawn anew says so."""
    known = load("black-thursday")
    assert overrides_of(with_overrides(known, LOWER)) == LOWER
    redrawn = with_overrides(known, LOWER, redraw_book=True)
    assert overrides_of(redrawn) == {**LOWER, "book.drawn_under": None}


def test_a_search_starts_from_the_same_positions() -> None:
    """A preset's own parameters are the present: its book is drawn under them. `--set` is not."""
    asked = preset().model_copy(update={"parameters": LOWER})
    (own, _) = prepare(asked).scenarios
    assert own.book.drawn_under is None  # type: ignore[union-attr]
    now = build(prepare(preset()).scenarios[0])
    (changed, _) = prepare(preset(), overrides=LOWER).scenarios
    assert _positions(build(changed)) == _positions(now)


def test_a_search_keeps_them_unless_it_is_told_otherwise() -> None:
    """What the contracts confirm is what `ape run crash --set` runs; and the page and the table of
    the study say which convention it was.
    """
    asked = {**PRESET["tuning"], "objectives": ["es_99"]}
    del asked["debts"]
    setup = prepare(Preset.model_validate({**PRESET, "tuning": asked}))
    assert setup.preset.tuning.debts == "same-positions"
    now, then = build(setup.scenarios[0]), world_under(setup, 0, LOWER)
    assert _positions(then) == _positions(now)
    by_crash = build(with_overrides(setup.scenarios[0], LOWER))
    assert (then.state.position == by_crash.state.position).all()
    assert (then.state.reserve == by_crash.state.reserve).all()


@pytest.mark.parametrize("debts", get_args(Debts))
def test_tables_of_a_search_say_which_it_was(debts: Debts) -> None:
    result = study(False, "ape run tune").model_copy(update={"debts": debts})
    note, legend = risk_table(result).note, difference_table(result).legend
    assert SAID[debts][1:] in note and SAID[debts] in legend
    assert TuningResult.model_validate_json(result.model_dump_json()).debts == debts


def test_terms_of_a_book_are_checked(base: Scenario) -> None:
    """By field, like everything else that a file says."""
    terms = {s: t.model_dump(include={*_FIELDS}) for s, t in base.protocol.reserves.items()}
    for changes, path in (
        ({"WETH": {**terms["WETH"], "ltv_bps": 8_001}}, "book.drawn_under.WETH.ltv_bps"),
        ({"WETH": {**terms["WETH"], "ltv_bps": 0}}, "book.collateral_weights.WETH"),
        ({"DAI": {**terms["DAI"], "borrow_enabled": False}}, "book.debt_weights.DAI"),
        ({"XYZ": terms["WETH"]}, "book.drawn_under.XYZ"),
    ):
        with pytest.raises(ScenarioError) as caught:
            with_overrides(base, {"book.drawn_under": {**terms, **changes}})
        assert path in [problem.path for problem in caught.value.problems]


def test_a_recorded_book_is_not_redrawn(tmp_path: Path) -> None:
    (tmp_path / "book.csv").write_text("account,asset,supplied,debt\na,WETH,10,0\na,DAI,0,900\n")
    scenario = with_overrides(
        load("black-thursday"), {"book": {"file": str(tmp_path / "book.csv")}}
    )
    assert build(with_overrides(scenario, LOWER)).book.debt.sum() == 900 * WAD
    with pytest.raises(
        ScenarioError, match=r"book\.file: is a recorded book: leave out redraw_book"
    ):
        with_overrides(scenario, LOWER, redraw_book=True)


_FIELDS = ("ltv_bps", "lt_bps", "collateral_enabled", "borrow_enabled")
