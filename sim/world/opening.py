"""How the start is reached: by operations alone, each of which must succeed.

Who only needs the state that they leave has it at once (`sim.world.at_once`).

All of it happens at one time, the scenario's start, in as many blocks as it takes: no interest
accrues, so that at the start everyone owes and has to the unit what the book says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np

from sim import books
from sim.agents.liquidity_providers import varies
from sim.agents.start import (
    ADMIN,
    ARBITRAGEURS,
    FIRST_LIQUIDATOR,
    LIQUIDITY_PROVIDERS,
    STAKERS,
    SUPPLIERS,
    owner,
    to_tokens,
)
from sim.market.calibration import depth_usd
from sim.market.feed_sources import answers_at_start
from sim.protocol import operations as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.state import (
    BORROW_CAP,
    DUST_VALUE,
    SUPPLY_CAP,
    Entry,
    State,
)
from sim.protocol.transaction import Operation, entries
from sim.protocol.vault_parameters import packed
from sim.scenario import Scenario, ScenarioError
from sim.schema.problems import Problem
from sim.world.actors import own
from sim.world.beyond_limit import Late, beyond_limit, grouped, in_vault, lenient
from sim.world.genesis import UNLIMITED

OPERATIONS_PER_BLOCK = 500


class Block(NamedTuple):
    """Operations that a chain includes together."""

    time: int
    rows: list[Entry]


class Blocks(Sequence[Block]):
    """All of an opening, carried out when somebody reads it for the first time: most never do."""

    def __init__(self, carry_out: Callable[[], list[Block]]) -> None:
        self._carry_out = carry_out

    @cached_property
    def _blocks(self) -> list[Block]:
        return self._carry_out()

    @overload
    def __getitem__(self, n: int) -> Block: ...
    @overload
    def __getitem__(self, n: slice) -> Sequence[Block]: ...
    def __getitem__(self, n: int | slice) -> Block | Sequence[Block]:
        return self._blocks[n]

    def __len__(self) -> int:
        return len(self._blocks)


class Opening:
    """Carries out the operations that lead to the start."""

    def __init__(
        self, scenario: Scenario, s: State, book: books.Book, reserves: Any, prices: list[int]
    ) -> None:
        """`reserves` (accounts, assets): token units that borrowers keep for themselves; `prices`:
        reference prices, by which amounts in USD are tokens. Accounts open at what feeds answer.
        """
        self._scenario, self._s, self._book = scenario, s, book
        self._market_prices, self._prices = prices, answers_at_start(scenario, prices)
        self._reserves, self._supplied = reserves, book.supplied
        self._seeds: dict[int, tuple[int, int]] = {}
        self._coming = {
            symbol for symbol, one in scenario.rate_response.items() if one.supply_per_point
        }
        self._blocks: list[Block] = []

    def _close(self) -> None:
        """Close the current block, so that the next operation begins another."""
        s = self._s
        if s.journal_length[0]:
            self._blocks.append(Block(int(s.clock[0]), entries(s)))
        s.journal_length[0] = 0

    def _do(self, what: str, operation: Operation[...], actor: int, *arguments: int) -> None:
        """One operation that must succeed."""
        code = operation(self._s, actor, *arguments)
        if code != OK:
            declared = operation.declared
            row = declared.asked(actor, *arguments)
            pair = operation is op.add_liquidity
            of = f"pair {row.x}" if pair else self._scenario.symbols[row.x]
            asked = f"{declared.name} of {row.amount} units of {of}"
            raise self._refused(
                what,
                f"the protocol refuses it at the start: {NAMES[code]} ({asked})",
                "more suppliers of it, a higher cap, or a book that owes less",
            )
        if self._s.journal_length[0] >= OPERATIONS_PER_BLOCK:
            self._close()

    def _refused(self, path: str, problem: str, remedy: str) -> ScenarioError:
        problems = [Problem(path, problem, remedy)]
        return ScenarioError(f"scenario '{self._scenario.name}'", problems)

    def _tokens(self, i: int, usd: float) -> int:
        """Token units worth `usd` at the start."""
        return to_tokens(usd, int(self._s.unit[i]), self._market_prices[i])

    def _fund(self, actor: int, i: int, amount: int) -> None:
        self._do("(tokens)", op.mint_token, actor, i, amount)

    def blocks(self) -> list[Block]:
        """All opening operations, carried out."""
        scenario, symbols = self._scenario, self._scenario.symbols
        for i, symbol in enumerate(symbols):
            self._do("(start)", op.accrue, ADMIN, i)
            self._do("(start)", op.post_price, ADMIN, i, 0, self._prices[i])
            capital = scenario.protocol.insurance.capital_usd[symbol]
            for actor, operation, usd, path in (
                (SUPPLIERS, op.deposit, scenario.suppliers[symbol], f"suppliers.{symbol}"),
                (STAKERS, op.stake, capital, f"protocol.insurance.capital_usd.{symbol}"),
            ):
                if amount := self._tokens(i, usd):
                    # Suppliers who come when rates rise have as much again outside.
                    comes = actor == SUPPLIERS and symbol in self._coming
                    self._fund(actor, i, 2 * amount if comes else amount)
                    self._do(path, operation, actor, i, amount)
            if capital := self._tokens(i, scenario.arbitrage.capital_usd / len(symbols)):
                self._fund(ARBITRAGEURS, i, capital)
        for n, liquidator in enumerate(scenario.liquidators):
            for symbol, usd in (liquidator.capital_usd or {}).items():
                i = symbols.index(symbol)
                self._fund(FIRST_LIQUIDATOR + n, i, self._tokens(i, usd))
        self._fund_own()
        for p, venue in enumerate(scenario.venues):
            sides = [int(i) for i in self._s.pair_tokens[p]]
            amounts = [self._tokens(i, depth_usd(venue)) for i in sides]
            for i, amount in zip(sides, amounts, strict=True):
                # Whoever comes back at another price needs more of one token than he took out.
                self._fund(LIQUIDITY_PROVIDERS, i, 2 * amount if varies(venue) else amount)
            path = f"venues[{p}]"
            self._do(path, op.add_liquidity, LIQUIDITY_PROVIDERS, p, *amounts)
        self._open_accounts()
        self._limit_outflows()
        self._close()
        return self._blocks

    def _limit_outflows(self) -> None:
        """From the start on; what got everyone there is not counted."""
        for symbol, one in self._scenario.protocol.outflow.items():
            i = self._scenario.symbols.index(symbol)
            floor = min(int(one.floor_tokens * self._s.unit[i]), UNLIMITED)
            terms = one.limit_bps, floor, one.window_seconds
            self._do(f"protocol.outflow.{symbol}", op.set_outflow_limit, ADMIN, i, *terms)

    def _fund_own(self) -> None:
        """What those own at the start who have an account without being in the book."""
        scenario, symbols = self._scenario, self._scenario.symbols
        actor = owner(scenario, len(self._book.debt))
        for n, one in enumerate(own(scenario)):
            for symbol, usd in one.capital_usd.items():
                if amount := self._tokens(symbols.index(symbol), usd):
                    self._fund(actor + n, symbols.index(symbol), amount)

    def _open_accounts(self) -> None:
        """Everyone's positions; those beyond their threshold come last, at lowered prices. Debts
        may be as small as they are.
        """
        own, dust = self._s.reserve.copy(), self._s.policy[:, DUST_VALUE].copy()
        while_opening, small = own.copy(), []
        late: dict[int, Late] = {}
        for v in range(len(own)):
            of_vault = self._scenario, in_vault(self._book, v), self._prices
            while_opening[v] = lenient(*of_vault, own[v], v)
            found = beyond_limit(*of_vault, while_opening[v], v)
            if found or self._owes_less_than(dust[v], of_vault[1]):
                small.append(v)
            late |= found
        everyone = range(len(self._book.debt))
        self._seeds = {a: one.seed for a, one in late.items() if one.seed}
        self._configure(while_opening)
        for v in small:
            self._do("protocol.liquidation", op.set_dust_value, ADMIN, v, 1)
        self._supply_all()  # what one account supplies is what another has borrowed
        self._borrow_all([a for a in everyone if a not in late])
        for lowered, group in grouped(late):
            for i in lowered.assets:
                self._report(i, int(self._prices[i] * lowered.part))
            for a in group:
                self._borrow(a)
            for i in lowered.assets:
                self._report(i, self._prices[i])
        self._configure(own)
        for v in np.flatnonzero(self._s.policy[:, DUST_VALUE] != dust):
            self._do("protocol.liquidation", op.set_dust_value, ADMIN, int(v), dust[v])

    def _owes_less_than(self, value: int, book: books.Book) -> bool:
        """Whether any debt of the book was repaid but for less, or is older than the dust line."""
        values = book.debt * np.array(self._prices, dtype=object) // self._s.unit
        return bool(((book.debt != 0) & (values <= value)).any())

    def _configure(self, reserves: Any) -> None:
        """Set the reserves that are not as in `reserves` (vaults, assets, RESERVE)."""
        for v, rows in enumerate(reserves):
            for i, row in enumerate(rows):
                if (self._s.reserve[v, i] != row).any():
                    numbers = v, row[SUPPLY_CAP], row[BORROW_CAP], packed(row)
                    self._do("protocol.reserves", op.set_reserve, ADMIN, i, *numbers)

    def _report(self, i: int, price: int) -> None:
        """Bring the feed and the routers to `price`."""
        self._do("book", op.post_price, ADMIN, i, 0, price)
        for v in range(len(self._s.policy)):
            self._do("book", op.forget_anchor, ADMIN, i, v)
            self._do("book", op.poke, ADMIN, i, v)

    def _supply_all(self) -> None:
        for a in range(len(self._book.debt)):
            self._supply(a)

    def _borrow_all(self, accounts: Sequence[int]) -> None:
        for a in accounts:
            self._borrow(a)

    def _supply(self, a: int) -> None:
        owner, path = int(self._s.account_owner[a]), f"book ({self._book.name(a)})"
        unpledged = self._book.unpledged
        if self._book.isolated[a]:
            self._do(path, op.set_isolated, owner, a, 1)
        if self._book.category is not None and self._book.category[a]:
            self._do(path, op.set_category, owner, a, int(self._book.category[a]))
        for i, amount in enumerate(self._supplied[a]):
            if amount:
                self._fund(owner, i, amount)
                self._do(path, op.supply, owner, a, i, amount)
                if unpledged is not None and unpledged[a, i]:
                    self._do(path, op.set_collateral, owner, a, i, 0)
            if kept := self._reserves[a, i]:
                self._fund(owner, i, kept)
        if a in self._seeds:
            i, amount = self._seeds[a]
            self._fund(owner, i, amount)
            self._do(path, op.supply, owner, a, i, amount)

    def _borrow(self, a: int) -> None:
        owner, path = int(self._s.account_owner[a]), f"book ({self._book.name(a)})"
        for i, amount in enumerate(self._book.debt[a]):
            if amount:
                self._do(path, op.borrow, owner, a, i, amount)
