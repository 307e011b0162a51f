"""Play scenarios with their mechanism and without: ape run contrast"""

from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._folder import prepared

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="What a mechanism lowers, and what that costs.")
@click.argument("names", metavar="[SCENARIO]...", nargs=-1)
@click.option(
    "--books",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Books of borrowers that each is played on, with and without; the scenario's own first.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the comparison as Markdown to this file.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file that --out names.")
def cli(names: tuple[str, ...], books: int, out: Path | None, overwrite: bool) -> None:
    """Play each SCENARIO, a known name or the path of a YAML file, with the mechanism that it is
    there to show and without, on the same books, and say what that lowers and what it costs.
    Without a name: all scenarios that come with one, some minutes.

    The file of a scenario says what to set to be without it, and which measures to look at:

    \b
      contrast:
        without: {protocol.liquidation.delay_seconds: 0}
        lowers: [liquidations]
        costs: [loss_usd]

    Differences are of each book, with less without; their mean stands with its 95% interval.

    \b
    Examples:
      ape run contrast
      ape run contrast mine/called.yaml --books 50 --out called.md

    \b
    Exit codes: 0 done, 1 refused, 2 wrong usage, 130 interrupted.
    """
    if out and out.exists() and not overwrite:
        raise click.BadParameter(f"{out} is there; --overwrite replaces it", param_hint="'--out'")
    from sim.front.contrasts import shown_by
    from sim.scenario import known, load
    from sim.terminal.contrast_command import contrasts
    from sim.terminal.interrupts import interruptible

    if out:
        prepared(out.parent)
    with ending():
        scenarios = [load(name) for name in names or known()]
        if not names:
            scenarios = [one for one in scenarios if one.contrast]
        for one in scenarios:
            shown_by(one)
        with interruptible():
            contrasts(scenarios, books, out, console())
