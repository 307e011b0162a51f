"""`ape run suite`: many scenarios, one table, one page; what fails, what is left when killed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from scripts.crash import cli as crash_cli
from scripts.report import cli as report_cli
from scripts.suite import cli
from sim.engines import recorded
from sim.engines.failures import Difference, LockstepError
from sim.questions.suite_folder import SuiteError
from sim.scenario import known
from sim.terminal import crash_command as report
from sim.terminal import suite_command as suites
from sim.terminal.suite_command import members
from tests.scripts.commands import BIN, ROOT, STORM, ape

TARGET = "{name: target, extends: storm.yaml, protocol: {liquidation: {engine: target-health}}}"
BROKEN = "{name: broken, extends: storm.yaml, step_seconds: -4, bookz: 3}"
LONG = "{name: thrice, extends: storm.yaml, duration_hours: 800}"


def suite(*arguments: str | Path) -> Result:
    """The command inside this process, without ape around it."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A folder of three scenarios, the second of them broken; and a file that is none."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "storm.yaml").write_text(STORM.read_text())
    (folder / "broken.yaml").write_text(BROKEN)
    (folder / "target.yaml").write_text(TARGET)
    (folder / "notes.txt").write_text("not a scenario")
    return folder


@pytest.fixture
def brief(mine: Path) -> Path:
    """The same, of two hours: for what does not depend on what happens."""
    storm = mine / "storm.yaml"
    storm.write_text(storm.read_text().replace("duration_hours: 8", "duration_hours: 2"))
    return mine


def figures(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "suite.csv", index_col="scenario")


# --- what it says ---------------------------------------------------------------------------------


