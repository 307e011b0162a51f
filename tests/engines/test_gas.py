"""What operations cost in gas: no more than Aave's, and what docs/gas.md says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.benchmarks.gas import measured, page

pytestmark = pytest.mark.chain

PAGE = Path(__file__).parents[2] / "docs" / "gas.md"


def test_operations_cost_no_more_than_aaves_and_what_is_written() -> None:
    """Every operation that Aave has, too, within the most of it; a third asset and each after it
    costs a liquidation less than 60,000.
    """
    m = measured()
    assert all(row.gas <= row.aave.most for row in m.operations if row.aave)
    assert sum(row.aave is not None for row in m.operations) > 10
    steps = [after.gas - before.gas for before, after in pairwise(m.sizes)]
    assert len(steps) == 3 and max(steps) < 2 * 60_000
    assert PAGE.read_text() == page(m)
