"""What the current and the recommended setting make of the borrowers of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sim.measures import borrowers as books
from sim.questions.opening import NotKeptError
from sim.report.page import crash_page
from sim.report.page import market_costs as market
from sim.report.page.source import Tuning
from sim.tape import Frames
from sim.tuning.kept import kept


class Setting(NamedTuple):
    """What a parameter setting makes of a market, as a run of its first scenario begins."""

    title: str
    tape: Frames
    book: books.Book
    pools: books.Pools
    falling: list[str]
    bonuses: Mapping[str, float]
    rates: Mapping[str, Any]
    usage: Mapping[str, float]


def settings(source: Tuning) -> tuple[Setting, Setting] | str:
    """The current and the recommended setting as the sweep left them, or why they cannot be shown.

    Borrowers are those of the sweep, by its convention (`sim.books.borrowing`).
    """
    try:
        tapes = kept(source.path, source.result)
    except NotKeptError as error:
        return str(error)
    now, then = (_setting(tape, list(source.result.scenarios[0].moving)) for tape in tapes)
    return now, then


def _setting(tape: Frames, falling: list[str]) -> Setting:
    document = books.scenario_of(tape)
    return Setting(
        document["title"],
        tape,
        books.book(tape),
        books.pools(tape),
        falling,
        crash_page.bonuses(document, falling),
        crash_page.borrowed(tape, document["protocol"]["rates"]),
        market.usages(tape)["at the start"],
    )
