"""What a tape says of a run, held against the world and the journal it was taken from."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.engines.exact import run
from sim.protocol import hub, vault_accounts
from sim.protocol.state import (
    BORROW_INDEX,
    CASH,
    DEFICIT_REPORTED,
    POOL_ASSETS,
    RESERVE0,
    SCALED_DEBT,
    SOCIALISED,
)
from sim.scenario import Scenario, digest
from sim.tape import Frames, Tape, frames
from sim.tape.columns import QUANTILES, TABLES
from sim.world import World, build
from tests.tape.storm import play, storm

NULLABLE = {"account", "asset", "gas", "gas_used", "health_start", "health_end", "lowest_health"}
NULLABLE |= {"refused", "account_name", "health_recorded"}
LOW = 18
"""The step of the lowest price."""
TIMES = ["started_utc", "duration_seconds"]


@pytest.fixture(scope="module")
def played() -> tuple[World, Frames]:
    world, tape = play(storm())
    return world, frames(tape.tables(complete=True))


def test_every_column_is_filled() -> None:
    """Arrow fills in nulls for what a row lacks: a column that no code writes would go unseen."""
    agent = {"name": "treasury", "path": "sim.examples.treasury:Treasury"}
    _, recorded = play(storm(agents=[{**agent, "parameters": {"least_usd": 1}}]))
    tape = frames(recorded.tables(complete=True))
    for name, columns in TABLES.items():
        table = getattr(tape, name)
        assert list(table.columns) == [column.name for column in columns]
        empty = name in ("compared", "bridges")
        assert len(table) > 0 or empty, "of what is not published, and no token of another chain"
        for column in set(table.columns) - NULLABLE:
            assert table[column].notna().all(), f"{name}.{column}"


def test_one_row_per_step_asset_and_venue(played: tuple[World, Frames]) -> None:
    world, tape = played
    steps = world.scenario.steps
    assert tape.steps["step"].tolist() == list(range(steps + 1))
    assert len(tape.assets) == (steps + 1) * len(world.symbols)
    assert tape.venues["pair"].unique().tolist() == ["WETH/USDC", "WBTC/USDC", "WBTC/WETH"]
    assert len(tape.accounts) == 24 * len(world.symbols)
    assert tape.steps["time_utc"].iloc[0] == pd.Timestamp("2021-06-01T00:00:00")
    assert tape.steps["time_utc"].iloc[-1] == pd.Timestamp("2021-06-01T08:00:00")


def test_the_last_step_is_the_state(played: tuple[World, Frames]) -> None:
    world, tape = played
    s = world.state
    last = tape.assets[tape.assets["step"] == world.scenario.steps]
    for i, (_, row) in enumerate(last.iterrows()):
        assert row["cash"] == s.hub[i, CASH]
        assert row["debt"] == hub.debt_at(s.hub[i, SCALED_DEBT], s.hub[i, BORROW_INDEX])
        assert row["total_assets"] == row["cash"] + row["debt"]
        assert row["deficit_reported"] == s.hub[i, DEFICIT_REPORTED]
        assert row["socialised"] == s.hub[i, SOCIALISED]
        assert row["insurance_pool"] == s.pool[i, POOL_ASSETS]
        assert row["usage"] == row["debt"] / (row["cash"] + row["debt"])
    pairs = tape.venues[tape.venues["step"] == world.scenario.steps]
    assert pairs["reserve0"].tolist() == s.pair[:, RESERVE0].tolist()
    owed = tape.accounts["debt_end"].tolist()
    assert owed == [vault_accounts.debt_assets(s, a, i) for a in range(24) for i in range(3)]


def test_health_is_what_the_protocol_says() -> None:
    """Quantiles and totals of a step in the storm, from every account's own health."""
    world, tape = play(storm(seed=2), steps=LOW)
    step = tape.latest
    health = [
        vault_accounts.health(world.state, a)
        for a in range(24)
        if vault_accounts.has_debt(world.state, a)
    ]
    factors = np.array([row.factor / 10**18 for row in health])
    # In doubles, where it is clear of 1: a rounding off the integers.
    assert step["lowest_health"] == pytest.approx(factors.min(), rel=1e-15)
    assert step["unhealthy"] == (factors < 1).sum() > 0
    for q in QUANTILES:
        assert step[f"health_p{q:02}"] == pytest.approx(np.percentile(factors, q))
    # The healthy are valued in doubles, without rounding debts up to units: of WBTC, 1e-4 USD.
    pairs = [(h.collateral_value, h.debt_value) for h in health]
    totals = [sum(values) / 10**8 for values in zip(*pairs, strict=True)]
    assert [step["collateral_usd"], step["debt_usd"]] == pytest.approx(totals, abs=24e-4)


def test_recording_leaves_the_run_alone() -> None:
    """The tape looks at every account; decisions do not notice."""
    recorded, _ = play(storm())
    alone = build(storm())
    for _ in run(alone):
        pass
    assert (recorded.state.position == alone.state.position).all()
    assert (recorded.state.hub == alone.state.hub).all()
    assert (recorded.market.tally == alone.market.tally).all()


