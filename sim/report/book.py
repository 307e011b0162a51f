"""The borrowers at the start of a run, for someone who watches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table

from sim.books import COMPOUND_2023, describe
from sim.protocol.state import BORROW_CAP, SUPPLY_CAP
from sim.report.text import short_usd, usd
from sim.schema.book import BorrowerBook
from sim.world import World


def print_book(world: World, console: Console) -> None:
    """The book in one line, against a measured one in a table, which parameters its positions come
    from if not the present ones, and what of it these would not allow anew.
    """
    book = describe(world.book, world.scenario, list(world.market.price[0]))
    console.print(
        f"{book['accounts']:,} accounts owe {short_usd(book['total_debt_usd'])} against "
        f"{short_usd(book['total_collateral_usd'])} of collateral; "
        f"the ten largest owe {book['top_10_debt_share']:.0%}."
    )
    console.print(book_table(book))
    for name in ("collateral", "debt"):
        console.print(f"{name.capitalize()}: {_mix(book[f'{name}_usd'])}.")
    if isinstance(world.scenario.book, BorrowerBook) and world.scenario.book.drawn_under:
        console.print(
            "Positions are those of the scenario before thresholds and limits were set otherwise; "
            "--redraw-book draws others."
        )
    for line in _beyond_caps(world):
        console.print(line, style="yellow")
    if number := book["liquidatable_accounts"]:
        owed = usd(book["liquidatable_debt_usd"])
        console.print(
            f"{number:,} account{' is' if number == 1 else 's are'} liquidatable at the start, "
            f"with {owed} of debt.",
            style="yellow",
        )


def _beyond_caps(world: World) -> Iterator[str]:
    for amounts, column, done in (
        (world.book.collateral, SUPPLY_CAP, "supplied"),
        (world.book.debt, BORROW_CAP, "borrowed"),
    ):
        for i, symbol in enumerate(world.symbols):
            total, cap = amounts[:, i].sum(), world.state.reserve[0, i, column]
            if total > cap:
                unit = world.state.unit[i]
                yield (
                    f"{total / unit:,.0f} {symbol} are {done} at the start, beyond the cap of "
                    f"{cap / unit:,.0f}: nobody can add to it."
                )


def book_table(book: dict[str, Any]) -> Table:
    """Concentration of debt and quantiles of health, next to those of Compound v2."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1))
    table.add_column("")
    for name in ("this book", "Compound v2, May 2023"):
        table.add_column(name, justify="right")
    both = (book, COMPOUND_2023)
    table.add_row("accounts", *(f"{one['accounts']:,}" for one in both))
    for n in (1, 10, 100):
        who = "largest account" if n == 1 else f"{n} largest"
        table.add_row(f"{who}, of debt", *(f"{one[f'top_{n}_debt_share']:.1%}" for one in both))
    table.add_row("Gini coefficient", *(f"{one['gini']:.3f}" for one in both))
    for percent in COMPOUND_2023["health_quantiles"]:
        name = "health, median" if percent == 50 else f"health, {percent}% are below"
        table.add_row(name, *(f"{one['health_quantiles'][percent]:.3f}" for one in both))
    return table


def _mix(usd_of: dict[str, float]) -> str:
    """Shares of the assets, the largest first."""
    total = sum(usd_of.values()) or 1.0
    parts = sorted(usd_of.items(), key=lambda item: -item[1])
    return ", ".join(f"{asset} {value / total:.0%}" for asset, value in parts if value)
