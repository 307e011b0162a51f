"""Make one HTML page of what was run: ape run report out/black-thursday"""

import sys
from pathlib import Path

import click

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="Make one HTML page of a run, a sweep or a study.")
@click.argument("source", required=False, type=click.Path(path_type=Path), metavar="STUDY_OR_TAPE")
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(path_type=Path),
    metavar="A B",
    help="Put two of a kind side by side instead: what was set differently, tables next to each "
    "other, curves over each other.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: report.html beside what it is about; comparison.html beside B]",
)
def cli(source: Path | None, compare: tuple[Path, Path] | None, out: Path | None) -> None:
    """Make one HTML page of STUDY_OR_TAPE: the folder that `ape run crash`, `ape run sweep` or
    `ape run tune` wrote, or a tape (*.duckdb) by itself.

    The page needs no network and prints well: charts are part of it, each with the numbers it shows
    in a table below it. A crash shows what was lost and who paid, the cascade with a slider through
    time, liquidations and bad debt by price drop, slippage, rates and the largest accounts; a sweep
    how likely which loss is, with intervals, and the fan of the price paths; a tuning study what to
    change, what that changes, the Pareto front and what drives the risk. All say where their
    numbers come from and how to get them again.

    \b
    Examples:
      ape run report out/black-thursday
      ape run report out/sweep-black-thursday --out report.html
      ape run report out/sweep-black-thursday/paths/727.duckdb --out path-727.html
      ape run report out/tune-current-market
      ape run report --compare out/black-thursday out/target-health

    \b
    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    if (source is None) == (compare is None):
        raise click.UsageError("name what to report on, or --compare A B")
    from rich.console import Console

    from scripts._folder import prepared
    from sim.report.interrupts import interruptible
    from sim.report.publish import publish, publish_comparison

    if out:
        prepared(out.parent)
    console = Console(highlight=False)
    with interruptible():
        if compare:
            sys.exit(publish_comparison(*compare, out, console))
        assert source is not None
        sys.exit(publish(source, out, console))
