"""The report of a tuning study: what to set, what it changes, how sure that is."""

from __future__ import annotations

from datetime import timedelta

from sim.report.page import falls, market, provenance
from sim.report.page.choices import (
    baseline_table,
    cap_table,
    choice_table,
    one_by_one_table,
    parameter_table,
    risk_table,
    shown,
    spread,
)
from sim.report.page.content import Commands, Page, Part, Section
from sim.report.page.front import front_charts, sensitivity_charts
from sim.report.page.setting import Setting, settings
from sim.report.page.source import Tuning
from sim.report.text import sentence
from sim.tuning.result import TuningResult


def page(source: Tuning) -> Page:
    """Everything that a study says."""
    result = source.result
    before, after = settings(result)
    sections = [
        Section("summary", "Summary", summary(result)),
        Section(
            "parameters",
            "What to change",
            [parameter_table(result), *([cap_table(result)] if result.caps else [])],
        ),
        Section("risk", "What it changes", [risk_table(result), choice_table(result)]),
        Section("front", "What one costs in the other", front_charts(result)),
    ]
    if result.sensitivity or result.one_by_one:
        parts: list[Part] = list(sensitivity_charts(result))
        if result.one_by_one:
            parts.append(one_by_one_table(result))
        sections.append(Section("sensitivity", "Which parameter does it", parts))
    if before and after:
        sections += _book(before, after)
    if result.baselines:
        rules = [baseline_table(result)]
        sections.append(Section("baselines", "What rules of thumb would say", rules))
    sections.append(_provenance(source))
    scenarios = ", ".join(one.name for one in result.scenarios)
    of = "its scenario" if len(result.scenarios) == 1 else f"{len(result.scenarios)} scenarios"
    subtitle = (
        f"Preset {result.preset}: {len(result.trials):,} trials, {result.paths:,} paths of {of} "
        f"({scenarios}), {result.accounts:,} accounts, "
        f"seed {result.seed}"
    )
    return Page(result.title, "tuning", subtitle, sections)


def summary(result: TuningResult) -> list[Part]:
    """The recommendation in plain words."""
    choice, current = result.recommendation, result.choices.current
    changed = [path for path, value in choice.values.items() if value != current.values.get(path)]
    name = result.recommended.replace("_", " ")
    if not changed:
        first = "The study recommends to keep the current setting: no trial does better."
    else:
        first = (
            f"The study recommends the {name} setting of the front, trial {choice.trial:,}: "
            f"{len(changed)} of {len(result.parameters)} parameters change."
        )
    said: list[Part] = [first]
    for measure in result.measures:
        if measure.name in result.objectives and measure.name in choice.difference:
            now, then = current.measures[measure.name], choice.measures[measure.name]
            difference = choice.difference[measure.name]
            said.append(
                f"{sentence(measure.title)}: {shown(now.value, measure.unit).text} now, "
                f"{shown(then.value, measure.unit).text} then; a difference of "
                f"{shown(difference.value, measure.unit).text} "
                f"({spread(difference, measure.unit)}), on the same paths."
            )
    confirmation = result.confirmation
    if confirmation and not confirmation.differing:
        said.append(
            f"Confirmed on the real contracts ({confirmation.engine}): "
            f"{confirmation.operations:,} operations, {confirmation.values_compared:,} values "
            f"compared, 0 differ."
        )
    elif confirmation:
        said.append(
            f"Not confirmed: {confirmation.differing:,} of {confirmation.values_compared:,} values "
            "differ between the contracts and the simulation. Do not use this recommendation."
        )
    else:
        said.append("Not confirmed on the real contracts yet: tune with --confirm.")
    said.append("Intervals in brackets hold with 95% confidence.")
    return said


def _book(before: Setting, after: Setting) -> list[Section]:
    """The opening book of the first scenario under both settings."""
    falling = before.falling
    books = {
        "current setting": (before.book, falling),
        "recommended setting, same book": (after.book, falling),
    }
    curves = {}
    for symbol, rates in before.rates.items():
        new = after.rates[symbol]
        curves[symbol if new == rates else f"{symbol} now"] = rates
        if new != rates:
            curves[f"{symbol} proposed"] = new
    marks = {
        "usage at the start": {
            name: before.usage[symbol]
            for symbol in before.rates
            for name in (symbol, f"{symbol} now", f"{symbol} proposed")
            if name in curves
        }
    }
    bonuses = dict(before.bonuses)
    bonuses_after = {s: b for s, b in after.bonuses.items() if b != before.bonuses.get(s)}
    return [
        Section(
            "falls",
            "What falls of prices do to the book",
            [
                f"The book is that of {before.title}, as a run begins with it.",
                falls.liquidation_chart(books),
                falls.bad_debt_chart(after.book, before.pools, falling),
            ],
        ),
        Section(
            "liquidity",
            "Liquidity and rates, before and after",
            [
                market.slippage_chart(before.book, before.pools, bonuses, bonuses_after),
                market.rate_chart(curves, marks),
            ],
        ),
    ]


def _provenance(source: Tuning) -> Section:
    result, confirmation = source.result, source.result.confirmation
    rows = [
        ["preset", result.preset],
        *([f"scenario {one.name}, SHA-256", one.digest] for one in result.scenarios),
        ["seed", f"{result.seed}"],
        ["paths", f"{result.paths:,} of each scenario, sampler {result.sampler}"],
        ["paths of the choices", f"{result.fresh_paths:,} others of each scenario"],
        *([name, version] for name, version in result.versions.items()),
        ["started", result.started],
        ["finished", result.finished],
        ["time of work", str(timedelta(seconds=round(result.seconds)))],
        ["study", str(source.path)],
    ]
    if confirmation:
        paths = "; ".join(
            f"{name}: {', '.join(f'{path:,}' for path in paths)}"
            for name, paths in confirmation.paths.items()
        )
        rows += [
            [
                "confirmation",
                f"{confirmation.choice.replace('_', ' ')} on {confirmation.engine}: "
                f"{confirmation.operations:,} operations, {confirmation.values_compared:,} values "
                f"compared, {confirmation.differing:,} differ",
            ],
            ["confirmed paths", paths],
            ["state SHA-256", confirmation.state_hash],
        ]
    else:
        rows.append(["confirmation", "none: --confirm executes the worst paths on the contracts"])
    again = Commands("The same study again, from a checkout of this version:", [result.command])
    return provenance.section([provenance.facts(rows), again])
