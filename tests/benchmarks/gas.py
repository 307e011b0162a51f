"""What operations cost in gas, beside Aave v3.7: `make gas`.

    python -m tests.benchmarks.gas                          # moments
    python -m tests.benchmarks.gas --markdown docs/gas.md

Whole transactions in blocks of their own on the devnet (every slot cold, refunds taken off, the
21,000 of a transaction and its calldata included), 100 s after the last, so that interest is
booked; approvals were given before, and nobody's balance is zero unless that is said. Each is
compared with the twin, as any run is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import click
from rich.console import Console
from rich.table import Table

from sim.engines.anvil import AnvilChain
from sim.engines.exact import journal_rows
from sim.engines.lockstep import Lockstep
from sim.files.whole import replacing
from sim.protocol import operations as op
from sim.protocol.fixed_point import max_uint
from sim.protocol.oracle import FEED_BURNS
from sim.protocol.soundness import MOST_ASSETS
from sim.protocol.state import State
from tests.lockstep.support import START
from tests.lockstep.wide import (
    BORROWER,
    LIQUIDATOR,
    PRICE,
    WHOLE,
    done,
    stock,
    wide,
)

BLOCK = 30_000_000
"""Gas of a block, of which a liquidation may need a third at most."""
SECONDS = 100
"""From one operation to the next."""
ASSETS = 2 * MOST_ASSETS
DELAY = 600
"""Seconds between flag and liquidation, where there is one."""
SUB_ACCOUNTS = 4
CALM, ILL, WIDE, SPARE = range(SUB_ACCOUNTS)
THEIRS = SUB_ACCOUNTS
"""Accounts: of the borrower, and the liquidator's."""


M = TypeVar("M")


