"""What a tuning study comes to, as tables."""

from __future__ import annotations

from rich.table import Table

from sim.measures.measure import Unit
from sim.report.page.content import shown
from sim.report.text import of_books, short_usd
from sim.terminal.tables import BARE, TITLED
from sim.tuning.borrowing import SAID
from sim.tuning.result import Figure, TuningResult, Value, short_path

_MOST_ROWS = 20


def front_table(result: TuningResult) -> Table:
    """The Pareto front, by its first objective."""
    title = f"The front: {len(result.front)} settings that no other beats in everything"
    if result.books == 1:
        title += f", on this book (seed {result.seed})"
    table = Table(title=title, **TITLED, **BARE)
    table.add_column("trial", justify="right")
    units = {measure.name: measure for measure in result.measures}
    for name in result.objectives:
        table.add_column(units[name].title, justify="right")
    table.add_column("")
    by_number = {trial.number: trial for trial in result.trials}
    marks: dict[int, list[str]] = {}
    for name, choice in result.choices.by_name().items():
        marks.setdefault(choice.trial, []).append(name.replace("_", " "))
    rows = sorted(
        (by_number[n] for n in result.front),
        key=lambda trial: trial.objectives[result.objectives[0]].value,
    )
    shown = _spread([row.number for row in rows], set(marks))
    for row in rows:
        if row.number in shown:
            cells = [
                show(row.objectives[name].value, units[name].unit) for name in result.objectives
            ]
            table.add_row(str(row.number), *cells, ", ".join(marks.get(row.number, [])))
    if len(shown) < len(rows):
        table.caption = f"{len(rows) - len(shown)} more are in result.json"
        table.caption_justify = "left"
    return table


def choice_table(result: TuningResult) -> Table:
    """Every measure: now with its interval, and the difference of each choice with that's."""
    title = "Measures now, and what would change (95% intervals, of paired differences there)"
    if result.fresh_books == 1:
        title += f", of this book (seed {result.seed})"
    table = Table(title=title, **TITLED, **BARE)
    table.caption = (
        f"on {of_books(result.fresh_paths, result.fresh_books)} of each scenario, "
        f"which the search has not seen{', nor their books' if result.fresh_books > 1 else ''}; "
        "?: too few of them lose enough for a bound; "
        f"{SAID[result.debts]} ({result.debts})"
    )
    table.caption_justify = "left"
    table.add_column("measure", no_wrap=True)
    choices = result.choices.by_name()
    for name in choices:
        table.add_column(name.replace("_", " "), justify="right")
    current = choices.pop("current")
    for measure in result.measures:
        cells = [_with_ends(current.measures[measure.name], measure.unit)]
        cells += [_difference(c.difference[measure.name], measure.unit) for c in choices.values()]
        table.add_row(measure.title, *cells)
    return table


def parameter_table(result: TuningResult) -> Table:
    """Every parameter: current, the choices, and the next step to the recommended one."""
    name = result.recommended.replace("_", " ")
    title = f"Parameters, and the next proposal on the way to the {name}"
    table = Table(title="Parameters" if name == "current" else title, **TITLED, **BARE)
    if name != "current":
        table.caption = "next step: within the bounds of a proposal; not run by itself"
        table.caption_justify = "left"
    table.add_column("parameter", no_wrap=True)
    choices = result.choices.by_name()
    for name in (*(n.replace("_", " ") for n in choices), "next step"):
        table.add_column(name, justify="right", overflow="fold")
    for one in result.parameters:
        cells = [_value(choice.values[one.path]) for choice in choices.values()]
        step = _value(result.recommendation.next_step[one.path])
        table.add_row(short_path(one.path), *cells, step)
    return table


