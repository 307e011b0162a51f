"""What the user's book holds: its assets, known to the base or not, and what is owed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import ValidationError

from sim.books.table import read_table
from sim.schema.book import BookFile
from sim.schema.problems import ScenarioError, explain
from sim.schema.yaml_file import read
from sim.starter.symbols import is_symbol, of_address

_NEEDED = ("account", "asset", "supplied", "debt")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


class Held(NamedTuple):
    """The assets of a book."""

    all: tuple[str, ...]
    """Symbols, in the order of the file."""
    addresses: dict[str, str]
    """Symbol -> its address, where the file calls it by one that the base does not know."""
    decimals: dict[str, int]
    """Symbol -> decimals, of tokens whose address is known."""
    owed: dict[str, float]
    """Symbol -> what all accounts owe, in the amounts of the file, where they owe any."""
    unnamed: tuple[str, ...]
    """What no asset of a scenario can be called; nowhere else here."""


def held(book: Mapping[str, Any], known: Mapping[str, Any]) -> Held:
    """What is in a book: `book` is the block of a scenario, its file by an absolute path, `known`
    the assets of the base and of files of prices. Raises `ScenarioError`.
    """
    try:
        described = BookFile.model_validate(book)
    except ValidationError as error:
        raise ScenarioError(f"the book {book['file']}", explain(error, BookFile)) from error
    called = {name: name for name in _NEEDED} | dict(described.columns)
    rows = read_table(described.file, called, _NEEDED).rows
    spelt = {symbol.lower(): symbol for symbol in known}
    given = {
        asset["address"].lower(): symbol
        for symbol, asset in known.items()
        if isinstance(asset, dict) and asset.get("address")
    }
    addresses: dict[str, str] = {}
    symbols: dict[str, str] = {}
    for text in rows["asset"].str.lower().unique():
        if text in given or text in spelt:
            symbols[text] = given.get(text) or spelt[text]
            continue
        as_written = str(rows["asset"][rows["asset"].str.lower() == text].iloc[0])
        name = as_written
        if _ADDRESS.fullmatch(text):
            name = _tokens().get(text, {}).get("symbol", of_address(text))
            name = spelt.get(name.lower(), name)
        if is_symbol(name) and name not in symbols.values():
            symbols[text] = name
            addresses |= {name: text} if _ADDRESS.fullmatch(text) else {}
    debts = pd.to_numeric(rows["debt"], errors="coerce").fillna(0.0)
    owed = debts.groupby(rows["asset"].str.lower().map(symbols)).sum()
    unnamed = [one for one in rows["asset"].unique() if one and one.lower() not in symbols]
    return Held(
        tuple(dict.fromkeys(symbols.values())),
        addresses,
        {name: int(_tokens()[at]["decimals"]) for name, at in addresses.items() if at in _tokens()},
        {str(name): float(amount) for name, amount in owed.items() if amount > 0},
        tuple(unnamed),
    )


@cache
def _tokens() -> dict[str, Any]:
    """Address in lower case -> symbol, decimals."""
    found: Any = read(Path(__file__).with_name("addresses.yaml"))
    return dict(found)
