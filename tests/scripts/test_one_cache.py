"""Commands in processes of their own on one cache, each finding it as the last one left it:
whatever ran before, the figures are those of the exact engine.

One order and its reverse, so every command comes before and after every other. The first finds all
that other processes compiled. Before the reverse one the cache is spoilt: in its code nothing
happens, and the commands compile all anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from scripts.tune import cli
from sim.engines import compiled, reopening
from sim.engines.compilation import CACHE
from sim.engines.exact import run
from sim.market.market import LIQUIDATIONS
from sim.market.paths import draw, observed
from sim.sweeps.stored import load
from sim.tuning.result import load as load_result
from sim.world import build, on_path
from tests.agents.test_compiled import CONTRARIAN
from tests.scripts.commands import BIN, ROOT, STORM
from tests.sweep.storms import PATHS, storms
from tests.tuning.small import PRESET

pytestmark = [pytest.mark.compiled, pytest.mark.chain]

SWEPT = 16
STORMS = [STORM, "--set", f"paths={json.dumps(PATHS)}"]


def command(folder: Path, *words: str | Path) -> str:
    """What a command prints, with the home and the cache of the folder; it must succeed."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env={**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=1_200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("thrown away" in done.stderr) == (folder / "wrong").exists()
    return done.stdout


def sweep(folder: Path, agents: tuple[Any, ...] = ()) -> None:
    """Every path has the liquidations that it has on integers."""
    out = folder / f"sweep-{len(agents)}"
    words = ["--paths", str(SWEPT), "--books", "1", "--block", "4", "--out", out]
    users = ["--set", f"agents={json.dumps(agents)}"] if agents else []
    command(folder, BIN / "ape", "run", "sweep", *STORMS, *words, *users)
    found = load(out).outcomes()["liquidations"].tolist()
    assert found == exact_liquidations(agents) and sum(found) > SWEPT


def sweep_with_an_agent(folder: Path) -> None:
    sweep(folder, (CONTRARIAN,))


def tune(folder: Path) -> None:
    """The current setting is what a search in this process finds it to be."""
    question = folder / "question.yaml"
    question.write_text(yaml.safe_dump(PRESET))
    words = [str(question), "--trials", "2", "--paths", "16", "--sensitivity", "0", "--out"]
    confirm = ["--confirm", "1", "--engine", "revm"]
    said = command(folder, BIN / "ape", "run", "tune", *words, folder / "tune", *confirm)
    assert "Confirmed on revm" in said
    result = load_result(folder / "tune")
    assert result.confirmation and result.confirmation.loss_error is not None
    assert abs(result.confirmation.loss_error) < 1e-5
    done = CliRunner().invoke(cli, [*words, str(folder / "here")])
    assert done.exit_code == 0, done.output
    here = load_result(folder / "here").choices.current.measures
    assert result.choices.current.measures == here and here["borrower_loss"].value > 0


def verify(folder: Path) -> None:
    """Of a study that a process of before has swept, or one of this moment."""
    study = folder / "sweep-0"
    if not study.exists():
        sweep(folder)
    words = ["--worst", "1", "--engine", "revm"]
    assert "0 differ" in command(folder, BIN / "ape", "run", "verify", study, *words)
    (path,) = json.loads((study / "verify.json").read_text())["paths"]
    assert abs(path["loss_relative_error"]) < 1e-5 and path["decisions"] > 0
    shutil.rmtree(study)


def bench(folder: Path) -> None:
    words = ["-m", "tests.benchmarks.bench", "--quick", "--accounts", "20", "--runs", "1"]
    assert "full step" in command(folder, sys.executable, *words)


COMMANDS = (sweep, tune, verify, bench, sweep_with_an_agent)


@cache
def exact_liquidations_of(agents_json: str) -> list[float]:
    scenario = storms(agents=json.loads(agents_json))
    prices = draw(scenario, "mc", 0, SWEPT)
    seen, world = observed(scenario, prices), build(scenario)
    found = []
    for one in (on_path(world, *tables) for tables in zip(prices, seen, strict=True)):
        for _ in run(one):
            pass
        found.append(float(one.market.tally[LIQUIDATIONS]))
    return found


def exact_liquidations(agents: tuple[Any, ...]) -> list[float]:
    """Of the paths that `sweep` runs, on integers."""
    return exact_liquidations_of(json.dumps(agents))


WRONG = """
from sim.engines import compiled, self_test
from sim.protocol.fixed_point import jitable

@jitable
def nothing(s, w, k, users):
    pass

self_test.expected()  # of the sources, before they are spoilt
compiled.step = nothing
said = []
compiled._run._test = lambda run: said.append(compiled._against_exact(run))
compiled._run.ready()
print(said)
"""


def cache_of(folder: Path) -> Path:
    """Where commands with this home keep compiled code, as here."""
    return folder / "cache" / CACHE.relative_to(CACHE.parents[1])


def fill(folder: Path) -> None:
    """Put into the cache what there is here, compiled by whoever came first."""
    for entry in (compiled._run, reopening._open):
        entry.ready()
    shutil.copytree(CACHE, cache_of(folder))


def spoil(folder: Path) -> None:
    """Put code into the cache with which nothing happens."""
    shutil.rmtree(cache_of(folder))
    said = command(folder, sys.executable, "-c", WRONG)
    assert re.search(r"\['(by_|repaid|bad_debt)\w* [\d.,e+]+ instead of", said), said


def units(folder: Path) -> dict[str, bytes]:
    """What is compiled, by the name of its file."""
    return {path.name: path.read_bytes() for path in sorted(cache_of(folder).rglob("*.nbc"))}


def entries(found: dict[str, bytes]) -> set[str]:
    """Names of the functions that were compiled."""
    return {name.partition("-")[0] for name in found}


def test_any_order_gives_the_figures_of_the_exact_engine(tmp_path: Path) -> None:
    fill(tmp_path)
    filled = units(tmp_path)
    for one in COMMANDS:
        one(tmp_path)
    assert units(tmp_path) == filled and len(entries(filled)) == 2
    spoil(tmp_path)
    spoilt = units(tmp_path)
    assert entries(spoilt) == {"compiled._play"}
    (tmp_path / "wrong").touch()  # what is wrong is thrown away by the first that finds it, once
    for one in reversed(COMMANDS):
        for left in ("sweep-0", "sweep-1", "tune", "here"):
            shutil.rmtree(tmp_path / left, ignore_errors=True)
        one(tmp_path)
        (tmp_path / "wrong").unlink(missing_ok=True)
    anew = units(tmp_path)
    assert entries(anew) == entries(filled)
    assert not {*anew.values()} & {*filled.values(), *spoilt.values()}