class Aave(NamedTuple):
    """Gas of one operation of Aave v3.7, from the least to the most."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least:,} to {self.most:,}"


SUPPLY, BORROW, LIQUIDATION = Aave(126_000, 219_000), Aave(188_000, 275_000), Aave(251_000, 395_000)
"""Measured on Aave v3.7, to the thousand."""
WITHDRAWAL, REPAYMENT = Aave(165_226, 240_296), Aave(176_521, 189_949)
"""Published: github.com/aave-dao/aave-v3-origin, snapshots/Pool.Operations.json, 04419e2."""


class Row(NamedTuple):
    """One operation."""

    what: str
    gas: int
    aave: Aave | None = None
    """None: Aave has no such thing, or does not publish it."""


class Meter:
    """Twin and devnet side by side; says what each operation costs."""

    def __init__(self, chain: AnvilChain, fallback: bool = False, delay: int = 0) -> None:
        self.s: State = wide(ASSETS, SUB_ACCOUNTS, fallback=fallback, delay=delay)
        symbols = [f"A{i}" for i in range(ASSETS)]
        self._lockstep = Lockstep(chain, self.s, symbols, views_every=1_000)
        self.s.clock[0] += 1
        stock(self.s)
        for i in range(ASSETS):
            op.poke(self.s, 0, i, 0)
        self.played()
        for i in range(ASSETS):  # approvals
            self.of(op.supply, BORROWER, SPARE, i, 10 * WHOLE)
            self.of(op.supply, LIQUIDATOR, THEIRS, i, 10 * WHOLE)
            self.of(op.withdraw, BORROWER, SPARE, i, max_uint())
            self.of(op.withdraw, LIQUIDATOR, THEIRS, i, max_uint())

    def played(self) -> int:
        """Gas of what the twin did since, in a block of its own."""
        return sum(self._lockstep.play(journal_rows(self.s), int(self.s.clock[0]), self.s))

    def of(self, operation: Callable[..., int], *arguments: int) -> int:
        """Gas of an operation after `SECONDS`; it must be accepted."""
        self.s.clock[0] += SECONDS
        done(operation(self.s, *arguments))
        return self.played()

    def falls(self, percent: int, *assets: int) -> None:
        """Prices of assets are so much below their start, within what is believed at once."""
        self.s.clock[0] += SECONDS
        for i in assets:
            for slot in range(2):
                op.post_price(self.s, 0, i, slot, PRICE * (100 - percent) // 100)
        self.played()


def operations(m: Meter) -> Iterator[Row]:
    """What users and liquidators do, with one collateral and one debt unless that is said."""
    for which in ("supply, the first of an asset", "supply, more of it"):
        yield Row(which, m.of(op.supply, BORROWER, CALM, 0, 1_000 * WHOLE), SUPPLY)
    gas = m.of(op.withdraw, BORROWER, CALM, 0, 100 * WHOLE)
    yield Row("withdraw, nothing owed", gas, WITHDRAWAL)
    for which in ("borrow, the first of an asset", "borrow, more of it"):
        yield Row(which, m.of(op.borrow, BORROWER, CALM, 1, 100 * WHOLE), BORROW)
    gas = m.of(op.withdraw, BORROWER, CALM, 0, 100 * WHOLE)
    yield Row("withdraw, with a debt", gas, WITHDRAWAL)
    yield Row("supply, with a debt", m.of(op.supply, BORROWER, CALM, 0, 100 * WHOLE), SUPPLY)
    yield Row("repay, a part", m.of(op.repay, BORROWER, CALM, 1, 50 * WHOLE), REPAYMENT)
    yield Row("repay, all", m.of(op.repay, BORROWER, CALM, 1, max_uint()), REPAYMENT)
    for i in range(3):
        m.of(op.supply, BORROWER, CALM, i, 1_000 * WHOLE)
    m.of(op.borrow, BORROWER, CALM, 3, 100 * WHOLE)
    gas = m.of(op.borrow, BORROWER, CALM, 4, 100 * WHOLE)
    yield Row("borrow, with three collaterals and two debts", gas)
    m.of(op.supply, BORROWER, ILL, 0, 1_000 * WHOLE)
    m.of(op.borrow, BORROWER, ILL, 1, 740 * WHOLE)
    m.falls(10, 0)
    for what, shares in (("cash", 0), ("shares", 1)):
        gas = m.of(op.liquidate, LIQUIDATOR, ILL, 1, 0, 50 * WHOLE, 0, shares)
        yield Row(f"liquidate a part, for {what}", gas, LIQUIDATION)
    gas = m.of(op.flash_liquidate, LIQUIDATOR, ILL, 1, 0, 50 * WHOLE, 0)
    yield Row("liquidate a part, without capital, a sale included", gas)
    m.falls(20, 0)
    gas = m.of(op.liquidate, LIQUIDATOR, ILL, 1, 0, max_uint(), 0, 0)
    yield Row("liquidate as much as may be, for cash", gas, LIQUIDATION)


def delayed(m: Meter) -> Iterator[Row]:
    """What heals, in a vault with a delay: there it is to be seen that healing buys none."""
    for i in range(2):
        m.of(op.supply, BORROWER, CALM, i, 1_000 * WHOLE)
    m.of(op.borrow, BORROWER, CALM, 2, 740 * WHOLE)
    yield Row("supply, with a debt", m.of(op.supply, BORROWER, CALM, 0, 100 * WHOLE), SUPPLY)
    yield Row("repay, a part", m.of(op.repay, BORROWER, CALM, 2, 50 * WHOLE), REPAYMENT)
    m.of(op.supply, BORROWER, ILL, 0, 1_000 * WHOLE)
    m.of(op.borrow, BORROWER, ILL, 1, 740 * WHOLE)
    m.falls(10, 0)
    m.of(op.flag, LIQUIDATOR, ILL)
    for _ in range(DELAY // SECONDS):
        m.falls(10, 0)
    for what, shares in (("cash", 0), ("shares", 1)):
        gas = m.of(op.liquidate, LIQUIDATOR, ILL, 1, 0, 50 * WHOLE, 0, shares)
        yield Row(f"liquidate a part, for {what}", gas, LIQUIDATION)
    yield Row("repay, a part, while flagged", m.of(op.repay, BORROWER, ILL, 1, WHOLE), REPAYMENT)


def by_assets(m: Meter) -> Iterator[Row]:
    """A liquidation of an account by the number of its assets, half of them collateral."""
    for n in range(2, MOST_ASSETS + 1, 2):
        half = n // 2
        for i in range(half):
            m.of(op.supply, BORROWER, WIDE, i, 1_000 * WHOLE)
        for i in range(half, n):
            m.of(op.borrow, BORROWER, WIDE, i, 740 * WHOLE)
        m.falls(10, *range(half))
        gas = m.of(op.liquidate, LIQUIDATOR, WIDE, half, 0, 50 * WHOLE, 0, 0)
        yield Row(f"{n} assets", gas)
        m.falls(0, *range(half))
        for i in range(half, n):
            m.of(op.repay, BORROWER, WIDE, i, max_uint())
        for i in range(half):
            m.of(op.withdraw, BORROWER, WIDE, i, max_uint())


def burning(m: Meter) -> int:
    """A liquidation of an account of as many assets as it may have, of which all feeds, second ones
    included, burn all the gas that they get, but those of the two it is about; flagged before.
    """
    half = MOST_ASSETS // 2
    for i in range(half):
        m.of(op.supply, BORROWER, WIDE, i, 1_000 * WHOLE)
    for i in range(half, MOST_ASSETS):
        m.of(op.borrow, BORROWER, WIDE, i, 740 * WHOLE)
    m.falls(25, 0)
    m.falls(-25, half)
    m.of(op.flag, LIQUIDATOR, WIDE)
    m.s.clock[0] += DELAY
    for i in range(MOST_ASSETS):
        for slot in range(2):
            if i not in (0, half):
                op.set_feed_mode(m.s, 0, i, slot, FEED_BURNS)
    m.played()
    return m.of(op.liquidate, LIQUIDATOR, WIDE, half, 0, 50 * WHOLE, 0, 0)


def shown(title: str, rows: list[Row]) -> Table:
    """For the terminal."""
    table = Table(*_head(rows), title=title, title_justify="left")
    for row in rows:
        table.add_row(*_cells(row)[: len(table.columns)])
    return table


def page(m: Measured) -> str:
    """For docs/."""
    return _PAGE.format(
        operations=_markdown(m.operations),
        delayed=_markdown(m.delayed),
        delay=DELAY,
        sizes=_markdown(m.sizes),
        most=MOST_ASSETS,
        worst=m.worst,
        worst_delayed=m.worst_delayed,
        third=BLOCK // 3,
    )


def _head(rows: list[Row]) -> list[str]:
    """Columns: what Aave costs where any row says so."""
    return ["", "gas", *(["Aave v3.7", "of its most"] if any(row.aave for row in rows) else [])]


def _cells(row: Row) -> tuple[str, ...]:
    if row.aave is None:
        return row.what, f"{row.gas:,}", "", ""
    return row.what, f"{row.gas:,}", str(row.aave), f"{row.gas / row.aave.most:.0%}"


def _markdown(rows: list[Row]) -> str:
    head = _head(rows)
    lines = [
        head,
        ["---", *["---:"] * (len(head) - 1)],
        *(_cells(row)[: len(head)] for row in rows),
    ]
    return "\n".join(f"|{'|'.join(line)}|" for line in lines)


_PAGE = """\
# What operations cost in gas

