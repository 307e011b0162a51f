"""How far a search is: trials done, the best values so far, and how much longer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sim.report.text import short, short_usd
from sim.tuning.objectives import measures
from sim.tuning.preset import Setup
from sim.tuning.result import Trial


class TuneProgress:
    """A bar that lives as long as its block; without a terminal, a line from time to time."""

    _EVERY_SECONDS = 30

    def __init__(self, setup: Setup, done: Sequence[Trial], trials: int, console: Console) -> None:
        self._objectives = setup.preset.tuning.objectives
        self._trials = list(done)
        self._before, self._wanted = len(done), trials
        self._console = console
        self._progress = Progress(
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} trials"),
            BarColumn(bar_width=12),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[best]}"),
            console=console,
            refresh_per_second=5,
            speed_estimate_period=300,
            disable=not console.is_terminal,
        )
        best = self._best()
        self._task = self._progress.add_task("", total=trials, completed=len(done), best=best)
        self._begin = self._said = time.monotonic()

    def __enter__(self) -> TuneProgress:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def add(self, trial: Trial) -> None:
        """One more trial is told."""
        self._trials.append(trial)
        self._progress.update(self._task, advance=1, best=self._best())
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said > self._EVERY_SECONDS:
            self._said = now
            new = len(self._trials) - self._before
            left = (self._wanted - len(self._trials)) * (now - self._begin) / new
            self._console.print(
                f"{len(self._trials):,} of {self._wanted:,} trials, {self._best()}, "
                f"about {left:,.0f} s left",
                soft_wrap=True,
            )

    def summary(self) -> str:
        """What was done, in a line."""
        seconds = time.monotonic() - self._begin
        states = [trial.state for trial in self._trials]
        return (
            f"{len(self._trials) - self._before:,} trials in {seconds:,.0f} s; of all "
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
