"""What a sweep keeps for its report besides the outcomes: how the market opens, and the fan of its
prices.

    opening.duckdb   a tape of the opening alone, see `sim.questions.opening`
    fan.npz          `sim.sweeps.fan.Fan`
"""

from __future__ import annotations

from typing import NamedTuple

from sim.questions.opening import NotKeptError, kept_opening
from sim.sweeps.fan import MOST_PATHS, Fan, load_fan, save_fan
from sim.sweeps.stored import StoredSweep
from sim.tape import Frames, Tables, write

OPENING, FAN = "opening.duckdb", "fan.npz"
_AGAIN = "resuming the sweep, or where that is refused a new one."


class Kept(NamedTuple):
    """What a report of a sweep shows of market and prices."""

    opening: Frames
    fan: Fan


def keep(stored: StoredSweep, opening: Tables, fan: Fan) -> None:
    """Write both into the sweep's folder. Raises `TapeError`, `OSError`."""
    write(opening, stored.folder / OPENING)
    save_fan(fan, stored.folder / FAN)


def kept(stored: StoredSweep, worst: int) -> Kept:
    """Both, of the sweep as it is now, with `worst` as its worst path. Raises `NotKeptError`."""
    opening = kept_opening(stored.folder / OPENING, stored.question.digest, _AGAIN)
    try:
        fan = load_fan(stored.folder / FAN)
    except FileNotFoundError:
        raise NotKeptError(
            f"{FAN}, which says how prices went, is not in the folder; it is written by {_AGAIN}"
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise NotKeptError(f"{FAN} cannot be read ({error}): {_AGAIN}") from error
    if (fan.paths, fan.worst_path) != (min(stored.plan.paths, MOST_PATHS), worst):
        raise NotKeptError(f"{FAN} is of fewer paths than the sweep has: {_AGAIN}")
    return Kept(opening, fan)
