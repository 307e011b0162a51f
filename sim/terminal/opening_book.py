"""The borrowers at the start of a run, for someone who watches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from rich.console import Console

from sim.books import COMPOUND_2023, describe
from sim.books.book import Integers
from sim.books.categories import terms_of
from sim.health.census import census
from sim.market.market import FACTOR
from sim.measures.brackets import Pledged, any_tiers, largest_share_of, powers_of
from sim.protocol.state import BORROW_CAP, SUPPLY_CAP
from sim.protocol.units import BPS, USD
from sim.report.page.content import Cell, Table, count, ratio, share
from sim.report.text import short_usd, usd
from sim.schema.book import BorrowerBook
from sim.terminal.tables import printed
from sim.world import World

_SAME_HEALTH = 0.01


def print_book(world: World, console: Console) -> None:
    """What was understood of its file; the book in one line, against a measured one in a table;
    which parameters its positions come from if not the present ones, and what of it these would not
    allow anew; what is lost in it already.
    """
    book = describe(world.book, world.scenario, list(world.market.price[0]))
    if reading := world.book.reading:
        for line in (*reading.lines, *_health_of_file(world)):
            console.print(line, markup=False)
    owe = "account owes" if book["accounts"] == 1 else "accounts owe"
    console.print(
        f"{book['accounts']:,} {owe} {short_usd(book['total_debt_usd'])} against "
        f"{short_usd(book['total_collateral_usd'])} of collateral; "
        f"the ten largest owe {book['top_10_debt_share']:.0%}."
    )
    console.print(printed(book_table(book)))
    for line in _vaults(world):
        console.print(line)
    for line in _categories(world):
        console.print(line)
    for name in ("collateral", "debt"):
        console.print(f"{name.capitalize()}: {_mix(book[f'{name}_usd'])}.")
    for line in limits_of_size(world):
        console.print(line)
    if isinstance(world.scenario.book, BorrowerBook) and world.scenario.book.drawn_under:
        console.print(
            "Positions are those of the scenario before thresholds and limits were set otherwise; "
            "--redraw-book draws others."
        )
    for line in (*_beyond_caps(world), *_beyond_terms(world)):
        console.print(line, style="yellow")
    if number := book["under_water_accounts"]:
        console.print(
            f"{number:,} account{' owes' if number == 1 else 's owe'} "
            f"{usd(book['under_water_usd'])} more than is pledged for it: bad debt from before, "
            "which no loss below includes; rows of their own do. It is in no health above.",
            style="yellow",
        )
    if number := book["liquidatable_accounts"]:
        owed = usd(book["liquidatable_debt_usd"])
        console.print(
            f"{number:,} account{' is' if number == 1 else 's are'} liquidatable at the start, "
            f"with {owed} of debt.",
            style="yellow",
        )


def _categories(world: World) -> Iterator[str]:
    """How many accounts are in each, if there are any."""
    if world.book.category is None:
        return
    for k, name in enumerate(world.scenario.protocol.categories, start=1):
        here = world.book.category == k
        if not here.any():
            continue
        owed = sum(_usd(world, world.book.debt[here], i) for i in range(len(world.symbols)))
        accounts = f"{here.sum():,} account{'' if here.sum() == 1 else 's'}"
        yield f"Category {name}: {accounts}, {short_usd(owed)} owed."


def _vaults(world: World) -> Iterator[str]:
    """Who is in which of several vaults."""
    vault = world.state.account_vault[: len(world.book.debt)]
    for v, name in enumerate(world.scenario.protocol.vaults):
        here, assets = vault == v, range(len(world.symbols))
        owed = sum(_usd(world, world.book.debt[here], i) for i in assets)
        backs = sum(_usd(world, world.book.collateral[here], i) for i in assets)
        yield (
            f"Vault {name}: {here.sum():,} accounts, {short_usd(owed)} owed against "
            f"{short_usd(backs)}."
        )


def limits_of_size(world: World) -> Iterator[str]:
    """What brackets of collateral keep back and limits of concentration bound, by account and by
    owner.
    """
    book, prices, units = world.book, world.market.price[0], world.state.unit
    values = book.collateral.astype(float) * (prices / units).astype(float) / USD
    owners = [book.owner(a) for a in range(len(book.debt))]
    reserves = world.scenario.model_dump(mode="json")["protocol"]["reserves"]
    limits = None
    if book.category is not None:
        categories = world.scenario.protocol.categories
        limits = terms_of(world.symbols, categories, book.category)[1] / BPS
    pledged = Pledged(world.symbols, values, owners, reserves, limits)
    if any_tiers(reserves):
        flat, by_account, by_owner, in_halves = powers_of(pledged)
        yield (
            f"Tiers keep back {short_usd(flat - by_account)} of {short_usd(flat)} that could be "
            f"borrowed: {short_usd(by_account - by_owner)} more if all accounts of an owner were "
            f"one, {short_usd(in_halves - by_account)} less if everyone had two."
        )
    if largest := largest_share_of(pledged):
        asset, by_account, by_owner = largest
        most = reserves[asset]["concentration_bps"] / BPS
        yield (
            f"Of the {asset} that is pledged the largest account has {by_account:.1%} and the "
            f"largest owner {by_owner:.1%}; no account may grow beyond {most:.1%}."
        )


def _beyond_caps(world: World) -> Iterator[str]:
    names = list(world.scenario.protocol.vaults)
    vault = world.state.account_vault[: len(world.book.debt)]
    for amounts, column, done in (
        (world.book.supplied, SUPPLY_CAP, "supplied"),
        (world.book.debt, BORROW_CAP, "borrowed"),
    ):
        for v, (i, symbol) in product(range(len(names) or 1), enumerate(world.symbols)):
            total = amounts[vault == v, i].sum()
            cap, unit = world.state.reserve[v, i, column], world.state.unit[i]
            if total > cap:
                where = f" in {names[v]}" if names else ""
                yield (
                    f"{total / unit:,.0f} {symbol} are {done}{where} at the start, beyond the cap "
                    f"of {cap / unit:,.0f}: nobody can add to it."
                )


def _beyond_terms(world: World) -> Iterator[str]:
    """What of a recorded book the scenario's own settings would not let anyone open."""
    if world.book.reading is None:
        return
    reserves, terms = world.scenario.protocol.reserves, world.scenario.terms
    for i, symbol in enumerate(world.symbols):
        amount = short_usd(_usd(world, world.book.debt, i))
        if world.book.debt[:, i].any() and not reserves[symbol].borrow_enabled:
            yield f"{symbol} cannot be borrowed; the {amount} owed in it were borrowed before."
        amount = short_usd(_usd(world, world.book.collateral, i))
        if not world.book.collateral[:, i].any():
            continue
        if not terms[symbol].collateral_enabled:
            yield (
                f"{amount} of {symbol} back no debt, as it cannot become collateral; if they do, "
                f"say so: opened_under: {{{symbol}: {{collateral_enabled: true}}}}."
            )
        elif not reserves[symbol].collateral_enabled or not reserves[symbol].ltv_bps:
            yield f"Nothing more can be borrowed against {symbol}; {amount} of it back debts."


