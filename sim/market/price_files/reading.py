"""The prices of a file at rising times, what was understood of it in one line, and refusals.

Rows may come in any order. A row that says the same as another of its time is dropped, and counted
in the line; one that says something else is refused, as is what no price can be, a gap, and a
candle that contradicts itself. A refusal names the first place, how many more there are like it,
and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from os import stat
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.market.price_files import instants as times_of
from sim.market.price_files import numbers as numbers_of
from sim.market.price_files.columns import Columns, columns_of
from sim.market.price_files.rows import Rows
from sim.market.price_files.sheet import Sheet, read_sheet, refused, shown

Floats = npt.NDArray[np.float64]

MOST_DECIMALS = 36
# What a scenario may name, see `sim.schema.base.Magnitude`.
LOWEST, HIGHEST = 1e-8, 1e11
_GAP_OF_MEDIAN = 1.5
"""A missing row among regular ones leaves twice the median; exchanges' clocks are better than that.
"""
_LONGEST_SILENCE = 25 * 3_600
"""Of a feed: none has a heartbeat above a day, and reports come some minutes late."""
_ROUNDING = 1e-4
"""An open this far outside low to high, as a share of it, was rounded: to a digit less, or to four.
"""
_USUAL_DECIMALS, _OTHER_DECIMALS = 8, 18
_LARGEST_USUAL = 1e16
"""Answers above are of 18 decimals: of 8 they would be more than $100M."""


class Request(NamedTuple):
    """What is asked of a file."""

    column: str | None = None
    """The one to read; none: candles, or the only price."""
    zone: str | None = None
    """Of times that name none; none: UTC."""
    max_gap_seconds: int | None = None
    """The longest time between two rows; none: what is usual in this file."""
    decimals: int | None = None
    """The price is the number / 10^decimals; none: as written, of feed rounds as guessed."""
    every: bool = False
    """Every column of prices instead of one."""


class Reading(NamedTuple):
    """The prices of a file."""

    times: Floats
    """Seconds since 1970-01-01T00:00:00Z, rising, (rows,)."""
    names: tuple[str, ...]
    """The columns of `prices`: assets, or open, high, low, close."""
    prices: Floats
    """In the file's own unit, positive and finite, (rows, names)."""
    are_rounds: bool
    """Whether they are the answers of a feed."""
    how: str
    """What else was understood: time, zone, unit, rows, span, dropped duplicates."""

    def line(self, file: str, names: Sequence[str] = ()) -> str:
        """What was understood of a file, of several columns that are alike in the rest."""
        return f"{file}: {', '.join(names or self.names)} {self.how}"


def read_prices(path: str | Path, wanted: Request) -> Reading:
    """What a file says of prices. Files that have not changed are read once.

    Raises ScenarioError, which names file, place, column and remedy, for what cannot be right.
    """
    try:
        found = stat(path)
    except OSError:
        read_sheet(path)  # says why
        raise
    return _read(str(path), wanted, (found.st_mtime_ns, found.st_size, found.st_ino))


def utc(seconds: float) -> str:
    return f"{pd.Timestamp(seconds, unit='s'):%Y-%m-%dT%H:%M:%SZ}"


@lru_cache(maxsize=32)
def _read(path: str, wanted: Request, _identity: tuple[int, ...]) -> Reading:
    sheet = read_sheet(path)
    columns = columns_of(path, sheet, wanted.column, wanted.every)
    sheet, dropped_round = _without_open_round(sheet, columns)
    rows = Rows(path, sheet, columns)
    if columns.first >= len(sheet.cells):
        place = f"{sheet.unit} {sheet.places[-1] + 1 if len(sheet.places) else 1}"
        raise refused(path, place, "there are no prices", "a row per time below the header")
    seconds, how = _times(rows, wanted.zone)
    prices, marks = _prices(rows, wanted.decimals)
    order, said = _order(rows, seconds, prices)
    seconds, prices, rows = seconds[order], prices[order], rows._replace(order=order)
    _check_gaps(rows, seconds, wanted.max_gap_seconds)
    if columns.are_candles:
        widened = _check_candles(rows, prices)
        rounded = f"{_counted(widened, 'candle')} rounded beyond low or high, which gave way"
        said += [rounded] if widened else []
    seconds.flags.writeable = prices.flags.writeable = False
    said += ["the last round, not answered yet, left out"] if dropped_round else []
    said += [f"not read: {', '.join(columns.left_out)}"] if columns.left_out else []
    marks = f"({marks}) " if marks else ""
    text = "; ".join([f"{marks}at {columns.time} ({how}); {_span(seconds)}", *said])
    return Reading(seconds, tuple(columns.prices), prices, columns.are_rounds, text)


