"""The step of a run after which its devnet stays (`sim.terminal.keep`), as a user names it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from sim.report.text import clock, counted
from sim.scenario import Scenario

DEVNET = "devnet.json"
"""In the folder of the run as long as the devnet is there."""
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def step_of(scenario: Scenario, at: str) -> int:
    """The step that `at` names: a number, a time (ISO, UTC where it names no zone) or a time of day
    that the run has once; of a time the last step that is not after it. Raises ValueError.
    """
    length = timedelta(seconds=scenario.step_seconds)
    end = scenario.start + scenario.steps * length
    span = f"0 to {scenario.steps:,}, or {clock(scenario.start)} to {clock(end)}"
    if re.fullmatch(r"-?\d+", at):
        k = int(at)
    else:
        k = (_time(at, scenario.start, end) - scenario.start) // length
    if not 0 <= k <= scenario.steps:
        raise ValueError(f"{at} is not in the run of {scenario.name}: {span}")
    return k


def _time(at: str, start: datetime, end: datetime) -> datetime:
    if _TIME_OF_DAY.fullmatch(at):
        hour, minute, *second = map(int, at.split(":"))
        first = start.astimezone(timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0)
        time = timedelta(hours=hour, minutes=minute, seconds=second[0] if second else 0)
        days = [first + timedelta(days=n) + time for n in range((end - first).days + 1)]
        found = [one for one in days if start <= one <= end]
        if len(found) != 1:
            raise ValueError(
                f"{at} comes {counted(len(found), 'time')} from {clock(start)} to {clock(end)}: "
                f"name one with its day, like {[end, *found][-1]:%Y-%m-%dT%H:%M}"
            )
        return found[0]
    try:
        named = datetime.fromisoformat(at.removesuffix("UTC").strip().replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(
            f"{at!r} is neither a step nor a time: write 150 or {end:%Y-%m-%dT%H:%M}"
        ) from None
    return named if named.tzinfo else named.replace(tzinfo=timezone.utc)
