"""Two sweeps are compared path by path where books and prices are the same; books are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.measures.losses import paired_difference
from sim.report.page.compare_sweeps import sections
from sim.report.page.content import Part, Table, Value
from sim.report.page.source import Sweep
from sim.sweeps.loss_table import loss_usd
from sim.sweeps.stored import begin
from tests.sweep.storms import storms
from tests.sweep.test_losses import sample

BOOKS = 20


def sweep(scale: float = 1.0, **changes: Any) -> Sweep:
    """400 paths of 20 books, whose losses have a factor of the book's."""
    asked: dict[str, Any] = {"books": BOOKS, "book_seed": 8, **changes}
    study = begin(Path("not-written"), storms(), "mc", 400, 20, **asked)
    outcomes = sample(400, 0.5)
    outcomes["book"] = np.arange(400) % BOOKS
    factor = np.random.default_rng(3).lognormal(0, 0.5, BOOKS)[outcomes["book"]]
    for name in ("bad_debt_usd", "shortfall_usd", "loss_usd"):
        outcomes[name] *= factor * scale
    return Sweep(study.folder, study, outcomes, None, "not kept")


def paired(one: Sweep, other: Sweep) -> Part:
    return sections(one, other)[0].parts[1]


def test_pairs_count_books() -> None:
    one, other = sweep(), sweep(1.1)
    table = paired(one, other)
    assert (
        isinstance(table, Table) and table.caption == "B less A on the same 400 paths of 20 books"
    )
    row = table.rows[0]
    found = paired_difference(
        loss_usd(other.outcomes), loss_usd(one.outcomes), None, np.arange(400) % BOOKS
    )
    ends = [cell.number for cell in row[4:6] if isinstance(cell, Value)]
    assert ends == pytest.approx([found.low, found.high])
    as_paths = paired_difference(loss_usd(other.outcomes), loss_usd(one.outcomes))
    assert found.high - found.low > 1.2 * (as_paths.high - as_paths.low)


@pytest.mark.parametrize("change", [{"books": 10}, {"book_seed": 9}])
def test_other_books_are_not_paired(change: dict[str, int]) -> None:
    said = paired(sweep(), sweep(1.1, **change))
    assert isinstance(said, str) and "draw their books or price paths differently" in said
