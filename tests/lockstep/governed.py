"""Random changes of parameters by a steward's council, and by who is not one, on twin and EVM."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from sim.protocol import operations as op
from sim.protocol.errors import OK
from sim.protocol.state import (
    MAX_CHANGE,
    MIN_DELAY,
    PARAMETERS,
    RATES,
    RESERVE,
    SLOPE1_PARAMETER,
    SUPPLY_CAP_PARAMETER,
)
from sim.protocol.steward import EXPIRY
from tests.lockstep.machine import actors, assets
from tests.lockstep.steered import SteeredMachine
from tests.lockstep.support import ACTORS

AGES = [0, 0, 0, 1, EXPIRY, EXPIRY + 1, -1]
"""Seconds since an update was published."""


class GovernedMachine(SteeredMachine):
    """What a steward lets a council do."""

    @rule(
        i=assets,
        of=st.integers(0, 2),
        parameter=st.integers(0, len(PARAMETERS) - 1),
        parts=st.sampled_from([-101, -100, -100, -37, -1, 0, 1, 50, 100, 100, 101]),
        age=st.sampled_from(AGES),
        waits=st.sampled_from([0, 0, 1, 2]),
    )
    def parameter_changes(
        self, i: int, of: int, parameter: int, parts: int, age: int, waits: int
    ) -> None:
        """By a part of the largest change and a bit beyond, at once or when it is due."""
        if waits:
            due = int(self.s.changes[of, i, parameter] + self.s.bounds[MIN_DELAY])
            self.s.clock[0] = max(int(self.s.clock[0]), due - 1 + waits // 2)
        value = max(self._now(of, i, parameter) + self._change(of, i, parameter, parts), 0)
        self._publish(0, i, of, value, age, parameter)

    @rule(i=assets, v=st.integers(0, 1), parts=st.integers(-100, 100), seconds=st.integers(1, 9))
    def threshold_moves(self, i: int, v: int, parts: int, seconds: int) -> None:
        """A threshold and its borrow limit by as much, in the order in which that is sound; then
        the bonus, while the threshold falls.
        """
        self.s.clock[0] += seconds * 20_000
        pair = (1, 0) if parts > 0 else (0, 1)
        for parameter in pair:
            self._publish(0, i, v, self._now(v, i, parameter) + parts, 0, parameter)
        self.s.clock[0] += seconds * 5_000
        self._publish(0, i, v, self._now(v, i, 2) - 1, 0, 2)

    @rule(
        i=assets,
        of=st.integers(0, 2),
        parameter=st.integers(0, len(PARAMETERS) - 1),
        value=st.sampled_from([0, 1, 65_535, 65_536, 2**32, 2**112 - 1, 2**112, 2**256 - 1]),
        published_at=st.sampled_from([0, 1, 2**40, 2**256 - 1, None]),
        actor=actors,
    )
    def parameter_is_nonsense(
        self,
        i: int,
        of: int,
        parameter: int,
        value: int,
        published_at: int | None,
        actor: int,
    ) -> None:
        """Anyone, with anything."""
        at = int(self.s.clock[0]) if published_at is None else published_at
        for who in {0, actor % ACTORS}:
            self.do(op.update_parameter, who, i, of, value, at, parameter)

    def _publish(self, actor: int, i: int, of: int, value: int, age: int, n: int) -> bool:
        at = int(self.s.clock[0]) - age
        return self.do(op.update_parameter, actor, i, of, value, at, n) == OK

    def _now(self, of: int, i: int, parameter: int) -> int:
        """What the parameter is, of whichever vault if the target has none."""
        v = min(of, 1)
        if parameter >= SLOPE1_PARAMETER:
            return int(self.s.rates[i, RATES.index("slope1_bps") + parameter - SLOPE1_PARAMETER])
        columns = ("ltv_bps", "lt_bps", "max_bonus_bps", "min_bonus_bps", "supply_cap")
        return int(self.s.reserve[v, i, RESERVE.index((*columns, "borrow_cap")[parameter])])

    def _change(self, of: int, i: int, parameter: int, parts: int) -> int:
        """So many hundredths of the largest change of a cap; basis points else, of a hundred."""
        if SUPPLY_CAP_PARAMETER <= parameter < SLOPE1_PARAMETER:
            return self._now(of, i, parameter) * 20 // 100 * parts // 100
        return int(self.s.bounds[MAX_CHANGE]) * parts // 100
