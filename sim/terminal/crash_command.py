"""One run, start to end, for someone who watches: play it, keep the tape, draw it, sum it up."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console, RenderableType

from sim.engines.failures import ChainError, LockstepError
from sim.files.lock import LockedError, locked
from sim.front.asked import asked
from sim.front.folders import check_kind
from sim.front.run import PARQUET, Run, UnderWay
from sim.measures.borrowers import scenario_of
from sim.measures.published import compare
from sim.measures.registry import found
from sim.questions.store import QuestionError
from sim.report import caveats, given
from sim.report.agent_tables import agents_table, attack_table
from sim.report.crash_figure import write_crash_figure
from sim.report.published_table import notes, published_table
from sim.report.run_tables import cascade_table, figures_table, loss_table, parties_table
from sim.report.vault_tables import vault_table
from sim.scenario import Scenario
from sim.tape import TAPE, Frames, TapeError
from sim.terminal.agent_failure import agent_failure
from sim.terminal.at_step import DEVNET
from sim.terminal.interrupts import interruptible
from sim.terminal.opening_book import print_book
from sim.terminal.other_books import figures
from sim.terminal.price_files import price_lines
from sim.terminal.progress import RunProgress
from sim.terminal.publish import NAME as REPORT
from sim.terminal.said import COMPLETE, FAILED, INTERRUPTED, failed
from sim.terminal.tables import printed
from sim.terminal.venues import venue_lines
from sim.users.user_agents import AgentError

if TYPE_CHECKING:  # web3 is slow to import: for runs on a chain
    from sim.engines.anvil import AnvilChain


def crash(
    scenario: Scenario,
    engine: str,
    out: Path,
    console: Console,
    parquet: bool = False,
    overwrite: bool = False,
    books: int = 1,
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
    seed for book and people. Another process that writes into the folder is left alone, and the run
    refused, and so is one into a folder that holds another kind of result. Raises `ScenarioError`,
    before anything is deployed, if the protocol refuses the
    scenario's book.
    """
    try:
        with locked(out, f"a run of {scenario.name}"):
            check_kind(out, "a run")
            asked = (parquet, overwrite, books, keep, at, book_seed)
            return _crash(scenario, engine, out, console, *asked)
    except (LockedError, QuestionError) as error:
        return failed(str(error), console)


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
        return failed(text, console)
    (out / DEVNET).unlink(missing_ok=True)  # of a run that was killed
    under_way = UnderWay(asked(scenario), engine, book_seed)
    console.print(scenario.title, style="bold", markup=False)
    print_book(under_way.world, console)
    for line in venue_lines(scenario):
        console.print(line)
    for line in price_lines(scenario):
        console.print(line, markup=False, soft_wrap=True)
    for line in caveats.of_scenario(scenario.model_dump(mode="json")):
        console.print(line, style="yellow", markup=False)
    try:
        with interruptible(engine != "exact"), ExitStack() as held:
            played = play(under_way, console, held, at)
            code = played.code
            if played.why:
                console.print(played.why, style="red", markup=False)
            if latest := under_way.tape.latest:
                k = latest["step"]
                whole = code == COMPLETE and k == scenario.steps
                run = under_way.finish(whole, played.differences)
                _write(run, out, parquet, console)
                if not whole:
                    done = f"{k:,} of {scenario.steps:,} steps"
                    console.print(f"The run ended early: all of this is of {done}.", style="yellow")
                elif scenario.expected and not scenario.hold_at_low:  # which nobody published
                    _compare(run, books, console)
                    run.save(out, parquet)
                if keep and code == COMPLETE:
                    return _stay(under_way, k, out, console)
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


