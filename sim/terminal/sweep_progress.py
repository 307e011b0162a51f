"""How far a sweep is: paths done, how fast, and how much longer."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from sim.report.text import short


class SweepProgress:
    """A bar that lives as long as its block; all of it fits 80 columns."""

    def __init__(self, done: int, paths: int, account_steps: int, console: Console) -> None:
        """`done` of `paths` are there already; `account_steps` is the work of one path."""
        self._account_steps = account_steps
        self._progress = Progress(
            TextColumn("{task.completed:,.0f} of {task.total:,.0f} paths"),
            BarColumn(bar_width=12),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(compact=True),
            console=console,
            refresh_per_second=5,
            speed_estimate_period=120,  # blocks come seldom and in groups
        )
        self._task = self._progress.add_task("", total=paths, completed=done, rate="")
        self._begin = time.monotonic()
        self.paths = 0
        """Run since then."""

    def __enter__(self) -> SweepProgress:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.seconds = time.monotonic() - self._begin
        self._progress.stop()

    def advance(self, paths: int) -> None:
        """So many more paths are on the disk."""
        self.paths += paths
        self.seconds = time.monotonic() - self._begin
        self._progress.update(self._task, advance=paths, rate=self.rate())

    def rate(self) -> str:
        """Paths and account-steps per second since the start."""
        per_second = self.paths / self.seconds
        return f"{short(per_second)} paths/s, {short(per_second * self._account_steps)} acc-steps/s"
