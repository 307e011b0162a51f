"""How the start is reached: by operations alone, each of which must succeed."""

from __future__ import annotations

from typing import Any, NamedTuple

from sim import books
from sim.market.calibration import depth_usd
from sim.protocol import transaction as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.state import State
from sim.scenario import Scenario, ScenarioError
from sim.schema.problems import Problem
from sim.world.actors import ADMIN, ARBITRAGEURS, LIQUIDITY_PROVIDERS, STAKERS, SUPPLIERS, VALUE
from sim.world.venues import varies

OPERATIONS_PER_BLOCK = 500


class Block(NamedTuple):
    """Operations of one timestamp."""

    time: int
    rows: list[Any]


class Opening:
    """Carries out the operations that lead to the start, in blocks one second apart."""

    def __init__(self, scenario: Scenario, s: State, book: books.Book, prices: list[int]) -> None:
        self._scenario, self._s, self._book, self._prices = scenario, s, book, prices
        self._blocks: list[Block] = []
        self._begin()

    def _begin(self) -> None:
        """Close the current block and start the next one."""
        s = self._s
        n = int(s.journal_length[0])
        if n:
            rows = [tuple(row) for row in s.journal[:n]]
            self._blocks.append(Block(int(s.clock[0]), rows))
        s.journal_length[0] = 0
        s.clock[0] += 1

    def _do(self, what: str, kind: int, actor: int, account: int, x: int, *numbers: int) -> None:
        """One operation that must succeed; `numbers` are y, amount, limit, option."""
        y, amount, limit, option = (*numbers, 0, 0, 0, 0)[:4]
        code = op.execute(self._s, kind, actor, account, x, y, amount, limit, option)
        if code != OK:
            asked = f"{op.KINDS[kind]} of {amount} units of asset or pair {x}"
            problem = Problem(
                what,
                f"the protocol refuses it at the start: {NAMES[code]} ({asked})",
                "more suppliers for what is borrowed, higher caps, or a smaller book",
            )
            raise ScenarioError(f"scenario '{self._scenario.name}'", [problem])
        if self._s.journal_length[0] >= OPERATIONS_PER_BLOCK:
            self._begin()

    def _tokens(self, i: int, usd: float) -> int:
        """Token units worth `usd` at the start."""
        return round(usd * VALUE) * int(self._s.unit[i]) // self._prices[i]

    def _fund(self, actor: int, i: int, amount: int) -> None:
        self._do("(tokens)", op.MINT_TOKEN, actor, op.NOBODY, i, 0, amount)

    def blocks(self) -> list[Block]:
        """All opening operations, carried out."""
        scenario, symbols = self._scenario, self._scenario.symbols
        for i, symbol in enumerate(symbols):
            self._do("(start)", op.ACCRUE, ADMIN, op.NOBODY, i)
            self._do("(start)", op.POST_PRICE, ADMIN, op.NOBODY, i, 0, self._prices[i])
            capital = scenario.protocol.insurance.capital_usd[symbol]
            for actor, kind, usd, path in (
                (SUPPLIERS, op.DEPOSIT, scenario.suppliers[symbol], f"suppliers.{symbol}"),
                (STAKERS, op.STAKE, capital, f"protocol.insurance.capital_usd.{symbol}"),
            ):
                if amount := self._tokens(i, usd):
                    self._fund(actor, i, amount)
                    self._do(path, kind, actor, op.NOBODY, i, 0, amount)
            if capital := self._tokens(i, scenario.arbitrage.capital_usd / len(symbols)):
                self._fund(ARBITRAGEURS, i, capital)
        for p, venue in enumerate(scenario.venues):
            sides = [int(i) for i in self._s.pair_tokens[p]]
            amounts = [self._tokens(i, depth_usd(venue)) for i in sides]
            for i, amount in zip(sides, amounts, strict=True):
                # Whoever comes back at another price needs more of one token than he took out.
                self._fund(LIQUIDITY_PROVIDERS, i, 2 * amount if varies(venue) else amount)
            path = f"venues[{p}]"
            self._do(path, op.ADD_LIQUIDITY, LIQUIDITY_PROVIDERS, op.NOBODY, p, 0, *amounts)
        for a in range(len(self._book.debt)):
            self._open_account(a)
        self._begin()
        self._s.clock[0] = self._blocks[-1].time
        return self._blocks

    def _open_account(self, a: int) -> None:
        owner, path = int(self._s.account_owner[a]), f"book (account {a})"
        if self._book.isolated[a]:
            self._do(path, op.SET_ISOLATED, owner, a, 0, 0, 0, 0, 1)
        for kind, amounts in ((op.SUPPLY, self._book.collateral), (op.BORROW, self._book.debt)):
            for i in range(len(self._scenario.symbols)):
                if amount := amounts[a, i]:
                    if kind == op.SUPPLY:
                        self._fund(owner, i, amount)
                    self._do(path, kind, owner, a, i, 0, amount)
