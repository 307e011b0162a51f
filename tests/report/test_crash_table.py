"""What the closing tables of a run print, against the run's own books."""

from __future__ import annotations

import io
import re

from rich.console import Console, RenderableType

from sim.market.market import REFUSED_VALUE
from sim.measures.registry import found
from sim.report import run_tables
from sim.tape import Frames, frames
from sim.terminal import tables
from tests.tape.storm import play, storm
from tests.tape.test_shortfall import LOW, STUCK, by_account


def loss_table(tape: Frames) -> RenderableType:
    return tables.printed(run_tables.loss_table(tape))


def cascade_table(tape: Frames) -> RenderableType:
    return tables.printed(run_tables.cascade_table(found(tape)), header=False)


def summary_table(tape: Frames) -> RenderableType:
    return tables.printed(run_tables.figures_table(tape, found(tape)), header=False)


def parties_table(tape: Frames) -> RenderableType:
    return tables.printed(run_tables.parties_table(tape))


def printed(table: RenderableType) -> str:
    """As on a terminal."""
    text = io.StringIO()
    Console(file=text, width=120).print(table)
    return text.getvalue()


def lines(table: RenderableType) -> dict[str, str]:
    """First cell -> the rest of its line."""
    cells = (re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in printed(table).split("\n"))
    return {first: rest[0] for first, *rest in cells if rest}


def test_withdrawals_that_the_suppliers_of_the_model_did_not_get_are_shown() -> None:
    """They ask the protocol for what there is only, so it refuses none of their operations."""
    each = {"base_per_day": 100.0, "branching_ratio": 0.0, "half_life_seconds": 3_600}
    world, tape = play(storm(withdrawals={"USDC": {**each, "size_bps": 1_000}}))
    refused = int(world.market.tally[REFUSED_VALUE]) / 10**8
    said = lines(cascade_table(frames(tape.tables(complete=True))))
    assert said["withdrawals refused (no cash, or a limit)"] == f"${refused:,.0f}"
    assert refused > 100_000


def test_the_shortfall_is_at_market_prices_where_a_feed_stands_still() -> None:
    _, recorded = play(storm(**STUCK), steps=LOW)
    tape = frames(recorded.tables(complete=False))
    missing = by_account(tape, LOW).eval("debt - collateral").clip(lower=0).sum()
    shown = lines(loss_table(tape))
    total = shown.get("total", shown["USDC"]).split()[-1]
    assert total == f"${missing / 10**8:,.0f}" and missing > 10_000 * 10**8


def test_the_peak_is_shown_with_its_time() -> None:
    """The largest sum of both columns of the tape, after any step."""
    _, recorded = play(storm(**STUCK))
    tape = frames(recorded.tables(complete=True))
    both = (tape.steps["bad_debt_usd"] + tape.steps["shortfall_usd"]).iloc[1:]
    at = tape.steps.loc[both.idxmax()]
    said = lines(summary_table(tape))
    when = f"{at['time_utc']:%Y-%m-%d %H:%M} UTC"
    assert said["peak loss"].split(maxsplit=1) == [f"${both.max():,.0f}", when]
    assert said["of it shortfall"] == f"${at['shortfall_usd']:,.0f}"
    assert both.max() > 1.01 * both.iloc[-1] > 0, "a rebound forgives"


def test_a_run_that_ended_early_claims_nothing_of_the_rest() -> None:
    """In the first steps nobody loses; that nobody does is said only of a run to its end."""
    _, recorded = play(storm(), steps=2)
    for complete in (False, True):
        tape = frames(recorded.tables(complete=complete))
        said = printed(loss_table(tape)) + printed(cascade_table(tape))
        assert ("No bad debt" in said) == complete
        assert ("all figures are of 2 of 48 steps" in said) != complete
        assert ("nobody was liquidated so far" in said) != complete
