"""The worst paths of a sweep on the real contracts, for someone who watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from sim.engines.by_name import ENGINES
from sim.engines.compilation import is_compiled
from sim.engines.failures import ChainError
from sim.files.lock import LockedError, locked
from sim.files.whole import write_json
from sim.report import given
from sim.report.text import usd
from sim.scenario import ScenarioError
from sim.sweeps.columns import columns, frame
from sim.sweeps.known_faults import faults_of
from sim.sweeps.losses import worst_paths
from sim.sweeps.origin import origin
from sim.sweeps.study import Study, StudyError, load
from sim.sweeps.verify import Verification, verify, world_on
from sim.sweeps.work import compile_step, world_of
from sim.tape import write
from sim.terminal.agents_table import agent_failure
from sim.terminal.crash import COMPLETE, FAILED, INTERRUPTED
from sim.terminal.interrupts import interruptible
from sim.terminal.progress import RunProgress
from sim.users.user_agents import AgentError

RESULT = "verify.json"
PATHS = "paths"
"""The folder of a study for the tapes of single paths, `<path>.duckdb`."""
CHAINS = tuple(name for name in ENGINES if name != "exact")


def verify_study(
    folder: Path, worst: int, paths: Sequence[int], engine: str, console: Console
) -> int:
    """Run `paths` of the sweep in `folder`, or its `worst` ones if none is named, on an engine of
    CHAINS; write verify.json and the tape of each path into it; return an exit code.

    Not COMPLETE if chain and twin differ in anything, floats do not repeat what the sweep wrote, or
    are further from the exact run than roundings explain.
    """
    try:
        study = load(folder)
        with locked(folder, f"a verification of {study.plan.scenario.name}"):
            return _verify(study, worst, paths, engine, console)
    except (StudyError, LockedError) as error:
        _line(str(error), console, "red")
        return FAILED


def _verify(study: Study, worst: int, paths: Sequence[int], engine: str, console: Console) -> int:
    _check_origin(study)
    outcomes, folder = study.outcomes(), study.folder
    for path in paths:
        if not 0 <= path < study.plan.paths:
            raise StudyError(
                f"path {path} is not one of the sweep: 0 to {study.plan.paths - 1} are"
            )
    chosen = list(dict.fromkeys(paths)) or worst_paths(outcomes, worst)
    scenario = study.plan.scenario
    console.print(scenario.title, style="bold", markup=False)
    named = ", ".join(f"{path:,}" for path in chosen)
    own = "each on its own book, " if study.plan.books > 1 else ""
    _line(f"Paths {named} of {study.plan.paths:,}, {own}on {engine}.", console)
    _line(given.of_plan(study.plan), console)
    done: list[Verification] = []
    code = COMPLETE
    try:
        with interruptible(engine != "revm"):
            if scenario.agents or not is_compiled():
                often = "for your agents" if scenario.agents else "once per change of the code"
                console.print(f"Compiling the step, {often}: about a minute.")
                compile_step(scenario)
            for path in chosen:
                seed = study.plan.seed_of_path(path)
                world = world_of(scenario.model_dump_json(), seed)
                on_it = world_on(world, study.plan.sampler, path)
                with RunProgress(on_it, console) as progress:
                    one = verify(
                        world, study.plan.sampler, path, engine, _Shown(progress), record=True
                    )
                done.append(one)
                _keep(one, folder)
                _say(one, scenario.symbols, console)
                written = outcomes.loc[path].to_dict()
                repeated = _repeats(one, written, scenario.symbols, console)
                if not repeated or one.differences or one.apart:
                    code = FAILED
    except KeyboardInterrupt:
        console.print(f"Interrupted after {len(done)} of {len(chosen)} paths.")
        code = INTERRUPTED
    except AgentError as error:
        _line(agent_failure(error), console, "red")
        code = FAILED
    except ChainError as error:
        _line(f"The chain failed: {error}", console, "red")
        code = FAILED
    if done:
        write_json(folder / RESULT, _result(study, done))
        console.print("", verification_table(done), "", sep="\n")
        _line(f"Written to {folder}: {RESULT}, {PATHS}/", console)
    return code


def verification_table(done: Sequence[Verification]) -> Table:
    """One row per path."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    for name in ("path", "loss", "float error", "decisions", "differ"):
        table.add_column(name, justify="right")
    for name in ("operations", "values", "differ"):
        table.add_column(name, justify="right")
    for one in done:
        error = one.relative_error
        table.add_row(
            f"{one.path:,}",
            usd(one.loss_usd) if one.exact else "-",
            "-" if error is None else f"{error:+.1e}" if error else "0",
            f"{one.decisions.decisions:,}",
            f"{one.decisions.differing:,}",
            f"{one.operations:,}",
            f"{one.values_compared:,}",
            f"{one.differences:,}",
        )
    return table


def _line(text: str, console: Console, style: str | None = None) -> None:
    """Print a line that can be copied: long ones are left to the terminal to wrap."""
    console.print(text, style=style, markup=False, soft_wrap=True)


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
        _line(f"path {one.path:,}: {one.difference}", console, "red")
        return
    _line(
        f"path {one.path:,} on {one.engine}: {one.operations:,} operations, "
        f"{one.values_compared:,} values compared, 0 differ",
        console,
    )
    if one.apart:
        _line(
            f"path {one.path:,}: {one.apart}: the sweep's figures are not those of the contracts",
            console,
            "red",
        )
    if first := one.decisions.first:
        left, right = (
            side.words(symbols) if side else "nothing" for side in (first.on_floats, first.exact)
        )
        _line(
            f"  decisions differ first in step {first.step:,}: floats {left}; integers {right}",
            console,
        )


def _repeats(
    one: Verification, written: Mapping[Any, Any], symbols: Sequence[str], console: Console
) -> bool:
    """Whether floats come to what the sweep wrote, bit for bit."""
    again = frame([one.path], 0, np.array([list(one.on_floats.values())]), symbols).iloc[0]
    different = [name for name in columns(symbols) if again[name] != written[name]]
    if different:
        name = different[0]
        _line(
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


def _check_origin(study: Study) -> None:
    if faults := faults_of("sweep", study.manifest.get("breakwater")):
        raise StudyError(f"{study.folder}: {' '.join(faults)}")
    try:
        here, there = origin(study.plan.scenario), study.manifest["origin"]
    except ScenarioError as error:  # a file that it names, or an agent, is gone
        raise StudyError(str(error)) from error
    different = [name for name in here.keys() | there.keys() if here.get(name) != there.get(name)]
    if different:
        raise StudyError(
            f"{study.folder}: swept with other {', '.join(sorted(different))} than are here; go "
            "back to them, or sweep again"
        )


def _result(study: Study, done: Sequence[Verification]) -> dict[str, Any]:
    return {
        "digest": study.manifest["digest"],
        "origin": study.manifest["origin"],
        "paths": [_path(one, study.plan.books) for one in done],
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
