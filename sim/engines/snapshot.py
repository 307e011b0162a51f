"""What the contracts work out of their storage (prices, thresholds, how accounts stand), and what
the twin says it must be, word for word.

Each section is one view of `contracts/periphery/Lens.sol`: rows of named fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sim.engines.artifacts import contracts
from sim.engines.calldata import words
from sim.engines.deployment import Deployment
from sim.protocol import oracle, vault
from sim.protocol.fixed_point import wad
from sim.protocol.state import (
    ANCHOR,
    CUMULATIVE0,
    CUMULATIVE1,
    FLAGGED_AT,
    IS_COLLATERAL,
    ISOLATED,
    LAST_UPDATE,
    LP_SUPPLY,
    ORACLE,
    POSITION_DEBT,
    RESERVE0,
    RESERVE1,
    SUPPLIED,
    State,
)
from sim.protocol.vault_accounts import health
from sim.protocol.vault_reserves import threshold

ANCHORED = [name.replace("_", " ") for name in ORACLE[ANCHOR:]]
PRICE = tuple(name.replace("_", " ") for name in oracle.Quote._fields) + tuple(ANCHORED)
ACCOUNT = (
    "collateral bits",
    "debt bits",
    "flagged at",
    "isolated",
    "health factor",
    "collateral value",
    "debt value",
    "prices usable",
    "liquidatable",
)
PAIR_COLUMNS = [RESERVE0, RESERVE1, CUMULATIVE0, CUMULATIVE1, LAST_UPDATE, LP_SUPPLY]
PAIR = ("reserve0", "reserve1", "cumulative0", "cumulative1", "last update", "LP supply")


class Section(NamedTuple):
    """One view: for every row its fields, word after word."""

    to: str
    data: bytes
    rows: list[str]
    fields: tuple[str, ...]

    def label(self, word: int) -> str:
        """What the word stands for."""
        row, field = divmod(word, len(self.fields))
        return f"{self.rows[row]} {self.fields[field]}"


class Snapshot:
    """Views of one deployment of a state."""

    def __init__(
        self, s: State, deployment: Deployment, symbols: list[str], account_ids: list[int]
    ) -> None:
        self._d, self._ids = deployment, account_ids
        self._vault_of = s.account_vault.tolist()
        fields = [f"{f} {symbol}" for symbol in symbols for f in ("supplied", "scaled debt")]
        self._account_fields = (*ACCOUNT, *fields)
        self._always = list[Section]()
        for v, router in enumerate(deployment.routers):
            rows = [f"oracle {v} {symbol}" for symbol in symbols]
            tokens = [deployment.tokens]
            self._always.append(self._section("prices", [router], tokens, PRICE, rows))
            rows = [f"vault {v} {symbol}" for symbol in symbols]
            at = [deployment.vaults[v]]
            self._always.append(self._section("thresholds", at, [], ("threshold",), rows))

    def sections(self, accounts: Sequence[int]) -> list[Section]:
        """Prices and thresholds of every vault, then how these accounts stand, by their vaults."""
        found = self._always.copy()
        for v, here in self._by_vault(accounts):
            rows = [f"vault {v} account {a}" for a in here]
            arrays: list[list[Any]] = [[self._ids[a] for a in here], self._d.tokens]
            head = [self._d.vaults[v]]
            found.append(self._section("accounts", head, arrays, self._account_fields, rows))
        return found

    def expected(self, s: State, accounts: Sequence[int]) -> list[list[int]]:
        """What the sections of these accounts must return."""
        found, assets = [], range(len(s.unit))
        for v in range(len(self._d.vaults)):
            found.append([x for i in assets for x in _price(s, v, i)])
            found.append([threshold(s, v, i) for i in assets])
        for _, here in self._by_vault(accounts):
            found.append([x for a in here for x in _account(s, a)])
        return found

    def _by_vault(self, accounts: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        for v in range(len(self._d.vaults)):
            here = [a for a in accounts if self._vault_of[a] == v]
            if here:
                yield v, here

    def _section(
        self,
        view: str,
        head: list[str],
        arrays: list[list[Any]],
        fields: tuple[str, ...],
        rows: list[str],
    ) -> Section:
        """Calldata of a Lens view: addresses, then arrays of words."""
        size = 32 * (len(head) + len(arrays))
        offsets, tails = [], b""
        for array in arrays:
            offsets.append(size + len(tails))
            tails += words(len(array), *array)
        data = contracts()["Lens"].selector(view) + words(*head, *offsets) + tails
        return Section(self._d.lens, data, rows, fields)


def _price(s: State, v: int, i: int) -> list[int]:
    """The row that `Lens.prices` returns."""
    quote = [int(word) for word in oracle.read(s, v, i)]
    return [*quote, *s.oracle[v, i, ANCHOR:].tolist()]


def _account(s: State, a: int) -> list[int]:
    """The row that `Lens.accounts` returns."""
    assets = range(len(s.unit))
    h = health(s, a)
    row = [
        sum(1 << i for i in assets if s.position[a, i, IS_COLLATERAL]),
        sum(1 << i for i in assets if s.position[a, i, POSITION_DEBT]),
        s.account[a, FLAGGED_AT],
        s.account[a, ISOLATED],
        h.factor,
        h.collateral_value,
        h.debt_value,
        int(h.prices_usable),
        int(h.factor < wad() and vault.is_liquidatable(s, a)),
    ]
    return [*row, *s.position[a, :, [SUPPLIED, POSITION_DEBT]].T.ravel().tolist()]
