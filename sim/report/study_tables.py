"""The tables of a tuning study, declared once: its page shows them, and a terminal prints them."""

from __future__ import annotations

from sim.books.borrowing import SAID
from sim.measures.measure import Unit
from sim.report.page.content import NONE, Cell, Range, Table, Value, money, points, shown, text_of
from sim.report.recommendation import TOGETHER, judged
from sim.report.text import of_books, sentence, short_usd, usd
from sim.tuning.recommend import called
from sim.tuning.result import Choice, Figure, Measure, TuningResult, short_path
from sim.tuning.result import Value as Setting

CHOICES = {
    "current": "current",
    "safest": "safest",
    "knee": "knee",
    "most_efficient": "most efficient",
    "improvement": "improvement",
}
"""As the result names them -> as a reader does."""
_MOST_ROWS = 20  # of a front in a terminal, and those pointed out


def spread(figure: Figure, unit: Unit) -> Cell:
    """The 95 % interval of a figure."""
    if figure.low is None and figure.high is None:
        return "not bounded: too few paths"
    if is_exact(figure):
        return "exact"
    return Range(*("unbounded" if end is None else shown(end, unit) for end in figure.ends))


def shown_difference(value: float, unit: Unit, name: str = "") -> Value:
    """A difference of two figures, in the unit of their measure."""
    return points(value, 2, name) if unit == "share" else shown(value, unit, name=name)


def spread_of_difference(difference: Figure, unit: Unit, exact: bool = False) -> Cell:
    """The 95 % interval of a difference; `exact` if both figures are known exactly."""
    if difference.low == difference.value == difference.high:
        return "exact" if exact else "the same on every path"
    if difference.agrees and difference.low is None:
        return "the same on every path run, not bounded on others"
    if difference.low is None and difference.high is None:
        return "not bounded: too few paths"
    ends = ("unbounded" if end is None else shown_difference(end, unit) for end in difference.ends)
    return Range(*ends)


def is_exact(figure: Figure) -> bool:
    """Whether no path is needed to know it."""
    return figure.low == figure.value == figure.high


