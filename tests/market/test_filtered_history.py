"""Recorded days at a variance of their own: which they are, their mean, and what is refused."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.market.draws import Draw, Floats, Sampler
from sim.market.filtered_history import filtered
from sim.market.history import read_history
from sim.market.paths import noise
from sim.schema.paths import Garch, Paths
from sim.schema.problems import ScenarioError

HOUR, DAYS = 3_600, 60
SYMBOLS = ["WETH", "WBTC"]
SIGMA = {"WETH": 0.9, "WBTC": 0.7}
STILL = {"alpha": {"WETH": 0.0, "WBTC": 0.0}, "beta": {"WETH": 0.0, "WBTC": 0.0}}
CLUSTERS = {"alpha": {"WETH": 0.3, "WBTC": 0.3}, "beta": {"WETH": 0.6, "WBTC": 0.6}}
_COMMON, _OWN = np.random.default_rng(8).standard_t(4, (2, DAYS * 24, 2)) * 0.006
LOGS = np.concatenate([np.zeros((1, 2)), np.cumsum(0.8 * _COMMON[:, :1] + 0.6 * _OWN, axis=0)])


def history(folder: Path, logs: Floats = LOGS, hours: int = 1, names: str = "WETH,WBTC") -> str:
    lines = [
        f"{np.datetime64('2021-01-01') + np.timedelta64(hours * row, 'h')}:00Z,{a!r},{b!r}"
        for row, (a, b) in enumerate(np.exp(logs).tolist())
    ]
    file = folder / "history.csv"
    file.write_text("\n".join([f"time,{names}", *lines]))
    return str(file)


def paths(file: str, garch: dict[str, Any] = STILL, **changes: object) -> Paths:
    return Paths.model_validate(
        {
            "model": "filtered-history",
            "volatility_per_sqrt_year": SIGMA,
            "garch": garch,
            "history": file,
            **changes,
        }
    )


def recorded_days() -> Floats:
    """Demeaned cumulative log returns of each day, with the named daily deviation, (60, 25, 2)."""
    days = np.stack([LOGS[24 * d : 24 * d + 25] - LOGS[24 * d] for d in range(DAYS)])
    days -= days.mean(axis=0)
    return days / days[:, -1].std(axis=0) * np.array(list(SIGMA.values())) / math.sqrt(365)


@pytest.mark.parametrize("sampler", ["mc", "sobol"])
def test_days_are_recorded_ones_of_all_assets_at_once(tmp_path: Path, sampler: Sampler) -> None:
    """Without clusters: each day less the log of the days' mean growth, K, here computed anew."""
    x = noise(paths(history(tmp_path)), SYMBOLS, Draw(sampler, 1, 0, 400), 48, HOUR)
    days = recorded_days()
    expected = days - np.log(np.exp(days).mean(axis=0))
    first, second = x[:, :24], x[:, 24:] - x[:, 23:24]
    seen = set()
    for path in np.concatenate([first, second]):
        distance = np.abs(expected[:, 1:] - path).max(axis=(1, 2))
        seen.add(int(distance.argmin()))
        assert distance.min() < 1e-6
    assert len(seen) == DAYS, "800 days, so all were played"


