"""The front door: one run."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sim
from sim.books.seeds import seed_of
from sim.front import ledger
from sim.front.run import Run
from sim.market.level_tables import gas_table, price_table
from sim.report.page.source import SourceError
from sim.scenario import ScenarioError
from sim.tape import Tape, frames
from sim.world import build
from tests.tape.storm import storm

SMALL: dict[str, Any] = {"accounts": 20}


@pytest.fixture(scope="module")
def crashed() -> Run:
    return sim.run("single-crash", **SMALL)


def alone(code: str) -> str:
    """What a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_is_the_run_of_the_engine(crashed: Run) -> None:
    """Operation for operation what the loop of the exact engine does."""
    from sim.engines.exact import run

    world = build(sim.load("single-crash").with_({"book.accounts": 20}))
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(*step)
    own = frames(tape.tables(complete=True))
    for name in ("steps", "assets", "operations", "accounts", "parties"):
        pd.testing.assert_frame_equal(
            getattr(crashed.raw.tape, name), getattr(own, name), check_exact=True
        )


def test_importing_is_cheap_and_a_run_imports_nothing_that_it_does_not_use() -> None:
    """A third of the time of the first run in a process was that."""
    unused = "web3 ape pyrevm eth_utils matplotlib scipy.stats scipy.optimize scipy.special duckdb "
    unused += "optuna distributed sim.sweeps sim.tuning sim.engines.compiled sim.report.page"
    code = f"""
import sys, sim
late = {{"numpy", "pandas", "numba", "pydantic"}} & set(sys.modules)
sim.run("single-crash", accounts=20)
print(sorted(late), sorted(set("{unused}".split()) & set(sys.modules)))
"""
    assert alone(code) == "[] []"


def test_without_the_packages_of_a_chain_it_says_what_to_install() -> None:
    code = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("web3", "pyrevm", "ape", "eth_utils"):
            raise ImportError(name, name=name)
sys.meta_path.insert(0, Missing())
import importlib.metadata as metadata
known = metadata.version
def version(name):
    if name in ("eth-ape", "pyrevm", "web3"):
        raise metadata.PackageNotFoundError(name)
    return known(name)
metadata.version = version
import sim, sim.front.grid, sim.front.reading, sim.front.studies
sim.run("single-crash", accounts=20)
from sim.engines.failures import ChainError
try:
    sim.run("single-crash", accounts=20, engine="revm")
except ChainError as error:
    print(error)
"""
    assert "pip install 'breakwater[chain]', in a checkout pip install '.[chain]'" in alone(code)


def test_what_is_documented_is_what_there_is() -> None:
    assert set(sim.__all__) <= set(dir(sim))
    assert all(getattr(sim, name) is not None for name in sim.__all__)
    tutorial = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
    assert [name for name in sim.__all__ if f"sim.{name}" not in tutorial] == []
    # A module of the same name would take the place of a function as soon as it is imported.
    assert set(sim.__all__).isdisjoint(one.name for one in pkgutil.iter_modules(sim.__path__))
    with pytest.raises(AttributeError, match="no attribute 'ran'"):
        _ = sim.ran


# --- tables ---------------------------------------------------------------------------------------


def test_liquidations_add_up_to_what_the_run_counted(crashed: Run) -> None:
    rows, last = crashed.liquidations, crashed.steps.iloc[-1]
    assert len(rows) == last["liquidations"] > 50
    assert rows["repaid_usd"].sum() == pytest.approx(last["repaid_usd"], rel=1e-9)
    assert rows["seized_usd"].sum() == pytest.approx(last["seized_usd"], rel=1e-9)
    assert rows["profit_usd"].sum() == pytest.approx(last["liquidator_profit_usd"], rel=1e-9)
    assert set(rows["liquidator"]) <= {one.name for one in crashed.scenario.liquidators}


def test_a_bonus_is_what_the_contracts_allow(crashed: Run) -> None:
    """Before the protocol's share of it: at most max_bonus, and never negative."""
    reserves = crashed.scenario.protocol.reserves
    for _, row in crashed.liquidations.iterrows():
        assert 0 <= row["bonus"] <= reserves[row["collateral"]].max_bonus_bps / 10_000 + 1e-9


def test_floats_are_the_integers(crashed: Run) -> None:
    exact, shown = crashed.raw.liquidations, crashed.liquidations
    decimals = {name: one.decimals for name, one in crashed.scenario.assets.items()}
    assert all(type(units) is int for units in exact["repaid"])
    for units, tokens, asset in zip(exact["repaid"], shown["repaid"], exact["debt"], strict=True):
        assert tokens == pytest.approx(units / 10 ** decimals[asset], rel=1e-15)
    held, owned = crashed.raw.accounts, crashed.accounts
    assert all(type(units) is int for units in held["debt_end"])
    tokens = [u / 10 ** decimals[a] for u, a in zip(held["debt_end"], held["asset"], strict=True)]
    assert np.allclose(owned["debt_end"], tokens, rtol=1e-15, atol=0)
    assert all(type(units) is int for units in crashed.raw.assets["cash"])
    healths, rounded = crashed.raw.health, crashed.health
    first = healths.iloc[0].dropna()
    assert len(first) > 0 and all(type(factor) is int for factor in first)
    known = healths.notna()
    assert (known == rounded.notna()).all(axis=None)
    off = (healths.where(known, 0).astype(float) / 1e18 - rounded.where(known, 0)).abs()
    # Floats do not round values to 1e-8 USD, as the contract does, of debts of more than a dollar.
    assert off.max(axis=None) < 4e-8


