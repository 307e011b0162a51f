"""Builds the arrays that a run starts from: scenario + seed -> protocol state, market, and how the
state came about.

The state is reached by operations alone: tokens are minted, suppliers deposit, stakers stake,
liquidity is added and
every borrower supplies and borrows, all through `sim.protocol.transaction`. So the same start can
be played on a chain,
and a book that the protocol would not accept is refused here, before anything is deployed.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from sim import books
from sim.agents.watchers import BLOCK, SLACK, look
from sim.market.levels import to_integers
from sim.market.market import LIQUIDATOR, SALE, TALLY, WATCH, WORTH, Market
from sim.market.tables import gas_table, observed_table, price_table
from sim.protocol import hub
from sim.protocol import transaction as op
from sim.protocol.errors import NAMES, OK
from sim.protocol.state import ENGINES, FEE_BPS, SPOKE, State, copy, empty
from sim.scenario import Scenario, ScenarioError
from sim.schema.problems import Problem

ADMIN, SUPPLIERS, LIQUIDITY_PROVIDERS, STAKERS, ARBITRAGEURS = range(5)
FIRST_LIQUIDATOR = 5
UNLIMITED = (1 << 112) - 1
"""The largest amount the contracts accept: no cap."""
OPERATIONS_PER_BLOCK = 500
JOURNAL_ROWS = 4_096
"""Operations of a step that concern no account, or are rare, with room to spare."""
JOURNAL_ROWS_PER_ACCOUNT = 4
"""Flag, liquidate in parts, write off."""
VALUE = 10**8
"""Units of a value or price per USD."""


class Block(NamedTuple):
    """Operations of one timestamp."""

    time: int
    rows: list[Any]


class World(NamedTuple):
    """Everything a run needs."""

    scenario: Scenario
    symbols: list[str]
    book: books.Book
    genesis: State
    """The protocol as deployed: configured and empty."""
    opening: list[Block]
    """The operations that lead from `genesis` to `state`."""
    state: State
    market: Market


def build(scenario: Scenario, seed: int | None = None) -> World:
    """The world of a scenario; `seed` replaces the scenario's. Raises `ScenarioError` if the book
    is not accepted.
    """
    (book_seed,) = np.random.SeedSequence(scenario.seed if seed is None else seed).spawn(1)
    market_prices = price_table(scenario)
    try:
        book = books.synthetic(scenario, list(market_prices[0]), np.random.default_rng(book_seed))
    except ValueError as error:
        problem = Problem("book", str(error), "smaller debts or fewer decimals")
        raise ScenarioError(f"scenario '{scenario.name}'", [problem]) from error
    genesis = _genesis(scenario, len(book.debt))
    market = _market(scenario, market_prices, len(book.debt))
    state = copy(genesis)
    opening = _Opening(scenario, state, book, list(market_prices[0])).blocks()
    look(state, market)
    return World(scenario, list(scenario.symbols), book, genesis, opening, state, market)


def on_path(world: World, prices: Any, observed: Any) -> World:
    """The world as it was built, on other prices: tables in whole price units as
    `sim.market.paths` draws them. Its first row must be the world's own: it opened there.
    """
    tables = {"price": to_integers(prices), "observed": to_integers(observed)}
    if (tables["price"][0] != world.market.price[0]).any():
        raise ValueError("a path starts at other prices than the world opened at")
    market = Market(*(array.copy() for array in world.market))._replace(**tables)
    return world._replace(state=copy(world.state), market=market)


def _integers(values: list[Any]) -> np.ndarray[Any, Any]:
    return np.array(values, dtype=object)


def _wad(ratio: float) -> int:
    """The decimal as written, as a WAD: 0.84 is 84/100, not the nearest double."""
    return int(Fraction(str(ratio)) * 10**18)


def _genesis(scenario: Scenario, accounts: int) -> State:
    """The configured, empty protocol at a time early enough for the opening to end at the
    scenario's start.
    """
    symbols, protocol = scenario.symbols, scenario.protocol
    first_borrower = FIRST_LIQUIDATOR + len(scenario.liquidators)
    s = empty(
        units=[10 ** scenario.assets[symbol].decimals for symbol in symbols],
        vaults=1,
        account_owner=list(range(first_borrower, first_borrower + accounts)),
        account_vault=[0] * accounts,
        actors=first_borrower + accounts,
        pair_tokens=[tuple(map(symbols.index, venue.assets)) for venue in scenario.venues],  # type: ignore[misc]
        now=int(scenario.start.timestamp()) - 3_600,
        journal_capacity=JOURNAL_ROWS + JOURNAL_ROWS_PER_ACCOUNT * accounts,
    )
    for i, symbol in enumerate(symbols):
        rates, reserve, feed = (
            protocol.rates[symbol],
            protocol.reserves[symbol],
            scenario.feeds[symbol],
        )
        s.rates[i] = [
            rates.reserve_factor_bps,
            rates.optimal_usage_bps,
            rates.base_rate_bps,
            rates.slope1_bps,
            rates.slope2_bps,
        ]
        caps = [
            UNLIMITED if cap is None else min(int(cap * s.unit[i]), UNLIMITED)
            for cap in (reserve.supply_cap, reserve.borrow_cap)
        ]
        s.reserve[0, i] = [
            reserve.ltv_bps,
            reserve.lt_bps,
            reserve.max_bonus_bps,
            reserve.min_bonus_bps,
            reserve.liquidation_fee_bps,
            int(reserve.rehypothecate),
            int(reserve.collateral_enabled),
            int(reserve.borrow_enabled),
            *caps,
            reserve.lt_bps,
            0,
            0,
        ]
        bounds = [round(feed.min_price_usd * VALUE), round(feed.max_price_usd * VALUE)]
        s.oracle[0, i] = [
            feed.heartbeat_seconds,
            *bounds,
            feed.max_move_bps,
            feed.hold_off_seconds,
            0,
            0,
            0,
            0,
        ]
        spoke = dict.fromkeys(SPOKE, 0) | {"add_cap": UNLIMITED, "draw_cap": UNLIMITED, "active": 1}
        s.spoke[:, i] = list(spoke.values())
        hub.update_rate(s, i)
    rule = protocol.liquidation
    s.policy[0] = [
        ENGINES.index(rule.engine),
        _wad(rule.target_health),
        _wad(rule.hf_for_max_bonus),
        rule.auction_seconds,
        rule.delay_seconds,
        _wad(rule.urgent_health),
        round(rule.dust_value_usd * VALUE),
    ]
    s.losses[:] = [
        round(protocol.cover_window_hours * 3_600),
        int(protocol.loss_mode == "immediate"),
        round(protocol.insurance.cooldown_hours * 3_600),
    ]
    s.pair[:, FEE_BPS] = [venue.fee_bps for venue in scenario.venues]
    return s


def _market(scenario: Scenario, prices: Any, accounts: int) -> Market:
    steps, symbols = scenario.steps, scenario.symbols
    start = int(scenario.start.timestamp())
    population = scenario.liquidators
    return Market(
        time=_integers([start + k * scenario.step_seconds for k in range(steps + 1)]),
        price=prices,
        observed=observed_table(scenario),
        gas_price=gas_table(scenario),
        heartbeat=_integers([scenario.feeds[symbol].heartbeat_seconds for symbol in symbols]),
        deviation=_integers([scenario.feeds[symbol].deviation_bps for symbol in symbols]),
        arbitrage_speed=_integers([scenario.arbitrage.speed_bps]),
        liquidator=_integers(
            [
                [
                    round(one.max_gas_price_gwei * 10**9),
                    one.gas_used,
                    round(one.profit_floor_usd * VALUE),
                    round(one.capacity_usd_per_step * VALUE),
                    one.max_actions_per_step,
                ]
                for one in population
            ]
        ).reshape(len(population), len(LIQUIDATOR)),
        liquidator_actor=np.arange(len(population), dtype=np.int64) + FIRST_LIQUIDATOR,
        arbitrageur=np.array([ARBITRAGEURS]),
        native=np.array([symbols.index(scenario.native_asset)]),
        watch=np.full((accounts, len(WATCH)), 0, dtype=object),
        hot=np.full(accounts, -1, dtype=np.int64),
        hot_before=np.full(accounts, -1, dtype=np.int64),
        hot_count=np.zeros(1, dtype=np.int64),
        limit=np.full(accounts, np.inf),
        kind=np.full(accounts, len(symbols) ** 2, dtype=np.int64),
        nearest=np.full((-(-accounts // BLOCK) + 1, len(symbols) ** 2 + 1), np.inf),
        level=np.ones(len(symbols) ** 2 + 1),
        worth=np.zeros((1, len(symbols), len(WORTH))),
        fall_seen=np.ones(accounts),
        least_value=np.zeros(1),
        slack=np.full(1, SLACK),
        spent=_integers([0] * len(population)),
        actions=_integers([0] * len(population)),
        sale=np.zeros((len(symbols), len(symbols), len(SALE))),
        wanted=np.zeros(len(population)),
        candidate=np.full(accounts, -1, dtype=np.int64),
        rank=np.zeros(accounts),
        tally=_integers([0] * len(TALLY)),
    )


class _Opening:
    """Carries out the operations that lead to the start, in blocks one second apart."""

    def __init__(self, scenario: Scenario, s: State, book: books.Book, prices: list[int]) -> None:
        self._scenario, self._s, self._book, self._prices = scenario, s, book, prices
        self._blocks: list[Block] = []
        self._begin()

    def _begin(self) -> None:
        """Close the current block and start the next one."""
        s = self._s
        n = int(s.journal_length[0])
        if n:
            rows = [tuple(row) for row in s.journal[:n]]
            self._blocks.append(Block(int(s.clock[0]), rows))
        s.journal_length[0] = 0
        s.clock[0] += 1

    def _do(self, what: str, kind: int, actor: int, account: int, x: int, *numbers: int) -> None:
        """One operation that must succeed; `numbers` are y, amount, limit, option."""
        y, amount, limit, option = (*numbers, 0, 0, 0, 0)[:4]
        code = op.execute(self._s, kind, actor, account, x, y, amount, limit, option)
        if code != OK:
            asked = f"{op.KINDS[kind]} of {amount} units of asset or pair {x}"
            problem = Problem(
                what,
                f"the protocol refuses it at the start: {NAMES[code]} ({asked})",
                "more suppliers for what is borrowed, higher caps, or a smaller book",
            )
            raise ScenarioError(f"scenario '{self._scenario.name}'", [problem])
        if self._s.journal_length[0] >= OPERATIONS_PER_BLOCK:
            self._begin()

    def _tokens(self, i: int, usd: float) -> int:
        """Token units worth `usd` at the start."""
        return round(usd * VALUE) * int(self._s.unit[i]) // self._prices[i]

    def _fund(self, actor: int, i: int, amount: int) -> None:
        self._do("(tokens)", op.MINT_TOKEN, actor, op.NOBODY, i, 0, amount)

    def blocks(self) -> list[Block]:
        """All opening operations, carried out."""
        scenario, symbols = self._scenario, self._scenario.symbols
        for i, symbol in enumerate(symbols):
            self._do("(start)", op.ACCRUE, ADMIN, op.NOBODY, i)
            self._do("(start)", op.POST_PRICE, ADMIN, op.NOBODY, i, 0, self._prices[i])
            capital = scenario.protocol.insurance.capital_usd[symbol]
            for actor, kind, usd, path in (
                (SUPPLIERS, op.DEPOSIT, scenario.suppliers[symbol], f"suppliers.{symbol}"),
                (STAKERS, op.STAKE, capital, f"protocol.insurance.capital_usd.{symbol}"),
            ):
                if amount := self._tokens(i, usd):
                    self._fund(actor, i, amount)
                    self._do(path, kind, actor, op.NOBODY, i, 0, amount)
            if capital := self._tokens(i, scenario.arbitrage.capital_usd / len(symbols)):
                self._fund(ARBITRAGEURS, i, capital)
        for p, venue in enumerate(scenario.venues):
            sides = [int(i) for i in self._s.pair_tokens[p]]
            amounts = [self._tokens(i, venue.depth_usd_per_side) for i in sides]
            for i, amount in zip(sides, amounts, strict=True):
                self._fund(LIQUIDITY_PROVIDERS, i, amount)
            path = f"venues[{p}].depth_usd_per_side"
            self._do(path, op.ADD_LIQUIDITY, LIQUIDITY_PROVIDERS, op.NOBODY, p, 0, *amounts)
        for a in range(len(self._book.debt)):
            self._open_account(a)
        self._begin()
        self._s.clock[0] = self._blocks[-1].time
        return self._blocks

    def _open_account(self, a: int) -> None:
        owner, path = int(self._s.account_owner[a]), f"book (account {a})"
        if self._book.isolated[a]:
            self._do(path, op.SET_ISOLATED, owner, a, 0, 0, 0, 0, 1)
        for kind, amounts in ((op.SUPPLY, self._book.collateral), (op.BORROW, self._book.debt)):
            for i in range(len(self._scenario.symbols)):
                if amount := amounts[a, i]:
                    if kind == op.SUPPLY:
                        self._fund(owner, i, amount)
                    self._do(path, kind, owner, a, i, 0, amount)
