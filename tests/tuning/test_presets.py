"""Presets: those that come with the package, what one takes over, and what is refused."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from sim.front.studies import Wanted
from sim.market.level_tables import price_table
from sim.scenario import ScenarioError, with_overrides
from sim.schema.tuning import Preset
from sim.terminal.tune_command import head
from sim.terminal.workers import Workers
from sim.tuning import preset as module
from sim.tuning.preset import known, load, prepare
from sim.world import build
from tests.tuning.small import R, preset

Document = dict[str, Any]
_AGENT = {"name": "treasury", "path": "sim.examples.treasury:Treasury"}


def _written(name: str) -> Document:
    """A known preset as its file has it."""
    document = yaml.safe_load((module._FOLDER / f"{name}.yaml").read_text())
    assert isinstance(document, dict)
    return document


def test_the_presets_can_be_prepared() -> None:
    of_market = ["aggressive", "conservative", "current-market"]
    assert known() == [*of_market, "rate-curve"]
    for name in known():
        asked = prepare(load(name), accounts=1000)
        assert asked.space.accepts(asked.space.current)
        assert bool(asked.preset.tuning.caps) == (name in of_market)
    now = prepare(load("current-market")).space.current
    assert {prepare(load(name)).preset.tuning.debts for name in of_market} == {"follow-limit"}
    assert now[f"{R}.WETH.lt_bps"] == 8300 and now[f"{R}.WBTC.ltv_bps"] == 7300  # 2026-08-22


@pytest.mark.parametrize("name", ["aggressive", "conservative"])
def test_a_preset_takes_over_scenarios_and_search(name: str) -> None:
    """And has its own parameters on them, each of which differs from the market's or repeats it."""
    market, own = load("current-market"), load(name)
    assert own.scenarios == market.scenarios and own.tuning == market.tuning
    assert own.parameters and not market.parameters
    for one, other in zip(prepare(own).scenarios, prepare(market).scenarios, strict=True):
        assert one == with_overrides(other, own.parameters, redraw_book=True) != other
    written = _written(name)
    assert written.keys() == {"extends", "name", "title", "story", "sources", "parameters"}
    for field in ("name", "title", "story", "sources"):
        assert getattr(own, field) != getattr(market, field)


def test_a_preset_of_ones_own_changes_what_it_says(tmp_path: Path) -> None:
    """Field by field: one end of one dimension and one budget; the rest is the market's."""
    ltv, cap = f"{R}.WETH.ltv_bps", f"{R}.WETH.supply_cap"
    file = _file(
        tmp_path,
        {
            "extends": "current-market",
            "name": "mine",
            "title": "Mine",
            "story": "A lower end.",
            "sources": ["tests"],
            "tuning": {"dimensions": {ltv: {"low": 6000}}, "caps": {cap: {"budget_usd": 5e6}}},
        },
    )
    found, market = load(file).model_dump(), load("current-market").model_dump()
    assert found["tuning"]["dimensions"][ltv]["low"] == 6000
    assert found["tuning"]["caps"][cap]["budget_usd"] == 5e6
    market["tuning"]["dimensions"][ltv]["low"] = 6000
    market["tuning"]["caps"][cap]["budget_usd"] = 5e6
    for part in ("tuning", "scenarios", "parameters"):
        assert found[part] == market[part]
    assert found["name"] == "mine"


def _set(*keys: str | int, to: object) -> Callable[[Document], None]:
    """Changes one field of a document."""

    def change(document: Document) -> None:
        inner: Any = document
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = to

    return change


_CAPS, _DIMENSIONS = ("tuning", "caps"), ("tuning", "dimensions")


