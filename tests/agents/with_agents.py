"""Small runs with agents of a user."""

from __future__ import annotations

from typing import Any

from sim.engines.exact import run
from sim.scenario import Scenario
from sim.tape import Frames, Tape, frames
from sim.world import World, build
from tests.agents.thin import thin


def agent(code: str, capital: dict[str, float] | None = None, **parameters: Any) -> dict[str, Any]:
    """An entry of the section, for code in `made_up` unless it names its module."""
    path = code if ":" in code else f"tests.agents.made_up:{code}"
    capital = {"WETH": 20_000.0} if capital is None else capital
    return {"name": "mine", "path": path, "capital_usd": capital, "parameters": parameters}


def with_agent(code: str, **parameters: Any) -> Scenario:
    return thin(attack=None, agents=[agent(code, **parameters)])


def played(scenario: Scenario) -> tuple[World, Frames]:
    world = build(scenario)
    tape = Tape(world, "exact")
    for step in run(world):
        tape.record(*step)
    return world, frames(tape.tables(complete=True))
