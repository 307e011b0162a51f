"""The sentence on what is recommended against the table of differences above it, in every case."""

from __future__ import annotations

import io
from itertools import product
from pathlib import Path

import pytest
from rich.console import Console

from sim.report.page import tuning_page
from sim.report.page.compare_studies import sections
from sim.report.page.source import Tuning
from sim.report.recommendation import recommendation
from sim.terminal import tune_command as terminal
from sim.tuning.recommend import recommended
from sim.tuning.result import Choice, ChoiceName, Choices, Edge, Figure, TuningResult
from tests.report.page.studies import LT, choice, study

POWER, LOSS, CHANCE = "borrowing_power", "es_99", "p_loss"
TITLES = {POWER: "Borrowing power", LOSS: "Loss, ES 99%", CHANCE: "Chance of a loss"}
HARMS = (LOSS, CHANCE)
# Of a difference: how much more there is of it.
KINDS: dict[str, tuple[float | None, float | None]] = {
    "more": (1.0, 3.0),
    "less": (-3.0, -1.0),
    "same": (0.0, 0.0),
    "unsettled": (-1.0, 2.0),
    "unknown": (None, None),
    "more, no top": (1.0, None),
    "less, no bottom": (None, -1.0),
}


def of(number: int, **kinds: str) -> Choice:
    """A choice with such differences; it is as the current setting in all others."""
    ends = {name: KINDS[kinds.get(name, "same")] for name in TITLES}
    figures = {name: Figure(value=0.0, low=low, high=high) for name, (low, high) in ends.items()}
    return choice(number, 7600, 1.0 + number, 0.0).model_copy(update={"difference": figures})


def judged(name: str, kind: str) -> str:
    """Better, worse, same or not settled, by the words for a kind."""
    if kind.startswith("more"):
        return "worse" if name in HARMS else "better"
    if kind.startswith("less"):
        return "better" if name in HARMS else "worse"
    return "same" if kind == "same" else "not settled"


def may_be_any_worse(name: str, kind: str) -> bool:
    return kind == "unknown" or kind == ("more, no top" if name in HARMS else "less, no bottom")


def result(
    knee: Choice,
    safest: Choice | None = None,
    most_efficient: Choice | None = None,
    improvement: Choice | None = None,
    edges: tuple[Edge, ...] = (),
) -> TuningResult:
    """Of these choices, with what the rule recommends; the chance of a loss is no objective."""
    made = study(True, "ape run tune x.yaml")
    choices = Choices(
        current=of(0),
        safest=safest or knee,
        knee=knee,
        most_efficient=most_efficient or knee,
        improvement=improvement,
    )
    name = recommended(choices, made.objectives)
    return made.model_copy(update={"choices": choices, "recommended": name, "edges": edges})


def test_never_against_the_table() -> None:
    """Every combination of what fresh paths can say of two objectives of three choices."""
    kinds = {(a, b): of(1, **{POWER: a, LOSS: b}) for a, b in product(KINDS, KINDS)}
    base = study(True, "")
    names: set[ChoiceName] = set()
    for (power, loss), knee in kinds.items():
        for (safe_power, safe_loss), safest in kinds.items():
            for improvement in (None, of(3, **{POWER: "unsettled", LOSS: "less"}),
                                of(3, **{POWER: "more", LOSS: "more"}),
                                of(3, **{POWER: "more", LOSS: "unknown"}), of(3)):  # fmt: skip
                choices = Choices(
                    current=of(0), safest=safest, knee=knee, most_efficient=knee,
                    improvement=improvement,
                )  # fmt: skip
                name = recommended(choices, base.objectives)
                names.add(name)
                said = {
                    "knee": {POWER: power, LOSS: loss},
                    "safest": {POWER: safe_power, LOSS: safe_loss},
                    "improvement": {POWER: "unsettled", LOSS: "less"},
                }
                for one, its in said.items():
                    verdicts = [judged(*each) for each in its.items()]
                    unknown = any(may_be_any_worse(*each) for each in its.items())
                    if one == name:
                        assert "better" in verdicts and not unknown, its
                        assert one == "knee" or "worse" not in verdicts, its
                    clean = "better" in verdicts and set(verdicts) <= {"better", "same"}
                    if name == "current" and one != "improvement" and clean:
                        assert unknown, f"{one} is better in all and not recommended: {its}"
    assert names == {"current", "knee", "safest", "improvement"}


