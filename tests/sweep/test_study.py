"""The folder of a sweep: whole files or none, and only what belongs together is continued."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from sim.engines.compiled import Compiled
from sim.engines.exact import run
from sim.engines.outcome import OUTCOME, names, width
from sim.files.whole import write_json
from sim.market.paths import draw, observed
from sim.protocol import hub
from sim.protocol.state import FEE_SHARES, TOTAL_SHARES
from sim.scenario import ScenarioError
from sim.sweeps import study as module
from sim.sweeps.columns import COLUMNS, FORMAT, columns, frame
from sim.sweeps.study import MANIFEST, Study, StudyError, begin, load
from sim.sweeps.verify import world_on
from sim.tape import Frames, Tape, frames
from sim.world import World, build
from sim.world.actors import ARBITRAGEURS
from tests.sweep.storms import PATHS, storms
from tests.tape.storm import storm
from tests.tape.test_shortfall import STUCK, by_account

SYMBOLS = storms().symbols


def started(folder: Path, paths: int = 40, block: int = 16) -> Study:
    study = begin(folder, storms(), paths=paths, block=block, books=1)
    study.start()
    return study


def outcomes(size: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.round(np.random.default_rng(seed).random((size, width(3))) * 1e12)


def fill(study: Study) -> None:
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


@pytest.mark.compiled
def test_every_column_is_what_it_says() -> None:
    """A path of the storms on floats, against sums over the tape of the same path on integers, long
    enough for suppliers to bear a loss; and the same with suppliers who leave nothing to withdraw,
    with a feed that stands still, and with poor arbitrageurs. No column is 0 in all of them.
    """
    leaving = {"base_per_day": 150.0, "branching_ratio": 0.0, "half_life_seconds": 60}
    shown: set[str] = set()
    for more in (
        {"duration_hours": 12},
        {"withdrawals": {"USDC": {**leaving, "size_bps": 1_000}}},
        STUCK,
        {"arbitrage__capital_usd": 60_000},
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
    assert shown == set(columns(SYMBOLS)) - owed_by_nobody


def steps_run_out(world: World, tape: Frames) -> int:
    """From the wallet at the start and every swap, token by token."""
    scenario, start = world.scenario, world.market.arbitrage_at_start
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
        * Fraction(int(hub.total_assets(s, i)) + 10**6, int(s.hub[i, TOTAL_SHARES]) + 10**6)
        * Fraction(float(price))
        for i, price in enumerate(last["unit"])
    ]
    usage, health = after["usage"], tape.accounts.drop_duplicates("account")["health_end"]
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
    for name in (".4711-study.json", "blocks/.4711-block-000000.parquet"):
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
    (tmp_path / ".4711-study.json").write_text('{"format": 1, "dig')
    assert load(tmp_path).outcomes().equals(before)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1 half a file"])
def test_a_damaged_block_is_missing(content: bytes, tmp_path: Path) -> None:
    study = started(tmp_path)
    fill(study)
    (tmp_path / "blocks" / "block-000001.parquet").write_bytes(content)
    assert [block.number for block in study.missing()] == [1]
    with pytest.raises(StudyError, match=r"16 of 40 paths are missing; .*--resume"):
        study.outcomes()


# --- going on -------------------------------------------------------------------------------------


def test_a_new_study_knows_what_it_is_of(tmp_path: Path) -> None:
    started(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest["path_seed"] == manifest["book_seed"] == 8 and manifest["sampler"] == "mc"
    assert manifest["origin"].keys() >= {"sources", "numpy", "numba"}
    assert manifest["finished"] is None and manifest["started"].endswith("Z")
    assert load(tmp_path).plan.scenario == storms()


def test_without_resume_a_study_is_kept(tmp_path: Path) -> None:
    started(tmp_path)
    with pytest.raises(StudyError, match=r"holds a sweep of 'storm' over 40.*--resume.*--out"):
        begin(tmp_path, storms(), paths=40, block=16)


def test_resume_takes_what_is_not_named_from_the_study(tmp_path: Path) -> None:
    fill(started(tmp_path))
    study = begin(tmp_path, storms(), resume=True)
    assert study.plan[1:] == ("mc", 40, 16, 1, 8) and study.missing() == []


def test_resume_without_a_study_begins_one(tmp_path: Path) -> None:
    assert len(begin(tmp_path, storms(), paths=40, block=16, books=1, resume=True).missing()) == 3


def test_more_paths_need_the_last_block_again(tmp_path: Path) -> None:
    fill(started(tmp_path))
    study = begin(tmp_path, storms(), paths=64, block=16, resume=True)
    assert [(block.number, block.size) for block in study.missing()] == [(2, 16), (3, 16)]
    study.finish()
    assert json.loads((tmp_path / MANIFEST).read_text())["paths"] == 64


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scenario": storms(book__accounts=20)}, ["book.accounts 24 there, 20 now", "--out"]),
        ({"scenario": storms(seed=9)}, ["seed 8 there, 9 now"]),
        ({"sampler": "sobol", "paths": 48}, ["sampler: mc there, sobol now", "--sampler mc"]),
        ({"block": 8}, ["16 there, 8 now", "same block size", "--block 16"]),
        ({"paths": 39}, ["40 there, 39 now", "does not shrink"]),
        ({"block": 8, "paths": 39}, ["block:", "paths:"]),
        ({"books": 4}, ["books: 1 there, 4 now", "--books 1"]),
        ({"book_seed": 9}, ["book seed: 8 there, 9 now", "--book-seed 8"]),
    ],
)
def test_resume_refuses_another_study(
    change: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    started(tmp_path)
    before = (tmp_path / MANIFEST).read_text()
    asked: dict[str, Any] = {"scenario": storms(), "paths": 40, "block": 16, **change}
    with pytest.raises(StudyError) as refused:
        begin(tmp_path, **asked, resume=True)
    for word in words:
        assert word in str(refused.value)
    assert (tmp_path / MANIFEST).read_text() == before


def test_resume_refuses_other_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(tmp_path)
    real = module.origin
    monkeypatch.setattr(module, "origin", lambda scenario: {**real(scenario), "sources": "other"})
    with pytest.raises(StudyError, match=r"sources: \w{16} there, other now: .*--out"):
        begin(tmp_path, storms(), resume=True)


def test_a_replayed_history_is_part_of_the_origin(tmp_path: Path) -> None:
    """A history edited between two runs would mix two sweeps."""
    history = tmp_path / "history.csv"
    rows = [f"2020-01-0{day}T00:00:00Z,{100 + day}" for day in (1, 2, 3)]
    history.write_text("\n".join(["time,WETH", *rows]))
    replay = storm(paths={"model": "replay", "history": str(history)})
    (tmp_path / "out").mkdir()
    begin(tmp_path / "out", replay, paths=40, block=16).start()
    history.write_text(history.read_text() + "9")
    with pytest.raises(StudyError, match="history"):
        begin(tmp_path / "out", replay, resume=True)
    assert load(tmp_path / "out").plan.paths == 40, "what was swept is known without the file"
    history.unlink()
    with pytest.raises(ScenarioError, match="history"):
        begin(tmp_path / "out", replay, resume=True)
    assert load(tmp_path / "out").plan.paths == 40


def test_blocks_of_nobody_knows_what(tmp_path: Path) -> None:
    fill(started(tmp_path))
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(StudyError, match=r"blocks but no study\.json.*--out"):
        begin(tmp_path, storms(), resume=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not the manifest"),
        ("[]", "not the manifest"),
        (f'{{"format": {FORMAT}}}', "not the manifest"),
        (f'{{"format": {FORMAT - 1}}}', f"of format {FORMAT - 1}"),
        ('{"format": 99}', "of format 99"),
    ],
)
def test_a_damaged_manifest(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(text)
    for opens in (load, lambda folder: begin(folder, storms(), resume=True)):
        with pytest.raises(StudyError, match=words):
            opens(tmp_path)


def test_a_scenario_edited_in_the_manifest(tmp_path: Path) -> None:
    started(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["scenario"]["book"]["accounts"] = 7
    write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(StudyError, match="was changed"):
        load(tmp_path)
    manifest["scenario"]["book"]["accounts"] = -7
    write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(StudyError, match="not one of this version"):
        load(tmp_path)


def test_no_study(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="ape run sweep"):
        load(tmp_path)


def test_a_sampler_that_cannot_say_its_errors(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="16 replicates"):
        begin(tmp_path, storms(), "sobol", 40)


def test_paths_survive_the_manifest(tmp_path: Path) -> None:
    """The scenario in the manifest is the scenario to the last digit."""
    odd = storms(paths__volatility_per_sqrt_year__WETH=0.1 + 0.2)
    assert odd.paths and odd.paths.model == PATHS["model"]
    begin(tmp_path, odd).start()
    assert load(tmp_path).plan.scenario == odd
