"""Tables of several vaults on one hub; there is none where there is one vault."""

from __future__ import annotations

import math

import pandas as pd

from sim.measures import vaults
from sim.measures.registry import MEASURES
from sim.report.page.content import NONE, Cell, Table, money, shown
from sim.report.sweep_tables import interval
from sim.tape import Frames


def vault_table(tape: Frames) -> Table | None:
    """What each vault of a run lost, by the asset that was owed."""
    lost = vaults.losses(tape)
    if lost.index.get_level_values("vault").nunique() < 2:
        return None
    rows: list[list[Cell]] = []
    for vault, of_vault in lost.groupby(level="vault", sort=False):
        hit = of_vault.droplevel("vault")
        hit = hit[hit.sum(axis=1) > 0]
        for asset, row in hit.iterrows():
            bad, short = (float(row[name]) for name in lost.columns)
            name = f"{vault}.{asset}"
            cells = (money(bad, f"bad debt {name}"), money(short, f"shortfall {name}"))
            rows.append([str(vault), str(asset), *cells])
        if hit.empty:
            rows.append([str(vault), "nothing", NONE, NONE])
    return Table(
        "What each vault lost, by the asset that its accounts owed",
        ["vault", "asset", "bad debt", "shortfall"],
        rows,
        words=(0, 1),
        note="USD at the end of the run. All suppliers of an asset bear what any vault lost of it.",
    )


def vaults_of_paths(found: pd.DataFrame) -> Table | None:
    """`sim.sweeps.vaults.by_vault`."""
    if found.empty:
        return None
    rows: list[list[Cell]] = []
    for which, row in found.iterrows():
        vault, measure = map(str, which)  # type: ignore[call-overload]
        name = f"{measure} of {vault}"
        value = shown(row["value"], row["unit"], 1 if row["unit"] == "share" else 0, name)
        known = math.isfinite(row["low"])
        said = interval(row, row["unit"]) if known else NONE
        rows.append([f"{vault}: {MEASURES[measure].heading}", value, said])
    return Table(
        "Loss by the vault that it was owed in",
        ["vault and measure", "value", "95% interval"],
        rows,
        words=(0, 2),
    )
