"""Play one book pooled, in segments and isolated: ape run segments"""

from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._folder import prepared

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="One book pooled, in vaults of its own, and isolated.")
@click.argument("name", metavar="SCENARIO")
@click.option(
    "--books",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Books of borrowers that each layout is played on; the scenario's own first.",
)
@click.option(
    "--fall",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.3,
    show_default=True,
    help="By how much more the collateral of a vault falls, to see what others lose by it.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write both tables as CSV into this folder.",
)
def cli(name: str, books: int, fall: float, out: Path | None) -> None:
    """Play the SCENARIO, a known name or the path of a YAML file with several vaults
    (protocol.vaults), on the same books and paths in three layouts: all accounts in one vault, in
    the vaults of their collateral, and as one isolated account per collateral and debt. Says what
    each loses, liquidates and could borrow, and on which share of the books cross margin came to
    more; then, a vault at a time, what the others lose when its collateral falls further.

    Book j is played on path j of the scenario's paths, or on the named one if it has none, exactly.

    \b
    Examples:
      ape run segments alt-segments
      ape run segments mine/vaults.yaml --books 50 --fall 0.5 --out segments

    \b
    Exit codes: 0 done, 1 refused, 2 wrong usage, 130 interrupted.
    """
    from sim.scenario import load
    from sim.terminal.interrupts import interruptible
    from sim.terminal.segments_command import segments

    if out:
        prepared(out)
    with ending(), interruptible():
        segments(load(name), books, fall, out, console())
