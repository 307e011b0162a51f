"""What a sweep is to run: a scenario, how its books and paths are drawn, and how they are cut into
blocks.

Path k has the borrowers of book k mod B. So a sweep that goes on with more paths has more of every
book, and no path that was run is another one then.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from sim.books.seeds import seed_of
from sim.market.draws import REPLICATES, Sampler
from sim.scenario import Scenario
from sim.schema.book import BorrowerBook

BLOCK = 64
"""Paths of a block at most where nobody knows how long they take."""
BLOCK_SECONDS = 2.0
"""Of a block, and of the blocks that a worker takes at a time: so much is lost when a run is
killed, and to hand it out is a thousandth of it.
"""
_LARGEST_BLOCK = 8_192
_TASKS = 64  # at least, so that workers end together, but not of fewer paths than these:
_FEW = 16
PATHS = 1_024
"""Paths of a sweep unless the user says otherwise: a number that suits both samplers."""
_MOST_BOOKS, _LEAST_BOOKS = 200, 20
_PATHS_OF_A_BOOK = 5
_MANY_ACCOUNTS = 2_000


class Block(NamedTuple):
    """Paths of one book: `size` of them, from path `first` on every `every`-th."""

    number: int
    first: int
    size: int
    book: int = 0
    every: int = 1

    @property
    def paths(self) -> range:
        """Their numbers."""
        return range(self.first, self.first + self.size * self.every, self.every)

    def __str__(self) -> str:
        said = f"paths {self.paths[0]:,} to {self.paths[-1]:,}"
        return said if self.every == 1 else f"{said} of book {self.book:,}"


class Pace(NamedTuple):
    """How long a worker takes, in seconds."""

    path: float
    world: float
    """To get ready a book that it has not had."""

    def at_once(self, paths: int) -> int:
        """How many of `paths` a worker takes at a time: about `BLOCK_SECONDS` of them, no less than
        the world takes, no more than leave something for others.
        """
        some = round(max(BLOCK_SECONDS, self.world) / max(self.path, 1e-9))
        return max(1, min(some, _LARGEST_BLOCK, max(_FEW, -(-paths // _TASKS))))


class Plan(NamedTuple):
    """Paths 0 to `paths - 1` of a scenario, `block` paths of a book at a time."""

    scenario: Scenario
    """Its seed is that of the paths."""
    sampler: Sampler
    paths: int
    block: int
    books: int
    book_seed: int

    def blocks(self) -> list[Block]:
        """All blocks, book by book. Within a book boundaries are multiples of the size, and the
        last block may be shorter.
        """
        found = []
        for book in range(min(self.books, self.paths)):
            own = range(book, self.paths, self.books)
            for n, begin in enumerate(range(0, len(own), self.block)):
                some = own[begin : begin + self.block]
                number = n * self.books + book
                found.append(Block(number, some[0], len(some), book, self.books))
        return found

    def seed_of(self, book: int) -> int:
        """What a book is drawn with."""
        return seed_of(self.book_seed, book)

    def seed_of_path(self, path: int) -> int:
        """What the book of a path is drawn with."""
        return self.seed_of(path % self.books)

    def of(self, outcomes: pd.DataFrame) -> Plan:
        """What these paths alone, all or some of it, would have been."""
        books = min(self.books, int(outcomes["book"].nunique()))
        return self._replace(paths=len(outcomes), books=books)

    def problem(self) -> str | None:
        """Why this cannot be run or its errors not be estimated, and what would do; or None."""
        numbers = (("paths", self.paths), ("block", self.block), ("books", self.books))
        for name, number in numbers:
            if number < 1:
                return f"{name} {number}: 1 or more is needed"
        if self.books > 1:
            if why := one_book_only(self.scenario, self.sampler):
                return f"books {self.books}: {why}: 1, or leave it out"
            if self.books > self.paths:
                return (
                    f"books {self.books:,}: more than there are paths; {self.paths} or "
                    "less, best a fifth of the paths"
                )
        if self.sampler == "mc" or not self.paths % REPLICATES:
            return None
        below = self.paths - self.paths % REPLICATES
        near = " or ".join(f"{n:,}" for n in (below, below + REPLICATES) if n)
        return (
            f"{self.paths:,} paths are not {REPLICATES} replicates of equal size, from which the "
            f"errors of sobol are estimated: {near} would do"
        )

    def advice(self) -> str | None:
        """A number of paths that the sampler makes more of, if this is not one."""
        each = self.paths / REPLICATES
        if self.sampler == "mc" or not each or math.log2(each).is_integer():
            return None
        power = math.floor(math.log2(each)) if each >= 1 else 0
        near = " or ".join(f"{REPLICATES * 2**p:,}" for p in (power, power + 1))
        return (
            f"Sobol points are balanced best when each of the {REPLICATES} replicates has a power "
            f"of two of them: {near} paths would give more than {self.paths:,}."
        )


def one_book_only(scenario: Scenario, sampler: Sampler) -> str | None:
    """Why all paths have one book; None if there can be more."""
    if not isinstance(scenario.book, BorrowerBook):
        return "the book is recorded, there is one"
    if sampler == "sobol":
        return "sobol spreads the paths of one book evenly, not those of several"
    return None


def usual_books(scenario: Scenario, sampler: Sampler, paths: int) -> int:
    """How many books unless the user says otherwise: one for every five paths, 200 at most; above
    2,000 accounts, where a book takes as long to build as many paths to run, fewer, but 20 where
    paths allow.
    """
    if one_book_only(scenario, sampler):
        return 1
    assert isinstance(scenario.book, BorrowerBook)
    most = _MOST_BOOKS * _MANY_ACCOUNTS // max(_MANY_ACCOUNTS, scenario.book.accounts)
    return max(1, min(max(most, _LEAST_BOOKS), paths // _PATHS_OF_A_BOOK))


def usual_block(paths: int, books: int, pace: Pace | None = None) -> int:
    """Paths of a block unless the user says otherwise: all of a book, but no more than a worker
    takes at a time, `BLOCK` where its pace is not known.
    """
    return min(pace.at_once(paths) if pace else BLOCK, -(-paths // books))
