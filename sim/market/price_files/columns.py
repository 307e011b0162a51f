"""Which column of a price file is what, from its header, or without one from where it stands.

    time       by its name, or else the first whose first cell is a time; a date and a time of day
               in two columns are one
    candles    open, high, low and close of one asset; price or last may stand for close
    rounds     answer and updatedAt of a feed
    prices     every other column but volumes and the like; if there are several, and one is called
               price, that one is the only price

Without a header: time and price, or time, open, high, low, close and whatever follows, which is how
exchanges give candles. A header may have several lines, as pandas writes one of several levels, and
lines above it that are no table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sim.market.price_files.instants import is_time
from sim.market.price_files.sheet import REMEDY, Sheet, refused, shown
from sim.schema.problems import ScenarioError, nearest

CANDLE = ("open", "high", "low", "close")
_LIMITS = {"open", "high", "low"}  # two of them make candles; close alone is a price
_FEWEST_CANDLE_COLUMNS = 1 + len(CANDLE)
# By rank: of a candle its beginning, and what is of no zone before what may be.
_TIMES = (
    *("opentime", "timeopen", "starttime", "unix", "unixtime", "unixtimestamp", "epoch"),
    *("time", "timestamp", "datetime", "date", "snappedat", "updatedat", "blocktime"),
    *("blocktimestamp", "gmttime", "utctime", "timeutc", "dateutc", "day", "hour", "minute", "ts"),
    "t",
)
_CLOSES = ("close", "c", "price", "last")
_ROLES = {"open": ("open", "o"), "high": ("high", "h"), "low": ("low", "l"), "close": _CLOSES}
_PRICES = ("price", "priceusd", "usdprice", "close", "last", "value", "rate")
_ANSWERS = ("answer", "answerraw", "current")  # of rounds: as calls, tables and events name them
_OTHER = re.compile(
    r".*volume.*|vol|tickvol|.*marketcap|mcap|.*trades?|count|tradecount|numberoftrades|vwap|"
    r"change.*|.*change|adjclose|closetime|timeclose|timehigh|timelow|symbol|ticker|name|pair|"
    r"asset|exchange|currency|coin|chain|source|ignore|circulatingsupply|totalsupply|"
    r"dividends|stocksplits|spread|taker.*|roundid|roundlow64|phase|phaseid|startedat|answeredinround|decimals|"
    r"blocknumber|blockhash|txhash|txindex|logindex|evt\w+|contractaddress"
)
_MOST_HEADER_LINES = 5
_MOST_NAMES = 30  # in a message
_LONGEST_NAME = 100  # of a column that a scenario can name


Labels = list[tuple[str, ...]]
"""Of each column what the header lines have for it."""
Refusal = Callable[[str, str], ScenarioError]
"""What to raise for (a problem of the header, its remedy)."""


class Columns(NamedTuple):
    """The columns of a sheet."""

    names: tuple[str, ...]
    """Of all of them, as the header has them; empty where it has nothing."""
    first: int
    """The row in which the prices begin."""
    times: tuple[int, ...]
    """That of the time, or those of date and time of day."""
    time: str
    """What they are called."""
    prices: dict[str, int]
    """The ones that are read, by what they are called; open, high, low, close for candles."""
    left_out: tuple[str, ...]
    """The named ones that hold no price, going by their names, where every price is asked for."""
    decimals: int | None
    """The one that says the decimals of answers."""
    are_candles: bool
    are_rounds: bool


def columns_of(path: str | Path, sheet: Sheet, column: str | None, every: bool) -> Columns:
    """The columns to read: `column`, or those of candles, or the only price, or `every` one.

    Raises ScenarioError, which names the columns there are, if that is not clear.
    """
    labels, first, has_header = _header(sheet)
    if not any(labels) and len(labels) > 1:
        problem = f"has {len(labels)} columns and no header"
        raise refused(path, sheet.place(first), problem, "a header like time,price,volume above it")
    names = _names(labels)
    header = sheet.place(first - 1) if has_header and sheet.keys is None else "(file)"
    times = _times(labels, sheet, first)
    if not times or len(names) == len(times):
        problem = "is no header of times and prices" if has_header else "holds no times and prices"
        raise refused(path, header, problem, REMEDY)
    decimals = next((i for i, label in enumerate(labels) if "decimals" in map(_key, label)), None)
    called = " and ".join(_time_label(labels[i]) or names[i] or "the index" for i in times)
    rest = [i for i in range(len(names)) if i not in times and _is_used(sheet, names, first, i)]
    refuse = partial(refused, path, header)
    candles = _candles(labels, names, rest, refuse) if column is None else {}
    prices = candles or _prices(labels, names, rest, column, every, refuse)
    left_out = [names[i] for i in rest if every and not candles and i not in prices.values()]
    are_rounds = any(key in _ANSWERS for i in prices.values() for key in _keys(labels[i]))
    return Columns(
        names, first, times, called, prices, tuple(left_out), decimals, bool(candles), are_rounds
    )


def _candles(
    labels: Labels, names: Sequence[str], rest: list[int], refuse: Refusal
) -> dict[str, int]:
    """Role -> column of candles, in the order of CANDLE; empty if the header names none."""
    roles = {}
    for role, words in _ROLES.items():
        by_word = [[i for i in rest if word in _keys(labels[i])] for word in words]
        if columns := next(filter(None, by_word), None):
            roles[role] = columns
    if len(_LIMITS & roles.keys()) < 2:
        return {}
    for role in CANDLE:
        if role not in roles:
            there = ", ".join(names[i] for i in rest)
            remedy = f"open, high, low and close, or name one as column; the columns are: {there}"
            raise refuse(f"are candles without {role}", remedy)
        first, *others = roles[role]
        if others:
            problem = f"columns {first + 1} and {others[0] + 1} are both {role} of a candle"
            raise refuse(problem, "candles of one asset, each column once")
    return {role: columns[0] for role, columns in roles.items()}


def _prices(
    labels: Labels,
    names: Sequence[str],
    rest: list[int],
    column: str | None,
    every: bool,
    refuse: Refusal,
) -> dict[str, int]:
    """Name -> column: the one that is asked for, every one, or the only one."""
    likely = [i for i in rest if not any(map(_is_no_price, _keys(labels[i])))]
    there = [names[i] for i in likely or rest]
    if column is not None:
        exact = [i for i in rest if names[i] == column]
        chosen = exact or [i for i in rest if names[i].casefold() == column.casefold()]
        if not chosen:
            remedy = nearest(column, there, "name one as column; the columns are")
            raise refuse(f"has no column '{column}'", remedy)
    elif every or len(likely) == 1:
        chosen = likely
    else:
        known = _PRICES + _ANSWERS
        chosen = [i for i in likely if any(key in known for key in _keys(labels[i]))]
    if not likely and column is None:
        raise refuse("has no column of prices", f"the columns are: {', '.join(there) or 'none'}")
    for i in chosen:
        alike = [str(j + 1) for j, name in enumerate(names) if name == names[i]]
        if not names[i]:
            raise refuse(f"column {i + 1} has no name", "a name of its own for each")
        if len(alike) > 1:
            problem = f"columns {' and '.join(alike)} are both named '{names[i]}'"
            raise refuse(problem, "a name of its own for each")
    if not chosen or (len(chosen) > 1 and not every):
        more = ["..."] if len(there) > _MOST_NAMES else []
        remedy = f"name one as column; the columns are: {', '.join(there[:_MOST_NAMES] + more)}"
        raise refuse("has several columns of prices", remedy)
    return {names[i]: i for i in chosen}


def _header(sheet: Sheet) -> tuple[Labels, int, bool]:
    """(labels of each column, the row of the first price, whether there is a header)."""
    width = sheet.cells.shape[1]
    if sheet.keys is not None:
        return [(shown(key, _LONGEST_NAME),) for key in sheet.keys], 0, True
    rows = [tuple(row) for row in sheet.cells.head(50).itertuples(index=False)]
    top = 0
    while top < len(rows) - 1 and width > 1 and _is_above_table(rows[top]):
        top += 1
    if any(map(is_time, rows[top])) or sheet.unit == "entry":
        known = ["time", "price"] if width == 2 else ["time", *CANDLE]
        if not is_time(rows[top][0]) or 2 < width < _FEWEST_CANDLE_COLUMNS:
            known = []
        names = [*known, *[""] * width][:width]
        return [(name,) if name else () for name in names], top, False
    last = top
    for row in range(top, min(top + _MOST_HEADER_LINES, len(rows))):
        if _key(rows[row][0]) in _TIMES:  # of several levels the last line names the index
            last = row
            break
    columns = zip(*rows[top : last + 1], strict=True)
    labels = [[shown(name, _LONGEST_NAME) for name in column if name] for column in columns]
    return [tuple(dict.fromkeys(label)) for label in labels], last + 1, True


def _is_above_table(row: Sequence[str]) -> bool:
    if row[0].startswith("#"):
        return not any(_key(name) in _TIMES for name in row)  # a header may begin so, too
    return sum(map(bool, row)) == 1 and not is_time(row[0])


def _names(labels: Labels) -> tuple[str, ...]:
    """The first label of each column if that tells them apart, otherwise all of its labels."""
    first = [label[0] if label else "" for label in labels]
    return tuple(
        name if first.count(name) == 1 else " ".join(label)
        for name, label in zip(first, labels, strict=True)
    )


def _times(labels: Labels, sheet: Sheet, first: int) -> tuple[int, ...]:
    if first >= len(sheet.cells):
        named = [i for i, label in enumerate(labels) if any(k in _TIMES for k in _keys(label))]
        return tuple(named[:1])
    begin = [str(cell) for cell in sheet.cells.iloc[first]]
    ranked = {
        min(_TIMES.index(key) for key in _keys(label) if key in _TIMES): i
        for i, label in reversed(list(enumerate(labels)))
        if any(key in _TIMES for key in _keys(label))
    }
    by_name = [ranked[rank] for rank in sorted(ranked)]
    date, clock = ranked.get(_TIMES.index("date")), ranked.get(_TIMES.index("time"))
    if date is not None and clock is not None and re.match(r"\d{1,2}:\d\d", begin[clock]):
        return date, clock
    # One that holds times, if any does; otherwise its cells are refused.
    found = [i for i in by_name if is_time(begin[i])] or by_name
    return tuple((found or [i for i, cell in enumerate(begin) if is_time(cell)])[:1])


def _is_used(sheet: Sheet, names: tuple[str, ...], first: int, i: int) -> bool:
    """A column without a name is one if it holds anything but the numbers of rows."""
    if names[i]:
        return True
    cells = sheet.cells[i][first:]
    return bool((cells != "").any()) and not (i == 0 and bool(cells.str.fullmatch(r"\d+").all()))


def _is_no_price(key: str) -> bool:
    return key in _TIMES or bool(_OTHER.fullmatch(key))


def _time_label(label: tuple[str, ...]) -> str:
    return next((name for name in label if _key(name) in _TIMES), "")


def _keys(label: tuple[str, ...]) -> Iterator[str]:
    return map(_key, label)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
