"""docs/tutorial.md does what it says: its blocks run from top to bottom, as one program."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.mark.compiled
@pytest.mark.chain
def test_every_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    matplotlib.use("agg")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 10
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(TUTORIAL), "exec"), names)
    assert (tmp_path / "night.html").stat().st_size > 100_000
    assert (tmp_path / "study.html").exists()
    assert names["slow"].raw.assets["reference_price_usd"].unstack()["WETH"].is_monotonic_decreasing
    assert names["proved"].compared > 0
