"""Collects a run while it goes on; whatever interrupts the run, the steps done are here."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, NamedTuple

import numpy as np

from sim.protocol.records import copy
from sim.protocol.state import Array, State
from sim.protocol.transaction import changed
from sim.scenario import digest
from sim.tape.columns import FORMAT, Tables, tables
from sim.tape.moment import Moment, accounts, observe, with_gas
from sim.tape.parties import PARTIES, held
from sim.tape.vaults import rows as rows_of_vaults
from sim.version import VERSION
from sim.world import World

_PACKAGES = ("numpy", "duckdb", "pyrevm", "eth-ape")


class _End(NamedTuple):
    """The last step whose recording was finished, and the state after it."""

    step: int
    state: State


class Seen(NamedTuple):
    """A step that is not on the tape yet."""

    end: _End
    moment: Moment


class Tape:
    """What happened so far in a run of `world` on an engine.

    Give it every step that the engine yields, in order, while the world's state is the one after
    it. `tables` can be taken at any time.
    """

    def __init__(self, world: World, engine: str) -> None:
        self._world, self.engine = world, engine
        self._digest = digest(world.scenario)  # now: its files may be gone when the run ends
        self._started = datetime.now(timezone.utc)
        self._clock = time.monotonic()
        self._moments: list[Moment] = []
        self._start: list[dict[str, Any]] = []
        self._held_at_start: Sequence[Any] = ()
        self._doubles: Array = np.empty(0)
        self._end: _End | None = None
        self._slots = self._values = 0

    @property
    def latest(self) -> dict[str, Any]:
        """The row of table `steps` of the last step; empty before the first."""
        return self._moments[self._end.step].step if self._end else {}

    def record(
        self,
        k: int,
        rows: list[Any],
        gas: list[int],
        slots_compared: int = 0,
        values_compared: int = 0,
    ) -> None:
        """Add step k: its journal rows, their gas if it was measured, and how many slots of storage
        and values have been compared with a chain so far.
        """
        self.keep(self.look(k, rows), gas, slots_compared, values_compared)

    def look(self, k: int, rows: list[Any]) -> Seen:
        """See step k, which is `keep` for the tape only once it is known to be right."""
        state = self._world.state
        if k == 0:
            self._doubles = state.position.astype(np.float64)
            self._start = accounts(self._world)
            prices = self._world.market.price[k]
            self._held_at_start = list(held(state, self._world.scenario, prices))
        # Of large books all positions take a while: only those that operations touched are new.
        touched = changed(state, rows)
        self._doubles[touched] = state.position[touched]
        moment = observe(self._world, k, rows, self._doubles)
        return Seen(_End(k, copy(state._replace(journal=state.journal[:0]))), moment)

    def keep(
        self, seen: Seen, gas: list[int], slots_compared: int = 0, values_compared: int = 0
    ) -> None:
        """Put a step that was seen on the tape, after the one before it: see `record`."""
        # A KeyboardInterrupt can come between any two lines. Until the assignment of `_end` the
        # step does not count, and after it nothing is missing.
        del self._moments[seen.end.step :]
        self._moments.append(with_gas(seen.moment, gas))
        self._slots, self._values = slots_compared, values_compared
        self._end = seen.end

    def tables(self, complete: bool, differences: int = 0) -> Tables:
        """Everything recorded. Raises ValueError before the opening was."""
        if self._end is None:
            raise ValueError("nothing was recorded")
        moments = self._moments[: self._end.step + 1]
        return tables(
            {
                "run": [self._run(moments, complete, differences)],
                "steps": [moment.step for moment in moments],
                "assets": [row for moment in moments for row in moment.assets],
                "venues": [row for moment in moments for row in moment.venues],
                "operations": [row for moment in moments for row in moment.operations],
                "accounts": self._accounts(self._end.state),
                "agents": [row for moment in moments for row in moment.agents],
                "parties": self._parties(self._end),
                "vaults": self._vaults(self._end),
                "bridges": [row for moment in moments for row in moment.bridges],
                "compared": [],
            }
        )

    def _run(self, moments: list[Moment], complete: bool, differences: int) -> dict[str, Any]:
        scenario = self._world.scenario
        gas = [moment.step["gas_used"] for moment in moments]
        versions = {
            "breakwater": VERSION,
            "python": platform.python_version(),
            **_installed(),
        }
        return {
            "format": FORMAT,
            "scenario": scenario.name,
            "title": scenario.title,
            "digest": self._digest,
            "scenario_json": scenario.model_dump_json(),
            "seed": scenario.seed,
            "book_seed": self._world.book_seed,
            "engine": self.engine,
            "versions": json.dumps(versions),
            "started_utc": self._started.replace(tzinfo=None, microsecond=0),
            "duration_seconds": time.monotonic() - self._clock,
            "complete": complete,
            "steps_done": len(moments) - 1,
            "steps_total": scenario.steps,
            "operations": sum(moment.step["operations"] for moment in moments),
            "slots_compared": self._slots,
            "values_compared": self._values,
            "differences": differences,
            "gas_used": None if None in gas else sum(gas),
        }

    def _accounts(self, end: State) -> list[dict[str, Any]]:
        """Start and end of every account, one row per asset."""
        joined = []
        for first, last in zip(self._start, accounts(self._world._replace(state=end)), strict=True):
            same = {key: last[key] for key in last.keys() - {"supplied", "debt", "health"}}
            joined.append(
                {
                    **same,
                    "is_collateral_start": first["is_collateral"],
                    "supplied_start": first["supplied"],
                    "debt_start": first["debt"],
                    "health_start": first["health"],
                    "supplied_end": last["supplied"],
                    "debt_end": last["debt"],
                    "health_end": last["health"],
                    "health_recorded": self._world.book.recorded_health(last["account"]),
                }
            )
        return joined

    def _vaults(self, end: _End) -> list[dict[str, Any]]:
        """Every vault at the end, one row per asset."""
        prices = self._world.market.price[end.step]
        return rows_of_vaults(end.state, self._world.scenario, prices)

    def _parties(self, end: _End) -> list[dict[str, Any]]:
        """Start and end of every party, one row per asset."""
        last = held(end.state, self._world.scenario, self._world.market.price[end.step])
        return [
            {"party": party, "asset": symbol, "held_start": a, "held_end": b}
            for party, start, finish in zip(PARTIES, self._held_at_start, last, strict=True)
            for symbol, a, b in zip(self._world.symbols, start, finish, strict=True)
        ]


def _installed() -> dict[str, str]:
    """The versions of the packages that are here: those of a chain may not be."""
    found = {}
    for name in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found
