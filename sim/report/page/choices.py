"""Tables of a tuning study: settings, what they come to, and what other rules say."""

from __future__ import annotations

from sim.report.page.content import NONE, Cell, Table, Value, money, share
from sim.report.text import sentence
from sim.tuning.result import Choice, Figure, Measure, TuningResult
from sim.tuning.result import Value as Setting

CHOICES = {
    "current": "current",
    "safest": "safest",
    "knee": "knee",
    "most_efficient": "most efficient",
}
"""As the result names them -> as a reader does."""


def shown(value: float, unit: str, name: str = "") -> Value:
    """A figure in the unit of its measure."""
    if unit == "USD":
        return money(value, name)
    if unit == "share":
        return share(value, 2, name)
    return Value(f"{value:,.2f} {unit}", value, name)


def spread(figure: Figure, unit: str) -> str:
    """The 95 % interval of a figure."""
    if figure.low is None and figure.high is None:
        return "not bounded: too few paths"
    if figure.low == figure.value == figure.high:
        return "exact"
    low, high = (
        "unbounded" if end is None else shown(end, unit).text for end in (figure.low, figure.high)
    )
    return f"{low} to {high}"


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
        note="The next step is the recommendation as far as the bound of one proposal allows.",
    )


def setting_text(value: Setting) -> str:
    """What a parameter is set to, as text."""
    cell = setting(value)
    return cell if isinstance(cell, str) else cell.text


def risk_table(result: TuningResult) -> Table:
    """Every measure now and under the recommendation, with intervals, and the paired difference."""
    now, then = result.choices.current, result.recommendation
    rows: list[list[Cell]] = []
    for one in result.measures:
        if one.name not in now.measures or one.name not in then.measures:
            continue
        row: list[Cell] = [f"{sentence(one.title)} ({one.side})"]
        for name, figure in (
            (f"now {one.name}", now.measures[one.name]),
            (f"proposed {one.name}", then.measures[one.name]),
            (f"difference {one.name}", then.difference.get(one.name)),
        ):
            row += (
                [NONE, NONE]
                if figure is None
                else [shown(figure.value, one.unit, name), spread(figure, one.unit)]
            )
        rows.append(row)
    meanings = "; ".join(f"{sentence(one.title)}: {one.meaning}" for one in result.measures)
    return Table(
        "Now and as proposed",
        ["measure", "now", "95%", "proposed", "95%", "difference, same paths", "95%"],
        rows,
        note=f"On {result.fresh_paths:,} paths of each scenario that the search has not seen, the "
        f"same for both. {meanings}.",
    )


def choice_table(result: TuningResult) -> Table:
    """The settings that the study points out, one per column: values, then measures."""
    choices = {name: _choice(result, name) for name in CHOICES}
    rows: list[list[Cell]] = [["trial", *(f"{choice.trial:,}" for choice in choices.values())]]
    for one in result.parameters:
        values = (choice.values.get(one.path, one.current) for choice in choices.values())
        unit = "" if one.names else f" ({one.unit})"
        rows.append([f"{one.path}{unit}", *(setting(value) for value in values)])
    for measure in result.measures:
        rows.append(
            [sentence(measure.title), *(_of(choice, measure) for choice in choices.values())]
        )
    titles = [
        f"{title} (recommended)" if name == result.recommended else title
        for name, title in CHOICES.items()
    ]
    return Table("Settings that the study points out", ["what", *titles], rows)


def one_by_one_table(result: TuningResult) -> Table:
    """What the loss would be with one parameter at its old value."""
    units = {one.name: one for one in result.measures}
    rows: list[list[Cell]] = [
        [
            one.path,
            setting(one.old),
            setting(one.new),
            units[one.measure].title,
            shown(one.loss.value, units[one.measure].unit, f"old {one.path}"),
            shown(one.difference.value, units[one.measure].unit),
            spread(one.difference, units[one.measure].unit),
        ]
        for one in result.one_by_one
    ]
    return Table(
        "One change taken back at a time, all others as recommended",
        ["parameter", "old", "new", "measure", "under the old value", "difference", "95%"],
        rows,
        words=(0, 3),
        note="A difference above 0 says that the change pays: without it more would be lost.",
    )


def baseline_table(result: TuningResult) -> Table:
    """What closed-form rules say, beside the recommendation."""
    values = result.recommendation.values
    rows: list[list[Cell]] = [
        [
            one.rule,
            one.path,
            Value(f"{one.value:,.6g} {one.unit}", one.value, f"{one.rule} {one.path}"),
            setting(values[one.path]) if one.path in values else "not searched",
            ", ".join(f"{name} {value:,.4g}" for name, value in one.inputs.items()),
            one.source,
        ]
        for one in result.baselines
    ]
    return Table(
        "Closed-form rules of risk practice beside the optimum",
        ["rule", "parameter", "rule says", "recommended", "from", "source"],
        rows,
        words=(0, 1, 4, 5),
    )


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
        ["cap", "current (tokens)", "largest (tokens)", "budget", "stressed loss", "95%"],
        rows,
    )


def _choice(result: TuningResult, name: str) -> Choice:
    choice: Choice = getattr(result.choices, name)
    return choice


def _of(choice: Choice, measure: Measure) -> Cell:
    figure = choice.measures.get(measure.name)
    return NONE if figure is None else shown(figure.value, measure.unit)
