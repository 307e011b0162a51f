"""Twin and EVM side by side under random operations."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from sim.engines.failures import LockstepError
from sim.protocol import fixed_point, hub, liquidation, pair, vault_accounts
from tests.lockstep.machine import ProtocolMachine

OPERATIONS = int(os.environ.get("BREAKWATER_FUZZ_OPERATIONS", "20000"))
"""`make fuzz OPERATIONS=1000000` asks for more."""
STEPS = 40
OPERATIONS_PER_STEP = 2
"""A rule is a little more than one operation; this is on the safe side."""


def _settings(examples: int, **more: Any) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **more,
    )


@pytest.mark.chain
@pytest.mark.parametrize("engines", [(0, 1), (2, 0)], ids=["close-target", "dutch-close"])
def test_random_operations_agree_and_keep_the_invariants(engines: tuple[int, int]) -> None:
    """Every word, verdict and reason agrees after each of at least 20,000 operations, halved."""

    class Machine(ProtocolMachine):
        pass

    Machine.engines = engines
    Machine.operations = 0
    run = 0
    while Machine.operations < OPERATIONS // 2:
        missing = OPERATIONS // 2 - Machine.operations
        run += 1
        run_state_machine_as_test(
            Machine, settings=_settings(max(missing // (STEPS * OPERATIONS_PER_STEP), 5))
        )
    assert Machine.operations >= OPERATIONS // 2


DOWN, UP, HALF = fixed_point.mul_div_down, fixed_point.mul_div_up, fixed_point.mul_div_half


@pytest.mark.chain
@pytest.mark.parametrize(
    ("module", "primitive", "flipped"),
    [
        (hub, "mul_div_up", DOWN),
        (hub, "mul_div_down", UP),
        (hub, "mul_div_half", DOWN),
        (vault_accounts, "mul_div_up", DOWN),
        (vault_accounts, "mul_div_down", UP),
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

    class Mutant(ProtocolMachine):
        pass

    with pytest.raises((LockstepError, AssertionError)):
        run_state_machine_as_test(
            Mutant, settings=_settings(200, phases=[Phase.generate], derandomize=True)
        )