def test_what_gets_worse_is_in_the_same_sentence() -> None:
    """Also where it was no objective."""
    said = recommendation(result(of(1), improvement=of(3, borrowing_power="more", p_loss="more")))
    assert said == (
        "Recommended: the improvement, trial 3. Against the current setting, on fresh paths, "
        "at 95% for the objectives together and for the other measures together: "
        "better in Borrowing power. Worse in Chance of a loss."
    )
    said = recommendation(result(of(1, borrowing_power="less", es_99="less", p_loss="unknown")))
    assert said == (
        "Recommended: the knee, trial 1. Against the current setting, on fresh paths, "
        "at 95% for the objectives together and for the other measures together: "
        "better in Loss, ES 99%. Worse in Borrowing power. Not settled: Chance of a loss. "
        "It is a trade: look at the differences."
    )


def test_nothing_better_nothing_recommended() -> None:
    said = recommendation(result(of(1, borrowing_power="unsettled", es_99="unsettled")))
    assert said == (
        "Recommended: no change. On fresh paths no setting that was pointed out is better in any "
        "objective for sure."
    )


def test_more_borrowing_at_a_risk_that_nobody_knows() -> None:
    """How much can be borrowed is known exactly, and so always "better": that is not enough."""
    said = recommendation(result(of(1, borrowing_power="more", es_99="unknown")))
    assert said.startswith("Recommended: no change.") and "clearly" not in said
    assert "the knee (Borrowing power better, but how much Loss, ES 99% changes is unknown" in said
    assert "more paths" in said


def test_a_better_setting_is_not_denied() -> None:
    """Of the knee nothing is known, but the safest is better and no worse: the table shows it."""
    knee = of(1, borrowing_power="less", es_99="unknown")
    made = result(knee, safest=of(2, es_99="less"))
    assert made.recommended == "safest"
    assert "Recommended: the safest, trial 2." in recommendation(made)
    made = result(knee, safest=of(2, es_99="less", borrowing_power="unsettled"))
    assert "the safest (Loss, ES 99% better, but Borrowing power not settled)" in recommendation(
        made
    )


def test_an_improvement_that_is_none_is_said_to_be_none() -> None:
    knee = of(1, borrowing_power="more", es_99="unsettled")
    said = recommendation(result(knee, improvement=of(3, borrowing_power="more", es_99="more")))
    assert "Recommended: the knee" in said
    assert "Fresh paths do not bear out the improvement: Loss, ES 99% worse." in said


EDGE = Edge(
    path=LT,
    value=7600,
    end="low",
    limit=7600,
    is_open=True,
    note="WETH.lt_bps 7,600 is the low end of the searched range.",
)


@pytest.mark.parametrize("power", ["more", "less", "unsettled"])
@pytest.mark.parametrize("loss", ["more", "less", "unknown"])
def test_terminal_and_page_say_the_same(power: str, loss: str) -> None:
    made = result(of(1, borrowing_power=power, es_99=loss, p_loss="less"), edges=(EDGE,))
    printed = io.StringIO()
    terminal._show(made, Console(file=printed, width=200))
    said = " ".join(str(part) for part in tuning_page.summary(made) if isinstance(part, str))
    is_kept = made.recommended == "current"
    assert ("Recommended: no change." in printed.getvalue()) == is_kept
    assert ("recommends to keep the current setting" in said) == is_kept
    assert EDGE.note in printed.getvalue()
    if not is_kept:
        assert EDGE.note in said
        for word, name in ((judged(POWER, power), POWER), (judged(LOSS, loss), LOSS)):
            if word in ("better", "worse"):
                assert f"({word}; 95% interval" in said and TITLES[name] in said
                assert f"{word.capitalize()} at 95% confidence: " in said
        assert ("It is a trade" in said) == ("It is a trade" in printed.getvalue())
    else:
        assert "current setting were executed" in said and "recommended setting were" not in said


def test_two_studies_say_it_of_each() -> None:
    ours = result(of(1, es_99="less"), edges=(EDGE,))
    other = result(of(1))
    summary = sections(Tuning(Path("a"), ours), Tuning(Path("b"), other))[0]
    said = [part for part in summary.parts if isinstance(part, str)]
    assert said[0].startswith("A: Recommended: the knee") and EDGE.note in said[0]
    assert said[1].startswith("B: Recommended: no change.")
