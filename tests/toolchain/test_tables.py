"""Tables that somebody sees are those of `sim.report.page.content`: one model, two renderings."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RENDERING = "sim/terminal/tables.py"


def test_one_module_knows_how_a_terminal_shows_a_table() -> None:
    makers = [
        str(file.relative_to(ROOT))
        for folder in ("sim", "scripts")
        for file in (ROOT / folder).rglob("*.py")
        if re.search(r"\brich(\.table\b| import .*\btable\b)", file.read_text())
    ]
    assert makers == [RENDERING]
