"""Two tuning studies: what each recommends, and their fronts over each other."""

from __future__ import annotations

from sim.report.page import provenance
from sim.report.page.content import (
    NONE,
    Cell,
    Part,
    Section,
    Table,
    shown,
)
from sim.report.page.front import front_chart
from sim.report.page.pairs import NAMES
from sim.report.page.source import Tuning
from sim.report.recommendation import recommendation
from sim.report.study_tables import setting, spread
from sim.report.text import sentence


def sections(one: Tuning, other: Tuning) -> list[Section]:
    results = [one.result, other.result]
    choices = [result.recommendation for result in results]
    paths = list(dict.fromkeys(path for choice in choices for path in choice.values))
    rows: list[list[Cell]] = [
        [
            path,
            *(
                setting(choice.values[path]) if path in choice.values else NONE
                for choice in choices
            ),
        ]
        for path in paths
    ]
    measures = {measure.name: measure for result in results for measure in result.measures}
    come_to: list[list[Cell]] = []
    for name, measure in measures.items():
        row: list[Cell] = [sentence(measure.title)]
        for choice in choices:
            found = choice.measures.get(name)
            row += (
                [NONE, NONE]
                if found is None
                else [
                    shown(found.value, measure.unit),
                    spread(found, measure.unit),
                ]
            )
        come_to.append(row)
    shared = [measures[name] for name in results[0].objectives if name in results[1].objectives]
    benefits = [one for one in shared if one.side == "benefit"]
    harms = [one for one in shared if one.side == "harm"]
    named = list(zip(NAMES, results, strict=True))
    charts: list[Part] = (
        [front_chart(named, benefits[0], harm) for harm in harms]
        if benefits and harms
        else ["The two studies have no pair of objectives in common to draw fronts over."]
    )
    said = [
        " ".join(
            [
                f"{name}: {recommendation(result)}",
                *(edge.note for edge in result.edges),
                *filter(None, [result.given]),
            ]
        )
        for name, result in named
    ]
    summary = Table("Recommended settings", ["parameter", *NAMES], rows)
    header = ["measure", "A", "95% of A", "B", "95% of B"]
    again = [
        [name, result.command, ", ".join(used.name for used in result.scenarios), f"{result.seed}"]
        for name, result in named
    ]
    studies = Table(
        "The studies", ["study", "command", "scenarios", "seed"], again, words=(0, 1, 2)
    )
    return [
        Section("summary", "Summary", [*said, summary]),
        Section("risk", "What they come to", [Table("Measures", header, come_to)]),
        Section("front", "What one costs in the other", charts),
        provenance.section([studies]),
    ]
