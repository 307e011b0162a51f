"""The protocol as deployed: configured, and empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

from sim.agents.guardian import GUARDIAN_ACTOR
from sim.agents.start import owner
from sim.protocol import hub
from sim.protocol.oracle import SIGHTINGS
from sim.protocol.state import (
    ADL_ON_SINCE,
    CONCENTRATION_FLOOR,
    DRAW_CAP,
    FEE_BPS,
    GUARD,
    HAS_FALLBACK,
    LT_FROM,
    MESSAGE_AGE,
    MESSAGE_CAP,
    MESSAGE_WINDOW,
    POLICY,
    RATES,
    RESERVE,
    SECOND_LT,
    SPOKE,
    SUPPLY_CAP,
    State,
    empty,
)
from sim.protocol.units import BPS, USD
from sim.scenario import Scenario
from sim.scenario.segments import feed_in
from sim.schema.category import Category
from sim.schema.deployment import Reserve
from sim.schema.guard import Guard
from sim.world.actors import share_takers
from sim.world.bridges import most_messages

UNLIMITED = (1 << 112) - 1
"""The largest amount the contracts accept: no cap."""
JOURNAL_ROWS = 4_096
"""Operations of a step that concern no account, or are rare, with room to spare."""
JOURNAL_ROWS_PER_ACCOUNT = 4
"""Flag, liquidate in parts, write off."""
OPERATIONS_PER_ROUND = 3
"""Of a borrower who reacts: withdraw, sell, repay; or borrow, buy, supply."""


def genesis(scenario: Scenario, accounts: int, vaults: Sequence[int] = ()) -> State:
    """The configured, empty protocol at the scenario's start: columns are fields of their name.
    `vaults` are those of the first accounts; others are in the first, but share takers.
    """
    symbols, protocol, takers = scenario.symbols, scenario.protocol, share_takers(scenario)
    owners = [owner(scenario, a) for a in range(accounts - len(takers))]
    placed = [*vaults, *(0 for _ in owners[len(vaults) :])]
    each = protocol.each
    s = empty(
        units=[10 ** scenario.assets[symbol].decimals for symbol in symbols],
        vaults=len(each),
        account_owner=owners + [one.actor for one in takers],
        account_vault=placed + [one.vault for one in takers],
        actors=owner(scenario, len(owners)),
        pair_tokens=[tuple(map(symbols.index, venue.assets)) for venue in scenario.venues],  # type: ignore[misc]
        now=int(scenario.start.timestamp()),
        journal_capacity=JOURNAL_ROWS
        + JOURNAL_ROWS_PER_ACCOUNT * accounts
        + _reactions(scenario, accounts),
        categories=len(protocol.categories),
        messages=most_messages(scenario, accounts),
    )
    _categorise(s, protocol.categories.values(), symbols)
    for symbol, bridge in scenario.bridges.items():
        row, unit = s.bridge[symbols.index(symbol)], 10 ** scenario.assets[symbol].decimals
        row[MESSAGE_CAP] = int(bridge.cap_tokens * unit)
        row[MESSAGE_WINDOW], row[MESSAGE_AGE] = bridge.window_seconds, bridge.max_age_seconds
    for i, symbol in enumerate(symbols):
        s.rates[i] = [getattr(protocol.rates[symbol], column) for column in RATES]
        spoke = dict.fromkeys(SPOKE, 0) | {"add_cap": UNLIMITED, "draw_cap": UNLIMITED, "active": 1}
        s.spoke[:, i] = list(spoke.values())
        hub.update_rate(s, i)
        for v, one in enumerate(each):
            s.reserve[v, i] = _reserve(one.reserves[symbol], s.unit[i])
            s.oracle[v, i, :HAS_FALLBACK] = _router(scenario, v, symbol)
    for v, name in enumerate(protocol.vaults):
        for symbol, cap in protocol.vaults[name].draw_caps.items():
            i = symbols.index(symbol)
            s.spoke[v, i, DRAW_CAP] = _cap(cap, s.unit[i])
    for v, one in enumerate(each):
        policy = one.policy()
        s.policy[v] = [policy[column] for column in POLICY]
    if protocol.deleveraging:
        s.adl[:, :, :ADL_ON_SINCE] = protocol.deleveraging.terms()
    s.losses[:] = [
        round(protocol.cover_window_hours * 3_600),
        int(protocol.loss_mode == "immediate"),
        round(protocol.insurance.cooldown_hours * 3_600),
    ]
    if protocol.steward:
        s.bounds[:] = protocol.steward.bounds()
    down = any(fault.kind == "sequencer-down" for fault in scenario.feeds.faults)
    for v, one in enumerate(each):
        if one.guard is not None:
            s.guard[v] = _guard(one.guard, down)
    s.pair[:, FEE_BPS] = [venue.fee_bps for venue in scenario.venues]
    return s


def _categorise(s: State, categories: Iterable[Category], symbols: Sequence[str]) -> None:
    """The same in every vault."""
    for k, one in enumerate(categories, start=1):
        s.category[:, k] = [one.ltv_bps, one.lt_bps, one.max_bonus_bps, one.lt_bps, 0, 0]
        for i, symbol in enumerate(symbols):
            s.member[:, k, i] = [int(one.counts(symbol)), int(one.lends(symbol))]


def _reserve(reserve: Reserve, unit: int) -> list[int]:
    """A vault's row of an asset."""
    caps = [_cap(cap, unit) for cap in (reserve.supply_cap, reserve.borrow_cap)]
    parameters = [int(getattr(reserve, column)) for column in RESERVE[:SUPPLY_CAP]]
    beyond = [getattr(reserve, column) for column in RESERVE[CONCENTRATION_FLOOR:LT_FROM]]
    in_force = [reserve.lt_bps, *beyond[SECOND_LT - CONCENTRATION_FLOOR :]]
    return [*parameters, *caps, *beyond, *in_force, 0, 0]