def test_steps_between_the_rows_are_log_linear(tmp_path: Path) -> None:
    by_hour, finer = (
        noise(paths(history(tmp_path), CLUSTERS), SYMBOLS, Draw("mc", 1, 0, 5), 50 * k, HOUR // k)
        for k in (1, 4)
    )
    assert finer[:, 3::4] == pytest.approx(by_hour, abs=1e-12)
    assert finer[:, 5] == pytest.approx((by_hour[:, 0] + by_hour[:, 1]) / 2, abs=1e-12)


def test_mean_of_the_paths_is_the_level_and_their_variance_the_named(tmp_path: Path) -> None:
    """At the rows and, at half an hour, between them; 4 standard errors. Variance of the first day
    with clusters: that of the recorded days' states in the mean.
    """
    n = 20_000
    file = history(tmp_path)
    growth = np.exp(noise(paths(file, CLUSTERS), SYMBOLS, Draw("mc", 2, 0, n), 144, 1_800))
    error = growth.std(axis=0) / math.sqrt(n)
    assert (np.abs(growth.mean(axis=0) - 1) < 4 * error).all()
    days = filtered(read_history(file), SYMBOLS, np.array([0.9, 0.7]), Garch(**CLUSTERS))
    assert days.residuals[:, -1].std(axis=0) == pytest.approx(1)
    first = np.log(growth[:, 47]).var(axis=0)
    wanted = np.array([0.81, 0.49]) / 365 * days.states.mean(axis=0)
    assert first == pytest.approx(wanted, rel=0.06)


def test_states_of_the_history_follow_its_returns(tmp_path: Path) -> None:
    """h' = .1 + .3 r^2 + .6 h of the demeaned returns by the named deviation, by hand."""
    days = filtered(
        read_history(history(tmp_path)), SYMBOLS, np.array([0.9, 0.7]), Garch(**CLUSTERS)
    )
    returns = np.diff(LOGS[::24], axis=0)
    returns -= returns.mean(axis=0)
    returns /= np.array([0.9, 0.7]) / math.sqrt(365)
    state = np.ones(2)
    for d in range(DAYS):
        assert days.states[d] == pytest.approx(state)
        state = 0.1 + 0.3 * returns[d] ** 2 + 0.6 * state


def test_a_wild_start_is_wilder(tmp_path: Path) -> None:
    """By the ratio of the named volatilities: all days are the same, times two."""
    file = history(tmp_path)
    calm, wild = (
        noise(
            paths(file, STILL | {"start_volatility_per_sqrt_year": {"WETH": sigma}}),
            SYMBOLS,
            Draw("mc", 2, 0, 500),
            24,
            HOUR,
        )[:, -1]
        for sigma in (0.9, 1.8)
    )
    assert wild[:, 0].std() == pytest.approx(2 * calm[:, 0].std(), rel=1e-6)
    assert (wild[:, 1] == calm[:, 1]).all()


@pytest.mark.parametrize("sampler", ["mc", "sobol"])
def test_a_path_depends_on_its_number_only(tmp_path: Path, sampler: Sampler) -> None:
    law = paths(history(tmp_path), CLUSTERS)
    whole = noise(law, SYMBOLS, Draw(sampler, 1, 0, 40), 30, HOUR)
    for first, count in ((0, 1), (1, 22), (23, 17)):
        block = noise(law, SYMBOLS, Draw(sampler, 1, first, count), 30, HOUR)
        assert block.tobytes() == whole[first : first + count].tobytes()
    assert len({path.tobytes() for path in whole}) > 30


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"names": "WETH,BTC"}, ["line 1", "has no column WBTC"]),
        ({"logs": LOGS[: 29 * 24]}, ["covers 29.0 days", "30 whole days or more"]),
        ({"logs": LOGS[:200], "hours": 24}, ["has a row every 24 h", "a row per hour"]),
        ({"logs": LOGS * [1, 0]}, ["WBTC", "never moves"]),
    ],
)
def test_histories_that_do_not_fit_are_refused(
    tmp_path: Path, arguments: dict[str, Any], words: list[str]
) -> None:
    law = paths(history(tmp_path, **arguments))
    with pytest.raises(ScenarioError) as caught:
        noise(law, SYMBOLS, Draw("mc", 1, 0, 1), 24, HOUR)
    for word in words:
        assert word in str(caught.value)


def test_daily_rows_do_for_daily_steps(tmp_path: Path) -> None:
    law = paths(history(tmp_path, LOGS[:200], hours=24))
    assert noise(law, SYMBOLS, Draw("mc", 1, 0, 3), 5, 86_400).shape == (3, 5, 2)
