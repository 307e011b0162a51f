"""A world opened again under other parameters, compiled: milliseconds instead of half a second.

The accounts' operations of an opening are those of the world they were recorded in, with other
amounts; all that comes before them (deposits, stakes, liquidity) is carried out anew, on integers.
Borrow limits and caps hold again once everyone is there (as `sim.world.beyond_limit` has it on a
chain, in more steps). The result is `on_floats` of a world that was built with the same book, to
rounding: the same operations ran, in compiled code.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.agents.habits import reserves
from sim.agents.start import FIRST_LIQUIDATOR
from sim.books import Book
from sim.engines import self_test
from sim.engines.amounts import check_amounts
from sim.engines.baseline import settled
from sim.engines.by_reference import by_reference
from sim.engines.compilation import Entry
from sim.engines.compiled import impact_of
from sim.engines.memory import Memory, on_floats
from sim.health.watchers import look
from sim.market import lost_before
from sim.market.levels import to_integers
from sim.protocol import hub
from sim.protocol import operations as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.fixed_point import BPS
from sim.protocol.state import (
    BORROW_CAP,
    BORROW_ENABLED,
    CATEGORY_LT,
    CATEGORY_LTV,
    COLLATERAL_ENABLED,
    CONCENTRATION,
    DUST_VALUE,
    LT,
    LTV,
    SUPPLY_CAP,
    TIERED,
    WINDOW,
    State,
)
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.schema.problems import Problem
from sim.world import World, begin, build, start_of, vaults_of
from sim.world.genesis import UNLIMITED, genesis
from sim.world.opening import Opening
from sim.world.reference_market import with_impact
from sim.world.surroundings import surroundings

Floats = npt.NDArray[np.float64]

_KEPT = ("kind", "actor", "account", "x", "amount", "option")
_TIME, _KIND, _ACTOR, _ACCOUNT, _X, _AMOUNT, _OPTION = range(1 + len(_KEPT))
_UNKNOWN = -1
_MINT_TOKEN, _SUPPLY, _BORROW, _SET_ISOLATED, _SET_COLLATERAL, _SET_CATEGORY = (
    operation.kind
    for operation in (
        *(op.mint_token, op.supply, op.borrow),
        *(op.set_isolated, op.set_collateral, op.set_category),
    )
)
_CONFIGURED = ("reserve", "category", "policy", "outflow")
"""What is lenient while everyone opens."""
_ALL_IS_SAFE = BPS * 10**12
"""A borrow limit and threshold at which nothing that is pledged is too little, however much less it
is worth than the debt."""


def _carry_out(state: Any, market: Any, rows: Any) -> Any:
    """Carry out the rows, look, note what is lost: (row that was refused or -1, its code)."""
    s, w = by_reference(state), by_reference(market)
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
            code = op.mint_token(s, by, x, amount)
        elif kind == _SUPPLY:
            # Which `supply` does itself, but only between two conversions to shares: on doubles
            # the second could come out a rounding below the first, and be refused as unfair.
            op.accrue(s, by, x)
            code = op.supply(s, by, a, x, amount)
        elif kind == _BORROW:
            code = op.borrow(s, by, a, x, amount)
        elif kind == _SET_COLLATERAL:
            code = op.set_collateral(s, by, a, x, option)
        elif kind == _SET_ISOLATED:
            code = op.set_isolated(s, by, a, option)
        elif kind == _SET_CATEGORY:
            code = op.set_category(s, by, a, int(option))
        else:
            code = _UNKNOWN
        if code != OK:
            return n, code
    s.journal_length[0] = 0
    for i in range(s.unit.shape[0]):
        if s.outflow[i, WINDOW] != 0:  # of what there is now
            level, capacity = hub.bucket(s, i)
            hub.fill(s, i, level, capacity)
    look(s, w)
    lost_before.begin(s, w)
    return -1, OK


def _against_built(carry_out: Any) -> str | None:
    """Where a world opened again, with nothing changed, is off the one that was built."""
    for scenario in (self_test.PLAIN, self_test.MECHANISMS):
        whole = load(scenario)
        thieves = {f"bridges.{symbol}.forgery": None for symbol in whole.bridges}
        world = build(with_overrides(whole, {"attack": None, **thieves}))  # nobody beside the book
        amounts = (array.astype(np.float64) for array in (world.book.collateral, world.book.debt))
        found = Reopening(world, carry_out).at(world.scenario, *amounts)
        if wrong := self_test.difference_of_state(found, on_floats(world)):
            return wrong
    return None


_open = Entry(_carry_out, _against_built)


class Reopening:
    """The opening of a world, to be repeated under other parameters of the same scenario."""

    def __init__(self, world: World, carry_out: Any = _open) -> None:
        self._carry_out, self._prices = carry_out, world.market.price
        self._impact = settled(world, impact_of).market.reference.baseline_impact
        first_borrower = FIRST_LIQUIDATOR + len(world.scenario.liquidators)
        rows = [
            (block.time, *(getattr(row, column) for column in _KEPT))
            for block in world.opening
            for row in block.rows
            if row.actor >= first_borrower
        ]
        self._rows = np.array(rows, dtype=np.float64).reshape(-1, 1 + len(_KEPT))
        kind = self._rows[:, _KIND]
        self._account = (self._rows[:, _ACTOR] - first_borrower).astype(np.intp)
        self._asset = self._rows[:, _X].astype(np.intp)
        self._in = (kind == _MINT_TOKEN) | (kind == _SUPPLY)
        self._out = kind == _BORROW
        # Not the world: hundreds of these are kept at a time, for the books of a search.
        self._book, self._book_seed, self._agents = world.book, world.book_seed, world.agents
        self._vaults = vaults_of(world.scenario, world.book)[: len(world.book.debt)]

    def at(self, scenario: Scenario, collateral: Floats, debt: Floats) -> Memory:
        """The start with these amounts, (accounts, assets) in token units.

        `scenario` differs from the world's in its protocol section only. Raises `ScenarioError` if
        the protocol refuses an operation, ValueError for amounts that are none of this book, see
        `check_amounts`.
        """
        check_amounts(collateral, debt, self._book)
        state, prices = genesis(scenario, len(debt), self._vaults), list(self._prices[0])
        book = self._book._replace(collateral=_whole(collateral), debt=_whole(debt))
        start = start_of(scenario, book, self._prices, self._book_seed)
        nobody = Book(book.collateral[:0], book.debt[:0], book.isolated[:0])
        Opening(scenario, state, nobody, reserves(start)[:0], prices).blocks()
        market = surroundings(start, len(debt))
        market = with_impact(market, self._impact)
        begin(state, market)
        opened = World(
            scenario=scenario,
            symbols=list(scenario.symbols),
            book=book,
            genesis=state,
            opening=[],
            state=_lenient(state),
            market=market,
            agents=self._agents,
            book_seed=self._book_seed,
        )
        everyone = self._carried_out(opened, self._with(collateral, debt))
        configured = {name: getattr(state, name) for name in _CONFIGURED}
        filled = everyone.state._replace(**configured)
        nothing = self._rows[:0]
        return self._carried_out(opened._replace(state=filled), nothing)

    def _carried_out(self, world: World, rows: Floats) -> Memory:
        """The world on floats after these operations."""
        memory = on_floats(world)
        n, code = self._carry_out(memory.state, memory.market, rows)
        if code != OK:
            raise _refusal(world.scenario, rows[n], int(code))
        return memory

    def _with(self, collateral: Floats, debt: Floats) -> Floats:
        """The rows with other amounts; those of nothing left out. What is supplied and is no
        collateral in the book, seeds of bad debt included, stays.
        """
        rows, book = self._rows.copy(), self._book
        for mask, new, old in (
            (self._in, collateral, book.collateral),
            (self._out, debt, book.debt),
        ):
            where = self._account[mask], self._asset[mask]
            before, after = old.astype(np.float64)[where], new[where]
            ratio = np.ones(len(before))
            rows[mask, _AMOUNT] *= np.divide(after, before, out=ratio, where=before > 0)
        kept: Floats = rows[~((self._in | self._out) & (rows[:, _AMOUNT] == 0))]
        return kept


def _lenient(s: State) -> State:
    """The state with settings that let everyone supply, and borrow against any collateral, however
    little.
    """
    reserve, policy, outflow = s.reserve.copy(), s.policy.copy(), s.outflow.copy()
    category = s.category.copy()
    category[:, 1:, [CATEGORY_LTV, CATEGORY_LT]] = _ALL_IS_SAFE
    policy[:, DUST_VALUE] = 0
    outflow[:, WINDOW] = 0
    reserve[:, :, [LTV, LT]] = _ALL_IS_SAFE
    reserve[:, :, [SUPPLY_CAP, BORROW_CAP]] = UNLIMITED
    reserve[:, :, [TIERED, CONCENTRATION]] = 0
    reserve[:, :, [COLLATERAL_ENABLED, BORROW_ENABLED]] = 1
    return s._replace(reserve=reserve, category=category, policy=policy, outflow=outflow)


def _whole(amounts: Floats) -> Any:
    return to_integers(np.floor(amounts))


def _refusal(scenario: Scenario, row: Floats, code: int) -> ScenarioError:
    what = op.DECLARED[int(row[_KIND])].name
    why = f"no opening knows the operation {what}" if code == _UNKNOWN else NAMES[code]
    problem = Problem(
        f"book (account {int(row[_ACCOUNT])})",
        f"the protocol refuses it at the start: {why} ({what} of asset {int(row[_X])})",
        "more suppliers for what is borrowed, higher caps, or a smaller book",
    )
    return ScenarioError(f"scenario '{scenario.name}'", [problem])
