"""The measure of efficiency modes: how much is owed in them. What they let anyone owe that nobody
could otherwise no run can say: `contrast` of a scenario.
"""

from __future__ import annotations

from sim.measures.borrowers import book
from sim.measures.facts import Facts
from sim.measures.measure import Found, Measure


def _owed(run: Facts) -> Found:
    """After the opening, at the oracle's prices."""
    if "category" not in run.tape.accounts:
        return Found(None)
    opened = book(run.tape)
    inside = (run.tape.accounts["category"] != "").to_numpy()[:: len(opened.symbols)]
    if not inside.any():
        return Found(None)
    accounts = f"{inside.sum():,} account{'' if inside.sum() == 1 else 's'}"
    return Found(float((opened.debt[inside] @ opened.prices).sum()), accounts)


OF_CATEGORIES = (
    Measure(
        name="category_debt_usd",
        title="owed in categories at the start",
        unit="USD",
        meaning="debts after the opening of accounts that opted into an efficiency mode",
        of_run=_owed,
    ),
)
