"""Where operations run. The underscore tells ape that this is no command."""

from collections.abc import Callable
from typing import Any

import click

_ENGINES = {
    "devnet": "every operation as a transaction on an anvil of its own, compared with the twin "
    "after every step",
    "revm": "the same in an EVM inside this process",
    "exact": "the twin alone",
}


def engine_option(
    *names: str, before: str = ""
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --engine, one of these, by default the first."""
    return click.option(
        "--engine",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help=before + " ".join(f"{name}: {_ENGINES[name]}." for name in _ENGINES if name in names),
    )
