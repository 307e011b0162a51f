"""The figure: every panel labelled with its unit, whatever the run was."""

from itertools import pairwise

import pytest
from matplotlib.dates import num2date
from matplotlib.figure import Figure

from sim.report.crash_figure import crash_figure
from sim.tape import Frames, frames
from tests.tape.storm import play, storm


@pytest.fixture(scope="module")
def tape() -> Frames:
    return frames(play(storm())[1].tables(complete=True))


@pytest.fixture(scope="module")
def figure(tape: Frames) -> Figure:
    return crash_figure(tape)


def test_every_axis_has_its_unit(figure: Figure) -> None:
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == [
        "index, start = 100 (log)",
        "health factor (log)",
        "repaid (USD)",
        "bad debt (USD)",
        "gas price (gwei)",
    ]
    assert figure.axes[3].get_xlabel() == "simulated time (UTC)"


def test_panels_share_the_simulated_time(figure: Figure, tape: Frames) -> None:
    for axes in figure.axes:
        ends = [num2date(end).replace(tzinfo=None) for end in axes.get_xlim()]
        assert ends == [tape.steps["time_utc"].iloc[0], tape.steps["time_utc"].iloc[-1]]


def test_legends_stand_beside_the_panels(figure: Figure) -> None:
    for axes in figure.axes[:4]:
        legend = axes.get_legend()
        assert legend is not None
        assert legend.get_window_extent().x0 > axes.get_window_extent().x1


def test_nothing_overlaps_or_leaves_the_page(figure: Figure) -> None:
    page = figure.bbox
    for axes in figure.axes:
        extent = axes.get_tightbbox()
        assert extent is not None
        assert page.x0 <= extent.x0 and extent.x1 <= page.x1
        assert page.y0 <= extent.y0 and extent.y1 <= page.y1
    panels = [axes.get_window_extent() for axes in figure.axes[:4]]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(panels))


def test_bars_add_up_to_what_was_repaid(figure: Figure, tape: Frames) -> None:
    heights = sum(bar.get_height() for bar in figure.axes[2].patches)
    assert heights == pytest.approx(tape.steps["repaid_usd"].iloc[-1])


def test_stack_ends_at_the_loss(figure: Figure, tape: Frames) -> None:
    last = tape.steps.iloc[-1]
    outline = figure.axes[3].get_lines()[-1].get_ydata()
    assert outline[-1] == pytest.approx(last["bad_debt_usd"] + last["shortfall_usd"], rel=1e-3)


def test_only_assets_that_move_are_drawn(figure: Figure) -> None:
    legend = figure.axes[0].get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["WETH (100 = $2,000.00)", "WBTC (100 = $30,000.00)", "its oracle price"]


@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_run_that_ended_early(steps: int) -> None:
    """From the opening alone on: no warning, and the title says so."""
    figure = crash_figure(frames(play(storm(), steps=steps)[1].tables(complete=False)))
    assert f"stopped after {steps} of 48 steps" in figure.get_suptitle()


def test_nothing_happens() -> None:
    """Constant prices: no bars, no losses, all assets drawn because none moves."""
    calm = storm(assets__WETH__price_usd=2_000.0, assets__WBTC__price_usd=30_000.0)
    tape = frames(play(calm)[1].tables(complete=True))
    figure = crash_figure(tape)
    assert figure.axes[3].get_ylim() == (0, 1)
    legend = figure.axes[0].get_legend()
    assert legend is not None and len(legend.get_texts()) == 4


def test_doubtful_oracle_is_marked() -> None:
    tape = frames(play(storm(feeds__WETH__min_price_usd=1_500.0))[1].tables(complete=True))
    legend = crash_figure(tape).axes[0].get_legend()
    assert legend is not None
    assert legend.get_texts()[-1].get_text() == "an oracle is not ok"
