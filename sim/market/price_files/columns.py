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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sim.market.price_files.instants import is_time
from sim.market.price_files.sheet import REMEDY, Sheet, refused
from sim.schema.problems import nearest

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
_PRICES = ("price", "priceusd", "usdprice", "close", "last", "value", "rate", "answer")
_OTHER = re.compile(
    r".*volume.*|vol|tickvol|.*marketcap|mcap|.*trades?|count|tradecount|numberoftrades|vwap|"
    r"change.*|.*change|adjclose|closetime|timeclose|timehigh|timelow|symbol|ticker|name|pair|"
    r"asset|exchange|currency|coin|chain|source|index|ignore|circulatingsupply|totalsupply|"
    r"dividends|stocksplits|spread|taker.*|roundid|startedat|answeredinround|decimals|"
    r"blocknumber|block|txhash"
)
_MOST_HEADER_LINES = 5


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
    known = Columns(names, first, times, called, {}, decimals, False, False)
    rest = [i for i in range(len(names)) if i not in times and _is_used(sheet, names, first, i)]
    roles = _roles(labels, rest) if column is None else {}
    if len(_LIMITS & roles.keys()) > 1 and len(roles) < len(CANDLE):
        (missing, *_) = [role for role in CANDLE if role not in roles]
        problem, there = f"are candles without {missing}", ", ".join(names[i] for i in rest)
        remedy = f"open, high, low and close, or name one as column; the columns are: {there}"
        raise refused(path, header, problem, remedy)
    if len(roles) == len(CANDLE):
        for role, found in roles.items():
            if len(found) > 1:
                problem = f"columns {found[0] + 1} and {found[1] + 1} are both {role} of a candle"
                raise refused(path, header, problem, "candles of one asset, each column once")
        return known._replace(
            prices={role: found[0] for role, found in roles.items()}, are_candles=True
        )
    prices = [i for i in rest if not any(map(_is_no_price, _keys(labels[i])))]
    if column is not None:
        chosen = _named(names, rest, column)
        if not chosen:
            offered = [names[i] for i in prices or rest]
            remedy = nearest(column, offered, "name one as column; the columns are")
            raise refused(path, header, f"has no column '{column}'", remedy)
    elif every:
        chosen = prices
    else:
        priced = [i for i in prices if any(key in _PRICES for key in _keys(labels[i]))]
        chosen = prices if len(prices) == 1 else priced
    if not chosen:
        problem = "has several columns of prices" if prices else "has no column of prices"
        there = ", ".join(names[i] for i in prices or rest)
        remedy = f"name one as column; the columns are: {there}" if there else REMEDY
        raise refused(path, header, problem, remedy)
    for i in chosen:
        alike = [j for j in range(len(names)) if names[j] == names[i]]
        if len(alike) > 1 or not names[i]:
            which = " and ".join(str(j + 1) for j in alike)
            problem = f"columns {which} are both named '{names[i]}'"
            if not names[i]:
                problem = f"column {i + 1} has no name"
            raise refused(path, header, problem, "a name of its own for each")
    if not every and len(chosen) > 1:
        there = ", ".join(names[i] for i in chosen)
        remedy = f"name one as column; the columns are: {there}"
        raise refused(path, header, "has several columns of prices", remedy)
    are_rounds = any("answer" in _keys(labels[i]) for i in chosen)
    return known._replace(prices={names[i]: i for i in chosen}, are_rounds=are_rounds)


def _header(sheet: Sheet) -> tuple[list[tuple[str, ...]], int, bool]:
    """(labels of each column, the row of the first price, whether there is a header)."""
    width = sheet.cells.shape[1]
    if sheet.keys is not None:
        return [(key,) for key in sheet.keys], 0, True
    rows = [tuple(row) for row in sheet.cells.head(50).itertuples(index=False)]
    top = 0
    while top < len(rows) - 1 and width > 1 and _is_above_table(rows[top]):
        top += 1
    if is_time(rows[top][0]) or sheet.unit == "entry":
        known = ["time", "price"] if width == 2 else ["time", *CANDLE]
        known = known if width == 2 or width >= _FEWEST_CANDLE_COLUMNS else []
        names = [*known, *[""] * width][:width]
        return [(name,) if name else () for name in names], top, False
    last = top
    for row in range(top, min(top + _MOST_HEADER_LINES, len(rows))):
        if _key(rows[row][0]) in _TIMES:  # of several levels the last line names the index
            last = row
            break
    columns = zip(*rows[top : last + 1], strict=True)
    return [tuple(dict.fromkeys(filter(None, column))) for column in columns], last + 1, True


def _is_above_table(row: Sequence[str]) -> bool:
    return row[0].startswith("#") or (sum(map(bool, row)) == 1 and not is_time(row[0]))


def _names(labels: list[tuple[str, ...]]) -> tuple[str, ...]:
    """The first label of each column if that tells them apart, otherwise all of its labels."""
    first = [label[0] if label else "" for label in labels]
    return tuple(
        name if first.count(name) == 1 else " ".join(label)
        for name, label in zip(first, labels, strict=True)
    )


def _times(labels: list[tuple[str, ...]], sheet: Sheet, first: int) -> tuple[int, ...]:
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


def _roles(labels: list[tuple[str, ...]], rest: list[int]) -> dict[str, list[int]]:
    """Role -> columns of the first word for it that the header has, in the order of CANDLE."""
    found = {}
    for role, words in _ROLES.items():
        by_word = [[i for i in rest if word in _keys(labels[i])] for word in words]
        if columns := next(filter(None, by_word), None):
            found[role] = columns
    return found


def _named(names: tuple[str, ...], rest: list[int], column: str) -> list[int]:
    exact = [i for i in rest if names[i] == column]
    return exact[:1] or [i for i in rest if names[i].casefold() == column.casefold()]


def _is_no_price(key: str) -> bool:
    return key in _TIMES or bool(_OTHER.fullmatch(key))


def _time_label(label: tuple[str, ...]) -> str:
    return next((name for name in label if _key(name) in _TIMES), "")


def _keys(label: tuple[str, ...]) -> Iterator[str]:
    return map(_key, label)


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
