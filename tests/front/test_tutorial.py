"""docs/tutorial.md does what it says, block after block as one program, and the notebook runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import pytest
from nbclient import NotebookClient

DOCS = Path(__file__).parents[2] / "docs"
TUTORIAL, NOTEBOOK = DOCS / "tutorial.md", DOCS / "first-night.ipynb"


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
    assert names["slow"].assets["reference_price_usd"].unstack()["WETH"].is_monotonic_decreasing
    assert names["proved"].compared > 0


@pytest.mark.compiled
def test_the_notebook_runs_and_shows_its_pictures() -> None:
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    cells = [cell for cell in book.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)  # kept without
    NotebookClient(book, timeout=600, resources={"metadata": {"path": NOTEBOOK.parent}}).execute()
    shown = [kind for cell in cells for out in cell.outputs for kind in out.get("data", {})]
    assert shown.count("image/png") >= 3 and shown.count("text/html") >= 5


def test_a_notebook_shows_pictures_by_itself_and_no_warning() -> None:
    """Without `%matplotlib inline`; and without ipywidgets nothing warns."""
    code = [
        "import sys\nsys.modules['ipywidgets'] = None\nimport sim",
        "run = sim.run('single-crash', accounts=12)",
        "run.plot()",
        "assert 'matplotlib.pyplot' not in sys.modules",
        "from sim.front.shown import bar\nwith bar('half', 2) as go:\n    go(1)\n    1 / 0",
    ]
    cells = [nbformat.v4.new_code_cell(one) for one in code]
    book = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(book, timeout=120, allow_errors=True).execute()
    first, run, plot, checked, failed = (cell.outputs for cell in cells)
    assert not first and not checked
    assert [out["data"] for out in run] == [{"text/plain": ""}]  # the line, gone
    assert [set(out["data"]) for out in plot] == [{"text/plain", "image/png"}]
    assert [out.output_type for out in failed] == ["display_data", "error"]
    assert failed[0]["data"] == {"text/plain": ""}
