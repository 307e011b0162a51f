"""A price file as rows of text, each with its place in the file: CSV with any separator, or JSON.

Cells stay text until it is known what they are, so that whatever is wrong can be named as it is
written there. CSV is parsed by pandas.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.schema.csv_file import MAX_BYTES
from sim.schema.problems import Problem, ScenarioError

REMEDY = "CSV like time,WETH,WBTC or time,open,high,low,close, or JSON like [[ms, price]]"
_SEPARATORS = "\t;|,"  # a comma last: with the others it is a decimal mark
_SAMPLE = 100  # lines that say what separates cells
_MOST_COLUMNS = 1_000
_MOST_LEVELS = 100  # of JSON
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)  # in JSON
_PACKED = {b"PK\x03\x04": "a zip archive", b"\x1f\x8b": "compressed by gzip"}
_LISTS = ("prices", "data", "result")  # where JSON answers keep them


class Sheet(NamedTuple):
    """Rows of text."""

    cells: pd.DataFrame
    """Stripped, empty where there is nothing; columns 0, 1, 2...; rows without any text left out.
    """
    places: npt.NDArray[np.int64]
    """The number of each row in the file, from 1, (rows,)."""
    unit: str
    """What is counted: line or entry."""
    keys: tuple[str, ...] | None
    """The names of the columns if the rows do not begin with them: of JSON objects."""

    def place(self, row: int) -> str:
        return f"{self.unit} {self.places[row]}"


def read_sheet(path: str | Path) -> Sheet:
    """The rows of a file. Raises ScenarioError if it cannot be read as text, CSV or JSON."""
    text = _text(path)
    begin = text.lstrip()[:1]
    if not begin:
        raise refused(path, "(file)", "is empty", REMEDY)
    return _json(path, text) if begin in "[{" else _csv(path, text)


def shown(text: str, most: int = 60) -> str:
    """A text as a message may have it: short, and without what a terminal would act on."""
    safe = "".join(letter if letter.isprintable() else "?" for letter in text[: most + 1])
    return safe if len(safe) <= most else f"{safe[: most - 3]}..."


def refused(path: str | Path, where: str, problem: str, remedy: str) -> ScenarioError:
    """The refusal of a file for one problem."""
    return ScenarioError(str(path), [Problem(where, problem, remedy)])


def _text(path: str | Path) -> str:
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise refused(path, "(file)", f"is larger than {MAX_BYTES:,} bytes", REMEDY)
        raw = Path(path).read_bytes()
    except OSError as error:
        raise refused(path, "(file)", f"cannot be read: {error.strerror}", REMEDY) from error
    for begin, what in _PACKED.items():
        if raw.startswith(begin):
            raise refused(path, "(file)", f"cannot be read: it is {what}", "the file inside it")
    utf_16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")  # "Unicode text" of spreadsheets
    try:
        text = raw.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"cannot be read as text: byte {error.start} is not UTF-8"
        raise refused(path, "(file)", problem, "the file saved as CSV in UTF-8") from error
    if "\0" in text:
        raise refused(path, "(file)", "cannot be read as text", "the file saved as CSV in UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _csv(path: str | Path, text: str) -> Sheet:
    separator, width = _layout(text)
    if width > _MOST_COLUMNS:
        raise refused(path, "(file)", f"has {width:,} columns", f"{_MOST_COLUMNS:,} at most")
    try:
        cells = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=list(range(width)),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            skipinitialspace=True,
        )
    except pd.errors.ParserError as error:
        if too_many := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
            expected, line, saw = too_many.groups()
            problem = f"has {saw} cells, the header names {expected}"
            remedy = "as many cells as the header; a number with commas in it in quotes"
            raise refused(path, f"line {line}", problem, remedy) from error
        problem = f"cannot be read as CSV: {str(error).strip()}"
        raise refused(path, "(file)", problem, "quotes that are closed on their line") from error
    if len(cells) != text.count("\n") + (not text.endswith("\n")):
        raise refused(path, "(file)", "has quotes over several lines", "each row on its line")
    return _sheet(cells, "line", None)


def _layout(text: str) -> tuple[str, int]:
    """What separates the cells, and how many there are in a line."""
    sample = [line for line in islice(io.StringIO(text), _SAMPLE) if line.strip()]
    for separator in _SEPARATORS:
        counts = [len(cells) for cells in csv.reader(sample, delimiter=separator)]
        usual = max(counts, key=counts.count)
        if usual > 1:
            return separator, max(usual, counts[0])
    return ",", 1


def _json(path: str | Path, text: str) -> Sheet:
    remedy = 'a list of [time, price], or {"prices": [[ms, price], ...]}'
    if _depth(text) > _MOST_LEVELS:
        raise refused(path, "(file)", "is nested too deeply", remedy)
    try:
        # As they are written, so that a refusal can show them.
        found: Any = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except json.JSONDecodeError as error:
        problem = f"column {error.colno}: is no JSON: {error.msg}"
        raise refused(path, f"line {error.lineno}", problem, remedy) from error
    while isinstance(found, dict):
        found = _inside(found)
    if not isinstance(found, list) or not found:
        raise refused(path, "(file)", "holds no list of prices", remedy)
    kind = type(found[0])
    for n, entry in enumerate(found, start=1):
        if kind not in (list, dict) or not isinstance(entry, kind) or not all(_plain(entry)):
            problem = f"{shown(str(entry))} is not like [time, price]"
            raise refused(path, f"entry {n}", problem, remedy)
    frame = pd.DataFrame(found, dtype=object).fillna("").astype(str)
    if frame.shape[1] > _MOST_COLUMNS:
        problem = f"has {frame.shape[1]:,} columns"
        raise refused(path, "(file)", problem, f"{_MOST_COLUMNS:,} at most")
    keys = tuple(str(key) for key in frame.columns) if kind is dict else None
    return _sheet(frame.set_axis(range(frame.shape[1]), axis=1), "entry", keys)


def _depth(text: str) -> int:
    """How deep lists and objects of a JSON text are nested, words left out.

    Asked first: the parser recurses, and where a package has raised Python's limit (eth does) it
    ends the process instead of raising RecursionError.
    """
    characters = np.frombuffer(_WORDS.sub("", text).encode("utf-32-le"), dtype=np.uint32)
    opens, closes = (np.isin(characters, [ord(c) for c in pair]) for pair in ("[{", "]}"))
    return int(np.cumsum(opens.astype(np.int64) - closes).max(initial=0))


def _inside(answer: dict[str, Any]) -> Any:
    """Where in a JSON object the prices are: under a usual key, a list of each column, or under the
    only key that holds anything; nothing if none.
    """
    for key in answer:
        if key.casefold() in _LISTS:
            return answer[key]
    columns = {key: value for key, value in answer.items() if isinstance(value, list) and value}
    if len(columns) > 1 and len({len(value) for value in columns.values()}) == 1:
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    held = [
        value
        for value in answer.values()
        if isinstance(value, dict) or value in [*columns.values()]
    ]
    return held[0] if len(held) == 1 else None


def _plain(entry: Any) -> Iterator[bool]:
    values = entry.values() if isinstance(entry, dict) else entry
    return (value is None or isinstance(value, str) for value in values)


def _sheet(cells: pd.DataFrame, unit: str, keys: tuple[str, ...] | None) -> Sheet:
    # A line that ends early lacks cells.
    cells = cells.fillna("").apply(lambda column: column.str.strip())
    written = (cells != "").any(axis=1).to_numpy(dtype=np.bool_)
    places = np.flatnonzero(written) + 1
    return Sheet(cells[written].reset_index(drop=True), places, unit, keys)
