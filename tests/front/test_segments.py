"""One book in three layouts, and what one vault's fall is to the others: figures and command."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import sim
from scripts.segments import cli
from sim.books.seeds import seed_of
from sim.front.segments import LAYOUTS
from sim.measures import vaults
from sim.measures.registry import figure
from sim.questions.store import QuestionError
from sim.scenario import Scenario, ScenarioError, load, with_overrides

SHORT: dict[str, Any] = {
    "duration_hours": 5.0,
    "book.accounts": 16,
    "book.total_debt_usd": 6_000_000.0,
    "paths": None,  # all books are on the named one
}


def short() -> Scenario:
    return with_overrides(load("alt-segments"), SHORT)


def test_layouts_are_runs_of_the_same_books() -> None:
    one, found = short(), sim.layouts(short(), books=2)
    seeds = [seed_of(one.seed, book) for book in range(2)]
    lost = {
        name: [
            figure(sim.run(one, overrides=dict(changes), book_seed=seed).raw.tape, "loss_usd")
            for seed in seeds
        ]
        for name, changes in LAYOUTS.items()
    }
    for layout in ("segments", "isolated"):
        row = found.loc[(layout, "loss_usd")]
        difference = np.array(lost[layout]) - lost["pooled"]
        assert row["pooled"] == np.mean(lost["pooled"]) and row["here"] == np.mean(lost[layout])
        assert row["difference"] == pytest.approx(difference.mean())
        assert row["cross_worse"] == (difference < 0).mean()
        power = found.loc[(layout, "borrowing_power_usd")]
        assert power["here"] == pytest.approx(power["pooled"], rel=1e-9), "parts add up to a whole"


def test_contagion_is_what_the_vaults_lose_more_of_the_same_books() -> None:
    """As runs say in which the price of ether is half from the first step on, by waypoints."""
    one, spread = short(), sim.contagion(short(), fall=0.5, books=2)
    names = list(one.protocol.vaults)
    assert list(spread.index) == list(spread.columns) == names
    first = one.start + timedelta(seconds=one.step_seconds)
    points = [(one.start, 3_000), (first, 1_500), (at(2), 1_500), (at(5), 1_375)]
    halved = [{"at": when, "value": value} for when, value in points]
    base, fallen = (
        sum(
            vaults.by_vault(sim.run(each, book_seed=seed_of(one.seed, book)).raw.tape)
            for book in range(2)
        )
        for each in (one, with_overrides(one, {"assets.WETH.price_usd": halved}))
    )
    more = fallen - base
    assert more["ether"] > 0
    wanted = (more / more["ether"])[names]
    assert spread.loc["ether"].tolist() == pytest.approx(wanted.tolist(), rel=1e-4, abs=1e-6)


def at(hour: int) -> datetime:
    return datetime(2026, 1, 1, hour, tzinfo=timezone.utc)


def test_the_command_writes_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "short.yaml"
    file.write_text(
        "name: short\nextends: alt-segments\ntitle: Short\nstory: Short.\n"
        'sources: ["none: made up"]\n'
        "duration_hours: 5\nbook: {accounts: 16, total_debt_usd: 6000000}\n"
    )
    done = CliRunner().invoke(cli, [str(file), "--books", "2", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "The same 2 books pooled" in done.output and "Of losses over 2 books" in done.output
    kept = pd.read_csv(tmp_path / "out" / "layouts.csv", index_col=[0, 1])
    pd.testing.assert_frame_equal(kept, sim.layouts(load(file), books=2))


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(ScenarioError, match="there is one vault"):
        sim.layouts("single-crash")
    with pytest.raises(QuestionError, match="between 0 and 1"):
        sim.contagion("alt-segments", fall=1.0)
