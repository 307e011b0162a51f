"""A page is made of the result alone: carried to another folder, read from another directory, with
every file gone that the scenario named, it is the same page.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.scripts.commands import ROOT, STORM, here
from tests.sweep.storms import PATHS
from tests.tuning.small import PRESET

CRASH, SWEEP, TUNE, REPORT, VERIFY = ("crash", "sweep", "tune", "report", "verify")
WETH = "time,price\n2021-06-01T00:00:00Z,2000\n2021-06-01T03:00:00Z,800\n2021-06-01T08:00:00Z,1200"
POSITIONS = (
    "account,asset,supplied,debt\n"
    "a,WETH,100,0\na,USDC,0,140000\nb,WBTC,5,0\nb,USDC,0,80000\nc,WETH,40,0\nc,USDC,0,30000\n"
)
# Numbers here, texts to a reader of YAML 1.1.
SET = ("--set", "protocol.insurance.capital_usd.USDC=3e3", "--set", "suppliers.USDC=1.5e6")


class Result(NamedTuple):
    """What a command left, and what its page is to show."""

    folder: Path
    sources: Path
    """The folder of everything that the command read."""
    charts: tuple[str, ...]


def command(name: str, *words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, without ape around it."""
    code = (
        f"import sys; sys.argv = ['ape', 'run', {name!r}, *sys.argv[1:]]\n"
        f"from scripts.{name} import cli; cli(sys.argv[3:])"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )


def done(name: str, *words: str | Path, cwd: Path) -> str:
    run = command(name, *words, cwd=cwd)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def made(name: str, *words: str | Path, cwd: Path) -> str:
    """The same in this process, for what is asked for once: worlds of sweeps are kept, with the
    paths of their files. What it leaves is read by others.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        run = here("run", name, *words)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


def written(sources: Path, book: bool, **fields: Any) -> Path:
    """The storm with a price from a file, and a book from one; the path seen from `sources`."""
    (sources / "mine").mkdir(parents=True)
    scenario = yaml.safe_load(STORM.read_text()) | fields
    scenario["assets"]["WETH"]["price_usd"] = {"file": "weth.csv", "max_gap_seconds": 20_000}
    (sources / "mine" / "weth.csv").write_text(WETH)
    if book:
        scenario["book"] = {"file": "positions.csv"}
        (sources / "mine" / "positions.csv").write_text(POSITIONS)
    (sources / "mine" / "storm.yaml").write_text(yaml.safe_dump(scenario))
    return Path("mine/storm.yaml")


def crashed(folder: Path) -> Result:
    sources = folder / "sources"
    words = (written(sources, book=True), "--engine", "exact", *SET)
    made(CRASH, *words, "--out", "../run", cwd=sources)
    return Result(folder / "run", sources, ("liquidations", "depths", "slippage", "rates", "usage"))


def overridden(folder: Path) -> Result:
    """A scenario that comes with the package, with a file put into it on the command line."""
    sources = folder / "sources"
    sources.mkdir()
    (sources / "positions.csv").write_text(POSITIONS.replace("USDC", "DAI"))
    words = ("black-thursday", "--engine", "exact", "--set", "book={file: positions.csv}")
    made(CRASH, *words, "--set", "duration_hours=2", "--out", "../run", cwd=sources)
    return Result(folder / "run", sources, ("liquidations", "slippage"))


def swept(folder: Path) -> Result:
    sources = folder / "sources"
    words = (written(sources, book=True, paths=PATHS), "--paths", "16", *SET)
    done(SWEEP, *words, "--out", "../run", cwd=sources)
    return Result(folder / "run", sources, ("exceedance", "fan-WETH", "liquidations", "slippage"))


def tuned(folder: Path) -> Result:
    sources = folder / "sources"
    scenario = str(written(sources, book=False, paths=PATHS))
    preset = {**PRESET, "scenarios": [{"name": "one", "scenario": scenario}]}
    (sources / "preset.yaml").write_text(yaml.safe_dump(preset))
    words = ("preset.yaml", "--trials", "8", "--paths", "16", "--sensitivity", "0", *SET)
    made(TUNE, *words, "--out", "../run", cwd=sources)
    return Result(folder / "run", sources, ("liquidations", "depths", "slippage", "rates"))


_SIZE = re.compile(r"[\d.]+ [kM]B")


@pytest.mark.parametrize(
    "make",
    [
        crashed,
        overridden,
        pytest.param(swept, marks=pytest.mark.compiled),
        pytest.param(tuned, marks=pytest.mark.compiled),
    ],
)
def test_the_same_page_elsewhere(make: Any, tmp_path: Path) -> None:
    result: Result = make(tmp_path)
    said = made(REPORT, result.folder, cwd=result.sources)
    page = (result.folder / "report.html").read_text()
    for chart in result.charts:
        assert f'id="{chart}"' in page, chart
    assert "Left out" not in page

    elsewhere = tmp_path / "another" / "place"
    elsewhere.mkdir(parents=True)
    (result.folder / "report.html").unlink()
    moved = Path(shutil.move(result.folder, elsewhere / "carried"))
    shutil.rmtree(result.sources)
    again = done(REPORT, moved, cwd=elsewhere)
    # The page names its folder, so its size is another.
    wanted = said.replace(str(result.folder), str(moved))
    assert _SIZE.sub("", again) == _SIZE.sub("", wanted) != again
    assert (moved / "report.html").read_text() == page.replace(str(result.folder), str(moved))


@pytest.mark.compiled
def test_a_sweep_says_what_it_lacks(tmp_path: Path) -> None:
    """Only what is really missing is left out, with the true reason; nothing is made up."""
    result = swept(tmp_path)
    (result.sources / "mine" / "positions.csv").write_text(POSITIONS.replace("100,0", "101,0"))
    verified = command(VERIFY, result.folder, "--engine", "revm", cwd=tmp_path)
    assert verified.returncode == 1 and "swept with other book.file than" in verified.stdout
    shutil.rmtree(result.sources)
    verified = command(VERIFY, result.folder, "--engine", "revm", cwd=tmp_path)
    assert verified.returncode == 1 and "cannot be read" in verified.stdout
    assert "Traceback" not in verified.stderr

    (result.folder / "opening.duckdb").rename(result.folder / "kept.duckdb")
    done(REPORT, result.folder, cwd=tmp_path)
    page = (result.folder / "report.html").read_text()
    assert "Left out, as are falls of prices" in page and "opening.duckdb, which says" in page
    assert 'id="exceedance"' in page and 'id="fan-WETH"' not in page

    # Of another scenario, or of another number of paths: said, and not shown.
    shutil.copy(result.folder / "kept.duckdb", result.folder / "opening.duckdb")
    (result.folder / "fan.npz").write_bytes(b"nothing of ours")
    done(REPORT, result.folder, cwd=tmp_path)
    assert "fan.npz cannot be read" in (result.folder / "report.html").read_text()

    other = tmp_path / "other"
    other.mkdir()
    tape = crashed(other).folder / "tape.duckdb"
    shutil.copy(tape, result.folder / "opening.duckdb")
    done(REPORT, result.folder, cwd=tmp_path)
    assert "opening.duckdb is of another scenario" in (result.folder / "report.html").read_text()


def test_a_manifest_that_was_edited_is_refused_without_its_files(tmp_path: Path) -> None:
    """What the files contained is in the manifest, so the rest of it can still be checked."""
    from sim.questions.store import QuestionError
    from sim.sweeps.stored import begin, load
    from tests.sweep.storms import storms

    written(tmp_path, book=True, paths=PATHS)
    price = {"file": str(tmp_path / "mine" / "weth.csv"), "max_gap_seconds": 20_000}
    begin(tmp_path, storms(assets__WETH__price_usd=price), paths=16).start()
    shutil.rmtree(tmp_path / "mine")
    assert load(tmp_path).plan.paths == 16
    file = tmp_path / "sweep.json"
    edited = re.sub(r'"latency_seconds": 60', '"latency_seconds": 61', file.read_text(), count=1)
    assert edited != file.read_text()
    file.write_text(edited)
    with pytest.raises(QuestionError, match="its scenario was changed"):
        load(tmp_path)
