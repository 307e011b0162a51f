"""Tables in a terminal: all that they say, in as much room as there is."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from rich.console import Console

from sim.report import study_tables
from sim.report.page.content import Range, Table, money, text_of
from sim.terminal.tables import printed
from tests.report.page.studies import study

RESULT = study(False, "ape run tune")
TABLES = [
    *(
        getattr(study_tables, f"{name}_table")(RESULT)
        for name in ("front", "difference", "choice", "parameter", "risk", "one_by_one", "baseline")
    ),
    *(study_tables.sensitivity_table(RESULT, one) for one in RESULT.measures),
    study_tables.cap_table(RESULT),
]


def shown(table: Table, width: int) -> str:
    text = io.StringIO()
    Console(file=text, width=width, highlight=False).print(printed(table))
    return text.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("table", TABLES, ids=lambda one: one.caption)
def test_no_letter_is_cut_off(table: Table, width: int) -> None:
    text = shown(table, width)
    assert max(map(len, text.splitlines())) <= width
    cells = (text_of(cell, table.tight) for row in table.rows for cell in row)
    whole = "".join([table.caption, table.legend, *table.header, *cells])
    assert Counter(text.replace("\n", "").replace(" ", "")) == Counter("".join(whole.split()))


def test_spaces_give_way_first_then_joints_of_names() -> None:
    ends = Range(money(1_000_000), money(2_000_000))
    table = Table("", ["name", "95% interval"], [["target-health", ends]], words=(0,))
    broad, narrow, least = (shown(table, width).splitlines() for width in (60, 30, 20))
    assert len(broad) == 2 and broad[1].split("  ")[0] == "target-health"
    assert [line.split() for line in narrow[1:]] == [
        ["target-health", "$1,000,000", "to"],
        ["$2,000,000"],
    ]
    assert [line.split()[0] for line in least[-3:-1]] == ["target-", "health"]


def test_a_tight_one_says_dollars_in_three_digits() -> None:
    table = Table("", ["a", "b"], [["x", money(1_234_567)]])
    assert "$1,234,567" in shown(table, 60)
    assert "$1.23M" in shown(table._replace(tight=True), 60)
