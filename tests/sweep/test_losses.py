"""The loss table is that of `sim.measures.losses`, and says what it cannot know."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student_t

from sim.engines.outcome import OUTCOME, names
from sim.sweeps.loss_table import (
    BEARERS,
    as_one,
    borne_by,
    loss_table,
    loss_usd,
    paths_needed,
    worst_paths,
)
from sim.sweeps.outcome_columns import frame
from sim.sweeps.reserves import by_asset
from sim.sweeps.vaults import by_vault

SYMBOLS = ("WETH", "USDC")
COLUMNS = names(SYMBOLS)


def sample(paths: int, losing: float = 1.0) -> pd.DataFrame:
    """Outcomes of which a share loses, and whose parts sum up."""
    rng = np.random.default_rng(1)
    outcomes = np.zeros((paths, len(COLUMNS)))
    parts = rng.exponential(1e12, (paths, 5)) * (rng.random((paths, 1)) < losing)
    for column, part in zip(("by_fees", "by_fund", "by_suppliers", "still_open"), parts.T[:4]):  # noqa: B905
        outcomes[:, OUTCOME.index(column)] = part
    outcomes[:, OUTCOME.index("bad_debt")] = parts[:, :4].sum(axis=1)
    outcomes[:, OUTCOME.index("shortfall")] = parts[:, 4]
    outcomes[:, OUTCOME.index("loss")] = parts.sum(axis=1)
    outcomes[:, OUTCOME.index("peak_loss")] = 2 * parts.sum(axis=1)
    outcomes[:, OUTCOME.index("peak_shortfall")] = parts.sum(axis=1)
    outcomes[:, COLUMNS.index("bad_debt.WETH")] = parts[:, :4].sum(axis=1)
    outcomes[:, COLUMNS.index("shortfall.USDC")] = parts[:, 4]
    outcomes[:, COLUMNS.index("loss.WETH")] = parts[:, :4].sum(axis=1)
    outcomes[:, COLUMNS.index("loss.USDC")] = parts[:, 4]
    outcomes[:, COLUMNS.index("bearable.USDC")] = 2e12
    outcomes[:, OUTCOME.index("repaid")] = rng.exponential(1e14, paths)
    return frame(range(len(outcomes)), 0, outcomes, SYMBOLS).set_index("path")


def ladder(dollars: np.ndarray[Any, Any]) -> pd.DataFrame:
    """320 paths that lose so much, three quarters of it bad debt, and liquidate 1,000 times it."""
    j = dollars * 1e8
    outcomes = np.zeros((320, len(COLUMNS)))
    outcomes[:, OUTCOME.index("bad_debt")] = j * 3 / 4
    outcomes[:, OUTCOME.index("by_fund")] = j * 3 / 4
    outcomes[:, OUTCOME.index("shortfall")] = j / 4
    outcomes[:, OUTCOME.index("loss")] = j
    outcomes[:, OUTCOME.index("repaid")] = 1_000 * j
    outcomes[:, OUTCOME.index("peak_loss")] = 2 * j
    outcomes[:, OUTCOME.index("peak_shortfall")] = j / 2
    outcomes[:, COLUMNS.index("bad_debt.WETH")] = j * 3 / 4
    outcomes[:, COLUMNS.index("shortfall.USDC")] = j / 4
    outcomes[:, COLUMNS.index("loss.WETH")] = j * 3 / 4
    outcomes[:, COLUMNS.index("loss.USDC")] = j / 4
    outcomes[:, COLUMNS.index("bearable.USDC")] = 10e8
    return frame(range(len(outcomes)), 0, outcomes, SYMBOLS).set_index("path")


def test_table_by_hand() -> None:
    """0 to 319: 319 paths lose, 159.5 in the mean and 160 if they do; VaR is the 304th and 317th of
    them, and ES lies above by 1 + ... + 16 over 16 and by 1 + 2 + 3 over 3.2.
    """
    found = loss_table(ladder(np.random.default_rng(2).permutation(320)), "mc", 300)
    values = {
        "p_loss": 319 / 320,
        "expected_loss": 159.5,
        "loss_given_loss": 160,
        "var_95": 303,
        "var_99": 316,
        "es_95": 303 + 136 / 16,
        "es_99": 316 + 6 / 3.2,
        "lar_95": 303_000,
        "peak_loss": 319,
        "peak_es_99": 2 * (316 + 6 / 3.2),
        "peak_shortfall": 159.5 / 2,
    }
    assert found["value"].to_dict() == pytest.approx(values)
    assert found["unit"].to_dict() == {**dict.fromkeys(values, "USD"), "p_loss": "share"}
    # The variance of 0 to n - 1 is n (n + 1) / 12; a t interval with 319 degrees of freedom. Above,
    # that of the 319 that lose is farther, times the most that may lose, p^320 = .975; and then
    # what no path has shown: 1 - .05^(1/320) of them, beyond 319 as the 18 largest go on.
    error = math.sqrt(321 / 12)
    row = found.loc["expected_loss"]
    assert row["standard_error"] == pytest.approx(error)
    half = float(student_t.ppf(0.975, 319)) * error
    weight = np.log(np.arange(302, 320) / 301).mean()
    unseen = (1 - 0.05 ** (1 / 320)) * 319 * weight / (1 - weight)
    high = 0.975 ** (1 / 320) * (160 + float(student_t.ppf(0.975, 318)) * math.sqrt(320 / 12))
    assert (row["low"], row["high"]) == pytest.approx((159.5 - half, high + unseen), rel=2e-4)


def test_errors_of_sobol_points_are_those_of_sixteen_replicates() -> None:
    """Path j, which loses j, is of replicate j mod 16: their means are 152 to 167, of variance
    16 x 17 / 12, and the interval is Student's with 15 degrees of freedom, and above it what 16
    have not shown, beyond 167 as the four largest go on.
    """
    row = loss_table(ladder(np.arange(320)), "sobol", 300).loc["expected_loss"]
    error = math.sqrt(16 * 17 / 12 / 16)
    half = float(student_t.ppf(0.975, 15)) * error
    found = row[["value", "standard_error", "low", "high"]].tolist()
    weight = np.log(np.arange(164, 168) / 163).mean()
    unseen = (1 - 0.05 ** (1 / 16)) * 167 * weight / (1 - weight)
    assert found == pytest.approx([159.5, error, 159.5 - half, 159.5 + half + unseen])


def test_levels_follow_the_number_of_paths() -> None:
    assert "var_99_9" not in loss_table(sample(2_815), "mc", 300).index
    assert math.isfinite(loss_table(sample(2_816), "mc", 300).loc["var_99_9", "high"])


@pytest.mark.parametrize(("level", "paths"), [(0.95, 51), (0.99, 284), (0.999, 2_816)])
def test_paths_that_bound_a_quantile(level: float, paths: int) -> None:
    """And the mean beyond it, from five paths that lose more."""
    assert paths_needed(level) == paths
    assert paths_needed(level, is_mean=True) == pytest.approx(5 / (1 - level))


def test_says_how_many_paths_an_interval_needs() -> None:
    needs = loss_table(sample(60), "mc", 300)["needs"]
    assert (needs["var_99"], needs["es_99"]) == ("284 paths", "500 paths")
    assert needs["var_95"] is None and needs["expected_loss"] is None
    calm = loss_table(sample(500, losing=0), "mc", 300)["needs"]
    assert calm["expected_loss"] == calm["es_99"] == "more paths" and calm["var_99"] is None
    alike = sample(2_000, losing=0).assign(book=np.arange(2_000) % 4)
    assert loss_table(alike, "mc", 300)["needs"]["es_99"] == "more books"


def test_parts_sum_to_the_expected_loss() -> None:
    outcomes = sample(320, losing=0.3)
    bearers = borne_by(outcomes, "mc")
    assert bearers.index.tolist() == list(BEARERS)
    assert bearers["value"].sum() == pytest.approx(loss_usd(outcomes).mean(), rel=1e-12)
    assert bearers["share"].sum() == pytest.approx(1, rel=1e-12)
    assert borne_by(sample(320, losing=0), "mc")["share"].isna().all()


def test_one_file_for_both() -> None:
    outcomes = sample(320).assign(**{"vault_loss_usd.small": np.arange(320.0)})
    others = by_asset(outcomes, "mc"), by_vault(outcomes, "mc")
    table = as_one(loss_table(outcomes, "mc", 300), borne_by(outcomes, "mc"), *others)
    assert table.loc["reserve_expected_loss.WETH", "value"] == outcomes["bad_debt_usd.WETH"].mean()
    assert len(table) == len(set(table.index))
    assert table.loc["borne_by_fund", "value"] == outcomes["by_fund_usd"].mean()
    assert table.loc["vault_expected_loss.small", "value"] == 319 / 2
    assert table.index.name == "measure" and table["unit"].notna().all()


def test_worst_paths_come_worst_first() -> None:
    outcomes = sample(320)
    worst = worst_paths(outcomes, 3)
    losses = loss_usd(outcomes)
    assert losses[worst].tolist() == sorted(losses, reverse=True)[:3]
    assert worst_paths(sample(5, losing=0), 2) == [0, 1]
    assert len(worst_paths(outcomes, 1_000)) == 320


# --- by asset -------------------------------------------------------------------------------------


def test_by_asset_by_hand() -> None:
    """Of 0 to 319 three quarters are WETH's, the rest USDC's, which has 10 for it. All are the
    worst on the same paths, so the parts are the shortfalls; 316 / 4 is 7.9 times 10.
    """
    found = by_asset(ladder(np.random.default_rng(2).permutation(320)), "mc")["value"]
    worst = 316 + 6 / 3.2
    assert found["WETH", "reserve_expected_loss"] == pytest.approx(159.5 * 3 / 4)
    for measure in ("reserve_part_of_es_99", "reserve_es_99"):
        assert found["WETH", measure] == pytest.approx(worst * 3 / 4)
    assert found["USDC", "reserve_part_of_es_99"] == pytest.approx(worst / 4)
    assert found["USDC", "reserve_fees_and_fund"] == pytest.approx(10)
    assert found["USDC", "reserve_coverage_99"] == pytest.approx(10 / (316 / 4))
    assert found["WETH", "reserve_coverage_99"] == 0


def test_assets_add_up_to_the_loss_and_their_parts_to_its_shortfall() -> None:
    outcomes = sample(2_000, losing=0.3)
    assets, table = by_asset(outcomes, "mc")["value"], loss_table(outcomes, "mc", 300)["value"]
    for part, whole in (
        ("reserve_expected_loss", "expected_loss"),
        ("reserve_part_of_es_99", "es_99"),
    ):
        assert assets.xs(part, level="measure").sum() == pytest.approx(table[whole], rel=1e-12)
    own = assets.xs("reserve_es_99", level="measure")
    assert own.sum() > table["es_99"] * 1.01  # not on the same paths


def test_a_study_of_before_has_no_such_rows() -> None:
    old = sample(320)
    old = old[[name for name in old if "." not in str(name) and "peak" not in str(name)]]
    assert by_asset(old, "mc").empty
    assert loss_table(old, "mc", 300).index[-1] == "lar_95"
