"""Many runs: a scenario on paths drawn around its levels, and on books of borrowers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from sim.engines.compiled import check_compilable
from sim.files.lock import locked
from sim.front.asked import asked
from sim.front.folders import folder_for, goes_with
from sim.front.shown import as_html, as_text, bar, needs
from sim.market.draws import Sampler
from sim.market.paths import draw
from sim.report import given
from sim.report.text import usd
from sim.scenario import Scenario
from sim.sweeps import losses
from sim.sweeps.fan import fan
from sim.sweeps.kept import keep
from sim.sweeps.opening import opening
from sim.sweeps.pools import THREADS, pool
from sim.sweeps.reserves import by_asset
from sim.sweeps.run import run
from sim.sweeps.study import Study, begin, load
from sim.sweeps.verify import Verification, verify
from sim.sweeps.work import compile_step, world_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Sweep:
    """What many paths came to: a folder of results, and frames of them."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.scenario: Scenario = study.plan.scenario

    @property
    def folder(self) -> Path:
        """Where it is kept; a temporary one unless `sweep` was told another."""
        return self.study.folder

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """A row per path: what it came to, columns of `sim.sweeps.columns`."""
        return self.study.outcomes()

    @cached_property
    def losses(self) -> pd.DataFrame:
        """Chance, mean, VaR, ES and peak of the loss with 95% intervals, as
        `sim.sweeps.losses.loss_table`.
        """
        plan = self.study.plan
        return losses.loss_table(self.outcomes, plan.sampler, plan.scenario.step_seconds)

    @cached_property
    def borne_by(self) -> pd.DataFrame:
        """The mean loss by who bears it, with intervals."""
        return losses.borne_by(self.outcomes, self.study.plan.sampler)

    @cached_property
    def by_asset(self) -> pd.DataFrame:
        """Losses by the asset that is owed, as `sim.sweeps.reserves.by_asset`."""
        return by_asset(self.outcomes, self.study.plan.sampler)

    def worst(self, count: int = 3) -> pd.DataFrame:
        """The rows of `outcomes` that lose most, the worst first."""
        return self.outcomes.loc[losses.worst_paths(self.outcomes, count)]

    def verify(
        self, count: int = 3, engine: Literal["exact", "revm", "devnet"] = "revm"
    ) -> pd.DataFrame:
        """The worst paths again, exactly and on an engine of `sim.run`: rows by path with the loss
        exactly and on floats in USD, float_error (a share), operations and values compared with the
        contracts, how many of these differ, and the state's SHA-256.
        """
        rows = [self._verified(path, engine) for path in self.worst(count).index]
        return pd.DataFrame([_row(one) for one in rows]).set_index("path")

    def _verified(self, path: int, engine: str) -> Verification:
        plan = self.study.plan
        world = world_of(self.scenario.model_dump_json(), plan.seed_of_path(path))
        with bar(f"path {path:,}", self.scenario.steps) as advance:
            return verify(world, plan.sampler, path, engine, lambda k, *_: advance(min(k, 1)))

    def plot(self) -> Figure:
        """How likely which loss is."""
        with needs("notebook"):
            from sim.report.sweep_figure import loss_figure

        plan, lost = self.study.plan, losses.loss_usd(self.outcomes)
        own = losses.book_of(self.outcomes)
        title = f"{self.scenario.title}\n{plan.paths:,} paths"
        return loss_figure(lost, self.losses, title, own, given.of_plan(plan))

    def report(self, path: str | Path) -> Path:
        """Write the page of this sweep as one HTML file."""
        from sim.report.page.pages import page_of
        from sim.report.page.render import write_page
        from sim.report.page.source import open_source

        write_page(page_of([open_source(self.folder)]), Path(path))
        return Path(path)

    def _figures(self) -> dict[str, str]:
        rows, found = self.losses, {}
        ends = zip(rows.index, rows["value"], rows["low"], rows["high"], strict=True)
        for name, value, low, high in ends:
            if name not in ("expected loss", "VaR 95%", "ES 99%", "expected peak loss"):
                continue
            most = usd(high) if high < float("inf") else "unbounded"
            found[name] = f"{usd(value)} ({usd(low)} to {most})"
        return found

    def __repr__(self) -> str:
        return as_text(self.scenario.title, self._figures(), given.of_plan(self.study.plan))

    def _repr_html_(self) -> str:
        return as_html(self.scenario.title, self._figures(), given.of_plan(self.study.plan))


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
    `StudyError` for a folder that holds something else, `LockedError` for one in use.
    """
    one = asked(
        scenario,
        accounts=accounts,
        seed=seed,
        hold_at_low=hold_at_low,
        overrides=overrides,
        redraw_book=redraw_book,
    ).scenario
    with folder_for(folder) as place, locked(place, f"a sweep of {one.name}"):
        root = one.seed if book_seed is None else book_seed
        world = world_of(one.model_dump_json(), root)
        check_compilable(world)
        draw(one, sampler or "mc", 0, 1)
        study = begin(place, one, sampler, paths, None, books, root, resume)
        opened = opening(world)
        if any(study.missing()):
            compile_step(one)
            _fill(study, workers)
        study.finish()
        (worst,) = losses.worst_paths(study.outcomes(), 1)
        keep(study, opened, fan(study.plan, worst))
    found = Sweep(study)
    if folder is None:
        goes_with(found, place)
    return found


def opened(folder: Path) -> Sweep:
    """The sweep in a folder. Raises `StudyError`."""
    return Sweep(load(folder))


def _fill(study: Study, workers: int | None) -> None:
    """Run what the study lacks."""
    missing = sum(block.size for block in study.missing())
    with pool(THREADS, workers) as submit:
        study.start()
        with bar(f"{study.plan.paths:,} paths", missing) as advance:
            for block in run(study, submit):
                advance(block.size)


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