def _usd(world: World, amounts: Integers, i: int) -> float:
    value = int(amounts[:, i].sum()) * int(world.market.price[0, i]) // int(world.state.unit[i])
    return value / USD


def _health_of_file(world: World) -> Iterator[str]:
    """How the health factors of a file compare with those of the protocol at the start."""
    owes = world.book.debt.any(axis=1)
    of_file = [world.book.recorded_health(a) or 0.0 for a in range(len(world.book.debt))]
    known = np.flatnonzero((np.array(of_file) > 0) & owes.astype(bool))
    if not len(known):
        return
    here = (census(world.state)[known, FACTOR] / 10**18).astype(float)
    there = np.array(of_file)[known]
    off = np.abs(here / there - 1)
    a = int(off.argmax())
    yield (
        f"Health factors of the file: {(off <= _SAME_HEALTH).sum():,} of {len(known):,} within "
        f"{_SAME_HEALTH:.0%} of those at the start's prices and thresholds; furthest is "
        f"{world.book.name(int(known[a]))}, {there[a]:.4f} in the file and {here[a]:.4f} here."
    )


def book_table(book: dict[str, Any]) -> Table:
    """Concentration of debt and quantiles of health, next to those of Compound v2."""
    both = (book, COMPOUND_2023)
    rows: list[list[Cell]] = [["accounts", *(count(one["accounts"]) for one in both)]]
    for n in (1, 10, 100):
        who = "largest account" if n == 1 else f"{n} largest"
        rows.append([f"{who}, of debt", *(share(one[f"top_{n}_debt_share"], 1) for one in both)])
    rows.append(["Gini coefficient", *(ratio(one["gini"]) for one in both)])
    for percent, theirs in COMPOUND_2023["health_quantiles"].items():
        name = "health, median" if percent == 50 else f"health, {percent}% are below"
        rows.append([name, ratio(book["sound_health_quantiles"][percent]), ratio(theirs)])
    return Table("", ["", "this book", "Compound v2, May 2023"], rows)


def _mix(usd_of: dict[str, float]) -> str:
    """Shares of the assets, the largest first."""
    total = sum(usd_of.values()) or 1.0
    parts = sorted(usd_of.items(), key=lambda item: -item[1])
    return ", ".join(f"{asset} {value / total:.0%}" for asset, value in parts if value)
