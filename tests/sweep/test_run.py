"""The numbers of a sweep do not depend on who runs which block, in what order, or how often."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from sim.engines.compiled import Compiled
from sim.engines.outcome import width
from sim.market.paths import draw, observed
from sim.questions import pools, work
from sim.questions.origin import origin, sources
from sim.questions.pools import PoolError, pool
from sim.questions.work import Done, OriginError, Part, StoppedError, Subject, Task, world_of
from sim.sweeps.outcome_columns import frame
from sim.sweeps.run import BlockError, pace, run
from sim.sweeps.stored import StoredSweep, begin, load
from tests.sweep.storms import bits, storms, swept

pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> StoredSweep:
    return swept(tmp_path_factory.mktemp("reference"), block=100, workers=1)


def task(size: int = 10) -> Task:
    scenario = storms()
    return Task(Subject.of(scenario), "mc", (Part(0, scenario.seed, range(size)),))


def of_nothing(asked: Task) -> Done:
    """What a task comes to if nothing happens."""
    return Done(np.zeros((sum(len(part.paths) for part in asked.parts), width(3))), {})


# --- the same bits --------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("block", [7, 16, 64])
def test_blocks_and_threads_do_not_matter(
    block: int, workers: int, reference: StoredSweep, tmp_path: Path
) -> None:
    assert bits(swept(tmp_path, block=block, workers=workers)) == bits(reference)


@pytest.mark.parametrize("at_once", [1, 20, 1_000])
def test_blocks_taken_together_do_not_matter(
    at_once: int, reference: StoredSweep, tmp_path: Path
) -> None:
    """Of several books in one task, and their size by the pace of a worker."""
    one = swept(tmp_path / "one", block=16, books=7)
    study = begin(tmp_path / "together", storms(), paths=100, books=7)
    with pool(workers=2) as submit:
        known = pace(study.plan, submit)
        assert known and 0 < known.path < 1 and known.world < 60
        study.cut(3)
        study.start()
        done = sorted(run(study, submit, at_once))
    assert done == sorted(study.plan.blocks()) and bits(study) == bits(one) != bits(reference)
    assert load(study.folder).plan.block == 3


def test_the_columns_are_what_the_engine_says(reference: StoredSweep) -> None:
    """Without blocks, workers and files in between."""
    scenario = storms()
    prices = draw(scenario, "mc", 0, 100)
    world = world_of(scenario)
    outcomes = Compiled(world).outcomes(prices, observed(scenario, prices))
    found = reference.outcomes().reset_index()
    assert found.equals(frame(range(100), 0, outcomes, scenario.symbols))
    assert found["bad_debt_usd"].max() > 1_000 and found["bad_debt_usd"].nunique() > 50


def test_growing_does_not_matter(reference: StoredSweep, tmp_path: Path) -> None:
    """41 paths, then 100: the block that was cut short is run again."""
    swept(tmp_path, paths=41)
    assert bits(swept(tmp_path, resume=True)) == bits(reference)


def test_stopping_does_not_matter(reference: StoredSweep, tmp_path: Path) -> None:
    study = begin(tmp_path, storms(), paths=100, block=16, books=1)
    study.start()
    with pool(workers=2) as submit:
        for n, _ in enumerate(run(study, submit)):
            if n == 2:
                break
    assert 0 < len(study.missing()) < 7
    assert bits(swept(tmp_path, resume=True)) == bits(reference)


def test_a_block_larger_than_memory_is_cut(
    reference: StoredSweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the block, only so many paths are drawn at once."""
    sizes: list[int] = []

    def watched(*arguments: Any) -> Any:
        sizes.append(arguments[3])
        return draw(*arguments)

    monkeypatch.setattr(work, "draw", watched)
    assert bits(swept(tmp_path, block=100)) == bits(reference)
    assert sizes == [64, 36]


def test_sobol_blocks_do_not_matter(tmp_path: Path) -> None:
    found = []
    for block in (7, 64):
        study = begin(tmp_path / str(block), storms(), "sobol", 64, block)
        study.start()
        with pool(workers=2) as submit:
            assert sum(one.size for one in run(study, submit)) == 64
        found.append(bits(study))
    assert found[0] == found[1]


