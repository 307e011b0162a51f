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
    "gas_used",
    "profit_floor",
    "capacity",
    "call",
    "own_capital",
    "keeps",
    "takes_shares",
)
(
    GAS_USED,
    PROFIT_FLOOR,
    CAPACITY,
    CALL,
    OWN_CAPITAL,
    KEEPS,
    TAKES_SHARES,
) = range(len(LIQUIDATOR))
"""Capacity: value repaid per step; call: value repaid in one call at most."""

HALTED, GRACE = 1, 2
"""Nobody's transactions are included; they are again, and nobody borrows or liquidates yet."""
NEVER = 10**9
"""Seconds that no run lasts: the delay of a liquidator who is silent."""
CALL_ROOM = 10**6
"""Units of room in blocks that a call takes: room comes in parts of a call."""

ATTACKER = ("actor", "account", "asset", "target", "pair", "side", "stage")
"""Asset: what is bought and pledged; target: what is borrowed; side: of the pair, on which the
attacker pays. Stages are in `sim.agents.attacker`."""
(
    ATTACKER_ACTOR,
    ATTACKER_ACCOUNT,
    ATTACKED_ASSET,
    ATTACK_TARGET,
    ATTACK_PAIR,
    ATTACK_SIDE,
    ATTACK_STAGE,
) = range(len(ATTACKER))

ATTACK_TIME = ("at", "borrow_from")
ATTACK_AT, BORROW_FROM = range(len(ATTACK_TIME))

WATCH = (
    "health_factor",
    "collateral_value",
    "debt_value",
    "prices_usable",
    "debt_prices_usable",
    "liquidatable",
)
FACTOR, COLLATERAL_VALUE, DEBT_VALUE, USABLE, DEBT_USABLE, LIQUIDATABLE = range(len(WATCH))

BEHAVIOUR = ("kind", "trigger", "target", "review", "delay", "rounds", "slippage")
BEHAVES, TRIGGER, TARGET, REVIEW, DELAY, ROUNDS, SLIPPAGE = range(len(BEHAVIOUR))
BEHAVIOURS = ("top-up", "deleverage", "loop", "withdraw")
TOP_UP, DELEVERAGE, LOOP, WITHDRAW = range(len(BEHAVIOURS))

WITHDRAWAL = ("base", "per_usage", "above_usage", "per_loss", "branching", "decay", "size")
BASE, PER_USAGE, ABOVE_USAGE, PER_LOSS, BRANCHING, DECAY, SIZE = range(len(WITHDRAWAL))

RESPONSE = (
    "supply_per_point",
    "borrowing_per_point",
    "approach",
    "supply_rate",
    "borrow_rate",
    "least_health",
)
"""Of an asset whose supply and borrowing answer to its rates, see `sim.agents.rate_response`."""
(
    SUPPLY_PER_POINT,
    BORROWING_PER_POINT,
    APPROACH,
    USUAL_SUPPLY_RATE,
    USUAL_BORROW_RATE,
    LEAST_HEALTH,
) = range(len(RESPONSE))

TALLY = (
    "liquidations",
    "repaid_value",
    "seized_value",
    "profit_value",
    "gas_value",
    "topped_up_value",
    "deleveraged_value",
    "looped_value",
    "taken_out_value",
    "withdrawn_value",
    "refused_value",
    "backlog",
    "calls_waited",
    "longest_wait",
)
(
    LIQUIDATIONS,
    REPAID_VALUE,
    SEIZED_VALUE,
    PROFIT_VALUE,
    GAS_VALUE,
    TOPPED_UP_VALUE,
    DELEVERAGED_VALUE,
    LOOPED_VALUE,
    TAKEN_OUT_VALUE,
    WITHDRAWN_VALUE,
    REFUSED_VALUE,
    BACKLOG,
    CALLS_WAITED,
    LONGEST_WAIT,
) = range(len(TALLY))
"""Backlog: accounts whose liquidation would pay and finds no room in blocks, after the last step;
calls that waited so, and the longest wait, seconds."""

