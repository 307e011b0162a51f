"""Hold the library's events against what was published of them: ape run library"""

import sys
from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._folder import prepared

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="Hold the library's events against what was published of them.")
@click.argument("names", metavar="[SCENARIO]...", nargs=-1)
@click.option(
    "--books",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Books of borrowers an event is run on, the scenario's own the first.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the comparison as Markdown to this file.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file that --out names.")
def cli(names: tuple[str, ...], books: int, out: Path | None, overwrite: bool) -> None:
    """Run each SCENARIO, a known name or the path of a YAML file, over several books and hold the
    median against what was published of the event. Without a name: all events of the library, some
    minutes.

    A verdict is of the median over the books: inside what was published (or within half a percent),
    near (a tenth), or off. Prices, gas and answers that the scenario was given are listed as
    inputs. A * marks figures that sizes of the scenario were chosen with in view.

    \b
    Examples:
      ape run library
      ape run library may-2021 crv-squeeze --books 50
      ape run library --out library.md

    \b
    Exit codes: 0 done, 1 refused, 2 wrong usage, 130 interrupted.
    """
    if out and out.exists() and not overwrite:
        raise click.BadParameter(f"{out} is there; --overwrite replaces it", param_hint="'--out'")
    from sim.scenario import known, load
    from sim.terminal.interrupts import interruptible
    from sim.terminal.library_command import library

    if out:
        prepared(out.parent)
    with ending():
        scenarios = [load(name) for name in names or known()]
        events = sorted((one for one in scenarios if one.expected), key=lambda one: one.start)
        for name in {one.name for one in scenarios} - {one.name for one in events} if names else ():
            click.echo(f"{name}: nothing was published of it (expected:)", err=True)
        if not events:
            sys.exit(1)
        with interruptible():
            library(events, books, out, console())
