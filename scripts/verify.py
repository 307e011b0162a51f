"""Run the worst paths of a sweep on the real contracts: ape run verify out/sweep-black-thursday"""

import sys
from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._engine import engine_option

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="Run the worst paths of a sweep on the real contracts.")
@click.argument("sweep", type=click.Path(path_type=Path))
@click.option(
    "--worst",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many of the paths that lost most.",
)
@click.option(
    "--path",
    "paths",
    type=click.IntRange(0),
    multiple=True,
    help="A path by its number instead. Can be given many times.",
)
@engine_option("devnet", "revm")
def cli(sweep: Path, worst: int, paths: tuple[int, ...], engine: str) -> None:
    """Run paths of SWEEP, the folder of a sweep, on the real contracts: every operation executed,
    every word of state compared with the exact twin after every step.

    Says as well what rounding did to the sweep: by how much its losses differ from the exact ones,
    and whether anyone was liquidated that would not have been. Writes verify.json and a tape of
    each path, paths/<path>.duckdb, into SWEEP.

    \b
    Examples:
      ape run verify out/sweep-black-thursday
      ape run verify out/sweep-black-thursday --worst 10 --engine revm
      ape run verify out/sweep-black-thursday --path 17 --path 1911

    \b
    Exit codes: 0 no difference, 1 a difference or failure, 2 wrong usage, 130 interrupted.
    """
    from sim.terminal.verify_command import verify_sweep

    with ending():
        sys.exit(verify_sweep(sweep, worst, paths, engine, console()))
