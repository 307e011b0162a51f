"""A scenario as whoever calls means it."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sim.front.handed_over import placed
from sim.front.own_prices import Prices, levels
from sim.measures import contrasts, published
from sim.questions.store import QuestionError
from sim.scenario import Scenario, ScenarioError, load, with_overrides
from sim.schema.arguments import fields_of
from sim.users import user_agents
from sim.world import World, without_code


class Asked(NamedTuple):
    """What is to be run."""

    scenario: Scenario
    agents: list[user_agents.Agent]
    """The user's own: those of the scenario, then those that were handed over."""

    def world(self, book_seed: int | None = None) -> World:
        """Built; `book_seed` replaces its seed for book and people. Raises `ScenarioError`."""
        return without_code(self.scenario, book_seed, self.agents)


_TOO_MANY = 2**63


def whole(name: str, number: Any, least: int) -> int | None:
    """A whole number from `least` to 2^63 - 1, as tables hold; numpy's too, None is none.
    Raises `QuestionError`.
    """
    if number is None:
        return None
    try:
        found = operator.index(number)
    except TypeError:
        raise QuestionError(f"{name} {number!r}: a whole number is needed") from None
    if found < least:
        raise QuestionError(f"{name} {found}: {least} or more is needed")
    if found >= _TOO_MANY:
        raise QuestionError(f"{name} {found}: a number below 2^63 is needed")
    return found


def changed(
    scenario: str | Path | Scenario,
    *,
    accounts: int | None = None,
    seed: int | None = None,
    hold_at_low: bool | None = None,
    overrides: Mapping[str, object] | None = None,
    redraw_book: bool = False,
    prices: Prices | None = None,
) -> Scenario:
    """A name, a file or a scenario, with what the arguments replace. Raises `ScenarioError`, and
    `TypeError` for arguments of another kind.
    """
    one = scenario if isinstance(scenario, Scenario) else load(scenario)
    shortcuts = {"book.accounts": accounts, "seed": seed, "hold_at_low": hold_at_low}
    given: dict[str, object] = {k: value for k, value in shortcuts.items() if value is not None}
    if prices is not None:
        # What figures are conditional on names the scenario: these are not its prices.
        given |= {"name": f"{one.name[:53]}-own-prices", **levels(one, prices)}
    one = with_overrides(one, {**given, **fields_of("overrides", overrides)}, redraw_book)
    problems = [*published.unmeasured(one.expected), *contrasts.unmeasured(one.contrast)]
    if problems:
        raise ScenarioError(f"scenario '{one.name}'", problems)
    return one


def asked(one: Scenario, agents: Sequence[Any] = ()) -> Asked:
    """A scenario with the user's agents: its own, and those handed over. Raises `ScenarioError`."""
    one, code = placed(one, agents)
    # Looked up only now: an override may have been about them.
    found, problems = user_agents.find(one.agents, code)
    if problems:
        raise ScenarioError(f"scenario '{one.name}'", problems)
    return Asked(one, found)
