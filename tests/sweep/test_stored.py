"""The folder of a sweep: whole files or none, and only what belongs together is continued."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from sim.agents.start import ARBITRAGEURS
from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.engines.outcome import OUTCOME, names, width
from sim.market.paths import draw, observed
from sim.measures.activity import braked_hours
from sim.protocol import hub
from sim.protocol.state import FEE_SHARES, TOTAL_SHARES
from sim.questions.store import QuestionError
from sim.questions.verification import world_on
from sim.sweeps.loss_table import borne_by, loss_table
from sim.sweeps.outcome_columns import COLUMNS, columns, frame
from sim.sweeps.reserves import by_asset
from sim.sweeps.stored import StoredSweep, begin, load
from sim.tape import Frames, Tape, frames
from sim.world import World, build
from tests.sweep.storms import storms
from tests.tape.test_shortfall import STUCK, by_account

SYMBOLS = storms().symbols


def started(folder: Path, paths: int = 40, block: int = 16) -> StoredSweep:
    study = begin(folder, storms(), paths=paths, block=block, books=1)
    study.start()
    return study


def outcomes(size: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.round(np.random.default_rng(seed).random((size, width(3))) * 1e12)


def fill(study: StoredSweep) -> None:
    for block in study.missing():
        study.write(block, outcomes(block.size, block.number))


# --- files ----------------------------------------------------------------------------------------


def test_columns_are_the_outcome_in_usd() -> None:
    assert [source for source, _ in COLUMNS.values()] == list(OUTCOME)
    assert [source for source, _ in columns(SYMBOLS).values()] == names(SYMBOLS)


def test_blocks_come_back_as_written(tmp_path: Path) -> None:
    study = started(tmp_path)
    fill(study)
    found = load(tmp_path).outcomes()
    assert found.index.tolist() == list(range(40))
    first = outcomes(16)
    assert found.loc[3, "bad_debt_usd"] == first[3, 0] * 1e-8
    assert found.loc[3, "liquidations"] == first[3, OUTCOME.index("liquidations")]
    assert found.loc[3, "largest_usage"] == first[3, OUTCOME.index("largest_usage")]


def test_a_file_says_what_its_columns_mean(tmp_path: Path) -> None:
    fill(started(tmp_path))
    schema = parquet.read_schema(tmp_path / "blocks" / "block-000000.parquet")
    assert schema.names == ["path", "book", *columns(SYMBOLS)]
    for name, (_, meaning) in columns(SYMBOLS).items():
        assert schema.field(name).metadata == {b"meaning": meaning.encode()}


CALLED: dict[str, Any] = {
    **{"name": "called", "kind": "top-up", "share": 1.0, "on_margin_call": True},
    **{"to_health": 1.6, "review_seconds": 600, "delay_seconds": 0, "probability": 1.0},
    "reserve_share": 1.0,
}


BREAKER = {
    **{"trip_bps": 500, "trip_window_seconds": 3_600, "cool_off_seconds": 1_200},
    "breaker_stops_liquidation": True,
}


@pytest.mark.compiled
def test_every_column_is_what_it_says() -> None:
    """A path of the storms on floats, against sums over the tape of the same path on integers, long
    enough for suppliers to bear a loss; and the same with suppliers who leave nothing to withdraw,
    with a feed that stands still, with poor arbitrageurs, with margin calls, and with brakes. No
    column is 0 in all of them.
    """
    leaving = {"base_per_day": 150.0, "branching_ratio": 0.0, "half_life_seconds": 60}
    shown: set[str] = set()
    for more in (
        {"duration_hours": 12},
        {"withdrawals": {"USDC": {**leaving, "size_bps": 1_000}}},
        STUCK,
        {"arbitrage__capital_usd": 60_000},
        {"protocol__liquidation__margin_call_health": 1.3, "borrowers": [CALLED]},
        {
            "protocol__guard": BREAKER,
            "protocol__outflow": {"USDC": {"limit_bps": 100, "window_seconds": 86_400}},
            "withdrawals": {"USDC": {**leaving, "size_bps": 100}},
        },
    ):
        world, number = build(storms(**more)), 38
        prices = draw(world.scenario, "mc", number, 1)
        outcomes = Compiled(world).outcomes(prices, observed(world.scenario, prices))
        row = frame([number], 0, outcomes, SYMBOLS).iloc[0]
        one = world_on(world, "mc", number)
        recorded = Tape(one, "exact")
        for step in run(one):
            recorded.record(step.k, step.rows, step.gas)
        found = columns_of(one, frames(recorded.tables(complete=True)))
        assert list(found) == list(columns(SYMBOLS))
        # Fees are minted at every accrual, each time rounded by a unit of every asset.
        slack = dict.fromkeys(found, 0.01) | {"revenue_usd": 0.03, "largest_usage": 0.0}
        slack |= {name: 0.03 for name in found if name.startswith("bearable")}
        for name, value in found.items():
            assert row[name] == pytest.approx(value, rel=1e-6, abs=slack[name]), name
        shown |= {name for name, value in found.items() if value > 0}
    owed_by_nobody = {
        f"{name}.{s}" for name in ("bad_debt_usd", "shortfall_usd", "loss_usd") for s in SYMBOLS[:2]
    }
    # No token here is of another chain: `tests/agents/test_bridges.py`.
    of_bridges = {"messages_refused", "borrowed_by_forger_usd"}
    assert shown == set(columns(SYMBOLS)) - owed_by_nobody - of_bridges


def steps_run_out(world: World, tape: Frames) -> int:
    """From the wallet at the start and every swap, token by token."""
    scenario, start = world.scenario, world.market.actors.arbitrageurs.at_start
    wallet = dict(zip(world.symbols, map(int, start), strict=True))
    swaps = tape.operations[(tape.operations["actor"] == ARBITRAGEURS)]
    swaps = swaps[(swaps["kind"] == "swap_in") & (swaps["verdict"] == "ok")]
    count = 0
    for k in range(1, scenario.steps + 1):
        for _, row in swaps[swaps["step"] == k].iterrows():
            pair = scenario.venues[row["x"]].assets
            wallet[pair[row["y"]]] -= int(row["result0"])
            wallet[pair[1 - row["y"]]] += int(row["result1"])
        first = dict(zip(world.symbols, map(int, start), strict=True))
        count += any(1_000 * left <= first[name] for name, left in wallet.items() if first[name])
    return count


def steps_pool_off(tape: Frames) -> int:
    prices = tape.assets.pivot(index="step", columns="asset", values="reference_price_usd")
    off = set()
    for pair, rows in tape.venues.groupby("pair"):
        base, quote = pair.split("/")
        ratio = (prices[base] / prices[quote]).to_numpy()
        gap = rows["price_token1_per_token0"].to_numpy() / ratio - 1
        off |= {k for k in np.flatnonzero(np.abs(gap) > 0.02) if k > 0}
    return len(off)


def columns_of(world: World, tape: Frames) -> dict[str, float]:
    """Every column as its meaning defines it."""
    steps, s = world.scenario.steps, world.state
    assets = tape.assets.assign(
        unit=tape.assets["reference_price_usd"] / 10.0 ** tape.assets["decimals"].astype(float)
    )
    last = assets[assets["step"] == steps]
    after = assets[assets["step"] > 0]

    def held(column: str) -> float:
        return float((last[column].astype(float) * last["unit"]).sum())

    accounts = by_account(tape, steps)
    unit = assets.set_index(["step", "asset"])["unit"]
    rows = tape.operations[tape.operations["step"] > 0]
    rows = rows.assign(taken=[world.symbols[y] if y < 3 else None for y in rows["y"]])
    done = rows[(rows["kind"] == "flash_liquidate") & (rows["verdict"] == "ok")]

    def moved(result: str, asset: str) -> float:
        each = zip(done["step"], done[asset], done[result], strict=True)
        return float(sum(unit[step, name] * int(amount) for step, name, amount in each))

    gwei = tape.steps.set_index("step")["gas_price_gwei"]
    gas = sum(500_000 * 1e9 * gwei[step] * unit[step, "WETH"] for step in done["step"])
    fees = [
        s.hub[i, FEE_SHARES]
        * Fraction(int(hub.total_assets(s, i)) + 1, int(s.hub[i, TOTAL_SHARES]) + 10**6)
        * Fraction(float(price))
        for i, price in enumerate(last["unit"])
    ]
    usage, health = after["usage"], tape.accounts.drop_duplicates("account")["health_end"]
    cool_off = [BREAKER["cool_off_seconds"]]
    missing = (accounts["debt"] - accounts["collateral"]).clip(lower=0).sum() / 1e8
    return {
        "bad_debt_usd": held("deficit_reported"),
        "by_fees_usd": held("covered_by_fees"),
        "by_fund_usd": held("covered_by_fund"),
        "by_suppliers_usd": held("socialised"),
        "still_open_usd": held("deficit"),
        "shortfall_usd": missing,
        "loss_usd": held("deficit_reported") + missing,
        "repaid_usd": moved("result0", "asset"),
        "seized_usd": moved("result1", "taken"),
        "profit_usd": moved("result2", "asset") - gas,
        "gas_usd": gas,
        "debt_usd": held("debt"),
        "liquidations": len(done),
        "unhealthy": int((health < 1).sum()),
        "operations": len(rows),
        "largest_usage": float(usage.max()),
        "revenue_usd": float(sum(fees)) + held("covered_by_fees"),
        "steps_without_cash": after[usage > 0.999]["step"].nunique(),
        "peak_loss_usd": tape.steps[["bad_debt_usd", "shortfall_usd"]].iloc[1:].sum(axis=1).max(),
        "peak_shortfall_usd": tape.steps["shortfall_usd"].iloc[1:].max(),
        "steps_run_out": steps_run_out(world, tape),
        "steps_pool_off": steps_pool_off(tape),
        "steps_braked": 3_600 * braked_hours(tape, cool_off) // world.scenario.step_seconds,
        "held_back_usd": float(tape.steps["held_back_usd"].iloc[-1]),
        "held_up": int(tape.steps["held_up"].iloc[-1]),
        "longest_held_up": int(tape.steps["longest_held_up_seconds"].iloc[-1]),
        "messages_refused": 0,
        "borrowed_by_forger_usd": 0.0,
        "margin_calls": int(((rows["kind"] == "margin_call") & (rows["verdict"] == "ok")).sum()),
        "calls_answered": int(tape.steps["calls_answered"].iloc[-1]),
    } | {
        f"{name}.{asset}": value
        for i, (asset, row) in enumerate(last.set_index("asset").iterrows())
        for name, value in {
            "bad_debt_usd": row["deficit_reported"] * row["unit"],
            "shortfall_usd": row["shortfall"] * row["unit"],
            "loss_usd": (row["deficit_reported"] + row["shortfall"]) * row["unit"],
            "bearable_usd": float(fees[i])
            + sum(
                row[c] * row["unit"]
                for c in ("covered_by_fees", "covered_by_fund", "insurance_pool")
            ),
        }.items()
    }


def test_same_outcomes_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        fill(started(tmp_path / name))
        files.append((tmp_path / name / "blocks" / "block-000001.parquet").read_bytes())
    assert files[0] == files[1]


def test_what_a_killed_process_left_half_written_goes(tmp_path: Path) -> None:
    """When the next one takes the folder over; finished blocks stay."""
    fill(started(tmp_path))
    before = sorted(path.name for path in tmp_path.rglob("*"))
    for name in (".4711-sweep.json", "blocks/.4711-block-000000.parquet"):
        (tmp_path / name).write_bytes(b"PAR1")
    started_again = load(tmp_path)
    started_again.start()
    assert sorted(path.name for path in tmp_path.rglob("*")) == before
    assert not started_again.missing()


def test_a_block_appears_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file written, then the end: nothing is there to be taken for a block."""
    study = started(tmp_path)
    seen: list[list[str]] = []

    def half(_: Any, path: Path) -> None:
        Path(path).write_bytes(b"PAR1")
        seen.append(sorted(one.name for one in (tmp_path / "blocks").glob("block-*")))
        raise KeyboardInterrupt

    monkeypatch.setattr(parquet, "write_table", half)
    with pytest.raises(KeyboardInterrupt):
        study.write(study.missing()[0], outcomes(16))
    assert seen == [[]] and not list((tmp_path / "blocks").iterdir())
    assert len(study.missing()) == 3


