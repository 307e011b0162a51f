"""Who reacts during a run, drawn before it: the borrowers who mind their accounts, and when their
suppliers would leave.

Each draw is of its own seed: neither the book nor the paths change with who reacts, and two runs
that differ in one knob share the numbers behind it. All paths of a sweep share them too.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, sqrt
from typing import Any, NamedTuple

import numpy as np

from sim.books import Book
from sim.market.market import BEHAVIOUR, BEHAVIOURS, WITHDRAWAL
from sim.protocol.units import to_wad
from sim.scenario import Scenario
from sim.schema.people import Behaviour, Withdrawals
from sim.world.actors import SUPPLIERS, to_tokens
from sim.world.responses import responses

_BORROWERS, _SUPPLIERS = 20, 21  # first word of the spawn key, see `sim.market.draws`
_SLIPPAGE_BPS = 1_000
_NEVER = 10**30
"""An arrival that no run reaches, WAD: fills the shorter rows."""


class People(NamedTuple):
    """What a population adds to the world."""

    reserves: Any
    """(accounts, assets) token units that owners keep for themselves."""
    fields: dict[str, Any]
    """Fields of `sim.market.market.Market`."""


def population(scenario: Scenario, book: Book, prices: list[int], seed: int) -> People:
    """The people of a scenario; `prices` (USD with 8 decimals) are those at the start."""
    reserves, borrowers = _borrowers(scenario, book, seed)
    suppliers = _suppliers(scenario, prices, seed)
    return People(reserves, borrowers | suppliers | responses(scenario, book, prices))


def _borrowers(scenario: Scenario, book: Book, seed: int) -> tuple[Any, dict[str, Any]]:
    """Three uniform numbers per account: who it is, whether he reacts, when he first looks.

    Accounts in the order of the first are dealt to the behaviours by their shares.
    """
    accounts = len(book.debt)
    sequence = np.random.SeedSequence(seed, spawn_key=(_BORROWERS,))
    draws = np.random.default_rng(sequence).random((accounts, 3))
    order = np.argsort(draws[:, 0], kind="stable")
    of = np.full(accounts, -1, dtype=np.int64)
    reserves = np.full(book.collateral.shape, 0, dtype=object)
    dealt = Fraction(0)
    for b, behaviour in enumerate(scenario.borrowers):
        first, dealt = dealt, dealt + Fraction(str(behaviour.share))
        own = order[round(first * accounts) : round(dealt * accounts)]
        of[own[draws[own, 1] < behaviour.probability]] = b
        share = to_wad(behaviour.reserve_share or 0.0)
        reserves[own] = book.collateral[own] * share // 10**18
    reacting = np.flatnonzero(of >= 0)
    start = int(scenario.start.timestamp())
    looks = [
        start + ceil((1 - draws[a, 2]) * scenario.borrowers[of[a]].review_seconds) for a in reacting
    ]
    rows = [_behaviour(behaviour) for behaviour in scenario.borrowers]
    return reserves, {
        "behaviour": np.array(rows, dtype=object).reshape(len(rows), len(BEHAVIOUR)),
        "borrower": reacting.astype(np.int64),
        "habit": of[reacting],
        "due": np.array(looks, dtype=object),
        "waiting": np.zeros(len(reacting), dtype=np.int64),
        "purse": reserves[reacting],
    }


def _behaviour(one: Behaviour) -> list[int]:
    slippage = _SLIPPAGE_BPS if one.max_slippage_bps is None else one.max_slippage_bps
    return [
        BEHAVIOURS.index(one.kind),
        to_wad(one.trigger),
        to_wad(one.to_health),
        one.review_seconds,
        one.delay_seconds,
        one.rounds or 1,
        slippage,
    ]


def _suppliers(scenario: Scenario, prices: list[int], seed: int) -> dict[str, Any]:
    leaving = {scenario.symbols.index(symbol): one for symbol, one in scenario.withdrawals.items()}
    assets = sorted(leaving)
    rows, arrivals = [], []
    for i in assets:
        one, symbol = leaving[i], scenario.symbols[i]
        supply = to_tokens(
            scenario.suppliers[symbol], 10 ** scenario.assets[symbol].decimals, prices[i]
        )
        rows.append(_withdrawal(one, scenario.step_seconds, supply))
        sequence = np.random.SeedSequence(seed, spawn_key=(_SUPPLIERS, i))
        arrivals.append(_arrivals(one, scenario.duration_hours, np.random.default_rng(sequence)))
    table = np.full((len(assets), max(map(len, arrivals), default=0)), _NEVER, dtype=object)
    for f, row in enumerate(arrivals):
        table[f, : len(row)] = row
    return {
        "withdrawal": np.array(rows, dtype=object).reshape(len(rows), len(WITHDRAWAL)),
        "withdrawal_asset": np.array(assets, dtype=np.int64),
        "supplier": np.array([SUPPLIERS]),
        "arrival": table,
        "arrived": np.zeros(len(assets), dtype=np.int64),
        "compensator": np.full(len(assets), 0, dtype=object),
        "excitation": np.full(len(assets), 0, dtype=object),
    }


def _withdrawal(one: Withdrawals, step_seconds: int, supply: int) -> list[int]:
    per_step = Fraction(str(one.base_per_day)) * step_seconds / 86_400
    return [
        int(per_step * 10**18),
        to_wad(one.per_usage),
        to_wad(one.above_usage),
        to_wad(one.per_loss),
        to_wad(one.branching_ratio),
        int(Fraction(0.5 ** (step_seconds / one.half_life_seconds)) * 10**18),
        supply * one.size_bps // 10_000,
    ]


def _arrivals(one: Withdrawals, hours: float, rng: np.random.Generator) -> list[int]:
    """Sums of exponential waits of mean 1, WAD, and more of them than a run needs: the mean at full
    usage and a loss of a tenth, and ten times its standard deviation, sqrt(mean) / (1 - n).
    """
    mean = one.most_expected(hours)
    count = ceil(mean + 10 * sqrt(mean) / (1 - one.branching_ratio)) + 20
    times = np.cumsum(rng.standard_exponential(count))
    return [int(time * 10**18) for time in times.tolist()]