WORTH = ("collateral", "debt", "price", "repays")
"""What a unit of collateral counts for, what a unit of scaled debt costs, the price of a token; how
much debt all of a unit of collateral pays for at the largest bonus.
"""
COLLATERAL_WORTH, DEBT_WORTH, PRICE_SEEN, REPAYS_WORTH = range(len(WORTH))

DRYING = ("fall", "share")
FALL, SHARE = range(len(DRYING))

FAULT = (
    "silent",
    "replayed",
    "rate_of",
    "rate",
    "reads_venue",
    "answer_factor",
    "answer_floor",
    "cap_of",
    "answer_cap",
)
(
    SILENT,
    REPLAYED,
    RATE_OF,
    RATE,
    READS_VENUE,
    ANSWER_FACTOR,
    ANSWER_FLOOR,
    CAP_OF,
    ANSWER_CAP,
) = range(len(FAULT))

LOST_BEFORE = ("lost", "index")
LOST, INDEX_THEN = range(len(LOST_BEFORE))
"""Token units, and the borrow index up to which they have borne interest."""

SALE = ("gain", "depth", "best_size", "held_gain")
GAIN, DEPTH, BEST_SIZE, HELD_GAIN = range(len(SALE))


class Market(NamedTuple):
    """Shapes: T steps, m assets, n accounts, P pairs, L liquidators; B behaviours, R borrowers who
    react, F assets whose suppliers may leave, J arrivals; E assets whose supply or borrowing answer
    to rates, b accounts of the book; G agents of users.
    """

    time: Array  # (T + 1,) timestamps, seconds
    price: Array  # (T + 1, m) reference prices; up to the step begun, with the impact of sales
    observed: Array  # (T + 1, m) the reference price that feeds see, a latency ago
    # (T + 1, m, FAULT) what feeds make of it: recorded price or 0, asset or -1 and WAD, pair or -1,
    # WAD, price, asset or -1 and WAD; (0, m, FAULT) if every answer is the price seen
    fault: Array
    halted: Array  # (T + 1,) int64: HALTED, GRACE or 0; (0,) if the sequencer is never down
    gas_price: Array  # (T + 1,)
    heartbeat: Array  # (m,) feeds report at least this often, seconds
    deviation: Array  # (m,) and when the price moved this much, BPS
    arbitrage_speed: Array  # (parts + 1,) share of the gap closed in so many parts of a step, WAD
    # What trades leave in prices, see `sim.market.reference`; tables have no rows if they do not.
    reference_depth: Array  # (m,) L, value; 0: without bound
    impact_left: Array  # (m,) of an impact after a step, WAD
    impact: Array  # (T + 1, m) factor that trades have left in the price, WAD; 1 in row 0
    baseline_impact: Array  # (T + 1, m) the one that the named prices contain, WAD
    is_baseline: Array  # (1,) int64: 1 where that is this run's own, row by row as it goes
    sold: Array  # (m,) token units sold, less those bought, that no price shows yet
    reserve_left: Array  # (P, 2) token units in the pair as arbitrageurs left it
    feed_lag: Array  # (m,) int64: whole steps by which feeds see an impact later
    # Liquidity that comes and goes, see `sim.agents.liquidity_providers`.
    depth_share: Array  # (T + 1, P) share of the initial depth over time, WAD; (0, P): all of it
    drying: Array  # (P, points, DRYING) and by the fall of the base, WAD
    highest: Array  # (P,) the base's highest reference price so far
    lp_at_start: Array  # (P,) LP shares of the providers
    arbitrage_at_start: Array  # (m,) token units in the arbitrageurs' wallet
    liquidity_provider: Array  # (1,) actor, int64
    liquidator: Array  # (L, LIQUIDATOR)
    liquidator_actor: Array  # (L,) int64
    priority: Array  # (L,) int64: liquidators from the highest bid down
    timed: Array  # (1,) int64: whether any has a delay that is not 0 or `NEVER`
    delay: Array  # (T + 1, L) from being found liquidatable to acting on it, seconds
    room: Array  # (T + 1,) for calls in blocks, CALL_ROOM each; (0,): for all
    arbitrageur: Array  # (1,) actor, int64
    attacker: Array  # (ATTACKER,) int64, empty without one
    attack_time: Array  # (ATTACK_TIME,) timestamps, empty without an attacker
    agent_actor: Array  # (G,) int64
    agent_account: Array  # (G,) int64: the agent's own account
    agent_parameter: Array  # (G, most parameters) of the jitable ones, in the order they name them
    native: Array  # (1,) the asset gas is paid in, int64
    watch: Array  # (n, WATCH) every account as last checked
    since: Array  # (n,) when the account was first seen liquidatable; 0: it is not
    hot: Array  # (n,) int64: the first `hot_count` are the accounts to act on, rising
    hot_before: Array  # (n,) int64: the same a look earlier
    hot_count: Array  # (1,) int64
    # Lazy checks, see `sim.health.watchers`: float64 in exact runs too, for they only say whether
    # to check.
    limit: Array  # (n,) the account is checked once its level is down to this
    kind: Array  # (n,) int64: which level is its
    pair: Array  # (n,) int64: c m + d of one collateral c and one debt d, -1 for others
    nearest: Array  # (blocks + 1, K) the highest limit of each kind in a block; last: in all
    level: Array  # (K,) by collateral and debt, and the last one for all other accounts: `fall`
    worth: Array  # (V, m, WORTH) values of a unit at the last look: see WORTH
    least_value: Array  # (m,) whose debt or collateral is worth less is checked at every look
    slack: Array  # (1,) margin of the limits; infinite: everyone is checked at every look
    lively: Array  # (1,) int64: 1 if any account was liquidated in the last step
    taken: Array  # (1,) room taken beyond what the time until now had
    waits: Array  # (n,) when a call on the account first found no room; 0: it does not wait
    spent: Array  # (L,) value repaid beyond what the time until now had capacity for
    sale: Array  # (m, m, SALE) float64, by collateral and debt: see `sim.health.prospects`
    wanted: Array  # (L,) float64: least value for which each acts
    pairs: Array  # (m m,) int64: c m + d of what a liquidator may seize of an account and repay
    brings: Array  # (m m,) float64: what each of them would bring, value; -1: it was tried
    candidate: Array  # (n,) int64: accounts that liquidators consider
    rank: Array  # (n,) float64: what liquidating all of each would bring, value
    behaviour: Array  # (B, BEHAVIOUR) healths in WAD, times in seconds, slippage in BPS
    borrower: Array  # (R,) int64: the accounts whose owners react, rising
    habit: Array  # (R,) int64: the behaviour of each
    due: Array  # (R,) when each looks next, or acts, seconds
    waiting: Array  # (R,) int64: 1 from the look to the action
    purse: Array  # (R, m) token units each has at hand, without the loan itself, which is spent
    withdrawal: Array  # (F, WITHDRAWAL) base in WAD per step; size in token units; ratios in WAD
    withdrawal_asset: Array  # (F,) int64
    supplier: Array  # (1,) actor, int64
    arrival: Array  # (F, J) rising arrival times of a Poisson process of rate 1, WAD
    arrived: Array  # (F,) int64: how many of them have come
    compensator: Array  # (F,) withdrawals expected so far, WAD
    excitation: Array  # (F,) withdrawals that past ones will still provoke, in the mean, WAD
    # Who answers to rates, see `sim.agents.rate_response`. Levels are shares of the first amounts.
    response: Array  # (E, RESPONSE) per point and ratios in WAD, yearly rates in RAY
    response_asset: Array  # (E,) int64
    response_review: Array  # (E,) int64: every how many steps each borrower looks
    supply_wish: Array  # (E,) level of supply that suppliers want, WAD
    supply_asked: Array  # (E,) down to which level they have asked for, WAD
    supply_level: Array  # (E,) at which supply stands, WAD
    borrowing_wish: Array  # (E,) level of borrowing that borrowers want, WAD
    borrowing_level: Array  # (b, E) at which each debt stands, WAD; (0, E) without an asset
    loan: Array  # (b, E) token units of what was borrowed that each has at hand; likewise
    # What is lost, see `sim.market.lost_before` and `sim.engines.shortfall`.
    lost_before: Array  # (m, LOST_BEFORE) when the run began
    missing: Array  # (m,) value of debts beyond collateral after the last step
    tally: Array  # (TALLY,) sums over the run
