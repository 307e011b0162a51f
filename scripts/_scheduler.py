"""Where work runs. The underscore tells ape that this is no command."""

import re

import click


class Scheduler(click.ParamType):
    """threads, local, or the address of a dask scheduler."""

    name = "threads|local|tcp://HOST:PORT"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in ("threads", "local") and not re.fullmatch(r"(tcp|tls)://.+:\d+", value):
            self.fail(f"{value!r} is neither threads nor local nor tcp://HOST:PORT", param, ctx)
        return value
