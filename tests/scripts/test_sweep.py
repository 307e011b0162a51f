"""`ape run sweep`: help, options, refusals, and what is left when it is stopped or killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from scripts.sweep import cli
from sim.front import sweeps as front
from sim.measures.losses import expected_loss
from sim.scenario import Scenario
from sim.sweeps.kept import OPENING
from sim.sweeps.loss_table import loss_usd
from sim.sweeps.stored import load
from sim.tape import load as load_tape
from sim.terminal import sweep_command as report
from sim.terminal import workers
from tests.scripts.commands import BIN, ROOT, STORM, ape
from tests.sweep.storms import PATHS, bits, swept

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

STORMS = [STORM, "--set", f"paths={json.dumps(PATHS)}"]


def sweep(*arguments: str | Path) -> Result:
    """The command inside this process, without ape around it."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("write_loss_figure", "write_fan_figure"):
        monkeypatch.setattr(report, name, lambda *_: [])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, object]:
    """Every file of a study by its name; of the opening what it says, but when it was written."""
    found: dict[str, object] = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    tape = load_tape(folder / OPENING)
    run = tape.run.drop(columns=["started_utc", "duration_seconds"])
    return found | {OPENING: [table.to_csv() for table in tape._replace(run=run)]}


FILES = [
    "blocks",
    "fan.npz",
    "losses.csv",
    "losses.png",
    "losses.svg",
    "opening.duckdb",
    "prices.png",
    "prices.svg",
    "sweep.json",
]


# --- help and usage -------------------------------------------------------------------------------


