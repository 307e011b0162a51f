"""What figures are conditional on: prices, horizon, books and the impact of sales, in one line.

A scenario is as JSON says it; older versions wrote fewer fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sim.measures.borrowers import scenario_of
from sim.report.text import counted, listed, short_usd, span
from sim.sweeps.plan import Plan
from sim.tape import Frames
from sim.tuning.preset import Setup

Scenario = Mapping[str, Any]


class Books(NamedTuple):
    """Whose losses figures are."""

    number: int
    seed: int
    """Of the first, see `sim.books.seeds`."""
    accounts: int | None
    """Of each; None where a file says it."""

    @property
    def heading(self) -> str:
        """The end of a heading."""
        if self.number > 1:
            return f"of {self.number:,} books"
        return f"of this book (seed {self.seed})" if self.accounts else "of this recorded book"

    @property
    def said(self) -> str:
        """How they came about."""
        if not self.accounts:
            return "this recorded book"
        what = counted(self.number, "book") if self.number > 1 else "one book"
        return f"{what} of {counted(self.accounts, 'account')} drawn with seed {self.seed}"

    @property
    def shown(self) -> str:
        """Which of them a picture of accounts is of."""
        if self.number == 1:
            return "The accounts are those of the one book."
        return (
            f"Of the books the first of {self.number:,} is shown (seed {self.seed}), the one of "
            "`ape run crash`: others have other large accounts."
        )


def books_of(scenario: Scenario, number: int, seed: int) -> Books:
    """So many books of a scenario."""
    return Books(number, seed, scenario["book"].get("accounts"))


def books_of_run(tape: Frames) -> Books:
    """The book of a run."""
    run = tape.run.iloc[0]
    # Tapes of before books had seeds of their own lack it.
    return books_of(scenario_of(tape), 1, int(run.get("book_seed", run["seed"])))


def books_of_plan(plan: Plan) -> Books:
    """The books of a sweep."""
    return books_of(plan.scenario.model_dump(mode="json"), plan.books, plan.book_seed)


def of_run(tape: Frames) -> str:
    """Of one run."""
    scenario = scenario_of(tape)
    return _line(_levels(scenario).rstrip(","), scenario, books_of_run(tape))


def of_plan(plan: Plan) -> str:
    """Of a sweep."""
    scenario = plan.scenario.model_dump(mode="json")
    return _line(prices(scenario), scenario, books_of_plan(plan))


def of_setup(setup: Setup, books: int, fresh: int) -> str:
    """Of a search on so many books, judged on `fresh` others."""
    first, *_ = documents = [one.model_dump(mode="json") for one in setup.scenarios]
    named = zip(setup.preset.scenarios, documents, strict=True)
    horizons = dict.fromkeys(span(one["duration_hours"] * 3600) for one in documents)
    own = books_of(first, books, first["seed"]).said
    others = f", and {fresh:,} others for the choices" if fresh > 1 else " for all of it"
    return (
        f"Given: {'; '.join(f'{part.name}, {prices(one)}' for part, one in named)}; "
        f"{listed(list(horizons))}; {own}{others}; "
        f"{listed(list(dict.fromkeys(map(impact, documents))))}."
    )


def prices(scenario: Scenario) -> str:
    """How the paths of a sweep move."""
    paths = scenario["paths"] or {}
    model = paths.get("model", "no model")
    if model == "replay":
        return f"windows of the prices in {str(paths['history']).rpartition('/')[2]}"
    if _moves(scenario):
        return f"{_levels(scenario)} x noise of {model}"
    return f"prices simulated by {model}"


def impact(scenario: Scenario) -> str:
    """What sales of collateral do to prices."""
    market = scenario.get("reference_market")
    if not market:
        return "impact of sales in pools only" if scenario["venues"] else "no venue to sell on"
    deep = [f"{name} {short_usd(_depth(one))}" for name, one in market["assets"].items()]
    stays = f"sales move reference prices (1% for {listed(deep)})"
    return f"{stays} beyond the impact they contain" if market["prices_contain_impact"] else stays


def _depth(one: Mapping[str, Any]) -> float:
    return float(one["depth_usd_per_percent"])


def _levels(scenario: Scenario) -> str:
    """The prices that the scenario names."""
    if not _moves(scenario):
        return "prices that stand still"
    held = ", held at their low," if scenario.get("hold_at_low") else ""
    return f"the prices of {scenario['name']}{held}"


def _moves(scenario: Scenario) -> bool:
    assets = scenario["assets"].values()
    return any(not isinstance(asset["price_usd"], int | float) for asset in assets)


def _line(how: str, scenario: Scenario, books: Books) -> str:
    horizon = span(scenario["duration_hours"] * 3600)
    return f"Given: {how}; {horizon}; {books.said}; {impact(scenario)}."
