"""The loop on floats: the same source, compiled, over many price paths.

The entry point of compiled code is `_play`. It takes the arrays of a world, hands them on by
reference (one pointer for the state and one for the market, where a named tuple would be passed as
hundreds of values) and runs path after path. It holds no Python object and releases the
interpreter, so threads run it side by side, each on a memory of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.engines import self_test, users_code
from sim.engines.baseline import settled
from sim.engines.by_reference import by_reference
from sim.engines.compilation import Entry
from sim.engines.memory import Memory, on_floats
from sim.engines.outcome import OPERATIONS, conclude, follow, width
from sim.market.levels import to_integers
from sim.market.path_tables import check_tables
from sim.protocol.state import assign
from sim.scenario import ScenarioError
from sim.simulation import step
from sim.users.in_time import Aside, OverdueError
from sim.users.user_agents import AgentError, Code, not_compilable
from sim.world import World

Floats = npt.NDArray[np.float64]


def _play(
    state: Any,
    market: Any,
    floats: Any,
    indices: Any,
    floats_at_start: Any,
    indices_at_start: Any,
    prices: Any,
    observed: Any,
    first: Any,
    last: Any,
    outcomes: Any,
    users_address: Any,
) -> None:
    """Run steps first..last of every path; step 1 begins with the world as it was at the start."""
    s, w, users = by_reference(state), by_reference(market), users_code.at(users_address)
    for p in range(prices.shape[0]):
        if first == 1:
            assign(floats, floats_at_start)
            assign(indices, indices_at_start)
            assign(w.price, prices[p])
            assign(w.feeds.observed, observed[p])
        for k in range(first, last + 1):
            s.journal_length[0] = 0
            step(s, w, k, users)
            outcomes[p, OPERATIONS] += s.journal_length[0]
            follow(s, w, k, outcomes[p])
        if last == prices.shape[1] - 1:
            conclude(s, w, last, outcomes[p])


def _against_exact(run: Any) -> str | None:
    """Where `_play` as compiled is off the exact engine."""
    for scenario in (self_test.PLAIN, self_test.MECHANISMS):
        expected = self_test.expected(scenario)
        world = expected.world
        compiled = Compiled.at(on_floats(world), world.scenario.steps, run)
        outcome = compiled.outcomes(*expected.path)[0]
        wrong = self_test.difference_of_outcome(outcome, expected)
        wrong = wrong or self_test.difference_of_state(compiled.memory, expected.end)
        if wrong:
            return wrong
    return None


_run = Entry(_play, _against_exact)


def check_compilable(world: World) -> None:
    """Raise `ScenarioError` if the world has agents that cannot be compiled."""
    if problems := list(not_compilable(world.agents)):
        raise ScenarioError(f"scenario '{world.scenario.name}'", problems)


def impact_of(world: World) -> Any:
    """The impact that a baseline leaves in its own prices, in whole units of a WAD, (steps + 1,
    assets): that of `sim.engines.baseline.on_integers` to rounding, in milliseconds.
    """
    compiled = Compiled.of_baseline(world)
    tables = (world.market.price, world.market.feeds.observed)
    compiled.outcomes(*(table.astype(np.float64)[np.newaxis] for table in tables))
    return to_integers(np.rint(compiled.memory.market.reference.impact))


class Compiled:
    """A world on which paths can be run, from one thread at a time.

    Paths are tables of reference prices and of what feeds see of them, (paths, steps + 1, assets)
    in whole price units, as `sim.market.paths` draws them.
    """

    def __init__(self, world: World, journal_rows: int = 0) -> None:
        """`journal_rows` is the most operations of a step that `journal` can show.

        Raises `ScenarioError` if an agent of the user is a Python object.
        """
        self._place(settled(world, impact_of), journal_rows)

    @classmethod
    def of_baseline(cls, world: World) -> Compiled:
        """A world that is its own baseline: to be run on its own prices only."""
        compiled = cls.__new__(cls)
        compiled._place(world, 0)
        return compiled

    def _place(self, world: World, journal_rows: int) -> None:
        check_compilable(world)
        agents = tuple(agent.as_code() for agent in world.agents)
        limits = {agent.name: agent.seconds for agent in world.agents}
        start, steps = on_floats(world, journal_rows), world.scenario.steps
        self._begin(start, steps, _run, limits, agents)

    @classmethod
    def at(cls, start: Memory, steps: int, entry: Any = None) -> Compiled:
        """From a world on floats, without agents of users; `start` is not changed.

        Raises ValueError for one that is its own baseline, see `sim.engines.baseline.settled`.
        """
        if start.market.reference.is_baseline[0]:
            raise ValueError("a baseline runs on its own prices only")
        compiled = cls.__new__(cls)
        compiled._begin(start, steps, entry or _run, {}, ())
        return compiled

    def _begin(
        self,
        start: Memory,
        steps: int,
        entry: Any,
        limits: dict[str, float],
        agents: tuple[Code, ...],
    ) -> None:
        self._start, self._steps, self._entry = start, steps, entry
        self._users_address = users_code.address(agents, start)
        self._limits = limits  # by agent: seconds
        self.memory = start.copy()

    def outcomes(self, prices: Floats, observed: Floats) -> Floats:
        """What each path comes to, (paths, columns): see `sim.engines.outcome.names`.

        Raises ValueError for tables that are none of this world's, see `check_tables`.
        """
        return self._run(prices, observed, 1, self._steps)

    def journal(self, prices: Floats, observed: Floats) -> Iterator[Floats]:
        """One path, (steps + 1, assets), step by step: the journal rows of each.

        Raises RuntimeError if a step has more rows than the journal holds, and as `outcomes`.
        """
        state = self.memory.state
        for k in range(1, self._steps + 1):
            self._run(prices[np.newaxis], observed[np.newaxis], k, k)
            n = int(state.journal_length[0])
            if n > len(state.journal):
                raise RuntimeError(
                    f"{n} operations in one step, the journal holds {len(state.journal)}"
                )
            yield state.journal[:n].copy()

    def _run(self, prices: Floats, observed: Floats, first: int, last: int) -> Floats:
        memory, start = self.memory, self._start
        check_tables(prices, observed, self._steps, start.market.price[0])
        outcomes = np.zeros((len(prices), width(prices.shape[2], len(memory.state.policy))))

        def run(some: slice) -> None:
            self._entry(
                memory.state,
                memory.market,
                memory.floats,
                memory.indices,
                start.floats,
                start.indices,
                prices[some],
                observed[some],
                first,
                last,
                outcomes[some],
                self._users_address,
            )

        if not self._limits:
            run(slice(None))
            return outcomes
        run(slice(0))  # compiles, which is no step of the user's
        for p in range(len(prices)):
            self._in_time(partial(run, slice(p, p + 1)))
        return outcomes

    def _in_time(self, run: Callable[[], None]) -> None:
        """Run one path on which agents act. Raises `AgentError` if a step does not end in the time
        that all of them have: compiled code cannot be stopped, so it keeps the memory that it has.
        """
        clock = self.memory.state.clock
        try:
            Aside().call(run, sum(self._limits.values()), lambda: float(clock[0]))
        except OverdueError as overdue:
            k = int(np.searchsorted(self.memory.market.time, clock[0]))
            self.memory = self._start.copy()
            raise AgentError("' or '".join(self._limits), k, overdue.seconds) from None
