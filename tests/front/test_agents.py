"""The front door: agents that are handed over as objects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sim
from sim.front import ledger
from sim.front.run import Run
from sim.protocol.fixed_point import jitable
from sim.scenario import ScenarioError
from sim.users.actions import Borrow, Operation, Supply
from sim.users.view import View

SHORT: dict[str, Any] = {"accounts": 12, "overrides": {"duration_hours": 6}}


class Saver:
    """Supplies all it has in its third step."""

    name = "saver"

    def __init__(self) -> None:
        self.capital_usd = {"USDC": 5_000}
        self.steps = 0

    def act(self, view: View) -> Iterator[Operation]:
        self.steps += 1
        if self.steps == 3:
            yield Supply("USDC", view.wallet("USDC"))


def test_an_agent_is_the_object_itself() -> None:
    mine = Saver()
    found = sim.run("single-crash", accounts=20, agents=[mine])
    own = found.raw.tape.operations
    own = own[(own["actor_name"] == "saver") & (own["step"] > 0)]
    assert own["kind"].tolist() == ["supply"] and own["step"].tolist() == [3]
    rows = found.accounts[found.accounts["account"] == "saver"].set_index("asset")
    assert rows.loc["USDC", "supplied_end"] == pytest.approx(5_000, rel=1e-3)
    assert mine.steps == 0  # each run has a copy, so that the next one starts with the same agent


def test_what_a_program_handed_over_is_not_to_be_run_again_from_a_page(tmp_path: Path) -> None:
    """Two objects of one class may do different things: the scenario cannot say what."""
    found = sim.run("single-crash", accounts=20, agents=[Saver()])
    (listed,) = found.scenario.agents
    assert listed.path == "handed_over:Saver"
    page = found.report(tmp_path / "new" / "page.html").read_text()
    assert "saver was handed over by a program" in page and "Run that program again" in page


def test_overrides_reach_the_agents_of_the_scenario_beside_one_handed_over() -> None:
    listed = {
        "name": "treasury",
        "path": "sim.examples.treasury:Treasury",
        "capital_usd": {"USDC": 1_000},
        "parameters": {"least_usd": 100.0},
    }
    scenario = sim.load("single-crash").with_({"book.accounts": 20, "agents": [listed]})
    staked = {}
    for least in (100.0, 400.0):
        overrides = {"agents[0].parameters.least_usd": least}
        found = sim.run(scenario, overrides=overrides, agents=[Saver()])
        done = found.raw.tape.operations
        done = done[(done["actor_name"] == "treasury") & (done["kind"] == "stake")]
        staked[least] = int(done["amount"].iloc[0]) / 10**6  # later ones fill up what a loss took
        assert "saver" in set(found.accounts["account"])
    assert staked == {100.0: pytest.approx(100, rel=0.01), 400.0: pytest.approx(400, rel=0.01)}


def test_an_agent_meets_the_contracts_too() -> None:
    """In lockstep, an account and a wallet of its own included."""
    found = sim.run("single-crash", accounts=20, agents=[Saver()], engine="revm")
    assert found.compared > 10_000 and found.engine == "revm" and found.gas_used is None


def test_an_agent_has_its_account_in_the_vault_that_it_names() -> None:
    """One handed over by an attribute, one of a scenario by a field; else it is the first."""
    there = Saver()
    there.name, there.vault = "there", "other"  # type: ignore[attr-defined]
    listed = {"name": "listed", "path": "sim.examples.treasury:Treasury", "vault": "other"}
    overrides = {
        "protocol.vaults": {"one": {}, "other": {"collateral": ["WETH", "USDC"]}},
        "agents": [{**listed, "parameters": {"least_usd": 1.0}}],
    }
    agents = [Saver(), there]
    found = sim.run("single-crash", overrides=overrides, agents=agents, engine="revm", accounts=20)
    accounts = found.raw.tape.accounts.groupby("name")["vault"].first()
    assert accounts[["saver", "there", "listed"]].tolist() == ["one", "other", "other"]
    supplied = found.accounts.set_index(["account", "asset"])["supplied_end"]
    for name in ("saver", "there"):
        assert supplied[name, "USDC"] == pytest.approx(5_000, rel=1e-3)


class Greedy:
    """Asks for what it cannot have."""

    name = "greedy"

    def __init__(self, asset: str = "USDC") -> None:
        self.asset = asset
        self.heard: list[str] = []

    def act(self, view: View) -> Iterator[Operation]:
        self.heard += [answer.verdict for answer in view.answers]
        if view.step in (2, 3):
            yield Borrow(self.asset, 10**6)


def test_what_was_refused_to_an_agent_is_a_frame_and_what_it_became_is_there() -> None:
    """Nobody else's refusals, and not what was done."""
    mine = Greedy()
    found = sim.run("single-crash", agents=[Saver(), mine], **SHORT)
    rows = found.refusals
    assert rows["agent"].tolist() == rows["account"].tolist() == ["greedy"] * 2
    assert rows["operation"].tolist() == ["borrow"] * 2 and rows["step"].tolist() == [2, 3]
    assert rows["reason"].tolist() == found.agents["greedy"].heard == ["BorrowLimitExceeded"] * 2
    assert rows["time"].tolist() == found.steps.index[[2, 3]].tolist()
    assert mine.heard == [] and list(found.agents) == ["saver", "greedy"]
    assert found.agents["saver"].steps == found.scenario.steps
    alone = sim.run("single-crash", **SHORT)
    assert alone.agents == {} and alone.refusals.columns.equals(rows.columns)
    assert len(alone.refusals) == 0
    tape = found.raw.tape
    all_refused = tape._replace(operations=tape.operations.assign(verdict="SupplyCapExceeded"))
    assert set(ledger.refusals(all_refused)["agent"]) == {"saver", "greedy"}
    attacked = all_refused._replace(agents=tape.agents.replace("saver", "attacker"))
    assert set(ledger.refusals(attacked)["agent"]) == {"greedy"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    found = sim.run("single-crash", agents=[Greedy(), Saver()], **SHORT)
    return found, found.save(tmp_path_factory.mktemp("kept"))


def test_a_run_that_was_read_asks_for_the_agents_that_were_handed_over(
    kept: tuple[Run, Path],
) -> None:
    again = sim.read(kept[1])
    assert isinstance(again, Run) and again.agents == {}
    pd.testing.assert_frame_equal(again.refusals, kept[0].refusals)
    asks: list[Any] = [
        again.again,
        lambda: again.published(2),
        lambda: sim.run(again.scenario),
        lambda: sim.sweep(again.scenario, paths=2),
    ]
    for ask in asks:
        with pytest.raises(ScenarioError) as caught:
            ask()
        problems = caught.value.problems
        assert [one.path for one in problems] == ["agents[0]", "agents[1]"]
        assert problems[1].problem.startswith("saver was handed over by a program")
        assert (
            "sim.run(..., agents=[...])" in problems[1].remedy and "'saver'" in problems[1].remedy
        )
    with pytest.raises(ScenarioError) as caught:
        sim.run(again.scenario, agents=[Saver()])
    assert [one.path for one in caught.value.problems] == ["agents[0]"]


def test_handed_over_again_they_take_their_places(kept: tuple[Run, Path]) -> None:
    """In any order, by their names; the run is the same to the operation."""
    again = sim.read(kept[1])
    assert isinstance(again, Run)
    found = sim.run(again.scenario, agents=[Saver(), Greedy()])
    assert found.scenario == kept[0].scenario and list(found.agents) == ["greedy", "saver"]
    assert found.raw.tape.run["digest"].tolist() == again.raw.tape.run["digest"].tolist()
    pd.testing.assert_frame_equal(found.raw.tape.operations, again.raw.tape.operations)
    without = sim.run(again.scenario.with_({"agents": []}))
    assert without.agents == {} and "saver" not in set(without.accounts["account"])


def test_other_books_of_a_run_have_its_agents_too() -> None:
    figures = [{"measure": "liquidations", "low": 0, "high": 9, "source": "nobody"}]
    overrides = {**SHORT["overrides"], "expected": figures}
    found = sim.run("single-crash", accounts=12, overrides=overrides, agents=[Saver()])
    assert found.published(books=2).loc["liquidations", "highest"] >= 0
    assert found.agents["saver"].steps == found.scenario.steps


def test_agents_of_one_name_are_numbered() -> None:
    found = sim.run("single-crash", agents=[Saver(), Greedy(), Saver()], **SHORT)
    assert list(found.agents) == ["saver", "greedy", "saver 2"]


def test_what_cannot_be_copied_is_refused_with_what_it_is() -> None:
    one = Saver()
    one.lock = threading.Lock()  # type: ignore[attr-defined]
    with pytest.raises(ScenarioError) as caught:
        sim.run("single-crash", agents=[Greedy(), one], **SHORT)
    (problem,) = caught.value.problems
    assert problem.path == "agents[1]"
    assert problem.problem.startswith("saver cannot be copied: its lock is <unlocked _thread.lock ")
    assert "TypeError: cannot pickle '_thread.lock' object" in problem.problem
    assert "every run plays a copy" in problem.remedy


def decide(view: View) -> list[Operation]:
    return []


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (Saver, r"agents\[1\]: is the class Saver: an object of it, like Saver\(\)"),
        (lambda view: [], r"agents\[1\]: is <function <lambda>.*>, no agent: an object with act"),
        (decide, r"agents\[1\]: is <function decide.*>, no agent: an object with act"),
        (object(), r"agents\[1\]: is <object object.*>, no agent: an object with act\(view\), or"),
        (None, r"agents\[1\]: is None, no agent"),
    ],
    ids=["a class", "lambda", "a function", "object", "None"],
)
def test_what_is_no_agent_is_refused_by_its_place(agent: Any, said: str) -> None:
    with pytest.raises(ScenarioError, match=said) as caught:
        sim.run("single-crash", agents=[Saver(), agent], **SHORT)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("agents", [Saver(), None, "saver", {"saver": Saver()}, Saver])