def _guard(guard: Guard, asks_sequencer: bool) -> list[int]:
    """A vault's row of its guard."""
    terms = {
        "guarded": 1,
        "guardian": GUARDIAN_ACTOR,
        "max_pause": guard.max_pause_seconds,
        "pause_gap": guard.pause_gap_seconds,
        "grace": guard.grace_seconds,
        "trip_window": guard.trip_window_seconds,
        "cool_off": guard.cool_off_seconds,
        "trip_bps": guard.trip_bps,
        "breaker_stops_liquidation": int(guard.breaker_stops_liquidation),
        "urgent_exempt": int(guard.urgent_exempt),
        "sequencer_feed": int(asks_sequencer),
        "stress_bps": BPS,
    }
    return [terms[column] for column in GUARD]


def _cap(tokens: float | None, unit: int) -> int:
    return UNLIMITED if tokens is None else min(int(tokens * unit), UNLIMITED)


def _router(scenario: Scenario, v: int, symbol: str) -> list[int]:
    """How the router of a vault reads the feed of an asset."""
    feed = feed_in(scenario, v, symbol)
    hold_off = feed.hold_off_seconds
    if hold_off > 0:  # keepers look once a step, and what they see must be seen so often
        hold_off = max(hold_off, SIGHTINGS * scenario.step_seconds)
    bounds = [round(feed.min_price_usd * USD), round(feed.max_price_usd * USD)]
    return [feed.heartbeat_seconds, *bounds, feed.max_move_bps, hold_off]


def _reactions(scenario: Scenario, accounts: int) -> int:
    """The most operations of a step by borrowers who react, all at once."""
    operations = 0
    for behaviour in scenario.borrowers:
        each = max(OPERATIONS_PER_ROUND * (behaviour.rounds or 1), len(scenario.symbols))
        operations += ceil(behaviour.share * accounts) * each
    # Each of them has at most one message of a token on its way, sends another, and looks.
    operations *= 1 + 2 * len(scenario.bridges)
    return operations + (1 + accounts) * len(scenario.responding)
