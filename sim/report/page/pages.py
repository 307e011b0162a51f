"""The page of any result."""

from __future__ import annotations

from sim.report.page import compare, crash_page, suite_page, sweep_page, tuning_page
from sim.report.page.content import Page
from sim.report.page.pairs import NAMES
from sim.report.page.source import Crash, Source, Suite, Sweep, faults
from sim.report.suite_rows import rows_of


def page_of(sources: list[Source]) -> Page:
    """The page of a result, or of two side by side, with what is known to be wrong with them."""
    page = compare.page(*sources) if len(sources) == 2 else _page(sources[0])
    return page._replace(notices=_notices(sources))


def _page(source: Source) -> Page:
    if isinstance(source, Crash):
        return crash_page.page(source)
    if isinstance(source, Suite):
        return suite_page.page(rows_of(source.path, source.manifest), source.path)
    return sweep_page.page(source) if isinstance(source, Sweep) else tuning_page.page(source)


def _notices(sources: list[Source]) -> list[str]:
    """What is known to be wrong with what is shown, or missing, and of two with which of them."""
    names = [""] if len(sources) == 1 else [f"{name}: " for name in NAMES]
    return [
        f"{name}{fault}"
        for name, source in zip(names, sources, strict=True)
        for fault in [*faults(source), *_unfinished(source)]
    ]


def _unfinished(source: Source) -> list[str]:
    said = source.stored.unfinished(source.outcomes) if isinstance(source, Sweep) else None
    return [said] if said else []
