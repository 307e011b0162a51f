"""Two reports of a kind side by side."""

from __future__ import annotations

from sim.report.page import compare_crashes, compare_studies, compare_suites, compare_sweeps
from sim.report.page.content import Page
from sim.report.page.source import Crash, Source, SourceError, Suite, Sweep, Tuning


def page(one: Source, other: Source) -> Page:
    """A and B. Raises `SourceError` if they are not of a kind, `SuiteError` for half a suite."""
    if isinstance(one, Crash) and isinstance(other, Crash):
        sections = compare_crashes.sections(one, other)
        titles = [str(source.tape.run.iloc[0]["title"]) for source in (one, other)]
    elif isinstance(one, Sweep) and isinstance(other, Sweep):
        sections = compare_sweeps.sections(one, other)
        titles = [source.stored.plan.scenario.title for source in (one, other)]
    elif isinstance(one, Tuning) and isinstance(other, Tuning):
        sections = compare_studies.sections(one, other)
        titles = [source.result.title for source in (one, other)]
    elif isinstance(one, Suite) and isinstance(other, Suite):
        sections = compare_suites.sections(one, other)
        titles = ["Suites"] * 2
    else:
        raise SourceError(
            f"{one.path} is a {one.kind} and {other.path} a {other.kind}; two of a kind can be "
            "compared: two crashes, two sweeps, two tuning studies or two suites"
        )
    title = titles[0] if titles[0] == titles[1] else " / ".join(titles)
    return Page(title, f"{one.kind} comparison", f"A: {one.path}; B: {other.path}", sections)
