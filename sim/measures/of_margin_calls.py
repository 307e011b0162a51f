"""The measures of margin calls: how many, what became of them, what they cost those who are called.

How many liquidations calls prevent no run can say: that is the difference to the same run without
them, `contrast` of a scenario.
"""

from __future__ import annotations

from typing import Final

from sim.measures.facts import Facts
from sim.measures.measure import Found, Measure, OfPaths, Place

_REFUSED = "UnderMarginCall"
_SWEEP: Final[frozenset[Place]] = frozenset({"losses"})


def _refusals(run: Facts) -> float:
    return float((run.tape.operations["verdict"] == _REFUSED).sum())


def _calls(run: Facts) -> Found:
    called, refused = run.so_far("margin_calls"), _refusals(run)
    return Found(called or None, f"{refused:,.0f} operations refused under them" if called else "")


def _answered(run: Facts) -> Found:
    called = run.so_far("margin_calls")
    return Found(run.so_far("calls_answered") / called if called else None)


OF_MARGIN_CALLS = (
    Measure(
        name="margin_calls",
        title="margin calls",
        unit="number",
        meaning="calls of accounts that were healthy, but near",
        of_run=_calls,
        of_paths=OfPaths(lambda paths: paths.sum("margin_calls")),
        places=_SWEEP,
        only_if_any=True,
    ),
    Measure(
        name="calls_answered",
        title="share of them answered",
        unit="share",
        meaning="of the margin calls those that the borrower ended by what he did",
        of_run=_answered,
    ),
    Measure(
        name="call_refusals",
        title="refused under margin calls",
        unit="number",
        table="files",
        meaning="operations refused because the account was called: borrowing, withdrawals",
        of_run=_refusals,
    ),
    Measure(
        name="topped_up_usd",
        title="collateral that borrowers added",
        unit="USD",
        table="files",
        meaning="own tokens that were supplied to stay healthy, and are tied up since",
        of_run=lambda run: run.so_far("topped_up_usd"),
    ),
    Measure(
        name="deleveraged_usd",
        title="debt that borrowers repaid by selling",
        unit="USD",
        table="files",
        meaning="what they sold own tokens or collateral for, to stay healthy",
        of_run=lambda run: run.so_far("deleveraged_usd"),
    ),
    Measure(
        name="looped_usd",
        title="debt that borrowers took on",
        unit="USD",
        side="benefit",
        table="files",
        meaning="what they borrowed during the run to buy collateral",
        of_run=lambda run: run.so_far("looped_usd"),
    ),
    Measure(
        name="taken_out_usd",
        title="collateral that borrowers took out",
        unit="USD",
        side="benefit",
        table="files",
        meaning="what they withdrew during the run, not to sell it",
        of_run=lambda run: run.so_far("taken_out_usd"),
    ),
)