def setting(value: Setting, name: str = "") -> Cell:
    """What a parameter is set to."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return value if isinstance(value, str) else Value(f"{value:,.10g}", value, name)


def parameter_table(result: TuningResult) -> Table:
    """parameter | current | recommended | step | bound."""
    choice, rows = result.recommendation, []
    for one in result.parameters:
        target = choice.values.get(one.path, one.current)
        if one.names:
            searched = ", ".join(one.names)
        else:
            searched = f"{setting_text(one.low)} to {setting_text(one.high)}"
        row: list[Cell] = [
            short_path(one.path),
            NONE if one.names else one.unit,
            setting(one.current, f"current {one.path}"),
            setting(target, f"recommended {one.path}"),
            setting(choice.next_step.get(one.path, one.current), f"next {one.path}"),
            "none" if one.bound is None else setting(one.bound),
            searched,
        ]
        rows.append(row)
    return Table(
        "Parameters: where they are, where they should go, and the next proposal on the way",
        ["parameter", "unit", "current", "recommended", "next step", "bound per step", "searched"],
        rows,
        words=(0, 1, 6),
        note="The next step is the recommendation as far as the bound of one proposal allows; it "
        "was not run by itself. 100 bps are 1%."
        + "".join(f" {edge.note}" for edge in result.edges),
    )


def setting_text(value: Setting) -> str:
    """What a parameter is set to, as text."""
    return text_of(setting(value))


def risk_table(result: TuningResult) -> Table:
    """Every measure now and under the recommendation, with intervals, and the paired difference."""
    now, then = result.choices.current, result.recommendation
    verdicts = judged(result, then)
    rows: list[list[Cell]] = []
    for one in result.measures:
        if one.name not in now.measures or one.name not in then.measures:
            continue
        row: list[Cell] = [sentence(one.title)]
        for name, figure in (
            (f"now {one.name}", now.measures[one.name]),
            (f"proposed {one.name}", then.measures[one.name]),
        ):
            row += [shown(figure.value, one.unit, name=name), spread(figure, one.unit)]
        exact = is_exact(now.measures[one.name]) and is_exact(then.measures[one.name])
        difference = then.difference.get(one.name)
        if difference is None:
            row += [NONE, NONE, NONE]
        else:
            row += [
                shown_difference(difference.value, one.unit, f"difference {one.name}"),
                spread_of_difference(difference, one.unit, exact),
                verdicts[one.name],
            ]
        rows.append(row)
    return Table(
        "Now and as proposed",
        [
            "measure",
            "now",
            "95% interval",
            "proposed",
            "95% interval",
            "difference",
            "95% interval",
            "verdict",
        ],
        rows,
        words=(0, 7),
        note=f"{result.given} On {of_books(result.fresh_paths, result.fresh_books)} in each "
        "scenario, which the search has not seen, the same ones for both settings. Better or "
        f"worse: the interval of the difference leaves out 0, {TOGETHER} (Holm's correction). Not "
        "settled: it does not, or too few paths lose anything. The same: no path tells the two "
        "apart; others may. Points are percentage "
        f"points. {sentence(SAID[result.debts])} ({result.debts}).",
    )


def measure_table(result: TuningResult) -> Table:
    """What the measures mean, and which way each is better."""
    better = {"benefit": "more", "harm": "less"}
    rows: list[list[Cell]] = [
        [
            sentence(one.title),
            better[one.side],
            "yes" if one.name in result.objectives else "no",
            one.meaning,
        ]
        for one in result.measures
    ]
    header = ["measure", "better is", "searched for", "meaning"]
    return Table("What the measures mean", header, rows, words=(0, 1, 2, 3))


def choice_table(result: TuningResult, measures: bool = True) -> Table:
    """The settings that the study points out, one per column, and the next proposal on the way to
    the recommended one: values, then `measures`.
    """
    choices = result.choices.by_name()
    rows: list[list[Cell]] = [["trial", *(f"{one.trial:,}" for one in choices.values()), NONE]]
    for one in result.parameters:
        values = [choice.values.get(one.path, one.current) for choice in choices.values()]
        values.append(result.recommendation.next_step.get(one.path, one.current))
        says_it = one.names or one.path.endswith(f"_{one.unit}")
        unit = "" if says_it else f" ({one.unit})"
        rows.append([f"{short_path(one.path)}{unit}", *map(setting, values)])
    for measure in result.measures if measures else ():
        row = [_of(choice, measure) for choice in choices.values()]
        rows.append([sentence(measure.title), *row, NONE])
    titles = [
        f"{CHOICES[name]} (recommended)" if name == result.recommended else CHOICES[name]
        for name in choices
    ]
    note = "Next step: within the bounds of a proposal; not run by itself."
    return Table(
        "Settings that the sweep points out, and the next proposal",
        ["what", *titles, "next step"],
        rows,
        note=note,
        legend=note,
    )


def difference_table(result: TuningResult) -> Table:
    """Every measure: now with its interval, and the difference of each choice with that's."""
    choices = result.choices.by_name()
    now = choices.pop("current").measures
    rows: list[list[Cell]] = [
        [
            one.title,
            _with_ends(now[one.name], one.unit),
            *(_with_ends(c.difference[one.name], one.unit, "+") for c in choices.values()),
        ]
        for one in result.measures
    ]
    own = f", of this book (seed {result.seed})" if result.fresh_books == 1 else ""
    return Table(
        f"Measures now, and what would change (95% intervals, of paired differences there){own}",
        ["measure", "current", *(CHOICES[name] for name in choices)],
        rows,
        legend=f"on {of_books(result.fresh_paths, result.fresh_books)} of each scenario, "
        f"which the search has not seen{', nor their books' if result.fresh_books > 1 else ''}; "
        f"?: too few of them lose enough for a bound; {SAID[result.debts]} ({result.debts})",
    )


def front_table(result: TuningResult) -> Table:
    """The Pareto front, by its first objective: evenly spread settings, and those pointed out."""
    own = f", on this book (seed {result.seed})" if result.books == 1 else ""
    measures = {one.name: one for one in result.measures}
    objectives = [measures[name] for name in result.objectives]
    marks: dict[int, list[str]] = {}
    for name, choice in result.choices.by_name().items():
        marks.setdefault(choice.trial, []).append(CHOICES[name])
    front = sorted(
        (trial for trial in result.trials if trial.number in result.front),
        key=lambda trial: trial.objectives[objectives[0].name].value,
    )
    last = max(len(front) - 1, 1)
    spread_out = {round(k * last / (_MOST_ROWS - 1)) for k in range(_MOST_ROWS)}
    few = len(front) <= _MOST_ROWS
    kept = [t for n, t in enumerate(front) if few or n in spread_out or t.number in marks]
    rows: list[list[Cell]] = [
        [
            f"{trial.number:,}",
            *(shown(trial.objectives[one.name].value, one.unit) for one in objectives),
            ", ".join(marks.get(trial.number, ())),
        ]
        for trial in kept
    ]
    left = len(front) - len(kept)
    return Table(
        f"The front: {len(front)} settings that no other beats in everything{own}",
        ["trial", *(one.title for one in objectives), ""],
        rows,
        words=(len(objectives) + 1,),
        legend=f"{left} more are in result.json" if left else "",
        tight=True,
    )