FRAMES = ("liquidations", "accounts", "steps", "health", "assets", "losses")


def test_nothing_exact_is_a_float(crashed: Run) -> None:
    """In every column: Python integers, words, flags, times and None, of which there are some."""
    kinds = set()
    for name in FRAMES:
        frame = getattr(crashed.raw, name)
        assert len(frame) > 0
        for column in frame:
            kinds |= {type(value) for value in frame[column].tolist()}
    assert kinds == {int, str, bool, type(None), pd.Timestamp}


def test_exact_prices_gas_and_counts_are_those_of_the_run(crashed: Run) -> None:
    """To the last of their decimals; the scenario's reference market has moved its prices."""
    scenario = crashed.scenario.with_({"reference_market": None})
    quiet = sim.run(scenario)
    prices = quiet.raw.assets["reference_price"].unstack()[list(scenario.symbols)]
    assert (prices.to_numpy() == price_table(scenario)).all()
    assert quiet.raw.steps["gas_price"].tolist() == gas_table(scenario).tolist()
    for name in ("reference_price", "oracle_price"):
        shown = crashed.assets[f"{name}_usd"]
        assert [units / 10**8 for units in crashed.raw.assets[name]] == shown.tolist()
    losses, last = crashed.raw.losses, crashed.steps.index[-1]
    assert losses["price"].equals(crashed.raw.assets.loc[last]["reference_price"].rename("price"))
    steps = crashed.raw.steps
    assert steps["liquidations"].iloc[-1] == len(crashed.raw.liquidations)
    assert set(steps["gas_used"]) == {None}  # no devnet
    with pytest.raises(ValueError, match=r"price_usd: 5e.07 has no 8 decimals as a double"):
        ledger.units_of(pd.Series([1.0, 5e7], name="price_usd"), 8)


@pytest.mark.parametrize("name", [*FRAMES, "figures", "by_asset", "refusals"])
def test_what_is_done_to_a_frame_changes_no_other(crashed: Run, name: str) -> None:
    owners = (crashed, crashed.raw) if name in FRAMES else (crashed,)
    for one in owners:
        first, before = getattr(one, name), repr(crashed)
        kept = first.copy()
        for column in first.columns:
            first[column].array[:] = first[column].array[::-1].copy()  # in place
        first["x"] = 1
        pd.testing.assert_frame_equal(getattr(one, name), kept)
        assert repr(crashed) == before


def test_positions_add_up_to_what_the_hub_lent(crashed: Run) -> None:
    """Of every asset: what accounts owe is what the hub says is owed, to the rounding of each."""
    owed = crashed.raw.accounts.groupby("asset")["debt_end"].sum()
    last = crashed.raw.assets.xs(crashed.steps.index[-1], level="time")
    for asset, units in owed.items():
        assert abs(units - last.loc[asset, "debt"]) <= len(crashed.raw.accounts)


def test_health_is_that_of_the_tape(crashed: Run) -> None:
    """Played again: the lowest of all accounts, how many are below 1, and the quantiles."""
    rows, steps = crashed.health, crashed.steps
    assert list(rows.index) == list(steps.index) and rows.shape[1] == 20
    assert (rows.min(axis=1).to_numpy() == steps["lowest_health"].to_numpy(dtype=float)).all()
    assert ((rows < 1).sum(axis=1).to_numpy() == steps["unhealthy"].to_numpy(dtype=int)).all()
    middle = rows.median(axis=1, skipna=True).to_numpy()
    assert np.allclose(middle, steps["health_p50"].to_numpy(dtype=float), rtol=1e-12)


def test_losses_are_in_usd_and_sum_to_the_loss(crashed: Run) -> None:
    lost = crashed.losses
    bearers = lost[["fees", "fund", "suppliers", "open"]].sum(axis=1)
    assert np.allclose(bearers, lost["reported"])
    assert crashed.loss_usd == pytest.approx(lost["reported"].sum() + lost["shortfall"].sum())
    last = crashed.steps.iloc[-1]
    assert crashed.loss_usd == pytest.approx(last["bad_debt_usd"] + last["shortfall_usd"])


# --- what is asked --------------------------------------------------------------------------------