@pytest.mark.parametrize(
    ("change", "field", "remedy"),
    [
        (_set("titles", to="x"), "titles", "did you mean title"),
        (_set("title", to=5), "title", "one line of text"),
        (_set(*_CAPS, to=["WETH"]), "tuning.caps", "per path of a supply or borrow cap"),
        (
            _set(*_CAPS, f"{R}.WETHH.supply_cap", to={"budget_usd": 1}),
            f"tuning.caps.{R}.WETHH.supply_cap",
            "did you mean WETH",
        ),
        (
            _set(*_CAPS, f"{R}.wstETH.borrow_cap", to={"budget_usd": 1}),
            f"tuning.caps.{R}.wstETH.borrow_cap",
            "what somebody owes is: WETH, WBTC, USDC",
        ),
        (
            _set(*_CAPS, f"{R}.WETH.lt_bps", to={"budget_usd": 1}),
            f"tuning.caps.{R}.WETH.lt_bps",
            f"{R}.WETH.supply_cap",
        ),
        (
            _set(*_CAPS, f"{R}.WETH.supply_cap", "budget_usd", to="10k"),
            f"tuning.caps.{R}.WETH.supply_cap.budget_usd",
            "USD above 0",
        ),
        (
            _set(*_DIMENSIONS, "book.accounts", to=[1, 2]),
            "tuning.dimensions.book.accounts",
            f"a path such as {R}.WETH.lt_bps",
        ),
        (
            _set(*_DIMENSIONS, f"{R}.WETH.lvt_bps", to=[1, 2]),
            f"tuning.dimensions.{R}.WETH.lvt_bps",
            "the path of a field",
        ),
        (
            _set(*_DIMENSIONS, "protocol.liquidation.engine", to=["auction"]),
            "protocol.liquidation.engine",
            "close-factor, target-health or dutch-bonus",
        ),
        (_set("parameters", to={"seed": 1}), "parameters.seed", "a path such as"),
        (
            _set("tuning", "objectives", to=["borowed"]),
            "tuning.objectives[0]",
            "did you mean borrowed or",
        ),
        (
            _set("tuning", "debts", to="same-positions"),
            "tuning.objectives[0]",
            "says nothing where everyone owes what he does now: debts: follow-limit",
        ),
        (_set("tuning", "debts", to="same"), "tuning.debts", "'same-positions'"),
        (_set("scenarios", 0, "weight", to=0), "scenarios[0].weight", "above 0"),
        (_set("scenarios", 0, "scenario", to="lending-markt"), "(name)", "mean lending-market"),
        (_set("scenarios", 0, "overrides", to={"venues[9]": 1}), "venues[9]", "fields of venues"),
        (
            _set("scenarios", 1, "overrides", "protocol.cover_window_hours", to=3),
            "scenarios[1]",
            "can be set under parameters",
        ),
        (
            _set("scenarios", 1, "overrides", "agents", to=[_AGENT]),
            "scenarios[1], agents",
            "leave it out",
        ),
        (_set("extends", to="nothing"), "extends", "one of: aggressive"),
        (_set("extends", to=None), "extends", "one of: aggressive"),
    ],
)
def test_a_wrong_preset_is_refused_by_field(
    change: Callable[[Document], None], field: str, remedy: str, tmp_path: Path
) -> None:
    """With the name of the preset, or of its file, and what would be right."""
    document = copy.deepcopy(_written("current-market"))
    document["name"] = "mine"
    change(document)
    with pytest.raises(ScenarioError) as caught:
        prepare(load(_file(tmp_path, document)))
    assert "mine" in str(caught.value)
    said = {
        problem.path: f"{problem.problem}: {problem.remedy}" for problem in caught.value.problems
    }
    assert remedy in said[field]


def test_scenarios_and_files_are_beside_the_preset(tmp_path: Path) -> None:
    """And overrides that name files; a known name is no file."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "own.yaml").write_text("{name: own, extends: black-thursday}")
    (tmp_path / "set" / "book.csv").write_text("")
    document = {
        "name": "mine",
        "extends": "aggressive",
        "title": "t",
        "story": "s",
        "sources": ["s"],
        "scenarios": [
            {"name": "a", "scenario": "own.yaml", "overrides": {"book": {"file": "book.csv"}}},
            {"name": "b", "scenario": "black-thursday", "overrides": {"book.file": "book.csv"}},
        ],
    }
    preset = load(_file(tmp_path / "set", document))
    own, known = preset.scenarios
    book = str(tmp_path / "set" / "book.csv")
    assert own.scenario == str(tmp_path / "set" / "own.yaml") and known.scenario == "black-thursday"
    assert own.overrides == {"book": {"file": book}} and known.overrides == {"book.file": book}
    assert preset.parameters == load("aggressive").parameters


RATES = "protocol.rates"
ANSWERS = {"supply_per_point": 0.1, "borrowing_per_point": 0.1, "half_life_hours": 24.0}


@pytest.mark.parametrize(
    ("response", "symbol"),
    [
        ({}, "USDC"),
        ({"USDC": {**ANSWERS, "supply_per_point": 0}}, "USDC"),
        ({"USDC": {**ANSWERS, "borrowing_per_point": 0}}, "USDC"),
        ({"USDC": ANSWERS}, "WETH"),
    ],
)
@pytest.mark.parametrize("field", ["reserve_factor_bps", "slope1_bps", "optimal_usage_bps"])
def test_a_curve_to_which_nobody_answers_is_not_searched(
    response: Document, symbol: str, field: str
) -> None:
    """More of it would earn more at no cost; in any of the scenarios, which are named."""
    path = f"{RATES}.{symbol}.{field}"
    document = copy.deepcopy(_written("rate-curve"))
    document["scenarios"][0]["overrides"]["rate_response"] = response
    document["scenarios"].insert(0, {"name": "other", "scenario": "lending-market"})
    document["scenarios"][0]["overrides"] = {"rate_response": {"USDC": ANSWERS, "WETH": ANSWERS}}
    document["tuning"]["dimensions"] = {path: [100, 2_000]}
    with pytest.raises(ScenarioError) as caught:
        prepare(Preset.model_validate(document))
    (problem,) = caught.value.problems
    assert problem.path == f"tuning.dimensions.{path}"
    assert f"borrowing of {symbol} do not both answer to its rates in month" in problem.problem
    assert f"rate_response: {{{symbol}: {{supply_per_point" in problem.remedy
    overrides = document["scenarios"][1]["overrides"]
    overrides["rate_response"] = {"USDC": ANSWERS, "WETH": ANSWERS}
    assert prepare(Preset.model_validate(document)).space.current[path] is not None


def test_a_trial_answers_to_the_change_of_the_curve() -> None:
    """The market has settled under the current setting, and a trial's curve is another one."""
    asked = prepare(load("rate-curve"), accounts=100, seed=3)
    (now,) = asked.scenarios
    assert now.rate_response["USDC"].settled_under is None
    path = f"{RATES}.USDC.slope1_bps"
    trial = asked.under(0, {path: 900})
    assert trial.rate_response["USDC"].settled_under == now.protocol.rates["USDC"]
    assert trial.protocol.rates["USDC"].slope1_bps == 900
    assert asked.under(0, {path: 550}) == now
    own = load("rate-curve").model_copy(update={"parameters": {path: 700}})
    (settled,) = prepare(own).scenarios
    assert settled.rate_response["USDC"].settled_under is None
    assert settled.protocol.rates["USDC"].slope1_bps == 700


