"""How a market opens, kept beside what its paths come to: a report shows it without building it
again, which would need the scenario's files, the user's agents and the version of then.
"""

from __future__ import annotations

from pathlib import Path

from sim.tape import Frames, Tables, Tape, TapeError, load
from sim.world import World


class NotKeptError(Exception):
    """Something that a result should have beside it: what is missing, and what to do."""


def opening(world: World) -> Tables:
    """The tape of a world's opening alone: its book, pools and prices as runs begin, without the
    operations that lead there, which take longer than many paths.
    """
    tape = Tape(world, "exact")
    tape.record(0, [], [])
    return tape.tables(complete=False)


def kept_opening(path: Path, digest: str | None, again: str) -> Frames:
    """The opening in a file, of the scenario with this digest, or of any if that is None.

    Raises `NotKeptError`, which ends with `again`: how the file is written again.
    """
    if not path.is_file():
        raise NotKeptError(
            f"{path.name}, which says how the market opens, is not in the folder. If the folder "
            "was copied, copy all of it. Versions before 0.2.0 did not write the file. To write "
            f"it: {again}"
        )
    try:
        tape = load(path)
    except TapeError as error:
        raise NotKeptError(f"{error}: {again}") from error
    if digest is not None and tape.run["digest"].iloc[0] != digest:
        raise NotKeptError(f"{path.name} is of another scenario: {again}")
    return tape
