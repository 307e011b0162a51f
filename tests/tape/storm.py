"""A run small enough to do often: 24 accounts, 48 steps, a tenth of a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.engines.exact import run
from sim.scenario import Scenario, load, with_overrides
from sim.tape import Tape
from sim.world import World, build

STORM = Path(__file__).with_name("storm.yaml")


def storm(**overrides: Any) -> Scenario:
    """The scenario, with fields replaced; `__` in a name stands for the dot of a path."""
    return with_overrides(
        load(STORM), {name.replace("__", "."): value for name, value in overrides.items()}
    )


def play(scenario: Scenario, steps: int | None = None) -> tuple[World, Tape]:
    """The world after a run on the twin, and its tape; all steps or the first few."""
    world = build(scenario)
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(step.k, step.rows, step.gas)
        if step.k == steps:
            break
    return world, tape
