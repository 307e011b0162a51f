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

WORTH = ("collateral", "debt", "price")
COLLATERAL_WORTH, DEBT_WORTH, PRICE_SEEN = range(len(WORTH))

DRYING = ("fall", "share")
FALL, SHARE = range(len(DRYING))

SALE = ("gain", "depth", "best_size")
GAIN, DEPTH, BEST_SIZE = range(len(SALE))


class Market(NamedTuple):
    """Shapes: T steps, m assets, n accounts, L liquidators, P pairs."""

    time: Array  # (T + 1,) timestamps, seconds
    price: Array  # (T + 1, m) reference prices; up to the step begun, with what trades left in them
    observed: Array  # (T + 1, m) the reference price that feeds see, a latency ago
    gas_price: Array  # (T + 1,)
    heartbeat: Array  # (m,) feeds report at least this often, seconds
    deviation: Array  # (m,) and when the price moved this much, BPS
    arbitrage_speed: Array  # (1,) share of the gap closed per step, BPS
    # What trades leave in prices, see `sim.market.reference`.
    permanent_share: Array  # (P,) of a move of the pair's price, BPS
    mid: Array  # (P,) the pair's price as arbitrageurs left it, RAY
    impact: Array  # (T + 1, m) factor that trades have left in the price, WAD; (0, m): they do not
    feed_lag: Array  # (m,) int64: whole steps by which feeds see it later
    # Liquidity that comes and goes, see `sim.agents.liquidity_providers`.
    depth_share: Array  # (T + 1, P) share of the initial depth over time, WAD; (0, P): all of it
    drying: Array  # (P, points, DRYING) and by the fall of the base, WAD
    highest: Array  # (P,) the base's highest reference price so far
    lp_at_start: Array  # (P,) LP shares of the providers
    liquidity_provider: Array  # (1,) actor, int64
    liquidator: Array  # (L, LIQUIDATOR)
    liquidator_actor: Array  # (L,) int64
    arbitrageur: Array  # (1,) actor, int64
    native: Array  # (1,) the asset gas is paid in, int64
    watch: Array  # (n, WATCH) every account as last checked
    hot: Array  # (n,) int64: the first `hot_count` are the accounts to act on, rising
    hot_before: Array  # (n,) int64: the same a look earlier
    hot_count: Array  # (1,) int64
    # Lazy checks, see `sim.agents.watchers`: float64 in exact runs too, for they only say whether
    # to check.
    limit: Array  # (n,) the account is checked once its level is down to this
    kind: Array  # (n,) int64: which level is its
    nearest: Array  # (blocks + 1, K) the highest limit of each kind in a block; last: in all
    level: Array  # (K,) by collateral and debt, and the last one for all other accounts: `fall`
    worth: Array  # (V, m, WORTH) of collateral and scaled debt, and the price, at the last look
    fall_seen: Array  # (n,) `fall` when the account was last checked
    least_value: Array  # (1,) debts or collaterals worth less are checked at every look
    slack: Array  # (1,) margin of the limits; infinite: everyone is checked at every look
    spent: Array  # (L,) value repaid in this step
    actions: Array  # (L,) liquidations in this step
    sale: Array  # (m, m, SALE) float64, by collateral and debt: see `sim.agents.liquidators`
    wanted: Array  # (L,) float64: least value for which each acts
    candidate: Array  # (n,) int64: accounts that liquidators consider
    rank: Array  # (n,) float64: what liquidating all of each would bring, value
    tally: Array  # (TALLY,) sums over the run