def _without_open_round(sheet: Sheet, columns: Columns) -> tuple[Sheet, bool]:
    """Without the newest round of a feed if that has no answer yet: it was updated at 0."""
    if not columns.are_rounds or len(sheet.cells) <= columns.first:
        return sheet, False
    (time,) = columns.times[:1]
    for row in (len(sheet.cells) - 1, columns.first):
        if sheet.cells[time][row] in ("0", ""):
            cells = sheet.cells.drop(index=row).reset_index(drop=True)
            return sheet._replace(cells=cells, places=np.delete(sheet.places, row)), True
    return sheet, False


def _times(rows: Rows, zone: str | None) -> tuple[Floats, str]:
    """Seconds of each row, and how the times are written."""
    first, columns = rows.columns.first, rows.columns
    parts = [rows.sheet.cells[i][first:].reset_index(drop=True) for i in columns.times]
    texts = parts[0] if len(parts) == 1 else parts[0] + " " + parts[1]
    try:
        seconds, unit, naive = times_of.instants(texts, zone)
    except times_of.AmbiguousError:
        problem = "whether {text} has the month or the day first cannot be told"
        rows.refuse(np.arange(len(texts)) == 0, columns.time, problem, "dates like 2025-02-04")
        raise
    wrong = np.isnan(seconds)
    if zone and not naive[~wrong].any() and not wrong.all():
        remedy = "leave out zone"
        raise refused(rows.path, columns.time, f"says its zone, so {zone} means nothing", remedy)
    problem = "'{text}' is no time" + (f" or not once in {zone}" if zone else "")
    remedy = "a time like 2020-03-12T00:00:00Z, 2020-03-12 00:00 or seconds since 1970"
    rows.refuse(wrong, columns.time, problem, remedy)
    if not zone and not naive.all():
        problem, remedy = "'{text}' says no zone, other rows do", "the zone, like Z, or zone in "
        rows.refuse(naive, columns.time, problem, remedy + "the scenario for those without")
    said = zone or ("no zone, so UTC" if naive.any() else "zone as written")
    if unit.startswith("epoch"):
        said = "UTC"
    return seconds, f"{unit}, {said}" if unit else said


def _prices(rows: Rows, decimals: int | None) -> tuple[Floats, str]:
    """(rows, columns of prices), and how they are written."""
    columns = rows.columns
    cells = rows.sheet.cells[columns.first :].reset_index(drop=True)
    texts = cells[list(columns.prices.values())]
    try:
        prices, marks = numbers_of.numbers(texts)
    except numbers_of.AmbiguousError:
        comma = {name: cells[i].str.contains(",").to_numpy() for name, i in columns.prices.items()}
        column = next(name for name in comma if comma[name].any())
        problem = "'{text}' has a comma for a decimal mark or between thousands: which, is not seen"
        rows.refuse(comma[column], column, problem, "prices like 3085.42, without separators")
        raise
    said = [marks] if marks else []
    wrong = ~np.isfinite(prices)
    if columns.are_rounds or decimals is not None:
        whole = bool((prices[~wrong] == np.floor(prices[~wrong])).all())
        stated = decimals if decimals is not None else _stated_decimals(rows)
        largest = float(np.nanmax(prices, initial=0.0))
        if stated is not None or whole:
            guessed = _USUAL_DECIMALS if largest <= _LARGEST_USUAL else _OTHER_DECIMALS
            digits = guessed if stated is None else stated
            prices = prices / 10.0**digits
            said.append(f"{digits} decimals{' by their size' if stated is None else ''}")
    wrong |= ~((prices >= LOWEST) & (prices <= HIGHEST))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        name = list(columns.prices)[column]
        problem = "'{text}' is no price" if rows.text(int(row), name) else "is empty"
        remedy = "a number from 1e-8 to 1e+11; a time without a price leaves a gap"
        rows.refuse(wrong.any(axis=1), name, problem, remedy)
    return prices, ", ".join(said)


