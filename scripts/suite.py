"""Play many scenarios and put them side by side: ape run suite"""

import sys
from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._engine import engine_option
from scripts._folder import prepared
from scripts._scenario import Changes, change_options

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="Play many scenarios: one table, one page.")
@click.argument("named", metavar="[FOLDER|SCENARIO]...", nargs=-1)
@engine_option("exact", "devnet", "revm")
@change_options
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out/suite"),
    show_default=True,
    help="Folder for table, page and runs.",
)
@click.option("--overwrite", is_flag=True, help="Play again what is done already.")
def cli(
    named: tuple[str, ...],
    engine: str,
    changes: Changes,
    out: Path,
    overwrite: bool,
) -> None:
    """Play each SCENARIO, a known name or the path of a YAML file, and every .yaml of each FOLDER
    (not of folders in it); without any, all scenarios of the library, less than a minute on the
    twin. Says of each in a row what was lost, how it cascaded, what to know of it, how many values
    differed on the chain, and how long it took.

    Stopped or killed, the same command goes on with what is not done. Done is what was played with
    the same scenario, files, options, engine and version; all else is played again. A scenario that
    cannot be played is a row with its reason, and does not stop the others. Options that change a
    scenario change all of them.

    \b
    Writes into the folder
      suite.csv      every figure of every scenario
      report.html    one page of all of them; `ape run report FOLDER` makes it again
      suite.json     what was asked, and what became of it
      SCENARIO/      a run each, with its tape: `ape run report FOLDER/SCENARIO`

    \b
    Examples:
      ape run suite
      ape run suite black-thursday may-2021 mine/depeg.yaml
      ape run suite mine --out out/mine
      ape run suite --set protocol.liquidation.engine=target-health --out out/target
      ape run suite single-crash correlated-crash --engine devnet

    \b
    Exit codes: 0 all done, 1 one or more failed, 2 wrong usage, 130 interrupted.
    """
    from sim.terminal.suite_command import members, suite

    with ending():
        found = members(named)
        sys.exit(suite(found, changes.of, engine, prepared(out), console(), overwrite))