Written by `make gas ARGS="--markdown docs/gas.md"`.

Whole transactions on the devnet, in blocks of their own: every slot is cold, refunds are taken off,
the 21,000 of a transaction and its calldata are included. 100 s lie between one and the next, so
that each books interest; approvals are there, and no balance is zero but where that is said. A feed
is a contract that keeps its answer; tokens are OpenZeppelin's. The vault has no liquidation delay.

Aave v3.7: supply, borrow and liquidation as measured there; withdrawals and repayments as published
(github.com/aave-dao/aave-v3-origin, `snapshots/Pool.Operations.json`, 04419e2).

{operations}

## In a vault with a delay of {delay} s

Whoever supplies to an account that owes, repays or takes shares is measured before it, so that no
healing buys a delay, and a flagged one after it, too.

{delayed}

## A liquidation by the number of assets

Half of them are collateral, half debts.

{sizes}

An account has at most {most} assets that are collateral or owed (`TooManyAssets`), each is priced
once in a call, and a feed gets 200,000 gas at most, a second one the same. So an account of {most}
assets of which all feeds burn what they get, but those of the debt repaid and the collateral
seized, is liquidated with **{worst:,} gas**, in a vault with a delay with {worst_delayed:,};
a third of a block of 30 million is {third:,} (`tests/lockstep/test_bound.py` holds it against
4 million).
"""


class Measured(NamedTuple):
    """What there is to show."""

    operations: list[Row]
    delayed: list[Row]
    """In a vault with a delay."""
    sizes: list[Row]
    """A liquidation by the number of assets."""
    worst: int
    """Of a liquidation."""
    worst_delayed: int


def measured() -> Measured:
    """Each on a chain of its own."""
    return Measured(
        _metered(lambda m: list(operations(m))),
        _metered(lambda m: list(delayed(m)), delay=DELAY),
        _metered(lambda m: list(by_assets(m))),
        _metered(burning, fallback=True),
        _metered(burning, fallback=True, delay=DELAY),
    )


def _metered(measure: Callable[[Meter], M], fallback: bool = False, delay: int = 0) -> M:
    with AnvilChain(START - 20_000) as chain:
        return measure(Meter(chain, fallback, delay))


@click.command()
@click.option(
    "--markdown",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the page of the figures, too.",
)
def main(markdown: Path | None) -> None:
    """Measure every operation and print it beside Aave's."""
    console = Console(highlight=False)
    m = measured()
    console.print(shown("Operations", m.operations))
    console.print(shown(f"In a vault with a delay of {DELAY} s", m.delayed))
    console.print(shown("A liquidation by the number of assets", m.sizes))
    console.print(f"{MOST_ASSETS} assets whose feeds burn all gas that they get: {m.worst:,}")
    console.print(f"the same in a vault with a delay: {m.worst_delayed:,}")
    if markdown:
        with replacing(markdown) as draft:
            draft.write_text(page(m))
        console.print(f"Written: {markdown}")


if __name__ == "__main__":
    main()
