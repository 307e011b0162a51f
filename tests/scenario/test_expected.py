"""Published figures in a scenario: what is accepted, and what is refused with its field."""

from typing import Any

import pytest

import sim
from sim.scenario import Scenario, ScenarioError, with_overrides
from tests.tape.storm import storm

GOOD: dict[str, Any] = {"measure": "repaid_usd", "value": 5, "source": "a forum"}


def expecting(*figures: dict[str, Any]) -> Scenario:
    return with_overrides(storm(), {"expected": list(figures)})


def test_a_value_or_a_range() -> None:
    one, two, none = expecting(
        GOOD,
        {"measure": "lowest_price.WETH", "low": 1, "high": 2.5, "source": "two exchanges"},
        {"measure": "loss_usd", "value": 0, "source": "a forum", "note": "none at all"},
    ).expected
    assert (one.range, one.asset) == ((5, 5), None)
    assert (two.range, two.asset) == ((1, 2.5), "WETH")
    assert none.range == (0, 0)


@pytest.mark.parametrize(
    ("figure", "path", "remedy"),
    [
        ({**GOOD, "measure": "lowest_price.WETHX"}, "measure", "did you mean WETH"),
        ({**GOOD, "value": None}, "value", "low and high"),
        ({**GOOD, "low": 1, "high": 2}, "value", "low and high"),
        ({"measure": "seized_usd", "low": 1, "source": "x"}, "value", "low and high"),
        ({"measure": "seized_usd", "low": 3, "high": 2, "source": "x"}, "low", "below"),
        ({**GOOD, "value": -1}, "value", "0 or more"),
        ({**GOOD, "source": ""}, "source", "who published it"),
        ({"measure": "repaid_usd", "value": 1}, "source", "who published it"),
    ],
)
def test_refusals(figure: dict[str, Any], path: str, remedy: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        expecting(GOOD, figure)
    (problem,) = caught.value.problems
    assert problem.path == f"expected[1].{path}"
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("measure", "remedy"),
    [
        ("repaid", "did you mean repaid_usd"),
        ("repaid_usd.WETH", "the measures are"),
        ("lowest_price", "lowest_price.ASSET"),
        ("es_99", "the measures are"),
    ],
)
def test_what_no_measure_of_a_run_is_of_is_refused_before_anything_is_run(
    measure: str, remedy: str
) -> None:
    """Not by the schema, which knows no measures: by whatever runs it."""
    scenario = expecting(GOOD, {**GOOD, "measure": measure})
    with pytest.raises(ScenarioError) as caught:
        sim.run(scenario)
    (problem,) = caught.value.problems
    assert problem.path == "expected[1].measure" and remedy in problem.remedy
