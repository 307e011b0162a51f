"""Books from a CSV file: a row per account and asset.

    account,asset,supplied,debt,isolated,used_as_collateral,owner,health
    0x71c...,WETH,12.5,0,no,yes,0x9f0...,1.72
    0x71c...,USDC,0,9300.25,no,,0x9f0...,1.72

The last four columns may be left out, others are ignored but `vault`, which names the one that the
account is in, and `category`, the one that it opted into, where the scenario has such; and
`book.columns` says what the file calls them. Accounts are numbered in the order in which the file
names them first. Of addresses the case does not matter; assets go by their symbols, in any case if
that is unambiguous, or addresses (`assets.X.address`). An empty amount is none; several rows of an
account and asset are added.

Amounts are exact decimals, with an exponent if need be, in tokens or base units (`book.units`).
What goes beyond the token's decimals is rounded against the account: collateral down, debt up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.books import unlisted
from sim.books.amounts import TooLargeError, amount
from sim.books.book import MAX_AMOUNT, Book, Floats, Reading
from sim.books.table import Table, read_table
from sim.protocol.soundness import MOST_ASSETS
from sim.scenario import Scenario, ScenarioError
from sim.schema.book import BookFile
from sim.schema.problems import Problem, nearest

_NEEDED = ("account", "asset", "supplied", "debt")
_COLUMNS = (*_NEEDED, "isolated", "used_as_collateral", "owner", "health")
_VAULT, _CATEGORY = "vault", "category"
"""Columns where there are several vaults, and categories."""
_SIDES = ("supplied", "debt")
_MOST_ACCOUNTS = 100_000
_ANSWERS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_ZEROS = ("", "0", "0.0")
_NO_HEALTH = ("", "inf", "infinity", "nan", "none", "null")

Frame = pd.DataFrame
Texts = pd.Series  # of str
Numbers = pd.Series  # of float


def recorded(scenario: Scenario) -> Book:
    """The book in the file that the scenario names.

    Raises ScenarioError, which names file, line and remedy of everything that is wrong with it.
    """
    book = scenario.book
    assert isinstance(book, BookFile)
    named = {_VAULT: scenario.protocol.vaults, _CATEGORY: scenario.protocol.categories}
    called = {name: name for name in (*_COLUMNS, *(name for name, there in named.items() if there))}
    called |= {name: column for name, column in book.columns.items() if named.get(name, True)}
    table = read_table(book.file, called, _NEEDED)
    rows = table.rows.copy()
    if rows.empty:
        none = Problem("line 2", "there are no accounts", "a row per account and asset")
        raise ScenarioError(book.file, [none])
    rows["who"] = rows["account"].where(~_is_address(rows["account"]), rows["account"].str.lower())
    problems = [*_account_problems(rows)]
    symbols, found = _symbols(rows["asset"], scenario)
    problems += found
    rows["symbol"] = rows["asset"].map(symbols)
    for column, default in (("isolated", False), ("used_as_collateral", True)):
        answers = rows[column].str.lower().map({**_ANSWERS, "": default})
        for line, text in rows[column][answers.isna()].items():
            problems.append(
                Problem(f"line {line}, {column}", f"'{text}' is no answer", "yes or no")
            )
        rows[column] = answers.where(answers.notna(), default).astype(bool)
    for column, there in named.items():
        if there:
            problems += _name_problems(rows, column, list(there))
    healths = _numbers(rows["health"])
    for line, text in rows["health"][healths.isna()].items():
        problem = f"'{text}' is no health factor"
        problems.append(Problem(f"line {line}, health", problem, "a number, or nothing"))
    rounded = 0
    for side in _SIDES:
        rows[f"{side}_units"], count, found = _amounts(rows, side, scenario, book.units)
        rounded += count
        problems += found
    if book.unlisted == "refuse":
        problems += unlisted.problems(rows, scenario)
    if not problems:
        problems += _conflicts(rows.assign(health_number=healths))
    listed = rows["symbol"] != ""
    kept = rows[listed & ~rows["who"].isin(lost := unlisted.without_collateral(rows))]
    if kept["who"].nunique() > _MOST_ACCOUNTS:
        problem = f"names {kept['who'].nunique():,} accounts"
        problems.append(Problem("(file)", problem, f"at most {_MOST_ACCOUNTS:,}"))
    if kept.empty and not problems:
        problems.append(Problem("(file)", "names no account with an asset", "the assets' rows"))
    if problems:
        raise ScenarioError(book.file, sorted(problems, key=_line))
    lines = [_understood(book, table, kept, rounded)]
    if not listed.all():
        lines.append(unlisted.left_out(rows, len(lost)))
    return _book(kept.assign(health=healths), scenario, book.file, lines)


# --- what rows say --------------------------------------------------------------------------------


def _is_address(accounts: Texts) -> Any:
    return accounts.str.fullmatch(r"0[xX][0-9a-fA-F]+")


def _symbols(assets: Texts, scenario: Scenario) -> tuple[dict[str, str], list[Problem]]:
    """Symbol by what a file calls the asset, empty for what is none, and what is not clear."""
    addresses = {
        asset.address.lower(): symbol
        for symbol, asset in scenario.assets.items()
        if asset.address is not None
    }
    found: dict[str, str] = {}
    problems = []
    for line, text in assets.drop_duplicates().items():
        alike = [symbol for symbol in scenario.symbols if symbol.lower() == text.lower()]
        if text in scenario.symbols:
            alike = [text]
        found[text] = addresses.get(text.lower(), alike[0] if len(alike) == 1 else "")
        if len(alike) > 1:
            problem, remedy = f"'{text}' is {' or '.join(alike)}", "one of them as it is written"
            problems.append(Problem(f"line {line}, asset", problem, remedy))
        if not text:
            remedy = nearest("", scenario.assets, "the assets are")
            problems.append(Problem(f"line {line}, asset", "is empty", remedy))
    return found, problems


def _account_problems(rows: Frame) -> Iterator[Problem]:
    firsts = rows["account"].drop_duplicates()
    spelt: dict[str, tuple[Any, str]] = {}
    for line, account in firsts.items():
        place = f"line {line}, account"
        if not account:
            yield Problem(place, "is empty", "a name, the same on all its lines")
        elif not (account.isascii() and account.isprintable()):
            yield Problem(
                place,
                f"{account!a} has a character that cannot be seen or told from another",
                "letters, digits and signs of ASCII",
            )
        first, other = spelt.setdefault(account.casefold(), (line, account))
        if other != account and not _is_address(pd.Series([account])).all():
            problem = f"'{account}' is '{other}' of line {first} in other letters"
            yield Problem(place, problem, "one spelling of an account")


def _name_problems(rows: Frame, column: str, names: Sequence[str]) -> Iterator[Problem]:
    """Names of no vault, or category; and no name of a vault where others have one."""
    if not rows[column].any():
        return
    for line, name in rows[column].items():
        if name not in names and (name or column == _VAULT):
            problem = f"'{name}' is no {column}" if name else "is empty"
            plural = {_VAULT: "vaults", _CATEGORY: "categories"}[column]
            remedy = nearest(name, names, f"the names in protocol.{plural} are")
            yield Problem(f"line {line}, {column}", problem, remedy)


def _numbers(healths: Texts) -> Numbers:
    """Health factors: infinite where there is no such number, NaN where a text is none."""
    absent = healths.str.lower().isin(_NO_HEALTH)
    return pd.to_numeric(healths.where(~absent, "inf"), errors="coerce").astype(float)


def _amounts(
    rows: Frame, side: str, scenario: Scenario, units: str
) -> tuple[list[int], int, list[Problem]]:
    """(token units of every row, how many were rounded, what is wrong with them); those of what is
    no asset are 0.
    """
    decimals = {symbol: asset.decimals for symbol, asset in scenario.assets.items()}
    found, rounded, problems = [0] * len(rows), 0, []
    texts, symbols = rows[side].tolist(), rows["symbol"].tolist()
    for n, (text, symbol) in enumerate(zip(texts, symbols, strict=True)):
        if text in _ZEROS or symbol == "":
            continue
        of_token = 0 if units == "base" else decimals[symbol]
        remedy = f"{'base units' if units == 'base' else 'tokens'} >= 0, like 12.5 or 1.25e1"
        try:
            found[n], was_rounded = amount(text, of_token, side == "debt")
            rounded += was_rounded
            if was_rounded and units == "base":
                remedy = "whole base units, or book.units: tokens"
                raise ValueError("is no whole number")
        except TooLargeError as error:
            remedy = "tokens; with book.units: base, the token's smallest units"
            problems.append(_wrong(rows.index[n], side, text, error, remedy))
        except ValueError as error:
            problems.append(_wrong(rows.index[n], side, text, error, remedy))
    return found, rounded, problems


def _wrong(line: Any, side: str, text: str, error: Exception, remedy: str) -> Problem:
    return Problem(f"line {line}, {side}", f"'{text[:40]}' {error}", remedy)


def _conflicts(rows: Frame) -> Iterator[Problem]:
    """Rows that say otherwise than others of the same account."""
    firsts = rows.assign(line=rows.index).drop_duplicates("who").set_index("who")
    of_first = firsts.loc[rows["who"]].set_axis(rows.index)
    for column in ("isolated", "owner", *(name for name in (_VAULT, _CATEGORY) if name in rows)):
        for line in rows.loc[rows[column] != of_first[column]].index:
            said, before = _said(rows.at[line, column]), _said(of_first.at[line, column])
            problem = f"'{said}', but '{before}' on line {of_first.at[line, 'line']}"
            yield Problem(f"line {line}, {column}", problem, "the same on every line of an account")
    told = rows[np.isfinite(rows["health_number"])]
    first_told = told.drop_duplicates("who").set_index("who")["health_number"]
    for line in told.loc[told["health_number"] != told["who"].map(first_told)].index:
        problem = f"another health factor than {first_told[told.at[line, 'who']]:g} before"
        yield Problem(f"line {line}, health", problem, "one for an account, on any of its lines")
    supplying = rows[rows["supplied_units"] != 0]
    answers = supplying.groupby(["who", "symbol"])["used_as_collateral"].transform("first")
    for line in supplying.loc[answers != supplying["used_as_collateral"]].index:
        problem = "another answer than before for this account and asset"
        yield Problem(f"line {line}, used_as_collateral", problem, "one answer")
    there = rows[(rows["supplied_units"] != 0) | (rows["debt_units"] != 0)]
    there = there[there["symbol"] != ""].drop_duplicates(["who", "symbol"])
    for line in there.index[there.groupby("who").cumcount() == MOST_ASSETS]:
        yield Problem(
            f"line {line}, asset",
            f"account {there.at[line, 'account']} has or owes more than {MOST_ASSETS} assets",
            f"at most {MOST_ASSETS} for an account, as the vaults allow (TooManyAssets)",
        )
    isolated = rows[rows["isolated"]]
    for side in _SIDES:
        there = isolated[isolated[f"{side}_units"] != 0]
        if side == "supplied":
            there = there[there["used_as_collateral"]]
        first_of = there.drop_duplicates("who").set_index("who")["symbol"]
        for line in there.loc[there["symbol"] != there["who"].map(first_of)].index:
            yield Problem(
                f"line {line}, {side}",
                f"a second asset of isolated account {there.at[line, 'account']}",
                "0: an isolated account has one collateral and one debt asset",
            )


def _said(value: object) -> object:
    return ("yes" if value else "no") if isinstance(value, bool | np.bool_) else value


def _line(problem: Problem) -> int:
    return int(re.sub(r"\D.*", "", problem.path.removeprefix("line ")) or 0)


# --- the book -------------------------------------------------------------------------------------


def _book(rows: Frame, scenario: Scenario, file: str, lines: Sequence[str]) -> Book:
    number, accounts = pd.factorize(rows["who"])
    asset = rows["symbol"].map(scenario.symbols.index).to_numpy(dtype=np.intp)
    shape = (len(accounts), len(scenario.symbols))
    pledged = rows["used_as_collateral"].to_numpy(dtype=bool)
    collateral, unpledged, debt = (np.full(shape, 0, dtype=object) for _ in range(3))
    for amounts, units, where in (
        (collateral, rows["supplied_units"], pledged),
        (unpledged, rows["supplied_units"], ~pledged),
        (debt, rows["debt_units"], np.ones(len(rows), dtype=bool)),
    ):
        np.add.at(amounts, (number[where], asset[where]), units.to_numpy(dtype=object)[where])
        if (amounts >= MAX_AMOUNT).any():
            a, i = np.argwhere(amounts >= MAX_AMOUNT)[0]
            line = rows.index[(number == a) & (asset == i)][-1]
            problem = "the sum of these rows is 2^112 token units or more"
            raise ScenarioError(file, [Problem(f"line {line}", problem, "smaller amounts")])
    firsts = rows.drop_duplicates("who")
    owners = firsts["owner"].where(firsts["owner"] != "", firsts["account"])
    known: Floats = rows.groupby("who", sort=False)["health"].min().to_numpy(dtype=np.float64)
    reading = Reading(
        tuple(firsts["account"]),
        tuple(owners),
        np.where(np.isfinite(known), known, np.nan),
        tuple(lines),
    )
    isolated = firsts["isolated"].to_numpy(dtype=bool)
    vault = None
    if _VAULT in rows and rows[_VAULT].any():
        vaults = list(scenario.protocol.vaults)
        vault = np.array([vaults.index(name) for name in firsts[_VAULT]], dtype=np.int64)
    category = None
    if _CATEGORY in rows and rows[_CATEGORY].any():
        categories = ["", *scenario.protocol.categories]
        category = np.array([categories.index(name) for name in firsts[_CATEGORY]], dtype=np.int64)
    rest = unpledged if unpledged.any() else None
    return Book(collateral, debt, isolated, rest, reading, vault, category=category)


def _understood(book: BookFile, table: Table, rows: Frame, rounded: int) -> str:
    """What was read, in one line."""
    named = [f"{name} = {column}" for name, column in book.columns.items()]
    added = int(rows.duplicated(["who", "symbol"]).sum())
    texts = pd.concat([rows[side] for side in _SIDES])
    given = texts[~texts.isin(_ZEROS)]
    whole = book.units == "tokens" and len(given) and given.str.fullmatch(r"[0-9]{10,}").any()
    whole = whole and given.str.fullmatch(r"[0-9]+").all()
    empty = int((texts == "").sum())
    parts = [
        f"{_count(len(rows), 'row')}, {_count(rows['who'].nunique(), 'account')}",
        f"amounts in {'base units' if book.units == 'base' else 'tokens'}",
        *([f"columns {', '.join(named)}"] if named else []),
        *([f"{_count(added, 'row')} added to others of one account and asset"] if added else []),
        *([f"{_count(rounded, 'amount')} rounded against the account"] if rounded else []),
        *([f"{_count(empty, 'empty amount')} read as 0"] if empty else []),
        *([f"columns not used: {', '.join(table.ignored)}"] if table.ignored else []),
        *(["if these whole numbers are base units, say book.units: base"] if whole else []),
    ]
    return f"{Path(book.file).name}: {'; '.join(parts)}."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
