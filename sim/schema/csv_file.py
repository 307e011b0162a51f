"""Reading a CSV file as lines of text, so that whatever is wrong with it can be named by line."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from sim.schema.problems import Problem, ScenarioError

MAX_BYTES = 100_000_000  # a year of minutes for ten assets; more is the wrong file


class Line(NamedTuple):
    """A line that is not blank: its number in the file, from 1, and its cells."""

    number: int
    cells: list[str]


def read_lines(path: str | Path, example: str) -> tuple[list[str], list[Line]]:
    """The header of a CSV file in UTF-8, and its other lines; every cell stripped, blank lines left
    out, a line that ends early filled up with empty cells.

    Raises ScenarioError with `example`, a header, as the remedy if the file cannot be read, is
    empty, or has a line with more cells than the header.
    """
    remedy = f"a CSV file like {example}"
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise _refused(path, f"is larger than {MAX_BYTES:,} bytes", remedy)
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = list(_lines(file))
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror}", remedy) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise _refused(path, f"cannot be read as CSV in UTF-8: {error}", remedy) from error
    if not lines:
        raise _refused(path, "is empty", remedy)
    header = lines[0].cells
    problems = [
        Problem(
            f"line {line.number}",
            f"has {len(line.cells)} cells, the header names {len(header)}",
            "as many cells as the header, without thousands separators",
        )
        for line in lines[1:]
        if len(line.cells) > len(header)
    ]
    if problems:
        raise ScenarioError(str(path), problems)
    for line in lines[1:]:
        line.cells.extend([""] * (len(header) - len(line.cells)))
    return header, lines[1:]


def _lines(file: Iterator[str]) -> Iterator[Line]:
    reader = csv.reader(file, strict=True)
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if any(stripped):
            yield Line(reader.line_num, stripped)


def _refused(path: str | Path, problem: str, remedy: str) -> ScenarioError:
    return ScenarioError(str(path), [Problem("(file)", problem, remedy)])
