"""Play a scenario on a local devnet and see what it costs: ape run crash black-thursday"""

import sys
from pathlib import Path
from typing import Any

import click
import yaml

from scripts._folder import prepared

# ape imports every script for every command, even for --help: what is slow to import waits.


class Override(click.ParamType):
    """PATH=VALUE with the value in YAML."""

    name = "PATH=VALUE"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        path, equals, text = value.partition("=")
        if not equals:
            self.fail(f"{value!r} has no '=', write for example seed=7", param, ctx)
        try:
            return path.strip(), yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:  # ValueError: the 31st of February
            self.fail(f"the value of {path} is not YAML: {error}", param, ctx)


def list_scenarios(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    """Print the known scenarios and leave."""
    if not wanted:
        return
    from sim.scenario import known, load

    for name in known():
        click.echo(f"{name:24}{load(name).title}")
    ctx.exit()


@click.command(short_help="Play a scenario: what is lost, and who pays.")
@click.argument("scenario")
@click.option(
    "--engine",
    type=click.Choice(["devnet", "revm", "exact"]),
    default="devnet",
    show_default=True,
    help="devnet: every operation as a transaction on an anvil of its own, compared with the twin "
    "after every step. revm: the same in an EVM inside this process. exact: the twin alone.",
)
@click.option("--seed", type=int, help="Root of all randomness instead of the scenario's.")
@click.option("--accounts", type=int, help="Number of borrowers instead of the scenario's.")
@click.option(
    "--set",
    "overrides",
    type=Override(),
    multiple=True,
    help="Replace any field of the scenario; the value is YAML. Can be given many times.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for tape and figures.  [default: out/<scenario>]",
)
@click.option("--parquet", is_flag=True, help="Write the tables as Parquet too.")
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=list_scenarios,
    help="Show the known scenarios and exit.",
)
def cli(
    scenario: str,
    engine: str,
    seed: int | None,
    accounts: int | None,
    overrides: tuple[tuple[str, Any], ...],
    out: Path | None,
    parquet: bool,
) -> None:
    """Play SCENARIO, a known name or the path of a YAML file, and say what was lost and who paid.

    Writes tape.duckdb (everything that happened), crash.svg and crash.png. Ctrl-C stops the run and
    writes what was done until then.

    \b
    Examples:
      ape run crash black-thursday
      ape run crash black-thursday --engine exact --accounts 1000 --seed 7
      ape run crash black-thursday --set protocol.liquidation.delay_seconds=3600
      ape run crash black-thursday --set protocol.liquidation.engine=target-health
      ape run crash black-thursday --set protocol.insurance.capital_usd.DAI=0
      ape run crash black-thursday --set 'liquidators[2].capacity_usd_per_step=50000'
      ape run crash mine/depeg.yaml --out out/depeg --parquet

    \b
    Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.
    """
    from rich.console import Console

    from sim.report.crash import INTERRUPTED, crash
    from sim.scenario import ScenarioError, load, with_overrides

    shortcuts = {"seed": seed, "book.accounts": accounts}
    given = {path: value for path, value in shortcuts.items() if value is not None}
    try:
        chosen = with_overrides(load(scenario), {**given, **dict(overrides)})
        folder = prepared(out or Path("out") / chosen.name)
        sys.exit(crash(chosen, engine, folder, Console(highlight=False), parquet))
    except ScenarioError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
