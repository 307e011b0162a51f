"""How far a run is: a bar with the simulated time and what has happened by then."""

from __future__ import annotations

from datetime import datetime, timezone
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from sim.protocol.units import USD
from sim.report.text import short_usd
from sim.world import World


class RunProgress:
    """A bar that lives as long as its block; all of it fits 80 columns."""

    def __init__(self, world: World, console: Console) -> None:
        self._world = world
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=8),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            console=console,
            refresh_per_second=5,
        )
        steps = world.scenario.steps
        self._task = self._progress.add_task("deploying", total=steps, rate="")

    def __enter__(self) -> RunProgress:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def opening(self) -> None:
        """The chain is there; the opening of the protocol comes next."""
        self._progress.update(self._task, description="opening positions")

    def advance(self, latest: dict[str, Any]) -> None:
        """Show the latest row of table `steps`."""
        k, market = latest["step"], self._world.market
        native = self._world.scenario.native_asset
        price_usd = market.price[k, market.native[0]] / USD
        time = datetime.fromtimestamp(int(market.time[k]), timezone.utc)
        task = self._progress.tasks[self._task]
        rate = f"{task.speed:.3g}/s" if task.speed else ""
        description = (
            f"{time:%d %b %H:%M} {native} ${price_usd:,.2f}, "
            f"liquidated {short_usd(latest['repaid_usd'])}, "
            f"lost {short_usd(latest['loss_usd'])}"
        )
        self._progress.update(self._task, completed=k, description=description, rate=rate)
