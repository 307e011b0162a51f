"""Agents as a user of the commands meets them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from scripts.crash import cli as crash
from scripts.sweep import cli as sweep
from sim.protocol.vault_accounts import supplied_assets
from sim.tape import load
from sim.tape.replay import replay
from sim.terminal import crash_command as report
from tests.agents.thin import THIN

PATHS = {"model": "gbm", "volatility_per_sqrt_year": {"WETH": 1.0}}


@pytest.fixture(autouse=True)
def no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "write_crash_figure", lambda *_: [])


def scenario(folder: Path, code: str, **changes: Any) -> Path:
    """A file of the thin market with an agent."""
    document = yaml.safe_load(THIN.read_text())
    one = {"name": "mine", "path": f"tests.agents.made_up:{code}", "capital_usd": {"WETH": 20_000}}
    document.update({"agents": [one], **changes})
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def called(command: Any, *arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_a_failing_agent_ends_the_run_with_its_traceback_and_a_tape(tmp_path: Path) -> None:
    """The traceback begins in the user's code, and the tape plays to the state before that step."""
    file, out = scenario(tmp_path, "Failing"), tmp_path / "out"
    done = called(crash, file, "--engine", "exact", "--out", out)
    assert done.exit_code == 1, done.output
    said = done.output
    assert "agent 'mine' failed in step 4" in said
    traceback = said[said.index("Traceback") : said.index("The tape ends")]
    first = re.search(r'File "([^"]+)", line (\d+)', traceback)
    assert first and first[1].endswith("made_up.py")
    assert "return [Supply" in traceback and "ZeroDivisionError" in traceback
    assert "sim/users/user_agents.py" not in traceback
    tape = load(out / "tape.duckdb")
    assert (tape.run["complete"].iloc[0], tape.run["steps_done"].iloc[0]) == (False, 3)
    state = replay(tape)
    account, weth = int(tape.agents["account"].iloc[-1]), 2
    assert supplied_assets(state, account, weth) == pytest.approx(3 * 10**15, abs=3)
    end = tape.accounts[tape.accounts["account"] == account].set_index("asset")["supplied_end"]
    assert end["WETH"] == supplied_assets(state, account, weth)
    assert state.clock[0] == int(tape.steps["time_utc"].iloc[-1].timestamp())


def test_the_report_tells_profit_and_refusals(tmp_path: Path) -> None:
    file = scenario(tmp_path, "Counting")
    done = called(crash, file, "--engine", "exact", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert "The attack, at reference prices" in done.output
    assert "Your agents, at reference prices" in done.output
    (line,) = [line for line in done.output.splitlines() if line.startswith("mine")]
    assert line.split() == ["mine", "$20,000", "$20,000", "$0", "24", "0"]
    tape = load(tmp_path / "tape.duckdb")
    assert set(tape.operations["actor_name"]) >= {"admin", "suppliers", "borrower 0", "mine"}
    assert set(tape.agents["agent"]) == {"attacker", "mine"}


def test_a_sweep_refuses_a_python_object_before_it_writes(tmp_path: Path) -> None:
    file, out = scenario(tmp_path, "Idle", paths=PATHS), tmp_path / "out"
    done = called(sweep, file, "--paths", "4", "--out", out)
    assert done.exit_code == 1
    assert "agents[0].path: mine is a Python object" in done.output
    assert "a jitable function instead" in done.output and "Traceback" not in done.output
    assert not out.exists()


@pytest.mark.parametrize("command", [crash, sweep])
def test_an_agent_that_is_not_there_is_named_before_anything_runs(
    command: Any, tmp_path: Path
) -> None:
    file, out = scenario(tmp_path, "Ilde", paths=PATHS), tmp_path / "out"
    done = called(command, file, "--out", out)
    assert done.exit_code == 1 and "did you mean Idle" in done.output
    assert "Traceback" not in done.output and not out.exists()