def one_by_one_table(result: TuningResult) -> Table:
    """The recommended setting with one parameter at its old value."""
    table = Table(title="Under one old value: what the harm would have been", **TITLED, **BARE)
    table.add_column("parameter", no_wrap=True)
    titles = [one.title for one in result.measures if one.name == result.one_by_one[0].measure]
    for name in ("new", "old", *titles, "difference"):
        table.add_column(name, justify="right", overflow="fold")
    units = {measure.name: measure.unit for measure in result.measures}
    for one in result.one_by_one:
        unit = units[one.measure]
        table.add_row(
            short_path(one.path),
            _value(one.new),
            _value(one.old),
            show(one.loss.value, unit),
            _difference(one.difference, unit),
        )
    return table


def sensitivity_table(result: TuningResult) -> Table:
    """Sobol' indices, the largest first."""
    table = Table(title="Share of the harm's variance due to a parameter", **TITLED, **BARE)
    table.add_column("parameter", no_wrap=True)
    for name in ("by itself", "with interactions", "95% interval"):
        table.add_column(name, justify="right")
    for one in sorted(result.sensitivity, key=lambda one: -one.total.value):
        table.add_row(
            short_path(one.path),
            f"{one.first_order.value:.2f}",
            f"{one.total.value:.2f}",
            f"{one.total.low:.2f} to {one.total.high:.2f}"
            if one.total.low is not None and one.total.high is not None
            else "unknown",
        )
    return table


def baseline_table(result: TuningResult) -> Table:
    """What closed-form rules say, next to what was found."""
    table = Table(title="Rules of practice, next to what was found", **TITLED, **BARE)
    for name in ("rule", "parameter", "rule says", "now", "recommended"):
        table.add_column(name, justify="left" if name in ("rule", "parameter") else "right")
    now, found = result.choices.current.values, result.recommendation.values
    for one in result.baselines:
        table.add_row(
            one.rule,
            short_path(one.path),
            f"{one.value:,.0f}",
            _value(now[one.path]) if one.path in now else "-",
            _value(found[one.path]) if one.path in found else "-",
        )
    return table


def cap_table(result: TuningResult) -> Table:
    """The largest caps within their budgets."""
    table = Table(title="Largest caps within the budget, in tokens", **TITLED, **BARE)
    for name in ("cap", "now", "largest", "loss then", "budget"):
        table.add_column(name, justify="left" if name == "cap" else "right")
    for one in result.caps:
        largest = "none" if one.value is None else f"{one.value:,.0f}"
        if one.value == one.largest_tried:
            largest += " or more"
        table.add_row(
            short_path(one.path),
            _value(one.current),
            largest,
            _with_ends(one.loss, "USD"),
            show(one.budget, "USD"),
        )
    return table


def show(value: float, unit: Unit) -> str:
    """A measure in its unit, dollars in three digits."""
    return short_usd(value) if unit == "USD" else shown(value, unit).text


def _with_ends(figure: Figure, unit: Unit) -> str:
    """A figure and its interval; known exactly, itself alone."""
    if figure.low is not None and figure.low == figure.high:
        return show(figure.value, unit)
    ends = ["?" if end is None else show(end, unit) for end in (figure.low, figure.high)]
    return f"{show(figure.value, unit)}\n[{', '.join(ends)}]"


def _difference(figure: Figure, unit: Unit) -> str:
    middle = _signed(figure.value, unit)
    if figure.low is not None and figure.low == figure.high:
        return middle
    ends = [
        "?" if end is None else _signed(end, unit).removesuffix(" pp")
        for end in (figure.low, figure.high)
    ]
    return f"{middle}\n[{ends[0]}, {ends[1]}]"


def _signed(value: float, unit: Unit) -> str:
    if not value:
        return "0"
    size = f"{abs(value) * 100:.2f} pp" if unit == "share" else show(abs(value), unit)
    return f"{'-' if value < 0 else '+'}{size}"


def _value(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool | str):
        return str(value).replace("-", "-\n")  # narrow: close-factor in two lines
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _spread(numbers: list[int], needed: set[int]) -> set[int]:
    """At most `_MOST_ROWS` of the numbers, evenly, and those that are needed."""
    if len(numbers) <= _MOST_ROWS:
        return set(numbers)
    last = len(numbers) - 1
    return {numbers[round(k * last / (_MOST_ROWS - 1))] for k in range(_MOST_ROWS)} | needed
