"""Whole commands and searches for faults, each in a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sim.engines.by_name import follower
from sim.engines.exact import run
from sim.front.sweeps import Wanted, begun
from sim.world import build
from tests.benchmarks.market import calm_to_crash, crash_alone
from tests.benchmarks.shown import Shown, rate, seconds

ROOT = Path(__file__).parents[2]
_FUZZED = 4_000  # operations
_PATIENCE = 240.0  # seconds, with a command


def tables(quick: bool) -> Iterable[Shown]:
    """Each in turn, as it is measured."""
    yield _lockstep(quick)
    if quick:
        return
    yield _exact()
    yield _sweep()
    yield _cluster()


def _lockstep(quick: bool) -> Shown:
    """Twin and EVM side by side."""
    rows, accounts = [], 20 if quick else 60
    for engine in ("revm",) if quick else ("revm", "devnet"):
        world = build(calm_to_crash(accounts, duration_hours=30.0))
        with follower(engine, world) as chain:
            assert chain is not None
            took = seconds(deque, run(world, chain), 0)
            each = chain.operations / took
        rows.append(
            [f"{engine}, {accounts} accounts, 360 steps", f"{took:,.1f} s", f"{each:,.0f}/s"]
        )
    if not quick:
        with _command("run", "crash", "black-thursday", "--out", "crash") as (took, _):
            rows.append(["`ape run crash black-thursday` (anvil)", f"{took:,.1f} s", ""])
        each = rate(_fuzzed)
        rows.append(["random operations, invariants checked", "", f"{each:,.0f}/s"])
    bound = (
        "an in-process EVM executes a transaction in tens of microseconds; anvil hashes all that "
        "it keeps after every block, and carries the block out again to tell what it changed; the "
        "twin goes on meanwhile"
    )
    headings = ["twin = EVM after every operation", "wall time", "operations compared"]
    return Shown("Lockstep with the contracts", headings, rows, bound)


def _fuzzed() -> float:
    """Operations of the state machine of tests/lockstep."""
    from hypothesis.stateful import run_state_machine_as_test

    from tests.lockstep.machine import ProtocolMachine
    from tests.lockstep.test_state_machine import STEPS, _settings

    class Machine(ProtocolMachine):
        pass

    Machine.engines, Machine.tally = (0, 1), Counter()
    while Machine.tally.total() < _FUZZED:
        run_state_machine_as_test(Machine, settings=_settings(_FUZZED // STEPS))
    return float(Machine.tally.total())


def _exact() -> Shown:
    rows = []
    for accounts in (1_000, 10_000):
        world = build(crash_alone(accounts, scaled=True))
        took = seconds(deque, run(world), 0)
        rows.append([f"{accounts:,} accounts, 576 steps", f"{took:,.1f} s"])
    bound = "Python integers: each liquidation reads and writes hundreds of them"
    return Shown("Exact engine, Black Thursday", ["", "wall time"], rows, bound)


def _sweep() -> Shown:
    large = crash_alone(50_000, scaled=True).model_dump_json()
    arguments = ("--paths", "100", "--out", "sweep")
    with _command("run", "sweep", "large.yaml", *arguments, given=large) as (took, megabytes):
        said = f"{took:,.0f} s" if took < _PATIENCE else f"more than {_PATIENCE:.0f} s"
        rows = [["100 paths, 50,000 accounts, 20 books", said, f"{megabytes:,.0f} MB"]]
    bound = "building twenty books, then the accounts near 1"
    headings = ["`ape run sweep black-thursday`", "wall time", "memory at most"]
    return Shown("A sweep of a large book", headings, rows, bound)


def _cluster() -> Shown:
    """The same paths on one and two processes of a dask cluster, without their start."""
    scenario, paths, found = calm_to_crash(1_000), 1_200, {}
    for workers in (1, 2):
        with (
            TemporaryDirectory() as folder,
            begun(scenario, Wanted(paths=paths, books=20), Path(folder)) as under_way,
        ):
            counted, begin = 0, 0.0
            for n, block in enumerate(under_way.run("local", workers)):
                if n == 4 * workers:  # by now every worker has begun
                    begin = time.perf_counter()
                elif n > 4 * workers:
                    counted += block.size
            found[workers] = counted / (time.perf_counter() - begin)
    one, two = found[1], found[2]
    rows = [
        ["1 process", f"{one:,.0f} paths/s", ""],
        ["2 processes", f"{two:,.0f} paths/s", f"{two / one / 2:.0%}"],
    ]
    bound = "memory and cache that the cores share; blocks of 2 s leave a thousandth to the cluster"
    return Shown("Workers of a dask cluster", ["1,000 accounts", "", "efficiency"], rows, bound)


@contextmanager
def _command(*arguments: str, given: str = "") -> Iterator[tuple[float, float]]:
    """An ape command in a folder with nothing but large.yaml, if `given`: its wall time in seconds,
    at most _PATIENCE, and the memory in MB of the largest process that any command has had so far.
    """
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(ROOT)}
    with TemporaryDirectory() as folder:
        if given:
            (Path(folder) / "large.yaml").write_text(given)
        begin = time.perf_counter()
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [Path(sys.executable).parent / "ape", *arguments],
                cwd=folder,
                env=environment,
                capture_output=True,
                check=True,
                timeout=_PATIENCE,
            )
        took = time.perf_counter() - begin
        yield took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
