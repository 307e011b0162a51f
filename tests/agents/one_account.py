"""One borrower of DAI against WETH on a flat market without interest, for tests of what he does."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from sim.agents import borrowers
from sim.health import watchers
from sim.protocol import operations as op
from sim.protocol import vault_accounts
from sim.protocol.transaction import entries
from sim.scenario import load, with_overrides
from sim.world import World, build

WETH, WBTC, USDC, DAI = range(4)
DEEP: dict[str, Any] = {
    f"venues[{p}].{name}": value
    for p in range(6)
    for name, value in (("depth_usd_per_side", 1e12), ("fee_bps", 0))
}
FREE: dict[str, Any] = {
    f"protocol.rates.{symbol}.{name}": 0
    for symbol in ("WETH", "WBTC", "USDC", "DAI")
    for name in ("base_rate_bps", "slope1_bps", "slope2_bps")
}


def one(behaviour: dict[str, Any], health: float, debt: float = 1e6, **overrides: Any) -> World:
    """Everyone in the book, one account, behaves like this; `__` stands for the dot of a path."""
    common = {"name": "he", "share": 1.0, "probability": 1.0, "review_seconds": 300}
    changes = {name.replace("__", "."): value for name, value in overrides.items()}
    return build(
        with_overrides(
            load("black-thursday"),
            {
                "assets.WETH.price_usd": 200.0,
                "assets.WBTC.price_usd": 8_000.0,
                "feeds.WETH.max_move_bps": 100_000,
                "book.accounts": 1,
                "book.total_debt_usd": debt,
                "book.max_account_share": 1.0,
                "book.health_quantiles": [[0.0, health], [1.0, health * (1 + 1e-9)]],
                "book.collateral_weights": {"WETH": 1, "WBTC": 0, "USDC": 0, "DAI": 0},
                "book.debt_weights": {"WETH": 0, "WBTC": 0, "USDC": 0, "DAI": 1},
                "book.two_collateral_share": 0.0,
                "book.isolated_share": 0.0,
                **FREE,
                **DEEP,
                **changes,
                "borrowers": [{**common, "delay_seconds": 0, **behaviour}],
            },
        )
    )


def act(world: World, k: int, weth_price: float | None = None) -> list[Any]:
    """Let the borrower act at step k, after the oracle moved to a price; his operations."""
    s, w = world.state, world.market
    s.clock[0] = w.time[k]
    for i in range(len(s.unit)):
        price = int(w.price[k, i])
        if i == WETH and weth_price is not None:
            price = round(weth_price * 10**8)
        op.post_price(s, 0, i, 0, price)
        op.poke(s, 0, i, 0)
        op.accrue(s, 0, i)
    watchers.look(s, w)
    s.journal_length[0] = 0
    borrowers.act(s, w, k, w.actors.borrowers)
    return entries(s)


def values(world: World) -> tuple[Fraction, Fraction, Fraction]:
    """(collateral, debt, health factor) of the account: USD at oracle prices."""
    h = vault_accounts.health(world.state, 0)
    collateral, debt, factor = h.collateral_value, h.debt_value, h.factor
    return Fraction(collateral, 10**8), Fraction(debt, 10**8), Fraction(factor, 10**18)