def test_help_names_every_option() -> None:
    """Through ape, which adds options of its own."""
    shown = ape("run", "sweep", "--help")
    assert shown.returncode == 0, shown.stderr
    for word in (
        "--paths",
        "[default: 1024;",
        "--books",
        "--book-seed",
        "--path-seed",
        "--block",
        "--sampler [mc|sobol]",
        "--scheduler",
        "[default: threads]",
        "--workers, --threads",
        "--resume",
        "--seed",
        "--accounts",
        "--set PATH=VALUE",
        "--hold-at-low",
        "--out",
        "out/sweep-<scenario>",
        "--list",
        "a power of two",
        "130 interrupted",
    ):
        assert word.rstrip(";") in shown.stdout or word.replace(";", "]") in shown.stdout, word


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'SCENARIO'"),
        ([STORM, "--paths", "0"], "0 is not in the range 1<=x<=10000000"),
        ([STORM, "--block", "0"], "0 is not in the range x>=1"),
        ([STORM, "--books", "0"], "0 is not in the range x>=1"),
        ([STORM, "--paths", "many"], "'many' is not a valid integer"),
        ([STORM, "--workers", "0"], "0 is not in the range x>=1"),
        ([STORM, "--sampler", "dice"], "'dice' is not one of 'mc', 'sobol'"),
        ([STORM, "--scheduler", "cloud"], "neither threads nor local nor tcp://HOST:PORT"),
        ([STORM, "--scheduler", "tcp://x"], "neither threads nor local nor tcp://HOST:PORT"),
        ([STORM, "--scheduler", "tcp://x:1", "--workers", "2"], "has workers of its own"),
        ([STORM, "--set", "seed"], "'seed' has no '='"),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], message: str) -> None:
    done = sweep(*arguments)
    assert done.exit_code == 2
    assert message in done.output and "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (["black-thirsday"], ["did you mean black-thursday?"]),
        (["no/such/file.yaml"], ["cannot be read"]),
        ([STORM], ["storm", "paths: is missing", "model and volatility_per_sqrt_year"]),
        ([*STORMS, "--accounts", "-4"], ["book.accounts"]),
        ([*STORMS, "--set", "suppliers.USDC=1000"], ["InsufficientCash"]),
        ([*STORMS, "--sampler", "sobol", "--paths", "100"], ["16 replicates", "96 or 112"]),
        ([*STORMS, "--set", "paths.volatility_per_sqrt_year.WETH=100000"], ["0..100"]),
        ([*STORMS, "--paths", "10", "--books", "11"], ["more than there are paths; 10"]),
        ([*STORMS, "--sampler", "sobol", "--books", "2"], ["sobol spreads", "1, or leave it out"]),
    ],
)
def test_what_cannot_be_swept_is_1(
    arguments: list[str], messages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing was run or written."""
    monkeypatch.setattr(front, "pool", None)
    done = sweep(*arguments, "--out", tmp_path)
    assert done.exit_code == 1
    for message in messages:
        assert message in done.output, done.output
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert names(tmp_path) == []


@linux
def test_out_that_cannot_be_written_to_is_2() -> None:
    done = sweep(*STORMS, "--out", "/proc/breakwater")
    assert done.exit_code == 2 and "can be written to" in done.output


def test_no_scheduler_answers(tmp_path: Path) -> None:
    """Said within seconds; no study is begun, so the next try needs no --resume."""
    begin = time.monotonic()
    done = sweep(*STORMS, "--scheduler", "tcp://127.0.0.1:9", "--out", tmp_path)
    assert time.monotonic() - begin < 20
    assert done.exit_code == 1 and "dask scheduler" in done.output
    assert "Traceback" not in done.output and names(tmp_path) == []


@pytest.mark.parametrize("flags", [[], ["--hold-at-low"]])
def test_the_rebound_is_taken_off_on_demand(
    flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scenario of the study says so, whatever becomes of the folder."""
    asked: list[Scenario] = []
    monkeypatch.setattr(report, "sweep", lambda scenario, *_: asked.append(scenario) or 0)
    assert sweep(*STORMS, *flags, "--out", tmp_path).exit_code == 0
    assert [one.hold_at_low for one in asked] == [bool(flags)]


# --- runs -----------------------------------------------------------------------------------------


@pytest.mark.compiled
def test_a_sweep_and_what_it_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named after the scenario; the file of losses is what is printed."""
    monkeypatch.chdir(tmp_path)
    many = ("--paths", "320", "--books", "1", "--block", "32", "--threads", "2")
    done = sweep(*STORMS, *many, "--seed", "3")
    assert done.exit_code == 0, done.output
    out = tmp_path / "out" / "sweep-storm"
    assert names(out) == FILES and len(names(out / "blocks")) == 10
    assert "…" not in done.output
    for word in (
        "A storm in a test tube",
        "320 paths of this book (seed 3) (mc, seed 3) of 48 steps, in blocks of 32 on 2 threads.",
        "Loss of a path: bad debt and shortfall at its end; 320 paths of this book (seed 3)",
        "intervals: over paths, of this book alone; --books draws others",
        "one book of 24 accounts drawn with seed 3",
        "paths/s",
        "acc-steps/s",
        "VaR 99%",
        "insurance fund",
        "ape run verify",
    ):
        assert word in " ".join(done.output.split()), done.output
    table = pd.read_csv(out / "losses.csv", index_col="measure")
    outcomes = load(out).outcomes()
    losses = outcomes["bad_debt_usd"] + outcomes["shortfall_usd"]
    assert table.loc["expected_loss", "value"] == pytest.approx(losses.mean(), rel=1e-12)
    assert f"${losses.mean():,.0f}" in done.output
    manifest = json.loads((out / "sweep.json").read_text())
    assert manifest["finished"] >= manifest["started"]
    assert manifest["path_seed"] == manifest["book_seed"] == 3 and manifest["books"] == 1

    again = sweep(*STORMS, "--seed", "3")
    assert again.exit_code == 1 and "resume it, or name another folder" in again.output
    other = sweep(*STORMS, "--resume")
    assert other.exit_code == 1 and "seed 3 there, 8 now" in other.output
    before = contents(out)
    more = sweep(*STORMS, "--seed", "3", "--resume")
    assert more.exit_code == 0 and "320 of them done" in more.output
    assert before == contents(out)


@pytest.mark.compiled
@pytest.mark.usefixtures("no_figures")
def test_a_sweep_over_books(tmp_path: Path) -> None:
    """Seeds of their own; the table counts books, and says what is theirs and which is shown."""
    seeds = ("--book-seed", "5", "--path-seed", "6")
    done = sweep(*STORMS, "--paths", "60", "--books", "12", *seeds, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    for word in (
        "The first of 12 books: 24 accounts owe",
        "60 paths of 12 books (mc, seed 6) of 48 steps, in blocks of about 2 s",
        "at its end; 60 paths of 12 books",
        "variance: book ",
        "Given: the prices of storm x noise of gbm; 8 hours; 12 books of 24 accounts drawn with "
        "seed 5; impact of sales in pools only.",
    ):
        assert word in said, done.output
    study = load(tmp_path)
    assert study.plan.scenario.seed == 6 and study.plan[4:] == (12, 5)
    outcomes = study.outcomes()
    assert outcomes["book"].tolist() == [path % 12 for path in range(60)]
    opened = load_tape(tmp_path / OPENING).run.iloc[0]
    assert (opened["seed"], opened["book_seed"]) == (6, 5)
    table = pd.read_csv(tmp_path / "losses.csv", index_col="measure")
    of_books = expected_loss(loss_usd(outcomes), outcomes["book"].to_numpy())
    assert table.loc["expected_loss", "high"] == pytest.approx(of_books.high)
    more = sweep(*STORMS, *seeds, "--paths", "90", "--resume", "--out", tmp_path)
    assert more.exit_code == 0 and "90 paths of 12 books" in more.output
    other = sweep(*STORMS, "--path-seed", "6", "--resume", "--out", tmp_path)
    assert other.exit_code == 1 and "book seed: 5 there, 8 now" in other.output


@pytest.mark.compiled
@pytest.mark.usefixtures("no_figures")
def test_compiling_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "is_compiled", lambda: False)
    done = sweep(*STORMS, "--paths", "16", "--out", tmp_path)
    assert done.exit_code == 0 and "Compiling the step, once per change" in done.output


@pytest.mark.compiled
def test_a_block_that_fails_is_named(tmp_path: Path) -> None:
    """A price that leaves its range on some path: which, and the rest is kept."""
    wild = {"model": "gbm", "volatility_per_sqrt_year": {"WETH": 100.0}}
    done = sweep(
        *(STORM, "--set", f"paths={json.dumps(wild)}", "--set", "duration_hours=3000"),
        *("--set", "step_seconds=86400", "--paths", "300", "--block", "8", "--out", tmp_path),
    )
    assert done.exit_code == 1 and "Traceback" not in done.output
    assert "takes WETH to" in done.output


@pytest.mark.compiled
@pytest.mark.usefixtures("no_figures")
def test_sobol_says_what_would_be_better(tmp_path: Path) -> None:
    done = sweep(*STORMS, "--paths", "48", "--sampler", "sobol", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert "32 or 64 paths" in said and "independent paths" in said


# --- stopped --------------------------------------------------------------------------------------


def start(out: Path, paths: int, *arguments: str) -> subprocess.Popen[str]:
    """`ape run sweep` on one thread, returned when a few blocks are there."""
    command = [BIN / "ape", "run", "sweep", *STORMS, "--out", out, "--paths", str(paths)]
    process = subprocess.Popen(
        [*command, "--books", "5", "--block", "16", "--threads", "1", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 400
    while len(list(out.glob("blocks/block-*.parquet"))) < 5:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.01)
    return process


@pytest.mark.compiled
def test_killed_and_resumed_it_leaves_the_same_files(tmp_path: Path) -> None:
    """kill -9 in the middle of thousands of paths; every file but the times is as without."""
    out, straight = tmp_path / "killed", tmp_path / "straight"
    process = start(out, 2_000)
    process.kill()
    process.communicate(timeout=30)
    there = {path.name: path.read_bytes() for path in out.glob("blocks/block-*.parquet")}
    assert 5 <= len(there) < 125 and "losses.csv" not in names(out)

    resumed = ape("run", "sweep", *STORMS, "--out", out, "--resume")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert f"{16 * len(there):,} of them done" in resumed.stdout
    done = sweep(*STORMS, "--out", straight, "--paths", "2000", "--books", "5", "--block", "16")
    assert done.exit_code == 0, done.output
    resumed_to, wanted = contents(out), contents(straight)
    assert resumed_to.keys() == wanted.keys()
    for name in wanted.keys() - {"sweep.json"}:
        assert resumed_to[name] == wanted[name], name
    for name, content in there.items():
        assert (out / "blocks" / name).read_bytes() == content
    assert len(list((out / "blocks").glob("block-*"))) == 125


@pytest.mark.compiled
@pytest.mark.parametrize("scheduler", ["threads", "local"])
def test_interrupted_it_keeps_finished_blocks(scheduler: str, tmp_path: Path) -> None:
    """Ctrl-C in a terminal: every process of the group hears it, and only one speaks."""
    process = start(tmp_path / "out", 40_000, "--scheduler", scheduler)
    os.killpg(process.pid, signal.SIGINT)
    try:
        said, _ = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130, said
    assert "paths on the disk" in said and "--resume" in said and "Traceback" not in said, said
    study = load(tmp_path / "out")
    assert 0 < len(study.missing()) < 2_500
    assert names(tmp_path / "out" / "blocks")[0].startswith("block-")


@pytest.mark.compiled
@pytest.mark.usefixtures("no_figures")
def test_a_cluster_that_is_there_already(tmp_path: Path) -> None:
    """A scheduler and a worker of their own, as on other machines; the bits are the same."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        protocol="tcp",
    ) as cluster:
        done = sweep(
            *(*STORMS, "--paths", "100", "--scheduler", cluster.scheduler_address),
            *("--out", tmp_path / "out"),
        )
    assert done.exit_code == 0, done.output
    assert bits(load(tmp_path / "out")) == bits(swept(tmp_path / "threads", books=20))
