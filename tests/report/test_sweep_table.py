"""The printed tables: every figure with its error, and what cannot be known is said."""

from __future__ import annotations

import io

from rich.console import Console

from sim.report.given import Books
from sim.report.sweep_tables import bearer_table, loss_table, reserve_table
from sim.sweeps import loss_table as losses
from sim.sweeps.reserves import by_asset
from sim.terminal import tables
from tests.sweep.test_losses import sample


def printed(paths: int, losing: float = 1.0) -> str:
    outcomes = sample(paths, losing)
    text = io.StringIO()
    console = Console(file=text, width=80, highlight=False)
    table = losses.loss_table(outcomes, "mc", 300)
    risk = loss_table(table, paths, Books(1, 8, 24), None, "Given: made-up losses.")
    console.print(tables.printed(risk))
    console.print(tables.printed(bearer_table(losses.borne_by(outcomes, "mc"))))
    console.print(tables.printed(reserve_table(by_asset(outcomes, "mc"))))
    assert max(map(len, text.getvalue().splitlines())) <= 80 and "…" not in text.getvalue()
    return text.getvalue()


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name)).rstrip()


def test_every_figure_has_error_and_interval() -> None:
    text = printed(2_000, losing=0.3)
    for name in (
        "chance of a loss",
        "expected loss",
        "expected if any",
        "VaR 95%",
        "VaR 99%",
        "ES 95%",
        "ES 99%",
        "LaR 95%",
    ):
        assert " to " in row(text, name), name
    assert "2,000 paths" in text and "unbounded" not in text
    assert row(text, "chance of a loss").count("%") == 4


def test_too_few_paths_are_said_with_the_remedy() -> None:
    text = printed(60)
    for name, paths in (("VaR 99%", 284), ("ES 99%", 500)):
        assert row(text, name).endswith(f"to unbounded (needs {paths} paths)")
        assert "unknown" in row(text, name)
    assert "unbounded" not in row(text, "VaR 95%")


def test_nobody_loses() -> None:
    text = printed(2_000, losing=0)
    assert row(text, "chance of a loss").split("  ")[-1].strip() == "0.00% to 0.15%"
    assert "none lost" in row(text, "expected if any")
    assert row(text, "expected loss").endswith("$0 to unbounded (needs more paths)")
    assert row(text, "LaR 95%").count("$") == 4
    assert row(text, "VaR 95%").endswith("$0 to $0")
    assert row(text, "insurance fund").endswith("on no path")


def test_bearers_and_their_shares() -> None:
    text = printed(2_000)
    shares = [
        row(text, name).split("%")[0].split()[-1]
        for name in ("fees", "insurance fund", "suppliers", "still open", "shortfall, not realised")
    ]
    assert abs(sum(map(float, shares)) - 100) < 0.3


def test_assets_with_their_intervals_parts_and_coverage() -> None:
    """The parts add up to the ES 99% of all, to the rounding of dollars."""
    text = printed(2_000, losing=0.3)
    table = text[text.index("Loss by the asset") :]
    whole = row(text, "ES 99%").split()[2]
    parts = [row(table, f"{asset}: part of ES 99%").split()[-2] for asset in ("WETH", "USDC")]
    of_all = sum(int(part.strip("$").replace(",", "")) for part in parts)
    assert abs(of_all - int(whole.strip("$").replace(",", ""))) <= 1
    weth, usdc = (row(table, f"{asset}: coverage 99%").split()[3] for asset in ("WETH", "USDC"))
    assert weth == "0.00" and 0 < float(usdc) < 1, "only USDC has a fund"
    assert " to $" in row(table, "WETH: expected loss")
    assert "Loss by the asset" not in printed(2_000, losing=0)