def test_its_own_prices_handed_over_change_nothing() -> None:
    """As an array and as a frame, in units of a price: the tape is the same."""
    scenario = sim.load("stable-depeg").with_({"book.accounts": 10})
    table = price_table(scenario) / 1e8
    steps = pd.date_range(scenario.start, periods=len(table), freq=f"{scenario.step_seconds}s")
    frame = pd.DataFrame(table, index=steps, columns=list(scenario.symbols))
    text = frame.set_axis(frame.index.strftime("%Y-%m-%d %H:%M"))
    ways = (table, frame, frame.tz_localize(None), text)
    runs = [sim.run(scenario, prices=prices) for prices in ways]
    for one in runs:
        prices = one.assets["reference_price_usd"].to_numpy()
        assert (prices.reshape(table.shape) == table).all()
    pd.testing.assert_frame_equal(runs[0].raw.tape.operations, runs[1].raw.tape.operations)
    assert "own-prices" in repr(runs[0])  # what figures are conditional on is not the scenario's


def test_other_prices_are_met_to_the_unit() -> None:
    scenario = sim.load("single-crash")
    rows = np.linspace(2_000, 1_500, scenario.steps + 1).round(8)
    frame = pd.DataFrame({"WETH": rows})
    found = sim.run(scenario, accounts=20, overrides={"reference_market": None}, prices=frame)
    seen = found.assets["reference_price_usd"].unstack()["WETH"].to_numpy()
    assert (seen == rows).all()


@pytest.mark.parametrize(
    ("prices", "said"),
    [
        (np.ones((3, 5)), "a row at the start and after each of 288 steps"),
        (pd.DataFrame({"WETHH": np.ones(289)}), "did you mean"),
        (pd.DataFrame({"WETH": [1.0, 2.0]}), "289 rows"),
        (pd.DataFrame({"WETH": [1.0] * 288 + [0.0]}), "row 288 of WETH is 0.0"),
        (pd.DataFrame({"WETH": [1.0] * 288 + [np.nan]}), "row 288 of WETH is nan"),
        (
            pd.DataFrame({"WETH": [1.0, 2.0]}, index=pd.to_datetime(["2020-01-01", "2020-01-02"])),
            "do not cover the run",
        ),
        (
            pd.DataFrame(
                {"WETH": np.ones(289)},
                index=pd.date_range("2020-01-01", periods=289).strftime("%Y-%m-%d"),
            ),
            "do not cover the run",
        ),
    ],
)
def test_prices_that_cannot_be_meant_are_refused(prices: Any, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        sim.run("single-crash", prices=prices)


# --- results --------------------------------------------------------------------------------------


def test_a_run_survives_its_folder(crashed: Run, tmp_path: Path) -> None:
    crashed.save(tmp_path / "kept")
    again = sim.read(tmp_path / "kept")
    assert isinstance(again, Run) and again.scenario == crashed.scenario
    pd.testing.assert_frame_equal(again.liquidations, crashed.liquidations)
    assert repr(again) == repr(crashed)
    page = again.report(tmp_path / "night.html").read_text()
    assert f"{tmp_path}/kept/tape.duckdb" in page
    assert "single-crash" in page and "</html>" in page
    with pytest.raises(SourceError, match="neither tape"):
        sim.read(tmp_path)


def test_it_looks_like_something(crashed: Run) -> None:
    shown = crashed._repr_html_()
    for text in (repr(crashed), shown):
        assert "ETH halves in two hours" in text and "Given: " in text
    assert shown.count("<tr>") == 5
    assert len(crashed.plot().axes) >= 4


# --- events ---------------------------------------------------------------------------------------


def test_an_event_beside_what_was_published() -> None:
    """The second book is that of `book_seed`, whose run is the same wherever it is asked for."""
    figures = [
        {"measure": "lowest_price.WETH", "value": 800, "source": "the storm's own level"},
        {"measure": "repaid_usd", "low": 1, "high": 2, "source": "nobody"},
    ]
    played = sim.run(storm(expected=figures))
    found = played.published(books=2)
    assert found["verdict"].tolist() == ["input", "off"]
    other = sim.run(played.scenario, book_seed=seed_of(played.scenario.seed, 1))
    repaid = [run.figures.loc["repaid_usd", "value"] for run in (played, other)]
    row = found.loc["repaid_usd"]
    assert row["value"] == repaid[0] != repaid[1]
    assert (row["lowest"], row["highest"]) == (min(repaid), max(repaid))
    assert row["median"] == pytest.approx(sum(repaid) / 2)
    assert (row["published_low"], row["published_high"]) == (1, 2)
    assert other.scenario.seed == played.scenario.seed


def test_measures_by_asset_are_of_the_tables(crashed: Run) -> None:
    found, rows = crashed.by_asset, crashed.liquidations
    assert tuple(found.index) == crashed.scenario.symbols
    for column, side in (("repaid", "debt"), ("seized", "collateral")):
        tokens = rows.groupby(side)[column].sum().reindex(found.index, fill_value=0.0)
        assert found[f"{column}_tokens"].to_numpy() == pytest.approx(tokens.to_numpy())
    lowest = crashed.assets["reference_price_usd"].groupby("asset").min()
    assert found["lowest_price"].to_dict() == lowest.to_dict()
    usd = found["loss_tokens"] * crashed.assets["reference_price_usd"].groupby("asset").last()
    assert usd.sum() == pytest.approx(crashed.loss_usd)


def test_presets_that_come_with_it_are_known() -> None:
    assert "current-market" in sim.presets()
