"""Deploy the protocol to a network: ape run deploy --network ethereum:local:foundry"""

from pathlib import Path

import click
from ape.cli import ConnectedProviderCommand, account_option, network_option

from scripts._ending import ending
from scripts._folder import prepared

# ape imports every script for every command, even for --help: what is slow to import waits.


@click.command(cls=ConnectedProviderCommand, short_help="Deploy the protocol to a network.")
@network_option()
@account_option(prompt=None)
@click.option(
    "--preset",
    default="black-thursday",
    show_default=True,
    help="Scenario, a known name or a path, whose assets, parameters and start prices to deploy.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("out/deployments"),
    show_default=True,
    help="Folder for the list of addresses, <network>-<time>.json.",
)
def cli(provider, account, preset: str, out: Path) -> None:
    """Deploy the whole protocol, empty and with start prices posted, and list the addresses.

    The account pays and becomes admin of everything; on a local network it is test account 0 unless
    another is named.

    \b
    A node that ape starts ends with the command. To keep one, start it first:
      .venv/bin/anvil --hardfork cancun &
      APE_FOUNDRY_HOST=http://127.0.0.1:8545 ape run deploy
    """
    from ape import accounts, project
    from ape.logging import LogLevel, logger
    from rich.console import Console

    from sim.engines.ape_deployer import ApeDeployer, deploy_world, save
    from sim.engines.deployment import listing
    from sim.scenario import load
    from sim.terminal.deployed import address_table, console_lines
    from sim.terminal.tables import printed
    from sim.world import build

    if account is None and not provider.network.is_dev:
        raise click.UsageError("name the account that deploys: --account ALIAS")
    with ending():
        world = build(load(preset))
        folder = prepared(out)
    with logger.at_level(LogLevel.WARNING):  # ape would announce each contract
        by = ApeDeployer(account or accounts.test_accounts[0], project)
        deployed = listing(deploy_world(by, world), world.genesis, world.symbols)
    path = save(deployed, world, provider.network_choice, provider.chain_id, folder)
    console = Console(highlight=False, soft_wrap=True)
    console.print(printed(address_table(deployed)))
    console.print(f"\nWritten to {path}. To go on in `ape console`, on the same node:")
    for line in console_lines(deployed, world):
        console.print(f"  {line}", markup=False)
