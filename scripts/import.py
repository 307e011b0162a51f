"""See how a file is read before anything runs: ape run import prices FILE"""

from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._zone import zone_option

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.group(short_help="See how a file is read, without running anything.")
def cli() -> None:
    """See how a file is read, without running anything."""


@cli.command(short_help="Recorded prices: how they are read, and a picture.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--column", help="The column of prices to read, if the file has several.")
@zone_option
@click.option(
    "--max-gap-seconds",
    type=click.IntRange(min=1),
    help="The longest time between two rows.  [default: one and a half times the median; 25 hours "
    "for the rounds of a feed]",
)
@click.option(
    "--decimals",
    type=click.IntRange(min=0, max=36),
    help="The price is the number in the file / 10^DECIMALS.  [default: as written; whole answers "
    "of a feed's rounds by their size as of 8 or 18]",
)
def prices(
    file: Path,
    column: str | None,
    zone: str | None,
    max_gap_seconds: int | None,
    decimals: int | None,
) -> None:
    """Show how FILE is read as recorded prices: in one line the columns, how times are written,
    rows, span and what was left out; a picture; and how a scenario names it. What cannot be right
    is refused with its line, its column and what to do.

    \b
    CSV      separated by commas, semicolons, tabs or bars; decimal points or commas; thousands
             separators in quotes; newest first or last; with a header, or as exchanges give
             candles: time, open, high, low, close...
    JSON     [[time, price], ...], {"prices": [[time, price], ...]} or a list of objects
    times    ISO 8601, 02/04/2025 and the like, or seconds, ms, us or ns since 1970
    prices   one, a column per asset, candles, or the rounds of a feed (answer, updatedAt)

    \b
    Examples:
      ape run import prices ETHUSDT-1h.csv
      ape run import prices closes.csv --column WBTC
      ape run import prices export.csv --zone Europe/Berlin --max-gap-seconds 7200

    \b
    Exit codes: 0 read, 1 refused, 2 wrong usage.
    """
    from sim.terminal.price_files import show

    with ending():
        show(file, column, zone, max_gap_seconds, decimals, console())
