"""What a path comes to by asset and at its worst, on integers, against the tape of the same run."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from sim.books import Book
from sim.engines.compiled_shortfall import total_shortfall
from sim.engines.exact import run
from sim.engines.outcome import PEAK_LOSS, conclude, follow, names, width
from sim.market.shortfall import shortfall
from sim.measures.solvency import in_usd, losses, peak_loss
from sim.scenario import Scenario
from sim.tape import Frames, Tape, frames
from sim.world import World, build
from tests.simulation.spiral import scenario, world_with
from tests.tape.storm import storm
from tests.tape.test_shortfall import SCENARIOS

DEAD = {
    "kind": "sequencer-down",
    "from": datetime(2021, 6, 1, 1, 30, tzinfo=timezone.utc),
    "until": datetime(2021, 6, 1, 5, tzinfo=timezone.utc),
}
MORE: dict[str, Scenario] = {
    **SCENARIOS,
    "a chain that stands still": storm(feeds__faults=[DEAD]),
    "nobody liquidates": storm(liquidators=[]),
    "collateral that is lent on": storm(protocol__reserves__WETH__rehypothecate=True),
    "a bonus that grows with time": storm(protocol__liquidation__engine="dutch-bonus"),
}


def followed(played: Scenario) -> tuple[World, Frames, Any, list[tuple[int, int]]]:
    """World and tape of a run, its outcome, and per step the lazy shortfall and everyone's."""
    world = build(played)
    s, w = world.state, world.market
    tape, outcome = Tape(world, "exact"), np.full(width(len(s.unit)), 0, dtype=object)
    seen = []
    for k, rows, gas in run(world):
        tape.record(k, rows, gas)
        if k:
            follow(s, w, k, outcome)
            everyone = sum(shortfall(s, w, k, a) for a in range(len(s.account)))
            seen.append((total_shortfall(s, w, k), everyone))
    conclude(s, w, played.steps, outcome)
    return world, frames(tape.tables(complete=True)), outcome, seen


@pytest.mark.parametrize("name", MORE)
def test_by_asset_and_at_the_peak(name: str) -> None:
    """To the unit: assets sum up to the path's, and lazily summed shortfalls are everyone's. The
    peak is the largest that the tape has.
    """
    world, tape, outcome, seen = followed(MORE[name])
    found = dict(zip(names(world.symbols), outcome, strict=True))
    for column in ("bad_debt", "shortfall", "loss"):
        parts = [found[f"{column}.{symbol}"] for symbol in world.symbols]
        assert sum(parts) == found[column], column
        assert min(parts) >= 0
    assert [lazy for lazy, _ in seen] == [everyone for _, everyone in seen]
    assert max(everyone for _, everyone in seen) > 0
    steps = tape.steps.iloc[1:]
    largest = (steps["bad_debt_usd"] + steps["shortfall_usd"]).max()
    assert outcome[PEAK_LOSS] / 1e8 == pytest.approx(largest, abs=1e-6)
    assert peak_loss(tape).loss_usd == pytest.approx(largest, abs=1e-9)
    assert outcome[PEAK_LOSS] >= found["loss"] == found["bad_debt"] + found["shortfall"]
    usd = in_usd(losses(tape))
    for symbol in world.symbols:
        assert found[f"bad_debt.{symbol}"] / 1e8 == pytest.approx(
            usd.loc[symbol, "reported"], abs=1e-6
        )
        # The tape splits in tokens, a unit of which is worth up to .08 cents, per account.
        assert found[f"shortfall.{symbol}"] / 1e8 == pytest.approx(
            usd.loc[symbol, "shortfall"], abs=0.0008 * len(world.state.account)
        )


def test_the_shortfall_of_two_debts_is_split_as_they_are() -> None:
    """250 WETH against $300,000 and 20 WETH: at $1,000 it lacks $70,000 of $320,000."""
    book = Book(
        np.array([[250 * 10**18, 0]], dtype=object),
        np.array([[20 * 10**18, 300_000 * 10**6]], dtype=object),
        np.zeros(1, dtype=bool),
    )
    world = world_with(book, scenario(suppliers__WETH=1e6))
    s, w = world.state, world.market
    w.price[1] = np.array([1_000 * 10**8, 10**8], dtype=object)
    outcome = np.full(width(2), 0, dtype=object)
    conclude(s, w, 1, outcome)
    found = dict(zip(names(world.symbols), outcome, strict=True))
    weth, usdc = (found[f"shortfall.{symbol}"] for symbol in world.symbols)
    assert weth + usdc == found["shortfall"]
    assert (weth / 1e8, usdc / 1e8) == pytest.approx((70_000 / 16, 70_000 * 15 / 16), abs=1e-4)


def test_what_a_reserve_can_bear_is_what_it_bore_and_has() -> None:
    """From the tape: covered by fees and fund, and what is left in the fund; the rest is fees."""
    world, tape, outcome, _ = followed(storm(protocol__insurance__capital_usd__USDC=20_000.0))
    found = dict(zip(names(world.symbols), outcome, strict=True))
    last = tape.assets.groupby("asset").last()
    fees = 0.0
    for symbol in world.symbols:
        row = last.loc[symbol]
        tokens = int(row["covered_by_fees"]) + int(row["covered_by_fund"]) + row["insurance_pool"]
        usd = tokens / 10 ** row["decimals"] * row["reference_price_usd"]
        left = found[f"bearable.{symbol}"] / 1e8 - usd
        assert left >= -1e-6
        fees += (
            left + int(row["covered_by_fees"]) / 10 ** row["decimals"] * row["reference_price_usd"]
        )
    assert fees == pytest.approx(found["revenue"] / 1e8, abs=1e-6)
    assert found["bearable.USDC"] / 1e8 >= 20_000 - 1e-6
    assert found["by_fund"] > 0


def test_the_opening_is_no_step() -> None:
    """Of a tape of the opening alone there is nothing else."""
    world = build(storm())
    tape = Tape(world, "exact")
    tape.record(*next(iter(run(world))))
    assert peak_loss(frames(tape.tables(complete=False))).loss_usd == 0
