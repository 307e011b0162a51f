"""The figure of a search: every trial once, the front with its intervals, what is recommended."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from sim.report.study_figure import study_figure
from sim.tuning.result import TuningResult
from tests.report.page.studies import study


@pytest.fixture(scope="module")
def result() -> TuningResult:
    return study(True, "ape run tune storms")


@pytest.fixture(scope="module")
def drawn(result: TuningResult) -> Figure:
    return study_figure(result)


def test_points_are_the_trials_and_the_front(result: TuningResult, drawn: Figure) -> None:
    (axes,) = drawn.axes
    lines = {str(line.get_label()): line for line in axes.lines}
    for label, numbers in (
        ("tried", {one.number for one in result.trials}),
        ("front", set(result.front)),
        (f"recommended ({result.recommended})", {result.recommendation.trial}),
        ("now", {result.choices.current.trial}),
    ):
        trials = [one for one in result.trials if one.number in numbers]
        power = [one.objectives["borrowing_power"].value for one in trials]
        loss = [one.objectives["es_99"].value for one in trials]
        assert list(lines[label].get_xdata()) == power
        assert list(lines[label].get_ydata()) == loss


def test_bars_are_the_intervals(result: TuningResult, drawn: Figure) -> None:
    _, up = drawn.axes[0].collections
    front = [one.objectives["es_99"] for one in result.trials if one.number in result.front]
    ends = [tuple(segment[:, 1]) for segment in up.get_segments()]
    assert ends == [pytest.approx((one.low, one.high)) for one in front]


def test_axes_have_units(drawn: Figure) -> None:
    (axes,) = drawn.axes
    assert axes.get_xlabel() == "Borrowing power (USD)"
    drawn.draw_without_rendering()
    assert all(tick.get_text().startswith("$") for tick in axes.get_xticklabels())


def test_one_objective_is_drawn_in_order(result: TuningResult) -> None:
    (axes,) = study_figure(result.model_copy(update={"objectives": ("es_99",)})).axes
    assert list(axes.lines[0].get_xdata()) == [one.number for one in result.trials]
