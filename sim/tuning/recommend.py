"""What a finished search says: the front, the settings to point out, and the way there.

A front is chosen by its estimates, so those of its best points are too good: the winner's curse.
Settings pointed out are therefore estimated anew on paths that the search has not seen, four times
as many, and all differences are of such paths, the same ones for both settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from sim.measures.intervals import holm
from sim.tuning import race
from sim.tuning.objectives import Sample, difference, estimate, harms, measures
from sim.tuning.preset import Setup
from sim.tuning.result import Choice, ChoiceName, Choices, Figure, OneByOne, Trial, Value
from sim.tuning.space import Space

if TYPE_CHECKING:  # optuna is slow to import: for searches
    from sim.tuning.study import Tuner

Verdict = Literal["better", "worse", "same", "not settled"]


def front(objectives: Sequence[str], trials: Sequence[Trial]) -> list[int]:
    """Numbers of the complete trials that none other dominates."""
    return race.front(objectives, _values(trials))


def picks(objectives: Sequence[str], trials: Sequence[Trial]) -> dict[ChoiceName, int]:
    """Trial numbers of the settings to point out: the current one, and points of the front.

    safest          the least of the first harm among the objectives;
    most_efficient  the most of the first benefit;
    knee            the largest sum of goodness, each objective from 0 at its worst on the front to
                    1 at its best: farthest beyond the plane through the ends of the front;
    improvement     the same among the settings that are at least as good as the current one in
                    every objective, where there are any but itself.

    Ties go to the other objectives in their order. Where all objectives are harms (or benefits),
    the last one stands for the other side.
    """
    numbers, values = front(objectives, trials), _values(trials)
    goodness = {n: {name: values[n][name] * _sign(name) for name in objectives} for n in values}
    bad = [name for name in objectives if name in harms()] or objectives[-1:]
    good = [name for name in objectives if name not in harms()] or objectives[-1:]

    def best_by(first: str) -> int:
        order = [first, *(name for name in objectives if name != first)]
        return max(numbers, key=lambda n: tuple(goodness[n][name] for name in order))

    def normal(n: int) -> float:
        total = 0.0
        for name in objectives:
            column = [goodness[m][name] for m in numbers]
            width = max(column) - min(column)
            total += (goodness[n][name] - min(column)) / width if width else 1.0
        return total

    found: dict[ChoiceName, int] = {
        "current": 0,
        "safest": best_by(bad[0]),
        "most_efficient": best_by(good[0]),
        "knee": max(numbers, key=normal),
    }
    better = [n for n in numbers if n and all(goodness[n][o] >= goodness[0][o] for o in objectives)]
    if better:
        found["improvement"] = max(better, key=normal)
    return found


def choices(tuner: Tuner, trials: Sequence[Trial]) -> tuple[Choices, dict[ChoiceName, Sample]]:
    """The settings pointed out with all their measures, and their samples by name: fresh paths."""
    setup = tuner.setup
    numbers = picks(setup.preset.tuning.objectives, trials)
    by_number = {trial.number: trial for trial in trials}
    wanted = sorted(set(numbers.values()))
    drawn = tuner.fresh_samples([by_number[n].values for n in wanted])
    samples = dict(zip(wanted, drawn, strict=True))
    found = {
        name: choice(setup.space, n, by_number[n].values, samples[n], samples[0])
        for name, n in numbers.items()
    }
    return Choices.model_validate(found), {name: samples[n] for name, n in numbers.items()}


def choice(
    space: Space, number: int, values: Mapping[str, Value], sample: Sample, current: Sample
) -> Choice:
    """A setting with all its measures, against the current one."""
    return Choice(
        trial=number,
        values=dict(values),
        measures={name: estimate(name, sample) for name in measures()},
        difference={name: difference(name, sample, current) for name in measures()},
        next_step=space.next_step(values),
    )


def one_by_one(
    tuner: Tuner, values: Mapping[str, Value], sample: Sample, measure: str
) -> list[OneByOne]:
    """The recommended setting, `sample` on fresh paths, with one parameter after the other at its
    old value.

    Left out are parameters that do not change, and old values that the contracts would refuse
    together with the rest.
    """
    space = tuner.setup.space
    changed = [
        axis
        for axis in space.axes
        if values[axis.path] != axis.current and space.accepts({**values, axis.path: axis.current})
    ]
    samples = tuner.fresh_samples([{**values, axis.path: axis.current} for axis in changed])
    return [
        OneByOne(
            path=axis.path,
            old=axis.current,
            new=values[axis.path],
            measure=measure,
            loss=estimate(measure, old),
            difference=difference(measure, old, sample),
        )
        for axis, old in zip(changed, samples, strict=True)
    ]


def called(differences: Mapping[str, Figure], sides: Mapping[str, str]) -> dict[str, Verdict]:
    """Which differences are more than chance, and for whom, by their 95 % intervals and with
    Holm's correction: with probability .95 none of them is called by chance.

    The same is what no path tells apart. Where nothing is left to chance, nothing is corrected for.
    """
    p_values = {n: one.p_value for n, one in differences.items() if one.p_value is not None}
    rejected = holm(p_values)
    return {
        name: "not settled" if name in p_values and name not in rejected else _verdict(one, side)
        for name, one in differences.items()
        for side in (sides[name],)
    }


def _verdict(difference: Figure, side: str) -> Verdict:
    if difference.agrees or difference.low == difference.high == 0:
        return "same"
    if difference.low is not None and difference.low > 0:
        return "better" if side == "benefit" else "worse"
    if difference.high is not None and difference.high < 0:
        return "worse" if side == "benefit" else "better"
    return "not settled"


def verdicts(choice: Choice, objectives: Sequence[str]) -> dict[str, Verdict]:
    """What fresh paths say of the objectives, judged together, against the current setting."""
    differences = {name: choice.difference[name] for name in objectives}
    return called(differences, {name: measures()[name].side for name in objectives})


def recommended(choices: Choices, objectives: Sequence[str]) -> ChoiceName:
    """What fresh paths bear out, in this order:

    an improvement that betters an objective and worsens none: it asks for nothing in return;
    any other choice that betters an objective and leaves all others the same or better for sure;
    the knee, if it betters an objective: a trade;
    nothing is to be changed.

    Never a setting that may be worse in an objective by any amount, because too few paths say how
    much: that is not known, and no reason to change anything. An objective that no path tells apart
    is no such doubt: paths that have not been run may differ, but at 95 % no more than about 3/n.
    """
    said = {
        name: set(verdicts(choice, objectives).values())
        for name, choice in choices.by_name().items()
        if not any(is_open_ended(choice.difference[o], measures()[o].side) for o in objectives)
    }
    if "better" in (improvement := said.get("improvement", set())) and "worse" not in improvement:
        return "improvement"
    others: tuple[ChoiceName, ...] = ("knee", "safest", "most_efficient")
    for name in others:
        if "better" in said.get(name, ()) and said[name] <= {"better", "same"}:
            return name
    return "knee" if "better" in said.get("knee", ()) else "current"


def is_open_ended(difference: Figure, side: str) -> bool:
    """Whether some paths differ, and all of them do not say how much worse it may be."""
    end = difference.low if side == "benefit" else difference.high
    return end is None and not difference.agrees


def first_harm(setup: Setup) -> str:
    """The harm that a study is about: the first of its objectives that is one."""
    names = [name for name in setup.preset.tuning.objectives if name in harms()]
    return names[0] if names else "es_99"


def _values(trials: Sequence[Trial]) -> dict[int, dict[str, float]]:
    return {
        trial.number: {name: figure.value for name, figure in trial.objectives.items()}
        for trial in trials
        if trial.state == "complete"
    }


def _sign(name: str) -> int:
    return 1 if measures()[name].side == "benefit" else -1