def sensitivity_table(result: TuningResult, measure: Measure) -> Table:
    """Sobol' indices of a measure, the largest first; no rows if there are none."""
    found = [one for one in result.sensitivity if one.measure == measure.name]
    rows: list[list[Cell]] = [
        [
            short_path(one.path),
            shown(one.first_order.value, "share", name=f"S {one.path}"),
            spread(one.first_order, "share"),
            shown(one.total.value, "share", name=f"ST {one.path}"),
            spread(one.total, "share"),
        ]
        for one in sorted(found, key=lambda one: -one.total.value)
    ]
    return Table(
        f"Share of the variance of {measure.title} that is due to a parameter (Sobol' indices)",
        ["parameter", "by itself", "95% interval", "with interactions", "95% interval"],
        rows,
    )


def one_by_one_table(result: TuningResult) -> Table:
    """What the loss would be with one parameter at its old value."""
    measures = {one.name: one for one in result.measures}
    rows: list[list[Cell]] = []
    verdicts = called(
        {one.path: one.difference for one in result.one_by_one},
        {one.path: measures[one.measure].side for one in result.one_by_one},
    )
    for one in result.one_by_one:
        measure = measures[one.measure]
        # Taking a change back makes worse what the change makes better.
        change = {"worse": "pays", "better": "costs", "same": "does nothing"}
        rows.append(
            [
                short_path(one.path),
                setting(one.old),
                setting(one.new),
                measure.title,
                shown(one.loss.value, measure.unit, name=f"old {one.path}"),
                shown_difference(one.difference.value, measure.unit),
                spread_of_difference(one.difference, measure.unit),
                change.get(verdicts[one.path], "not settled"),
            ]
        )
    return Table(
        "One change taken back at a time, all others as recommended",
        [
            "parameter",
            "old",
            "new",
            "measure",
            "under the old value",
            "difference",
            "95% interval",
            "the change",
        ],
        rows,
        words=(0, 3, 7),
        note="A difference above 0 says that the change pays: without it more would be lost. What "
        "is said holds at 95% for all rows together (Holm's correction). Not settled: the interval "
        "holds 0, the row does not pass the correction, or too few paths lose anything.",
        tight=True,
    )


def baseline_table(result: TuningResult) -> Table:
    """What closed-form rules say, beside the recommendation."""
    now, then = result.choices.current.values, result.recommendation.values
    rows: list[list[Cell]] = [
        [
            one.rule,
            short_path(one.path),
            Value(f"{one.value:,.0f} {one.unit}", one.value, f"{one.rule} {one.path}"),
            setting(now[one.path]) if one.path in now else NONE,
            setting(then[one.path]) if one.path in then else "not searched",
            ", ".join(_input(name, value) for name, value in one.inputs.items()),
        ]
        for one in result.baselines
    ]
    sources = dict.fromkeys(f"{sentence(one.rule)}: {one.source}." for one in result.baselines)
    return Table(
        "Closed-form rules of risk practice beside the optimum",
        ["rule", "parameter", "rule says", "current", "recommended", "from"],
        rows,
        words=(0, 1, 5),
        note=" ".join(sources),
    )


def _input(name: str, value: float) -> str:
    """What a rule was fed: debt_usd 9.9e8 is debt $990M."""
    words = name.removesuffix("_usd").replace("_", " ")
    dollars = short_usd(value) if value >= 1e6 else usd(value)
    return f"{words} {dollars}" if name.endswith("_usd") else f"{words} {value:,.4g}"


def cap_table(result: TuningResult) -> Table:
    """The largest caps whose stressed loss stays within the budget."""
    rows: list[list[Cell]] = []
    for one in result.caps:
        unbound = one.value == one.largest_tried
        found = "none small enough" if one.value is None else setting(one.value, f"cap {one.path}")
        rows.append(
            [
                short_path(one.path),
                "none" if one.current is None else setting(one.current),
                f"does not bind up to {one.largest_tried:,.0f}" if unbound else found,
                money(one.budget),
                money(one.loss.value),
                spread(one.loss, "USD"),
            ]
        )
    return Table(
        "Largest caps whose stressed loss stays within a budget",
        ["cap", "current (tokens)", "largest (tokens)", "budget", "stressed loss", "95% interval"],
        rows,
        note="Stressed loss: ES 99% under the recommended setting with the cap used in full.",
        tight=True,
    )


def _of(choice: Choice, measure: Measure) -> Cell:
    figure = choice.measures.get(measure.name)
    return NONE if figure is None else shown(figure.value, measure.unit)


def _with_ends(figure: Figure, unit: Unit, sign: str = "") -> str:
    """A figure in three digits and its interval; known exactly, itself alone. Differences have a
    `sign`.
    """
    if figure.low is not None and figure.low == figure.high:
        return _brief(figure.value, unit, sign)
    ends = ("?" if end is None else _brief(end, unit, sign) for end in figure.ends)
    return f"{_brief(figure.value, unit, sign)}\n[{', '.join(ends)}]"


def _brief(value: float, unit: Unit, sign: str) -> str:
    if sign and not value:
        return "0"
    if sign and unit == "share":
        return f"{100 * value:+.2f} pp"
    return f"{sign if value > 0 else ''}{text_of(shown(value, unit), short=True)}"
