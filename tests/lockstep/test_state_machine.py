"""Twin and EVM side by side under random operations."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from sim.engines.failures import LockstepError
from sim.protocol import fixed_point, hub, liquidation, pair
from sim.protocol import operations as op
from tests.lockstep.besides import Machine

OPERATIONS = int(os.environ.get("BREAKWATER_FUZZ_OPERATIONS", "20000"))
"""`make fuzz OPERATIONS=1000000` asks for more."""
MANY = 1_000_000
"""Operations, in each half of which every kind is carried out a hundred times at least."""
STEPS = 40
ENOUGH = 100_000
"""Operations, of which a thousandth at least is of every kind that a mechanism is made of."""
MECHANISMS = (
    *("deleverage", "poke_deleveraging", "margin_call", "end_margin_call", "pause", "unpause"),
    *("note_price", "trip", "set_stress", "lower_stress", "post_sequencer", "update_parameter"),
    *("receive_message", "send_back", "set_outflow_limit", "set_category"),
)
MOST_EXAMPLES = 500
"""Of one search: Hypothesis remembers all that it tried in it."""
OPERATIONS_PER_STEP = 6
"""A rule is about so many."""


def _settings(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        suppress_health_check=list(HealthCheck),
        **more,
    )


@pytest.mark.chain
@pytest.mark.parametrize("engines", [(0, 1), (2, 0)], ids=["close-target", "dutch-close"])
def test_random_operations_agree_and_keep_the_invariants(
    engines: tuple[int, int], record_property: Callable[[str, object], None]
) -> None:
    """Storage, verdict and reason agree after each of at least 20,000 operations, halved. What was
    carried out of each kind and what refused stands at the end of what pytest prints.
    """

    class Counted(Machine):
        tally: ClassVar[Counter[tuple[str, bool]]] = Counter()
        cases: ClassVar[Counter[tuple[str, bool]]] = Counter()

    Counted.engines = engines
    while (missing := OPERATIONS // 2 - Counted.tally.total()) > 0:
        examples = min(max(missing // (STEPS * OPERATIONS_PER_STEP), 5), MOST_EXAMPLES)
        run_state_machine_as_test(Counted, settings=_settings(examples))
    for counted in (Counted.tally, Counted.cases):
        for name in sorted({name for name, _ in counted}):
            record_property(name, (counted[name, True], counted[name, False]))
    if OPERATIONS >= ENOUGH:
        least = OPERATIONS // 2 // 1_000
        assert [name for name in MECHANISMS if Counted.tally[name, True] < least] == []
        limited, tiers = "limited withdrawal", "tiers of a reserve"
        cases = [(tiers, True), (limited, True), (limited, False)]
        assert [case for case in cases if Counted.cases[case] < least] == []
    if OPERATIONS >= MANY:
        seldom = [name for name in op.BY_NAME if Counted.tally[name, True] < 100]
        assert seldom == ["mint_token"]  # as a matter of course


DOWN, UP, HALF = fixed_point.mul_div_down, fixed_point.mul_div_up, fixed_point.mul_div_half


@pytest.mark.chain
@pytest.mark.parametrize(
    ("module", "primitive", "flipped"),
    [
        (hub, "mul_div_up", DOWN),
        (hub, "mul_div_down", UP),
        (hub, "mul_div_half", DOWN),
        (fixed_point, "mul_div_up", DOWN),
        (fixed_point, "mul_div_down", UP),
        (liquidation, "mul_div_down", UP),
        (pair, "mul_div_down", UP),
        (pair, "mul_div_up", DOWN),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_flipped_rounding_direction_is_found(
    module: Any, primitive: str, flipped: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison bites: the twin with one rounding direction flipped cannot keep up."""
    monkeypatch.setattr(module, primitive, flipped)

    class Mutant(Machine):
        pass

    with pytest.raises((LockstepError, AssertionError)):
        run_state_machine_as_test(
            Mutant, settings=_settings(200, phases=[Phase.generate], derandomize=True)
        )
