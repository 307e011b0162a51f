"""Content as one HTML file: template, style, script and plotly in it, nothing from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from sim.files.whole import replacing
from sim.packaged import PLOTLY
from sim.report.page.content import (
    Chart,
    Commands,
    Listing,
    Page,
    Range,
    Table,
    Timeline,
    Value,
)

_HERE = Path(__file__).parent / "templates"

_LONG = 40  # letters of a word that may be broken: a digest


def write_page(page: Page, path: Path) -> int:
    """Write the page, whole or not at all, into a folder that is made if it is missing; its size in
    bytes. Raises `OSError`.
    """
    text = html(page)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return len(text.encode())


def html(page: Page) -> str:
    """The page."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["number"] = lambda cell: isinstance(cell, Value)
    environment.tests["range"] = lambda cell: isinstance(cell, Range)
    environment.tests["long"] = lambda cell: any(len(word) > _LONG for word in str(cell).split())
    environment.filters["kind"] = _kind
    return environment.get_template("page.html.j2").render(
        page=page,
        style=Markup((_HERE / "page.css").read_text()),
        script=Markup((_HERE / "page.js").read_text()),
        plotly=Markup(PLOTLY.read_text()),
        charts=_json(charts(page)),
        timelines=_json(_timelines(page)),
    )


def charts(page: Page) -> dict[str, dict[str, Any]]:
    """The figures of a page by the ids of their charts."""
    found = {}
    for section in page.sections:
        for part in section.parts:
            chart = part.chart if isinstance(part, Timeline) else part
            if isinstance(chart, Chart):
                found[chart.id] = chart.figure
    return found


def _timelines(page: Page) -> dict[str, dict[str, Any]]:
    return {
        part.chart.id: {
            "at": part.at,
            "readings": [texts for _, texts in part.readings],
            "events": {n: events for n, events in enumerate(part.events) if events},
        }
        for section in page.sections
        for part in section.parts
        if isinstance(part, Timeline)
    }


def _json(content: Any) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _kind(part: Any) -> str:
    kinds = {
        str: "text",
        Table: "table",
        Chart: "chart",
        Timeline: "timeline",
        Commands: "commands",
        Listing: "listing",
    }
    return kinds[type(part)]
