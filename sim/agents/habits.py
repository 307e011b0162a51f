"""What borrowers who react are like, and what they have in mind and in hand.

Who reacts is drawn before the run, of its own seed: neither the book nor the paths change with it,
and two runs that differ in one knob share the numbers behind it. All paths of a sweep share them
too.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import NamedTuple

import numpy as np

from sim.agents.start import WAD, Start
from sim.protocol.state import Array
from sim.protocol.units import to_wad
from sim.schema.people import Behaviour

_DRAWS = 20  # first word of the spawn key, see `sim.market.draws`
_SLIPPAGE_BPS = 1_000

BEHAVIOUR = ("kind", "trigger", "target", "review", "delay", "rounds", "slippage", "on_call")
BEHAVES, TRIGGER, TARGET, REVIEW, DELAY, ROUNDS, SLIPPAGE, ON_CALL = range(len(BEHAVIOUR))
BEHAVIOURS = ("top-up", "deleverage", "loop", "withdraw")
TOP_UP, DELEVERAGE, LOOP, WITHDRAW = range(len(BEHAVIOURS))


class Borrowers(NamedTuple):
    """What borrowers know: B behaviours, R borrowers who react, m assets."""

    behaviour: Array  # (B, BEHAVIOUR) healths in WAD, times in seconds, slippage in BPS
    account: Array  # (R,) int64: the accounts whose owners react, rising
    habit: Array  # (R,) int64: the behaviour of each
    due: Array  # (R,) when each looks next, or acts, seconds
    waiting: Array  # (R,) int64: 1 from the look to the action
    purse: Array  # (R, m) token units each has at hand, without the loan itself, which is spent

    @classmethod
    def of(cls, start: Start) -> Borrowers:
        """Those of the book whom the scenario has react, each with his first look."""
        behaviours = start.scenario.borrowers
        draws = _draws(start)
        habit = _dealt(start, draws)
        for b, one in enumerate(behaviours):
            habit[(habit == b) & (draws[:, 1] >= one.probability)] = -1
        reacting = np.flatnonzero(habit >= 0)
        now = int(start.scenario.start.timestamp())
        looks = [
            now + ceil((1 - draws[a, 2]) * behaviours[habit[a]].review_seconds) for a in reacting
        ]
        calls = start.scenario.protocol.liquidation.margin_call_health or 0.0
        rows = [_behaviour(behaviour, calls) for behaviour in behaviours]
        return cls(
            behaviour=np.array(rows, dtype=object).reshape(len(rows), len(BEHAVIOUR)),
            account=reacting.astype(np.int64),
            habit=habit[reacting],
            due=np.array(looks, dtype=object),
            waiting=np.zeros(len(reacting), dtype=np.int64),
            purse=_kept(start)[reacting],
        )


def reserves(start: Start) -> Array:
    """Token units that owners keep for themselves on this chain, react or not, (accounts, assets):
    of a token of another chain those who top up have theirs there.
    """
    kept, habit = _kept(start), _dealt(start, _draws(start))
    tops_up = [b for b, one in enumerate(start.scenario.borrowers) if one.kind == "top-up"]
    for symbol in start.scenario.bridges:
        kept[np.isin(habit, tops_up), start.scenario.symbols.index(symbol)] = 0
    return kept


def _kept(start: Start) -> Array:
    """The same on whichever chain."""
    pledged, habit = start.book.collateral, _dealt(start, _draws(start))
    kept = np.full(pledged.shape, 0, dtype=object)
    for b, one in enumerate(start.scenario.borrowers):
        kept[habit == b] = pledged[habit == b] * to_wad(one.reserve_share or 0.0) // WAD
    return kept


def _draws(start: Start) -> Array:
    """Three uniform numbers per account: who it is, whether he reacts, when he first looks."""
    sequence = np.random.SeedSequence(start.seed, spawn_key=(_DRAWS,))
    return np.random.default_rng(sequence).random((len(start.book.debt), 3))


def _dealt(start: Start, draws: Array) -> Array:
    """The behaviour of each account, -1 for none: accounts in the order of the first number are
    dealt to the behaviours by their shares.
    """
    accounts = len(draws)
    order, dealt = np.argsort(draws[:, 0], kind="stable"), Fraction(0)
    habit = np.full(accounts, -1, dtype=np.int64)
    for b, one in enumerate(start.scenario.borrowers):
        first, dealt = dealt, dealt + Fraction(str(one.share))
        habit[order[round(first * accounts) : round(dealt * accounts)]] = b
    return habit


def _behaviour(one: Behaviour, calls: float) -> list[int]:
    """A row; `calls` is the health below which accounts are called."""
    slippage = _SLIPPAGE_BPS if one.max_slippage_bps is None else one.max_slippage_bps
    return [
        BEHAVIOURS.index(one.kind),
        to_wad(calls if one.on_margin_call else one.trigger),
        to_wad(one.to_health),
        one.review_seconds,
        one.delay_seconds,
        one.rounds or 1,
        slippage,
        int(one.on_margin_call),
    ]
