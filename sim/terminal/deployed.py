"""A deployment for the terminal: what is where, and what to type next."""

from __future__ import annotations

from sim.engines.deployment import Deployed
from sim.report.page.content import Table
from sim.world import World


def address_table(deployed: list[Deployed]) -> Table:
    """Every contract with its address."""
    rows = [(one.address, one.contract, one.name) for one in deployed]
    return Table("", ["address", "contract", "what"], rows, words=(0, 1, 2), tight=True)


def console_lines(deployed: list[Deployed], world: World) -> list[str]:
    """Three lines for `ape console`: get some tokens, supply them, look at the account."""
    address = {one.name: one.address for one in reversed(deployed)}  # of several, the first
    symbol = next(
        symbol
        for symbol, reserve in world.scenario.protocol.each[0].reserves.items()
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
