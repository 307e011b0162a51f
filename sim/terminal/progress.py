"""How far a run, a sweep or a search is: bars that live as long as their block, on 80 columns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from typing_extensions import Self

from sim.protocol.units import USD
from sim.report.text import short, short_usd
from sim.tuning.objectives import measures
from sim.tuning.preset import Setup
from sim.tuning.result import Trial
from sim.world import World


class _Bar:
    def __init__(self, console: Console, *columns: ProgressColumn, **more: Any) -> None:
        self._progress = Progress(*columns, console=console, refresh_per_second=5, **more)
        self._begin = time.monotonic()
        self._end: float | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end = time.monotonic()
        self._progress.stop()

    @property
    def seconds(self) -> float:
        """Since the start, or from start to end."""
        return (self._end or time.monotonic()) - self._begin


class RunProgress(_Bar):
    """With the simulated time and what has happened by then."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=8),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        super().__init__(console, *columns)
        steps = world.scenario.steps
        self._task = self._progress.add_task("deploying", total=steps, rate="")

    def opening(self) -> None:
        """The chain is there; the opening of the protocol comes next."""
        self._progress.update(self._task, description="opening positions")

    def advance(self, latest: dict[str, Any]) -> None:
        """Show the latest row of table `steps`."""
        k, market = latest["step"], self._world.market
        native = self._world.scenario.native_asset
        price_usd = market.price[k, market.native[0]] / USD
        at = datetime.fromtimestamp(int(market.time[k]), timezone.utc)
        task = self._progress.tasks[self._task]
        rate = f"{task.speed:.3g}/s" if task.speed else ""
        description = (
            f"{at:%d %b %H:%M} {native} ${price_usd:,.2f}, "
            f"liquidated {short_usd(latest['repaid_usd'])}, "
            f"lost {short_usd(latest['loss_usd'])}"
        )
        self._progress.update(self._task, completed=k, description=description, rate=rate)


class SweepProgress(_Bar):
    """Paths done, how fast, and how much longer."""

    def __init__(self, done: int, paths: int, account_steps: int, console: Console) -> None:
        """`done` of `paths` are there already; `account_steps` is the work of one path."""
        self._account_steps = account_steps
        columns = (
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} paths"),
            BarColumn(bar_width=12),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
        )
        # Blocks come seldom and in groups.
        super().__init__(console, *columns, speed_estimate_period=120)
        self._task = self._progress.add_task("", total=paths, completed=done, rate="")
        self.paths = 0
        """Run since then."""

    def advance(self, paths: int) -> None:
        """So many more paths are on the disk."""
        self.paths += paths
        self._progress.update(self._task, advance=paths, rate=self.rate())

    def rate(self) -> str:
        """Paths and account-steps per second since the start."""
        per_second = self.paths / self.seconds
        return f"{short(per_second)} paths/s, {short(per_second * self._account_steps)} acc-steps/s"


class TuneProgress(_Bar):
    """Trials done, the best so far, and how much longer; without a terminal a line of it from time
    to time.
    """

    _EVERY_SECONDS = 30

    def __init__(self, setup: Setup, done: Sequence[Trial], trials: int, console: Console) -> None:
        self._objectives = setup.preset.tuning.objectives
        self._trials = list(done)
        self._before, self._wanted = len(done), trials
        self._console = console
        columns = (
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} trials"),
            BarColumn(bar_width=12),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[best]}"),
        )
        quiet = not console.is_terminal
        super().__init__(console, *columns, speed_estimate_period=300, disable=quiet)
        best = self._best()
        self._task = self._progress.add_task("", total=trials, completed=len(done), best=best)
        self._said = time.monotonic()

    def add(self, trial: Trial) -> None:
        """One more trial is told."""
        self._trials.append(trial)
        self._progress.update(self._task, advance=1, best=self._best())
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said > self._EVERY_SECONDS:
            self._said = now
            new = len(self._trials) - self._before
            left = (self._wanted - len(self._trials)) * self.seconds / new
            self._console.print(
                f"{len(self._trials):,} of {self._wanted:,} trials, {self._best()}, "
                f"about {left:,.0f} s left",
                soft_wrap=True,
            )

    def summary(self) -> str:
        """What was done, in a line."""
        states = [trial.state for trial in self._trials]
        return (
            f"{len(self._trials) - self._before:,} trials in {self.seconds:,.0f} s; of all "
            f"{len(states):,}: {states.count('complete'):,} complete, "
            f"{states.count('raced-out'):,} stopped early, "
            f"{states.count('infeasible'):,} infeasible."
        )

    def _best(self) -> str:
        complete = [trial.objectives for trial in self._trials if trial.state == "complete"]
        if not complete:
            return ""
        parts = []
        for name in self._objectives:
            values = [one[name].value for one in complete]
            benefit = measures()[name].side == "benefit"
            best = max(values) if benefit else min(values)
            shown = short_usd(best) if measures()[name].unit == "USD" else short(best)
            parts.append(f"{name} {shown}")
        return "best " + ", ".join(parts)
