"""The figures of a sweep show the data, with units, and nothing overlaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from sim.market.draws import REPLICATES
from sim.market.paths import draw
from sim.measures.exceedance import exceedance
from sim.protocol.units import USD
from sim.report.series import thinned
from sim.report.sweep_figure import fan_figure, loss_figure, write_loss_figure
from sim.sweeps import fan as module
from sim.sweeps.fan import QUANTILES, Fan, fan
from sim.sweeps.loss_table import loss_table, loss_usd
from sim.sweeps.plan import Plan
from tests.sweep.storms import storms
from tests.sweep.test_losses import sample

OUTCOMES = sample(320, losing=0.4)
LOSSES = loss_usd(OUTCOMES)
PLAN = Plan(storms(), "mc", 160, 64, 1, 8)


@pytest.fixture(scope="module")
def curve() -> Figure:
    return loss_figure(LOSSES, loss_table(OUTCOMES, "mc", 300), "A storm\n320 paths")


@pytest.fixture(scope="module")
def shown() -> Fan:
    return fan(PLAN, worst=17)


@pytest.fixture(scope="module")
def fans(shown: Fan) -> Figure:
    return fan_figure(PLAN.scenario, shown, 17, 33_000.0, "A storm")


# --- losses ---------------------------------------------------------------------------------------


def test_points_of_the_curve_are_the_data(curve: Figure) -> None:
    line = curve.axes[0].get_lines()[0]
    expected = exceedance(LOSSES)
    xs, ys = (np.asarray(part, dtype=float) for part in line.get_data())
    assert xs[:-1].tolist() == expected["loss"].tolist()
    assert ys[:-2].tolist() == expected["probability"].tolist()[:-1]
    assert ys[-1] < curve.axes[0].get_ylim()[0]  # nobody lost more: off the page
    assert line.get_drawstyle() == "steps-post"


def test_band_is_that_of_the_curve(curve: Figure) -> None:
    (band,) = curve.axes[0].collections
    (path,) = band.get_paths()
    points = {(float(x), float(y)) for x, y in path.vertices}
    for row in exceedance(LOSSES).itertuples():
        assert (row.loss, row.high) in points and (row.loss, max(row.low, 0.4 / 320)) in points


def test_axes_have_units_and_a_log_probability(curve: Figure) -> None:
    axes = curve.axes[0]
    assert axes.get_yscale() == "log" and "probability" in axes.get_ylabel()
    assert "(USD)" in axes.get_xlabel()
    curve.draw_without_rendering()
    assert [text.get_text() for text in axes.get_yticklabels()].count("10%") == 1


def test_var_lies_on_the_curve(curve: Figure) -> None:
    table = loss_table(OUTCOMES, "mc", 300)
    marks = curve.axes[0].get_lines()[1:]
    for line, name, level in zip(marks, ("var_95", "var_99"), (0.95, 0.99), strict=True):
        (x,), (y,) = line.get_data()
        assert x == table.loc[name, "value"] and y == pytest.approx(1 - level)
        assert str(line.get_label()).startswith(f"VaR {level:.0%} $")


def test_dollars_are_no_formulas(curve: Figure) -> None:
    legend = curve.axes[0].get_legend()
    assert legend is not None
    assert not any(text.get_parse_math() for text in legend.get_texts())


def test_long_curves_are_thinned_to_points_of_them() -> None:
    curve = exceedance(np.arange(20_000.0))
    kept = thinned(curve)
    assert len(kept) <= 1_500 and set(kept["loss"]) <= set(curve["loss"])
    assert kept.tail(100).equals(curve.tail(100)) and kept["loss"].iloc[0] == 0
    assert thinned(curve.head(10)).equals(curve.head(10))


@pytest.mark.parametrize("losing", [0.0, 1.0])
def test_all_or_nobody_loses(losing: float, tmp_path: Path) -> None:
    outcomes = sample(60, losing)
    files = write_loss_figure(loss_usd(outcomes), loss_table(outcomes, "mc", 300), "Calm", tmp_path)
    assert [path.name for path in files] == ["losses.svg", "losses.png"]
    assert all(path.stat().st_size > 10_000 for path in files)


# --- prices ---------------------------------------------------------------------------------------


def test_quantiles_are_those_of_the_drawn_paths(shown: Fan) -> None:
    """And in chunks as at once."""
    prices = draw(PLAN.scenario, "mc", 0, 160) / USD
    assert shown.symbols == ["WETH", "WBTC"] and shown.paths == 160
    assert shown.rows.tolist() == list(range(49))
    expected = np.quantile(prices[:, :, :2], QUANTILES, axis=0)
    assert (shown.quantiles == expected).all()
    assert (shown.worst == prices[17, :, :2]).all()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def watched(*arguments: object) -> object:
        asked.append(int(str(arguments[3])))
        return draw(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "draw", watched)
    monkeypatch.setattr(module, "MOST_PATHS", 150)
    monkeypatch.setattr(module, "_MOST_ROWS", 10)
    found = fan(PLAN, worst=0)
    assert found.paths == 150 and asked == [1, 100, 50]
    assert len(found.rows) == 11 and found.rows[-1] == 48


def test_panel_shows_quantiles_level_and_worst_path(fans: Figure, shown: Fan) -> None:
    for i, axes in enumerate(fans.axes):
        median, level, worst = (np.asarray(line.get_ydata()) for line in axes.get_lines())
        assert (median == shown.quantiles[3, :, i]).all()
        assert (level == shown.level[:, i]).all()
        assert (worst == shown.worst[:, i]).all()
        assert len(axes.collections) == 3
        assert axes.get_ylabel() == "price (USD)"
    assert [axes.get_title(loc="left") for axes in fans.axes] == ["WETH", "WBTC"]
    assert fans.axes[-1].get_xlabel() == "simulated time (UTC)"
    legend = fans.axes[0].get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[0] == "1% to 99% of paths" and "path 17, the worst:\nloses $33k" in labels


def test_panels_and_legend_do_not_overlap(fans: Figure) -> None:
    upper, lower = (axes.get_window_extent() for axes in fans.axes)
    assert upper.y0 > lower.y1
    legend = fans.axes[0].get_legend()
    assert legend is not None and legend.get_window_extent().x0 > upper.x1


def test_no_price_moves() -> None:
    calm = storms(assets__WETH__price_usd=2_000.0, assets__WBTC__price_usd=30_000.0)
    calm_paths = {"model": "gbm", "volatility_per_sqrt_year": {"WETH": 0.0}}
    still = calm.model_copy(update={"paths": type(calm.paths)(**calm_paths)})
    plan = Plan(still, "mc", REPLICATES, 64, 1, 8)
    shown = fan(plan, 0)
    assert shown.symbols == []
    assert fan_figure(plan.scenario, shown, 0, 0.0, "Calm").axes[0].get_title(loc="left")
