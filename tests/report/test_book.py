"""The book as it is shown before a run: against a measured one, and who is under water."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from sim.scenario import Scenario, load, with_overrides
from sim.terminal.opening_book import print_book
from sim.world import build

UNDER_WATER = """account,asset,supplied,debt
a,WETH,10,0
a,DAI,0,1000
b,WETH,10,0
b,DAI,0,1900
c,WBTC,1,0
c,DAI,0,7000
"""


def shown(scenario: Scenario) -> str:
    printed = io.StringIO()
    print_book(build(scenario), Console(file=printed, width=80, highlight=False))
    assert max(map(len, printed.getvalue().splitlines())) <= 80
    return printed.getvalue()


def of_file(folder: Path, text: str) -> Scenario:
    (folder / "book.csv").write_text(text)
    return with_overrides(load("black-thursday"), {"book": {"file": str(folder / "book.csv")}})


def test_figures_of_a_book_by_hand(tmp_path: Path) -> None:
    """Debts 7000, 1900, 1000; health .734, .819, 1.557: WETH 194.61 x .8, WBTC 7900 x .65."""
    text = shown(of_file(tmp_path, UNDER_WATER))
    lines = {line[:24].strip(): line[24:].split() for line in text.splitlines()}
    assert text.startswith("book.csv: 6 rows, 3 accounts; amounts in tokens.\n")
    assert "\n3 accounts owe $9.9k against $11.8k of collateral" in text
    assert lines["largest account, of debt"] == ["70.7%", "13.5%"]
    assert lines["10 largest, of debt"] == ["100.0%", "50.4%"]
    assert lines["Gini coefficient"] == ["0.404", "0.985"]
    assert lines["health, median"] == ["0.819", "1.895"]
    assert lines["accounts"] == ["3", "4,793"]
    assert "Collateral: WBTC 67%, WETH 33%.\nDebt: DAI 100%." in text
    assert "2 accounts are liquidatable at the start, with $8,900 of debt." in text


def test_one_account_and_none(tmp_path: Path) -> None:
    lines = UNDER_WATER.splitlines(keepends=True)
    one = shown(of_file(tmp_path, "".join(lines[:5])))
    assert "1 account is liquidatable at the start, with $1,900 of debt." in one
    assert "liquidatable" not in shown(of_file(tmp_path, "".join(lines[:3])))
    nobody = shown(of_file(tmp_path, "account,asset,supplied,debt\na,WETH,10,0\n"))
    assert "\n1 account owes $0" in nobody and "liquidatable" not in nobody
