"""Which of several vaults every account of a book is in, and the same book in more accounts.

An account is whole (`book.split: no`) in the vault that its file names, by chance in one of those
that take and lend what it has (`book.vault_shares`), or in the first of these. With `vaults`, one
whose collateral no single vault takes becomes one account per vault; with `isolated`, everyone
becomes one isolated account per collateral and debt, in the vaults that these would be in.

Debts follow the borrow limits of the parts, at the start's prices and the terms of the book. With
L_k the limit of part k, of those whose vault lends asset d,

    debt_kd = floor(debt_d L_k / sum_k L_k)

and the rest to the part with the largest limit; an isolated account's collateral follows the value
of its debts likewise. So nothing is lost or added by splitting, to the unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.books.book import Book, Floats, Integers, Parts
from sim.scenario import Scenario, ScenarioError
from sim.schema.problems import Problem

Amounts = dict[int, int]
"""Token units by asset."""


class _Part(NamedTuple):
    """An account of the book as it will be."""

    vault: int
    collateral: Amounts
    debt: Amounts


def placed(scenario: Scenario, book: Book, prices: Sequence[int], rng: np.random.Generator) -> Book:
    """The book with everyone in a vault; as it is, where there is one and nobody is split. `prices`
    have 8 decimals; `rng` says by chance who is where. Raises ScenarioError, which names accounts
    that no vault takes.
    """
    given, named = scenario.book, book.vault is not None
    if named and given.split == "vaults":
        problem = Problem("book.split", "the file names everyone's vault", "no, or isolated")
        raise ScenarioError(f"scenario '{scenario.name}'", [problem])
    if named and given.vault_shares:
        problem = Problem("book.vault_shares", "the file names everyone's vault", "leave them out")
        raise ScenarioError(f"scenario '{scenario.name}'", [problem])
    if given.split == "no" and not scenario.protocol.vaults:
        return book
    rules = _Rules(scenario, book, prices)
    if given.split == "no" or named:
        vault = rules.vaults(rng.random(len(book.debt)))
        book = book._replace(vault=vault)
        if given.split == "no":
            return book
    return _split(book, [rules.parts(a) for a in range(len(book.debt))], rules.isolates)


class _Rules:
    """What the vaults of a scenario take and lend, and what a book has."""

    def __init__(self, scenario: Scenario, book: Book, prices: Sequence[int]) -> None:
        self._scenario, self._book = scenario, book
        self.isolates = scenario.book.split == "isolated"
        vaults, symbols = scenario.protocol.vaults.values(), scenario.symbols
        everything = [[True] * len(symbols)]
        self._takes = np.array([[v.takes(one) for one in symbols] for v in vaults] or everything)
        self._lends = np.array([[v.lends(one) for one in symbols] for v in vaults] or everything)
        self._fits = ~(
            ((book.collateral != 0)[:, np.newaxis] & ~self._takes).any(axis=2)
            | ((book.debt != 0)[:, np.newaxis] & ~self._lends).any(axis=2)
        )
        """(accounts, vaults)."""
        units = [10**asset.decimals for asset in scenario.assets.values()]
        self._worth = [(int(price), unit) for price, unit in zip(prices, units, strict=True)]
        self._ltv = [
            scenario.terms[one].ltv_bps * scenario.terms[one].collateral_enabled for one in symbols
        ]

    def vaults(self, uniform: Floats) -> npt.NDArray[np.int64]:
        """The vault of every account that stays whole, (accounts,)."""
        if (named := self._book.vault) is not None:
            unfit = np.flatnonzero(~self._fits[np.arange(len(named)), named])
            if len(unfit):
                raise self._refused(
                    unfit, "its vault does not take its collateral, or lend it this"
                )
            return named
        if len(unfit := np.flatnonzero(~self._fits.any(axis=1))):
            raise self._refused(unfit, "no vault takes its collateral and lends its debts")
        names, shares = self._scenario.protocol.vaults, self._scenario.book.vault_shares
        odds = self._fits * np.array([shares.get(name, 0.0) for name in names])
        heaped = odds.cumsum(axis=1)
        drawn = (heaped <= (uniform * heaped[:, -1])[:, np.newaxis]).sum(axis=1)
        first = self._fits.argmax(axis=1)
        return np.where(heaped[:, -1] > 0, drawn, first).astype(np.int64)

    def _refused(self, accounts: Iterable[int], problem: str) -> ScenarioError:
        remedy = "book.split: vaults, or more of collateral and borrow in protocol.vaults"
        found = [Problem(f"book ({self._book.name(int(a))})", problem, remedy) for a in accounts]
        return ScenarioError(f"scenario '{self._scenario.name}'", found)

    def parts(self, a: int) -> list[_Part]:
        """The accounts that account a becomes."""
        owed = _held(self._book.debt[a])
        by_vault: dict[int, Amounts] = {}
        for c, amount in _held(self._book.collateral[a]).items():
            by_vault.setdefault(self._home(a, c), {})[c] = amount
        places = list(by_vault.items()) or [(self._home(a, None), {})]
        if self.isolates:
            places = [(v, {c: n}) for v, own in places for c, n in own.items()] or places
        parts: list[_Part] = []
        for (v, own), due in zip(places, self._debts(a, places, owed), strict=True):
            if self.isolates and len(due) > 1:
                parts += self._one_debt_each(v, own, due)
            else:
                parts.append(_Part(v, own, due))
        return parts

    def _home(self, a: int, c: int | None) -> int:
        """The vault in which account a has collateral c: one that takes all of the account, or the
        first that takes c and lends most of the assets that it owes.
        """
        if self._book.vault is not None:
            return int(self._book.vault[a])
        if self._fits[a].any():
            return int(self._fits[a].argmax())
        lent = (self._lends & (self._book.debt[a] != 0)).sum(axis=1)
        odds = lent if c is None else np.where(self._takes[:, c], lent, -1)
        if odds.max() < 0:
            raise self._refused([a], "no vault takes its collateral")
        return int(odds.argmax())

    def _debts(self, a: int, places: list[tuple[int, Amounts]], owed: Amounts) -> list[Amounts]:
        """What of the debts each part owes."""
        limits = [
            sum(self._value(c, n) * self._ltv[c] for c, n in own.items()) for _, own in places
        ]
        debts: list[Amounts] = [{} for _ in places]
        for d, amount in owed.items():
            lends = [int(self._lends[v, d]) for v, _ in places]
            if not any(lends):
                raise self._refused([a], "no vault that takes its collateral lends its debts")
            weights = [limit * may for limit, may in zip(limits, lends, strict=True)]
            parts = shared(amount, weights if any(weights) else lends)
            for own, part in zip(debts, parts, strict=True):
                if part:
                    own[d] = part
        return debts

    def _one_debt_each(self, v: int, own: Amounts, due: Amounts) -> Iterator[_Part]:
        values = [self._value(d, n) + 1 for d, n in due.items()]  # of dust, too, something
        columns = {c: shared(n, values) for c, n in own.items()}
        for k, (d, n) in enumerate(due.items()):
            yield _Part(v, {c: parts[k] for c, parts in columns.items()}, {d: n})

    def _value(self, i: int, amount: int) -> int:
        price, unit = self._worth[i]
        return int(amount * price // unit)


def _held(row: Integers) -> Amounts:
    return {int(i): int(row[i]) for i in np.flatnonzero(row)}


def shared(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` by weights, not all 0, each part down, and what is left to the largest weight."""
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    parts[weights.index(max(weights))] += amount - sum(parts)
    return parts


