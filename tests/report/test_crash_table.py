"""What the closing tables of a run print, against the run's own books."""

from __future__ import annotations

import io
import re

from rich.console import Console
from rich.table import Table

from sim.market.market import REFUSED_VALUE
from sim.report.crash_table import cascade_table, loss_table
from sim.tape import frames
from tests.tape.storm import play, storm
from tests.tape.test_shortfall import LOW, STUCK, by_account


def lines(table: Table) -> dict[str, str]:
    """First cell -> the rest of its line."""
    printed = io.StringIO()
    Console(file=printed, width=120).print(table)
    cells = (
        re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in printed.getvalue().split("\n")
    )
    return {first: rest[0] for first, *rest in cells if rest}


def test_withdrawals_that_the_suppliers_of_the_model_did_not_get_are_shown() -> None:
    """They ask the protocol for what there is only, so it refuses none of their operations."""
    each = {"base_per_day": 100.0, "branching_ratio": 0.0, "half_life_seconds": 3_600}
    world, tape = play(storm(withdrawals={"USDC": {**each, "size_bps": 1_000}}))
    refused = int(world.market.tally[REFUSED_VALUE]) / 10**8
    said = lines(cascade_table(frames(tape.tables(complete=True))))["withdrawals refused"]
    assert said == f"${refused:,.0f} for want of cash" and refused > 100_000


def test_the_shortfall_is_at_market_prices_where_a_feed_stands_still() -> None:
    _, recorded = play(storm(**STUCK), steps=LOW)
    tape = frames(recorded.tables(complete=False))
    missing = by_account(tape, LOW).eval("debt - collateral").clip(lower=0).sum()
    shown = lines(loss_table(tape))
    total = shown.get("total", shown["USDC"]).split()[-1]
    assert total == f"${missing / 10**8:,.0f}" and missing > 10_000 * 10**8
