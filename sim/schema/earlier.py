"""Fields of earlier versions that say exactly what fields of today do: read as these, and said.

    arbitrage.speed_bps                    half_life_seconds = step_seconds ln 2 / -ln(1 - speed)
    liquidators[*].capacity_usd_per_step   capacity_usd_per_hour = it x 3600 / step_seconds
    liquidators[*].max_actions_per_step    left out beside it: capacity is what limits calls

They were counted per step, so the file's own step_seconds says what they are per time. All other
fields of earlier versions (`base.Part.REPLACED`), those beside the field of today, and those of
overrides are refused, with what to write instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from sim.protocol.units import BPS

_HOUR = 3_600


def give_way(document: object) -> None:
    """Let a base's half-life give way to a speed that the document of one file says, in place."""
    arbitrage = document.get("arbitrage") if isinstance(document, dict) else None
    if isinstance(arbitrage, dict) and "speed_bps" in arbitrage:
        arbitrage.setdefault("half_life_seconds", None)


def read_as_today(document: Any) -> str:
    """Replace such fields in the document of a scenario, in place; what was done, in one line,
    empty if nothing was. The document may be anything: what is wrong with it the schema says.
    """
    step_seconds = document.get("step_seconds") if isinstance(document, dict) else None
    if not isinstance(step_seconds, int) or step_seconds <= 0:
        return ""
    return "; ".join(
        [
            *_arbitrage(document.get("arbitrage"), step_seconds),
            *_liquidators(document.get("liquidators"), step_seconds),
        ]
    )


def _arbitrage(arbitrage: Any, step_seconds: int) -> Iterator[str]:
    if not isinstance(arbitrage, dict) or arbitrage.get("half_life_seconds") is not None:
        return
    speed = arbitrage.get("speed_bps")
    if isinstance(speed, int) and 0 < speed < BPS:
        half_life = step_seconds * math.log(2) / -math.log1p(-speed / BPS)
        arbitrage["half_life_seconds"] = half_life
        del arbitrage["speed_bps"]
        yield (
            f"arbitrage.speed_bps {speed} a step of {step_seconds} s as half_life_seconds "
            f"{half_life:.6g}"
        )


def _liquidators(liquidators: Any, step_seconds: int) -> Iterator[str]:
    for n, one in enumerate(liquidators if isinstance(liquidators, list) else ()):
        capacity = one.get("capacity_usd_per_step") if isinstance(one, dict) else None
        if not isinstance(capacity, int | float) or "capacity_usd_per_hour" in one:
            continue
        one["capacity_usd_per_hour"] = capacity * _HOUR / step_seconds
        del one["capacity_usd_per_step"]
        dropped = one.pop("max_actions_per_step", None) is not None
        yield (
            f"liquidators[{n}].capacity_usd_per_step {capacity:g} as capacity_usd_per_hour "
            f"{one['capacity_usd_per_hour']:g}"
            + (", which limits calls instead of max_actions_per_step" if dropped else "")
        )
