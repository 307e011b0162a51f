"""Tables of a tuning study: settings, what they come to, and what other rules say."""

from __future__ import annotations

from sim.measures.measure import Unit
from sim.report.page.content import NONE, Cell, Table, Value, money, points, shown, text_of
from sim.report.recommendation import TOGETHER, judged
from sim.report.text import of_books, sentence, short_usd, usd
from sim.tuning.borrowing import SAID
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


def spread(figure: Figure, unit: Unit) -> str:
    """The 95 % interval of a figure."""
    if figure.low is None and figure.high is None:
        return "not bounded: too few paths"
    if is_exact(figure):
        return "exact"
    low, high = (
        "unbounded" if end is None else shown(end, unit).text for end in (figure.low, figure.high)
    )
    return f"{low} to {high}"


def shown_difference(value: float, unit: Unit, name: str = "") -> Value:
    """A difference of two figures, in the unit of their measure."""
    return points(value, 2, name) if unit == "share" else shown(value, unit, name=name)


def spread_of_difference(difference: Figure, unit: Unit, exact: bool = False) -> str:
    """The 95 % interval of a difference; `exact` if both figures are known exactly."""
    if difference.low == difference.value == difference.high:
        return "exact" if exact else "the same on every path"
    if difference.agrees and difference.low is None:
        return "the same on every path run, not bounded on others"
    if difference.low is None and difference.high is None:
        return "not bounded: too few paths"
    low, high = (
        "unbounded" if end is None else shown_difference(end, unit).text
        for end in (difference.low, difference.high)
    )
    return f"{low} to {high}"


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
            one.path,
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


def choice_table(result: TuningResult) -> Table:
    """The settings that the study points out, one per column: values, then measures."""
    choices = result.choices.by_name()
    rows: list[list[Cell]] = [["trial", *(f"{choice.trial:,}" for choice in choices.values())]]
    for one in result.parameters:
        values = (choice.values.get(one.path, one.current) for choice in choices.values())
        unit = "" if one.names else f" ({one.unit})"
        rows.append([f"{short_path(one.path)}{unit}", *(setting(value) for value in values)])
    for measure in result.measures:
        rows.append(
            [sentence(measure.title), *(_of(choice, measure) for choice in choices.values())]
        )
    titles = [
        f"{CHOICES[name]} (recommended)" if name == result.recommended else CHOICES[name]
        for name in choices
    ]
    return Table("Settings that the study points out", ["what", *titles], rows)


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
                one.path,
                "none" if one.current is None else setting(one.current),
                f"does not bind up to {one.largest_tried:,.0f}" if unbound else found,
                money(one.budget),
                money(one.loss.value),
                spread(one.loss, "USD"),
            ]
        )
    return Table(
        "Caps: the largest whose stressed loss stays within a budget",
        ["cap", "current (tokens)", "largest (tokens)", "budget", "stressed loss", "95% interval"],
        rows,
        note="Stressed loss: ES 99% under the recommended setting with the cap used in full.",
    )


def _of(choice: Choice, measure: Measure) -> Cell:
    figure = choice.measures.get(measure.name)
    return NONE if figure is None else shown(figure.value, measure.unit)
