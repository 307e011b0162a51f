"""A search that saw another world than the contracts is not confirmed, and one that sees no
liquidation where debts go bad does not go on.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from scripts.tune import cli
from sim.engines.outcome import (
    LARGEST_USAGE,
    LOSS,
    NUMBER_LIQUIDATED,
    OUTCOME,
    REPAID,
    SEIZED,
    SHORTFALL,
)
from sim.questions import work
from sim.questions.verification import apart
from sim.questions.work import Done, Task
from sim.tuning import question as questions
from sim.tuning import storage as kept
from sim.tuning.result import load as load_result
from sim.tuning.study import SearchError, Tuner
from tests.tuning.small import preset, setup

DOLLAR = 10**8


def outcome(**values: float) -> dict[str, float]:
    lost = values.get("bad_debt", 0.0) + values.get("shortfall", 0.0)  # all of it by the run
    return {name: {"loss": lost, **values}.get(name, 0.0) * DOLLAR for name in OUTCOME}


@pytest.mark.parametrize(
    ("on_floats", "exact", "words"),
    [
        (outcome(), outcome(), None),
        (outcome(bad_debt=1e6, repaid=5e6), outcome(bad_debt=1e6 + 9, repaid=5e6), None),
        (outcome(bad_debt=0.5), outcome(), None),  # a rounding of nothing
        (outcome(bad_debt=2.0), outcome(), "loss is $2 on floats and $0 exactly"),
        (outcome(shortfall=1e6), outcome(bad_debt=1e6), None),  # the same loss, realised or not
        (outcome(shortfall=9.9e5), outcome(bad_debt=1e6), "loss is $990,000 on floats"),
        (outcome(), outcome(repaid=5e6), "debt repaid by liquidators is $0 on floats"),
    ],
)
def test_apart_is_more_than_a_thousandth_and_a_dollar(
    on_floats: dict[str, float], exact: dict[str, float], words: str | None
) -> None:
    found = apart(on_floats, exact)
    assert found is None if words is None else words in str(found)


def in_a_world_without_liquidations(task: Task, *stopped: Any) -> Done:
    """What the search would see if liquidations were lost: debts go bad instead."""
    found = work.run(task, *stopped)
    found.outcomes[:, SHORTFALL] += found.outcomes[:, REPAID] / 10 + DOLLAR
    found.outcomes[:, [REPAID, SEIZED, NUMBER_LIQUIDATED]] = 0
    return found


def of_a_tenth(task: Task, *stopped: Any) -> Done:
    """What the search would see if a tenth of what is repaid were lost: still liquidations."""
    found = work.run(task, *stopped)
    found.outcomes[:, REPAID] *= 0.9
    return found


def test_a_search_without_liquidations_stops(tmp_path: Path) -> None:
    """Before its first trial; but a market that has no liquidators may be searched."""

    def submit(task: Task) -> Future[Done]:
        done: Future[Done] = Future()
        rows = np.zeros((sum(len(part.paths) for part in task.parts), len(OUTCOME)))
        rows[:, [SHORTFALL, LOSS]], rows[:, LARGEST_USAGE] = DOLLAR, 0.5
        done.set_result(Done(rows, {0: (1.0, 1.0)}))
        return done

    def reference(question: Any, folder: Path) -> Any:
        folder.mkdir()
        text = questions.begin(folder, questions.question(question, 16, 3, "sqlite", "test"), False)
        study = kept.open_study(folder, question, text, "sqlite", False)
        return Tuner(question, 16, 3, study, submit).reference

    asked = setup()
    with pytest.raises(SearchError, match="nobody is ever liquidated"):
        reference(asked, tmp_path / "with")
    nobody = [one.model_copy(update={"liquidators": ()}) for one in asked.scenarios]
    alone = asked._replace(scenarios=tuple(nobody))
    assert reference(alone, tmp_path / "without").paths == 16


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("world", "said"),
    [
        (in_a_world_without_liquidations, "Stopped: on 16 paths of storm, storm debts go bad"),
        (of_a_tenth, "NOT confirmed on revm"),
    ],
)
def test_the_command_says_so(
    world: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.questions.pools.run", world)
    question = tmp_path / "question.yaml"
    question.write_text(preset().model_dump_json())
    words = ["--trials", "2", "--paths", "16", "--sensitivity", "0", "--confirm", "1"]
    words += ["--engine", "revm", "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(cli, [str(question), *words])
    assert done.exit_code == 1 and said in done.output, done.output
    if world is of_a_tenth:
        assert "debt repaid by liquidators is $" in done.output
        found = load_result(tmp_path / "out").confirmation
        assert found and not found.holds and not found.differing and len(found.apart) == 1
