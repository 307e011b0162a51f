"""One run, start to end, for someone who watches: play it, keep the tape, draw it, sum it up."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from sim.engines import baseline
from sim.engines.by_name import follower
from sim.engines.chain import AnvilChain
from sim.engines.exact import run
from sim.engines.failures import ChainError, LockstepError
from sim.engines.lockstep import Lockstep
from sim.files.lock import LockedError, locked
from sim.measures.book import scenario_of
from sim.measures.expected import compare
from sim.measures.registry import found
from sim.report import caveats, given
from sim.report.crash_figure import write_crash_figure
from sim.report.run_tables import cascade_table, figures_table, loss_table, parties_table
from sim.scenario import Scenario
from sim.tape import Frames, Tables, Tape, TapeError, frames, with_rows, write, write_parquet
from sim.terminal.agents_table import agent_failure, agents_table, attack_table
from sim.terminal.book import print_book
from sim.terminal.expected_table import expected_table, legend, notes
from sim.terminal.interrupts import interruptible
from sim.terminal.keep import DEVNET, stay
from sim.terminal.other_books import BOOKS, figures
from sim.terminal.price_files import price_lines
from sim.terminal.progress import RunProgress
from sim.terminal.tables import printed
from sim.terminal.venues import venue_lines
from sim.users.user_agents import AgentError
from sim.world import World, build

TAPE, PARQUET, REPORT = "tape.duckdb", "parquet", "report.html"
COMPLETE, FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes."""


def crash(
    scenario: Scenario,
    engine: str,
    out: Path,
    console: Console,
    parquet: bool = False,
    overwrite: bool = False,
    books: int = BOOKS,
    keep: bool = False,
    at: int | None = None,
    book_seed: int | None = None,
) -> int:
    """Play a scenario on an engine of `sim.engines.by_name.ENGINES`; return an exit code.

    `out`, a folder that exists, gets tape.duckdb, crash.svg and crash.png, and with `parquet` a
    folder of that name. They are written even when the run is interrupted or fails, with the steps
    done until then. A run that is there already, and a report made of it, give way only with
    `overwrite`. What was published of an event is compared with `books` books, the run's own and
    others played on the twin. With `keep` the devnet stays after the last step, or after step `at`,
    until somebody asks for its end (`sim.terminal.keep.stay`). `book_seed` replaces the scenario's
    seed for book and people. Another process that writes into the
    folder is left alone, and the run refused. Raises `ScenarioError`, before anything is deployed,
    if the protocol refuses the scenario's book.
    """
    try:
        with locked(out, f"a run of {scenario.name}"):
            asked = (parquet, overwrite, books, keep, at, book_seed)
            return _crash(scenario, engine, out, console, *asked)
    except LockedError as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return FAILED


def _crash(
    scenario: Scenario,
    engine: str,
    out: Path,
    console: Console,
    parquet: bool,
    overwrite: bool,
    books: int,
    keep: bool,
    at: int | None,
    book_seed: int | None,
) -> int:
    if (out / TAPE).exists() and not overwrite:
        text = f"{out}: a run is here already; replace it with --overwrite, or name another --out"
        console.print(text, style="red", markup=False, soft_wrap=True)
        return FAILED
    (out / DEVNET).unlink(missing_ok=True)  # of a run that was killed
    world = build(scenario, book_seed)
    baseline.fill(world)
    console.print(scenario.title, style="bold", markup=False)
    print_book(world, console)
    for line in venue_lines(scenario):
        console.print(line)
    for line in price_lines(scenario):
        console.print(line, markup=False, soft_wrap=True)
    for line in caveats.of_scenario(scenario.model_dump(mode="json")):
        console.print(line, style="yellow", markup=False)
    tape = Tape(world, engine)
    try:
        with interruptible(engine != "exact"), ExitStack() as held:
            played = play(world, engine, tape, console, held, at)
            code = played.code
            if played.why:
                console.print(played.why, style="red", markup=False)
            if tape.latest:
                k = tape.latest["step"]
                whole = code == COMPLETE and k == scenario.steps
                tables = tape.tables(whole, played.differences)
                shown = _write(tables, out, parquet, console)
                if not whole:
                    done = f"{k:,} of {scenario.steps:,} steps"
                    console.print(f"The run ended early: all of this is of {done}.", style="yellow")
                elif scenario.expected and not scenario.hold_at_low:  # which nobody published
                    rows = _compare(shown, scenario, books, console)
                    _keep(with_rows(tables, "compared", rows), out, parquet)
                if keep and code == COMPLETE:
                    return _stay(world, played.follower, k, out, console)
            else:
                console.print("The protocol was not open yet: nothing to write.")
    except KeyboardInterrupt:
        console.print(f"Interrupted while writing: {out} may lack files, none is half-written.")
        return INTERRUPTED
    except (TapeError, OSError) as error:
        console.print(f"Writing failed: {error}", style="red", markup=False)
        return code or FAILED
    return code


