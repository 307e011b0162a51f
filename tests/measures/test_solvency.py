"""Solvency measures against sums done by hand, and on real runs against the books."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.engines.exact import run
from sim.measures.solvency import (
    Liquidations,
    in_usd,
    largest_usage,
    liquidations,
    loss_history,
    losses,
    lowest_health,
    peak_loss,
    solvency_ratio,
    waterfall_balances,
)
from sim.protocol import operations as op
from sim.protocol.state import CASH, ESCROW, POOL_ASSETS, RESERVE0, WALLET
from sim.tape import Frames, frames
from sim.tape.columns import TABLES, TOKENS
from sim.world import World
from tests.tape.storm import play, storm

NO_LOSS = {
    "deficit": 0,
    "deficit_reported": 0,
    "covered_by_fees": 0,
    "covered_by_fund": 0,
    "socialised": 0,
    "shortfall": 0,
    "lost_before": 0,
}
TIMES = pd.to_datetime(["2020-01-01 00:00", "2020-01-01 01:00"])


def asset(step: int, name: str, decimals: int, price: float, **units: Any) -> dict[str, Any]:
    cash, debt = units.pop("cash"), units.pop("debt")
    row = {"step": step, "asset": name, "decimals": decimals, "reference_price_usd": price}
    row |= {"cash": cash, "debt": debt, "usage": debt / (cash + debt), **NO_LOSS, **units}
    return row | {"total_assets": cash + debt}


@pytest.fixture
def tape() -> Frames:
    """Two assets. Nothing has happened at step 0; at step 1:

    * GOLD at $50, 2 decimals: 60 in cash, 40 owed, all of it covered.
    * CASH at $1, 6 decimals: 100 in cash, 850 owed of which 30 are not covered. 80 went bad: 5
      borne by fees, 10 by the fund, 15 by suppliers, 50 are open.
    """
    rows = [
        asset(0, "GOLD", 2, 100.0, cash=6_000, debt=4_000),
        asset(0, "CASH", 6, 1.0, cash=100 * 10**6, debt=900 * 10**6),
        asset(1, "GOLD", 2, 50.0, cash=6_000, debt=4_000),
        asset(
            1,
            "CASH",
            6,
            1.0,
            cash=100 * 10**6,
            debt=850 * 10**6,
            deficit=50 * 10**6,
            deficit_reported=80 * 10**6,
            covered_by_fees=5 * 10**6,
            covered_by_fund=10 * 10**6,
            socialised=15 * 10**6,
            shortfall=30 * 10**6,
        ),
    ]
    steps = pd.DataFrame(
        {
            "step": [0, 1],
            "time_utc": TIMES,
            "lowest_health": [1.2, 0.7],
            "liquidations": [0, 3],
            "repaid_usd": [0.0, 1_000.0],
            "seized_usd": [0.0, 1_050.0],
            "liquidator_profit_usd": [0.0, 40.0],
            "gas_usd": [0.0, 1.5],
        }
    )
    assets = pd.DataFrame(rows)
    units = [column.name for column in TABLES["assets"] if column.type == TOKENS]
    assets = assets.astype({name: object for name in units if name in assets})
    empty = pd.DataFrame()
    return Frames(empty, steps, assets, *[empty] * (len(Frames._fields) - 3))


def test_losses_are_those_of_the_last_step(tape: Frames) -> None:
    lost = losses(tape)
    assert lost.loc["GOLD"].tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 2, 50.0]
    cash = lost.loc["CASH"]
    millions = [cash[name] // 10**6 for name in ("reported", "fees", "fund", "suppliers", "open")]
    assert millions == [80, 5, 10, 15, 50]
    assert cash["shortfall"] == 30 * 10**6


def test_losses_in_usd(tape: Frames) -> None:
    """A GOLD lost at 50 dollars with 2 decimals is 0.5 dollars per unit."""
    lost = losses(tape)
    lost.loc["GOLD", "reported"] = 3
    usd = in_usd(lost)
    assert usd.loc["GOLD", "reported"] == pytest.approx(1.5)
    assert usd.loc["CASH"].tolist() == pytest.approx([80, 5, 10, 15, 50, 30, 0, 110])


@pytest.mark.parametrize(
    ("before", "there", "added", "peak"),
    [(0, 0, 110, (80, 30)), (70, 70, 40, (10, 30)), (95, 95, 15, (0, 15)), (120, 110, 0, (0, 0))],
)
def test_what_was_lost_before_is_realised_first(
    tape: Frames, before: int, there: int, added: int, peak: tuple[int, int]
) -> None:
    """Of 80 that went bad and 30 that are not covered."""
    millions = pd.Series([0, 0, 0, before * 10**6], dtype=object)
    steps = tape.steps.assign(bad_debt_usd=[0.0, 80.0], shortfall_usd=[0.0, 30.0])
    told = tape._replace(steps=steps, assets=tape.assets.assign(lost_before=millions))
    lost = losses(told)
    assert lost.loc["CASH", ["before", "added"]].tolist() == [there * 10**6, added * 10**6]
    found = peak_loss(told)
    assert (found.bad_debt_usd, found.shortfall_usd) == pytest.approx(peak)
    assert found.loss_usd == pytest.approx(added) and found.largest_shortfall_usd == peak[1]


def test_waterfall_balances_to_the_unit(tape: Frames) -> None:
    lost = losses(tape)
    assert waterfall_balances(lost)
    for column in ("reported", "fees", "fund", "suppliers", "open"):
        off = lost.copy()
        off.loc["CASH", column] += 1
        assert not waterfall_balances(off), column


def test_waterfall_is_exact_beyond_floats(tape: Frames) -> None:
    """One unit of 10^30 is lost in a float; it must not be here."""
    lost = losses(tape)
    lost.loc["CASH", "reported"] = 10**30 + 65 * 10**6
    lost.loc["CASH", "suppliers"] = 10**30
    assert waterfall_balances(lost)
    lost.loc["CASH", "reported"] += 1
    assert not waterfall_balances(lost)


def test_solvency_ratio(tape: Frames) -> None:
    """Step 1: GOLD 100 x 50 = 5,000 on both sides; CASH 100 + 850 - 30 = 920 against
    100 + 850 + 50 + 15 = 1,015.
    """
    ratio = solvency_ratio(tape)
    assert ratio.index.tolist() == TIMES.tolist()
    assert ratio.tolist() == pytest.approx([1, (5_000 + 920) / (5_000 + 1_015)])


def test_solvency_without_claims_is_one(tape: Frames) -> None:
    gone = dict.fromkeys(("cash", "debt", "total_assets", "deficit", "socialised", "shortfall"), 0)
    nothing = tape.assets.assign(**gone)
    assert solvency_ratio(tape._replace(assets=nothing)).tolist() == [1, 1]


def test_loss_history(tape: Frames) -> None:
    history = loss_history(tape)
    assert history.columns.tolist() == ["fees", "fund", "suppliers", "open", "shortfall"]
    assert history.loc[TIMES[0]].tolist() == [0] * 5
    assert history.loc[TIMES[1]].tolist() == pytest.approx([5, 10, 15, 50, 30])


def test_extremes_and_liquidations(tape: Frames) -> None:
    assert lowest_health(tape) == ("health factor", 0.7, TIMES[1])
    assert largest_usage(tape) == ("CASH", 0.9, TIMES[0])
    assert liquidations(tape) == Liquidations(3, 1_000.0, 1_050.0, 38.5, 1.5)


def test_nobody_borrowed(tape: Frames) -> None:
    steps = tape.steps.assign(lowest_health=np.nan)
    assert lowest_health(tape._replace(steps=steps)) is None


# --- on real runs ---------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[8, 11, 27])
def real(request: pytest.FixtureRequest) -> tuple[World, Frames]:
    world, tape = play(storm(seed=request.param))
    return world, frames(tape.tables(complete=True))


def test_every_loss_is_borne_at_every_step(real: tuple[World, Frames]) -> None:
    """To the unit: reported = fees + fund + suppliers + open, and something was reported."""
    _, tape = real
    for step in tape.steps["step"]:
        until = tape._replace(assets=tape.assets[tape.assets["step"] <= step])
        assert waterfall_balances(losses(until))
    assert losses(tape)["reported"].sum() > 0


def test_usd_agrees_with_the_steps(real: tuple[World, Frames]) -> None:
    _, tape = real
    bearers = ["fees", "fund", "suppliers", "open"]
    assert loss_history(tape)[bearers].sum(axis=1).tolist() == pytest.approx(
        tape.steps["bad_debt_usd"].tolist()
    )


def test_solvency_stays_in_bounds(real: tuple[World, Frames]) -> None:
    ratio = solvency_ratio(real[1])
    assert ratio.iloc[0] == 1
    assert ((ratio > 0.5) & (ratio <= 1)).all() and ratio.min() < 1


def test_value_seized_is_repaid_with_bonus(real: tuple[World, Frames]) -> None:
    """Bonuses are at most 15%; prices move between oracle and market by a little."""
    done = liquidations(real[1])
    assert done.number > 0
    assert done.repaid_usd < done.seized_usd < 1.25 * done.repaid_usd


@pytest.mark.parametrize("seed", [8, 15])
def test_tokens_are_conserved_to_the_unit(seed: int) -> None:
    """Invariant 30 over a whole run: per asset, wallets + hub + fund + pairs = all that was minted,
    after every step.
    """
    world, _ = play(storm(seed=seed), steps=0)
    minted = [0] * len(world.symbols)
    for step in run(world):
        for row in step.rows:
            if row.kind == op.mint_token.kind:
                minted[row.x] += row.amount
        assert _held(world) == minted, f"after step {step.k}"
    assert step.k == world.scenario.steps


def _held(world: World) -> list[int]:
    s = world.state
    totals = s.holding[:, :, WALLET].sum(axis=0) + s.hub[:, CASH] + s.hub[:, ESCROW]
    totals += s.pool[:, POOL_ASSETS]
    for p, tokens in enumerate(s.pair_tokens):
        for side, token in enumerate(tokens):
            totals[token] += s.pair[p, RESERVE0 + side]
    return totals.tolist()


def test_frames_have_the_columns_that_measures_read(tape: Frames) -> None:
    """The frames made by hand above name columns as real tapes do."""
    for name in ("steps", "assets"):
        assert set(getattr(tape, name)) <= {column.name for column in TABLES[name]}
