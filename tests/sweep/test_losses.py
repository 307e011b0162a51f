"""The loss table is that of `sim.measures.losses`, and says what it cannot know."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from sim.engines.outcome import OUTCOME
from sim.measures.losses import summarise
from sim.sweep.columns import frame
from sim.sweep.losses import (
    BEARERS,
    as_one,
    borne_by,
    loss_table,
    loss_usd,
    paths_needed,
    worst_paths,
)


def sample(paths: int, losing: float = 1.0) -> pd.DataFrame:
    """Outcomes of which a share loses, and whose parts sum up."""
    rng = np.random.default_rng(1)
    outcomes = np.zeros((paths, len(OUTCOME)))
    parts = rng.exponential(1e12, (paths, 5)) * (rng.random((paths, 1)) < losing)
    for column, part in zip(("by_fees", "by_fund", "by_suppliers", "still_open"), parts.T[:4]):  # noqa: B905
        outcomes[:, OUTCOME.index(column)] = part
    outcomes[:, OUTCOME.index("bad_debt")] = parts[:, :4].sum(axis=1)
    outcomes[:, OUTCOME.index("shortfall")] = parts[:, 4]
    outcomes[:, OUTCOME.index("repaid")] = rng.exponential(1e14, paths)
    return frame(0, outcomes).set_index("path")


def test_table_is_that_of_the_columns() -> None:
    outcomes = sample(320)
    losses = outcomes["bad_debt_usd"] + outcomes["shortfall_usd"]
    for sampler, replicates in (("mc", None), ("sobol", 16)):
        expected = summarise(losses, outcomes["repaid_usd"], replicates=replicates)
        found = loss_table(outcomes, sampler)  # type: ignore[arg-type]
        pd.testing.assert_frame_equal(found.drop(columns="needs"), expected, check_exact=True)


def test_levels_follow_the_number_of_paths() -> None:
    assert "VaR 99.9%" not in loss_table(sample(2_815), "mc").index
    assert math.isfinite(loss_table(sample(2_816), "mc").loc["VaR 99.9%", "high"])


@pytest.mark.parametrize(("level", "paths"), [(0.95, 51), (0.99, 284), (0.999, 2_816)])
def test_paths_that_bound_a_quantile(level: float, paths: int) -> None:
    assert paths_needed(level) == paths


def test_says_how_many_paths_an_interval_needs() -> None:
    needs = loss_table(sample(60), "mc")["needs"]
    assert needs["VaR 99%"] == needs["ES 99%"] == 284
    assert math.isnan(needs["VaR 95%"]) and math.isnan(needs["expected loss"])
    calm = loss_table(sample(320, losing=0), "mc")["needs"]
    assert calm["expected loss"] == 0 and calm["ES 99%"] == 0 and math.isnan(calm["VaR 99%"])


def test_parts_sum_to_the_expected_loss() -> None:
    outcomes = sample(320, losing=0.3)
    bearers = borne_by(outcomes, "mc")
    assert bearers.index.tolist() == list(BEARERS)
    assert bearers["value"].sum() == pytest.approx(loss_usd(outcomes).mean(), rel=1e-12)
    assert bearers["share"].sum() == pytest.approx(1, rel=1e-12)
    assert borne_by(sample(320, losing=0), "mc")["share"].isna().all()


def test_one_file_for_both() -> None:
    outcomes = sample(320)
    table = as_one(loss_table(outcomes, "mc"), borne_by(outcomes, "mc"))
    assert table.loc["mean borne by fund", "value"] == outcomes["by_fund_usd"].mean()
    assert table.index.name == "measure" and table["unit"].notna().all()


def test_worst_paths_come_worst_first() -> None:
    outcomes = sample(320)
    worst = worst_paths(outcomes, 3)
    losses = loss_usd(outcomes)
    assert losses[worst].tolist() == sorted(losses, reverse=True)[:3]
    assert worst_paths(sample(5, losing=0), 2) == [0, 1]
    assert len(worst_paths(outcomes, 1_000)) == 320