def test_what_a_killed_run_leaves_is_ignored(tmp_path: Path) -> None:
    study = started(tmp_path)
    fill(study)
    before = load(tmp_path).outcomes()
    (tmp_path / "blocks" / ".4711-block-000001.parquet").write_bytes(b"PAR1 half of it")
    (tmp_path / ".4711-sweep.json").write_text('{"format": 1, "dig')
    assert load(tmp_path).outcomes().equals(before)


def test_unfinished_sobol_points_are_as_many_of_each_replicate(tmp_path: Path) -> None:
    study = begin(tmp_path, storms(), "sobol", paths=96, block=20, books=1)
    study.start()
    with pytest.raises(QuestionError, match="96 of 96 paths are missing"):
        study.outcomes(unfinished=True)
    for block in study.missing():
        if block.number != 2:  # paths 40 to 59
            study.write(block, outcomes(block.size, block.number))
    found = study.outcomes(unfinished=True)
    assert list(found.index) == list(range(32)) and study.plan.of(found).paths == 32
    assert "32 of 96 paths" in str(study.unfinished(found))


def test_summing_up_takes_no_more_memory_than_a_few_columns(tmp_path: Path) -> None:
    """What NumPy and Arrow hold at most, against the table: 40,000 paths of 35 numbers."""
    study = begin(tmp_path, storms(), paths=40_000, block=1_000, books=20)
    study.start()
    fill(study)
    whole = pa.concat_tables(parquet.read_table(file) for file in tmp_path.glob("blocks/*"))
    before = whole.to_pandas().set_index("path").sort_index()
    column = 8 * study.plan.paths
    del whole
    held = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        found = study.outcomes()
        assert tracemalloc.get_traced_memory()[1] < 6 * column
        tables = [loss_table(found, "mc", 300), borne_by(found, "mc"), by_asset(found, "mc")]
        assert tracemalloc.get_traced_memory()[1] < 18 * column
    finally:
        tracemalloc.stop()
    assert pa.total_allocated_bytes() <= held
    assert found.equals(before)
    again = [loss_table(before, "mc", 300), borne_by(before, "mc"), by_asset(before, "mc")]
    assert all(one.equals(other) for one, other in zip(tables, again, strict=True))
    assert not list(tmp_path.glob("blocks/[!b]*"))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 half a file"])
def test_a_damaged_block_is_missing(content: bytes, tmp_path: Path) -> None:
    study = started(tmp_path)
    fill(study)
    (tmp_path / "blocks" / "block-000001.parquet").write_bytes(content)
    assert [block.number for block in study.missing()] == [1]
    with pytest.raises(QuestionError, match=r"16 of 40 paths are missing; resume the sweep"):
        study.outcomes()