def test_figures_are_those_of_crash_and_one_that_is_broken_stops_nobody(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held against SQL on the tapes of `ape run crash`."""
    monkeypatch.setattr(report, "write_crash_figure", lambda *_: [])
    out = tmp_path / "out"
    done = suite(mine, "--out", out)
    assert done.exit_code == 1, done.output
    assert "1 scenario failed" in done.output and "step_seconds: should be greater" in done.output
    table = figures(out)
    assert list(table.index) == ["broken", "storm", "target"]
    assert "bookz: unknown field" in table.loc["broken", "failed"]
    assert table.loc["broken"].drop(["engine", "failed"]).isna().all()
    for name in ("storm", "target"):
        alone = tmp_path / name
        asked = [str(mine / f"{name}.yaml"), "--engine", "exact", "--out", str(alone)]
        played = CliRunner().invoke(crash_cli, asked)
        assert played.exit_code == 0, played.output
        for column, value in _by_sql(alone / "tape.duckdb").items():
            assert table.loc[name, column] == pytest.approx(value, rel=1e-9), (name, column)
        assert _operations(out / name / "tape.duckdb") == _operations(alone / "tape.duckdb")
    assert table.loc["storm", "liquidations"] != table.loc["target", "liquidations"]
    assert table.loc["storm", "bad_debt_usd"] > 1_000
    assert table.loc["storm", "warnings"] == 3


def _by_sql(tape: Path) -> dict[str, float]:
    with duckdb.connect(str(tape), read_only=True) as database:
        rows = database.execute(
            """
            WITH lost AS (
                SELECT step, sum(deficit_reported / power(10::DOUBLE, decimals)
                                 * reference_price_usd) AS bad
                FROM assets GROUP BY step)
            SELECT last(bad ORDER BY step) AS bad_debt_usd,
                   last(shortfall_usd ORDER BY step) AS shortfall_usd,
                   max(bad + shortfall_usd) AS peak_loss_usd,
                   max(liquidations) AS liquidations,
                   max(repaid_usd) AS repaid_usd,
                   max(debt_usd) AS most_debt_usd,
                   sum(operations) AS operations
            FROM lost JOIN steps USING (step)
            """
        ).fetch_df()
    return {str(name): float(rows[name].iloc[0]) for name in rows}


def _operations(tape: Path) -> list[Any]:
    with duckdb.connect(str(tape), read_only=True) as database:
        return database.execute("FROM operations ORDER BY rowid").fetchall()


def test_where_sales_move_prices_the_cascade_is_that_of_crash(tmp_path: Path) -> None:
    out = tmp_path / "out"
    small = ("--accounts", "60", "--set", "duration_hours=24")
    done = suite("single-crash", *small, "--out", out)
    assert done.exit_code == 0, done.output
    row = figures(out).loc["single-crash"]
    assert row["cascade_asset"] == "WETH" and row["induced"] > 0
    assert row["amplification"] == pytest.approx(1 / (1 - row["branching_ratio"]))
    alone = tmp_path / "alone"
    asked = ["single-crash", *small, "--engine", "exact", "--out", str(alone)]
    said = CliRunner().invoke(crash_cli, asked).output
    rows = [line.split() for line in said.splitlines()]
    assert ["branching", "ratio", f"{row['branching_ratio']:.3f}", "WETH"] in rows
    assert [*["liquidations", "induced", "by", "sales"], f"{row['induced']:.0f}"] in rows
    shown = " ".join(done.output.split())
    assert f" {row['induced']:.0f} {row['branching_ratio']:.3f} " in shown


def test_help_suffices() -> None:
    shown = ape("run", "suite", "--help")
    assert shown.returncode == 0, shown.stderr
    for word in (
        "[FOLDER|SCENARIO]...",
        "--engine [exact|devnet|revm]",
        "[default: exact]",
        "goes on with what is not done",
        "--overwrite",
        "--set PATH=VALUE",
        "[default: out/suite]",
        "report.html",
        "suite.csv",
        "130 interrupted",
    ):
        assert word in " ".join(shown.stdout.split()), word


def test_its_page_is_made_again_and_two_are_compared(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    (mine / "broken.yaml").unlink()
    assert suite(mine, "--out", a).exit_code == 0
    page = (a / "report.html").read_bytes()
    (a / "report.html").unlink()
    again = CliRunner().invoke(report_cli, [str(a)])
    assert again.exit_code == 0, again.output
    assert (a / "report.html").read_bytes() == page
    changed = ("--set", "protocol.liquidation.engine=target-health")
    assert suite(mine / "storm.yaml", "--out", b, *changed).exit_code == 0
    there = sorted(b.iterdir())
    monkeypatch.chdir(tmp_path)
    compared = CliRunner().invoke(report_cli, ["--compare", str(a), str(b)])
    assert compared.exit_code == 0, compared.output
    assert sorted(b.iterdir()) == there, "nobody asked for a change of it"
    both = (tmp_path / "comparison.html").read_text()
    assert "Played in both: storm." in both and "Only in A: target." in both
    change = figures(b).loc["storm", "bad_debt_usd"] - figures(a).loc["storm", "bad_debt_usd"]
    assert change > 0 and f"${change:,.0f}" in both
    mixed = CliRunner().invoke(report_cli, ["--compare", str(a), str(a / "storm")])
    assert mixed.exit_code == 1 and "two suites" in " ".join(mixed.output.split())


# --- what is played -------------------------------------------------------------------------------


def test_members_are_names_files_and_folders(mine: Path, tmp_path: Path) -> None:
    assert list(members([])) == known()
    (mine / "below").mkdir()
    (mine / "below" / "base.yaml").write_text("not for the suite")
    found = members([str(mine), "ftx"])
    assert list(found) == ["broken", "storm", "target", "ftx"]
    assert found["ftx"] == "ftx" and found["storm"] == str(mine / "storm.yaml")
    assert list(members(["ftx", "ftx"])) == ["ftx"]
    empty = tmp_path / "empty"
    empty.mkdir()
    for named, message in (
        (["black-thirsday"], "did you mean black-thursday?"),
        ([str(tmp_path / "no.yaml")], "neither a file or folder"),
        ([str(empty)], "no .yaml in this folder"),
        ([str(mine), str(STORM)], "would both be called storm"),
    ):
        with pytest.raises(SuiteError, match=message):
            members(named)
        done = suite(*named, "--out", tmp_path / "out")
        assert done.exit_code == 1 and message in done.output
        assert not (tmp_path / "out").exists()


def test_only_what_would_be_the_same_is_left_alone(brief: Path, tmp_path: Path) -> None:
    """The same once more; a file that changed, other options, a tape that is another's, all anew;
    called by another path it is the same.
    """
    out = tmp_path / "out"
    (brief / "broken.yaml").unlink()

    def played(*more: str) -> list[str]:
        before = {path: path.stat().st_mtime_ns for path in out.glob("*/tape.duckdb")}
        done = suite(brief, "--out", out, *more)
        assert done.exit_code == 0, done.output
        after = {path: path.stat().st_mtime_ns for path in out.glob("*/tape.duckdb")}
        return sorted(path.parent.name for path in after if before.get(path) != after[path])

    assert played() == ["storm", "target"]
    assert played() == []
    (brief / "target.yaml").write_text(TARGET.replace("{name", "{duration_hours: 1, name"))
    assert played() == ["target"]
    assert figures(out).loc["target", "operations"] < figures(out).loc["storm", "operations"]
    assert played("--seed", "3") == ["storm", "target"]
    assert played() == ["storm", "target"]
    (out / "storm" / "tape.duckdb").write_bytes((out / "target" / "tape.duckdb").read_bytes())
    assert played() == ["storm"]
    (out / "target" / "tape.duckdb").write_text("no tape")
    assert played() == ["target"]
    brief.rename(brief.with_name("elsewhere"))
    brief = brief.with_name("elsewhere")
    assert played() == []
    assert "elsewhere" in (out / "report.html").read_text()
    assert played("--overwrite") == ["storm", "target"]


def test_a_folder_of_something_else_is_refused(brief: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "suite.json").write_text('{"format": 2, "asked": []}')
    done = suite(brief, "--out", out)
    assert done.exit_code == 1 and "--overwrite" in done.output
    assert [path.name for path in out.iterdir()] == ["suite.json"]
    assert suite(brief / "storm.yaml", "--out", out, "--overwrite").exit_code == 0


def test_a_report_on_half_a_suite_is_refused(brief: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert suite(brief / "storm.yaml", brief / "target.yaml", "--out", out).exit_code == 0
    (out / "target" / "tape.duckdb").unlink()
    done = CliRunner().invoke(report_cli, [str(out)])
    assert done.exit_code == 1
    assert "1 of 2 scenarios are not there (target)" in " ".join(done.output.split())


# --- what fails -----------------------------------------------------------------------------------


def test_a_fault_of_the_program_is_a_row_with_its_traceback(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = suites.UnderWay

    def faulty(asked: Any, engine: str) -> Any:
        if asked.scenario.name == "storm":
            raise ZeroDivisionError("nobody thought of this")
        return begun(asked, engine)

    monkeypatch.setattr(suites, "UnderWay", faulty)
    (mine / "broken.yaml").unlink()
    out = tmp_path / "out"
    done = suite(mine, "--out", out)
    assert done.exit_code == 1
    table = figures(out)
    assert table.loc["storm", "failed"].startswith("ZeroDivisionError: nobody thought of this")
    assert "in faulty" in (out / "storm" / "traceback.txt").read_text()
    assert table.loc["target", "liquidations"] > 0
    monkeypatch.undo()
    assert suite(mine, "--out", out).exit_code == 0
    assert not (out / "storm" / "traceback.txt").exists()


@pytest.mark.chain
def test_on_a_chain_it_says_what_was_compared_and_differed(
    mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One scenario in which twin and chain part ways is a row that says so."""
    run = recorded.run

    def parting(world: Any, *others: Any) -> Any:
        for step in run(world, *others):
            if world.scenario.name == "target" and step.k == 3:
                raise LockstepError("borrow by actor 7", [Difference("hub USDC cash", 10, 11)])
            yield step

    monkeypatch.setattr(recorded, "run", parting)
    (mine / "broken.yaml").unlink()
    out = tmp_path / "out"
    done = suite(mine, "--engine", "revm", "--out", out, "--set", "duration_hours=2")
    assert done.exit_code == 1, done.output
    table = figures(out)
    assert table.loc["storm", "values_compared"] > 5_000
    assert table.loc["storm", "differences"] == 0
    assert "hub USDC cash: twin 10, chain 11 (+1 wei)" in table.loc["target", "failed"]
    assert "differ" in done.output.split("\n\n")[-1].splitlines()[1]


# --- stopped --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_stopped_between_two_it_goes_on_with_the_rest(
    by: signal.Signals, mine: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (mine / "thrice.yaml").write_text(LONG)
    command = [BIN / "ape", "run", "suite", mine, "--out", out]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        _wait_for(out, "target")
        time.sleep(2)  # the fourth has begun: it takes half a minute
        process.send_signal(by)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == (130 if by == signal.SIGINT else -by), said
    assert ("2 of 4 scenarios are done;" in said) == (by == signal.SIGINT)
    assert not (out / "suite.csv").exists() and not (out / "thrice" / "tape.duckdb").exists()
    half = CliRunner().invoke(report_cli, [str(out)])
    assert half.exit_code == 1
    assert "1 of 4 scenarios are not there (thrice)" in " ".join(half.output.split())
    before = {name: (out / name / "tape.duckdb").stat().st_mtime_ns for name in ("storm", "target")}
    (mine / "broken.yaml").write_text("{name: broken, extends: storm.yaml, duration_hours: 2}")
    (mine / "thrice.yaml").write_text(LONG.replace("800", "24"))
    again = suite(mine, "--out", out)
    assert again.exit_code == 0, again.output
    assert "2 of 4 scenarios are done already." in again.output
    assert [line for line in again.output.splitlines() if " of 4: " in line] == [
        "1 of 4: broken",
        "4 of 4: thrice",
    ]
    assert {name: (out / name / "tape.duckdb").stat().st_mtime_ns for name in before} == before
    assert not list(out.rglob(".[0-9]*"))
    assert figures(out)["failed"].isna().all() and len(figures(out)) == 4


def _wait_for(out: Path, key: str) -> None:
    """Until a scenario has come to its end."""
    for _ in range(1_200):
        path = out / "suite.json"
        if path.exists() and key in json.loads(path.read_text())["entries"]:
            return
        time.sleep(0.05)
    raise AssertionError(f"{key} did not come to its end")
