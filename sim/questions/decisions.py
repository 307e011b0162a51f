"""Who was liquidated when: the decisions of a float run held against those of an exact one.

A decision is an operation on an account by a keeper or liquidator, or the bearing of a loss. Its
kind, account, assets and verdict are compared, not its amount: amounts on floats are rounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sim.protocol import operations as op
from sim.protocol.errors import NAMES
from sim.protocol.state import Entry
from sim.protocol.transaction import NOBODY, Group


class Decision(NamedTuple):
    """A decision; x and y are its assets, if it is about one or two."""

    kind: int
    account: int
    x: int
    y: int
    code: int

    def words(self, symbols: Sequence[str]) -> str:
        """For a reader."""
        declared = op.DECLARED[self.kind]
        about = " for ".join(symbols[getattr(self, column)] for column in declared.assets)
        if self.account != NOBODY:
            about = f"account {self.account}" + (f" ({about})" if about else "")
        return f"{declared.words} {about}: {NAMES[self.code] or 'ok'}"


class FirstDifference(NamedTuple):
    """Where two runs part; None: that run decides nothing more in this step."""

    step: int
    on_floats: Decision | None
    exact: Decision | None


class Comparison:
    """Counts decisions and differences, step by step."""

    def __init__(self) -> None:
        self.decisions = 0
        """Of the exact run."""
        self.differing = 0
        """Decisions that one run has and the other has not, the larger of the two numbers of each
        step; 1 for a step whose decisions differ in their order only."""
        self.first: FirstDifference | None = None

    def step(self, k: int, on_floats: Iterable[Any], exact: Iterable[Any]) -> None:
        """Compare the journal rows of step k."""
        left, right = decisions(on_floats), decisions(exact)
        self.decisions += len(right)
        if left == right:
            return
        only_left, only_right = Counter(left) - Counter(right), Counter(right) - Counter(left)
        self.differing += max(only_left.total(), only_right.total(), 1)
        if self.first is None:
            at = next(
                (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
                min(len(left), len(right)),
            )
            here = [side[at] if at < len(side) else None for side in (left, right)]
            self.first = FirstDifference(k, *here)


def decisions(rows: Iterable[Any]) -> list[Decision]:
    """The decisions among journal rows, floats or integers, in their order."""
    found = []
    for row in rows:
        entry = Entry(*map(int, row))
        if Group.DECISION in op.DECLARED[entry.kind].groups:
            found.append(Decision(entry.kind, entry.account, entry.x, entry.y, entry.code))
    return found
