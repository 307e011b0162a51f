"""The measures of tokens of other chains: their messages, what does not back them, what a forger
minted and borrowed. Of runs that have such a token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pandas as pd

from sim.measures.activity import in_usd
from sim.measures.facts import Facts
from sim.measures.measure import Found, Measure, OfPaths, Place
from sim.protocol import operations as op

_FORGER = "forger"
_SWEEP: Final[frozenset[Place]] = frozenset({"losses"})


def _last(run: Facts) -> pd.DataFrame:
    """The rows of the last step; none without such a token."""
    table: pd.DataFrame = run.tape.bridges
    rows: pd.DataFrame = table[table["step"] == table["step"].max()]
    return rows


def _total(column: str) -> Callable[[Facts], Found]:
    def of_run(run: Facts) -> Found:
        rows = _last(run)
        return Found(float(rows[column].sum()) if len(rows) else None)

    return of_run


def _unbacked(run: Facts) -> Found:
    """The largest of any token after any step, whether anybody knew or not."""
    table = run.tape.bridges
    table = table[table["supply"] > 0]
    if table.empty:
        return Found(None)
    missing = 1 - table["backing"].astype(float) / table["supply"].astype(float)
    worst = missing.idxmax()
    return Found(max(float(missing[worst]), 0.0), str(table["asset"][worst]))


def _by_forger(kind: str) -> Callable[[Facts], Found]:
    """USD of what the forger's operations of a kind moved, each at its time."""

    def of_run(run: Facts) -> Found:
        forgers = run.tape.agents[run.tape.agents["agent"] == _FORGER]
        if forgers.empty:
            return Found(None)
        did = run.tape.operations
        done = did[(did["verdict"] == "ok") & (did["kind"] == kind)]
        actor = forgers["actor"].iloc[0]
        whose = done["y" if kind == op.receive_message.declared.name else "actor"]
        return Found(in_usd(run.tape, done[whose == actor], "result0"))

    return of_run


OF_BRIDGES = (
    Measure(
        name="messages_sent",
        title="messages from other chains",
        unit="number",
        meaning="top-ups that borrowers sent for",
        of_run=_total("messages_sent"),
    ),
    Measure(
        name="messages_delivered",
        title="of them delivered",
        short="messages delivered",
        unit="number",
        side="benefit",
        meaning="by the end, and nothing else of messages mints",
        of_run=_total("messages_delivered"),
    ),
    Measure(
        name="messages_refused",
        title="tries of messages that were refused",
        unit="number",
        meaning="each try of the relayer that the token refused: too old, or beyond its cap",
        of_run=_total("messages_refused"),
        of_paths=OfPaths(lambda paths: paths.sum("messages_refused")),
        places=_SWEEP,
        only_if_any=True,
    ),
    Measure(
        name="unbacked_share",
        title="largest share of a bridged token that nothing backs",
        short="unbacked",
        unit="share",
        digits=2,
        meaning="after any step, whether anybody knew it or not",
        of_run=_unbacked,
    ),
    Measure(
        name="forged_usd",
        title="minted by a forger",
        unit="USD",
        meaning="for deposits that never happened, at the price of the time",
        of_run=_by_forger(op.receive_message.declared.name),
    ),
    Measure(
        name="borrowed_by_forger_usd",
        title="borrowed against it",
        short="borrowed by a forger",
        unit="USD",
        meaning="by the forger, who does not repay, at the price of the time",
        of_run=_by_forger(op.borrow.declared.name),
        of_paths=OfPaths(lambda paths: paths.sum("borrowed_by_forger")),
        places=_SWEEP,
        only_if_any=True,
    ),
)
