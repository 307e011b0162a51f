"""What all figures share: type, axes in plain numbers, and how they become files.

Figures (matplotlib) and charts of pages (plotly) show the same things and are drawn twice, because
plotly writes SVG and PNG only where there is a browser, and pages do without matplotlib;
`sim.report.series` and `sim.report.colours` are what both draw.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from sim.files.whole import replacing

STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,  # a $ is a dollar
    "svg.hashsalt": "breakwater",  # the same run gives the same file
}
_PNG_DPI = 160


class Picture(Figure):
    """A figure that a notebook shows by itself: of others only those that pyplot made, or after
    `%matplotlib inline`.
    """

    def _repr_png_(self) -> bytes:
        drawn = BytesIO()
        with matplotlib.rc_context(STYLE):
            self.savefig(drawn, format="png", bbox_inches="tight")
        return drawn.getvalue()


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write `name`.svg and `name`.png into `folder`; their paths."""
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    with matplotlib.rc_context(STYLE):
        figure.draw_without_rendering()
        # Grows where a legend with long symbols needs it; found once, "tight" would for each file.
        extent = figure.get_tightbbox().padded(0.1)
        for path in paths:
            dateless = {"Date": None} if path.suffix == ".svg" else None
            with replacing(path) as draft:
                figure.savefig(
                    draft,
                    format=path.suffix[1:],
                    dpi=_PNG_DPI,
                    metadata=dateless,
                    bbox_inches=extent,
                )
    return paths


def time_axis(axes: Axes) -> None:
    """Simulated time along the bottom, labelled."""
    locator = AutoDateLocator(minticks=3, maxticks=12)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlabel("simulated time (UTC)")


def log_axis(axes: Axes, subs: tuple[float, ...], text: str) -> None:
    """Plain numbers on a log axis, at enough places for a range of less than a decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=[1, *(10 * sub for sub in subs)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: text.format(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
