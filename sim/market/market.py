"""The world around the protocol during one run: what it will do, and a scratch pad for those who
watch it.

Number arrays are Python integers in exact runs and float64 in compiled ones, as in
`sim.protocol.state`. Prices are USD
with 8 decimals, gas prices wei per gas, values USD with 8 decimals. Row k of a table is step k; row
0 is the start.
"""

from __future__ import annotations

from typing import NamedTuple

from sim.protocol.state import Array

LIQUIDATOR = (
    "max_gas_price",
    "gas_used",
    "profit_floor",
    "capacity",
    "max_actions",
)
MAX_GAS_PRICE, GAS_USED, PROFIT_FLOOR, CAPACITY, MAX_ACTIONS = range(len(LIQUIDATOR))

WATCH = ("health_factor", "collateral_value", "debt_value", "prices_usable", "liquidatable")
FACTOR, COLLATERAL_VALUE, DEBT_VALUE, USABLE, LIQUIDATABLE = range(len(WATCH))

TALLY = ("liquidations", "repaid_value", "seized_value", "profit_value", "gas_value")
LIQUIDATIONS, REPAID_VALUE, SEIZED_VALUE, PROFIT_VALUE, GAS_VALUE = range(len(TALLY))


class Market(NamedTuple):
    """Shapes: T steps, m assets, n accounts, L liquidators."""

    time: Array  # (T + 1,) timestamps, seconds
    price: Array  # (T + 1, m) reference prices
    observed: Array  # (T + 1, m) the reference price that feeds see, a latency ago
    gas_price: Array  # (T + 1,)
    heartbeat: Array  # (m,) feeds report at least this often, seconds
    deviation: Array  # (m,) and when the price moved this much, BPS
    arbitrage_speed: Array  # (1,) share of the gap closed per step, BPS
    liquidator: Array  # (L, LIQUIDATOR)
    liquidator_actor: Array  # (L,) int64
    arbitrageur: Array  # (1,) actor, int64
    native: Array  # (1,) the asset gas is paid in, int64
    watch: Array  # (n, WATCH) every account as last seen
    spent: Array  # (L,) value repaid in this step
    actions: Array  # (L,) liquidations in this step
    candidate: Array  # (n,) account, int64
    rank: Array  # (n,) expected profit of the candidate, value
    tally: Array  # (TALLY,) sums over the run
