"""`ape run verify`: the worst paths on the contracts, and an exit code to be trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from click.testing import CliRunner, Result

from scripts.verify import cli
from sim.books.seeds import seed_of
from sim.engines.compiled import Compiled
from sim.engines.outcome import REPAID
from sim.protocol import liquidation
from sim.protocol.fixed_point import mul_div_up
from sim.sweeps import stored as of_sweeps
from sim.sweeps.loss_table import worst_paths
from sim.sweeps.outcome_columns import frame
from sim.sweeps.stored import StoredSweep, begin
from sim.tape import load
from sim.world import build
from tests.scripts.commands import ape
from tests.sweep.storms import storms, swept
from tests.sweep.test_stored import outcomes


def verify(*arguments: str | Path) -> Result:
    """The command inside this process, without ape around it."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StoredSweep:
    return swept(tmp_path_factory.mktemp("study"), paths=40)


def test_help_names_every_option() -> None:
    shown = ape("run", "verify", "--help")
    assert shown.returncode == 0, shown.stderr
    for word in ("--worst", "[default: 3", "--path", "--engine [devnet|revm]", "verify.json"):
        assert word in shown.stdout, word


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'SWEEP'"),
        (["x", "--worst", "0"], "0 is not in the range x>=1"),
        (["x", "--path", "-1"], "-1 is not in the range x>=0"),
        (["x", "--engine", "exact"], "'exact' is not one of"),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], message: str) -> None:
    done = verify(*arguments)
    assert done.exit_code == 2 and message in done.output


def test_no_study_is_1(tmp_path: Path) -> None:
    done = verify(tmp_path)
    assert done.exit_code == 1 and "ape run sweep" in done.output
    assert not list(tmp_path.iterdir())


def test_an_unfinished_study_is_1(tmp_path: Path) -> None:
    unfinished = begin(tmp_path, storms(), paths=40, block=16, books=1)
    unfinished.start()
    unfinished.write(unfinished.missing()[0], outcomes(16))
    done = verify(tmp_path)
    assert done.exit_code == 1 and "24 of 40 paths are missing" in done.output
    assert "resume the sweep" in " ".join(done.output.split())


def test_a_study_of_other_sources_is_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tmp_path, storms(), paths=40).start()
    monkeypatch.setattr(of_sweeps, "origin", lambda _: {"sources": "other"})
    done = verify(tmp_path)
    assert done.exit_code == 1 and "sources" in done.output and "sweep again" in done.output


@pytest.mark.compiled
@pytest.mark.chain
def test_the_worst_paths_agree(study: StoredSweep) -> None:
    done = verify(study.folder, "--worst", "2", "--engine", "revm")
    assert done.exit_code == 0, done.output
    assert done.output.count(", 0 differ\n") == 2
    assert "…" not in done.output
    result = json.loads((study.folder / "verify.json").read_text())
    assert result["origin"] == study.question.origin
    worst = worst_paths(study.outcomes(), 2)
    assert [one["path"] for one in result["paths"]] == worst
    for one in result["paths"]:
        row = study.outcomes().loc[one["path"]]
        assert one["differences"] == 0 and one["operations"] > 300
        assert len(one["state_sha256"]) == 64
        assert one["loss_on_floats_usd"] == pytest.approx(row.bad_debt_usd + row.shortfall_usd)
        assert abs(one["loss_relative_error"]) < 1e-6
        assert one["decisions"] > 20 and one["decisions_differ"] == 0
        assert one["outcome_exact"]["liquidations"] == row.liquidations
        tape = load(study.folder / "paths" / f"{one['path']}.duckdb")
        assert int(tape.steps["liquidations"].iloc[-1]) == row.liquidations


@pytest.mark.compiled
@pytest.mark.chain
def test_every_path_is_verified_on_its_own_book(tmp_path: Path) -> None:
    """Floats come to what the sweep wrote, bit for bit, and the contracts to what the twin does."""
    study = swept(tmp_path, paths=12, books=5)
    done = verify(tmp_path, "--path", "0", "--path", "7", "--engine", "revm")
    assert done.exit_code == 0, done.output
    assert "each on its own book" in done.output and "Given: " in done.output
    assert done.output.count(", 0 differ\n") == 2
    found = json.loads((tmp_path / "verify.json").read_text())["paths"]
    assert [(one["path"], one["book"]) for one in found] == [(0, 0), (7, 2)]
    root = study.plan.book_seed
    for path, seed in ((0, root), (7, seed_of(root, 2))):
        tape = load(tmp_path / "paths" / f"{path}.duckdb")
        assert tape.run["book_seed"].iloc[0] == seed
        own = build(storms(), seed).book.debt.sum(axis=0)
        owed = tape.accounts.groupby("asset", sort=False)["debt_start"].sum()
        assert owed.to_list() == pytest.approx([float(x) for x in own], rel=1e-9)


@pytest.mark.compiled
@pytest.mark.chain
def test_a_named_path_on_the_devnet_under_ape(study: StoredSweep) -> None:
    done = ape("run", "verify", study.folder, "--path", "7")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "path 7 on devnet: " in done.stdout and ", 0 differ" in done.stdout
    (one,) = json.loads((study.folder / "verify.json").read_text())["paths"]
    assert (one["path"], one["engine"]) == (7, "devnet")


@pytest.mark.compiled
def test_a_path_that_is_not_there(study: StoredSweep) -> None:
    done = verify(study.folder, "--path", "40", "--engine", "revm")
    assert done.exit_code == 1 and "0 to 39 are" in done.output


@pytest.mark.compiled
@pytest.mark.chain
def test_a_wrong_twin_is_1(study: StoredSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    """One rounding direction of the twin flipped: found, named, written, and no success."""
    monkeypatch.setattr(liquidation, "mul_div_down", mul_div_up)
    done = verify(study.folder, "--worst", "1", "--engine", "revm")
    assert done.exit_code == 1
    assert "twin and chain differ after flash_liquidate" in done.output
    (one,) = json.loads((study.folder / "verify.json").read_text())["paths"]
    assert one["differences"] > 0 and one["outcome_exact"] is None
    assert "wei" in one["difference"]


@pytest.mark.compiled
@pytest.mark.chain
def test_a_tampered_block_is_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number in a file that the path does not come to."""
    study = swept(tmp_path, paths=16)
    rows = study.outcomes()
    raw: Any = outcomes(16)
    study.write(study.plan.blocks()[0], raw)
    assert (
        not frame(range(len(raw)), 0, raw, study.plan.scenario.symbols)
        .set_index("path")
        .equals(rows)
    )
    assert parquet.read_metadata(tmp_path / "blocks" / "block-000000.parquet").num_rows == 16
    done = verify(tmp_path, "--path", "2", "--engine", "revm")
    assert done.exit_code == 1 and "the sweep wrote" in done.output


@pytest.mark.compiled
@pytest.mark.chain
def test_floats_of_another_world_are_1(
    study: StoredSweep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Chain and twin agree, and floats repeat the sweep; but nobody repays in either."""

    def without_repayment(compiled: Compiled, *tables: Any) -> Any:
        found = honest(compiled, *tables)
        found[:, REPAID] = 0
        return found

    honest = Compiled.outcomes
    monkeypatch.setattr(Compiled, "outcomes", without_repayment)
    other = swept(tmp_path, paths=16)
    done = verify(other.folder, "--worst", "1", "--engine", "revm")
    assert done.exit_code == 1 and "debt repaid by liquidators is $0 on floats" in done.output
    (one,) = json.loads((tmp_path / "verify.json").read_text())["paths"]
    assert one["differences"] == 0 and one["apart"]
