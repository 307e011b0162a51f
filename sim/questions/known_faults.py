"""What is known to be wrong with results that earlier versions wrote.

A result says which version wrote it. Whatever shows or uses one asks here first, so that a fault
that was found after it was written is said where its numbers are.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from packaging.version import InvalidVersion, Version

Kind = Literal["sweep", "tuning study"]


class Fault(NamedTuple):
    """Something that earlier versions did wrong."""

    fixed_in: str
    """The first version without it."""
    kinds: tuple[Kind, ...]
    """Results that can have it."""
    what: str
    """What can be wrong with them, and why, as the end of a sentence."""


FAULTS = (
    Fault(
        "0.2.0",
        ("sweep", "tuning study"),
        "a fault in the cache of compiled code, which could leave out liquidations and other "
        "operations without a word: losses and all else can be far off, and a confirmation on the "
        "contracts does not rule it out",
    ),
)


def faults_of(kind: Kind, version: str | None) -> list[str]:
    """What a result of a kind may suffer from, a sentence each; `version` is the one that wrote it,
    None or no version at all if the result does not say.
    """
    try:
        written_by = Version(version or "")
        by = f"Breakwater {version}"
    except InvalidVersion:
        written_by, by = Version("0"), "an unknown version of Breakwater"
    return [
        f"This {kind} was written by {by} and may be affected by {fault.what}. It was fixed in "
        f"{fault.fixed_in}: run it again before you use any number of it."
        for fault in FAULTS
        if kind in fault.kinds and written_by < Version(fault.fixed_in)
    ]
