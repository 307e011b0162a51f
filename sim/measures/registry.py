"""The one registry of measures. Who shows, writes, searches or returns them reads it when asked, so
that a new entry of `of_runs`, `of_cascades`, `of_assets`, `of_paths` or `of_reserves` is
everywhere: docs/extending.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from sim.measures.facts import Facts
from sim.measures.measure import Found, Measure, Place, SuiteTable
from sim.measures.of_assets import OF_ASSETS
from sim.measures.of_brakes import OF_BRAKES
from sim.measures.of_bridges import OF_BRIDGES
from sim.measures.of_cascades import OF_CASCADES
from sim.measures.of_categories import OF_CATEGORIES
from sim.measures.of_margin_calls import OF_MARGIN_CALLS
from sim.measures.of_paths import OF_PATHS
from sim.measures.of_reserves import OF_RESERVES
from sim.measures.of_runs import OF_RUNS
from sim.tape import Frames

_ALL = (
    *(*OF_RUNS, *OF_CASCADES, *OF_ASSETS, *OF_PATHS),
    *(*OF_MARGIN_CALLS, *OF_BRAKES, *OF_CATEGORIES, *OF_RESERVES, *OF_BRIDGES),
)
MEASURES = {one.name: one for one in _ALL}
"""By name, in the order of tables."""
assert len(MEASURES) == len(_ALL), "two measures of one name"


def found(tape: Frames) -> dict[str, tuple[Measure, Found]]:
    """What a run came to, by name; without what it has no figure of, and no reason why not."""
    run = Facts(tape)
    figures = {name: (one, one.found(run)) for name, one in of_runs().items()}
    return {
        name: (one, figure)
        for name, (one, figure) in figures.items()
        if figure.value is not None or figure.remark
    }


def figure(run: Facts | Frames, name: str) -> float:
    """A measure of a run, or as `lowest_price.WETH` of one of its assets; NaN if it has none."""
    facts = Facts(run) if isinstance(run, Frames) else run
    kind, _, asset = name.partition(".")
    measure = MEASURES[kind]
    value = (measure.found_of(facts, asset) if asset else measure.found(facts)).value
    return math.nan if value is None else float(value)


def figures(tape: Frames, names: Iterable[str]) -> dict[str, float]:
    """Several of them, by these names."""
    run = Facts(tape)
    return {name: figure(run, name) for name in names}


def of_runs() -> dict[str, Measure]:
    """The measures of a run, by name."""
    return {name: one for name, one in MEASURES.items() if one.of_run}


def of_assets() -> dict[str, Measure]:
    """The measures of an asset of a run, by name."""
    return {name: one for name, one in MEASURES.items() if one.of_asset}


def of_paths(place: Place) -> dict[str, Measure]:
    """The measures of many paths that stand in a table, by name."""
    return {name: one for name, one in MEASURES.items() if one.stands_in(place)}


def of_reserves() -> dict[str, Measure]:
    """The measures of an asset over many paths, by name."""
    return {name: one for name, one in MEASURES.items() if one.of_reserve}


def of_suites(table: SuiteTable) -> dict[str, Measure]:
    """The measures of a run that stand in a table of many, by name."""
    return {name: one for name, one in MEASURES.items() if table in one.suites}