def test_agents_are_a_list(agents: Any) -> None:
    with pytest.raises(ScenarioError, match=r"agents: is .*: a list of agents, empty for none"):
        sim.run("single-crash", agents=agents, **SHORT)


@pytest.mark.parametrize(
    ("attribute", "value", "said"),
    [
        ("capital_usd", 5_000, r"agents\[0\].capital_usd: should be a mapping, got 5000"),
        ("capital_usd", {"USDC": "much"}, r"agents\[0\].capital_usd.USDC: .* got 'much'"),
        ("capital_usd", {"GOLD": 1.0}, r"agents\[0\].capital_usd.GOLD: not an asset"),
        ("time_limit_seconds", "long", r"agents\[0\].time_limit_seconds: .* got 'long'"),
    ],
)
def test_what_an_agent_owns_is_said_as_in_a_scenario(
    attribute: str, value: object, said: str
) -> None:
    one = Saver()
    setattr(one, attribute, value)
    with pytest.raises(ScenarioError, match=said):
        sim.run("single-crash", agents=[one], **SHORT)


@jitable
def idle(s: Any, w: Any, k: int, me: int) -> None:
    """Wants nothing."""


def test_a_function_is_handed_over_where_nobody_can_import_it() -> None:
    """One of a module is named by its place there, and found again without being handed over."""

    @jitable
    def inside(s: Any, w: Any, k: int, me: int) -> None:
        pass

    found = sim.run("single-crash", agents=[inside, idle], **SHORT)
    paths = [one.path for one in found.scenario.agents]
    assert paths == ["handed_over:inside", f"{__name__}:idle"]
    assert found.agents == {"inside": inside, "idle": idle}
    alone = sim.run(found.scenario, agents=[inside])
    assert alone.scenario == found.scenario
