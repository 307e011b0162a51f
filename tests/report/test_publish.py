"""`ape run report`: what it refuses, with file and remedy, and what it leaves behind."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

import sim
from scripts.report import cli
from sim.engines.outcome import width
from sim.report.page import render
from sim.report.page.provenance import differing, overrides
from sim.scenario import digest, load, with_overrides
from sim.sweeps.stored import begin
from sim.tape import write
from sim.terminal.publish import publish, publish_comparison
from tests.report.page.sources import crashed, swept, tuned
from tests.scripts.commands import ape
from tests.sweep.storms import storms
from tests.tape.storm import play, storm


def report(*arguments: str | Path) -> Result:
    """The command inside this process, without ape around it."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def published(path: Path) -> None:
    assert report(path).exit_code == 0


def refused(path: Path, other: Path | None = None) -> str:
    """Why there is no report; nothing may be written."""
    before = sorted(path.parent.rglob("*"))
    printed = io.StringIO()
    console = Console(file=printed, width=300)
    code = publish_comparison(path, other, None, console) if other else publish(path, None, console)
    assert code == 1
    assert sorted(path.parent.rglob("*")) == before
    return printed.getvalue()


def test_help_says_what_can_be_reported() -> None:
    shown = ape("run", "report", "--help")
    assert shown.returncode == 0, shown.stderr
    for word in (
        "RESULT",
        "--compare A B",
        "--out",
        "ape run tune",
        "folder alone",
        "Exit codes",
    ):
        assert word in shown.stdout, word


@pytest.mark.parametrize(
    "arguments",
    [[], ["x", "--compare", "a", "b"], ["--compare", "a"], [".", "--out", "never/page.pdf"]],
)
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert report(*arguments).exit_code == 2
    assert not Path("never").exists()


def test_writes_beside_what_it_is_about(tmp_path: Path) -> None:
    folder = crashed(tmp_path / "run")
    done = report(folder)
    assert done.exit_code == 0, done.output
    page = folder / "report.html"
    assert str(page) in done.output.replace("\n", "")
    assert page.read_text().startswith("<!doctype html>")
    assert [one.name for one in sorted(folder.iterdir())] == ["report.html", "tape.duckdb"]


def test_a_tape_by_itself_and_another_place(tmp_path: Path) -> None:
    folder = crashed(tmp_path / "run")
    target = tmp_path / "new" / "page.html"
    assert report(folder / "tape.duckdb", "--out", target).exit_code == 0
    assert target.is_file()


def test_nothing_there(tmp_path: Path) -> None:
    said = refused(tmp_path / "gone")
    assert "gone: no such file or folder" in said and "ape run crash" in said


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    said = refused(tmp_path / "other")
    assert "neither tape.duckdb, sweep.json nor result.json" in said and "ape run tune" in said


@pytest.mark.parametrize("name", ["notes.txt", "tape.duckdb", "result.json", "sweep.json"])
def test_a_foreign_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("nothing of ours")
    said = refused(path)
    assert str(path) in said and "`ape run " in said and len(said.splitlines()) == 1


