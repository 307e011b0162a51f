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

Rows = dict[str, list[int]]
ANCHORED = [name.replace("_", " ") for name in ORACLE[ANCHOR:]]
PRICE = ("price", "status", "usable", "collateral price", "debt price", *ANCHORED)
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
STAKER = ("stake", "pending stake", "unlock at")
PAIR_COLUMNS = [RESERVE0, RESERVE1, CUMULATIVE0, CUMULATIVE1, LAST_UPDATE, LP_SUPPLY]
PAIR = ("reserve0", "reserve1", "cumulative0", "cumulative1", "last update", "LP supply")


class Section(NamedTuple):
    """One view, and what it must return: for every row its fields."""

    to: str
    data: bytes
    rows: list[str]
    fields: tuple[str, ...]
    expected: list[int]

    def label(self, word: int) -> str:
        """What the word stands for."""
        row, field = divmod(word, len(self.fields))
        return f"{self.rows[row]} {self.fields[field]}"


class Snapshot:
    """Views of one deployment."""

    def __init__(self, deployment: Deployment, symbols: list[str], account_ids: list[int]) -> None:
        self._d, self._symbols, self._ids = deployment, symbols, account_ids

    def sections(self, s: State, accounts: Sequence[int]) -> Iterator[Section]:
        """Prices and thresholds of every vault, and how these accounts stand."""
        d, symbols, m = self._d, self._symbols, range(len(self._symbols))
        fields = tuple(f"{f} {symbol}" for symbol in symbols for f in ("supplied", "scaled debt"))
        for v in range(len(d.vaults)):
            rows = {
                f"oracle {v} {symbols[i]}": [*_price(s, v, i), *s.oracle[v, i, ANCHOR:]] for i in m
            }
            yield self._section("prices", [d.routers[v]], [d.tokens], PRICE, rows)
            rows = {f"vault {v} {symbols[i]}": [threshold(s, v, i)] for i in m}
            yield self._section("thresholds", [d.vaults[v]], [], ("threshold",), rows)
            here = [a for a in accounts if s.account_vault[a] == v]
            if here:
                rows = {f"vault {v} account {a}": _account(s, a) for a in here}
                arrays: list[list[Any]] = [[self._ids[a] for a in here], d.tokens]
                yield self._section("accounts", [d.vaults[v]], arrays, ACCOUNT + fields, rows)

    def _section(
        self,
        view: str,
        head: list[str],
        arrays: list[list[Any]],
        fields: tuple[str, ...],
        rows: Rows,
    ) -> Section:
        """Calldata of a Lens view: addresses, then arrays of words; and what it must return."""
        size = 32 * (len(head) + len(arrays))
        offsets, tails = [], b""
        for array in arrays:
            offsets.append(size + len(tails))
            tails += words(len(array), *array)
        data = contracts()["Lens"].selector(view) + words(*head, *offsets) + tails
        expected = [word for row in rows.values() for word in row]
        return Section(self._d.lens, data, list(rows), fields, expected)


def _price(s: State, v: int, i: int) -> tuple[int, ...]:
    q = oracle.read(s, v, i)
    return q.price, q.status, int(q.usable), q.collateral_price, q.debt_price


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
        int(vault.is_liquidatable(s, a)),
    ]
    return row + [x for i in assets for x in s.position[a, i, [SUPPLIED, POSITION_DEBT]]]
