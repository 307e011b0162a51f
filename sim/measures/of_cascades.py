"""The measures of how a run cascaded, in the order in which tables show them."""

from __future__ import annotations

from sim.measures.activity import withdrawals_refused_usd
from sim.measures.cascade import expected_branching_ratio, hours_to_exhaustion
from sim.measures.facts import Facts, clock
from sim.measures.measure import Found, Measure


def _branching_ratio(run: Facts) -> Found:
    worst = run.spiral
    if worst.fall_alone < worst.fall:
        return Found(worst.branching_ratio, worst.asset)
    return Found(worst.branching_ratio, "no sale left a trace in a reference price")


def _by_the_book(run: Facts) -> Found:
    worst = run.spiral
    ratio = expected_branching_ratio(run.tape, worst.asset, max(worst.fall_alone, 0.01))
    return Found(ratio, worst.asset)


def _hours_to_exhaustion(run: Facts) -> Found:
    hours = hours_to_exhaustion(run.tape)
    so_far = "" if run.run["complete"] else " so far"
    return Found(hours, f"nobody was liquidated{so_far}" if hours is None else "")


def _waited(run: Facts) -> Found:
    waited = run.waiting
    return Found(None, "blocks have room for all") if waited is None else Found(waited.calls)


def _longest_wait(run: Facts) -> Found:
    waited = run.waiting
    return Found(None if waited is None else waited.longest_seconds / 60)


def _backlog(run: Facts) -> Found:
    waited = run.waiting
    if waited is None:
        return Found(None)
    most = waited.largest_backlog
    return Found(most, clock(waited.time_utc) if most else "")


OF_CASCADES = (
    Measure(
        name="first_round",
        title="liquidations by the shock itself",
        unit="number",
        table="cascade",
        meaning="of accounts that prices without anybody's sales make liquidatable at some time of "
        "the run",
        of_run=lambda run: run.rounds.first,
    ),
    Measure(
        name="first_round_usd",
        title="debt repaid in them",
        unit="USD",
        table="cascade",
        of_run=lambda run: run.rounds.first_usd,
    ),
    Measure(
        name="induced",
        title="liquidations induced by sales",
        short="induced",
        unit="number",
        table="cascade",
        meaning="those that prices without anybody's sales would not have brought about",
        suites=frozenset({"summary"}),
        of_run=lambda run: run.rounds.induced,
    ),
    Measure(
        name="induced_usd",
        title="debt repaid in these",
        unit="USD",
        table="cascade",
        of_run=lambda run: run.rounds.induced_usd,
    ),
    Measure(
        name="fall_alone",
        title="fall from outside",
        unit="share",
        digits=1,
        table="cascade",
        meaning="the largest fall of a price without what trades left in it",
        of_run=lambda run: Found(run.spiral.fall_alone, run.spiral.asset),
    ),
    Measure(
        name="fall",
        title="fall with sales",
        unit="share",
        digits=1,
        table="cascade",
        of_run=lambda run: Found(run.spiral.fall, run.spiral.asset),
    ),
    Measure(
        name="branching_ratio",
        title="branching ratio",
        short="ratio",
        unit="ratio",
        table="cascade",
        meaning="the share of the fall of a price that sales caused, in logarithms",
        suites=frozenset({"summary"}),
        of_run=_branching_ratio,
    ),
    Measure(
        name="expected_branching_ratio",
        title="the same by the book at the start",
        unit="ratio",
        table="cascade",
        of_run=_by_the_book,
    ),
    Measure(
        name="amplification",
        title="amplification",
        unit="ratio",
        table="cascade",
        meaning="the whole fall over that from outside, 1 / (1 - branching ratio)",
        of_run=lambda run: run.spiral.amplification,
    ),
    Measure(
        name="hours_to_exhaustion",
        title="from the first liquidation to the last",
        unit="hours",
        digits=1,
        table="cascade",
        of_run=_hours_to_exhaustion,
    ),
    Measure(
        name="waited",
        title="liquidations that waited for room",
        unit="number",
        table="cascade",
        of_run=_waited,
    ),
    Measure(
        name="longest_wait_minutes",
        title="the longest wait",
        unit="minutes",
        table="cascade",
        of_run=_longest_wait,
    ),
    Measure(
        name="backlog",
        title="accounts that waited at once, at most",
        unit="number",
        table="cascade",
        of_run=_backlog,
    ),
    Measure(
        name="toxic",
        title="accounts past the toxic frontier",
        unit="number",
        table="cascade",
        meaning="a liquidation lowers the health of what is left of them",
        of_run=lambda run: Found(run.toxic.alone, "at the most"),
    ),
    Measure(
        name="toxic_with_sale",
        title="the same with the impact of sales",
        unit="number",
        table="cascade",
        of_run=lambda run: Found(run.toxic.with_sale, "at the most"),
    ),
    Measure(
        name="withdrawals_refused_usd",
        title="withdrawals refused (no cash, or a limit)",
        unit="USD",
        table="cascade",
        of_run=lambda run: withdrawals_refused_usd(run.tape),
    ),
)
