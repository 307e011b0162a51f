"""Tokens of other chains when a run starts: what will go wrong there, how long messages take."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from sim.market.faults import ages
from sim.market.market import (
    FINALITY,
    LAG,
    LEDGER,
    MESSAGE,
    NOTICED_AT,
    REORGANISED,
    REORGANISED_AT,
    UNFORESEEN,
    Bridges,
)
from sim.protocol.state import Array
from sim.protocol.units import to_wad
from sim.scenario import Scenario
from sim.schema.bridge import Bridge, messages

_DRAWS = 40  # first word of the spawn key, see `sim.market.draws`
_WAD = 10**18


def most_messages(scenario: Scenario, accounts: int) -> int:
    """The most that a run may have of any of the tokens."""
    each = (messages(one, scenario, accounts) for one in scenario.bridges.values())
    return max(each, default=0)


def bridges(scenario: Scenario, accounts: int) -> Bridges:
    """All is backed, and no message is sent yet. Paths of a sweep share what is drawn."""
    symbols, each = scenario.symbols, scenario.bridges
    count, most, rows = len(each), most_messages(scenario, accounts), scenario.steps + 1
    if not each:
        rows, accounts = 0, 0
    place = np.full(len(symbols) if each else 0, -1, dtype=np.int64)
    unforeseen, ledger = _zeros(count, len(UNFORESEEN)), _zeros(count, len(LEDGER))
    message = _zeros(count, most, len(MESSAGE))
    doubtful = np.zeros((count, most), dtype=np.int64)
    feed_row, closed = (np.zeros((rows, count), dtype=np.int64) for _ in range(2))
    for b, (symbol, bridge) in enumerate(each.items()):
        place[symbols.index(symbol)] = b
        unforeseen[b] = _unforeseen(bridge)
        message[b, :, LAG], doubtful[b] = _drawn(scenario, bridge, b, most)
        back = np.ceil(ages(scenario, symbol) / scenario.step_seconds).astype(np.int64)
        feed_row[:, b] = np.maximum(np.arange(rows) - back, 0)
        closed[:, b] = _closed(scenario, bridge)
    return Bridges(
        asset=np.array([symbols.index(one) for one in each], dtype=np.int64),
        original=np.array([symbols.index(one.of) for one in each.values()], dtype=np.int64),
        place=place,
        unforeseen=unforeseen,
        ledger=ledger,
        share=np.full((rows, count), _WAD, dtype=object),
        feed_row=feed_row,
        closed=closed,
        message=message,
        doubtful=doubtful,
        sent=np.zeros(count, dtype=np.int64),
        open=np.zeros((count, most), dtype=np.int64),
        open_count=np.zeros(count, dtype=np.int64),
        in_hand=_zeros(accounts, count),
        under_way=_zeros(accounts, count),
        arrived=np.zeros(accounts, dtype=np.int64),
    )


def _zeros(*shape: int) -> Array:
    return np.full(shape, 0, dtype=object)


def _unforeseen(bridge: Bridge) -> Array:
    """The row of a token."""
    row = _zeros(len(UNFORESEEN))
    row[FINALITY] = bridge.finality_seconds
    if bridge.reorganisation:
        row[REORGANISED_AT] = _timestamp(bridge.reorganisation.at)
        row[REORGANISED] = to_wad(bridge.reorganisation.share)
    if bridge.forgery:
        row[NOTICED_AT] = _timestamp(bridge.forgery.at) + bridge.forgery.noticed_seconds
    return row


def _drawn(scenario: Scenario, bridge: Bridge, b: int, most: int) -> tuple[Array, Array]:
    """How long each message takes, whole seconds, up, lognormal of mean `lag_seconds`; and whether
    its deposit will turn out never to have happened.
    """
    sequence = np.random.SeedSequence(scenario.seed, spawn_key=(_DRAWS, b))
    source, sd = np.random.default_rng(sequence), bridge.lag_sd_log
    factor = np.exp(sd * source.standard_normal(most) - sd**2 / 2)
    lags = np.ceil(bridge.lag_seconds * factor).astype(np.int64).astype(object)
    doubtful = source.random(most) < bridge.reorganisation_probability
    return lags, doubtful.astype(np.int64)


def _closed(scenario: Scenario, bridge: Bridge) -> Array:
    """The steps in which no message arrives, (steps + 1,): in outages, and from when on a forgery
    has been noticed.
    """
    begin = int(scenario.start.timestamp())
    times = begin + np.arange(scenario.steps + 1) * scenario.step_seconds
    closed = np.zeros(len(times), dtype=np.int64)
    for outage in bridge.outages:
        first = _timestamp(outage.from_) if outage.from_ else begin
        after = _timestamp(outage.until) if outage.until else times[-1] + 1
        closed[(first <= times) & (times < after)] = 1
    if bridge.forgery:
        closed[times >= _timestamp(bridge.forgery.at) + bridge.forgery.noticed_seconds] = 1
    return closed


def _timestamp(at: datetime) -> int:
    return int(at.timestamp())
