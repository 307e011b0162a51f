"""The front door: what cannot be answered is refused before anything is run, and in its words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.front.folders import _KINDS
from sim.front.run import Run
from sim.market.level_tables import price_table
from sim.questions.suite_folder import MANIFEST as SUITE
from sim.sweeps.stored import FORMER
from sim.sweeps.stored import MANIFEST as SWEEP
from sim.tape import TAPE, load
from sim.tuning.question import FILE as QUESTION
from sim.tuning.result import FILE as RESULT

LT = "protocol.reserves.WETH.lt_bps"


@pytest.mark.parametrize("values", [[], (), np.array([]), 8_000, "8000", None])
def test_a_grid_needs_a_list_of_values(values: Any) -> None:
    with pytest.raises(sim.QuestionError, match=rf"{LT}: .*a list of values is needed"):
        sim.sweep_over("single-crash", {LT: values}, paths=4)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"trials": 0}, "trials 0: 2 or more"),
        ({"trials": 1}, "trials 1: 2 or more"),
        ({"paths": 15}, "paths 15: 16 or more"),
        ({"books": 0}, "books 0: 1 or more"),
        ({"trials": 2.5}, "trials 2.5: a whole number"),
        ({"sensitivity": -1}, "sensitivity -1: 0 or more"),
    ],
)
def test_a_search_of_too_little_is_refused(numbers: dict[str, Any], said: str) -> None:
    with pytest.raises(sim.QuestionError, match=said):
        sim.tune("current-market", **numbers)


@pytest.mark.parametrize("number", ["many", 10.5, -1, 0])
def test_a_sweep_is_of_a_number_of_paths(number: Any) -> None:
    with pytest.raises(sim.QuestionError, match=rf"paths '?{number}'?: "):
        sim.sweep("single-crash", paths=number)


def test_prices_that_are_words_are_refused() -> None:
    with pytest.raises(sim.ScenarioError, match=r"prices: not numbers .*'dear'"):
        sim.run("single-crash", prices=pd.DataFrame({"WETH": ["dear"] * 289}))


def test_numbers_out_of_arrays_are_numbers() -> None:
    one = sim.load("single-crash")
    taken = one.with_({LT: np.arange(8_100, 8_102)[1], "book.accounts": np.int64(12)})
    assert taken == one.with_({LT: 8_101, "book.accounts": 12})
    assert type(taken.book.accounts) is int
    with pytest.raises(sim.ScenarioError, match="valid integer"):
        one.with_({LT: np.float64(8_101.5)})


def test_a_grid_of_nothing_is_refused() -> None:
    with pytest.raises(sim.QuestionError, match="settings: none is given"):
        sim.sweep_over("single-crash", {}, paths=4)


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(sim.QuestionError, match="sampler 'foo': mc or sobol"):
        sim.sweep("single-crash", paths=4, sampler="foo")  # type: ignore[arg-type]


def test_a_seed_of_the_book_is_a_whole_number() -> None:
    with pytest.raises(sim.QuestionError, match="book_seed -1: 0 or more"):
        sim.run("single-crash", accounts=12, book_seed=-1)


@pytest.mark.parametrize("number", [2**63, np.uint64(2**63), 10**30])
def test_numbers_that_no_table_holds_are_refused(number: Any) -> None:
    said = rf"book_seed {number}: a number below 2\^63"
    with pytest.raises(sim.QuestionError, match=said):
        sim.run("single-crash", accounts=12, book_seed=number)
    with pytest.raises(sim.QuestionError, match=said):
        sim.sweep("single-crash", paths=2, book_seed=number)


def test_a_single_price_is_no_table() -> None:
    with pytest.raises(sim.ScenarioError, match="prices: an array of 0 dimensions"):
        sim.run("single-crash", accounts=12, prices=3.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda table: table == table, "WETH is of bool"),
        (lambda table: (table == table).astype(object), "WETH is of object"),
        (lambda table: table + 0j, "WETH is of complex128"),
        (lambda table: table.to_numpy() + 0j, "WETH is of complex128"),
        (lambda table: table * 1e30, r"row 0 of WETH is .*e\+33: a number from 1e-8 to 1e\+11"),
        (lambda table: table.set_axis(table.index.astype(str) + "!"), r"'0!': .*pd.to_datetime"),
        (lambda table: table.set_axis(table.index / 1), r"float64 .*pd.to_datetime"),
        (lambda table: table.set_index([table.index, table.index]), r"\(0, 0\): .*reset_index"),
        (
            lambda table: table.set_axis(pd.period_range("2026-01-01", periods=289, freq="5min")),
            r"to_timestamp\(\) of periods",
        ),
        (
            lambda table: table.set_axis(
                pd.date_range("2026-01-01", periods=289, freq="300500ms", tz="UTC")
            ),
            "times between two seconds",
        ),
    ],
    ids=[
        "truth",
        "objects",
        "complex",
        "array",
        "huge",
        "words",
        "floats",
        "pairs",
        "periods",
        "fractions",
    ],
)
def test_prices_that_could_be_read_as_numbers_or_times_are_refused_once(
    made: Any, said: str
) -> None:
    levels = price_table(sim.load("single-crash")).astype(float) / 1e8
    prices = made(pd.DataFrame(levels, columns=sim.load("single-crash").symbols))
    with pytest.raises(sim.ScenarioError, match=rf": 1 problem\n  prices: .*{said}"):
        sim.run("single-crash", accounts=12, prices=prices)


def test_an_agent_that_raises_says_why() -> None:
    class Bad:
        def act(self, view: Any) -> None:
            raise KeyError("gold")

    with pytest.raises(sim.AgentError, match=r"'Bad.*' failed in step 1: KeyError: 'gold'"):
        sim.run("single-crash", accounts=12, agents=[Bad()])


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        ("prices.csv", "no numbers"),
        (pd.DataFrame([[1.0, 2.0]], columns=["WETH", "WETH"]), "each of them once"),
        (pd.DataFrame(index=[0]), "at least one asset"),
        (
            pd.DataFrame({"WETH": [3e3, 2e3]}, pd.to_datetime(["2026-01-02", "2026-01-01"])),
            "do not rise",
        ),
    ],
    ids=["a path", "doubled", "none", "shuffled"],
)
def test_prices_that_mean_nothing_are_refused(prices: Any, said: str) -> None:
    with pytest.raises(sim.ScenarioError, match=said):
        sim.run("single-crash", accounts=20, prices=prices)


# --- arguments of another kind --------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["twin", "anvil", None, 3])
def test_an_engine_that_there_is_not_is_refused_at_once(engine: Any) -> None:
    """Before the scenario is looked for; and "twin" is told what that one is called."""
    said = rf"no engine {engine!r}; there are 'exact' \(the twin alone\), 'revm' .*'devnet'"
    with pytest.raises(ValueError, match=said):
        sim.run("no-such-scenario", engine=engine)


@pytest.mark.parametrize("given", [None, 3, {"name": "mine"}, b"single-crash"])
def test_what_is_no_scenario_says_what_one_is(given: Any) -> None:
    asks: list[Any] = [sim.load, sim.run, sim.sweep, lambda one: sim.sweep_over(one, {LT: [8_000]})]
    for ask in asks:
        with pytest.raises(TypeError, match=r"scenario is .*: a known name \(sim.known\(\)\)"):
            ask(given)
    with pytest.raises(TypeError, match=r"preset is .*: a known name \(sim.presets\(\)\)"):
        sim.tune(given)


@pytest.mark.parametrize("given", [[("seed", 1)], "seed", 3, {3: 4}])
def test_what_is_no_mapping_of_fields_is_refused(given: Any) -> None:
    asks: list[Any] = [
        sim.load("single-crash").with_,
        lambda fields: sim.run("single-crash", overrides=fields),
        lambda fields: sim.sweep("single-crash", overrides=fields),
        lambda fields: sim.tune("current-market", overrides=fields),
    ]
    for ask in asks:
        with pytest.raises(TypeError, match=r"overrides is .*: a mapping of fields to values"):
            ask(given)


def test_a_grid_needs_a_mapping() -> None:
    with pytest.raises(sim.QuestionError, match=r"settings \['seed'\]: a mapping of fields"):
        sim.sweep_over("single-crash", ["seed"])  # type: ignore[arg-type]


def test_pages_are_files_and_results_are_folders(tmp_path: Path) -> None:
    run = sim.run("single-crash", accounts=12)
    with pytest.raises(ValueError, match=r"is a folder: name a file in it, like .*page.html"):
        run.report(tmp_path)
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(ValueError, match="notes: is a file, and results are kept in a folder"):
        run.save(tmp_path / "notes")
    with pytest.raises(ValueError, match="notes: is a file"):
        sim.sweep("single-crash", paths=2, folder=tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "mine"
    asks: list[Any] = [run.report, run.save, sim.read]
    for ask in asks:
        with pytest.raises(TypeError, match="is None: a path is needed, as text"):
            ask(None)
    with pytest.raises(sim.QuestionError, match="books 'all': a whole number"):
        run.published(books="all")  # type: ignore[arg-type]


def test_workers_are_counted() -> None:
    with pytest.raises(sim.QuestionError, match="workers 0: 1 or more"):
        sim.sweep("single-crash", paths=2, workers=0)


# --- folders --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crashed() -> Run:
    return sim.run("single-crash", accounts=12)


@pytest.mark.parametrize("name", _KINDS)
def test_a_folder_holds_one_kind_of_result(crashed: Run, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("{}")
    asks: dict[str, Any] = {
        "a run": crashed.save,
        "a sweep": lambda folder: sim.sweep("single-crash", paths=2, folder=folder),
        "a study": lambda folder: sim.tune("current-market", folder=folder),
    }
    asks.pop(_KINDS[name], None)
    for kind, ask in asks.items():
        said = rf"holds {_KINDS[name]} already \({name}\); name another folder for {kind}"
        with pytest.raises(sim.QuestionError, match=said):
            ask(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_kinds_are_known_by_the_files_that_they_have() -> None:
    files = {TAPE, SWEEP, FORMER, QUESTION, RESULT, SUITE}
    assert files == set(_KINDS)


def test_what_is_refused_leaves_no_folder_behind(tmp_path: Path) -> None:
    wrong = tmp_path / "new" / "folder"
    with pytest.raises(sim.QuestionError):
        sim.tune("current-market", paths=1, folder=wrong)
    with pytest.raises(sim.ScenarioError):
        sim.sweep("single-crash", paths=2, overrides={"price_paths": None}, folder=wrong)
    assert not list(tmp_path.iterdir())


def test_another_run_gives_way_only_when_that_is_said(crashed: Run, tmp_path: Path) -> None:
    crashed.save(tmp_path, parquet=True)
    kept = crashed.save(tmp_path)  # the same again
    other = sim.run("single-crash", accounts=13)
    with pytest.raises(sim.QuestionError, match=r"holds another run; .*overwrite=True"):
        other.save(tmp_path)
    assert load(kept).run["scenario_json"].equals(crashed.raw.tape.run["scenario_json"])
    other.save(tmp_path, overwrite=True)
    assert load(kept).run["scenario_json"].equals(other.raw.tape.run["scenario_json"])
    assert not (tmp_path / "parquet").exists()


# --- what is said ---------------------------------------------------------------------------------


class Late:
    async def act(self, view: Any) -> None: ...


class LateOnes:
    async def act(self, view: Any) -> Any:
        yield None


@pytest.mark.parametrize("agent", [Late(), LateOnes()])
def test_an_async_agent_is_refused(agent: Any) -> None:
    with pytest.raises(sim.ScenarioError, match=r"has an async act.*without async"):
        sim.run("single-crash", accounts=12, agents=[agent])


def test_a_number_below_one_of_books_is_refused_and_nothing_published_is_an_empty_frame(
    crashed: Run,
) -> None:
    with pytest.raises(sim.QuestionError, match="books 0: 1 or more"):
        crashed.published(books=0)
    nothing = crashed.published()
    assert nothing.empty and nothing.index.name == "measure"
    assert {"published_low", "value", "verdict", "source"} <= set(nothing.columns)


def test_integers_say_which_tables_there_are_and_their_units(crashed: Run) -> None:
    shown = repr(crashed.raw)
    for said in ("liquidations, accounts", "smallest unit", "10^-8 USD", "WAD", "wei", "tape"):
        assert said in shown


def test_a_notebook_shows_a_scenario_by_its_title() -> None:
    one = sim.load("single-crash").with_({"title": "less < more"})
    shown = one._repr_html_()
    assert "<b>less &lt; more</b>" in shown and "288 steps of 300 s" in shown
