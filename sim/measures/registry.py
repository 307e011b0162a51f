"""The one registry of measures. Who shows, writes, searches or returns them reads it when asked, so
that a new entry of `sim.measures.of_runs` or `of_paths` is everywhere: docs/extending.md.
"""

from __future__ import annotations

from sim.measures.facts import Facts
from sim.measures.measure import KINDS, Found, Measure, Place
from sim.measures.of_paths import OF_PATHS
from sim.measures.of_runs import OF_RUNS
from sim.tape import Frames

MEASURES = {one.name: one for one in (*OF_RUNS, *OF_PATHS)}
"""By name, in the order of tables."""
assert len(MEASURES) == len(OF_RUNS) + len(OF_PATHS), "two measures of one name"


def found(tape: Frames) -> dict[str, tuple[Measure, Found]]:
    """What a run came to, by name; without what it has no figure of, and no reason why not."""
    run = Facts(tape)
    figures = {
        name: (one, one.found(run)) for name, one in [*MEASURES.items()] if one.of_run is not None
    }
    return {
        name: (one, figure)
        for name, (one, figure) in figures.items()
        if figure.value is not None or figure.remark
    }


def heading(label: str) -> str:
    """What to call a row of a loss table; of a measure that this version does not know, the row."""
    return next((one.heading for one in MEASURES.values() if one.label == label), label)


def of_paths(place: Place) -> dict[str, Measure]:
    """The measures of many paths that stand in a table, by name."""
    return {
        name: one
        for name, one in MEASURES.items()
        if one.of_paths and place in one.places and one.of_paths.kind in KINDS[place]
    }