class Played(NamedTuple):
    """How far a run came, which its tape says, and why no further."""

    code: int
    """`COMPLETE`, `FAILED` or `INTERRUPTED`."""
    why: str = ""
    differences: int = 0
    follower: Lockstep | None = None
    """On a chain that is there until what it is held by ends."""


def play(
    world: World,
    engine: str,
    tape: Tape,
    console: Console,
    held: ExitStack,
    last: int | None = None,
) -> Played:
    """Run and record every step, or those up to `last`. A chain lives as long as `held`."""
    try:
        with RunProgress(world, console) as progress:
            chain = held.enter_context(follower(engine, world))
            if chain and isinstance(chain.chain, AnvilChain):
                where = f"a devnet at {chain.chain.url}"
                console.print(f"Deployed on {where}, gone when the command ends.")
            progress.opening()
            for step in run(world, chain):
                # Revm reports too little gas (its slots stay warm between calls): none is better.
                gas = step.gas if engine == "devnet" else []
                tape.record(step.k, step.rows, gas, chain.values if chain else 0)
                progress.advance(tape.latest)
                if step.k == last:
                    break
        return Played(COMPLETE, follower=chain)
    except KeyboardInterrupt:
        done = f"{tape.latest.get('step', 0):,} of {world.scenario.steps:,} steps"
        console.print(f"Interrupted after {done}.")
        return Played(INTERRUPTED)
    except LockstepError as error:
        return Played(FAILED, str(error), len(error.differences))
    except AgentError as error:
        return Played(FAILED, f"{agent_failure(error)}\nThe tape ends before that step.")
    except ChainError as error:
        return Played(FAILED, f"The devnet failed: {error}")


def _stay(world: World, chain: Lockstep | None, k: int, out: Path, console: Console) -> int:
    """Leave the devnet to others; an exit code."""
    assert chain and isinstance(chain.chain, AnvilChain)  # no other engine is kept
    if ended := stay(world, chain, chain.chain, k, out, console):
        console.print(ended, style="red", markup=False)
        return FAILED
    return COMPLETE


def _write(tables: Tables, out: Path, parquet: bool, console: Console) -> Frames:
    """Write the files, then print what they come to; the tables that were printed from."""
    shown = frames(tables)
    (out / REPORT).unlink(missing_ok=True)  # of the run before
    shutil.rmtree(out / PARQUET, ignore_errors=True)
    _keep(tables, out, parquet)
    pictures = write_crash_figure(shown, out)
    for table in filter(None, (*run_tables(shown), attack_table(shown), agents_table(shown))):
        console.print("", table, sep="\n")
    console.print("", verdict(shown), sep="\n")
    console.print(given.of_run(shown), markup=False)
    if given.books_of_run(shown).accounts:
        console.print("Other borrowers lose otherwise: " + _others(shown), markup=False)
    for line in caveats.of_run(shown):
        console.print(line, style="yellow", markup=False)
    written = [TAPE, *([f"{PARQUET}/"] if parquet else []), *(path.name for path in pictures)]
    console.print(f"Written to {out}: {', '.join(written)}")
    return shown


def run_tables(tape: Frames) -> list[Table]:
    """What was lost and who bore it, how far liquidations drove themselves, all key figures, and
    everyone's profit and loss.
    """
    figures = found(tape)
    return [
        printed(loss_table(tape)),
        printed(cascade_table(figures), header=False),
        printed(figures_table(tape, figures), header=False),
        printed(parties_table(tape)),
    ]


def verdict(tape: Frames) -> str:
    """How the run was checked, in one line."""
    run = tape.run.iloc[0]
    line = f"{run['engine']}: {run['operations']:,} operations"
    if run["engine"] == "exact":
        return f"{line} on the twin, none executed on a chain"
    return f"{line}, {run['values_compared']:,} values compared, {run['differences']:,} differ"


def _keep(tables: Tables, out: Path, parquet: bool) -> None:
    write(tables, out / TAPE)
    if parquet:
        write_parquet(tables, out / PARQUET)


def _others(shown: Frames) -> str:
    """How to have them."""
    scenario = scenario_of(shown)
    if scenario["paths"]:
        return f"`ape run sweep {scenario['name']}`, with this run's options, draws many books."
    return "--book-seed draws another book."


def _compare(
    shown: Frames, scenario: Scenario, books: int, console: Console
) -> list[dict[str, Any]]:
    """Print the run and other books beside what was published of the event; the rows of table
    `compared`.
    """
    simulated = figures(scenario, books, console, shown)
    rows = compare(simulated, scenario.expected)
    console.print("\nAgainst what was published")
    if any(row.verdict != "input" for row in rows):
        console.print(expected_table(rows))
    for line in legend(rows):
        console.print(line)
    for note in notes(rows):
        console.print(note, style="dim", markup=False)
    return [
        {"book": n, "measure": name, "simulated": value}
        for n, book in enumerate(simulated)
        for name, value in book.items()
    ]