def test_a_damaged_tape(tmp_path: Path) -> None:
    """Cut off where a copy broke."""
    whole = (crashed(tmp_path / "run") / "tape.duckdb").read_bytes()
    path = tmp_path / "tape.duckdb"
    path.write_bytes(whole[: len(whole) // 2])
    said = refused(path)
    assert f"{path}: not a tape" in said and "`ape run crash" in said
    assert len(said.splitlines()) == 1


def test_a_result_of_an_older_format(tmp_path: Path) -> None:
    """Two fields are missing and one is unknown: the first is named, the others are counted."""
    path = tuned(tmp_path / "study", True) / "result.json"
    result = json.loads(path.read_text())
    del result["fresh_paths"], result["front"]
    path.write_text(json.dumps({**result, "mood": "good"}))
    said = refused(path)
    assert f"{path}: not a result of this version: fresh_paths is missing (2 more" in said
    assert "`ape run tune PRESET`" in said and len(said.splitlines()) == 1


def test_a_wrong_value_deep_in_a_result(tmp_path: Path) -> None:
    path = tuned(tmp_path / "study", True) / "result.json"
    result = json.loads(path.read_text())
    result["trials"][3]["objectives"]["es_99"]["value"] = "a lot"
    path.write_text(json.dumps(result))
    said = refused(path)
    assert "trials.3.objectives.es_99.value input should be a valid number" in said
    assert len(said.splitlines()) == 1


def test_a_study_that_was_begun(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "tuning.json").write_text("{}")
    said = refused(tmp_path / "study")
    assert "without result.json" in said and "resume it" in said


def test_an_unfinished_run(tmp_path: Path) -> None:
    _, tape = play(storm(), steps=5)
    write(tape.tables(complete=False), tmp_path / "tape.duckdb")
    said = refused(tmp_path / "tape.duckdb")
    assert "unfinished" in said and "5 of 48 steps" in said and "ape run crash storm" in said


def test_a_sweep_of_before_losses_were_kept_by_asset(tmp_path: Path) -> None:
    """Its page says so and has all the rest."""
    folder, _ = swept(tmp_path / "sweep", 1)
    for file in (folder / "blocks").iterdir():
        rows = pd.read_parquet(file)
        rows[[c for c in rows if "." not in c and not c.startswith("peak_")]].to_parquet(file)
    console = Console(file=io.StringIO())
    assert publish(folder, None, console) == 0
    page = (folder / "report.html").read_text()
    assert "made before losses were kept by asset" in page and "Who bore the expected loss" in page
    assert "What its reserve" not in page and "ES 99% of peak" not in page


def test_an_unfinished_sweep(tmp_path: Path) -> None:
    begin(tmp_path / "sweep", storms(), paths=32, block=16).start()
    said = refused(tmp_path / "sweep")
    assert "32 of 32 paths are missing" in said and "resume the sweep" in said


def test_a_sweep_that_still_runs(tmp_path: Path) -> None:
    """Figures of the paths that are there, which the page and the front door say; no comparison."""
    folder = tmp_path / "sweep"
    study = begin(folder, storms(), paths=48, block=16, books=1)
    study.start()
    for block in study.missing()[::2]:
        study.write(block, np.ones((block.size, width(3))) * 1e12)
    published(folder)
    page = (folder / "report.html").read_text()
    assert "Not finished: 32 of 48 paths." in page
    assert "was run on 32 price paths" in page and "48 price paths" not in page
    swept = sim.read(folder)
    assert isinstance(swept, sim.Sweep)
    assert list(swept.outcomes.index) == [*range(16), *range(32, 48)]
    assert "Not finished: 32 of 48 paths." in repr(swept)
    assert "16 of 48 paths are missing" in refused(folder, folder)


def test_two_of_different_kinds(tmp_path: Path) -> None:
    run, study = crashed(tmp_path / "run"), tuned(tmp_path / "study", True)
    assert "two of a kind can be compared" in refused(run, study)


def test_verification_of_another_sweep_is_not_shown(tmp_path: Path) -> None:
    folder, _ = swept(tmp_path / "sweep", 1)
    study = json.loads((folder / "sweep.json").read_text())
    path = {
        "path": 7,
        "engine": "devnet",
        "operations": 4_321,
        "values_compared": 98_765,
        "differences": 0,
        "state_sha256": "ab" * 32,
    }
    pages = {}
    for name, its in (("own.html", study["digest"]), ("other.htm", "0" * 64)):
        (folder / "verify.json").write_text(json.dumps({"digest": its, "paths": [path]}))
        assert report(folder, "--out", tmp_path / name).exit_code == 0
        pages[name] = (tmp_path / name).read_text()
    assert "ab" * 32 in pages["own.html"] and "98,765" in pages["own.html"]
    assert "ab" * 32 not in pages["other.htm"] and "ape run verify" in pages["other.htm"]


def test_a_failure_leaves_the_last_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = crashed(tmp_path / "run")
    (folder / "report.html").write_text("the last one")

    def full(*_: object) -> str:
        raise OSError("no space left on device")

    monkeypatch.setattr(render, "html", full)
    done = report(folder)
    assert done.exit_code == 1 and "no space left" in done.output
    assert (folder / "report.html").read_text() == "the last one"


def test_text_cannot_become_markup(tmp_path: Path) -> None:
    """A title is anybody's text."""
    folder = crashed(tmp_path / "run", title="</script><script>alert(1)</script>")
    assert report(folder).exit_code == 0
    page = (folder / "report.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


# --- how to get the numbers again -----------------------------------------------------------------


def test_overrides_lead_back_to_the_scenario() -> None:
    wanted = {
        "seed": 7,
        "protocol.reserves.WETH.lt_bps": 8200,
        "liquidators[2].capacity_usd_per_hour": 600_000.0,
    }
    changed = with_overrides(load("black-thursday"), wanted)
    found = overrides(changed)
    assert found == wanted
    assert digest(with_overrides(load("black-thursday"), found)) == digest(changed)


def test_a_scenario_of_ones_own_has_no_command() -> None:
    assert overrides(storm()) is None


def test_what_differs_by_path() -> None:
    one, other = {"a": {"b": [1, 2]}, "c": 3}, {"a": {"b": [1, 5]}, "d": 4}
    assert differing(one, other) == {"a.b[1]": (2, 5), "c": (3, None), "d": (None, 4)}