def test_operations_are_the_journal() -> None:
    world = build(storm())
    tape, journal = Tape(world, "exact"), []
    for step in run(world):
        tape.record(step.k, step.rows, step.gas)
        journal += step.rows
    operations = frames(tape.tables(complete=True)).operations
    assert [int(amount) for amount in operations["amount"]] == [row.amount for row in journal]
    assert [int(result) for result in operations["result2"]] == [row.result2 for row in journal]
    assert operations["actor"].tolist() == [row.actor for row in journal]
    assert set(operations["verdict"]) >= {"ok"}
    liquidations = operations[operations["kind"] == "flash_liquidate"]
    assert set(liquidations["asset"]) <= {"WETH", "WBTC", "USDC"}
    assert liquidations["account"].notna().all()
    assert operations.loc[operations["kind"] == "swap_in", "asset"].isna().all()
    assert operations["gas"].isna().all()


def test_gas_is_kept_where_it_is_measured() -> None:
    world = build(storm())
    tape = Tape(world, "devnet")
    for step in run(world):
        tape.record(step.k, step.rows, [7] * len(step.rows), values_compared=step.k)
    told = frames(tape.tables(complete=True))
    assert (told.operations["gas"] == 7).all()
    assert told.run["gas_used"].iloc[0] == 7 * len(told.operations) == told.steps["gas_used"].sum()
    assert told.run["values_compared"].iloc[0] == world.scenario.steps


def test_run_can_be_repeated_from_its_row(played: tuple[World, Frames]) -> None:
    world, tape = played
    row = tape.run.iloc[0]
    again = Scenario.model_validate_json(row["scenario_json"], strict=False)
    assert again == world.scenario
    assert row["digest"] == digest(again)
    assert row["complete"] and row["steps_done"] == row["steps_total"] == 48
    assert row["operations"] == len(tape.operations)
    assert {"python", "numpy"} < set(json.loads(row["versions"]))


def test_same_seed_same_tape(played: tuple[World, Frames]) -> None:
    _, first = played
    second = frames(play(storm())[1].tables(complete=True))
    for name in TABLES:
        one, other = getattr(first, name), getattr(second, name)
        if name == "run":
            one, other = one.drop(columns=TIMES), other.drop(columns=TIMES)
        pd.testing.assert_frame_equal(one, other)


def test_another_seed_another_tape(played: tuple[World, Frames]) -> None:
    other = frames(play(storm(seed=9))[1].tables(complete=True))
    assert not other.accounts["debt_start"].equals(played[1].accounts["debt_start"])


def test_feed_that_is_down_says_nothing_about_health() -> None:
    """At a price of 0 everyone who pledged the asset would look ruined."""
    _, tape = play(storm(feeds__WETH__min_price_usd=1_500.0), steps=LOW)
    told = frames(tape.tables(complete=False))
    weth = told.assets[(told.assets["step"] == LOW) & (told.assets["asset"] == "WETH")].iloc[0]
    assert weth["oracle_status"] == "down" and weth["oracle_price_usd"] == 0
    step = told.steps.iloc[LOW]
    assert step["debt_usd"] < told.steps["debt_usd"].iloc[0] / 2
    assert pd.isna(step["lowest_health"]) or step["lowest_health"] > 0


@pytest.mark.parametrize("where", ["observe", "copy"])
def test_interrupted_in_a_step_the_tape_ends_before_it(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while step 5 is recorded: steps 0 to 4, accounts as they were then."""
    world = build(storm())
    tape = Tape(world, "exact")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        for step in run(world):
            if step.k == 5:
                monkeypatch.setattr(f"sim.tape.recorder.{where}", interrupt)
            tape.record(step.k, step.rows, step.gas)
    partial = frames(tape.tables(complete=False))
    assert tape.latest["step"] == 4
    row = partial.run.iloc[0]
    assert not row["complete"] and (row["steps_done"], row["steps_total"]) == (4, 48)
    monkeypatch.undo()
    whole = frames(play(storm(), steps=4)[1].tables(complete=False))
    pd.testing.assert_frame_equal(partial.steps, whole.steps)
    pd.testing.assert_frame_equal(partial.operations, whole.operations)
    pd.testing.assert_frame_equal(partial.accounts, whole.accounts)


def test_nothing_recorded_is_no_tape() -> None:
    tape = Tape(build(storm()), "exact")
    assert tape.latest == {}
    with pytest.raises(ValueError, match="nothing was recorded"):
        tape.tables(complete=False)


def test_accounts_are_looked_at_after_the_step() -> None:
    """The watchers' own pad is not written to: the agents of the next step read it."""
    world = build(storm())
    tape = Tape(world, "exact")
    for step in run(world):
        pad = world.market.watchers.watch.copy()
        tape.record(step.k, step.rows, step.gas)
        assert (world.market.watchers.watch == pad).all()
        if step.k == 15:
            break
    lowest = min(
        vault_accounts.health(world.state, a).factor for a in range(len(world.state.account))
    )
    assert tape.latest["lowest_health"] == float(lowest) / 10**18, (
        "to the double nearest to the integer"
    )
