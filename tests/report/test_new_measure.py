"""A measure is one entry: docs/extending.md says so, and its example, added here, is everywhere."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from sim.engines.outcome import OUTCOME, REPAID, SEIZED
from sim.front import grid
from sim.front.run import Run
from sim.front.sweeps import Sweep
from sim.measures.measure import Measure
from sim.measures.registry import MEASURES
from sim.questions.suite_folder import Entry
from sim.reference.files import file_schema
from sim.report.given import books_of_plan
from sim.report.page.pages import page_of
from sim.report.page.render import html
from sim.report.page.source import Crash, open_source
from sim.report.suite_rows import row_of, write_csv
from sim.report.sweep_tables import loss_table as risk_table
from sim.schema.problems import ScenarioError
from sim.sweeps import loss_table as losses
from sim.sweeps.stored import load
from sim.tape import Frames, frames
from sim.terminal.crash_command import run_tables
from sim.terminal.tables import printed
from sim.tuning.objectives import Sample, difference, estimate, measures, value
from sim.tuning.preset import unmeasured
from sim.tuning.recommend import choice
from sim.tuning.study import directions
from tests.report.page.sources import swept
from tests.tape.storm import play, storm
from tests.tuning.small import preset, setup

ROOT = Path(__file__).parents[2]
NAME = "taken_beyond_repayment"


def example() -> Measure:
    """The entry that docs/extending.md shows."""
    text = (ROOT / "docs" / "extending.md").read_text()
    (code,) = re.findall(r"```python\n(Measure\(.*?)```", text, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec("from sim.measures.of_runs import *\nfrom sim.measures.measure import *", names)
    found = eval(code, names)
    assert isinstance(found, Measure) and found.name == NAME
    return found


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Measure:
    one = example()
    monkeypatch.setitem(MEASURES, NAME, one)
    return one


@pytest.fixture(scope="module")
def tape() -> Frames:
    return frames(play(storm())[1].tables(complete=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a sweep that is made up."""
    return swept(tmp_path_factory.mktemp("new") / "sweep", 1)[0]


@pytest.fixture
def sweep(folder: Path) -> Sweep:
    return Sweep(load(folder))


def taken(tape: Frames) -> float:
    last = tape.steps.iloc[-1]
    return float(last["seized_usd"] - last["repaid_usd"])


def text_of(*tables: object) -> str:
    said = io.StringIO()
    Console(file=said, width=120).print(*tables)
    return said.getvalue()


def test_it_is_nowhere_before(tape: Frames, sweep: Sweep) -> None:
    """So that what follows finds the entry and nothing that was there."""
    assert NAME not in MEASURES and NAME not in measures()
    assert "beyond repayment" not in text_of(*run_tables(tape))
    assert NAME not in sweep.losses.index
    (wrong,) = unmeasured(preset(objectives=[NAME]))
    assert wrong.path == "tuning.objectives[0]"
    with pytest.raises(ScenarioError, match=NAME):
        setup(objectives=[NAME])


def test_of_a_run(added: Measure, tape: Frames, tmp_path: Path) -> None:
    """In the terminal, on the page, in the file of a suite and in the front door's frame."""
    wanted = taken(tape)
    assert wanted > 1_000
    (row,) = (line for line in text_of(*run_tables(tape)).splitlines() if added.title in line)
    assert row.split()[-1] == f"${wanted:,.0f}"
    page = html(page_of([Crash(tmp_path, tape)]))
    (shown,) = re.findall(f'<data value="([^"]*)" data-name="{NAME}">', page)
    assert float(shown) == pytest.approx(wanted, rel=1e-12)
    assert f"{added.title.capitalize()}: {added.meaning}" in page
    write_csv([row_of("storm", Entry(named="storm", engine="exact"), tape)], tmp_path / "suite.csv")
    assert pd.read_csv(tmp_path / "suite.csv")[NAME].item() == pytest.approx(wanted, rel=1e-12)
    figure = Run(storm(), tape).figures.loc[NAME]
    assert (figure["value"], figure["unit"]) == (pytest.approx(wanted), "USD")


def test_of_a_sweep(added: Measure, sweep: Sweep, tmp_path: Path) -> None:
    """In the terminal, on the page, in losses.csv, and in the front door's frame."""
    outcomes, plan = sweep.outcomes, sweep.stored.plan
    wanted = (outcomes["seized_usd"] - outcomes["repaid_usd"]).clip(lower=0).mean()
    row = sweep.losses.loc[NAME]
    assert row["value"] == pytest.approx(wanted) and row["low"] < wanted < row["high"]
    kept = losses.as_one(sweep.losses, sweep.borne_by, sweep.by_asset, sweep.by_vault)
    kept.to_csv(tmp_path / "losses.csv")
    again = pd.read_csv(tmp_path / "losses.csv", index_col="measure")
    assert again.loc[NAME, "value"] == pytest.approx(wanted)
    table = risk_table(sweep.losses, plan.paths, books_of_plan(plan), None, "")
    (line,) = (one for one in text_of(printed(table)).splitlines() if added.heading in one)
    assert f"${wanted:,.0f}" in line
    page = html(page_of([open_source(sweep.folder)]))
    (shown,) = re.findall(f'<data value="([^"]*)" data-name="{NAME}">', page)
    assert float(shown) == pytest.approx(wanted)


def test_in_sweep_over(
    added: Measure, sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two settings whose paths are made up, path by path."""
    other_folder, _ = swept(tmp_path / "other", 2)
    made = iter([sweep, Sweep(load(other_folder))])
    monkeypatch.setattr(grid, "sweep", lambda *_, **__: next(made))
    found = grid.sweep_over(storm(), {"seed": [2]}).set_index("measure")
    row = found.loc[NAME]
    base, other = (
        (one["seized_usd"] - one["repaid_usd"]).clip(lower=0)
        for one in (sweep.outcomes, load(other_folder).outcomes())
    )
    assert row["difference"] == pytest.approx(other.mean() - base.mean())
    assert row["difference_low"] < row["difference"] < row["difference_high"]


def test_as_an_objective(added: Measure) -> None:
    """A preset may ask for it, editors know it, and a search minimises it with its interval."""
    asked = setup(objectives=[NAME])
    assert asked.preset.tuning.objectives == (NAME,) and directions([NAME]) == ["minimize"]
    schema = file_schema("preset")["$defs"]["Tuning"]["properties"]["objectives"]
    assert NAME in schema["items"]["enum"]
    rows = [np.zeros((200, len(OUTCOME))) for _ in range(2)]
    rng = np.random.default_rng(1)
    for one, more in zip(rows, (0.1, 0.2), strict=True):
        one[:, REPAID] = rng.exponential(1e11, 200)
        one[:, SEIZED] = one[:, REPAID] * (1 + more)
    a, b = (Sample((1.0,), (one,), (1.0,), (1.0,), (300,)) for one in rows)
    assert value(NAME, a) == pytest.approx(0.1 * rows[0][:, REPAID].mean() / 1e8)
    figure = estimate(NAME, a)
    assert figure.low is not None and figure.high is not None
    assert 0 < figure.low < figure.value < figure.high
    assert difference(NAME, b, a).value == pytest.approx(value(NAME, b) - value(NAME, a))
    current = {axis.path: axis.current for axis in asked.space.axes}
    assert NAME in choice(asked.space, 0, current, a, b).measures