def _split(book: Book, parts: list[list[_Part]], isolates: bool) -> Book:
    """The book with these accounts in the place of its own; what backs no debt stays with the first
    of them.
    """
    rows = [(a, n, part) for a, own in enumerate(parts) for n, part in enumerate(own)]
    shape = (len(rows), book.debt.shape[1])
    collateral, debt = np.full(shape, 0, dtype=object), np.full(shape, 0, dtype=object)
    for row, (_, _, part) in enumerate(rows):
        for amounts, own in ((collateral, part.collateral), (debt, part.debt)):
            for i, amount in own.items():
                amounts[row, i] = amount
    of = np.array([a for a, _, _ in rows], dtype=np.intp)
    return book._replace(
        collateral=collateral,
        debt=debt,
        isolated=np.ones(len(rows), dtype=bool) if isolates else book.isolated[of],
        unpledged=_with_first(book.unpledged, rows, shape),
        vault=np.array([part.vault for _, _, part in rows], dtype=np.int64),
        category=None if book.category is None else book.category[of],
        parts=Parts(of, np.array([n + 1 if len(parts[a]) > 1 else 0 for a, n, _ in rows])),
    )


def _with_first(
    unpledged: Integers | None, rows: list[tuple[int, int, _Part]], shape: tuple[int, int]
) -> Integers | None:
    if unpledged is None:
        return None
    amounts = np.full(shape, 0, dtype=object)
    for row, (a, n, _) in enumerate(rows):
        if n == 0:
            amounts[row] = unpledged[a]
    return amounts
