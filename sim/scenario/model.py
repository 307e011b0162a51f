"""The model of a scenario file."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Annotated, ClassVar

from pydantic import Field

from sim.scenario.consistency import problems, unit_problems
from sim.schema.agents import Liquidator
from sim.schema.arguments import fields_of
from sim.schema.attack import Attack
from sim.schema.base import FromList, Instant, Level, Part, Symbol, Usd, unit
from sim.schema.blocks import Blocks
from sim.schema.book import Book, BookFile, BorrowerBook
from sim.schema.bridge import Bridge
from sim.schema.category import Category
from sim.schema.contrast import Contrast
from sim.schema.deployment import FormerTerms, Protocol, Terms
from sim.schema.expected import Expected
from sim.schema.faults import Feeds
from sim.schema.guard import Guardian
from sim.schema.market import Arbitrage, Asset, Venue
from sim.schema.own_agent import OwnAgent
from sim.schema.paths import Paths
from sim.schema.people import Behaviour, RateResponse, Withdrawals
from sim.schema.problems import Problem, ScenarioError
from sim.schema.reference import ReferenceMarket
from sim.schema.risk_desk import RiskDesk


class Scenario(Part):
    """Everything a run needs. `assets` sets the order of the columns of every array of a run."""

    OWN: ClassVar[tuple[str, ...]] = ("name", "title", "story", "sources", "expected", "contrast")
    """What it does not take over from one that it extends: what that is called, what was published
    of its event, and what it is there to show.
    """
    FILLED: ClassVar[tuple[str, ...]] = ("title", "story", "sources")
    """Of these, what is made of its name and its file where it says nothing."""

    name: str = Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=64,
        description="lower-case words joined by hyphens, like black-thursday",
    )
    title: str = Field(min_length=1, max_length=200, description="one line of text")
    story: str = Field(min_length=1, max_length=10_000, description="what happens, as text")
    sources: Annotated[tuple[str, ...], FromList] = Field(
        min_length=1, max_length=1_000, description="a list of texts: where the figures come from"
    )
    start: Instant = Field(description="a time with its zone, like 2020-03-12T00:00:00Z")
    duration_hours: float = Field(
        gt=0, le=365 * 24, description="hours simulated, a multiple of the step, at most 8760"
    )
    step_seconds: int = Field(
        ge=1, le=86_400, description="length of a step in whole seconds, 1..86400"
    )
    seed: int = Field(
        ge=0,
        lt=2**63,
        json_schema_extra=unit("none"),
        description="root of all randomness, a whole number >= 0",
    )
    assets: Mapping[Symbol, Asset] = Field(
        min_length=1, max_length=64, description="per symbol: decimals, price_usd"
    )
    hold_at_low: bool = Field(
        default=False,
        description="true: no rebound: an asset that falls stays at its lowest level from then on",
    )
    native_asset: Symbol = Field(description="the asset that gas is paid in, a key of assets")
    gas_price_gwei: Level = Field(
        description="gwei per gas: a number above 0, or a list of waypoints {at, value}"
    )
    feeds: Feeds = Field(description="per asset: the price feed; faults: what goes wrong")
    venues: Annotated[tuple[Venue, ...], FromList] = Field(
        max_length=2_016, description="a list of pairs: assets, depth_usd_per_side, fee_bps..."
    )
    reference_market: ReferenceMarket | None = Field(
        default=None,
        description="what sales leave in reference prices: assets, prices_contain_impact, "
        "baseline; absent: nothing, the market outside is deep without bound",
    )
    arbitrage: Arbitrage = Field(
        description="half_life_seconds and capital_usd of the arbitrageurs"
    )
    protocol: Protocol = Field(description="the deployment: rates, reserves, liquidation...")
    suppliers: Mapping[Symbol, Usd] = Field(
        json_schema_extra=unit("USD"),
        description="per asset: USD supplied by those who never borrow, 0 to 1e+12",
    )
    book: Book = Field(description="the borrowers: accounts, total_debt_usd..., or file")
    opened_under: Mapping[Symbol, FormerTerms] = Field(
        default={},
        description="per asset: the ltv_bps, collateral_enabled and borrow_enabled that allowed "
        "the positions of a book from a file, where those of protocol.reserves, in force from the "
        "start on, do not; absent: these",
    )
    blocks: Blocks = Field(
        default_factory=Blocks,
        description="room for liquidations in blocks: liquidation_calls_per_hour; seconds and "
        "gas_price_spread; absent: there is room for all",
    )
    liquidators: Annotated[tuple[Liquidator, ...], FromList] = Field(
        max_length=1_000, description="a list of liquidators: name, max_gas_price_gwei..."
    )
    borrowers: Annotated[tuple[Behaviour, ...], FromList] = Field(
        default=(),
        max_length=100,
        description="a list of how borrowers react: name, kind, share...; absent: nobody does",
    )
    withdrawals: Mapping[Symbol, Withdrawals] = Field(
        default_factory=dict,
        description="per asset: how its suppliers leave, base_per_day, branching_ratio...; "
        "absent: they stay",
    )
    rate_response: Mapping[Symbol, RateResponse] = Field(
        default_factory=dict,
        description="per asset: how its supply and borrowing answer to its rates, "
        "supply_per_point, borrowing_per_point, half_life_hours...; absent: they do not",
    )
    risk_desk: RiskDesk | None = Field(
        default=None,
        description="who proposes thresholds that follow volatility: assets, review_seconds, "
        "estimator...; absent: nobody",
    )
    attack: Attack | None = Field(
        default=None,
        description="who borrows against a price that is too high: at, asset, venue, capital_usd, "
        "borrow, wait_seconds; absent: nobody",
    )
    guardian: Guardian | None = Field(
        default=None,
        description="who pauses and lowers borrow limits, late: fall_bps, outflow_bps, "
        "delay_seconds, pauses...; absent: nobody",
    )
    bridges: Mapping[Symbol, Bridge] = Field(
        default={},
        description="per token of another chain: of, lag_seconds, cap_tokens, window_seconds, what "
        "goes wrong...; absent: all are of this chain",
    )
    agents: Annotated[tuple[OwnAgent, ...], FromList] = Field(
        default=(),
        max_length=100,
        description="a list of the user's own agents: name, path, capital_usd, parameters",
    )
    paths: Paths | None = Field(
        default=None,
        description="how a sweep draws prices around the levels of assets: model, "
        "volatility_per_sqrt_year...; absent: there is the named path only",
    )
    expected: Annotated[tuple[Expected, ...], FromList] = Field(
        default=(),
        max_length=100,
        description="a list of published figures that a run is held against: measure, value or "
        "low and high, source, note; absent: the scenario is no event",
    )
    contrast: Contrast | None = Field(
        default=None,
        description="the scenario without the mechanism that it is there to show: without, lowers, "
        "costs; absent: it shows none",
    )

    def with_(
        self,
        overrides: Mapping[str, object] | None = None,
        *,
        redraw_book: bool = False,
        **more: object,
    ) -> "Scenario":
        """A copy with fields replaced by their paths, in a mapping or `**` of one, and everything
        validated again; as `sim.scenario.with_overrides`. Raises `ScenarioError`, and `TypeError`
        for overrides that are no mapping of fields to values.
        """
        from sim.scenario import with_overrides  # it needs the model

        return with_overrides(self, {**fields_of("overrides", overrides), **more}, redraw_book)

    def __repr__(self) -> str:
        """In a few words: what a notebook shows of it; `model_dump` is all of it."""
        return f"{self.name}: {self.title} ({self._facts()})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        facts = f"{self.name}: {self._facts()}"
        return f"<p><b>{escape(self.title)}</b></p><p><small>{escape(facts)}</small></p>"

    def _facts(self) -> str:
        book = self.book
        borrowers = "a book" if isinstance(book, BookFile) else f"{book.accounts:,} accounts"
        return (
            f"{borrowers}; {', '.join(self.symbols)}; "
            f"{self.steps:,} steps of {self.step_seconds} s from {self.start:%Y-%m-%d %H:%M} UTC"
        )

    @property
    def steps(self) -> int:
        """Number of steps; a path has one more row, the start."""
        return round(self.duration_hours * 3600) // self.step_seconds

    @property
    def end(self) -> datetime:
        """When the last step ends."""
        return self.start + timedelta(hours=self.duration_hours)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The assets in the order of the columns of every array of a run."""
        return tuple(self.assets)

    @property
    def terms(self) -> Mapping[str, Terms]:
        """Per asset, under which the positions of the book came about."""
        if isinstance(self.book, BorrowerBook):
            return self.book.drawn_under or self.protocol.reserves
        terms: dict[str, Terms] = dict(self.protocol.reserves)
        for symbol, former in self.opened_under.items():
            if symbol in terms:
                changed = former.model_dump(exclude_none=True)
                terms[symbol] = terms[symbol].model_copy(update=changed)
        return terms

    @property
    def categories(self) -> Mapping[str, Category]:
        """By name, in which the positions of the book came about."""
        if isinstance(self.book, BorrowerBook) and self.book.drawn_in is not None:
            return self.book.drawn_in
        return self.protocol.categories

    def terms_in(self, v: int) -> Mapping[str, Terms]:
        """The same as vault v has them: of several, some do not take or lend an asset."""
        if not self.protocol.vaults:
            return self.terms
        one = list(self.protocol.vaults.values())[v]
        return {
            symbol: terms.model_copy(
                update={
                    "collateral_enabled": terms.collateral_enabled and one.takes(symbol),
                    "borrow_enabled": terms.borrow_enabled and one.lends(symbol),
                }
            )
            for symbol, terms in self.terms.items()
        }

    @property
    def responding(self) -> tuple[str, ...]:
        """The assets whose supply or borrowing answers to rates, in the order of `symbols`."""
        return tuple(
            symbol
            for symbol in self.symbols
            if (one := self.rate_response.get(symbol))
            and (one.supply_per_point or one.borrowing_per_point)
        )

    def _problems(self) -> Iterator[Problem]:
        yield from problems(self)

    def check_units(self, highest_usd: Mapping[Symbol, float]) -> None:
        """Raise `ScenarioError` if a token unit would be worth too much at one of these prices."""
        problems = [
            problem
            for symbol, highest in highest_usd.items()
            for problem in unit_problems(self, symbol, highest)
        ]
        if problems:
            raise ScenarioError(f"scenario '{self.name}'", problems)
