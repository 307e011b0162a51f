"""What a study recommends, in sentences made of the same verdicts as its tables."""

from __future__ import annotations

from sim.tuning.recommend import Verdict, called, is_open_ended
from sim.tuning.result import Choice, TuningResult

TOGETHER = "at 95% for the objectives together and for the other measures together"
"""What better and worse hold at."""
_SAID: dict[Verdict, str] = {
    "better": "better in ",
    "worse": "Worse in ",
    "not settled": "Not settled: ",
}


def recommendation(result: TuningResult) -> str:
    """What is recommended, and what fresh paths say of it and of what they do not bear out."""
    if result.recommended == "current":
        return f"Recommended: no change. {why_no_change(result)}"
    choice = result.recommendation
    name = result.recommended.replace("_", " ")
    said = by_verdict(result, choice)
    words = " ".join(f"{word}{'; '.join(said[v])}." for v, word in _SAID.items() if v in said)
    return (
        f"Recommended: the {name}, trial {choice.trial:,}. Against the current setting, on fresh "
        f"paths, {TOGETHER}: {words}{trade(result)}{refuted(result)}"
    )


def judged(result: TuningResult, choice: Choice) -> dict[str, Verdict]:
    """What fresh paths say of all measures: the objectives together, and the others together."""
    sides = {one.name: one.side for one in result.measures if one.name in choice.difference}
    found: dict[str, Verdict] = {}
    for are_objectives in (True, False):
        names = [name for name in sides if (name in result.objectives) == are_objectives]
        found |= called({name: choice.difference[name] for name in names}, sides)
    return found


def by_verdict(result: TuningResult, choice: Choice) -> dict[Verdict, list[str]]:
    """Titles of all measures by what fresh paths say of them, the objectives first."""
    found: dict[Verdict, list[str]] = {}
    titles = {one.name: one.title for one in result.measures}
    said = judged(result, choice)
    order = [name for name in result.objectives if name in said]
    for name in dict.fromkeys([*order, *said]):
        found.setdefault(said[name], []).append(titles[name])
    return found


def trade(result: TuningResult) -> str:
    """A word of warning, with a space before it, if an objective gets worse for sure."""
    worse = _objectives(result, result.recommendation).get("worse")
    return " It is a trade: look at the differences." if worse else ""


def refuted(result: TuningResult) -> str:
    """Why the improvement is not recommended, with a space before it, if there is one."""
    improvement = result.choices.improvement
    if improvement is None or result.recommended == "improvement":
        return ""
    return f" Fresh paths do not bear out the improvement: {_doubts(result, improvement)}."


def why_no_change(result: TuningResult) -> str:
    """Why none of the settings that are pointed out is recommended."""
    tempting = [
        f"the {name.replace('_', ' ')} ({' and '.join(better)} better, but "
        f"{_doubts(result, choice)})"
        for name, choice in result.choices.by_name().items()
        if name != "current" and (better := _objectives(result, choice).get("better"))
    ]
    if not tempting:
        return "On fresh paths no setting that was pointed out is better in any objective for sure."
    return (
        "On fresh paths no setting that was pointed out is better without being worse or unknown "
        f"in another objective: {'; '.join(tempting)}."
    )


def _doubts(result: TuningResult, choice: Choice) -> str:
    """What speaks against a setting, of the objectives."""
    found, verdicts = [], judged(result, choice)
    for one in result.measures:
        if one.name in result.objectives:
            difference, said = choice.difference[one.name], verdicts[one.name]
            if said != "better" and is_open_ended(difference, one.side):
                found.append(f"how much {one.title} changes is unknown (more paths say)")
            elif said in ("worse", "not settled"):
                found.append(f"{one.title} {said}")
    return " and ".join(found) or "nothing is better"


def _objectives(result: TuningResult, choice: Choice) -> dict[Verdict, list[str]]:
    """As `by_verdict`, of the objectives alone."""
    titles = {one.title for one in result.measures if one.name in result.objectives}
    found = by_verdict(result, choice)
    kept = {said: [one for one in of if one in titles] for said, of in found.items()}
    return {said: of for said, of in kept.items() if of}
