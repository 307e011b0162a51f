"""Play a scenario on a local devnet and see what it costs: ape run crash black-thursday"""

import sys
from pathlib import Path

import click

from scripts._console import console
from scripts._ending import ending
from scripts._engine import engine_option
from scripts._folder import prepared
from scripts._scenario import Changes, book_seed_option, scenario_options

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(short_help="Play a scenario: what is lost, and who pays.")
@engine_option("devnet", "revm", "exact")
@scenario_options
@book_seed_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for tape and figures.  [default: out/<scenario>]",
)
@click.option("--parquet", is_flag=True, help="Write the tables as Parquet too.")
@click.option("--overwrite", is_flag=True, help="Replace the run that is in the folder.")
@click.option(
    "--books",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="What was published of an event is held against so many books: the run's own and others "
    "drawn alike, on the twin, two seconds each. The run itself is of one book.",
)
@click.option(
    "--keep",
    is_flag=True,
    help="Leave the devnet after the run to `ape console` and to programs of yours, until Ctrl-C. "
    "Where everything is, is printed, and in devnet.json in the folder as long.",
)
@click.option(
    "--at",
    metavar="STEP|TIME",
    help="With --keep: stop the scenario after this step, a number or a time within the run (UTC).",
)
def cli(
    scenario: str,
    engine: str,
    changes: Changes,
    book_seed: int | None,
    out: Path | None,
    parquet: bool,
    overwrite: bool,
    books: int,
    keep: bool,
    at: str | None,
) -> None:
    """Play SCENARIO, a known name or the path of a YAML file, and say what was lost and who paid.

    Writes tape.duckdb (everything that happened), crash.svg and crash.png. Ctrl-C stops the run and
    writes what was done until then. A run that is in the folder already is replaced only with
    --overwrite.

    \b
    Examples:
      ape run crash black-thursday
      ape run crash black-thursday --engine exact --accounts 1000 --seed 7
      ape run crash black-thursday --set protocol.liquidation.delay_seconds=3600 --out out/late
      ape run crash black-thursday --set protocol.liquidation.engine=target-health --overwrite
      ape run crash black-thursday --set protocol.insurance.capital_usd.DAI=0
      ape run crash black-thursday --set protocol.reserves.WETH.lt_bps=7500 --redraw-book
      ape run crash black-thursday --set 'liquidators[2].capacity_usd_per_hour=600000'
      ape run crash black-thursday --hold-at-low --out out/held
      ape run crash mine/depeg.yaml --out out/depeg --parquet
      ape run crash mine/market.yaml --columns account=user_address,asset=symbol
      ape run crash black-thursday --keep --at 2020-03-12T11:25 --out out/kept

    \b
    A devnet that stays (--keep), here after a step in the middle of a crash: every
    contract with its address, every account with its positions and health in
    devnet.json, with ABIs. In another shell, with the address that is printed:
      APE_FOUNDRY_HOST=http://127.0.0.1:PORT ape console --network ethereum:local:foundry
    Time stands still there, transactions are mined at once, and any address may
    send them unsigned: see docs/devnet.md. Ctrl-C ends command and devnet.

    \b
    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    if at is not None and not keep:
        raise click.UsageError("--at says where the devnet stays: add --keep")
    if keep and engine != "devnet":
        raise click.BadParameter(
            f"the {engine} engine has no devnet that could stay; leave out --engine {engine}",
            param_hint="'--keep'",
        )
    from sim.terminal.at_step import step_of
    from sim.terminal.crash_command import crash

    with ending():
        played = changes.of(scenario)
        try:
            last = step_of(played, at) if at is not None else None
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="'--at'") from error
        folder = prepared(out or Path("out") / played.name)
        asked = (parquet, overwrite, books, keep, last, book_seed)
        sys.exit(crash(played, engine, folder, console(), *asked))
