"""The world around the protocol during one run: what it will do, and a scratch pad for those who
watch it.

`Market` is what everyone may see: time and prices, what feeds make of them, how near everyone is to
liquidation and who liquidates. What only one kind of actor knows is that actor's own record, beside
its behaviour in `sim.agents`; the market keeps those together as `actors`, and the loop hands each
to its owner.

Number arrays are Python integers in exact runs and float64 in compiled ones, as in
`sim.protocol.state`. Prices are USD with 8 decimals, gas prices wei per gas, values USD with 8
decimals. Row k of a table is step k; row 0 is the start.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sim.protocol.state import Array

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
    "margin_calls",
    "calls_answered",
    "held_back_value",
    "held_up",
    "held_up_for",
    "longest_held_up",
    "messages_refused",
    "forged_debt_value",
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
    MARGIN_CALLS,
    CALLS_ANSWERED,
    HELD_BACK_VALUE,
    HELD_UP,
    HELD_UP_FOR,
    LONGEST_HELD_UP,
    MESSAGES_REFUSED,
    FORGED_DEBT_VALUE,
) = range(len(TALLY))
"""Backlog: accounts whose liquidation would pay and finds no room in blocks, after the last step;
calls that waited so, and the longest wait, seconds. Margin calls, and those that the borrower's own
reaction ended. Held back: of what was refused to suppliers, that for which there was cash, had no
outflow limit kept it. Held up: accounts liquidated that a guard had let nobody liquidate before,
for how long that was in all, and the longest until now, of those that still are as well; seconds.
What was borrowed against forged tokens.
"""


# --- prices ---------------------------------------------------------------------------------------

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

HALTED, GRACE = 1, 2
"""Nobody's transactions are included; they are again, and nobody borrows or liquidates yet."""


class Feeds(NamedTuple):
    """What feeds see and report, see `sim.market.feeds`: T steps, m assets."""

    observed: Array  # (T + 1, m) the reference price that feeds see, a latency ago
    # (T + 1, m, FAULT) what feeds make of it: recorded price or 0, asset or -1 and WAD, pair or -1,
    # WAD, price, asset or -1 and WAD; (0, m, FAULT) if every answer is the price seen
    fault: Array
    halted: Array  # (T + 1,) int64: HALTED, GRACE or 0; (0,) if the sequencer is never down
    heartbeat: Array  # (m,) feeds report at least this often, seconds
    deviation: Array  # (m,) and when the price moved this much, BPS


class Reference(NamedTuple):
    """What trades leave in prices, see `sim.market.reference`; tables have no rows if nothing: T
    steps, m assets, P pairs.
    """

    depth: Array  # (m,) L, value; 0: without bound
    left: Array  # (m,) of an impact after a step, WAD
    impact: Array  # (T + 1, m) factor that trades have left in the price, WAD; 1 in row 0
    baseline_impact: Array  # (T + 1, m) the one that the named prices contain, WAD
    is_baseline: Array  # (1,) int64: 1 where that is this run's own, row by row as it goes
    sold: Array  # (m,) token units sold, less those bought, that no price shows yet
    reserve_left: Array  # (P, 2) token units in the pair as arbitrageurs left it
    feed_lag: Array  # (m,) int64: whole steps by which feeds see an impact later


# --- tokens of other chains -----------------------------------------------------------------------

UNFORESEEN = ("at", "share", "noticed_at", "finality")
(
    REORGANISED_AT,
    REORGANISED,
    NOTICED_AT,
    FINALITY,
) = range(len(UNFORESEEN))
"""Timestamps, WAD and seconds; a share of 0 once it has happened."""

LEDGER = ("minted", "backing", "unnoticed", "sent", "delivered", "refused", "forged", "vanished")
MINTED, BACKING, UNNOTICED, SENT, DELIVERED, REFUSED, FORGED, VANISHED = range(len(LEDGER))
"""Token units that there are here, that are locked for them there, and that were forged without
anybody knowing; messages sent, delivered and refused so far, each try; token units forged so far,
and whose deposits turned out never to have happened."""

