"""Make one HTML page of what was run: ape run report out/black-thursday"""

import sys
from pathlib import Path

import click

from scripts._console import console
from scripts._folder import prepared

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="Make one HTML page of a run, a sweep or a study.")
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="RESULT")
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="A B",
    help="Put two of a kind side by side instead: what was set differently, tables next to each "
    "other, curves over each other; of sweeps of the same paths also the paired difference.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: report.html beside what it is about; of two, comparison.html here]",
)
def cli(source: Path | None, compare: tuple[Path, Path] | None, out: Path | None) -> None:
    """Make one HTML page of RESULT: the folder that `ape run crash`, `ape run sweep`,
    `ape run tune` or `ape run suite` wrote, or a tape (*.duckdb) by itself.

    The page is one file of about 2 MB for any browser. It needs no network and prints well: charts
    are part of it, each with the numbers it shows in a table below it.

    \b
    A crash   what was lost and who paid; the cascade with a slider through time;
              how it compares with what was published; the largest accounts
    A sweep   how likely which loss is, with intervals; loss exceedance; the
              worst paths; the fan of the price paths
    A study   what to change, now and in the end; every measure now and as
              proposed, with intervals; the Pareto front; sensitivity; caps;
              closed-form rules
    A suite   what every scenario comes to, a row each, and what to know of it
    All       liquidations and bad debt by price drop, slippage and bonus, rates
              by usage; seed, versions, hashes, commands for the same numbers

    The page is made of the folder alone, wherever that was copied to. Nothing is run again. Of a
    sweep that was stopped or still runs the paths that are there are summed up, and how many of how
    many is said; an unfinished run or study is refused with the command that finishes it. The
    numbers of a chart, and those of tables as <data value="...">, are in the page for programs too.

    \b
    Examples:
      ape run report out/black-thursday
      ape run report out/sweep-black-thursday --out report.html
      ape run report out/sweep-black-thursday/paths/727.duckdb --out path-727.html
      ape run report out/tune-current-market
      ape run report --compare out/black-thursday out/target-health
      ape run report --compare out/sweep-a out/sweep-b --out sweeps.html

    \b
    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    if (source is None) == (compare is None):
        raise click.UsageError("name what to report on, or --compare A B")
    if out and out.suffix not in (".html", ".htm"):
        raise click.BadParameter(f"{out}: the page is HTML; name a .html", param_hint="'--out'")
    from sim.terminal.interrupts import interruptible
    from sim.terminal.publish import publish, publish_comparison

    if out:
        prepared(out.parent)
    with interruptible():
        if compare:
            sys.exit(publish_comparison(*compare, out, console()))
        assert source is not None
        sys.exit(publish(source, out, console()))
