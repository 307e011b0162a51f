"""Who was liquidated when: the decisions of a float run held against those of an exact one.

A decision is an operation on an account by a keeper or liquidator, or the bearing of a loss. Its
kind, account, assets and verdict are compared, not its amount: amounts on floats are rounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sim.protocol import transaction as op
from sim.protocol.errors import NAMES
from sim.protocol.state import JOURNAL

KINDS = frozenset(
    (op.FLAG, op.UNFLAG, op.LIQUIDATE, op.FLASH_LIQUIDATE, op.WRITE_OFF, op.COVER, op.SOCIALISE)
)
_COMPARED = [JOURNAL.index(name) for name in ("kind", "account", "x", "y", "code")]
_ABOUT_AN_ASSET = (op.COVER, op.SOCIALISE)
_ABOUT_TWO = (op.LIQUIDATE, op.FLASH_LIQUIDATE)


class Decision(NamedTuple):
    """A decision; x and y are assets as in `sim.protocol.transaction.KINDS`."""

    kind: int
    account: int
    x: int
    y: int
    code: int

    def words(self, symbols: Sequence[str]) -> str:
        """For a reader."""
        text = op.KINDS[self.kind].replace("_", " ")
        if self.kind in _ABOUT_AN_ASSET:
            text += f" {symbols[self.x]}"
        else:
            text += f" account {self.account}"
        if self.kind in _ABOUT_TWO:
            text += f" ({symbols[self.x]} for {symbols[self.y]})"
        return f"{text}: {NAMES[self.code] or 'ok'}"


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
    return [Decision(*(int(row[c]) for c in _COMPARED)) for row in rows if int(row[0]) in KINDS]
