"""What a book is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.object_]  # Python integers

MAX_AMOUNT = 2**112
"""Amounts of the contracts are below it, in token units."""


class Reading(NamedTuple):
    """What the file of a book says besides amounts, and how it was understood."""

    names: tuple[str, ...]
    """Of the accounts."""
    owners: tuple[str, ...]
    """Of the accounts; their own names where the file names no owner."""
    health: Floats
    """(accounts,) health factors as the file has them; NaN where it has none."""
    lines: tuple[str, ...]
    """What was understood, for whoever runs it."""


class Parts(NamedTuple):
    """Where the accounts of a split book come from (`sim.books.placing`)."""

    of: npt.NDArray[np.intp]
    """(accounts,) the account of the book as it was drawn or read."""
    number: npt.NDArray[np.intp]
    """(accounts,) which part of it, from 1; 0 for all of it."""


class Book(NamedTuple):
    """Accounts at the start: rows are accounts, columns the scenario's assets."""

    collateral: Integers
    """(accounts, assets), token units."""
    debt: Integers
    """(accounts, assets), token units."""
    isolated: npt.NDArray[np.bool_]
    """(accounts,): margin is isolated: at most one asset each is collateral and debt."""
    unpledged: Integers | None = None
    """(accounts, assets), token units supplied that are not used as collateral; None: there are
    none."""
    reading: Reading | None = None
    """Of the file that it is from; None: it is drawn."""
    vault: npt.NDArray[np.int64] | None = None
    """(accounts,) the vault of each; None: all are in the first."""
    parts: Parts | None = None
    """None: every account is whole."""
    category: npt.NDArray[np.int64] | None = None
    """(accounts,) the category of each by its place in `protocol.categories`, from 1; 0 for none;
    None: nobody is in one."""

    @property
    def supplied(self) -> Integers:
        """(accounts, assets), token units: collateral and what is not pledged."""
        return self.collateral if self.unpledged is None else self.collateral + self.unpledged

    def recorded_health(self, a: int) -> float | None:
        """The health factor that the file has of an account; None where there is none."""
        if self.reading is None or a >= len(self.debt) or self._part(a):
            return None
        known = self.reading.health[self._whole(a)]
        return float(known) if np.isfinite(known) else None

    def name(self, a: int) -> str:
        """What to call an account: as its file does, or by its number."""
        of, part = self._whole(a), self._part(a)
        name = f"account {of}" if self.reading is None else self.reading.names[of]
        return f"{name} part {part}" if part else name

    def owner(self, a: int) -> str:
        """What to call the owner of an account, likewise; of all its parts."""
        of = self._whole(a)
        return f"borrower {of}" if self.reading is None else self.reading.owners[of]

    def _whole(self, a: int) -> int:
        return a if self.parts is None else int(self.parts.of[a])

    def _part(self, a: int) -> int:
        return 0 if self.parts is None else int(self.parts.number[a])
