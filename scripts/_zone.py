"""The option --zone of commands that read prices. The underscore tells ape: no command."""

from __future__ import annotations

from typing import Any

import click


class _Zone(click.ParamType):
    """The name of a time zone."""

    name = "TEXT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from sim.schema.price_file import known_zone

        try:
            return known_zone(value)
        except ValueError as error:
            self.fail(f"{value}: {error}", param, ctx)


zone_option = click.option(
    "--zone",
    type=_Zone(),
    help="The zone of times that name none, like Europe/Berlin.  [default: UTC]",
)