def play(under_way: UnderWay, console: Console, held: ExitStack, last: int | None = None) -> Played:
    """Play every step, or those up to `last`. A chain lives as long as `held`."""
    tape = under_way.tape
    try:
        with RunProgress(under_way.world, console) as progress:
            held.enter_context(under_way.deployed())
            if chain := _devnet(under_way):
                where = f"a devnet at {chain.url}"
                console.print(f"Deployed on {where}, gone when the command ends.")
            progress.opening()
            for step in under_way.steps():
                progress.advance(tape.latest)
                if step.k == last:
                    if under_way.follower:
                        under_way.follower.settle()
                    break
            progress.advance(tape.latest)
        return Played(COMPLETE)
    except KeyboardInterrupt:
        done = f"{tape.latest.get('step', 0):,} of {under_way.world.scenario.steps:,} steps"
        console.print(f"Interrupted after {done}.")
        return Played(INTERRUPTED)
    except LockstepError as error:
        return Played(FAILED, str(error), len(error.differences))
    except AgentError as error:
        return Played(FAILED, f"{agent_failure(error)}\nThe tape ends before that step.")
    except ChainError as error:
        return Played(FAILED, f"The devnet failed: {error}")


def _devnet(under_way: UnderWay) -> AnvilChain | None:
    """None on other engines."""
    if under_way.follower is None:
        return None
    from sim.engines.anvil import AnvilChain

    chain = under_way.follower.chain
    return chain if isinstance(chain, AnvilChain) else None


def _stay(under_way: UnderWay, k: int, out: Path, console: Console) -> int:
    """Leave the devnet to others; an exit code."""
    follower, chain = under_way.follower, _devnet(under_way)
    assert follower and chain  # no other engine is kept
    from sim.terminal.keep import stay

    if ended := stay(under_way.world, follower, chain, k, out, console):
        return failed(ended, console)
    return COMPLETE


def _write(run: Run, out: Path, parquet: bool, console: Console) -> None:
    """Write the files, then print what they come to."""
    shown = run.raw.tape
    (out / REPORT).unlink(missing_ok=True)  # of the run before
    shutil.rmtree(out / PARQUET, ignore_errors=True)
    run.save(out, parquet, overwrite=True)
    pictures = write_crash_figure(shown, out)
    for table in run_tables(shown):
        console.print("", table, sep="\n")
    console.print("", verdict(shown), sep="\n")
    console.print(given.of_run(shown), markup=False)
    if given.books_of_run(shown).accounts:
        console.print("Other borrowers lose otherwise: " + _others(shown), markup=False)
    for line in caveats.of_run(shown):
        console.print(line, style="yellow", markup=False)
    written = [TAPE, *([f"{PARQUET}/"] if parquet else []), *(path.name for path in pictures)]
    console.print(f"Written to {out}: {', '.join(written)}")


def run_tables(tape: Frames) -> list[RenderableType]:
    """What was lost and who bore it, how far liquidations drove themselves, all key figures,
    everyone's profit and loss, the attacker's and that of the user's agents.
    """
    figures, attack, agents = found(tape), attack_table(tape), agents_table(tape)
    vaults = vault_table(tape)
    return [
        printed(loss_table(tape)),
        *([printed(vaults)] if vaults else []),
        printed(cascade_table(figures), header=False),
        printed(figures_table(tape, figures), header=False),
        printed(parties_table(tape)),
        *([printed(attack, header=False)] if attack else []),
        *([printed(agents)] if agents else []),
    ]


def verdict(tape: Frames) -> str:
    """How the run was checked, in one line."""
    run = tape.run.iloc[0]
    line = f"{run['engine']}: {run['operations']:,} operations"
    if run["engine"] == "exact":
        return f"{line} on the twin, none executed on a chain"
    compared = f"{run.get('slots_compared', 0):,} slots and {run['values_compared']:,} values"
    return f"{line}, {compared} compared, {run['differences']:,} differ"


def _others(shown: Frames) -> str:
    """How to have them."""
    scenario = scenario_of(shown)
    if scenario["paths"]:
        return f"`ape run sweep {scenario['name']}`, with this run's options, draws many books."
    return "--book-seed draws another book."


def _compare(run: Run, books: int, console: Console) -> None:
    """Print the run and other books beside what was published of the event, and keep it."""
    simulated = figures(run, books, console)
    rows = compare(simulated, run.scenario.expected)
    console.print("", printed(published_table(rows)), sep="\n")
    for note in notes(rows):
        console.print(note, style="dim", markup=False)
    run.keep_published(simulated)
