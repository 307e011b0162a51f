"""Users' own agents: found or refused before anything runs; asked, answered, stopped."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.measures.agents import agent_outcomes
from sim.protocol import operations as op
from sim.questions.verification import state_digest
from sim.scenario import ScenarioError, digest, load
from sim.users.actions import (
    EVERYTHING,
    Borrow,
    Buy,
    Deposit,
    FlashLiquidate,
    Liquidate,
    Names,
    Operation,
    OperationError,
    Redeem,
    Repay,
    Sell,
    Stake,
    Supply,
)
from sim.users.user_agents import AgentError, InPython
from sim.users.view import View
from sim.world import build
from tests.agents import made_up
from tests.agents.thin import USDC, WETH, thin
from tests.agents.with_agents import agent, played, with_agent
from tests.tape.storm import STORM

# --- refused before anything runs -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "parameters", "path", "words"),
    [
        ("no.such.module:Agent", {}, "path", "there is no module no"),
        ("tests.agents.absent:Agent", {}, "path", "there is no module tests.agents.absent"),
        ("Lopper", {"borrow": 1}, "path", "did you mean Looper"),
        ("NUMBER", {}, "path", "neither a jitable function nor has it act(view)"),
        ("wrong_arguments", {}, "parameters", "does not begin with the arguments s, w, k, me"),
        ("Looper", {}, "parameters.borrow", "is missing"),
        ("Looper", {"borrows": 1}, "parameters.borrows", "did you mean borrow"),
        ("two_knobs", {}, "parameters.first", "is missing"),
        ("two_knobs", {"first": 1, "third": 1}, "parameters.third", "not a parameter"),
        ("two_knobs", {"first": 0.5}, "parameters.first", "a whole number"),
        ("ready", {"size": 1}, "parameters.size", "not a parameter"),
        ("Picky", {"size": -1}, "parameters", "size must not be negative"),
    ],
)
def test_what_cannot_be_an_agent(
    code: str, parameters: dict[str, Any], path: str, words: str
) -> None:
    """Only when the world is built: to read the scenario runs nobody's code."""
    scenario = with_agent(code, **parameters)
    with pytest.raises(ScenarioError) as caught:
        build(scenario)
    assert [problem.path for problem in caught.value.problems] == [f"agents[0].{path}"]
    assert words in str(caught.value)


def test_a_module_that_fails_is_named(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one in the current directory is found."""
    (tmp_path / "broken_agents.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "good_agents.py").write_text(
        "class Idle:\n    def act(self, view):\n        return ()\n"
    )
    monkeypatch.chdir(tmp_path)
    build(with_agent("good_agents:Idle"))
    with pytest.raises(ScenarioError, match="importing broken_agents fails: ModuleNotFoundError"):
        build(with_agent("broken_agents:Idle"))


def test_a_module_beside_the_scenario_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the command is run, before one in the current directory; and no other of its name is
    taken for it. Where it lies is no part of what was run.
    """
    there, here, other = (tmp_path / name for name in ("there", "here", "other"))
    for folder in (there, here, other):
        folder.mkdir()
        code = f"class Idle:\n    where = {folder.name!r}\n    def act(self, view): return []\n"
        (folder / "beside_the_scenario.py").write_text(code)
    entry = "agents: [{name: mine, path: 'beside_the_scenario:Idle'}]"
    for folder in (there, other):
        text = f"{{name: mine, extends: {STORM}, {entry}}}"
        (folder / "mine.yaml").write_text(text)
    monkeypatch.chdir(here)
    found = load(there / "mine.yaml")
    world = build(found)
    assert world.agents[0].code.where == "there"
    assert digest(found) == digest(load(other / "mine.yaml"))
    with pytest.raises(ScenarioError, match="also the name of another module"):
        build(load(other / "mine.yaml"))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"path": "tests.agents.made_up"}, "agents[0].path"),
        ({"path": "os.system('x'):y"}, "agents[0].path"),
        ({"name": "one"}, "agents[0].name"),  # a liquidator has it
        ({"capital_usd": {"DAI": 1.0}}, "agents[0].capital_usd.DAI"),
        ({"parameters": {"a": "many"}}, "agents[0].parameters.a"),
        ({"parameters": {"a": True}}, "agents[0].parameters.a"),
        ({"parameters": {"a b": 1}}, "agents[0].parameters.a b"),
        ({"speed": 1}, "agents[0].speed"),
    ],
)
def test_a_wrong_entry_is_refused(change: dict[str, Any], path: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        thin(agents=[{**agent("Idle"), **change}])
    assert path in {problem.path for problem in caught.value.problems}, caught.value


@pytest.mark.parametrize(
    "name", ["attacker", "admin", "suppliers", "arbitrageurs", "account 0", "borrower 0"]
)
def test_the_name_of_someone_else_is_refused(name: str) -> None:
    """Tables tell accounts and owners apart by name."""
    with pytest.raises(ScenarioError, match=rf"agents\[0\].name: {name} is taken"):
        build(thin(agents=[{**agent("Idle"), "name": name}]))


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ScenarioError, match=r"agents\[1\].name: mine is taken"):
        thin(agents=[agent("Idle"), agent("Idle")])


