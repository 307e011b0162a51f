"""A tape played again: its operations, one by one, on the twin as the scenario on it opens.

    state = replay(load(path))
    state = replay(load(path), until=120)

The tape alone decides what happens: no agent is asked, and none of the user's code is looked up. So
what an agent did before it failed can be played where its code is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from sim.protocol import operations as op
from sim.protocol.errors import NAMES
from sim.protocol.state import Entry, State
from sim.protocol.transaction import NOBODY, entries
from sim.scenario import Scenario
from sim.tape.columns import Frames
from sim.world import without_code

_ASKED = ["actor", "account", "x", "y", "amount", "amount_limit", "option"]
_ANSWERED = ["result0", "result1", "result2"]


class ReplayError(Exception):
    """The protocol answers differently from the tape: the code is not that of the run."""


def replay(tape: Frames, until: int | None = None) -> State:
    """The state after the last step on the tape, or after step `until`.

    Raises `ReplayError` at the first operation whose verdict or results are not those of the tape.
    """
    steps = replayed(tape)
    k, state = next(steps)
    while k != until and (after := next(steps, None)):
        k, state = after
    return state


def replayed(tape: Frames) -> Iterator[tuple[int, State]]:
    """Every step on the tape, the opening first, and the state after it: the same arrays again and
    again, changed from step to step. Raises as `replay`.
    """
    run = tape.run.iloc[0]
    # Not strict: JSON has no times.
    scenario = Scenario.model_validate_json(run["scenario_json"], strict=False)
    world = without_code(scenario, int(run["book_seed"]))
    s = world.state
    opened = [row for block in world.opening for row in block.rows]
    played = tape.operations.astype(object).to_dict("records")
    for seq, (row, done) in enumerate(zip(played, opened, strict=False)):
        if row["step"] != 0 or _words(row) != _of_journal(done):
            raise ReplayError(f"operation {seq} of the opening is not that of the scenario")
    yield 0, s
    by_step: dict[int, list[dict[Any, Any]]] = {}
    for row in played[len(opened) :]:
        by_step.setdefault(int(row["step"]), []).append(row)
    for k in map(int, tape.steps["step"].iloc[1:]):
        s.clock[0] = world.market.time[k]
        for row in by_step.get(k, ()):
            _again(s, row)
        yield k, s


def _again(s: State, row: dict[Any, Any]) -> None:
    """Carry out an operation of the tape, and hold what it comes to against the tape."""
    s.journal_length[0] = 0
    asked = (NOBODY if pd.isna(row[name]) else int(row[name]) for name in _ASKED)
    op.execute(s, Entry(op.BY_NAME[row["kind"]].kind, *asked))
    (done,) = entries(s)
    if _words(row) != _of_journal(done):
        what = f"{row['kind']} of step {row['step']}, place {row['seq']}"
        said = NAMES[done.code] or "ok"
        raise ReplayError(f"{what}: the tape says {row['verdict']}, the protocol {said}")


def _words(row: dict[Any, Any]) -> list[Any]:
    """What an operation was and came to, of a row of table `operations`."""
    return [row["kind"], row["actor"], row["amount"], row["verdict"], *(row[n] for n in _ANSWERED)]


def _of_journal(row: Entry) -> list[Any]:
    """The same of a journal row."""
    done = Entry(*map(int, row))
    results = [str(done.result0), str(done.result1), str(done.result2)]
    name = op.DECLARED[done.kind].name
    return [name, done.actor, str(done.amount), NAMES[done.code] or "ok", *results]
