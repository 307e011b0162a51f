"""A scenario against itself without its mechanism: the figures, the interval, the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console
from scipy.stats import t as student

import sim
from scripts.contrast import cli
from sim.books.seeds import seed_of
from sim.front.contrasts import pairs
from sim.measures.contrasts import contrasted
from sim.measures.registry import figure
from sim.report.page.content import text_of
from sim.scenario import ScenarioError, load
from sim.schema.contrast import Contrast
from sim.terminal.contrast_command import contrasts, table

DELAY = "protocol.liquidation.delay_seconds"
CONTRAST: dict[str, Any] = {
    "without": {DELAY: 0},
    "lowers": ["liquidations"],
    "costs": ["loss_usd", "lowest_price.WETH"],
}


def written(folder: Path, contrast: dict[str, Any] | None = None, **more: Any) -> Path:
    """A scenario file with a delay, and what it is without."""
    document = {
        "extends": "single-crash",
        "name": "late",
        "duration_hours": 6,
        "book": {"accounts": 20},
        "protocol": {"liquidation": {"delay_seconds": 3_600, "urgent_health": 0.5}},
        "contrast": CONTRAST if contrast is None else contrast,
        **more,
    }
    file = folder / "late.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


def test_books_are_the_same_with_and_without(tmp_path: Path) -> None:
    late = load(written(tmp_path))
    table = sim.contrast(late, books=3)
    seeds = [seed_of(late.seed, book) for book in range(3)]
    for name, row in table.iterrows():
        on, off = (
            np.array(
                [
                    figure(
                        sim.run(late, book_seed=seed, overrides={DELAY: delay}).raw.tape, str(name)
                    )
                    for seed in seeds
                ]
            )
            for delay in (3_600, 0)
        )
        assert row["with"] == on.mean() and row["without"] == off.mean()
        assert row["difference"] == pytest.approx((on - off).mean(), rel=1e-12, abs=1e-9)
    assert list(table["side"]) == ["lowered", "cost", "cost"]
    assert set(table["verdict"]) == {"not settled"}, "of three books nothing is"


def test_the_interval_is_students_or_wider_and_bites() -> None:
    shows = Contrast(without={DELAY: 0}, lowers=("loss_usd",), costs=("gas_usd",))
    rng = np.random.default_rng(1)
    off = rng.normal(1_000, 100, 20)
    on = off - rng.normal(50, 20, 20)

    def books(losses: Any, gas: float) -> list[dict[str, float]]:
        return [{"loss_usd": float(loss), "gas_usd": gas} for loss in losses]

    lowered, cost = contrasted(shows, books(on, 1.0), books(off, 1.0))
    d = on - off
    reach = student.ppf(0.975, 19) * d.std(ddof=1) / np.sqrt(20)
    assert lowered.difference.value == pytest.approx(d.mean())
    assert lowered.difference.high >= d.mean() + reach - 1e-9
    assert lowered.verdict == "lower"
    assert (cost.part, cost.verdict, cost.difference.high) == ("costs", "not settled", np.inf)
    turned, _ = contrasted(shows, books(off, 1.0), books(on, 1.0))
    assert turned.verdict == "higher"
    with pytest.raises(ValueError, match="19 books with the mechanism, 20 without"):
        contrasted(shows, books(on[1:], 1.0), books(off, 1.0))


def test_of_a_figure_that_a_book_has_not_nothing_is_said() -> None:
    shows = Contrast(without={DELAY: 0}, lowers=("lowest_health",), costs=("gas_usd",))
    some = [{"lowest_health": 1.0, "gas_usd": 0.0}, {"lowest_health": np.nan, "gas_usd": 0.0}]
    lowered, _ = contrasted(shows, some, some)
    assert np.isnan(lowered.difference.value) and lowered.verdict == "not settled"


@pytest.mark.parametrize(
    ("contrast", "said"),
    [
        ({**CONTRAST, "lowers": ["liquidation"]}, "contrast.lowers[0]: liquidation is no measure"),
        ({**CONTRAST, "costs": ["lowest_prise.WETH"]}, "contrast.costs[0]: lowest_prise.WETH"),
        ({**CONTRAST, "costs": ["liquidations"]}, "contrast.costs[0]: liquidations is lowered too"),
        ({**CONTRAST, "without": {}}, "contrast.without"),
        ({**CONTRAST, "without": {"protocol.liquidation.delay": 0}}, "no such field to override"),
        ({**CONTRAST, "without": {DELAY: -1}}, DELAY),
        ({**CONTRAST, "beside": {"soon": {"protocol.liquidation.delay": 1}}}, "no such field"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(
    tmp_path: Path, contrast: dict[str, Any], said: str
) -> None:
    refused = CliRunner().invoke(cli, [str(written(tmp_path, contrast)), "--books", "2"])
    assert refused.exit_code == 1 and said in refused.output, refused.output


def test_another_way_is_held_against_it_on_the_same_books(tmp_path: Path) -> None:
    """One that is the scenario without its mechanism: what that comes to, and the difference turned
    round, in numbers and in print.
    """
    late = load(written(tmp_path, {**CONTRAST, "beside": {"at once": {DELAY: 0}}}))
    found = list(pairs(late, 2, beside=True))
    assert [way for _, _, way in found] == [off for _, off, _ in found]
    assert [book[:2] for book in found] == list(pairs(late, 2))
    out = tmp_path / "page.md"
    (shown,) = contrasts([late], 2, out, Console(quiet=True))
    for row, other in zip(shown.rows, shown.beside["at once"], strict=True):
        assert (other.on, other.off) == (row.off, row.on)
        assert other.difference.value == -row.difference.value
    page = out.read_text()
    assert "Beside it, at once: `protocol.liquidation.delay_seconds=0`." in page
    without, mine = (text_of(table(shown).rows[0][n]) for n in (2, 1))
    assert f"| lowers | liquidations | {without} | {mine} | {without} |" in page


def test_a_scenario_that_shows_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="shows no mechanism"):
        sim.contrast("single-crash")
    extending = tmp_path / "more.yaml"
    extending.write_text(f"extends: {written(tmp_path)}\nname: more\n")
    assert load(extending).contrast is None, "what a file is there to show is its own"


def test_the_command(tmp_path: Path) -> None:
    runner, out = CliRunner(), tmp_path / "page.md"
    arguments = [str(written(tmp_path)), "--books", "2", "--out", str(out)]
    done = runner.invoke(cli, arguments)
    assert done.exit_code == 0 and "on the same 2 books" in done.output, done.output
    page = out.read_text()
    assert "without: `protocol.liquidation.delay_seconds=0`" in page
    assert "| lowers | liquidations |" in page and "| costs | bad debt and shortfall |" in page
    again = runner.invoke(cli, arguments)
    assert again.exit_code == 2 and "--overwrite" in again.output
