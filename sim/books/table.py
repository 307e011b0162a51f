"""A CSV file as a table of texts, each row under the number of its line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from sim.schema.csv_file import MAX_BYTES
from sim.schema.problems import Problem, ScenarioError, nearest

_SEPARATORS = ",;\t"
_TOO_LONG = re.compile(r"Expected (\d+) fields in line (\d+), saw (\d+)")
_OPEN_QUOTE = re.compile(r"EOF inside string starting at row (\d+)")


class Table(NamedTuple):
    """The rows that are not blank."""

    rows: pd.DataFrame
    """Texts without spaces around them. The index is the line in the file, from 1; columns have the
    names that were asked for, and those that the file has not are empty."""
    ignored: tuple[str, ...]
    """Columns of the file that nobody asked for."""


def read_table(path: str, columns: Mapping[str, str], needed: Sequence[str]) -> Table:
    """The columns of a file in UTF-8, separated by commas, semicolons or tabs.

    `columns`: what to call a column -> what the file does, in any case; `needed` must be there.
    Raises ScenarioError, which names the line.
    """
    remedy = f"a CSV file like {','.join(columns[name] for name in needed)}"
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise _refused(path, "(file)", f"is larger than {MAX_BYTES:,} bytes", remedy)
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise _refused(path, "(file)", f"cannot be read: {error.strerror}", remedy) from error
    except UnicodeDecodeError as error:
        raise _refused(path, "(file)", f"cannot be read as UTF-8: {error}", remedy) from error
    lines = _parsed(path, text, remedy)
    if lines.empty:
        raise _refused(path, "(file)", "is empty", remedy)
    header = lines.iloc[0].str.casefold().tolist()
    places = {
        name: header.index(c) for name in columns if (c := columns[name].casefold()) in header
    }
    written = lines.iloc[0].tolist()
    if problems := [*_header_problems(header, written, columns, needed)]:
        raise ScenarioError(path, problems)
    rows = lines.iloc[1:]
    found = {name: rows[places[name]] if name in places else "" for name in columns}
    ignored = [name for i, name in enumerate(written) if i not in places.values() and name]
    return Table(pd.DataFrame(found, index=rows.index, dtype=object), tuple(ignored))


def _parsed(path: str, text: str, remedy: str) -> pd.DataFrame:
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    try:
        # As if without a header: then longer lines are an error and no index. Blank lines count.
        lines = pd.read_csv(
            StringIO(text),
            sep=separator,
            header=None,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except pd.errors.ParserError as error:
        if found := _TOO_LONG.search(str(error)):
            wanted, line, cells = found.groups()
            problem = f"has {cells} cells, the header names {wanted}"
            remedy = "as many cells as the header, without thousands separators"
            raise _refused(path, f"line {line}", problem, remedy) from error
        if found := _OPEN_QUOTE.search(str(error)):
            line = f"line {int(found[1]) + 1}"
            problem = "opens a quote that nothing closes"
            raise _refused(path, line, problem, "quotes in pairs, or none") from error
        raise _refused(path, "(file)", f"cannot be read as CSV: {error}", remedy) from error
    _check_cells(path, text, separator, lines.shape[1])
    stripped: pd.DataFrame = lines.fillna("").apply(lambda column: column.str.strip())
    stripped.index += 1
    return stripped.loc[(stripped != "").any(axis=1)]


def _check_cells(path: str, text: str, separator: str, wanted: int) -> None:
    """Refuse a row that ends early: what pandas takes for empty cells may be the end of a file."""
    rows = csv.reader(StringIO(text), delimiter=separator)
    for row in rows:
        if any(map(str.strip, row)) and len(row) < wanted:
            cells = f"{len(row)} cell{'' if len(row) == 1 else 's'}"
            remedy = "as many cells as the header: an empty one for nothing"
            problem = f"has {cells}, the header names {wanted}"
            raise _refused(path, f"line {rows.line_num}", problem, remedy)


def _header_problems(
    header: list[str], written: list[str], columns: Mapping[str, str], needed: Sequence[str]
) -> Iterator[Problem]:
    for name, column in columns.items():
        count = header.count(column.casefold())
        if count > 1:
            yield Problem("line 1", f"{count} columns are named {column}", "one of them")
        if count == 0 and (name in needed or column != name):
            remedy = nearest(column, written, f"book.columns.{name}: one of")
            yield Problem("line 1", f"there is no column {column}", remedy)


def _refused(path: str, place: str, problem: str, remedy: str) -> ScenarioError:
    return ScenarioError(path, [Problem(place, problem, remedy)])
