"""The report of a tuning study: what to set, what it changes, how sure that is."""

from __future__ import annotations

from datetime import timedelta

from sim.books.borrowing import SAID
from sim.report.page import falls, provenance
from sim.report.page import market_costs as market
from sim.report.page.content import Commands, Page, Part, Section, shown, text_of
from sim.report.page.front import front_charts
from sim.report.page.sensitivity import sensitivity_charts
from sim.report.page.setting import Setting, settings
from sim.report.page.source import Tuning
from sim.report.recommendation import (
    TOGETHER,
    by_verdict,
    judged,
    refuted,
    trade,
    why_no_change,
)
from sim.report.study_tables import (
    baseline_table,
    cap_table,
    choice_table,
    is_exact,
    measure_table,
    one_by_one_table,
    parameter_table,
    risk_table,
    shown_difference,
    spread_of_difference,
)
from sim.report.text import of_books, sentence
from sim.tuning.result import Measure, TuningResult, Value

_CHAINS = {"devnet": "a devnet", "revm": "an EVM inside the process"}
_NAMES = {
    "safest": "safest setting of the front",
    "most_efficient": "most efficient setting of the front",
    "knee": "knee of the front, the setting with the best balance of the objectives",
    "improvement": "best of the settings that were no worse than the current one in any objective "
    "on the paths of the search",
}


def page(source: Tuning) -> Page:
    """Everything that a sweep says."""
    result = source.result
    both = settings(source)
    sections = [
        Section("summary", "Summary", summary(result)),
        Section(
            "parameters",
            "Parameters: what to change",
            [parameter_table(result), *([cap_table(result)] if result.caps else [])],
        ),
        Section(
            "risk",
            "Risk now and as proposed",
            [risk_table(result), measure_table(result), choice_table(result)],
        ),
        Section("front", "The Pareto front: what one objective costs", front_charts(result)),
    ]
    if result.sensitivity or result.one_by_one:
        parts: list[Part] = list(sensitivity_charts(result))
        if result.one_by_one:
            parts.append(one_by_one_table(result))
        sections.append(Section("sensitivity", "Sensitivity: which parameter matters", parts))
    if isinstance(both, str):
        sections.append(_no_book(both))
    else:
        sections += _book(*both, result)
    if result.baselines:
        rules = [baseline_table(result)]
        sections.append(Section("baselines", "Baselines: what closed-form rules say", rules))
    sections.append(_provenance(source))
    scenarios = ", ".join(one.name for one in result.scenarios)
    of = "its scenario" if len(result.scenarios) == 1 else f"{len(result.scenarios)} scenarios"
    subtitle = (
        f"Preset {result.preset}: {len(result.trials):,} trials, "
        f"{of_books(result.paths, result.books)} in {of} ({scenarios}), "
        f"{result.accounts:,} accounts, seed {result.seed}"
    )
    return Page(result.title, "tuning", subtitle, sections)


def summary(result: TuningResult) -> list[Part]:
    """The recommendation in plain words."""
    choice = result.recommendation
    changed = [path for path, value in choice.values.items() if value != _now(result).get(path)]
    if not changed:
        first = f"The sweep recommends to keep the current setting. {why_no_change(result)}"
    else:
        first = (
            f"The sweep recommends the {_NAMES[result.recommended]}, trial {choice.trial:,}: "
            f"{len(changed)} of {len(result.parameters)} parameters change."
            f"{trade(result)}{refuted(result)}"
        )
        left = sum(choice.next_step.get(path) != choice.values[path] for path in changed)
        if left:
            first += (
                f" {left} of them by more than one proposal may: the first table has the step that "
                "is possible next."
            )
    said: list[Part] = [first]
    for measure in result.measures:
        if measure.name in result.objectives and measure.name in choice.difference:
            said.append(_objective(result, measure))
    if changed:
        said += [_verdicts(result), *(edge.note for edge in result.edges)]
    confirmation = result.confirmation
    if confirmation and confirmation.holds:
        paths = sum(map(len, confirmation.paths.values()))
        said.append(
            f"Confirmed: the {'worst path' if paths == 1 else f'{paths} worst paths'} of the "
            f"{'recommended' if changed else 'current'} setting were executed on the real "
            f"contracts, on {_CHAINS.get(confirmation.engine, confirmation.engine)}: "
            f"{confirmation.operations:,} operations, {confirmation.values_compared:,} values "
            f"compared, 0 differ."
        )
    elif confirmation and confirmation.apart:
        said.append(
            f"Not confirmed: the search saw another world than the contracts: "
            f"{'; '.join(confirmation.apart)}. Do not use this recommendation."
        )
    elif confirmation:
        said.append(
            f"Not confirmed: {confirmation.differing:,} of {confirmation.values_compared:,} values "
            "differ between the contracts and the simulation. Do not use this recommendation."
        )
    else:
        said.append(
            "Not confirmed on the real contracts yet; the command for that is at the end of the "
            "page."
        )
    return [*said, *filter(None, [result.given])]


def _now(result: TuningResult) -> dict[str, Value]:
    return result.choices.current.values