def _stated_decimals(rows: Rows) -> int | None:
    """What a column of decimals says, if the file has one."""
    column = rows.columns.decimals
    if column is None:
        return None
    texts = rows.sheet.cells[column][rows.columns.first :]
    text = str(texts.iloc[0])
    if not re.fullmatch(r"[0-9]{1,2}", text) or int(text) > MOST_DECIMALS or (texts != text).any():
        place = rows.place(int((texts != text).argmax()))
        remedy = f"one number for all rows, 0 to {MOST_DECIMALS}"
        raise refused(rows.path, f"{place}, decimals", f"'{shown(text)}' does not do", remedy)
    return int(text)


def _order(rows: Rows, seconds: Floats, prices: Floats) -> tuple[npt.NDArray[np.intp], list[str]]:
    """The rows by time, each time once, and what was done for it."""
    said = []
    steps, row = np.diff(seconds), np.arange(len(seconds))
    newest_first = (steps < 0).sum() > (steps > 0).sum()
    if newest_first:
        said.append("newest first")
    elif (steps < 0).any():
        said.append("not in order of time, sorted")
    order = np.lexsort((-row if newest_first else row, seconds))
    again = np.append(np.diff(seconds[order]) == 0, False)
    after = order[np.minimum(row + 1, len(row) - 1)]
    differs = again & (prices[order] != prices[after]).any(axis=1)
    if differs.any() and rows.columns.are_rounds:  # two in one block: the later one counts
        said.append(
            f"{_counted(int(differs.sum()), 'round')} of the same second as the next left out"
        )
    elif differs.any():
        pairs = np.sort(np.stack([order, after], axis=1)[differs], axis=1)
        early, _ = pairs[pairs[:, 1].argmin()]
        problem = f"{{text}} comes twice, with another price on {rows.place(early)}"
        wrong = np.isin(row, pairs[:, 1])
        rows.refuse(wrong, rows.columns.time, problem, "one of the two, or rows of one asset")
    if same := int(again.sum() - differs.sum()):
        said.append(f"{_counted(same, 'duplicate row')} dropped")
    return order[~again], said


def _check_gaps(rows: Rows, seconds: Floats, max_gap_seconds: int | None) -> None:
    apart = np.diff(seconds)
    if not len(apart):
        return
    usual = _LONGEST_SILENCE if rows.columns.are_rounds else _GAP_OF_MEDIAN * np.median(apart)
    allowed = max_gap_seconds or float(usual)
    gaps = np.flatnonzero(apart > allowed)
    if not len(gaps):
        return
    before, after = gaps[0], gaps[0] + 1
    problem = (
        f"{{text}} is {apart[before]:.10g} s after the time before it ({rows.place(before)}), a "
        f"gap of more than {allowed:.10g} s"
    )
    problem += f"; {len(gaps) - 1} more like it" if len(gaps) > 1 else ""
    remedy = "the missing rows, or a larger max_gap_seconds"
    rows.refuse(np.arange(len(seconds)) == after, rows.columns.time, problem, remedy)


def _check_candles(rows: Rows, prices: Floats) -> int:
    """Widen low and high in place where open or close were rounded beyond them; how often."""
    first, high, low, close = prices.T
    inner_low, inner_high = np.minimum(first, close), np.maximum(first, close)
    wrong = (low > inner_low * (1 + _ROUNDING)) | (high < inner_high * (1 - _ROUNDING))
    rows.refuse(wrong, "", "open or close lies outside low to high", "low <= open, close <= high")
    rounded = (low > inner_low) | (high < inner_high)
    np.minimum(low, inner_low, out=low)
    np.maximum(high, inner_high, out=high)
    return int(rounded.sum())


def _span(seconds: Floats) -> str:
    """How many rows, how far apart, from when to when."""
    rows = _counted(len(seconds), "row")
    if len(seconds) == 1:
        return f"{rows} of {utc(seconds[0])}"
    apart = np.diff(seconds)
    shortest, longest, median = float(apart.min()), float(apart.max()), float(np.median(apart))
    spacing = _duration(median) if longest - shortest < 1 else f"about {_duration(median)}"
    return f"{rows} {spacing} apart, {utc(seconds[0])} to {utc(seconds[-1])}"


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
