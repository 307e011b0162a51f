"""Many runs: a scenario on paths drawn around its levels, and on books of borrowers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import pandas as pd

from sim.engines.by_name import check_engine
from sim.engines.compiled import check_compilable
from sim.files.lock import locked
from sim.front.asked import changed, whole
from sim.front.folders import check_kind, folder_for, goes_with
from sim.front.frames import frame
from sim.front.shown import as_html, as_text, bar, drawing, page
from sim.market.draws import Sampler
from sim.market.paths import draw
from sim.measures.registry import MEASURES
from sim.questions.opening import opening
from sim.questions.pools import THREADS, pool
from sim.questions.store import QuestionError
from sim.questions.verification import Verification, Watch, verify
from sim.questions.work import compile_step, world_of
from sim.report import given
from sim.report.text import usd
from sim.scenario import Scenario
from sim.sweeps import loss_table as losses
from sim.sweeps.fan import fan
from sim.sweeps.kept import keep
from sim.sweeps.plan import Block, Plan, usual_block
from sim.sweeps.reserves import by_asset
from sim.sweeps.run import pace, run
from sim.sweeps.stored import StoredSweep, begin, load
from sim.sweeps.vaults import by_vault
from sim.tape import Tables
from sim.world import World

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Sweep:
    """What many paths came to: a folder of results, and frames of them."""

    def __init__(self, stored: StoredSweep) -> None:
        self.stored = stored
        """What is on the disk of it: what was asked, and outcomes block by block."""
        self.scenario: Scenario = stored.plan.scenario
        """With everything that was replaced."""

    @property
    def folder(self) -> Path:
        """Where it is kept; a temporary one unless `sweep` was told another."""
        return self.stored.folder

    @cached_property
    def _outcomes(self) -> pd.DataFrame:
        return self.stored.outcomes(unfinished=True)

    @property
    def outcomes(self) -> pd.DataFrame:
        """A row per path that is there: what it came to, columns of `sim.sweeps.outcome_columns`;
        on the disk, of which memory holds what is asked for. You may add columns, which are yours;
        those that are there cannot be written to.
        """
        return self._outcomes.copy(deep=False)

    @property
    def plan(self) -> Plan:
        """Of the paths that are there: all, unless the sweep was stopped or still runs."""
        return self.stored.plan.of(self.outcomes)

    @frame
    def losses(self) -> pd.DataFrame:
        """Chance, mean, VaR, ES and peak of the loss with 95% intervals, rows by the names of
        `sim.measures.of_paths`, as in `sim.sweep_over`; see `sim.sweeps.loss_table.loss_table`.
        """
        plan = self.stored.plan
        return losses.loss_table(self.outcomes, plan.sampler, plan.scenario.step_seconds)

    @frame
    def borne_by(self) -> pd.DataFrame:
        """The mean loss by who bears it, with intervals."""
        return losses.borne_by(self.outcomes, self.stored.plan.sampler)

    @frame
    def by_asset(self) -> pd.DataFrame:
        """Losses by the asset that is owed, as `sim.sweeps.reserves.by_asset`."""
        return by_asset(self.outcomes, self.stored.plan.sampler)

    @frame
    def by_vault(self) -> pd.DataFrame:
        """Losses by the vault that they were owed in, as `sim.sweeps.vaults.by_vault`."""
        return by_vault(self.outcomes, self.stored.plan.sampler)

    def worst(self, count: int = 3) -> pd.DataFrame:
        """The rows of `outcomes` that lose most, the worst first. Raises `QuestionError` unless
        `count` is 1 or more.
        """
        number = whole("count", count, 1) or 1
        return self.outcomes.loc[losses.worst_paths(self.outcomes, number)]

    def verify(
        self, count: int = 3, engine: Literal["exact", "revm", "devnet"] = "revm"
    ) -> pd.DataFrame:
        """The worst paths again, exactly and on an engine of `sim.run`: rows by path with the loss
        exactly and on floats in USD, float_error (a share), operations and values compared with the
        contracts, how many of these differ, and the state's SHA-256. Raises `ValueError` for an
        engine that there is not, `QuestionError` for a count below 1 or a sweep that this version
        does not repeat, and `ChainError` if the engine's chain cannot be had.
        """
        check_engine(engine)
        self.stored.check_repeatable()
        rows = []
        for path in self.worst(count).index:
            with bar(f"path {path:,}", self.scenario.steps) as advance:
                rows.append(self.verified(path, engine, lambda k, *_: advance(min(k, 1))))
        return pd.DataFrame([_row(one) for one in rows]).set_index("path")

    def verified(
        self, path: int, engine: str, watch: Watch | None = None, record: bool = False
    ) -> Verification:
        """One path, as `sim.questions.verification.verify`."""
        sampler = self.stored.plan.sampler
        return verify(self.world_of(path), sampler, path, engine, watch, record)

    def world_of(self, path: int) -> World:
        """The world that a path is run in, on its book."""
        return world_of(self.scenario, self.stored.plan.seed_of_path(path))

    def plot(self) -> Figure:
        """How likely which loss is."""
        with drawing():
            from sim.report.sweep_figure import loss_figure

        plan, lost = self.plan, losses.loss_usd(self.outcomes)
        own = losses.book_of(self.outcomes)
        title = f"{self.scenario.title}\n{plan.paths:,} paths"
        return loss_figure(lost, self.losses, title, own, given.of_plan(plan))

    def report(self, path: str | Path) -> Path:
        """Write the page of this sweep as one HTML file. Raises `ValueError` for a folder, and
        `TypeError` for what is no path.
        """
        from sim.report.page.source import open_source

        return page(path, open_source(self.folder))

    def _figures(self) -> dict[str, str]:
        rows, found = self.losses, {}
        ends = zip(rows.index, rows["value"], rows["low"], rows["high"], strict=True)
        for name, value, low, high in ends:
            if name not in ("expected_loss", "var_95", "es_99", "peak_loss"):
                continue
            most = usd(high) if high < float("inf") else "unbounded"
            found[MEASURES[name].heading] = f"{usd(value)} ({usd(low)} to {most})"
        return found

    def _given(self) -> str:
        unfinished = self.stored.unfinished(self.outcomes)
        return " ".join(filter(None, [unfinished, given.of_plan(self.plan)]))

    def __repr__(self) -> str:
        return as_text(self.scenario.title, self._figures(), self._given())

    def _repr_html_(self) -> str:
        return as_html(self.scenario.title, self._figures(), self._given())


class Wanted(NamedTuple):
    """What is asked of a sweep; None: as in the sweep that is resumed, or the default; of
    `book_seed`, the scenario's.
    """

    sampler: Sampler | None = None
    paths: int | None = None
    books: int | None = None
    book_seed: int | None = None
    block: int | None = None
    resume: bool = False


class UnderWay(NamedTuple):
    """A sweep that has begun in a folder."""

    stored: StoredSweep
    world: World
    """Of the first book."""
    opening: Tables
    is_cut: bool
    """Whether the size of blocks is decided: by the user, or when the sweep was begun."""

    def run(self, scheduler: str, workers: int | None) -> Iterator[Block]:
        """Run what is missing on workers of `sim.questions.pools.pool`; each block is yielded when
        it is on the disk.
        """
        stored = self.stored
        with pool(scheduler, workers) as submit:
            known = pace(stored.plan, submit)
            if known and not self.is_cut:
                stored.cut(usual_block(stored.plan.paths, stored.plan.books, known))
            stored.start()
            # An agent of the user can end a task, and with it the blocks that the task has done.
            together = known if not stored.plan.scenario.agents else None
            most = together.at_once(stored.missing_paths()) if together else 1
            yield from run(stored, submit, most)

    def finish(self) -> Sweep:
        """Keep what reports need."""
        self.stored.finish()
        found = Sweep(self.stored)
        (worst,) = losses.worst_paths(found.outcomes, 1)
        keep(self.stored, self.opening, fan(self.stored.plan, worst))
        return found


@contextmanager
def begun(scenario: Scenario, wanted: Wanted, folder: Path) -> Iterator[UnderWay]:
    """A sweep in a folder that exists and is nobody else's meanwhile, new or as it was left;
    nothing is run or written yet.

    Raises `ScenarioError` if the scenario does not say how paths are drawn, an agent of the user is
    a Python object, or the protocol refuses its book; `QuestionError`, `LockedError` as `sweep`.
    """
    with locked(folder, f"a sweep of {scenario.name}"):
        check_kind(folder, "a sweep")
        seed = scenario.seed if wanted.book_seed is None else wanted.book_seed
        world = world_of(scenario, seed)
        check_compilable(world)
        draw(scenario, wanted.sampler or "mc", 0, 1)
        sampler, paths, books, _, block, resume = wanted
        stored = begin(folder, scenario, sampler, paths, block, books, seed, resume)
        # Its opening now: its files may be others when the sweep ends.
        is_cut = block is not None or stored.is_begun
        yield UnderWay(stored, world, opening(world), is_cut)


def sweep(
    scenario: str | Path | Scenario,
    *,
    paths: int | None = None,
    books: int | None = None,
    sampler: Sampler | None = None,
    accounts: int | None = None,
    seed: int | None = None,
    book_seed: int | None = None,
    hold_at_low: bool | None = None,
    overrides: Mapping[str, object] | None = None,
    redraw_book: bool = False,
    folder: str | Path | None = None,
    workers: int | None = None,
    resume: bool = False,
) -> Sweep:
    """Run a scenario, as for `sim.run`, on `paths` price paths (1,024) and `books` books of
    borrowers (a fifth of them, 200 at most), compiled: the first time on a machine, that takes a
    minute. `seed` is of paths and books, `book_seed` of books alone.

    Results are kept in `folder`, as `ape run sweep` writes them: what was interrupted goes on with
    `resume`, and also with more paths. Without one they go with the object. Raises `ScenarioError`,
    `QuestionError` for a folder that holds something else, `LockedError` for one in use,
    `BlockError` if a path cannot be run, `TypeError` for arguments of another kind.
    """
    one = changed(
        scenario,
        accounts=accounts,
        seed=seed,
        hold_at_low=hold_at_low,
        overrides=overrides,
        redraw_book=redraw_book,
    )
    paths, books = whole("paths", paths, 1), whole("books", books, 1)
    if sampler not in (None, "mc", "sobol"):
        raise QuestionError(f"sampler {sampler!r}: mc or sobol is needed")
    wanted = Wanted(sampler, paths, books, whole("book_seed", book_seed, 0), resume=resume)
    threads = whole("workers", workers, 1)
    with folder_for(folder) as place, begun(one, wanted, place) as under_way:
        if missing := under_way.stored.missing_paths():
            compile_step(one)
            with bar(f"{under_way.stored.plan.paths:,} paths", missing) as advance:
                for block in under_way.run(THREADS, threads):
                    advance(block.size)
        found = under_way.finish()
    if folder is None:
        goes_with(found, place)
    return found


def opened(folder: Path) -> Sweep:
    """The sweep in a folder. Raises `QuestionError`."""
    return Sweep(load(folder))


def _row(one: Verification) -> dict[str, object]:
    return {
        "path": one.path,
        "engine": one.engine,
        "loss_usd": one.loss_usd if one.exact else float("nan"),
        "loss_on_floats_usd": one.loss_on_floats_usd,
        "float_error": one.relative_error,
        "operations": one.operations,
        "values_compared": one.values_compared,
        "differences": one.differences,
        "state_sha256": one.state_sha256,
    }