MESSAGE = ("sent_at", "lag", "amount", "borrower", "fate")
SENT_AT, LAG, MESSAGE_AMOUNT, SENDER, FATE = range(len(MESSAGE))
ON_THE_WAY, DOUBTFUL, NEVER_SENT, UNBACKED = range(4)
"""What has become of a message: on its way; delivered, and its deposit may yet turn out never to
have happened; it has, on the way, or the message was refused for good; it has, after it was
delivered."""


class Bridges(NamedTuple):
    """The other chains, see `sim.market.bridges`: B tokens, at most K messages of each; T steps, m
    assets, n accounts. All empty without any.
    """

    asset: Array  # (B,) int64: which asset each is
    original: Array  # (B,) int64: and the one that it stands for
    place: Array  # (m,) int64: which of them an asset is, or -1
    unforeseen: Array  # (B, UNFORESEEN)
    ledger: Array  # (B, LEDGER)
    share: Array  # (T + 1, B) what is known to back a token, of what it stands for, WAD
    feed_row: Array  # (T + 1, B) int64: the row that the token's feed sees
    closed: Array  # (T + 1, B) int64: 1 if no message arrives
    message: Array  # (B, K, MESSAGE) seconds, units, the borrower by his place among who reacts
    doubtful: Array  # (B, K) int64: 1 if its deposit will turn out never to have happened
    sent: Array  # (B,) int64: how many numbers of messages are taken
    open: Array  # (B, K) int64: the numbers of those that are not settled, the first `open_count`
    open_count: Array  # (B,) int64
    in_hand: Array  # (n, B) token units that have arrived for a top-up and are not supplied yet
    under_way: Array  # (n, B) and those that have not arrived
    arrived: Array  # (n,) int64: 1 if something has, and its owner has not looked


# --- accounts -------------------------------------------------------------------------------------

WATCH = (
    "health_factor",
    "collateral_value",
    "debt_value",
    "prices_usable",
    "liquidatable",
)
FACTOR, COLLATERAL_VALUE, DEBT_VALUE, USABLE, LIQUIDATABLE = range(len(WATCH))

WORTH = ("collateral", "debt", "collateral_price", "debt_price", "repays", "thin", "value", "at")
"""What a unit of collateral counts for, in the first bracket; what a unit of scaled debt costs; the
prices of a token as collateral and as debt; how much debt all of a unit of collateral pays for at
the largest bonus; the health factor below which the bonus may be more than what it backs, infinite
while it has no price that can be used; what a unit of collateral is worth, and as of when.
"""
(
    COLLATERAL_WORTH,
    DEBT_WORTH,
    COLLATERAL_PRICE,
    DEBT_PRICE,
    REPAYS_WORTH,
    THIN_BELOW,
    VALUE_WORTH,
    WORTH_AT,
) = range(len(WORTH))


PLEDGE = ("backs", "owes")
BACKS, OWES = range(len(PLEDGE))
"""Of an account of one pair, side by side: supplied of the collateral, and scaled debt."""


class Watchers(NamedTuple):
    """Everyone's health as last checked, and whom to check when, see `sim.health.watchers`: n
    accounts, V vaults, m assets, K levels.
    """

    watch: Array  # (n, WATCH) every account as last checked
    since: Array  # (n,) when the account was first seen liquidatable; 0: it is not
    hot: Array  # (n,) int64: 1 for the accounts to act on: unhealthy, flagged, near
    hot_in: Array  # (blocks,) int64: how many there are in a block of accounts
    hot_count: Array  # (1,) int64: and in all
    ruined: Array  # (blocks,) int64: 1 if any of them may have to be written off
    # Lazy checks: float64 in exact runs too, for they only say whether to check.
    lacking: Array  # (blocks,) `fall` from which on any of them may owe more than it has
    owed: Array  # (blocks + 1, m) the largest scaled debt of any of them seen; last: of candidates
    limit: Array  # (n,) the account is checked once its level is down to this
    kind: Array  # (n,) int64: which level is its
    pair: Array  # (n,) int64: c m + d of one collateral c and one debt d, -1 for others
    pledge: Array  # (n, PLEDGE) what that account has and owes, booked when it was last checked
    # (blocks + groups + 1, K) the highest limit of each kind in a block, in a group of them, in all
    nearest: Array
    reached: Array  # (K,) int64: the first `reached_count` are the levels that anyone may be at
    reached_count: Array  # (1,) int64
    level: Array  # (K,) by collateral and debt, and the last one for all other accounts: `fall`
    worth: Array  # (V, m, WORTH) values of a unit at the last look: see WORTH
    least_value: Array  # (m,) whose debt or collateral is worth less is checked at every look
    slack: Array  # (1,) margin of the limits; infinite: everyone is valued at every look
    skips: Array  # (1,) int64: 0 if every block is looked into at every look


