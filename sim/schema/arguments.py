"""Arguments of the wrong kind: what a caller hands over, said in his words before it is used."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

_A_PATH = "a path is needed, as text or a pathlib.Path"
_BRIEF = reprlib.Repr()
_BRIEF.maxother = 90


def shown(given: object) -> str:
    """What was given, in a line of a message: a frame or an agent may have any `repr`."""
    return _BRIEF.repr(given)


def path_of(what: str, given: object, remedy: str = _A_PATH) -> Path:
    """A path that was given as one. Raises `TypeError`."""
    if not isinstance(given, str | PathLike):
        raise TypeError(f"{what} is {shown(given)}: {remedy}")
    return Path(given)


def fields_of(what: str, given: object) -> dict[str, object]:
    """Values by the paths of fields, in a mapping; none for None. Raises `TypeError`."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(path, str) for path in given):
        remedy = 'a mapping of fields to values is needed, like {"book.accounts": 60}'
        raise TypeError(f"{what} is {shown(given)}: {remedy}")
    return dict(given)