def test_compiled_runs_refuse_python_objects() -> None:
    world = build(with_agent("Idle"))
    with pytest.raises(ScenarioError, match=r"agents\[0\].path: mine is a Python object"):
        Compiled(world)


# --- asked and answered ---------------------------------------------------------------------------


def test_the_view_shows_the_world_as_the_scenario_has_it() -> None:
    """At the first step, where nothing but interest of one step has changed."""
    seen: list[View] = []
    made_up.Wishing.wish = lambda view: seen.append(view) or Stake("USDC", 1)
    world = build(with_agent("Wishing"))
    step = run(world)
    next(step), next(step)
    (view,) = seen
    assert (view.step, view.assets) == (1, ("CRV", "USDC", "WETH"))
    assert view.time == int(world.scenario.start.timestamp()) + 300
    assert view.gas_price == 20 * 10**9
    assert [view.price(asset) for asset in view.assets] == [5 * 10**7, 10**8, 2_000 * 10**8]
    assert view.oracle_price("CRV") == 5 * 10**7 and view.oracle_status("CRV") == "ok"
    assert view.wallet("WETH") == 10 * 10**18 and view.wallet("USDC") == 0
    assert view.value("WETH", 10**18) == 2_000 * 10**8
    assert view.amount("CRV", 10**8) == 2 * 10**18
    assert view.reserves("USDC", "CRV") == (10**12, 2 * 10**24)
    # On x y = k without fee, selling half of what is there brings a third of the other side.
    assert view.proceeds("CRV", "USDC", 10**24) == 10**12 // 3
    assert view.reserves("CRV", "WETH") == (0, 0) and view.proceeds("CRV", "WETH", 1) == 0
    book = world.book
    owed = int(book.debt[:, USDC].sum())
    assert owed < view.borrowed("USDC") < owed * 1.000_01
    assert view.cash("USDC") == 20_000_000 * 10**6 - owed
    assert view.usage("USDC") == pytest.approx(owed / (20_000_000 * 10**6), rel=1e-4)
    usage = view.usage("USDC")
    assert view.borrow_rate("USDC") == pytest.approx(0.04 * usage / 0.8, rel=1e-3)
    assert view.account == 4 and len(view.accounts.health) == 5
    assert view.debt("USDC") == 0 and view.health() == EVERYTHING
    lt, ten_to_the = 0.7, 10**18
    for a in range(4):
        collateral = int(book.collateral[a, WETH]) / 10**18 * 2_000
        debt = int(book.debt[a, USDC]) / 10**6
        assert view.supplied("WETH", a) == pytest.approx(int(book.collateral[a, WETH]), rel=1e-6)
        assert view.accounts.health[a] / ten_to_the == pytest.approx(
            lt * collateral / debt, rel=1e-5
        )
        assert view.accounts.debt[a] / 10**8 == pytest.approx(debt, rel=1e-5)
    assert view.accounts.liquidatable.tolist() == [0] * 5
    with pytest.raises(KeyError):
        view.price("DAI")