def test_a_killed_worker_does_not_matter(tmp_path: Path) -> None:
    """Two processes, one killed in the middle: its block goes to another, no number changes."""
    study = begin(tmp_path, storms(), paths=3_072, block=384, books=1)
    study.start()
    with pool("local", 2) as submit:
        workers = [
            one
            for one in psutil.Process().children(recursive=True)
            if "spawn_main" in " ".join(one.cmdline())
        ]
        assert len(workers) == 2
        blocks = run(study, submit)
        next(blocks)
        workers[0].send_signal(signal.SIGKILL)
        assert len(list(blocks)) == 7
    own = swept(tmp_path / "threads", paths=3_072, block=64)
    assert bits(load(tmp_path)) == bits(own)
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_block_that_fails_is_named_and_the_others_are_kept(tmp_path: Path) -> None:
    study = begin(tmp_path, storms(), paths=40, block=16, books=1)
    study.start()
    fails = True

    def submit(task: Task) -> Future[Any]:
        future: Future[Any] = Future()
        if fails and task.parts[0].paths[0] == 32:
            future.set_exception(ValueError("path 35 takes WETH to inf USD"))
        else:
            future.set_result(of_nothing(task))
        return future

    with pytest.raises(BlockError, match="paths 32 to 39: ValueError: path 35 takes WETH to inf"):
        for _ in run(study, submit):
            pass
    assert 2 in [block.number for block in study.missing()]
    fails = False
    later = list(run(study, submit))
    assert later and not study.missing()


def test_a_worker_of_another_version_is_refused() -> None:
    other = {**origin(storms()), "sources": "0123", "numpy": "1.0"}
    own = task().subject
    there = replace(own, origin=tuple(sorted(other.items())))
    with pytest.raises(OriginError, match=r"numpy 1\.26\.4 instead of 1\.0, sources \w+ instead"):
        work.run(task()._replace(subject=there))


def test_stops_within_a_few_paths() -> None:
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) == 3

    with pytest.raises(StoppedError, match="given up at path 16"):
        work.run(task(size=1_000), stopped)


def test_threads_give_up_when_the_run_ends(tmp_path: Path) -> None:
    study = begin(tmp_path, storms(), paths=20_000, block=10_000, books=1)
    begin_at = time.monotonic()
    with pytest.raises(KeyboardInterrupt), pool(workers=1) as submit:
        submit(task(size=10_000))
        raise KeyboardInterrupt
    assert time.monotonic() - begin_at < 2
    assert len(study.missing()) == 2


def test_ctrl_c_is_for_the_coordinator(tmp_path: Path) -> None:
    """It reaches every process of a terminal; workers would each print a traceback."""
    script = tmp_path / "sweep_locally.py"
    script.write_text(
        """
import signal, time
from sim.questions.pools import pool
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pool("local", 2):
            print("ready", flush=True)
            time.sleep(30)
    except KeyboardInterrupt:
        print("interrupted")
"""
    )
    process = subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    try:
        said, _ = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert said == "interrupted\n" and process.returncode == 0


def test_an_interrupt_comes_between_blocks(tmp_path: Path) -> None:
    """Never inside a pool: a lock that stays held there would keep the pool from closing."""
    study = begin(tmp_path, storms(), paths=40, block=16, books=1)
    study.start()
    handed_out = []

    def submit(task: Task) -> Future[Any]:
        signal.raise_signal(signal.SIGINT)
        handed_out.append(task.parts[0].paths[0])
        future: Future[Any] = Future()
        future.set_result(of_nothing(task))
        return future

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        for _ in run(study, submit):
            pass
    assert handed_out == [0, 16, 32]
    assert signal.getsignal(signal.SIGINT) is before


def test_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within seconds, and with the remedy."""
    monkeypatch.setattr(pools, "_PATIENCE_SECONDS", 1)
    begin_at = time.monotonic()
    with (
        pytest.raises(PoolError, match=r"tcp://127\.0\.0\.1:9 .*dask scheduler.*--scheduler"),
        pool("tcp://127.0.0.1:9"),
    ):
        pass
    assert time.monotonic() - begin_at < 10


# --- origin ---------------------------------------------------------------------------------------


def test_the_origin_is_that_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that takes part in a path counts, one that draws a figure does not."""
    from sim.questions import origin as module

    for name in ("market/paths.py", "report/crash.py"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text("1")
    monkeypatch.setattr(module, "_PACKAGE", tmp_path)

    def digest() -> str:
        sources.cache_clear()
        return sources()

    try:
        first = digest()
        (tmp_path / "report/crash.py").write_text("2")
        assert digest() == first
        (tmp_path / "market/paths.py").write_text("2")
        assert digest() != first
    finally:
        sources.cache_clear()


def test_cores_are_those_we_may_use() -> None:
    from sim.questions.pools import cores

    assert 1 <= cores() <= (os.cpu_count() or 1)