def test_settings_are_judged_without_the_rebound_too() -> None:
    """The fall as recorded and its twin, which differ in nothing else, count as one scenario."""
    asked = prepare(load("current-market"))
    names = [one.name for one in asked.preset.scenarios]
    fall, twin = names.index("falling-market"), names.index("falling-market-held")
    recorded, held = asked.scenarios[fall], asked.scenarios[twin]
    assert held == with_overrides(recorded, {"hold_at_low": True}) != recorded
    assert asked.weights[fall] + asked.weights[twin] == pytest.approx(1 / 3)
    ends = [price_table(one)[-1] for one in (recorded, held)]
    assert (ends[1][:3] < ends[0][:3]).all() and (
        ends[1][:3] == price_table(held).min(axis=0)[:3]
    ).all()


@pytest.mark.parametrize(("accounts", "seed"), [(60, 1), (24, 3)])
def test_a_small_book_opens(accounts: int, seed: int) -> None:
    """What one account borrows another may have to supply first."""
    asked = prepare(load("current-market"), accounts=accounts, seed=seed)
    world = build(asked.scenarios[0])
    assert len(world.book.debt) == accounts


def test_the_scenario_of_a_wrong_override_is_named(tmp_path: Path) -> None:
    document = _written("current-market")
    document["scenarios"][2]["scenario"] = "lending-markt"
    with pytest.raises(ScenarioError, match=r"preset 'current-market', scenarios\[2\]\.scenario"):
        prepare(load(_file(tmp_path, document)))


def test_what_a_preset_is_called_is_its_own(tmp_path: Path) -> None:
    """Taken over, two studies would be kept under one name."""
    with pytest.raises(ScenarioError) as caught:
        load(_file(tmp_path, {"extends": "current-market"}))
    missing = {problem.path for problem in caught.value.problems}
    assert missing == {"name", "title", "story", "sources"}
    assert caught.value.file.endswith("mine.yaml (extends current-market)")


@pytest.mark.parametrize("text", ["", "- 1\n", "hello\n", "a: [\n", "name: x\nname: y\n"])
def test_what_is_no_preset_at_all(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=r"mine\.yaml: 1 problem\n  (\(file\)|name): .*: .+"):
        load(str(file))


def test_unknown_names_and_files() -> None:
    with pytest.raises(ScenarioError, match="did you mean current-market"):
        load("currnet-market")
    with pytest.raises(ScenarioError, match=r"nowhere\.yaml: 1 problem"):
        load("./nowhere.yaml")


def _file(folder: Path, document: Document) -> str:
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return str(file)


def test_thresholds_of_a_preset_are_said_to_draw_its_book() -> None:
    """Two presets that differ in one are of two books; what --set changes is not."""

    def said(**parameters: int) -> str:
        console = Console(record=True, width=200, file=io.StringIO())
        asked = preset().model_copy(update={"parameters": parameters})
        head(prepare(asked), Wanted(), Workers(), console)
        return console.export_text()

    assert "is another book" not in said()
    assert "is another book" in said(**{"protocol.reserves.WETH.lt_bps": 8_100})


CASES = Path(__file__).parents[3] / "shared" / "cases" / "questions"


@pytest.mark.skipif(not CASES.exists(), reason="not available: ../shared/cases")
@pytest.mark.parametrize(
    ("name", "accounts", "caps"),
    [("own_book_tune", 200, 0), ("lrt_cap", 100, 1), ("eth-threshold", 240, 0)],
)
def test_questions_as_they_are_can_be_asked(name: str, accounts: int, caps: int) -> None:
    """Their scenarios are beside them, and written for an earlier version."""
    asked = prepare(load(str(CASES / f"{name}.yaml")))
    assert asked.accounts == accounts and len(asked.preset.tuning.caps) == caps
    assert asked.space.accepts(asked.space.current)
