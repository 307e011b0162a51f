"""Builds the arrays that a run starts from: scenario + seed -> protocol state, market, and how the
state came about.

The state is one that is reached by operations alone: tokens are minted, suppliers deposit, stakers
stake, liquidity is added and every borrower supplies and borrows, all through
`sim.protocol.operations`. So the same start can be played on a chain, and a book that the protocol
would not accept is refused here, before anything is deployed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from sim import books
from sim.agents.habits import reserves
from sim.agents.start import ARBITRAGEURS, LIQUIDITY_PROVIDERS, Start
from sim.health.first_look import first_look
from sim.market import lost_before
from sim.market.feed_sources import answers_at_start
from sim.market.level_tables import price_table
from sim.market.levels import to_integers
from sim.market.market import Market
from sim.market.path_tables import check_tables
from sim.market.reference import remember
from sim.market.shortfall import perhaps_short
from sim.protocol.records import copy
from sim.protocol.soundness import MOST_ASSETS
from sim.protocol.state import WALLET, State
from sim.scenario import Scenario, ScenarioError
from sim.schema.problems import Problem
from sim.users import user_agents
from sim.world.actors import own, share_takers, taken_names
from sim.world.at_once import AtOnce
from sim.world.genesis import genesis
from sim.world.opening import Block, Blocks, Opening
from sim.world.surroundings import surroundings


class World(NamedTuple):
    """Everything a run needs."""

    scenario: Scenario
    symbols: list[str]
    book: books.Book
    genesis: State
    """The protocol as deployed: configured and empty."""
    opening: Sequence[Block]
    """The operations that lead from `genesis` to `state`, carried out when somebody reads them."""
    state: State
    market: Market
    agents: list[user_agents.Agent]
    """The user's own, in the order of the scenario."""
    book_seed: int
    """What book and people were drawn with."""


def build(scenario: Scenario, seed: int | None = None, book: books.Book | None = None) -> World:
    """The world of a scenario; `seed` replaces the scenario's for book and people, `book` the one
    that it describes. Raises `ScenarioError` if the user's own agents cannot be had or the book is
    not accepted.
    """
    agents, problems = user_agents.find(scenario.agents)
    if problems:
        raise ScenarioError(f"scenario '{scenario.name}'", problems)
    return without_code(scenario, seed, agents, book)


def without_code(
    scenario: Scenario,
    seed: int | None = None,
    agents: Sequence[user_agents.Agent] = (),
    book: books.Book | None = None,
) -> World:
    """The same with nobody's code looked up: `agents` act, and accounts of others stay idle."""
    root = scenario.seed if seed is None else seed
    market_prices = price_table(scenario)
    if book is None:
        book = _at_start(scenario, root, answers_at_start(scenario, list(market_prices[0])))
    if problems := [*_taken(scenario, book), *_too_many_assets(book)]:
        raise ScenarioError(f"scenario '{scenario.name}'", problems)
    accounts = len(book.debt) + len(own(scenario)) + len(share_takers(scenario))
    deployed = genesis(scenario, accounts, vaults_of(scenario, book))
    start = start_of(scenario, book, market_prices, root)
    market = surroundings(start, accounts, agents)
    given = book, reserves(start), list(market_prices[0])
    state = copy(deployed)
    AtOnce(scenario, state, *given).blocks()
    opening = Blocks(lambda: Opening(scenario, copy(deployed), *given).blocks())
    begin(state, market)
    doubles = state.position.astype(np.float64)
    first_look(state, market, doubles)
    lost_before.begin_of(state, market, perhaps_short(state, market.price[0], doubles))
    return World(
        scenario, list(scenario.symbols), book, deployed, opening, state, market, list(agents), root
    )


def start_of(scenario: Scenario, book: books.Book, prices: Any, seed: int) -> Start:
    """What agents are made from; `prices` are the reference prices, (steps + 1, assets)."""
    accounts = {one.name: len(book.debt) + n for n, one in enumerate(own(scenario))}
    return Start(scenario, book, prices, seed, accounts)


def vaults_of(scenario: Scenario, book: books.Book) -> list[int]:
    """The vault of every account but share takers'."""
    of_book = [0] * len(book.debt) if book.vault is None else book.vault.tolist()
    return [*of_book, *(one.vault for one in own(scenario))]


def begin(state: State, market: Market) -> None:
    """Let the market know how venues and arbitrageurs stand when the run starts."""
    market.actors.liquidity_providers.at_start[:] = state.lp[LIQUIDITY_PROVIDERS]
    market.actors.arbitrageurs.at_start[:] = state.holding[ARBITRAGEURS, :, WALLET]
    remember(state, market)


def _taken(scenario: Scenario, book: books.Book) -> Iterator[Problem]:
    taken = taken_names(scenario, book) if scenario.agents else set()
    for i, one in enumerate(scenario.agents):
        if one.name in taken:
            yield Problem(f"agents[{i}].name", f"{one.name} is taken", "a name of its own")


def _too_many_assets(book: books.Book) -> Iterator[Problem]:
    counts = np.count_nonzero((book.supplied != 0) | (book.debt != 0), axis=1)
    for a in np.flatnonzero(counts > MOST_ASSETS):
        place, problem = f"book ({book.name(int(a))})", f"has or owes {counts[a]} assets"
        yield Problem(place, problem, f"at most {MOST_ASSETS}, as the vaults allow")


def _at_start(scenario: Scenario, seed: int, prices: list[int]) -> books.Book:
    """The book that the scenario describes, at `prices`: those that the protocol sees."""
    (book_seed,) = np.random.SeedSequence(seed).spawn(1)
    try:
        return books.at_start(scenario, prices, np.random.default_rng(book_seed))
    except ValueError as error:
        problem = Problem("book", str(error), "smaller debts or fewer decimals")
        raise ScenarioError(f"scenario '{scenario.name}'", [problem]) from error


def on_path(world: World, prices: Any, observed: Any) -> World:
    """The world as it was built, on other prices: tables in whole price units as
    `sim.market.paths` draws them, each (steps + 1, assets). Raises ValueError for others, see
    `check_tables`; the first row must be the world's own: it opened there. Also for a world that is
    its own baseline: on other prices there is none, see `sim.engines.baseline.settled`.
    """
    if world.market.reference.is_baseline[0]:
        raise ValueError("a baseline runs on its own prices only")
    floats = [np.array([table], dtype=np.float64) for table in (prices, observed)]
    check_tables(floats[0], floats[1], world.scenario.steps, world.market.price[0])
    market = copy(world.market)
    feeds = market.feeds._replace(observed=to_integers(observed))
    market = market._replace(price=to_integers(prices), feeds=feeds)
    return world._replace(state=copy(world.state), market=market)
