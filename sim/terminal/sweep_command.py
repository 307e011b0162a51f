"""A sweep, start to end, for someone who watches: run it, keep it, draw it, sum it up."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from sim.files.lock import LockedError
from sim.files.whole import replacing
from sim.front.sweeps import Sweep, UnderWay, Wanted, begun
from sim.questions.pools import PoolError
from sim.questions.store import QuestionError
from sim.report import caveats, given
from sim.report.sweep_figure import write_fan_figure, write_loss_figure
from sim.report.sweep_tables import bearer_table, loss_table, reserve_table
from sim.report.vault_tables import vaults_of_paths
from sim.scenario import Scenario
from sim.sweeps import loss_table as losses
from sim.sweeps.fan import load_fan
from sim.sweeps.kept import FAN, OPENING
from sim.sweeps.plan import BLOCK_SECONDS, Plan
from sim.sweeps.run import BlockError
from sim.sweeps.stored import MANIFEST, StoredSweep
from sim.tape import TapeError
from sim.terminal.interrupts import interruptible
from sim.terminal.opening_book import print_book
from sim.terminal.price_files import history_lines, price_lines
from sim.terminal.progress import SweepProgress
from sim.terminal.said import COMPLETE, INTERRUPTED, failed
from sim.terminal.tables import printed
from sim.terminal.venues import venue_lines
from sim.terminal.workers import Workers, are_here, compile_first

TABLE = "losses.csv"


def sweep(
    scenario: Scenario,
    wanted: Wanted,
    workers: Workers,
    out: Path,
    console: Console,
) -> int:
    """Run a scenario on many paths; return an exit code.

    `out`, a folder that exists, gets sweep.json and blocks/ as the run goes, and at its end
    losses.csv, losses.svg, prices.svg and both as PNG, and for its report opening.duckdb and
    fan.npz. Interrupted or failed it keeps its finished blocks. Raises `ScenarioError` as
    `sim.front.sweeps.begun` does, before anything is written.
    """
    try:
        with begun(scenario, wanted, out) as under_way:
            return _sweep(under_way, workers, console)
    except (LockedError, PoolError, QuestionError, TapeError) as error:
        return failed(str(error), console)
    except ValueError as error:  # a price that no contract takes
        return failed(f"{scenario.name}: {error}", console)
    except OSError as error:
        return failed(f"Writing failed: {error}; what is finished is kept for --resume", console)


def _sweep(under_way: UnderWay, workers: Workers, console: Console) -> int:
    stored, scenario = under_way.stored, under_way.stored.plan.scenario
    plan, missing = stored.plan, stored.missing_paths()
    console.print(scenario.title, style="bold", markup=False)
    if plan.books > 1:
        console.print(f"The first of {plan.books:,} books:")
    print_book(under_way.world, console)
    for line in venue_lines(scenario):
        console.print(line)
    for line in [*price_lines(scenario), *history_lines(scenario)]:
        console.print(line, markup=False, soft_wrap=True)
    for line in caveats.of_scenario(scenario.model_dump(mode="json")):
        console.print(line, style="yellow", markup=False)
    if advice := plan.advice():
        console.print(advice, style="yellow")
    blocks = f"of {plan.block}" if under_way.is_cut else f"of about {BLOCK_SECONDS:g} s"
    console.print(_plan_line(plan, missing, blocks, workers), soft_wrap=True)
    try:
        with interruptible():
            if missing:
                _run(under_way, missing, workers, console)
            with console.status("Drawing the figures."):
                swept = under_way.finish()
                figures = _files(swept)
            _show(swept, figures, console)
    except KeyboardInterrupt:
        console.print(
            f"Interrupted with {_kept(stored)}. The same command with --resume goes on from there."
        )
        return INTERRUPTED
    except BlockError as error:
        return failed(f"{error}\n{_kept(stored)}; no table is made of a part.", console)
    return COMPLETE


def _run(under_way: UnderWay, missing: int, workers: Workers, console: Console) -> None:
    world, plan = under_way.world, under_way.stored.plan
    if are_here(workers, console):
        compile_first(plan.scenario, console)
    work = len(world.state.account) * plan.scenario.steps
    with SweepProgress(plan.paths - missing, plan.paths, work, console) as progress:
        for block in under_way.run(*workers):
            progress.advance(block.size)
    console.print(f"{progress.paths:,} paths in {progress.seconds:,.1f} s: {progress.rate()}")


def _plan_line(plan: Plan, missing: int, blocks: str, workers: Workers) -> str:
    done = f", {plan.paths - missing:,} of them done" if missing < plan.paths else ""
    whose = given.books_of_plan(plan).heading
    return (
        f"{plan.paths:,} paths {whose} ({plan.sampler}, seed {plan.scenario.seed}) of "
        f"{plan.scenario.steps:,} steps, in blocks {blocks} on {workers}{done}."
    )


def _files(swept: Sweep) -> list[Path]:
    """Write the table and the figures; the figures."""
    plan, outcomes = swept.stored.plan, swept.outcomes
    with replacing(swept.folder / TABLE) as draft:
        tables = swept.losses, swept.borne_by, swept.by_asset, swept.by_vault
        losses.as_one(*tables).to_csv(draft)
    title = (
        f"{plan.scenario.title}\n{plan.paths:,} paths {given.books_of_plan(plan).heading}, "
        f"sampler {plan.sampler}, seed of paths {plan.scenario.seed}"
    )
    lost, own, line = losses.loss_usd(outcomes), losses.book_of(outcomes), given.of_plan(plan)
    figures = write_loss_figure(lost, swept.losses, title, swept.folder, own, line)
    shown = load_fan(swept.folder / FAN)
    worst = shown.worst_path
    return figures + write_fan_figure(
        plan.scenario, shown, worst, float(lost[worst]), title, swept.folder
    )


def _show(swept: Sweep, figures: list[Path], console: Console) -> None:
    """Say what the outcomes come to."""
    plan, outcomes, folder = swept.stored.plan, swept.outcomes, swept.folder
    books, line = given.books_of_plan(plan), given.of_plan(plan)
    risk = loss_table(swept.losses, plan.paths, books, losses.variance(outcomes), line)
    vaults = vaults_of_paths(swept.by_vault)
    for one in (risk, bearer_table(swept.borne_by), reserve_table(swept.by_asset), vaults):
        if one is not None:
            console.print("", printed(one), sep="\n")
    console.print()
    for text in caveats.of_paths(outcomes, plan.scenario.step_seconds):
        console.print(text, style="yellow", markup=False)
    if plan.sampler == "sobol":
        console.print("The band of losses.svg is that of independent paths: Sobol does better.")
    names = [MANIFEST, "blocks/", TABLE, OPENING, FAN, *(path.name for path in figures)]
    console.print(f"Written to {folder}: {', '.join(names)}", markup=False, soft_wrap=True)
    console.print(
        f"Worst paths on the real contracts: ape run verify {folder}", markup=False, soft_wrap=True
    )


def _kept(stored: StoredSweep) -> str:
    done = stored.plan.paths - stored.missing_paths()
    return f"{done:,} of {stored.plan.paths:,} paths on the disk"
