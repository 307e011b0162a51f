"""Who answers to interest rates, and at which rates they would stay as they are.

Usual rates are those at the start under the curve that the market has settled under: the one of the
scenario, or the one that an override replaced. They are of the amounts in the book,

    usage = debt / (cash + debt),   cash + debt = deposits + collateral that is lent on
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from sim.agents.rate_response import LOOKS, earned_rate
from sim.books import Book
from sim.market.market import RESPONSE
from sim.protocol import hub
from sim.protocol.units import to_wad
from sim.scenario import Scenario
from sim.schema.people import RateResponse
from sim.world.actors import to_tokens

_WAD = 10**18


def responses(scenario: Scenario, book: Book, prices: list[int]) -> dict[str, Any]:
    """Fields of `sim.market.market.Market`; `prices` are the first ones, USD with 8 decimals."""
    symbols = scenario.responding
    assets = [scenario.symbols.index(symbol) for symbol in symbols]
    parts = [scenario.rate_response[symbol] for symbol in symbols]
    rows = [
        _row(scenario, one, *usual_rates(scenario, book, prices, symbol))
        for symbol, one in zip(symbols, parts, strict=True)
    ]
    looks = [
        max(1, round(one.half_life_hours * 3_600 / LOOKS / scenario.step_seconds)) for one in parts
    ]
    accounts, levels = len(book.debt) if assets else 0, [_WAD] * len(assets)
    return {
        "response": np.array(rows, dtype=object).reshape(len(rows), len(RESPONSE)),
        "response_asset": np.array(assets, dtype=np.int64),
        "response_review": np.array(looks, dtype=np.int64),
        "supply_wish": np.array(levels, dtype=object),
        "supply_asked": np.array(levels, dtype=object),
        "supply_level": np.array(levels, dtype=object),
        "borrowing_wish": np.array(levels, dtype=object),
        "borrowing_level": np.full((accounts, len(assets)), _WAD, dtype=object),
        "loan": book.debt[:accounts, assets].copy(),
    }


def usual_rates(scenario: Scenario, book: Book, prices: list[int], symbol: str) -> tuple[int, int]:
    """(what suppliers earn, what borrowers pay) a year at the start, RAY, under the curve that the
    market has settled under.
    """
    i = scenario.symbols.index(symbol)
    curve = scenario.rate_response[symbol].settled_under or scenario.protocol.rates[symbol]
    unit = 10 ** scenario.assets[symbol].decimals
    supplied = to_tokens(scenario.suppliers[symbol], unit, prices[i])
    if scenario.protocol.reserves[symbol].rehypothecate:
        supplied += int(book.collateral[:, i].sum())
    debt = int(book.debt[:, i].sum())
    paid = hub.borrow_rate(
        supplied - debt,
        debt,
        curve.optimal_usage_bps,
        curve.base_rate_bps,
        curve.slope1_bps,
        curve.slope2_bps,
    )
    return earned_rate(paid, debt, supplied, curve.reserve_factor_bps), paid


def _row(scenario: Scenario, one: RateResponse, earned: int, paid: int) -> list[int]:
    approach = 1 - 0.5 ** (scenario.step_seconds / (one.half_life_hours * 3_600))
    return [
        to_wad(one.supply_per_point),
        to_wad(one.borrowing_per_point),
        int(Fraction(approach) * _WAD),
        earned,
        paid,
        to_wad(one.least_health),
    ]
