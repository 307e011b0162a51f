"""The library held against what was published: medians, inputs, the page."""

from __future__ import annotations

import io
import statistics
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from scripts.library import cli
from sim.books.seeds import seed_of
from sim.front.run import run
from sim.front.several_books import drawn
from sim.measures.registry import figure
from sim.scenario import Scenario, load, with_overrides
from sim.terminal.library_command import library, summary
from tests.tape.storm import storm

FIGURES = [
    {"measure": "lowest_price.WETH", "value": 800, "source": "the storm's own level"},
    {"measure": "repaid_usd", "value": 1, "source": "nobody", "sized": True},
    {"measure": "loss_usd", "low": 0, "high": 1e12, "source": "nobody", "note": "as wide"},
]


@pytest.fixture(scope="module")
def event() -> Scenario:
    return storm(expected=FIGURES)


def test_medians_over_books(event: Scenario, tmp_path: Path) -> None:
    text = io.StringIO()
    page = tmp_path / "library.md"
    (shown,) = library([event], 3, page, Console(file=text, width=100))
    tapes = [run(event, book_seed=seed_of(event.seed, book)).raw.tape for book in range(3)]
    repaid = [figure(tape, "repaid_usd") for tape in tapes]
    assert len(set(repaid)) == 3
    _, liquidated, lost = shown.rows
    assert liquidated.simulated == tuple(repaid)
    assert liquidated.median == statistics.median(repaid) and liquidated.verdict == "off"
    assert lost.verdict == "inside"
    assert (
        summary([shown]) == "1 are inside, 0 are near, 1 are off; 1 inputs, which are no agreement."
    )
    written = page.read_text()
    assert "over 3 books" in written and "Of 2 figures that are no inputs 1 are inside" in written
    assert "| `repaid_usd` * | 1 |" in written and "Inputs: `lowest_price.WETH` 800." in written


def test_a_recorded_book_is_one(tmp_path: Path) -> None:
    assert drawn(storm(), 20) == 20
    file = tmp_path / "book.csv"
    file.write_text("account,asset,supplied,debt\n1,WETH,10,0\n1,USDC,0,9000\n")
    recorded = with_overrides(load("lending-market"), {"book": {"file": str(file)}})
    assert drawn(recorded, 20) == 1


def test_the_command(tmp_path: Path) -> None:
    runner = CliRunner()
    assert "--books" in runner.invoke(cli, ["--help"]).output
    nothing = runner.invoke(cli, ["single-crash"])
    assert nothing.exit_code == 1 and "nothing was published" in nothing.output
    assert runner.invoke(cli, ["no-such-event"]).exit_code == 1
    out = tmp_path / "page.md"
    done = runner.invoke(cli, ["crv-squeeze", "--books", "2", "--out", str(out)])
    assert done.exit_code == 0 and "median of 2" in done.output
    refused = runner.invoke(cli, ["crv-squeeze", "--books", "2", "--out", str(out)])
    assert refused.exit_code == 2 and "--overwrite" in refused.output