def test_nothing_in_a_view_can_be_written() -> None:
    seen: list[View] = []
    made_up.Wishing.wish = lambda view: seen.append(view) or Stake("USDC", 1)
    world = build(with_agent("Wishing"))
    step = run(world)
    next(step), next(step)
    (view,) = seen
    for name in ("step", "time", "accounts", "answers", "anything"):
        with pytest.raises(AttributeError):
            setattr(view, name, 0)
    with pytest.raises(AttributeError):
        del view.step
    with pytest.raises(ValueError, match="read-only"):
        view.accounts.health[0] = 0
    with pytest.raises(TypeError):
        view.assets[0] = "DAI"  # type: ignore[index]
    before = state_digest(world.state)
    with pytest.raises(ValueError, match="read-only"):
        view._s.hub[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        view._w.price[0, 0] = 0
    assert state_digest(world.state) == before


def test_an_agent_supplies_borrows_repays_and_leaves() -> None:
    """And ends with what it had, less the interest of ten minutes."""
    capital = {"WETH": 20_000.0, "USDC": 10.0}
    mine = agent("Looper", capital, borrow=5_000 * 10**6)
    world, tape = played(thin(attack=None, agents=[mine]))
    own = tape.operations[(tape.operations["actor_name"] == "mine") & (tape.operations["step"] > 0)]
    assert own["kind"].tolist() == ["supply", "borrow", "repay", "withdraw"]
    assert own["account"].tolist() == [4] * 4 and own["verdict"].tolist() == ["ok"] * 4
    (outcome,) = agent_outcomes(tape)
    usage = (int(world.book.debt[:, USDC].sum()) / 10**6 + 5_000) / 20e6
    interest = 5_000 * 0.04 * usage / 0.8 * 600 / (365 * 86_400)
    assert outcome.start_usd == pytest.approx(20_010, abs=0.01)
    # In whole units of a millionth of a dollar.
    assert -outcome.profit_usd == pytest.approx(interest, abs=3e-6)
    assert interest > 1e-4 and (outcome.done, outcome.refused) == (4, {})


def test_a_refused_operation_is_recorded_with_its_reason() -> None:
    """Changes nothing, is on the tape in words, and the agent hears of it."""
    _, tape = played(with_agent("Looper", borrow=10**12))
    own = tape.operations[(tape.operations["actor_name"] == "mine") & (tape.operations["step"] > 0)]
    refused = own[own["verdict"] != "ok"]
    assert refused["verdict"].tolist() == ["BorrowLimitExceeded", "ZeroAmount"]
    (outcome,) = agent_outcomes(tape)
    assert outcome.refused == {"BorrowLimitExceeded": 1, "ZeroAmount": 1}
    assert outcome.done == 2 and outcome.profit_usd == pytest.approx(0, abs=1e-6)


def test_an_agent_hears_what_became_of_its_wishes() -> None:
    heard: list[Any] = []

    def wish(view: View) -> Any:
        heard.append(view.answers)
        return Borrow("USDC", 10**6) if view.step == 1 else Supply("WETH", 10**15)

    made_up.Wishing.wish = wish
    played(with_agent("Wishing"))
    assert heard[0] == ()
    ((first, verdict),) = heard[1]
    assert (first, verdict) == (Borrow("USDC", 10**6), "BorrowLimitExceeded")
    assert heard[2][0].verdict == "ok"


def test_runs_do_not_share_an_agents_memory() -> None:
    """Neither a class's nor a ready object's: two runs of a world are one run."""
    for code in ("Counting", "ready"):
        scenario = with_agent(code)
        first, second = (state_digest(played(scenario)[0].state) for _ in range(2))
        assert first == second
    assert made_up.ready.asked == 0


def test_parameters_reach_a_function_in_its_own_order() -> None:
    for given, wanted in (({"second": 5, "first": 2}, 2_005), ({"first": 4.0}, 4_003)):
        world = build(with_agent("two_knobs", **given))
        agents = InPython(world.agents, world.symbols, world.state, world.market)
        agents(world.state, world.market, 1)
        assert world.market.liquidators.rank[0] == wanted


def test_the_books_accounts_stay_what_they_are() -> None:
    """An idle agent changes nothing for anyone else."""
    alone, _ = played(thin(attack=None))
    world, _ = played(with_agent("Idle"))
    assert (world.state.position[:4] == alone.state.position).all()
    assert (world.state.hub == alone.state.hub).all()
    assert world.state.account_owner.tolist() == [6, 7, 8, 9, 10]
    assert world.book.debt.shape[0] == 4


# --- operations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Supply("WETH", -1), "Supply.amount is -1"),
        (lambda: Supply("WETH", 1.5), "a whole number"),  # type: ignore[arg-type]
        (lambda: Supply("WETH", True), "a whole number"),
        (lambda: Sell("WETH", "USDC", 1, least="2"), "Sell.least"),  # type: ignore[arg-type]
        (lambda: Liquidate(0, "USDC", "WETH", 2**256), "below 2^256"),
    ],
)
def test_what_is_no_amount_is_refused_where_it_is_written(make: Any, words: str) -> None:
    with pytest.raises(OperationError, match=words.replace("^", r"\^")):
        make()


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (Supply("DAI", 1), "'DAI' is not an asset: CRV, USDC, WETH"),
        (Sell("CRV", "WETH", 1), "no venue trades CRV against WETH"),
        (FlashLiquidate(0, "CRV", "WETH", 1), "no venue trades"),
        (Liquidate(99, "USDC", "WETH", 1), "99 is not an account: 0 to 4"),
        (Repay("USDC", 1, account=0.5), "0.5 is not an account"),  # type: ignore[arg-type]
        ("supply everything", "is not an operation of sim.users.actions"),
    ],
)
def test_what_is_no_operation_stops_the_run(wish: Any, words: str) -> None:
    made_up.Wishing.wish = lambda view: wish
    with pytest.raises(AgentError, match="agent 'mine' failed in step 1") as caught:
        played(with_agent("Wishing"))
    assert words in str(caught.value.__cause__)