def _objective(result: TuningResult, measure: Measure) -> str:
    """One objective in a sentence: now, as proposed, and how much that is."""
    choice, current = result.recommendation, result.choices.current
    now, then = current.measures[measure.name], choice.measures[measure.name]
    difference = choice.difference[measure.name]
    of_it = f", {abs(difference.value / now.value):.1%}" if now.value else ""
    exact = is_exact(now) and is_exact(then)
    ends = text_of(spread_of_difference(difference, measure.unit, exact))
    settled = judged(result, choice)[measure.name]
    sure = "" if exact else f" ({settled}; 95% interval of the difference: {ends})"
    if difference.value == 0:
        change = "no difference"
    else:
        more = "more" if difference.value > 0 else "less"
        change = f"{shown_difference(abs(difference.value), measure.unit).text} {more}{of_it}"
    return (
        f"{sentence(measure.title)}: {shown(now.value, measure.unit).text} now, "
        f"{shown(then.value, measure.unit).text} as proposed, {change}{sure}."
    )


def _verdicts(result: TuningResult) -> str:
    """What gets better and what gets worse beyond chance, over all measures."""
    said_of = by_verdict(result, result.recommendation)
    said = [
        f"{word}: {'; '.join(said_of[kind])}."
        for kind, word in (
            ("better", "Better at 95% confidence"),
            ("worse", "Worse at 95% confidence"),
            ("not settled", "Not settled by these paths"),
        )
        if kind in said_of
    ]
    return " ".join([*said, f"Each of these calls holds {TOGETHER} (Holm's correction)."])


def _book(now: Setting, then: Setting, result: TuningResult) -> list[Section]:
    """The first book of the first scenario under both settings, as runs begin with it."""
    first = f", in the first of {result.books:,} books," if result.books > 1 else ","
    falling = now.falling
    books = {
        "current setting": (now.book, falling),
        "recommended setting": (then.book, falling),
    }
    curves, at_start, proposed = {}, {}, {}
    for symbol in dict.fromkeys([*now.rates, *then.rates]):
        old, new = (one.rates.get(symbol) for one in (now, then))
        same = old == new
        if old is not None:
            name = symbol if same else f"{symbol} now"
            curves[name], at_start[name] = old, now.usage[symbol]
        if new is not None:
            name = symbol if same else f"{symbol} proposed"
            curves[name], proposed[name] = new, then.usage[symbol]
    marks = {"at the start, now": at_start, "at the start, as proposed": proposed}
    bonuses_after = {s: b for s, b in then.bonuses.items() if b != now.bonuses.get(s)}
    return [
        Section(
            "falls",
            "What falls of prices do to the book",
            [
                f"The borrowers are those of the first scenario, \u201c{now.title}\u201d{first} as "
                f"a run begins with them. As in the whole study, {SAID[result.debts]}.",
                falls.liquidation_chart(books),
                falls.bad_debt_chart(then.book, then.pools, falling, now.book),
            ],
        ),
        Section(
            "liquidity",
            "Liquidity and rates, before and after",
            [
                market.slippage_chart(now.book, now.pools, now.bonuses, bonuses_after),
                market.rate_chart(curves, marks),
            ],
        ),
        Section(
            "accounts",
            "The largest accounts",
            [falls.accounts_table(now.tape, finished=False, proposed=then.tape)],
        ),
    ]


def _no_book(why: str) -> Section:
    """Why the charts of the book are not there."""
    return Section(
        "falls",
        "What falls of prices do to the book",
        [f"Left out, as are slippage, rates and accounts: {why}"],
    )


def _provenance(source: Tuning) -> Section:
    result, confirmation = source.result, source.result.confirmation
    versions = {"sources": "code and data (digest)", "breakwater": "Breakwater"}
    rows = [
        ["preset", result.preset],
        *(
            [f"scenario {one.name}", f"weight {one.weight:.1%}, SHA-256 {one.digest}"]
            for one in result.scenarios
        ),
        ["seed", f"{result.seed}"],
        ["search", f"{len(result.trials):,} trials, sampler {result.sampler}"],
        [
            "paths",
            f"{of_books(result.paths, result.books)} in each scenario, the same for every trial",
        ],
        [
            "paths of the choices",
            f"{of_books(result.fresh_paths, result.fresh_books)} in each scenario, others",
        ],
        *([versions.get(name, name), version] for name, version in result.versions.items()),
        ["started", result.started],
        ["finished", result.finished],
        ["time of work", str(timedelta(seconds=round(result.seconds)))],
        ["study", str(source.path)],
    ]
    parts: list[Part] = [
        Commands("The same study again, from a checkout of this version:", [result.command])
    ]
    if confirmation:
        paths = "; ".join(
            f"{name}: {', '.join(f'{path:,}' for path in paths)}"
            for name, paths in confirmation.paths.items()
        )
        rows += [
            [
                "confirmation",
                f"{confirmation.choice.replace('_', ' ')} on "
                f"{_CHAINS.get(confirmation.engine, confirmation.engine)}: "
                f"{confirmation.operations:,} operations, {confirmation.values_compared:,} values "
                f"compared, {confirmation.differing:,} differ",
            ],
            ["confirmed paths", paths],
            ["state SHA-256", confirmation.state_hash],
        ]
    else:
        rows.append(["confirmation", "none"])
        # An option that is there already, because a confirmation was interrupted, may be repeated.
        why = "The worst path of the recommended setting on the real contracts, on a devnet:"
        parts.append(Commands(why, [f"{result.command} --resume --confirm"]))
    if result.asked:
        parts.append(provenance.listing("The whole question: the preset", result.asked.preset))
        parts += [
            provenance.listing(
                f"Scenario {used.name} under the current parameters, with every default", scenario
            )
            for used, scenario in zip(result.scenarios, result.asked.scenarios, strict=True)
        ]
    return provenance.section([provenance.facts(rows), *parts])
