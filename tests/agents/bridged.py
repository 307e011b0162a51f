"""The small market of bridged.yaml, whose borrowers have their tokens on another chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.scenario import Scenario, load, with_overrides

FILE = Path(__file__).with_name("bridged.yaml")
SYMBOL = "bETH"


def bridged(**overrides: Any) -> Scenario:
    """The scenario; fields of the bridge by their names, others by paths with `__` for dots."""
    fields = type(load(FILE).bridges[SYMBOL]).model_fields
    return with_overrides(
        load(FILE),
        {
            f"bridges.{SYMBOL}.{name}" if name in fields else name.replace("__", "."): value
            for name, value in overrides.items()
        },
    )
