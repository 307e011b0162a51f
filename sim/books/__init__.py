"""Borrower books: who owes what against which collateral when a run starts.

A book is drawn from the distributions of a scenario (`synthetic`), or read from a file, one account
after the other (`recorded`). Everyone is in one of the vaults (`placed`). `describe` says how it
compares with measured ones.
"""

from collections.abc import Sequence

import numpy as np

from sim.books.book import Book
from sim.books.description import COMPOUND_2023, describe, gini
from sim.books.placing import placed
from sim.books.recorded import recorded
from sim.books.synthetic import synthetic
from sim.scenario import Scenario
from sim.schema.book import BookFile

__all__ = ["COMPOUND_2023", "Book", "at_start", "describe", "gini", "recorded", "synthetic"]


def at_start(scenario: Scenario, prices: Sequence[int], rng: np.random.Generator) -> Book:
    """The book of a scenario; raises what `synthetic`, `recorded` and `placed` do."""
    if isinstance(scenario.book, BookFile):
        book = recorded(scenario)
    else:
        book = synthetic(scenario, prices, rng)
    (own,) = rng.spawn(1)
    return placed(scenario, book, prices, own)
