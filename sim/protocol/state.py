"""The state of the protocol and of everyone's wallets: arrays only, one `NamedTuple` of them.

Rows are assets, spokes, vaults, accounts, actors or pairs; columns are named by the constants
below, in the order in which `contracts/periphery/Lens.sol` returns them. Number arrays hold Python
integers (`dtype=object`) in exact runs and float64 in compiled ones; index arrays are int64 in
both, and never take part in arithmetic.

Spokes 0..V-1 are the vaults; spoke V is the public share token of each asset. Actor 0 is the admin.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from sim.protocol.parts import AS_PART
from sim.protocol.soundness import ENGINES

Array = NDArray[Any]

HUB = (
    "cash",
    "scaled_debt",
    "borrow_index",
    "borrow_rate",
    "last_accrual",
    "total_shares",
    "fee_shares",
    "deficit",
    "deficit_since",
    "escrow",
    "deficit_reported",
    "covered_by_fees",
    "covered_by_fund",
    "socialised",
    "deficit_owed",
    "fee_remainder",
)
(
    CASH,
    SCALED_DEBT,
    BORROW_INDEX,
    BORROW_RATE,
    LAST_ACCRUAL,
    TOTAL_SHARES,
    FEE_SHARES,
    DEFICIT,
    DEFICIT_SINCE,
    ESCROW,
    DEFICIT_REPORTED,
    COVERED_BY_FEES,
    COVERED_BY_FUND,
    SOCIALISED,
    DEFICIT_OWED,
    FEE_REMAINDER,
) = range(len(HUB))

RATES = ("reserve_factor_bps", "optimal_usage_bps", "base_rate_bps", "slope1_bps", "slope2_bps")
RESERVE_FACTOR, OPTIMAL_USAGE, BASE_RATE, SLOPE1, SLOPE2 = range(len(RATES))

SPOKE = (
    "add_cap",
    "draw_cap",
    "added_shares",
    "drawn_scaled",
    "escrowed",
    "reported_deficit",
    "active",
    "halted",
)
ADD_CAP, DRAW_CAP, ADDED_SHARES, DRAWN_SCALED, ESCROWED, REPORTED_DEFICIT, ACTIVE, HALTED = range(
    len(SPOKE)
)

RESERVE = (
    "ltv_bps",
    "lt_bps",
    "max_bonus_bps",
    "min_bonus_bps",
    "liquidation_fee_bps",
    "concentration_bps",
    "rehypothecate",
    "collateral_enabled",
    "borrow_enabled",
    "tiered",
    "supply_cap",
    "borrow_cap",
    "concentration_floor",
    "second_above",
    "third_above",
    "second_lt_bps",
    "third_lt_bps",
    "lt_from_bps",
    "second_from_bps",
    "third_from_bps",
    "ramp_start",
    "ramp_end",
)
(
    LTV,
    LT,
    MAX_BONUS,
    MIN_BONUS,
    LIQUIDATION_FEE,
    CONCENTRATION,
    REHYPOTHECATE,
    COLLATERAL_ENABLED,
    BORROW_ENABLED,
    TIERED,
    SUPPLY_CAP,
    BORROW_CAP,
    CONCENTRATION_FLOOR,
    SECOND_ABOVE,
    THIRD_ABOVE,
    SECOND_LT,
    THIRD_LT,
    LT_FROM,
    SECOND_FROM,
    THIRD_FROM,
    RAMP_START,
    RAMP_END,
) = range(len(RESERVE))

CATEGORIES = ("ltv_bps", "lt_bps", "max_bonus_bps", "lt_from_bps", "ramp_start", "ramp_end")
(
    CATEGORY_LTV,
    CATEGORY_LT,
    CATEGORY_MAX_BONUS,
    CATEGORY_LT_FROM,
    CATEGORY_RAMP_START,
    CATEGORY_RAMP_END,
) = range(len(CATEGORIES))
"""Efficiency modes; a threshold of 0: there is none of this number."""

MEMBER = ("is_collateral", "is_lent")
BACKS_IN, LENT_IN = range(len(MEMBER))
"""Whether an asset is collateral of a category, and may be borrowed in it."""

POLICY = (
    "engine",
    "target_health",
    "hf_for_max_bonus",
    "full_close_health",
    "auction_seconds",
    "liquidation_delay",
    "urgent_health",
    "dust_value",
    "margin_call_health",
)
(
    ENGINE,
    TARGET_HEALTH,
    HF_FOR_MAX_BONUS,
    FULL_CLOSE_HEALTH,
    AUCTION_SECONDS,
    LIQUIDATION_DELAY,
    URGENT_HEALTH,
    DUST_VALUE,
    MARGIN_CALL_HEALTH,
) = range(len(POLICY))
CLOSE_FACTOR, TARGET_HEALTH_ENGINE, DUTCH_BONUS = range(len(ENGINES))

ADL = (
    "usage_bps",
    "usage_for",
    "ramp",
    "max_health",
    "target_health",
    "on_since",
    "turning_since",
    "seen_at",
)
(
    ADL_USAGE,
    ADL_USAGE_FOR,
    ADL_RAMP,
    ADL_MAX_HEALTH,
    ADL_TARGET,
    ADL_ON_SINCE,
    ADL_TURNING_SINCE,
    ADL_SEEN_AT,
) = range(len(ADL))
"""Auto-deleveraging: the first five are its terms, all zero where there is none."""

GUARD = (
    "guarded",
    "guardian",
    "max_pause",
    "pause_gap",
    "grace",
    "trip_window",
    "cool_off",
    "trip_bps",
    "breaker_stops_liquidation",
    "urgent_exempt",
    "sequencer_feed",
    "stress_bps",
)
(
    GUARDED,
    GUARDIAN,
    MAX_PAUSE,
    PAUSE_GAP,
    GRACE,
    TRIP_WINDOW,
    COOL_OFF,
    TRIP,
    BREAKER_STOPS_LIQUIDATION,
    URGENT_EXEMPT,
    SEQUENCER_FEED,
    STRESS,
) = range(len(GUARD))
"""The first is 0 in a vault without a guard, of which nothing else is read."""

RING = 8
"""Entries of the ring of accepted prices."""
BRAKE = (
    *("borrow_paused_until", "withdraw_paused_until", "liquidate_paused_until"),
    *("tripped_at", "next"),
    *(f"seen_{k}" for k in range(RING)),
    *(f"seen_at_{k}" for k in range(RING)),
)
PAUSED_UNTIL, TRIPPED_AT, NEXT, SEEN_FIRST, SEEN_AT_FIRST = 0, 3, 4, 5, 5 + RING
"""Of what has several columns the first."""

OUTFLOW = ("level", "capacity", "level_at", "window", "limit_bps", "floor_amount")
LEVEL, CAPACITY, LEVEL_AT, WINDOW, OUTFLOW_LIMIT, FLOOR_AMOUNT = range(len(OUTFLOW))

LOSSES = ("cover_window", "immediate", "cooldown")
COVER_WINDOW, IMMEDIATE, COOLDOWN = range(len(LOSSES))

BOUNDS = ("max_change_bps", "max_cap_change_bps", "min_delay", "ramp")
MAX_CHANGE, MAX_CAP_CHANGE, MIN_DELAY, RAMP = range(len(BOUNDS))
"""Of the steward; all 0 if there is none."""

PARAMETERS = (
    *("ltv", "lt", "max_bonus", "min_bonus", "supply_cap", "borrow_cap"),
    *("slope1", "slope2"),
)
"""What a steward changes, by the numbers of `IRiskSteward.Parameter`."""
(
    LTV_PARAMETER,
    LT_PARAMETER,
    MAX_BONUS_PARAMETER,
    MIN_BONUS_PARAMETER,
    SUPPLY_CAP_PARAMETER,
    BORROW_CAP_PARAMETER,
    SLOPE1_PARAMETER,
    SLOPE2_PARAMETER,
) = range(len(PARAMETERS))
CHANGES = (*(f"{name}_changed_at" for name in PARAMETERS), "published_at")
PUBLISHED_AT = len(PARAMETERS)
"""Behind the times at which each parameter was changed."""

ORACLE = (
    "heartbeat",
    "min_answer",
    "max_answer",
    "max_move_bps",
    "hold_off",
    "has_fallback",
    "anchor",
    "candidate",
    "candidate_since",
    "seen_at",
    "down_for",
    "down_at",
    "watched_at",
    "disputed_for",
    "disputed_at",
    "for_sale_since",
    "waits_since",
)
(
    HEARTBEAT,
    MIN_ANSWER,
    MAX_ANSWER,
    MAX_MOVE,
    HOLD_OFF,
    HAS_FALLBACK,
    ANCHOR,
    CANDIDATE,
    CANDIDATE_SINCE,
    SEEN_AT,
    DOWN_FOR,
    DOWN_AT,
    WATCHED_AT,
    DISPUTED_FOR,
    DISPUTED_AT,
    FOR_SALE_SINCE,
    WAITS_SINCE,
) = range(len(ORACLE))

FEED = ("answer", "updated_at", "mode")
ANSWER, UPDATED_AT, MODE = range(len(FEED))

ACCOUNT = (
    *("flagged_at", "well_since", "well_at", "urgent"),
    *("thin", "thin_for", "thin_at", "isolated"),
    *("called_at", "category"),
)
(
    FLAGGED_AT,
    WELL_SINCE,
    WELL_AT,
    URGENT,
    THIN,
    THIN_FOR,
    THIN_AT,
    ISOLATED,
    CALLED_AT,
    CATEGORY,
) = range(len(ACCOUNT))

POSITION = ("supplied", "scaled_debt", "is_collateral")
SUPPLIED, POSITION_DEBT, IS_COLLATERAL = range(len(POSITION))

HOLDING = (
    "wallet",
    "hub_shares",
    "stake",
    "pending_stake",
    "leaves_at",
    "pending_epoch",
    "exit_assets",
    "exit_shares",
)
(
    WALLET,
    HUB_SHARES,
    STAKE,
    PENDING_STAKE,
    LEAVES_AT,
    PENDING_EPOCH,
    EXIT_ASSETS,
    EXIT_SHARES,
) = range(len(HOLDING))
"""The last two are of all who left with the actor, from when that is settled."""

POOL = (
    "assets",
    "total_shares",
    "epoch",
    "next_exit",
    "leaving",
    "leaving_after",
    "uncollected",
)
(
    POOL_ASSETS,
    POOL_SHARES,
    POOL_EPOCH,
    NEXT_EXIT,
    LEAVING,
    LEAVING_AFTER,
    UNCOLLECTED,
) = range(len(POOL))

PAIR = ("reserve0", "reserve1", "cumulative0", "cumulative1", "last_update", "lp_supply", "fee_bps")
RESERVE0, RESERVE1, CUMULATIVE0, CUMULATIVE1, LAST_UPDATE, LP_SUPPLY, FEE_BPS = range(len(PAIR))

BRIDGE = ("cap", "window", "max_age", "filled", "filled_at")
(
    MESSAGE_CAP,
    MESSAGE_WINDOW,
    MESSAGE_AGE,
    BUCKET_FILLED,
    BUCKET_FILLED_AT,
) = range(len(BRIDGE))

SPLIT = ("sold", "width", "root")
SOLD, WIDTH, ROOT = range(len(SPLIT))


class Entry(NamedTuple):
    """One row of the journal: what was asked, by whom, the verdict (`errors`) and what moved. What
    `x` and the columns after it stand for is declared with the operation.
    """

    kind: int
    actor: int
    account: int
    x: int = 0
    y: int = 0
    amount: int = 0
    limit: int = 0
    option: int = 0
    code: int = 0
    result0: int = 0
    result1: int = 0
    result2: int = 0


class Undo(NamedTuple):
    """What an operation may have changed, as it was before: an operation is all or nothing, as on
    the EVM.
    """

    hub: Array
    spoke: Array
    oracle: Array
    outflow: Array  # of assets with a limit
    pool: Array
    pair: Array
    account: Array  # (2, fields): the account and the actor's own
    position: Array  # (2, assets, fields): the same
    holding: Array  # (assets, fields) of the actor
    lp: Array  # (pairs,) of the actor


class State(NamedTuple):
    """Shapes: m assets, V vaults, n accounts, A actors, P pairs."""

    clock: Array  # (1,) block timestamp, seconds
    unit: Array  # (m,) 10 ** decimals
    hub: Array  # (m, HUB)
    rates: Array  # (m, RATES)
    spoke: Array  # (V + 1, m, SPOKE)
    reserve: Array  # (V, m, RESERVE)
    category: Array  # (V, K + 1, CATEGORIES) by number; 0 is none
    member: Array  # (V, K + 1, m, MEMBER)
    policy: Array  # (V, POLICY)
    adl: Array  # (V, m, ADL) by the asset that is owed
    losses: Array  # (LOSSES,)
    bounds: Array  # (BOUNDS,) of the steward
    changes: Array  # (V + 1, m, CHANGES) by it, in a vault; last: in the hub
    outflow: Array  # (m, OUTFLOW)
    guard: Array  # (V, GUARD)
    brake: Array  # (V, m, BRAKE)
    sequencer: Array  # (FEED,) 0 while it is up, since when
    oracle: Array  # (V, m, ORACLE)
    feed: Array  # (2, m, FEED): primary, fallback
    account: Array  # (n, ACCOUNT)
    account_owner: Array  # (n,) actor, int64
    account_vault: Array  # (n,) vault, int64
    account_manager: Array  # (n,) actor or -1, int64
    own_account: Array  # (V, A) the actor's sub-account 0 in a vault, or -1, int64
    position: Array  # (n, m, POSITION)
    holding: Array  # (A, m, HOLDING)
    pool: Array  # (m, POOL) insurance
    pair: Array  # (P, PAIR)
    pair_tokens: Array  # (P, 2) assets, int64
    pair_of: Array  # (m, m) the first pair of two assets, or -1, int64
    next_pair: Array  # (P,) the next pair of the same two assets, or -1, int64
    split: Array  # (P, SPLIT) scratch: how `split` divides a sale
    lp: Array  # (A, P) LP shares
    bridge: Array  # (m, BRIDGE); a window of 0: of this chain
    received: Array  # (m, K) 1: the message of this number was received
    result: Array  # (3,) what the current operation moved
    journal: Array  # (capacity, Entry)
    journal_length: Array  # (1,) int64
    undo: Undo


def empty(
    units: list[int],
    vaults: int,
    account_owner: list[int],
    account_vault: list[int],
    actors: int,
    pair_tokens: list[tuple[int, int]],
    now: int,
    journal_capacity: int,
    messages: int = 0,
    categories: int = 0,
) -> State:
    """A protocol just deployed at time `now`: nothing configured, supplied or owed. All numbers are
    Python integers. `messages`: how many there can be from other chains, of each token;
    `categories`: how many a vault can have.
    """

    def zeros(*shape: int) -> Array:
        return np.full(shape, 0, dtype=object)

    m, n, pairs = len(units), len(account_owner), len(pair_tokens)
    own = np.full((vaults, actors), -1, dtype=np.int64)
    for account in reversed(range(n)):
        own[account_vault[account], account_owner[account]] = account
    pair_of = np.full((m, m), -1, dtype=np.int64)
    next_pair = np.full(pairs, -1, dtype=np.int64)
    for p, (token0, token1) in reversed(list(enumerate(pair_tokens))):
        next_pair[p] = pair_of[token0, token1]
        pair_of[token0, token1] = pair_of[token1, token0] = p
    s = State(
        clock=zeros(1),
        unit=np.array(units, dtype=object),
        hub=zeros(m, len(HUB)),
        rates=zeros(m, len(RATES)),
        spoke=zeros(vaults + 1, m, len(SPOKE)),
        reserve=zeros(vaults, m, len(RESERVE)),
        category=zeros(vaults, categories + 1, len(CATEGORIES)),
        member=zeros(vaults, categories + 1, m, len(MEMBER)),
        policy=zeros(vaults, len(POLICY)),
        adl=zeros(vaults, m, len(ADL)),
        losses=zeros(len(LOSSES)),
        bounds=zeros(len(BOUNDS)),
        changes=zeros(vaults + 1, m, len(CHANGES)),
        outflow=zeros(m, len(OUTFLOW)),
        guard=zeros(vaults, len(GUARD)),
        brake=zeros(vaults, m, len(BRAKE)),
        sequencer=zeros(len(FEED)),
        oracle=zeros(vaults, m, len(ORACLE)),
        feed=zeros(2, m, len(FEED)),
        account=zeros(n, len(ACCOUNT)),
        account_owner=np.array(account_owner, dtype=np.int64),
        account_vault=np.array(account_vault, dtype=np.int64),
        account_manager=np.full(n, -1, dtype=np.int64),
        own_account=own,
        position=zeros(n, m, len(POSITION)),
        holding=zeros(actors, m, len(HOLDING)),
        pool=zeros(m, len(POOL)),
        pair=zeros(pairs, len(PAIR)),
        pair_tokens=np.array(pair_tokens, dtype=np.int64).reshape(pairs, 2),
        pair_of=pair_of,
        next_pair=next_pair,
        split=zeros(pairs, len(SPLIT)),
        lp=zeros(actors, pairs),
        bridge=zeros(m, len(BRIDGE)),
        received=zeros(m, messages),
        result=zeros(3),
        journal=zeros(journal_capacity, len(Entry._fields)),
        journal_length=np.zeros(1, dtype=np.int64),
        undo=Undo(
            hub=zeros(m, len(HUB)),
            spoke=zeros(vaults + 1, m, len(SPOKE)),
            oracle=zeros(vaults, m, len(ORACLE)),
            outflow=zeros(m, len(OUTFLOW)),
            pool=zeros(m, len(POOL)),
            pair=zeros(pairs, len(PAIR)),
            account=zeros(2, len(ACCOUNT)),
            position=zeros(2, m, len(POSITION)),
            holding=zeros(m, len(HOLDING)),
            lp=zeros(pairs),
        ),
    )
    s.clock[0] = now
    s.hub[:, BORROW_INDEX] = 10**27
    s.hub[:, LAST_ACCRUAL] = now
    s.pair[:, LAST_UPDATE] = now
    return s


def assign(target: Array, source: Array) -> None:
    """Copy the elements of an array of the same shape into `target`."""
    target[...] = source


# A plain loop, because general slices make compiled code ten times as large and as slow to compile.
@overload(assign, jit_options=AS_PART)
def _assign_in_a_loop(target, source):  # type: ignore[no-untyped-def]
    def loop(target, source):  # type: ignore[no-untyped-def]
        for n in range(target.size):
            target.flat[n] = source.flat[n]

    return loop
