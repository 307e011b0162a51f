"""Words of what contracts call by the names of the twin's columns.

Structs and variables of the contracts bear the names of the columns of `sim.protocol.state`, in the
spelling of Solidity.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sim.engines.artifacts import contracts
from sim.engines.layouts import Layout
from sim.engines.words import Group, Words
from sim.protocol.state import (
    ACCOUNT,
    ACTIVE,
    ADD_CAP,
    ADL,
    ADL_MAX_HEALTH,
    ADL_RAMP,
    ADL_TARGET,
    ADL_USAGE,
    ADL_USAGE_FOR,
    BRAKE,
    BRIDGE,
    CATEGORIES,
    DRAW_CAP,
    FEED,
    GUARD,
    HALTED,
    HAS_FALLBACK,
    HEARTBEAT,
    HOLD_OFF,
    HUB,
    MAX_ANSWER,
    MAX_MOVE,
    MIN_ANSWER,
    ORACLE,
    OUTFLOW,
    PAIR,
    POLICY,
    POOL,
    POSITION,
    RATES,
    RESERVE,
    SPOKE,
)

_COLUMNS = {
    "hub": HUB,
    "rates": RATES,
    "spoke": SPOKE,
    "reserve": RESERVE,
    "category": CATEGORIES,
    "policy": POLICY,
    "adl": ADL,
    "oracle": ORACLE,
    "feed": FEED,
    "account": ACCOUNT,
    "position": POSITION,
    "pool": POOL,
    "pair": PAIR,
    "bridge": BRIDGE,
    "outflow": OUTFLOW,
    "guard": GUARD,
    "brake": BRAKE,
    "sequencer": FEED,
}
Path = Sequence[int | str]
"""See `sim.engines.layouts.Layout.fields`."""
_CONFIGURATION = ("rates", "reserve", "category", "member", "policy", "losses", "guard", "unit")
_SETTINGS = {
    "spoke": (ADD_CAP, DRAW_CAP, ACTIVE, HALTED),
    "adl": (ADL_USAGE, ADL_USAGE_FOR, ADL_RAMP, ADL_MAX_HEALTH, ADL_TARGET),
    "oracle": (HEARTBEAT, MIN_ANSWER, MAX_ANSWER, MAX_MOVE, HOLD_OFF, HAS_FALLBACK),
}
"""Columns among others that only the admin changes."""


class Variables:
    """Declares words one variable at a time."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Shapes of the twin's arrays, by name."""
        self.words = Words(shapes)

    def word(self, contract: str, address: str, path: Path, name: str) -> int:
        """One that is declared already, by a number in it."""
        word = self.words.number((address.lower(), layout(contract).fields(*path)[name].slot))
        assert word is not None
        return word

    def set(self, contract: str, address: str, what: str, path: Path, value: int = 0) -> int:
        """A variable that is one number: a constant, and its word."""
        (field,) = layout(contract).fields(*path).values()
        variable = str(path[0])
        label = what if len(path) > 1 or variable[1:] in what else f"{what} {variable}"
        return self.words.constant(address, field, label, value)

    def row(
        self,
        contract: str,
        address: str,
        what: str,
        path: Path,
        array: str,
        index: tuple[int, ...],
        skip: Sequence[str] = (),
    ) -> None:
        """Every number of a variable that is called like a column of the array's row at `index`."""
        columns = {_in_solidity(name): k for k, name in enumerate(_COLUMNS[array])}
        for name, field in layout(contract).fields(*path).items():
            name = (name or str(path[0])).rpartition(".")[2]
            if name in columns and name not in skip:
                column = columns[name]
                label = f"{what} {_COLUMNS[array][column].replace('_', ' ')}"
                word = self.words.constant(address, field, label)
                self.add(word, array, (*index, column), weight=1 << field.shift)

    def add(self, word: int, array: str, index: tuple[int, ...], **how: Any) -> None:
        """Make a number of the twin a part of a word: `Words.add`, which also is told whose."""
        group: Group = None
        if array in ("account", "account_manager", "position"):
            group = "account", index[0]
        elif array in ("holding", "lp"):
            group = "actor", index[0]
        elif array in _CONFIGURATION or index[-1] in _SETTINGS.get(array, ()):
            group = "configuration", 0
        self.words.add(word, array, index, group=group, **how)


@cache
def layout(contract: str) -> Layout:
    """Where a contract keeps what."""
    return Layout(contracts()[contract].layout)


@cache
def _in_solidity(column: str) -> str:
    first, *more = column.split("_")
    return first + "".join(part.capitalize() for part in more)
