"""The front door: many runs, settings against each other, a search."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim
from sim.front.studies import Study
from sim.front.sweeps import Sweep
from sim.measures.losses import paired_difference
from sim.scenario import ScenarioError, digest
from sim.sweeps.loss_table import loss_usd
from sim.tuning.race import dominated_by

pytestmark = pytest.mark.compiled

LT = "protocol.reserves.WETH.lt_bps"


@pytest.fixture(scope="module")
def swept() -> Sweep:
    return sim.sweep("black-thursday", paths=40, accounts=40)


def test_its_worst_paths_are_those_of_the_exact_engine_and_the_contracts(swept: Sweep) -> None:
    worst = swept.worst(2)
    lost = loss_usd(swept.outcomes)
    assert loss_usd(worst).tolist() == sorted(lost, reverse=True)[:2]
    with pytest.raises(sim.QuestionError, match="count -1: 1 or more"):
        swept.worst(-1)
    found = swept.verify(1)
    assert found.index.tolist() == worst.index.tolist()[:1]
    assert (found["differences"] == 0).all() and (found["values_compared"] > 100_000).all()
    assert np.allclose(found["loss_usd"], loss_usd(worst)[:1], rtol=1e-6, atol=1)


def test_what_is_done_to_its_frames_changes_no_other(swept: Sweep) -> None:
    before, kept = repr(swept), swept.losses
    for name in ("losses", "borne_by", "by_asset"):
        frame = getattr(swept, name)
        frame["x"] = 1
        frame["value"].array[:] = 0.0  # in place
    outcomes = swept.outcomes
    outcomes["x"] = 1
    with pytest.raises(ValueError, match="read-only"):
        outcomes.loc[0, "loss_usd"] = 1e9
    assert "x" not in swept.outcomes and repr(swept) == before
    pd.testing.assert_frame_equal(swept.losses, kept)


def test_a_sweep_goes_on_in_its_folder_and_is_read_from_a_copy(tmp_path: Path) -> None:
    few = sim.sweep("black-thursday", paths=10, books=5, accounts=30, folder=tmp_path / "a")
    more = sim.sweep(
        "black-thursday", paths=20, books=5, accounts=30, folder=tmp_path / "a", resume=True
    )
    pd.testing.assert_frame_equal(more.outcomes.loc[:9], few.outcomes)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "a")
    again = sim.read(tmp_path / "b")
    assert isinstance(again, Sweep)
    pd.testing.assert_frame_equal(again.outcomes, more.outcomes)
    assert repr(again) == repr(more)
    assert "</html>" in again.report(tmp_path / "sweep.html").read_text()


def test_a_temporary_folder_goes_with_the_sweep() -> None:
    numbers = np.array([2, 1, 10])  # as whoever has them in an array would
    one = sim.sweep("black-thursday", paths=numbers[0], books=numbers[1], accounts=numbers[2])
    folder = one.folder
    assert (folder / "sweep.json").is_file()
    del one
    assert not folder.exists()


def test_settings_are_compared_path_by_path(swept: Sweep) -> None:
    """With the base: its own setting differs in nothing, another as two sweeps say."""
    now = swept.scenario.protocol.reserves["WETH"].lt_bps
    grid = sim.sweep_over("black-thursday", {LT: [now, 7_600]}, paths=40, accounts=40)
    assert list(grid.columns[:3]) == [LT, "measure", "unit"] and len(grid) == 8
    shared = ["unit", "value", "low", "high"]
    names = [name for name in grid["measure"].unique() if name != "expected_repaid"]
    assert names == ["expected_loss", "es_99", "peak_loss"]  # as in the table of a sweep
    now_there = grid[grid[LT] == now].set_index("measure").loc[names, shared]
    pd.testing.assert_frame_equal(now_there, swept.losses.loc[names, shared])
    own = grid[grid[LT] == now]
    assert (own["difference"] == 0).all() and (own["verdict"] == "same").all()
    other = sim.sweep(swept.scenario.with_({LT: 7_600}), paths=40)
    rows = grid[grid[LT] == 7_600].set_index("measure")
    mine, base = loss_usd(other.outcomes), loss_usd(swept.outcomes)
    books = swept.outcomes["book"].to_numpy(dtype=np.intp)
    wanted = paired_difference(mine, base, None, books)
    assert rows.loc["expected_loss", "difference"] == pytest.approx(mine.mean() - base.mean())
    assert rows.loc["expected_loss", "difference_low"] == wanted.low
    assert rows.loc["expected_loss", "difference_high"] == wanted.high


def test_a_setting_that_the_contracts_refuse_is_refused_before_any_is_run(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="lt_bps"):
        sim.sweep_over("black-thursday", {LT: [7_600, 10_500]}, paths=4, folder=tmp_path / "grid")
    assert not (tmp_path / "grid").exists()


def test_a_search_shows_its_front(tmp_path: Path) -> None:
    sixty = {"book.accounts": np.int64(60)}  # a number out of an array
    study = sim.tune(
        "current-market",
        trials=6,
        paths=20,
        overrides=sixty,
        sensitivity=0,
        folder=tmp_path / "study",
    )
    assert "--set book.accounts=60 " in f"{study.result.command} "
    objectives = list(study.result.objectives)
    whole = study.trials[study.trials["state"] == "complete"][objectives]
    front = study.front[objectives]
    rivals = {int(n): dict(row) for n, row in whole.iterrows()}
    for n, row in whole.iterrows():
        beaten = dominated_by(objectives, dict(row), {m: r for m, r in rivals.items() if m != n})
        assert (n in front.index) == (beaten is None)
    table = study.recommended
    assert table["current"].to_dict() == study.result.choices.current.values
    assert "expected_loss" in study.measures.index
    # The result carries its question: the scenarios as they were judged, overrides and all.
    asked = study.result.asked
    assert asked is not None and asked.preset["name"] == "current-market"
    for used, document in zip(study.result.scenarios, asked.scenarios, strict=True):
        scenario = sim.Scenario.model_validate_json(json.dumps(document), strict=False)
        assert digest(scenario) == used.digest and scenario.book.accounts == 60
    again = sim.read(tmp_path / "study")
    assert isinstance(again, Study) and again.result == study.result
    page = again.report(tmp_path / "study.html").read_text()
    assert "The whole question: the preset" in page and f"--out {tmp_path}/study" in page
    assert "Recommended" in repr(study) and "Given: " in study._repr_html_()