def test_operations_are_what_they_say() -> None:
    """Each changes the balances it names, by the amounts of the protocol's own arithmetic."""
    wishes = [
        Sell("WETH", "USDC", 10**18),
        Buy("WETH", "USDC", 10**17),
        Deposit("USDC", 500 * 10**6),
        Stake("USDC", 100 * 10**6),
        Redeem("USDC", 10**6),
    ]
    made_up.Wishing.wish = lambda view: (
        wishes[view.step - 1] if view.step <= 5 else Stake("USDC", 0)
    )
    world, tape = played(with_agent("Wishing"))
    own = tape.operations[(tape.operations["actor_name"] == "mine") & (tape.operations["step"] > 0)]
    assert own["verdict"].tolist()[:5] == ["ok"] * 5
    s, actor = world.state, int(world.market.agent_actor[0])
    y, x, keep = 5_000_000 * 10**6, 2_500 * 10**18, 9_970
    got = 10**18 * keep * y // (x * 10_000 + 10**18 * keep)
    assert int(own["result1"].iloc[0]) == got
    assert s.holding[actor, WETH, 0] == 9 * 10**18 + 10**17
    paid, redeemed = int(own["result0"].iloc[1]), int(own["result0"].iloc[4])
    assert s.holding[actor, USDC, 0] == got - paid - 600 * 10**6 + redeemed
    assert s.pool[USDC, 0] == 100 * 10**6
    (outcome,) = agent_outcomes(tape)
    # The fees of 2,000 and 200 dollars, and impact of less than that.
    assert -0.003 * 2_200 - 4 < outcome.profit_usd < -0.003 * 2_200 + 1


def test_nobody_mints_or_governs() -> None:
    """Every operation is of a kind of its own, and none is the admin's or a feed's."""
    world = build(with_agent("Idle"))
    names = Names.of(world.state, world.symbols, 4)
    kinds = []
    for made in Operation.__subclasses__():
        assets = iter(("USDC", "WETH"))
        given = {
            field.name: next(assets) if field.type == "str" else 1
            for field in fields(made)
            if field.default is MISSING
        }
        operation, arguments = made(**given).asked(names)
        assert len(arguments) == len(operation.declared.arguments)
        kinds.append(operation.kind)
    assert len(set(kinds)) == len(kinds) >= 15
    assert not set(kinds) & {
        *(op.mint_token.kind, op.post_price.kind, op.set_feed_mode.kind),
        *(op.claim_fees.kind, op.set_reserve.kind, op.set_spoke.kind),
    }
