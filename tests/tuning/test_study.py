"""A search is a function of its question: not of workers, kills, storages or schedulers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from sim.files.whole import write_json
from sim.questions.store import QuestionError
from sim.tuning.question import begin, question
from sim.tuning.result import Trial
from sim.tuning.study import BATCH
from tests.tuning.postgres import postgres
from tests.tuning.small import preset, searched, setup, tuner

TRIALS = 20
pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    """The search that the others must repeat, on one worker."""
    return searched(tmp_path_factory.mktemp("reference"), TRIALS, workers=1)


def test_the_first_trial_is_the_current_setting(reference: list[Trial]) -> None:
    assert [trial.number for trial in reference] == list(range(TRIALS))
    assert reference[0].values == setup().space.current
    assert reference[0].state == "complete"
    assert len({str(trial.values) for trial in reference}) > TRIALS // 2
    assert {trial.state for trial in reference} <= {"complete", "raced-out"}


def test_the_number_of_workers_does_not_matter(reference: list[Trial], tmp_path: Path) -> None:
    assert searched(tmp_path, TRIALS, workers=2) == reference


def test_another_seed_searches_elsewhere(reference: list[Trial], tmp_path: Path) -> None:
    assert searched(tmp_path, BATCH, seed=4)[1:] != reference[1:BATCH]


def test_a_journal_file_keeps_the_same(reference: list[Trial], tmp_path: Path) -> None:
    assert searched(tmp_path, TRIALS, storage="journal") == reference


def test_a_search_that_stops_anywhere_goes_on_as_if_it_had_not(
    reference: list[Trial], tmp_path: Path
) -> None:
    """Stopped after every trial told, and in the middle of asking and of running a batch."""
    with tuner(tmp_path) as one:
        for trial in one.run(TRIALS):
            if trial.number == 2:
                break
    with tuner(tmp_path, resume=True) as one:
        one._asked([], 3)  # asked for, and never told
    for until in (5, 9, 10):
        with tuner(tmp_path, resume=True) as one:
            for _ in one.run(TRIALS):
                if len(one.trials()) >= until:
                    break
    assert searched(tmp_path, TRIALS, resume=True) == reference


def test_a_killed_search_goes_on_as_if_it_had_not_been(
    reference: list[Trial], tmp_path: Path
) -> None:
    """SIGKILL in mid-work, several times."""
    code = (
        "import sys; from pathlib import Path; from tests.tuning.small import searched\n"
        f"searched(Path(sys.argv[1]), {TRIALS}, resume=len(sys.argv) > 2)"
    )
    root = Path(__file__).parents[2]
    for n in range(3):
        command = [sys.executable, "-c", code, str(tmp_path), *(["more"] if n else [])]
        process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
        until, told = time.monotonic() + 400, 0  # compiling takes minutes where nothing is cached
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
            if (tmp_path / "study.db").exists():
                told = _told(tmp_path)
                if told > 5 * n:
                    break
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 0 < _told(tmp_path) <= TRIALS
    assert searched(tmp_path, TRIALS, resume=True) == reference


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_search_killed_between_two_parameters_goes_on_as_if_it_had_not(
    reference: list[Trial], after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the last trial, which TPE draws by its model: the setting is the one it would have had."""
    asked = 0

    def stopping(suggest: Callable[..., Any]) -> Callable[..., Any]:
        def until_then(trial: optuna.Trial, *arguments: Any) -> Any:
            nonlocal asked
            if trial.number == TRIALS - 1:
                asked += 1
                if asked > after:
                    raise KeyboardInterrupt
            return suggest(trial, *arguments)

        return until_then

    with monkeypatch.context() as patched:
        for name in ("suggest_float", "suggest_categorical"):
            patched.setattr(optuna.Trial, name, stopping(getattr(optuna.Trial, name)))
        with pytest.raises(KeyboardInterrupt):
            searched(tmp_path, TRIALS)
    assert asked == after + 1
    assert searched(tmp_path, TRIALS, resume=True) == reference


def test_processes_of_a_dask_cluster_find_the_same(reference: list[Trial], tmp_path: Path) -> None:
    """A scheduler and two worker processes of its own."""
    assert searched(tmp_path, TRIALS, scheduler="local", workers=2) == reference


def test_two_machines_share_a_study_in_postgresql(tmp_path: Path) -> None:
    """A real server; two processes, each with a folder of its own, search together and lose
    nothing; alone, a search there is the same as in a file."""
    with postgres() as url:
        alone = searched(_folder(tmp_path / "alone"), TRIALS, storage=f"{url}/alone")
        assert alone == searched(_folder(tmp_path / "file"), TRIALS)
        code = (
            "import sys; from pathlib import Path; from tests.tuning.small import searched\n"
            f"searched(Path(sys.argv[1]), {TRIALS}, storage=sys.argv[2], resume=True, workers=1)"
        )
        root = Path(__file__).parents[2]
        together = f"{url}/together"
        # The first makes the tables; then both go on with the study.
        searched(_folder(tmp_path / "first"), 1, storage=together)
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", code, str(_folder(tmp_path / name)), together],
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root)},
            )
            for name in ("second", "third")
        ]
        assert [process.wait(timeout=900) for process in processes] == [0, 0]
        found = searched(_folder(tmp_path / "fourth"), TRIALS, storage=together, resume=True)
    assert len(found) >= TRIALS
    numbers = [trial.number for trial in found]
    assert len(set(numbers)) == len(numbers)
    assert found[0].values == setup().space.current


def test_another_question_is_refused_by_name(tmp_path: Path) -> None:
    with tuner(tmp_path):
        pass
    with pytest.raises(QuestionError, match="resume it"), tuner(tmp_path):
        pass
    fewer = tuner(tmp_path, paths=64, resume=True)
    with pytest.raises(QuestionError, match="paths: 128 there, 64 now"), fewer:
        pass
    other = tuner(tmp_path, setup(objectives=["es_99"]), resume=True)
    named = r"preset\.tuning\.objectives\[0\] borrowed there, es_99 now"
    with pytest.raises(QuestionError, match=named), other:
        pass
    nowhere = tuner(_folder(tmp_path / "x"), storage="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(QuestionError, match="no such database"), nowhere:
        pass


def test_a_folder_of_before_the_question_was_whole_goes_on(tmp_path: Path) -> None:
    asked = question(setup(), 128, 3, "sqlite", "test")
    begin(tmp_path, asked, resume=False)
    file = tmp_path / "tuning.json"
    before = {**json.loads(file.read_text()), "seconds": 7.0, "command": "as typed then"}
    del before["asked"]
    write_json(file, before)
    found = begin(tmp_path, asked, resume=True)
    assert found == asked.model_copy(update={"seconds": 7.0, "command": "as typed then"})
    other = question(setup(objectives=["es_99"]), 128, 3, "sqlite", "test")
    with pytest.raises(QuestionError, match="what is not noted there"):
        begin(tmp_path, other, resume=True)


def test_a_password_is_not_kept() -> None:
    asked = question(setup(), 8, 1, "postgresql://me:secret@host/db", "")
    assert asked.storage == "postgresql://me@host/db"
    assert preset().name == "storms"


def _told(folder: Path) -> int:
    import sqlite3

    with sqlite3.connect(f"file:{folder / 'study.db'}?mode=ro", uri=True) as connection:
        try:
            query = "select count(*) from trials where state = 'COMPLETE'"
            return int(connection.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # not there yet
            return 0


def _folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    return path
