"""Where work runs. The underscore tells ape that this is no command."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # slow to import, and ape imports every script for every command
    from sim.terminal.workers import Workers

_HERE = ("threads", "local")


class Scheduler(click.ParamType):
    """threads, local, or the address of a dask scheduler."""

    name = "threads|local|tcp://HOST:PORT"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in _HERE and not re.fullmatch(r"(tcp|tls)://.+:\d+", value):
            self.fail(f"{value!r} is neither threads nor local nor tcp://HOST:PORT", param, ctx)
        return value


def worker_options(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --scheduler and --workers, of `what` runs there; for `checked`."""
    scheduler = click.option(
        "--scheduler",
        type=Scheduler(),
        default="threads",
        show_default=True,
        help=f"Where {what} run: threads of this process, local processes, or the workers of a "
        "dask scheduler, which need the same checkout.",
    )
    workers = click.option(
        "--workers",
        "--threads",
        "workers",
        type=click.IntRange(1),
        help="Number of threads or local processes.  [default: one per processor]",
    )
    return lambda command: scheduler(workers(command))


def checked(scheduler: str, workers: int | None) -> Workers:
    """What the options say."""
    from sim.terminal.workers import Workers

    if workers and scheduler not in _HERE:
        raise click.BadParameter(
            f"{scheduler} has workers of its own; leave it out", param_hint="'--workers'"
        )
    return Workers(scheduler, workers)
