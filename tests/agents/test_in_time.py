"""A user's agent that does not return stops the run, by name, and what was done until then stays.

In processes of their own: that they end is what is tested.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from scripts.report import cli as report
from sim.engines.exact import run
from sim.market.paths import draw
from sim.scenario import digest, with_overrides
from sim.tape import load
from sim.tape.replay import replay
from sim.users.in_time import Aside, OverdueError
from sim.users.user_agents import AgentError
from sim.world import build
from tests.agents.thin import THIN, WETH, thin
from tests.scripts.commands import BIN, ROOT

PATHS = {"model": "gbm", "volatility_per_sqrt_year": {"WETH": 1.0}}
WAYS = ("spin", "sleep", "swallow")
SECONDS = 60
"""For a command that would never end."""


def entry(code: str, limit: float, **parameters: Any) -> dict[str, Any]:
    return {
        "name": "mine",
        "path": f"tests.agents.made_up:{code}",
        "capital_usd": {"WETH": 20_000},
        "parameters": parameters,
        "time_limit_seconds": limit,
    }


def file(folder: Path, agent: dict[str, Any], **changes: Any) -> Path:
    """The thin market without its attacker, as a file."""
    document = yaml.safe_load(THIN.read_text())
    document.pop("attack")
    document.update({"agents": [agent], **changes})
    where = folder / "mine.yaml"
    where.write_text(yaml.safe_dump(document))
    return where


def command(*words: str | Path, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "ape"), "run", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, "COLUMNS": "100"},
    )


@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
def test_a_python_agent_that_hangs_ends_the_run_by_name(way: int, tmp_path: Path) -> None:
    """In step 3, with a line of its code where it was; two steps are on the tape."""
    out = tmp_path / "out"
    scenario = file(tmp_path, entry("Stuck", 1.0, way=way))
    done = command("crash", scenario, "--engine", "exact", "--out", out)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "agent 'mine' did not return within 1 s in step 3" in done.stdout
    assert f"in {WAYS[way]}\n" in done.stdout and "in_time.py" not in done.stdout
    tape = load(out / "tape.duckdb")
    assert (tape.run["complete"].iloc[0], tape.run["steps_done"].iloc[0]) == (False, 2)
    assert replay(tape).clock[0] == int(tape.steps["time_utc"].iloc[-1].timestamp())


def test_no_table_and_no_page_claims_that_nothing_was_lost(tmp_path: Path) -> None:
    """Nobody lost anything in the two steps before the agent hung, and nobody knows of the rest."""
    out = tmp_path / "out"
    scenario = file(tmp_path, entry("Stuck", 1.0, way=1))
    done = command("crash", scenario, "--engine", "exact", "--out", out)
    assert "No bad debt" not in done.stdout and "nobody was liquidated\n" not in done.stdout
    assert "The run is incomplete: all figures are of 2 of 24 steps" in " ".join(
        done.stdout.split()
    )
    assert "all of this is of 2 of 24 steps" in done.stdout
    whole = tmp_path / "whole"
    document = yaml.safe_load(scenario.read_text())
    scenario.write_text(yaml.safe_dump({**document, "agents": []}))
    complete = command("crash", scenario, "--engine", "exact", "--out", whole)
    assert complete.returncode == 0 and "No bad debt, and no shortfall, of" in complete.stdout
    for words in ([out], ["--compare", whole, out]):
        refused = CliRunner().invoke(report, [str(word) for word in words])
        assert refused.exit_code == 1 and "2 of 24 steps" in refused.output
    assert not (out / "report.html").exists()


def test_a_constructor_that_hangs_is_refused_before_anything_runs(tmp_path: Path) -> None:
    scenario = file(tmp_path, entry("StuckWhenMade", 0.5))
    done = command("crash", scenario, "--engine", "exact", "--out", tmp_path / "out")
    assert done.returncode == 1 and not (tmp_path / "out" / "tape.duckdb").exists()
    said = done.stdout + done.stderr
    assert "agents[0].parameters" in said and "within 0.5 s" in said and "time_limit" in said


def test_a_jitable_agent_in_python_is_stopped_as_well() -> None:
    world = build(thin(attack=None, agents=[entry("circling", 0.5, at=4)]))
    with pytest.raises(AgentError, match=r"'mine' did not return within 0.5 s in step 4") as caught:
        for _ in run(world):
            pass
    assert "in circling" in caught.value.where


@pytest.mark.compiled
@pytest.mark.parametrize("scheduler", ["threads", "local"])
def test_a_sweep_ends_by_name_and_keeps_its_blocks(scheduler: str, tmp_path: Path) -> None:
    """Compiled code cannot be interrupted, and the process ends all the same. The agent hangs where
    WETH falls below a price that the paths before the last one stay above.
    """
    out = tmp_path / "out"
    lowest = draw(thin(attack=None, paths=PATHS), "mc", 0, 40)[:, :, WETH].min(axis=1)
    last = next(n for n in range(2, 40) if lowest[n] < lowest[:n].min() - 1e8)
    cents = int(lowest[:last].min() / 1e6)
    scenario = file(tmp_path, entry("circling_below", 2.0, asset=WETH, cents=cents), paths=PATHS)
    words = ("--paths", f"{last + 1}", "--block", "1", "--workers", "1", "--scheduler", scheduler)
    done = command("sweep", scenario, *words, "--out", out, seconds=1_500)
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert "agent 'mine' did not return within 2 s in step" in done.stdout
    assert f"{last} of {last + 1} paths on the disk; no table is made of a part" in done.stdout
    assert len(list((out / "blocks").glob("*.parquet"))) == last
    assert not (out / "losses.csv").exists()
    assert "Traceback" not in done.stdout + done.stderr


def test_the_limit_is_no_part_of_what_a_run_is() -> None:
    """A sweep that it ended can be resumed with a higher one; nothing else may change."""
    one, more, other = (
        thin(attack=None, agents=[{**entry("Stuck", limit), "parameters": {"way": way}}])
        for limit, way in ((10.0, 0), (60.0, 0), (10.0, 1))
    )
    assert digest(one) == digest(more) != digest(other)
    assert with_overrides(one, {"agents[0].time_limit_seconds": 60.0}) == more


# --- the thread -----------------------------------------------------------------------------------


def test_answers_and_errors_come_back() -> None:
    aside = Aside()
    assert [aside.call(lambda n=n: n * n, 5) for n in range(3)] == [0, 1, 4]  # type: ignore[misc]
    with pytest.raises(ZeroDivisionError):
        aside.call(lambda: 1 // 0, 5)
    with pytest.raises(SystemExit):
        aside.call(lambda: sys.exit(3), 5)
    assert aside.call(lambda: "still there", 5) == "still there"


def test_progress_gives_more_time() -> None:
    """Three times the limit, but never the limit without a sign of life."""
    ticks: list[int] = []

    def slow() -> str:
        for _ in range(6):
            time.sleep(0.1)
            ticks.append(1)
        return "done"

    assert Aside().call(slow, 0.2, lambda: len(ticks)) == "done"
    with pytest.raises(OverdueError) as caught:
        Aside().call(slow, 0.2)
    assert caught.value.seconds == 0.2 and "in slow" in caught.value.where


def test_a_thread_ends_with_its_aside() -> None:
    aside = Aside()
    thread = aside._thread
    aside.call(lambda: None, 5)
    del aside
    thread.join(5)
    assert not thread.is_alive()


def test_an_error_can_travel() -> None:
    """From a worker's process to the one that waits for it."""
    one = pickle.loads(pickle.dumps(AgentError("mine", 7, 2.0, "there")))
    assert str(one) == "agent 'mine' did not return within 2 s in step 7" and one.where == "there"
