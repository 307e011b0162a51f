"""What a sweep keeps for its report besides the outcomes: how the market opens, and the fan of its
prices.

    opening.duckdb   a tape of the opening alone, see `sim.sweeps.opening`
    fan.npz          `sim.sweeps.fan.Fan`
"""

from __future__ import annotations

from typing import NamedTuple

from sim.sweeps.fan import MOST_PATHS, Fan, load_fan, save_fan
from sim.sweeps.opening import NotKeptError, kept_opening
from sim.sweeps.study import Study
from sim.tape import Frames, Tables, write

OPENING, FAN = "opening.duckdb", "fan.npz"
_AGAIN = "the command of the sweep with --resume, or where that is refused a new sweep."


class Kept(NamedTuple):
    """What a report of a sweep shows of market and prices."""

    opening: Frames
    fan: Fan


def keep(study: Study, opening: Tables, fan: Fan) -> None:
    """Write both into the study's folder. Raises `TapeError`, `OSError`."""
    write(opening, study.folder / OPENING)
    save_fan(fan, study.folder / FAN)


def kept(study: Study, worst: int) -> Kept:
    """Both, of the study as it is now, with `worst` as its worst path. Raises `NotKeptError`."""
    opening = kept_opening(study.folder / OPENING, study.manifest["digest"], _AGAIN)
    try:
        fan = load_fan(study.folder / FAN)
    except FileNotFoundError:
        raise NotKeptError(
            f"{FAN}, which says how prices went, is not in the folder; it is written by {_AGAIN}"
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise NotKeptError(f"{FAN} cannot be read ({error}): {_AGAIN}") from error
    if (fan.paths, fan.worst_path) != (min(study.plan.paths, MOST_PATHS), worst):
        raise NotKeptError(f"{FAN} is of fewer paths than the sweep has: {_AGAIN}")
    return Kept(opening, fan)
