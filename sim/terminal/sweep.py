"""A sweep, start to end, for someone who watches: run it, keep it, draw it, sum it up."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from sim.engines.compilation import is_compiled
from sim.engines.compiled import check_compilable
from sim.files.lock import LockedError, locked
from sim.files.whole import replacing
from sim.market.draws import Sampler
from sim.market.paths import draw
from sim.report import caveats, given
from sim.report.sweep_figure import write_fan_figure, write_loss_figure
from sim.report.sweep_tables import bearer_table, loss_table
from sim.scenario import Scenario
from sim.sweeps import losses
from sim.sweeps.fan import fan
from sim.sweeps.kept import FAN, OPENING, keep
from sim.sweeps.opening import opening
from sim.sweeps.plan import Plan
from sim.sweeps.pools import LOCAL, THREADS, PoolError, cores, pool
from sim.sweeps.reserves import by_asset
from sim.sweeps.run import BlockError, run
from sim.sweeps.study import Study, StudyError, begin
from sim.sweeps.work import compile_step, world_of
from sim.tape import Tables, TapeError
from sim.terminal.book import print_book
from sim.terminal.crash import COMPLETE, FAILED, INTERRUPTED
from sim.terminal.interrupts import interruptible
from sim.terminal.price_files import history_lines, price_lines
from sim.terminal.sweep_progress import SweepProgress
from sim.terminal.sweep_table import asset_table
from sim.terminal.tables import printed
from sim.terminal.venues import venue_lines
from sim.world import World

TABLE = "losses.csv"


class Wanted(NamedTuple):
    """What a user asks for; None: as in the study that is resumed, or the default."""

    sampler: Sampler | None = None
    paths: int | None = None
    books: int | None = None
    book_seed: int | None = None
    block: int | None = None
    scheduler: str = THREADS
    workers: int | None = None
    resume: bool = False


def sweep(scenario: Scenario, wanted: Wanted, out: Path, console: Console) -> int:
    """Run a scenario on many paths; return an exit code.

    `out`, a folder that exists, gets study.json and blocks/ as the run goes, and at its end
    losses.csv, losses.svg, prices.svg and both as PNG, and for its report opening.duckdb and
    fan.npz. Interrupted or failed it keeps its finished blocks. Raises `ScenarioError`, before
    anything is written, if the scenario does not say how paths are drawn, an agent of the user is a
    Python object, or the protocol refuses its book.
    """
    try:
        with locked(out, f"a sweep of {scenario.name}"):
            return _sweep(scenario, wanted, out, console)
    except LockedError as error:
        return _failed(str(error), console)


def _sweep(scenario: Scenario, wanted: Wanted, out: Path, console: Console) -> int:
    try:
        first = scenario.seed if wanted.book_seed is None else wanted.book_seed
        world = world_of(scenario.model_dump_json(), first)
        check_compilable(world)
        draw(scenario, wanted.sampler or "mc", 0, 1)
        study = begin(
            out,
            scenario,
            wanted.sampler,
            wanted.paths,
            wanted.block,
            wanted.books,
            wanted.book_seed,
            wanted.resume,
        )
    except StudyError as error:
        return _failed(str(error), console)
    except ValueError as error:  # a price that no contract takes
        return _failed(f"{scenario.name}: {error}", console)
    opened = opening(world)  # now: its files may be others when the sweep ends
    plan = study.plan
    console.print(scenario.title, style="bold", markup=False)
    if plan.books > 1:
        console.print(f"The first of {plan.books:,} books:")
    print_book(world, console)
    for line in venue_lines(scenario):
        console.print(line)
    for line in [*price_lines(scenario), *history_lines(scenario)]:
        console.print(line, markup=False, soft_wrap=True)
    for line in caveats.of_scenario(scenario.model_dump(mode="json")):
        console.print(line, style="yellow", markup=False)
    if advice := plan.advice():
        console.print(advice, style="yellow")
    missing = sum(block.size for block in study.missing())
    console.print(_plan_line(plan, missing, wanted), soft_wrap=True)
    try:
        with interruptible():
            try:
                if missing:
                    _run(study, world, missing, wanted, console)
                study.finish()
                _write(study, opened, console)
            except KeyboardInterrupt:
                return _interrupted(study, console)
    except BlockError as error:
        return _failed(f"{error}\n{_kept(study)}; no table is made of a part.", console)
    except (PoolError, StudyError, TapeError) as error:
        return _failed(str(error), console)
    except OSError as error:
        return _failed(f"Writing failed: {error}; what is finished is kept for --resume", console)
    return COMPLETE


def _run(study: Study, world: World, missing: int, wanted: Wanted, console: Console) -> None:
    scenario = study.plan.scenario
    here = wanted.scheduler in (THREADS, LOCAL)
    if here and (world.agents or not is_compiled()):
        often = "for your agents" if world.agents else "once per change of the code"
        text = f"Compiling the step, {often}: about a minute."
        with console.status(text):
            if not console.is_terminal:
                console.print(text)
            compile_step(scenario)
    elif not here:
        console.print("Workers compile the step first if they never did: about a minute.")
    with pool(wanted.scheduler, wanted.workers) as submit:
        study.start()
        work = len(world.state.account) * scenario.steps
        done = study.plan.paths - missing
        with SweepProgress(done, study.plan.paths, work, console) as progress:
            for block in run(study, submit):
                progress.advance(block.size)
    console.print(f"{progress.paths:,} paths in {progress.seconds:,.1f} s: {progress.rate()}")


def _plan_line(plan: Plan, missing: int, wanted: Wanted) -> str:
    where = {
        THREADS: f"{wanted.workers or cores()} threads",
        LOCAL: f"{wanted.workers or cores()} processes",
    }.get(wanted.scheduler, wanted.scheduler)
    done = f", {plan.paths - missing:,} of them done" if missing < plan.paths else ""
    whose = given.books_of_plan(plan).heading
    return (
        f"{plan.paths:,} paths {whose} ({plan.sampler}, seed {plan.scenario.seed}) of "
        f"{plan.scenario.steps:,} steps, in blocks of {plan.block} on {where}{done}."
    )


def _write(study: Study, opened: Tables, console: Console) -> None:
    """Write what the outcomes come to, then print it."""
    plan, folder = study.plan, study.folder
    outcomes = study.outcomes()
    lost = losses.loss_usd(outcomes)
    table = losses.loss_table(outcomes, plan.sampler, plan.scenario.step_seconds)
    bearers = losses.borne_by(outcomes, plan.sampler)
    assets = by_asset(outcomes, plan.sampler)
    with replacing(folder / TABLE) as draft:
        losses.as_one(table, bearers, assets).to_csv(draft)
    (worst,) = losses.worst_paths(outcomes, 1)
    books, line = given.books_of_plan(plan), given.of_plan(plan)
    title = (
        f"{plan.scenario.title}\n{plan.paths:,} paths {books.heading}, sampler {plan.sampler}, "
        f"seed of paths {plan.scenario.seed}"
    )
    with console.status("Drawing the figures."):
        shown = fan(plan, worst)
        keep(study, opened, shown)
        own = losses.book_of(outcomes)
        figures = write_loss_figure(lost, table, title, folder, own, line)
        figures += write_fan_figure(plan.scenario, shown, worst, float(lost[worst]), title, folder)
    risk = loss_table(table, plan.paths, books, losses.variance(outcomes), line)
    tables = (printed(risk), printed(bearer_table(bearers)), asset_table(assets))
    for one in filter(None, tables):
        console.print("", one, sep="\n")
    console.print()
    for line in caveats.of_paths(outcomes, plan.scenario.step_seconds):
        console.print(line, style="yellow", markup=False)
    if plan.sampler == "sobol":
        console.print("The band of losses.svg is that of independent paths: Sobol does better.")
    names = ["study.json", "blocks/", TABLE, OPENING, FAN, *(path.name for path in figures)]
    console.print(f"Written to {folder}: {', '.join(names)}", markup=False, soft_wrap=True)
    console.print(
        f"Worst paths on the real contracts: ape run verify {folder}", markup=False, soft_wrap=True
    )


def _interrupted(study: Study, console: Console) -> int:
    console.print(
        f"Interrupted with {_kept(study)}. The same command with --resume goes on from there."
    )
    return INTERRUPTED


def _kept(study: Study) -> str:
    done = study.plan.paths - sum(block.size for block in study.missing())
    return f"{done:,} of {study.plan.paths:,} paths on the disk"


def _failed(why: str, console: Console) -> int:
    console.print(why, style="red", markup=False, soft_wrap=True)
    return FAILED
