"""What the user's book holds: its assets, known to the base or not, and what is owed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
from pydantic import ValidationError

from sim.books.table import read_table
from sim.schema.book import BookFile
from sim.schema.problems import ScenarioError, explain
from sim.starter.symbols import is_symbol, of_address

_NEEDED = ("account", "asset", "supplied", "debt")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


class Held(NamedTuple):
    """The assets of a book."""

    new: dict[str, str | None]
    """Symbol -> address, if the book calls it so; of those that the base does not know."""
    unnamed: tuple[str, ...]
    """What no asset of a scenario can be called."""
    owed: dict[str, float]
    """Symbol -> what all accounts owe, in the amounts of the file; not of the unnamed."""
    all: tuple[str, ...]
    """The symbols of all but the unnamed."""


def held(book: Mapping[str, Any], base: Mapping[str, Any]) -> Held:
    """What is in a book: `book` is the block of a scenario, its file by an absolute path, `base`
    the assets that are known. Raises `ScenarioError`.
    """
    try:
        described = BookFile.model_validate(book)
    except ValidationError as error:
        raise ScenarioError(f"the book {book['file']}", explain(error, BookFile)) from error
    called = {name: name for name in _NEEDED} | dict(described.columns)
    rows = read_table(described.file, called, _NEEDED).rows
    by_address = {
        str(asset["address"]).lower(): symbol
        for symbol, asset in base.items()
        if isinstance(asset, dict) and asset.get("address")
    }
    spelt = {symbol.lower(): symbol for symbol in base} | by_address
    new: dict[str, str | None] = {}
    unnamed = []
    for text in rows["asset"].unique():
        if not text or text.lower() in spelt:
            continue
        address = text.lower() if _ADDRESS.fullmatch(text.lower()) else None
        symbol = of_address(address) if address else text
        if not is_symbol(symbol) or symbol in new:
            unnamed.append(text)
            continue
        new[symbol], spelt[text.lower()] = address, symbol
    debts = pd.to_numeric(rows["debt"], errors="coerce").fillna(0.0)
    symbols = rows["asset"].str.lower().map(spelt)
    owed = debts.groupby(symbols).sum()
    there = tuple(dict.fromkeys(symbols.dropna()))
    return Held(new, tuple(unnamed), {name: owed[name] for name in there if owed[name] > 0}, there)
