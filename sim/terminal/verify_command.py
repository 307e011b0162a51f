"""The worst paths of a sweep on the real contracts, for someone who watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from sim.engines.by_name import ENGINES
from sim.engines.failures import ChainError
from sim.files.lock import LockedError, locked
from sim.files.whole import write_json
from sim.front.sweeps import Sweep, opened
from sim.questions.store import QuestionError
from sim.questions.verification import Verification, world_on
from sim.report import given
from sim.report.sweep_tables import verified_table
from sim.scenario import Scenario
from sim.sweeps.outcome_columns import columns, frame
from sim.sweeps.stored import StoredSweep
from sim.tape import write
from sim.terminal.agent_failure import agent_failure
from sim.terminal.interrupts import interruptible
from sim.terminal.progress import RunProgress
from sim.terminal.said import COMPLETE, FAILED, INTERRUPTED, failed, line
from sim.terminal.tables import printed
from sim.terminal.workers import compile_first
from sim.users.user_agents import AgentError

RESULT = "verify.json"
PATHS = "paths"
"""The folder of a sweep for the tapes of single paths, `<path>.duckdb`."""
CHAINS = tuple(name for name in ENGINES if name != "exact")


def verify_sweep(
    folder: Path, worst: int, paths: Sequence[int], engine: str, console: Console
) -> int:
    """Run `paths` of the sweep in `folder`, or its `worst` ones if none is named, on an engine of
    CHAINS; write verify.json and the tape of each path into it; return an exit code.

    Not COMPLETE if chain and twin differ in anything, floats do not repeat what the sweep wrote, or
    are further from the exact run than roundings explain.
    """
    try:
        swept = opened(folder)
        with locked(folder, f"a verification of {swept.scenario.name}"):
            return _verify(swept, worst, paths, engine, console)
    except (QuestionError, LockedError) as error:
        return failed(str(error), console)


def _verify(swept: Sweep, worst: int, paths: Sequence[int], engine: str, console: Console) -> int:
    stored, scenario, folder = swept.stored, swept.scenario, swept.folder
    stored.check_repeatable()
    stored.check_finished()
    outcomes, plan = swept.outcomes, stored.plan
    for path in paths:
        if not 0 <= path < plan.paths:
            raise QuestionError(f"path {path} is not one of the sweep: 0 to {plan.paths - 1} are")
    chosen = list(dict.fromkeys(paths)) or list(map(int, swept.worst(worst).index))
    console.print(scenario.title, style="bold", markup=False)
    named = ", ".join(f"{path:,}" for path in chosen)
    own = "each on its own book, " if plan.books > 1 else ""
    line(f"Paths {named} of {plan.paths:,}, {own}on {engine}.", console)
    line(given.of_plan(plan), console)
    done: list[Verification] = []
    code = COMPLETE
    try:
        with interruptible(engine != "revm"):
            compile_first(scenario, console)
            for path in chosen:
                on_it = world_on(swept.world_of(path), plan.sampler, path)
                with RunProgress(on_it, console) as progress:
                    one = swept.verified(path, engine, _Shown(progress), record=True)
                done.append(one)
                _keep(one, folder)
                _say(one, scenario.symbols, console)
                written = outcomes.loc[path].to_dict()
                repeated = _repeats(one, written, scenario, console)
                if not repeated or one.differences or one.apart:
                    code = FAILED
    except KeyboardInterrupt:
        console.print(f"Interrupted after {len(done)} of {len(chosen)} paths.")
        code = INTERRUPTED
    except AgentError as error:
        code = failed(agent_failure(error), console)
    except ChainError as error:
        code = failed(f"The chain failed: {error}", console)
    if done:
        result = _result(stored, done)
        write_json(folder / RESULT, result)
        console.print("", printed(verified_table(result["paths"])), "", sep="\n")
        line(f"Written to {folder}: {RESULT}, {PATHS}/", console)
    return code


class _Shown:
    """Moves the bar of a run on."""

    def __init__(self, progress: RunProgress) -> None:
        self._progress = progress

    def __call__(self, k: int, repaid_usd: float, lost_usd: float) -> None:
        if k == 0:
            self._progress.opening()
        self._progress.advance(
            {"step": k, "repaid_usd": repaid_usd, "loss_usd": lost_usd},
        )


def _say(one: Verification, symbols: Sequence[str], console: Console) -> None:
    """One line per path, more if something differs."""
    if one.difference:
        line(f"path {one.path:,}: {one.difference}", console, "red")
        return
    line(
        f"path {one.path:,} on {one.engine}: {one.operations:,} operations, "
        f"{one.values_compared:,} values compared, 0 differ",
        console,
    )
    if one.apart:
        line(
            f"path {one.path:,}: {one.apart}: the sweep's figures are not those of the contracts",
            console,
            "red",
        )
    if first := one.decisions.first:
        left, right = (
            side.words(symbols) if side else "nothing" for side in (first.on_floats, first.exact)
        )
        line(
            f"  decisions differ first in step {first.step:,}: floats {left}; integers {right}",
            console,
        )


def _repeats(
    one: Verification, written: Mapping[Any, Any], scenario: Scenario, console: Console
) -> bool:
    """Whether floats come to what the sweep wrote, bit for bit."""
    of = scenario.symbols, list(scenario.protocol.vaults)
    again = frame([one.path], 0, np.array([list(one.on_floats.values())]), *of).iloc[0]
    different = [name for name in columns(*of) if again[name] != written[name]]
    if different:
        name = different[0]
        line(
            f"path {one.path:,}: floats now come to {name} {again[name]}, the sweep wrote "
            f"{written[name]}: another kind of processor, or a changed file",
            console,
            "red",
        )
    return not different


def _keep(one: Verification, folder: Path) -> None:
    """Write the path in full, as `ape run crash` writes its run."""
    if one.tape and one.tape.latest:
        (folder / PATHS).mkdir(exist_ok=True)
        tables = one.tape.tables(one.difference is None, one.differences)
        write(tables, folder / PATHS / f"{one.path}.duckdb")


def _result(stored: StoredSweep, done: Sequence[Verification]) -> dict[str, Any]:
    return {
        "digest": stored.question.digest,
        "origin": stored.question.origin,
        "paths": [_path(one, stored.plan.books) for one in done],
    }


def _path(one: Verification, books: int) -> dict[str, Any]:
    decisions = one.decisions
    first = decisions.first
    return {
        "path": one.path,
        "book": one.path % books,
        "engine": one.engine,
        "steps": one.steps,
        "operations": one.operations,
        "values_compared": one.values_compared,
        "differences": one.differences,
        "difference": one.difference,
        "state_sha256": one.state_sha256,
        "loss_on_floats_usd": one.loss_on_floats_usd,
        "loss_exact_usd": one.loss_usd if one.exact else None,
        "loss_relative_error": one.relative_error,
        "apart": one.apart,
        "decisions": decisions.decisions,
        "decisions_differ": decisions.differing,
        "first_decision_that_differs": first
        and {
            "step": first.step,
            "on_floats": first.on_floats and first.on_floats._asdict(),
            "exact": first.exact and first.exact._asdict(),
        },
        "outcome_on_floats": one.on_floats,
        "outcome_exact": one.exact or None,
    }
