"""One book in three layouts of the same collateral, and what one vault's loss is to the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from sim.books.seeds import seed_of
from sim.engines.baseline import settled
from sim.engines.recorded import recorded
from sim.front.asked import asked, changed, whole
from sim.front.several_books import drawn
from sim.front.shown import bar
from sim.market.paths import draw, observed
from sim.measures import vaults
from sim.measures.intervals import Estimate, paired_mean
from sim.measures.losses import probability_of_loss
from sim.measures.registry import figures
from sim.protocol.units import BPS, USD
from sim.protocol.vault_accounts import health
from sim.questions.store import QuestionError
from sim.scenario import Scenario, ScenarioError
from sim.schema.problems import Problem
from sim.tape import Frames, Tape, frames
from sim.world import on_path

LAYOUTS: Mapping[str, Mapping[str, Any]] = {
    "pooled": {"protocol.vaults": {}, "book.split": "no", "book.vault_shares": {}},
    "segments": {"book.split": "vaults", "book.vault_shares": {}},
    "isolated": {"book.split": "isolated", "book.vault_shares": {}},
}
"""What is set to have the accounts of a book whole in one vault, in the vaults of their collateral,
and as one isolated account per collateral and debt.
"""
MEASURES = ("loss_usd", "bad_debt_usd", "liquidations", "repaid_usd")
POWER = "borrowing_power_usd"
"""What could be borrowed against all collateral at the start."""
_COLUMNS = ["pooled", "here", "difference", "low", "high", "cross_worse", "cross_low", "cross_high"]


class Played(NamedTuple):
    """A book on a path in a layout."""

    figures: dict[str, float]
    tape: Frames


def layouts(scenario: str | Path | Scenario, books: int = 20) -> pd.DataFrame:
    """The same books on the same paths pooled, in segments and isolated, exactly: book j on path j
    of a scenario with `paths`, else on the named one. Rows by (layout, measure), for segments and
    isolated: means pooled and here, the mean of their difference on each book, here less pooled,
    with its 95% interval, and the share of books on which pooled, cross margin, came to more
    (cross_worse), with its own. What is set for each is in `LAYOUTS`.

    Raises `ScenarioError`, also of a scenario with one vault, and `QuestionError` for a number of
    books below 1.
    """
    one, number = _several(scenario), whole("books", books, 1) or 1
    count = drawn(one, number)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in LAYOUTS}
    with bar(f"{one.name}, books", count) as advance:
        for book in range(count):
            for name, overrides in LAYOUTS.items():
                played = _played(_laid_out(one, overrides), seed_of(one.seed, book), book)
                found[name].append(played.figures)
            advance(1)
    rows = {
        (name, measure): _compared(
            np.array([book[measure] for book in found["pooled"]]),
            np.array([book[measure] for book in found[name]]),
        )
        for name in ("segments", "isolated")
        for measure in (*MEASURES, POWER)
    }
    index = pd.MultiIndex.from_tuples(rows, names=["layout", "measure"])
    return pd.DataFrame(list(rows.values()), index=index, columns=_COLUMNS)


def contagion(scenario: str | Path | Scenario, fall: float = 0.3, books: int = 1) -> pd.DataFrame:
    """What vault j loses more per USD that vault k does when the collateral of k falls by `fall`
    (0 to 1) more than it does, from the first step on: `sim.measures.vaults.contagion` of the mean
    losses over books. Exact. A row per vault k; a book file is one book.

    Raises as `layouts`, and `QuestionError` for a fall outside 0 to 1.
    """
    one, number = _several(scenario), whole("books", books, 1) or 1
    if not 0 < fall < 1:
        raise QuestionError(f"fall {fall!r}: a number between 0 and 1 is needed")
    names, count = list(one.protocol.vaults), drawn(one, number)
    lost: dict[str | None, dict[str, float]] = {}
    with bar(f"{one.name}, vaults", len(names) + 1) as advance:
        for k in (None, *names):
            sums = dict.fromkeys(names, 0.0)
            for book in range(count):
                played = _played(one, seed_of(one.seed, book), book, k, fall)
                for name, usd in vaults.by_vault(played.tape).items():
                    sums[str(name)] += usd
            lost[k] = sums
            advance(1)
    return vaults.contagion(lost[None], {name: lost[name] for name in names})


def _several(scenario: str | Path | Scenario) -> Scenario:
    one = changed(scenario)
    if len(one.protocol.vaults) < 2:
        problem = Problem("protocol.vaults", "there is one vault", "two or more, by their names")
        raise ScenarioError(f"scenario '{one.name}'", [problem])
    return one


def _laid_out(scenario: Scenario, overrides: Mapping[str, Any]) -> Scenario:
    return changed(scenario, overrides=dict(overrides))


def _played(
    scenario: Scenario, seed: int, path: int, shocked: str | None = None, fall: float = 0.0
) -> Played:
    """The book of a seed on path number `path`; the collateral of a vault falls further."""
    world = settled(asked(scenario).world(seed))
    power = sum(health(world.state, a).weighted_limit for a in range(len(world.state.account)))
    if scenario.paths is not None or shocked is not None:
        prices = world.market.price.astype(np.float64)[np.newaxis]
        if scenario.paths is not None:
            prices = draw(scenario, "mc", path, 1)
        for i in _collateral(scenario, shocked):
            prices[0, 1:, i] = np.rint(prices[0, 1:, i] * (1 - fall))
        world = on_path(world, prices[0], observed(scenario, prices)[0])
    tape = Tape(world, "exact")
    for _ in recorded(world, tape):
        pass
    made = frames(tape.tables(True))
    return Played({**figures(made, MEASURES), POWER: int(power) / BPS / USD}, made)


def _collateral(scenario: Scenario, vault: str | None) -> Iterator[int]:
    """The assets that a vault takes."""
    if vault is None:
        return
    v = list(scenario.protocol.vaults).index(vault)
    for i, symbol in enumerate(scenario.symbols):
        if scenario.terms_in(v)[symbol].collateral_enabled:
            yield i


def _compared(pooled: Any, here: Any) -> list[float]:
    difference: Estimate = paired_mean(here - pooled)
    worse = probability_of_loss((pooled > here).astype(float))
    return [
        float(pooled.mean()),
        float(here.mean()),
        difference.value,
        difference.low,
        difference.high,
        worse.value,
        worse.low,
        worse.high,
    ]
