"""What several vaults lost, in closed form and in tables; nothing of it where there is one."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.engines.outcome import names, width
from sim.measures import vaults
from sim.report.page.content import Table, text_of
from sim.report.vault_tables import vault_table, vaults_of_paths
from sim.sweeps.outcome_columns import columns, frame, schema
from sim.sweeps.vaults import by_vault

TWO = ("majors", "small")


def tape(*named: str) -> Any:
    """Every vault lost 1.5 WETH at $200 and owes $7 beyond its collateral in USDC; of the first."""
    rows = [
        (name, asset, 15 * 10**17 * (asset == "WETH"), 7 * 10**6 * (asset == "USDC" and n == 0))
        for n, name in enumerate(named)
        for asset in ("WETH", "USDC")
    ]
    assets = {
        "step": [0, 0],
        "asset": ["WETH", "USDC"],
        "decimals": [18, 6],
        "reference_price_usd": [200.0, 1.0],
    }
    table = pd.DataFrame(rows, columns=["vault", "asset", "deficit_reported", "shortfall"])
    return SimpleNamespace(vaults=table.astype({"shortfall": object}), assets=pd.DataFrame(assets))


def test_tokens_are_worth_the_price_of_the_last_step() -> None:
    assert vaults.by_vault(tape(*TWO)).to_dict() == {"majors": 307.0, "small": 300.0}
    lost = vaults.losses(tape(*TWO))
    assert lost.loc[("majors", "USDC")].tolist() == [0.0, 7.0]


def test_contagion_is_what_others_lose_per_dollar_of_the_shocked() -> None:
    base = {"a": 10.0, "b": 0.0}
    shocked = {"a": {"a": 30.0, "b": 5.0}, "b": {"a": 10.0, "b": 0.0}}
    found = vaults.contagion(base, shocked)
    assert found.loc["a"].to_dict() == {"a": 1.0, "b": 0.25}
    assert found.loc["b"].isna().all(), "who loses no more himself says nothing of others"


def test_one_vault_has_no_table_and_no_numbers() -> None:
    assert vault_table(tape("vault")) is None
    assert vaults_of_paths(by_vault(pd.DataFrame({"book": [0], "loss_usd": [1.0]}), "mc")) is None
    assert names(["X"], ["only"]) == names(["X"]) and width(1, 1) == width(1) == len(names(["X"]))
    assert columns(["X"], ["only"]) == columns(["X"])


def test_a_table_has_what_was_lost_and_who_lost_nothing() -> None:
    found = vault_table(tape(*TWO))
    assert isinstance(found, Table)
    said = [[text_of(cell) for cell in row] for row in found.rows]
    assert said == [
        ["majors", "WETH", "$300", "$0"],
        ["majors", "USDC", "$0", "$7.00"],
        ["small", "WETH", "$300", "$0"],
    ]


def test_a_sweep_keeps_the_loss_of_each_vault() -> None:
    outcomes = np.zeros((400, width(1, 2)))
    outcomes[:, -2] = np.arange(400) * 10.0**8
    kept = frame(range(400), 0, outcomes, ["X"], TWO)
    assert list(kept)[-2:] == ["vault_loss_usd.majors", "vault_loss_usd.small"]
    assert schema(["X"], TWO).names == list(kept)
    found = by_vault(kept, "mc")
    assert found.loc[("majors", "expected_loss"), "value"] == pytest.approx(199.5)
    assert found.loc[("majors", "p_loss"), "value"] == pytest.approx(399 / 400)
    # ES 99% of 0..399: the mean of the worst hundredth, the last four
    assert found.loc[("majors", "es_99"), "value"] == pytest.approx(397.5)
    assert found.loc[("small", "expected_loss"), "value"] == 0.0
    table = vaults_of_paths(found)
    assert isinstance(table, Table) and len(table.rows) == 6
    assert not math.isnan(found["value"].sum())
