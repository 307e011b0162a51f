"""A world opened again under other parameters, compiled: milliseconds instead of half a second.

The accounts' operations of an opening are those of the world they were recorded in, with other
amounts; all that comes before them (deposits, stakes, liquidity) is carried out anew, on integers.
The result is `on_floats` of a world that was built with the same book, to rounding: the same
operations ran, in compiled code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.agents.watchers import look
from sim.books import Book
from sim.engines.amounts import check_amounts
from sim.engines.by_reference import (
    MarketByReference,
    StateByReference,
    UndoByReference,
    borrowed,
)
from sim.engines.compiled import cached
from sim.engines.memory import Memory, on_floats
from sim.market.levels import to_integers
from sim.protocol import transaction as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.fixed_point import zero
from sim.scenario import Scenario, ScenarioError
from sim.schema.problems import Problem
from sim.world import World, begin
from sim.world.actors import FIRST_LIQUIDATOR
from sim.world.genesis import genesis
from sim.world.opening import Opening
from sim.world.people import population
from sim.world.surroundings import surroundings

Floats = npt.NDArray[np.float64]

_TIME, _KIND, _ACTOR, _ACCOUNT, _X, _AMOUNT, _OPTION = range(7)
_UNKNOWN = -1
_MINT_TOKEN, _SUPPLY, _BORROW, _SET_ISOLATED = op.MINT_TOKEN, op.SUPPLY, op.BORROW, op.SET_ISOLATED


@cached
def _open(state: Any, undo: Any, market: Any, rows: Any) -> Any:
    """Carry out the rows, then look: (row that was refused or -1, its code)."""
    s: Any = StateByReference(*borrowed(state), UndoByReference(*borrowed(undo)))
    w: Any = MarketByReference(*borrowed(market))
    for n in range(rows.shape[0]):
        s.clock[0] = rows[n, _TIME]
        s.journal_length[0] = 0
        kind, by, a, x = (
            int(rows[n, _KIND]),
            int(rows[n, _ACTOR]),
            int(rows[n, _ACCOUNT]),
            int(rows[n, _X]),
        )
        amount, option = rows[n, _AMOUNT], rows[n, _OPTION]
        if kind == _MINT_TOKEN:
            code = op.mint_token(s, by, a, x, 0, amount, zero(), option)
        elif kind == _SUPPLY:
            # Which `supply` does itself, but only between two conversions to shares: on doubles
            # the second could come out a rounding below the first, and be refused as unfair.
            op.accrue(s, by, a, x, 0, zero(), zero(), zero())
            code = op.supply(s, by, a, x, 0, amount, zero(), option)
        elif kind == _BORROW:
            code = op.borrow(s, by, a, x, 0, amount, zero(), option)
        elif kind == _SET_ISOLATED:
            code = op.set_isolated(s, by, a, x, 0, amount, zero(), option)
        else:
            code = _UNKNOWN
        if code != OK:
            return n, code
    s.journal_length[0] = 0
    look(s, w)
    return -1, OK


class Reopening:
    """The opening of a world, to be repeated under other parameters of the same scenario."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._prices = world.market.price
        first_borrower = FIRST_LIQUIDATOR + len(world.scenario.liquidators)
        rows = [
            (block.time, row[0], row[1], row[2], row[3], row[5], row[7])
            for block in world.opening
            for row in block.rows
            if row[1] >= first_borrower
        ]
        self._rows = np.array(rows, dtype=np.float64).reshape(-1, 7)
        kind = self._rows[:, _KIND]
        self._account = (self._rows[:, _ACTOR] - first_borrower).astype(np.intp)
        self._asset = self._rows[:, _X].astype(np.intp)
        self._in = (kind == _MINT_TOKEN) | (kind == _SUPPLY)
        self._out = kind == _BORROW

    def at(self, scenario: Scenario, collateral: Floats, debt: Floats) -> Memory:
        """The start with these amounts, (accounts, assets) in token units.

        `scenario` differs from the world's in its protocol section only. Raises `ScenarioError` if
        the protocol refuses an operation, ValueError for amounts that are none of this book, see
        `check_amounts`.
        """
        world = self._world
        check_amounts(collateral, debt, world.book)
        state, prices = genesis(scenario, len(debt)), list(self._prices[0])
        book = Book(_whole(collateral), _whole(debt), world.book.isolated)
        people = population(scenario, book, prices, scenario.seed)
        nobody = Book(book.collateral[:0], book.debt[:0], book.isolated[:0])
        Opening(scenario, state, nobody, people.reserves[:0], prices).blocks()
        market = surroundings(scenario, self._prices, len(debt), people)
        begin(state, market)
        memory = on_floats(world._replace(scenario=scenario, state=state, market=market))
        rows = self._with(collateral, debt)
        *arrays, undo = memory.state
        n, code = _open(tuple(arrays), tuple(undo), tuple(memory.market), rows)
        if code != OK:
            raise _refusal(scenario, rows[n], int(code))
        return memory

    def _with(self, collateral: Floats, debt: Floats) -> Floats:
        """The rows with other amounts; those of nothing left out."""
        rows, book = self._rows.copy(), self._world.book
        for mask, new, old in (
            (self._in, collateral, book.collateral),
            (self._out, debt, book.debt),
        ):
            where = self._account[mask], self._asset[mask]
            before = old.astype(np.float64)[where]
            rows[mask, _AMOUNT] *= new[where] / before
        kept: Floats = rows[~((self._in | self._out) & (rows[:, _AMOUNT] == 0))]
        return kept


def _whole(amounts: Floats) -> Any:
    return to_integers(np.floor(amounts))


def _refusal(scenario: Scenario, row: Floats, code: int) -> ScenarioError:
    what = op.KINDS[int(row[_KIND])]
    why = f"no opening knows the operation {what}" if code == _UNKNOWN else NAMES[code]
    problem = Problem(
        f"book (account {int(row[_ACCOUNT])})",
        f"the protocol refuses it at the start: {why} ({what} of asset {int(row[_X])})",
        "more suppliers for what is borrowed, higher caps, or a smaller book",
    )
    return ScenarioError(f"scenario '{scenario.name}'", [problem])
