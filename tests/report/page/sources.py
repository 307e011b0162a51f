"""Small runs, sweeps and studies to make pages of."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console

from scripts.tune import cli
from sim.engines.outcome import OUTCOME, names
from sim.questions.opening import opening
from sim.scenario import Scenario, load, with_overrides
from sim.sweeps.fan import fan
from sim.sweeps.kept import keep
from sim.sweeps.stored import StoredSweep, begin
from sim.tape import write
from sim.terminal.suite_command import suite
from sim.tuning.kept import CURRENT, RECOMMENDED
from sim.tuning.result import save
from sim.world import build
from tests.report.page.studies import scenario, study
from tests.sweep.storms import storms
from tests.tape.storm import play, storm
from tests.tuning.small import PRESET as SMALL

VALUE = 1e-8  # USD per unit of an outcome


def crashed(folder: Path, **overrides: Any) -> Path:
    """A storm on the twin."""
    folder.mkdir()
    _, tape = play(storm(**overrides))
    write(tape.tables(complete=True), folder / "tape.duckdb")
    return folder


def played(folder: Path, engine: str) -> Path:
    """A suite of two storms under an engine of liquidation, and of a file that is not there."""
    folder.mkdir()
    lengths = {"storm": 8, "twice": 16}

    def read(name: str) -> Scenario:
        hours = lengths.get(name)
        changes = {"protocol__liquidation__engine": engine, "duration_hours": hours}
        return storm(**changes) if hours else load(f"{folder}/none.yaml")

    names = {name: name for name in ("storm", "wrong", "twice")}
    assert suite(names, read, "exact", folder, Console(file=io.StringIO())) == 1
    return folder


def swept(folder: Path, seed: int, paths: int = 400, **overrides: Any) -> tuple[Path, Any]:
    """A sweep whose outcomes nobody computed: half of the paths lose, with a heavy tail; and the
    loss of every path, USD.
    """
    random = np.random.default_rng(seed)
    columns = names(storms().symbols)
    outcomes = np.round(random.random((paths, len(columns))) * 1e14)
    # What losses are made of: bad debt by bearer, and shortfall.
    for name in OUTCOME[: OUTCOME.index("repaid")]:
        outcomes[:, OUTCOME.index(name)] = 0
    bad = np.round((random.random(paths) < 0.5) * random.pareto(2.5, paths) * 1e13)
    outcomes[:, OUTCOME.index("bad_debt")] = bad
    outcomes[:, OUTCOME.index("loss")] = bad
    outcomes[:, OUTCOME.index("by_fund")] = bad
    outcomes[:, OUTCOME.index("peak_loss")] = 2 * bad
    outcomes[:, OUTCOME.index("largest_usage")] = random.random(paths)
    # By asset: a quarter of WETH, which has nothing for it, the rest of USDC.
    outcomes[:, len(OUTCOME) :] = 0
    outcomes[:, columns.index("bad_debt.WETH")] = bad / 4
    outcomes[:, columns.index("bad_debt.USDC")] = bad * 3 / 4
    outcomes[:, columns.index("loss.WETH")] = bad / 4
    outcomes[:, columns.index("loss.USDC")] = bad * 3 / 4
    outcomes[:, columns.index("bearable.USDC")] = 1e13
    made: StoredSweep = begin(folder, storms(**overrides), paths=paths, block=100, books=1)
    made.start()
    for block in made.missing():
        made.write(block, outcomes[block.first : block.first + block.size])
    made.finish()
    worst = int(np.argmax(bad))
    keep(made, opening(build(made.plan.scenario)), fan(made.plan, worst))
    return folder, bad * VALUE


def tuned(folder: Path, confirmed: bool) -> Path:
    """A made-up tuning study, with the openings of its two settings."""
    folder.mkdir()
    result = study(confirmed, "ape run tune my-preset.yaml --trials 14 --paths 500")
    save(result, folder)
    under = with_overrides(scenario(), result.recommendation.values)
    for name, one in ((CURRENT, scenario()), (RECOMMENDED, under)):
        write(opening(build(one)), folder / name)
    return folder


def searched(folder: Path) -> Path:
    """A real tuning study, as the command leaves it: 10 trials on 128 paths of a small storm and
    one book under three objectives, sensitivity, a cap, and the worst path on the contracts.
    """
    folder.mkdir()
    preset = folder / "preset.yaml"
    cap = {"protocol.reserves.WETH.supply_cap": {"budget_usd": 4e4, "largest": 4.0}}
    tuning = {**SMALL["tuning"], "objectives": ["borrowed", "es_99", "borrower_loss"], "caps": cap}
    preset.write_text(yaml.safe_dump({**SMALL, "tuning": tuning}))
    words = [str(preset), "--trials", "10", "--paths", "128", "--seed", "5", "--sensitivity", "4"]
    words += ["--books", "1"]
    # --set: the scenario is the preset's only together with what the command says.
    words += ["--set", "book.total_debt_usd=1400000", "--out", str(folder)]
    words += ["--confirm", "1", "--engine", "revm"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ape", "run", "tune", *words])
        done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    return folder
