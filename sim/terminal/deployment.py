"""A deployment for the terminal: what is where, and what to type next."""

from __future__ import annotations

from rich.table import Table

from sim.engines.ape_deployer import Deployed
from sim.world import World


def address_table(deployed: list[Deployed]) -> Table:
    """Every contract with its address."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("address", no_wrap=True)
    table.add_column("contract", no_wrap=True)
    table.add_column("what", overflow="fold")
    for one in deployed:
        table.add_row(one.address, one.contract, one.name)
    return table


def console_lines(deployed: list[Deployed], world: World) -> list[str]:
    """Three lines for `ape console`: get some tokens, supply them, look at the account."""
    address = {one.name: one.address for one in deployed}
    symbol = next(
        symbol
        for symbol, reserve in world.scenario.protocol.reserves.items()
        if reserve.collateral_enabled
    )
    unit = f"10**{world.scenario.assets[symbol].decimals}"
    return [
        f'me = accounts.test_accounts[0]; vault = project.Vault.at("{address["vault"]}"); '
        f'token = project.TestToken.at("{address[f"{symbol} token"]}")',
        f"token.mint(me, {unit}, sender=me); token.approve(vault, {unit}, sender=me); "
        f"vault.supply(int(me.address, 16) << 8, token, {unit}, sender=me)",
        "vault.health(int(me.address, 16) << 8)",
    ]
