"""Books from a CSV file: a row per account and asset, in tokens.

    account,asset,supplied,debt,isolated
    0x71c...,WETH,12.5,0,no
    0x71c...,USDC,0,9300.25,no

Accounts are numbered in the order in which the file names them first; `isolated` may be left out.
Amounts are exact decimals, never floats: a token unit more or less is a row that is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from sim.books.book import MAX_AMOUNT, Book
from sim.scenario import Scenario, ScenarioError
from sim.schema.book import BookFile
from sim.schema.csv_file import Line, read_lines
from sim.schema.problems import Problem, nearest

_COLUMNS = ("account", "asset", "supplied", "debt", "isolated")
_NEEDED = _COLUMNS[:4]
_EXAMPLE = ",".join(_NEEDED)
_MOST_ACCOUNTS = 100_000
_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]*))?", re.ASCII)
_YES, _NO = ("yes", "true", "1"), ("no", "false", "0", "")


def recorded(scenario: Scenario) -> Book:
    """The book in the file that the scenario names.

    Raises ScenarioError, which names file, line and remedy of everything that is wrong with it.
    """
    assert isinstance(scenario.book, BookFile)
    file = scenario.book.file
    header, lines = read_lines(file, _EXAMPLE)
    if problems := list(_header_problems(header)):
        raise ScenarioError(file, problems)
    rows = [_Row(line, header) for line in lines]
    if problems := list(_problems(rows, scenario)):
        raise ScenarioError(file, problems)

    accounts: dict[str, int] = {}
    for row in rows:
        accounts.setdefault(row.account, len(accounts))
    shape = (len(accounts), len(scenario.symbols))
    collateral, debt = np.full(shape, 0, dtype=object), np.full(shape, 0, dtype=object)
    isolated = np.zeros(len(accounts), dtype=bool)
    for row in rows:
        a, i = accounts[row.account], scenario.symbols.index(row.asset)
        decimals = scenario.assets[row.asset].decimals
        collateral[a, i] = _units(row.supplied, decimals)
        debt[a, i] = _units(row.debt, decimals)
        isolated[a] = row.isolated in _YES
    return Book(collateral, debt, isolated)


class _Row:
    """The cells of a line by their columns."""

    def __init__(self, line: Line, header: list[str]) -> None:
        cells = dict(zip(header, line.cells, strict=True))
        self.line = line.number
        self.account, self.asset, self.supplied, self.debt = (cells[name] for name in _NEEDED)
        self.isolated = cells.get("isolated", "").lower()


def _units(text: str, decimals: int) -> int:
    """Tokens as written, in token units; raises ValueError, which says what is wrong with them."""
    if text.startswith("-"):
        raise ValueError("is negative")
    match = _AMOUNT.fullmatch(text)
    if not match:
        raise ValueError("is no decimal number" if text else "is empty")
    fraction = (match[2] or "").rstrip("0")
    if len(fraction) > decimals:
        raise ValueError(f"has more decimals than the {decimals} of the token")
    digits = match[1].lstrip("0") + fraction.ljust(decimals, "0")
    if len(digits) > len(str(MAX_AMOUNT)) or int(digits or "0") >= MAX_AMOUNT:
        raise ValueError("is 2^112 token units or more")
    return int(digits or "0")


def _header_problems(header: list[str]) -> Iterator[Problem]:
    for name in _NEEDED:
        if name not in header:
            yield Problem("line 1", f"there is no column {name}", f"a header like {_EXAMPLE}")
    for i, name in enumerate(header):
        if name not in _COLUMNS:
            yield Problem("line 1", f"unknown column '{name}'", nearest(name, _COLUMNS, "columns"))
        elif name in header[:i]:
            yield Problem("line 1", f"two columns are named {name}", "one of them")


def _problems(rows: list[_Row], scenario: Scenario) -> Iterator[Problem]:
    if not rows:
        yield Problem("line 2", "there are no accounts", "a row per account and asset")
    lines: dict[tuple[str, str], int] = {}
    isolated: dict[str, _Row] = {}
    sides: dict[tuple[str, str], int] = {}
    for row in rows:
        yield from _row_problems(row, scenario)
        same = lines.setdefault((row.account, row.asset), row.line)
        if same != row.line:
            yield Problem(
                f"line {row.line}",
                f"account {row.account} and {row.asset} are on line {same} already",
                "one row per account and asset: add the amounts",
            )
        first = isolated.setdefault(row.account, row)
        if first.isolated != row.isolated:
            yield Problem(
                f"line {row.line}, isolated",
                f"'{row.isolated}', but '{first.isolated}' on line {first.line}",
                "the same on every line of an account",
            )
        for side in ("supplied", "debt") if row.isolated in _YES else ():
            if not getattr(row, side).strip("0."):
                continue
            other = sides.setdefault((row.account, side), row.line)
            if other != row.line:
                yield Problem(
                    f"line {row.line}, {side}",
                    f"a second asset of isolated account {row.account}, after line {other}",
                    "0: an isolated account has one collateral and one debt asset",
                )
    spelt: dict[str, _Row] = {}
    for row in rows:
        first = spelt.setdefault(row.account.casefold(), row)
        if first.account != row.account:
            yield Problem(
                f"line {row.line}, account",
                f"'{row.account}' is '{first.account}' of line {first.line} in other letters",
                "one spelling of an account",
            )
    if len(isolated) > _MOST_ACCOUNTS:
        yield Problem("(file)", f"names {len(isolated):,} accounts", f"at most {_MOST_ACCOUNTS:,}")


def _row_problems(row: _Row, scenario: Scenario) -> Iterator[Problem]:
    if not row.account:
        yield Problem(f"line {row.line}, account", "is empty", "a name, the same on all its lines")
    elif not (row.account.isascii() and row.account.isprintable()):
        yield Problem(
            f"line {row.line}, account",
            f"{row.account!a} has a character that cannot be seen or told from another",
            "letters, digits and signs of ASCII",
        )
    if row.isolated not in (*_YES, *_NO):
        yield Problem(f"line {row.line}, isolated", f"'{row.isolated}' is no answer", "yes or no")
    if row.asset not in scenario.assets:
        remedy = nearest(row.asset, scenario.assets, "the assets are")
        yield Problem(f"line {row.line}, asset", f"'{row.asset}' is not an asset", remedy)
        return
    decimals = scenario.assets[row.asset].decimals
    amounts = {}
    for side in ("supplied", "debt"):
        text = getattr(row, side)
        try:
            amounts[side] = _units(text, decimals)
        except ValueError as error:
            yield Problem(
                f"line {row.line}, {side}",
                f"'{text[:40]}' {error}" if text else str(error),
                f"tokens >= 0 with at most {decimals} decimals, like 12.5",
            )
    if amounts.get("debt") and not scenario.protocol.reserves[row.asset].borrow_enabled:
        yield Problem(
            f"line {row.line}, debt",
            f"{row.asset} cannot be borrowed",
            f"0, or protocol.reserves.{row.asset}.borrow_enabled",
        )
