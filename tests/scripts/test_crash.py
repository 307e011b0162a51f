"""`ape run crash`: help, options, refusals, and what is left when it is stopped."""

import signal
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scripts.crash import cli
from sim.files.lock import FILE as LOCK
from sim.front.run import UnderWay
from sim.scenario import known
from sim.scenario import load as load_scenario
from sim.tape import load
from sim.terminal import crash_command as report
from tests.scripts.commands import STORM, anvils_of, ape, is_gone, start_storm

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def crash(*arguments: str | Path) -> Result:
    """The command inside this process, without ape around it."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "write_crash_figure", lambda *_: [])


def test_columns_of_a_book_are_named_on_the_command_line(tmp_path: Path) -> None:
    """A file whose columns have other names is refused by line 1, read once they are named, and
    refused where the option is no list of names.
    """
    (tmp_path / "book.csv").write_text("who,asset,supplied,owes\n0xA1,WETH,2,0\n0xA1,USDC,0,900\n")
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(f"{{name: mine, extends: {STORM}, book: {{file: book.csv}}}}")
    asked = (scenario, "--engine", "exact", "--set", "duration_hours=2", "--out", tmp_path / "out")
    refused = crash(*asked)
    assert refused.exit_code == 1 and "line 1: there is no column account" in refused.output
    played = crash(*asked, "--columns", "account=who, debt=owes")
    assert played.exit_code == 0, played.output
    assert "columns account = who, debt = owes" in " ".join(played.output.split())
    assert load(tmp_path / "out" / "tape.duckdb").accounts["name"].unique().tolist() == ["0xA1"]
    assert crash(*asked, "--columns", "account").exit_code == 2


# --- help and usage -------------------------------------------------------------------------------


def test_help_names_every_option_and_the_shortcuts() -> None:
    """Through ape, which adds options of its own."""
    shown = ape("run", "crash", "--help")
    assert shown.returncode == 0, shown.stderr
    for word in (
        "--engine [devnet|revm|exact]",
        "[default: devnet]",
        "--seed",
        "--accounts",
        "--set PATH=VALUE",
        "--columns NAME=COLUMN,...",
        "--out",
        "out/<scenario>",
        "--parquet",
        "--hold-at-low",
        "--list",
        "protocol.liquidation.delay_seconds=3600",
        "protocol.insurance.capital_usd",
        "capacity_usd_per_hour",
        "130 interrupted",
    ):
        assert word in shown.stdout, word


def test_examples_of_the_help_are_right() -> None:
    """Every field that the help sets exists and takes the value."""
    from sim.scenario import with_overrides

    shown = crash("--help").output.split()
    texts = [text.strip("'") for before, text in pairwise(shown) if before == "--set"]
    texts = [text for text in texts if "=" in text and text != "PATH=VALUE"]
    assert len(texts) >= 4
    option = next(parameter for parameter in cli.params if parameter.name == "overrides")
    overrides = dict(option.type.convert(text, None, None) for text in texts)
    with_overrides(load_scenario("black-thursday"), overrides)


def test_lists_the_known_scenarios() -> None:
    shown = crash("--list")
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert len(lines) == len(known())
    words = " ".join(lines[0].split())
    assert words == "2020-03-12 black-thursday Black Thursday, 12-13 March 2020"
    dates = [line.split()[0] for line in lines]
    events = [date for date in dates if date != "synthetic"]
    assert dates == sorted(events) + ["synthetic"] * (len(dates) - len(events))
    assert 12 <= len(events) < len(dates)
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'SCENARIO'"),
        ([STORM, "--engine", "abacus"], "'abacus' is not one of"),
        ([STORM, "--set", "seed"], "'seed' has no '='"),
        ([STORM, "--set", "seed=[1"], "the value of seed is not YAML"),
        ([STORM, "--set", "start=2020-02-31"], "the value of start is not YAML"),
        ([STORM, "--accounts", "many"], "'many' is not a valid integer"),
    ],
)
def test_wrong_usage_is_2(arguments: list[str], message: str) -> None:
    done = crash(*arguments)
    assert done.exit_code == 2
    assert message in done.output and "Traceback" not in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["black-thirsday"], "did you mean black-thursday?"),
        (["no/such/file.yaml"], "cannot be read"),
        ([STORM, "--accounts", "-4"], "book.accounts"),
        ([STORM, "--seed", "-1"], "seed"),
        ([STORM, "--set", "book.accountz=30"], "did you mean accounts?"),
        ([STORM, "--set", "protocol.liquidation.engine=gentle"], "protocol.liquidation.engine"),
        ([STORM, "--set", "suppliers.USDC=1000"], "InsufficientCash"),
    ],
)
def test_scenario_that_cannot_be_run_is_1(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing was deployed."""
    monkeypatch.setattr(UnderWay, "deployed", None)
    done = crash(*arguments, "--out", tmp_path)
    assert done.exit_code == 1
    assert message in done.output and "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert not list(tmp_path.iterdir())


