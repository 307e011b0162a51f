"""Fit path models to recorded prices: ape run calibrate prices.csv"""

import sys
from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._folder import prepared
from scripts._zone import zone_option

# ape imports every script for every command, even for --help: what is slow to import waits.

_MODELS = ["student-day", "garch-t", "filtered-history", "gbm"]


def _columns(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Asset -> column, from COLUMN or ASSET=COLUMN."""
    found: dict[str, str] = {}
    for text in texts:
        asset, equals, column = text.partition("=")
        if not asset or (equals and not column):
            raise click.BadParameter(f"{text!r}: name a column, or ASSET=COLUMN")
        if asset in found:
            raise click.BadParameter(f"{asset} is named twice")
        found[asset] = column or asset
    return found


@click.command(short_help="Fit path models to recorded prices, and see how well they fit.")
@click.argument("prices", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--column",
    "columns",
    multiple=True,
    callback=_columns,
    metavar="[ASSET=]COLUMN",
    help="A column of the file, and what the scenario calls it; several times for several. "
    "[default: all columns; of candles say ASSET=close]",
)
@click.option(
    "--without",
    multiple=True,
    metavar="COLUMN",
    help="A column to leave out of all that there are, because it has gaps or is of no asset; "
    "several times for several.",
)
@zone_option
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Choice(_MODELS),
    help="What to compare with the data; several times for several.  [default: all of them]",
)
@click.option(
    "--max-gap-seconds",
    type=click.IntRange(min=1),
    help="The longest time between two rows.  [default: one and a half times the median]",
)
@click.option(
    "--years",
    type=click.IntRange(min=20),
    default=400,
    show_default=True,
    help="Simulated years: four times as many halve the errors.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the first model as the `paths:` section of a scenario, in YAML, to this file.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file that --out names.")
def cli(
    prices: Path,
    columns: dict[str, str],
    without: tuple[str, ...],
    zone: str | None,
    models: tuple[str, ...],
    max_gap_seconds: int | None,
    years: int,
    seed: int,
    out: Path | None,
    overwrite: bool,
) -> None:
    """Fit path models to PRICES and print how often they have bad days, beside the data.

    PRICES is a CSV file as scenarios name them: time,WETH,WBTC,... with a column of prices per
    asset, or candles, time,open,high,low,close. Rows are a day apart or less; what is fitted are
    daily returns, from the first row on, 100 or more (three years are few for days beyond 20%).

    \b
    student-day       a variance for each day that all assets share: heavy tails
    garch-t           one that follows the days before: wild weeks, too
    filtered-history  recorded days at such a variance: runs need hourly rows
    gbm               lognormal, for comparison: hardly a day beyond 15%

    For each asset: volatility per square root of a year, degrees of freedom, GARCH parameters. For
    each asset and model: the share of days with a fall beyond 10, 15 and 20%, and the
    autocorrelation of the size of returns, a day apart; for each pair: how often both have their
    worst 5% on the same day. The data's have a 95% interval, a model's the standard error of the
    simulation.

    \b
    Examples:
      ape run calibrate closes.csv
      ape run calibrate closes.csv --column WETH=ETH --column WBTC=BTC
      ape run calibrate closes.csv --without LINK --zone Europe/Berlin
      ape run calibrate eth_1h.csv --column WETH=close --model garch-t
      ape run calibrate closes.csv --model student-day --out paths.yaml

    \b
    Exit codes: 0 done, 1 refused, 2 wrong usage, 130 interrupted.
    """
    if out and out.exists() and not overwrite:
        raise click.BadParameter(f"{out} is there; --overwrite replaces it", param_hint="'--out'")
    if columns and without:
        problem = "leaves out of all columns; --column names those to read"
        raise click.BadParameter(problem, param_hint="'--without'")
    from sim.terminal.calibrate_command import calibrate
    from sim.terminal.interrupts import interruptible

    if out:
        prepared(out.parent)
    with ending(), interruptible():
        plan = (without, zone, max_gap_seconds, years, seed)
        sys.exit(calibrate(prices, columns, models, *plan, out, console()))
