"""Which parameters should the protocol have: ape run tune current-market --trials 200"""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from scripts._console import console
from scripts._ending import ending
from scripts._engine import engine_option
from scripts._folder import prepared
from scripts._scenario import book_columns, market_options
from scripts._workers import checked, worker_options

# ape imports every script for every command, even for --help: what is slow to import waits.


def list_presets(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    """Print the known presets and leave."""
    if not wanted:
        return
    from sim.tuning.preset import known, load

    for name in known():
        click.echo(f"{name:24}{load(name).title}")
    ctx.exit()


class Storage(click.ParamType):
    """sqlite, journal, or the URL of a database."""

    name = "sqlite|journal|URL"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in ("sqlite", "journal") and not re.match(r"[a-z0-9+]+://", value):
            self.fail(f"{value!r} is neither sqlite nor journal nor a URL", param, ctx)
        return value


@click.command(short_help="Search for better parameters, and recommend some.")
@click.argument("preset")
@click.option("--trials", type=click.IntRange(2), default=200, show_default=True,
    help="Settings to try, those of before with --resume included.")  # fmt: skip
@click.option("--paths", type=click.IntRange(16, 1_000_000), default=500, show_default=True,
    help="Price paths of every scenario, the same ones for every setting.")  # fmt: skip
@click.option("--books", type=click.IntRange(1),
    help="Books of borrowers that these paths are shared among; with 1, figures are of that book "
    "alone.  [default: a tenth of the paths, 200 at most]")  # fmt: skip
@market_options("scenarios'")
@click.option(
    "--storage",
    type=Storage(),
    default="sqlite",
    show_default=True,
    help="Where trials are kept: a SQLite or journal file in the folder, or a database that "
    "several machines share, like postgresql://user@host/name.",
)
@worker_options("paths")
@click.option("--resume", is_flag=True, help="Go on with the study in the folder, or join others'.")
@click.option(
    "--sensitivity",
    type=click.IntRange(0),
    default=32,
    show_default=True,
    help="Base points of the Sobol indices, best a power of two; 0: leave them out.",
)
@click.option(
    "--confirm",
    type=click.IntRange(0),
    default=0,
    is_flag=False,
    flag_value=1,
    metavar="[N]",
    help="Run the N worst paths of the recommended setting on the real contracts.  [default: 1]",
)
@engine_option("devnet", "revm", before="For --confirm. ")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the study.  [default: out/tune-<preset>]",
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_presets,
    help="Show the known presets and exit.",
)
def cli(
    preset: str,
    trials: int,
    paths: int,
    books: int | None,
    seed: int | None,
    accounts: int | None,
    overrides: tuple[tuple[str, Any], ...],
    columns: dict[str, str] | None,
    storage: str,
    scheduler: str,
    workers: int | None,
    resume: bool,
    sensitivity: int,
    confirm: int,
    engine: str,
    out: Path | None,
) -> None:
    """Search the parameters that PRESET names, a known one or the path of a YAML file, for settings
    that give more for the same risk, and recommend some.

    Every setting is judged on the same price paths and books of borrowers of every scenario of the
    preset. No setting is tried that the contracts would refuse. Ends with the front (settings that
    no other beats in everything); the safest, the most efficient, the knee and an improvement with
    paired 95% intervals against the current setting, on paths and books that the search has not
    seen; the next step within the bounds of a proposal; what each parameter contributes; the
    largest caps within a budget; and rules of practice to compare with.

    Writes result.json, tuning.json and study.db, and for `ape run report` current.duckdb and
    recommended.duckdb. Ctrl-C or a kill loses nothing but unfinished trials: the same command with
    --resume goes on, and the trials are those of an uninterrupted run. With more --trials it goes
    further. Machines that share a --storage have a folder each.

    \b
    Examples:
      ape run tune current-market
      ape run tune current-market --trials 200 --paths 500 --confirm
      ape run tune current-market --trials 400 --resume
      ape run tune conservative --set book.total_debt_usd=1.0e+9 --out out/small
      ape run tune my-preset.yaml --storage postgresql://user@host/tuning --resume
      ape run tune current-market --scheduler tcp://10.0.0.1:8786

    \b
    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    on = checked(scheduler, workers)
    from sim.front.studies import Wanted
    from sim.terminal.tune_command import Confirm, tune
    from sim.tuning.preset import load

    with ending():
        asked = load(preset)
        folder = prepared(out or Path("out") / f"tune-{asked.name}")
        wanted = Wanted(
            trials=trials,
            paths=paths,
            books=books,
            seed=seed,
            accounts=accounts,
            overrides={**book_columns(columns), **dict(overrides)},
            storage=storage,
            sensitivity=sensitivity,
            resume=resume,
            command=_command(preset),
        )
        on_contracts = Confirm(confirm, engine) if confirm else None
        sys.exit(tune(asked, wanted, on, on_contracts, folder, console()))


def _command(preset: str) -> str:
    """What was typed, for the record; a password in a URL is left out."""
    if "tune" not in sys.argv:
        return f"ape run tune {preset}"
    typed = shlex.join(["ape", "run", *sys.argv[sys.argv.index("tune") :]])
    return re.sub(r"://([^:/@\s]+):[^@\s]+@", r"://\1@", typed)