SALE = ("gain", "depth", "best_size", "held_gain")
GAIN, DEPTH, BEST_SIZE, HELD_GAIN = range(len(SALE))


class Prospects(NamedTuple):
    """What liquidations may bring, see `sim.health.prospects`: m assets, L liquidators."""

    sale: Array  # (m, m, SALE) float64, by collateral and debt
    # (m + 1, m) float64: most that a unit of scaled debt may bring, a value, by collateral and debt
    reach: Array  # last: by the best collateral
    wanted: Array  # (L,) float64: least value for which each liquidator acts
    pairs: Array  # (m m,) int64: c m + d of what a liquidator may seize of an account and repay
    brings: Array  # (m m,) float64: what each of them would bring, value; -1: it was tried


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
NEVER = 10**9
"""Seconds that no run lasts: the delay of a liquidator who is silent."""
CALL_ROOM = 10**6
"""Units of room in blocks that a call takes: room comes in parts of a call."""


class Liquidators(NamedTuple):
    """Who liquidates, on which terms, and how busy they are, see `sim.agents.liquidators`: T steps,
    L liquidators, n accounts.
    """

    terms: Array  # (L, LIQUIDATOR)
    actor: Array  # (L,) int64
    priority: Array  # (L,) int64: liquidators from the highest bid down
    delay: Array  # (T + 1, L) from being found liquidatable to acting on it, seconds
    spent: Array  # (L,) value repaid beyond what the time until now had capacity for
    lively: Array  # (1,) int64: 1 if any account was liquidated in the last step
    room: Array  # (T + 1,) for calls in blocks, CALL_ROOM each; (0,): for all
    taken: Array  # (1,) room taken beyond what the time until now had
    waits: Array  # (n,) when a call on the account first found no room; 0: it does not wait
    held: Array  # (n,) when a guard first let nobody liquidate it; 0: none did; (0,) without one
    candidate: Array  # (n,) int64: accounts that they consider
    rank: Array  # (n,) float64: what liquidating all of each would bring, value


LOST_BEFORE = ("lost", "index")
LOST, INDEX_THEN = range(len(LOST_BEFORE))
"""Token units, and the borrow index up to which they have borne interest."""


# --- all of it ------------------------------------------------------------------------------------


class Market(NamedTuple):
    """Shapes: T steps, m assets, G agents of users."""

    time: Array  # (T + 1,) timestamps, seconds
    price: Array  # (T + 1, m) reference prices; up to the step begun, with the impact of sales
    gas_price: Array  # (T + 1,)
    native: Array  # (1,) the asset gas is paid in, int64
    feeds: Feeds
    reference: Reference
    bridges: Bridges
    watchers: Watchers
    prospects: Prospects
    liquidators: Liquidators
    actors: Any  # `sim.agents.actors.Actors`: a record each, which only its owner reads
    agent_actor: Array  # (G,) int64
    agent_account: Array  # (G,) int64: the agent's own account
    agent_parameter: Array  # (G, most parameters) of the jitable ones, in the order they name them
    # What is lost, see `sim.market.lost_before` and `sim.engines.compiled_shortfall`.
    lost_before: Array  # (m, LOST_BEFORE) when the run began
    missing: Array  # (m,) value of debts beyond collateral after the last step
    tally: Array  # (TALLY,) sums over the run