def test_out_that_is_a_file_is_2(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_text("mine")
    for folder in (out, out / "below"):
        done = crash(STORM, "--engine", "exact", "--out", folder)
        assert done.exit_code == 2 and "'--out'" in done.output
    assert out.read_text() == "mine"


@linux
def test_out_that_cannot_be_written_to_is_2() -> None:
    done = crash(STORM, "--engine", "exact", "--out", "/proc/breakwater")
    assert done.exit_code == 2 and "can be written to" in done.output


# --- runs -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_figure")
def test_options_reach_the_run(tmp_path: Path) -> None:
    done = crash(
        *(STORM, "--engine", "exact", "--out", tmp_path / "a" / "b", "--accounts", "12"),
        *("--seed", "3", "--set", "duration_hours=2", "--parquet", "--hold-at-low"),
        *("--set", "protocol.liquidation.delay_seconds=1200"),
        *("--set", "liquidators[0].capacity_usd_per_hour=6.0e+4"),
    )
    assert done.exit_code == 0, done.output
    tape = load(tmp_path / "a" / "b" / "tape.duckdb")
    row = tape.run.iloc[0]
    assert (row["engine"], row["seed"], row["steps_done"], row["complete"]) == (
        "exact",
        3,
        12,
        True,
    )
    assert tape.accounts["account"].nunique() == 12
    assert '"hold_at_low":true' in row["scenario_json"]
    assert '"delay_seconds":1200' in row["scenario_json"]
    assert '"capacity_usd_per_hour":60000.0' in row["scenario_json"]
    assert (tmp_path / "a" / "b" / "parquet" / "steps.parquet").is_file()


@pytest.mark.usefixtures("no_figure")
def test_the_book_has_a_seed_of_its_own(tmp_path: Path) -> None:
    """The prices and people's delays of one seed, the borrowers of another: those of a run with
    that other seed, to the unit.
    """
    played = {}
    for name, options in {"own": (), "book": ("--book-seed", "9"), "all": ("--seed", "9")}.items():
        done = crash(STORM, "--engine", "exact", *options, "--out", tmp_path / name)
        assert done.exit_code == 0, done.output
        played[name] = load(tmp_path / name / "tape.duckdb")
    start = {
        name: tape.accounts[["asset", "supplied_start", "debt_start"]].to_numpy().tolist()
        for name, tape in played.items()
    }
    assert start["book"] == start["all"] != start["own"]
    assert [tape.run["seed"].iloc[0] for tape in played.values()] == [8, 8, 9]
    assert [tape.run["book_seed"].iloc[0] for tape in played.values()] == [8, 9, 9]


@pytest.mark.usefixtures("no_figure")
def test_out_is_named_after_the_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = crash(STORM, "--engine", "exact", "--set", "duration_hours=1")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "storm" / "tape.duckdb").is_file()


@pytest.mark.chain
def test_runs_under_ape_on_the_devnet(tmp_path: Path) -> None:
    done = ape("run", "crash", STORM, "--out", tmp_path, "--set", "duration_hours=2")
    assert done.returncode == 0, done.stderr
    assert ", 0 differ" in done.stdout
    row = load(tmp_path / "tape.duckdb").run.iloc[0]
    assert row["complete"] and row["values_compared"] > 1_000 and row["gas_used"] > 10**6
    for name in ("crash.svg", "crash.png"):
        assert (tmp_path / name).stat().st_size > 10_000


# --- stopped --------------------------------------------------------------------------------------


@linux
@pytest.mark.chain
def test_interrupted_it_keeps_what_was_done(tmp_path: Path) -> None:
    process = start_storm(tmp_path)
    (anvil,) = anvils_of(process)
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    tape = load(tmp_path / "tape.duckdb")
    row = tape.run.iloc[0]
    assert not row["complete"] and 0 < row["steps_done"] < row["steps_total"] == 2_400
    assert f"Interrupted after {row['steps_done']:,} of 2,400 steps" in said
    assert len(tape.steps) == row["steps_done"] + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "crash.png",
        "crash.svg",
        "tape.duckdb",
    ]
    assert is_gone(anvil)


@linux
@pytest.mark.chain
def test_killed_it_leaves_neither_files_nor_anvil(tmp_path: Path) -> None:
    process = start_storm(tmp_path)
    (anvil,) = anvils_of(process)
    process.kill()
    process.communicate(timeout=30)
    assert is_gone(anvil)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK], "a file that locks nothing now"
