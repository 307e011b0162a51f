"""Refuses amounts of a book that compiled code must not see: it checks no bounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.books import Book


def check_amounts(collateral: Any, debt: Any, book: Book) -> None:
    """Raise ValueError unless both are float64, of the shape of the book's, (accounts, assets), and
    whole token units from 0 up, with nothing where the book has nothing: the operations of an
    opening can be of other amounts, but are not of other assets.
    """
    for name, table, own in (
        ("collateral", collateral, book.collateral),
        ("debt", debt, book.debt),
    ):
        if not isinstance(table, np.ndarray) or table.dtype != np.float64:
            what = getattr(table, "dtype", type(table).__name__)
            raise ValueError(f"{name} is of {what}: an array of float64 is needed, in token units")
        if table.shape != own.shape:
            raise ValueError(
                f"{name} has shape {table.shape}: that of the book, {own.shape}, is needed, "
                "(accounts, assets)"
            )
        wrong = ~((table >= 0) & (table < np.inf) & (np.rint(table) == table))
        if wrong.any():
            raise ValueError(
                f"{name} holds {table[wrong][0]}: whole token units from 0 up are needed"
            )
        new = (table > 0) & (own == 0)
        if new.any():
            a, i = np.argwhere(new)[0]
            raise ValueError(f"{name} of account {a} in asset {i} is new: the book has none there")
