"""Scenarios: the whole of what a run needs, and how it gets here from a file.

    load("black-thursday")                  a scenario of sim/scenarios
    load("mine/depeg.yaml")                 a file, which may extend a base of sim/scenarios/bases
    with_overrides(scenario, {"book.accounts": 50, "venues[0].fee_bps": 5})

Both validate everything and raise `ScenarioError`, which names file, field and remedy: a scenario
that cannot be run is refused before anything runs. `digest` identifies what was run.

A scenario may name files: of prices, of a book, of a history. Their paths are seen from the folder
of the scenario file, those of overrides from the working directory; in memory they are absolute.
What is in them is read, and refused, where a world or a path is built.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from sim.schema.agents import Liquidator
from sim.schema.attack import Attack
from sim.schema.base import FromList, Instant, Level, Part, Symbol, Usd
from sim.schema.bases import extended
from sim.schema.book import Book, BorrowerBook
from sim.schema.deployment import Protocol
from sim.schema.expected import Expected
from sim.schema.faults import Feeds
from sim.schema.market import Arbitrage, Asset, Venue
from sim.schema.own_agent import OwnAgent
from sim.schema.paths import Paths
from sim.schema.people import MOST_WITHDRAWALS, Behaviour, Withdrawals
from sim.schema.price_file import PriceFile
from sim.schema.problems import Problem, ScenarioError, explain, join, nearest
from sim.schema.yaml_file import read

__all__ = ["Scenario", "ScenarioError", "digest", "files", "known", "load", "with_overrides"]

_FOLDER = Path(__file__).parent / "scenarios"
_MAX_STEPS = 1_000_000
# The largest worth of one token unit: above it, amounts of a few thousand dollars round visibly.
_MAX_UNIT_USD = 0.01


class Scenario(Part):
    """Everything a run needs. `assets` sets the order of the columns of every array of a run."""

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
    seed: int = Field(ge=0, lt=2**63, description="root of all randomness, a whole number >= 0")
    assets: Mapping[Symbol, Asset] = Field(
        min_length=1, max_length=64, description="per symbol: decimals, price_usd"
    )
    native_asset: Symbol = Field(description="the asset that gas is paid in, a key of assets")
    gas_price_gwei: Level = Field(
        description="gwei per gas: a number above 0, or a list of waypoints {at, value}"
    )
    feeds: Feeds = Field(description="per asset: the price feed; faults: what goes wrong")
    venues: Annotated[tuple[Venue, ...], FromList] = Field(
        max_length=2_016, description="a list of pairs: assets, depth_usd_per_side, fee_bps..."
    )
    arbitrage: Arbitrage = Field(
        description="speed_bps or half_life_seconds, and capital_usd of the arbitrageurs"
    )
    protocol: Protocol = Field(description="the deployment: rates, reserves, liquidation...")
    suppliers: Mapping[Symbol, Usd] = Field(
        description="per asset: USD supplied by those who never borrow, 0 to 1e+12"
    )
    book: Book = Field(description="the borrowers: accounts, total_debt_usd..., or file")
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
    attack: Attack | None = Field(
        default=None,
        description="who borrows against a price that is too high: at, asset, venue, capital_usd, "
        "borrow, wait_seconds; absent: nobody",
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

    @property
    def steps(self) -> int:
        """Number of steps; a path has one more row, the start."""
        return round(self.duration_hours * 3600) // self.step_seconds

    @property
    def symbols(self) -> tuple[str, ...]:
        """The assets in the order of the columns of every array of a run."""
        return tuple(self.assets)

    def _problems(self) -> Iterator[Problem]:
        yield from self._time_problems()
        yield from self._asset_problems()
        yield from self._venue_problems()
        yield from self._fault_problems()
        yield from self._book_problems()
        yield from self._people_problems()
        yield from self._attack_problems()
        yield from self._own_agent_problems()
        names = [liquidator.name for liquidator in self.liquidators]
        for i, name in enumerate(names):
            if name in names[:i]:
                yield Problem(f"liquidators[{i}].name", f"{name} is taken", "a name of its own")
            for symbol in self.liquidators[i].capital_usd or {}:
                yield from self._unknown(f"liquidators[{i}].capital_usd.{symbol}", symbol)

    def _time_problems(self) -> Iterator[Problem]:
        seconds = self.duration_hours * 3600
        steps = round(seconds / self.step_seconds)
        # 1e-6 s: hours such as 0.1 are no binary number
        if not 1 <= steps <= _MAX_STEPS or abs(seconds - steps * self.step_seconds) > 1e-6:
            near = min(max(steps, 1), _MAX_STEPS) * self.step_seconds / 3600
            yield Problem(
                "duration_hours",
                f"{self.duration_hours:g} h is not 1 to {_MAX_STEPS} whole steps of "
                f"{self.step_seconds} s",
                f"{near!r}, or another step_seconds",
            )
        end = self.start + timedelta(hours=self.duration_hours)
        levels = {
            f"assets.{symbol}.price_usd": asset.price_usd for symbol, asset in self.assets.items()
        }
        depths = {
            f"venues[{p}].depth_over_time": venue.depth_over_time
            for p, venue in enumerate(self.venues)
        }
        for path, level in {**levels, "gas_price_gwei": self.gas_price_gwei, **depths}.items():
            if isinstance(level, tuple) and (level[0].at > end or level[-1].at < self.start):
                yield Problem(
                    path,
                    "all waypoints lie outside the run",
                    f"waypoints from {_iso(self.start)} to {_iso(end)}, or one number",
                )

    def _asset_problems(self) -> Iterator[Problem]:
        keyed: dict[str, Mapping[str, object]] = {
            "feeds": dict(self.feeds.items()),
            "protocol.rates": self.protocol.rates,
            "protocol.insurance.capital_usd": self.protocol.insurance.capital_usd,
            "protocol.reserves": self.protocol.reserves,
            "suppliers": self.suppliers,
        }
        if isinstance(self.book, BorrowerBook):
            keyed["book.collateral_weights"] = self.book.collateral_weights
            keyed["book.debt_weights"] = self.book.debt_weights
        for path, mapping in keyed.items():
            for symbol in mapping:
                yield from self._unknown(f"{path}.{symbol}", symbol)
            for symbol in self.assets:
                if symbol not in mapping:
                    yield Problem(
                        f"{path}.{symbol}", "is missing", "an entry for every key of assets"
                    )
        yield from self._unknown("native_asset", self.native_asset)
        for symbol in self.paths.volatility_per_sqrt_year if self.paths else ():
            yield from self._unknown(f"paths.volatility_per_sqrt_year.{symbol}", symbol)
        for i, figure in enumerate(self.expected):
            if figure.asset is not None:
                yield from self._unknown(f"expected[{i}].measure", figure.asset)
        for symbol, asset in self.assets.items():
            level = asset.price_usd
            if not isinstance(level, PriceFile):  # is not known before it is read
                highest = max(w.value for w in level) if isinstance(level, tuple) else level
                yield from self._unit_problems(symbol, highest)

    def check_units(self, highest_usd: Mapping[Symbol, float]) -> None:
        """Raise `ScenarioError` if a token unit would be worth too much at one of these prices."""
        problems = [
            problem
            for symbol, highest in highest_usd.items()
            for problem in self._unit_problems(symbol, highest)
        ]
        if problems:
            raise ScenarioError(f"scenario '{self.name}'", problems)

    def _unit_problems(self, symbol: str, highest_usd: float) -> Iterator[Problem]:
        if highest_usd > _MAX_UNIT_USD * 10 ** self.assets[symbol].decimals:
            yield Problem(
                f"assets.{symbol}.decimals",
                f"at {highest_usd:g} USD a token the smallest unit is worth more than a cent",
                "more decimals or a lower price",
            )

    def _venue_problems(self) -> Iterator[Problem]:
        first: dict[frozenset[str], int] = {}
        for i, venue in enumerate(self.venues):
            for j, symbol in enumerate(venue.assets):
                yield from self._unknown(f"venues[{i}].assets[{j}]", symbol)
            same = first.setdefault(frozenset(venue.assets), i)
            if same != i:
                yield Problem(
                    f"venues[{i}].assets",
                    f"the same pair as venues[{same}]",
                    "one venue per pair: add the depths",
                )

    def _fault_problems(self) -> Iterator[Problem]:
        pairs = [venue.assets for venue in self.venues]
        yield from self.feeds.problems_in(
            self.assets, pairs, self.start, self.steps, self.step_seconds
        )

    def _book_problems(self) -> Iterator[Problem]:
        book = self.book
        if not isinstance(book, BorrowerBook):
            return
        collateral = {s for s, weight in book.collateral_weights.items() if weight}
        debts = {s for s, weight in book.debt_weights.items() if weight}
        pledged = {f"book.collateral_weights.{symbol}": symbol for symbol in collateral}
        owed = {f"book.debt_weights.{symbol}": symbol for symbol in debts}
        if book.loop_pair:
            pledged["book.loop_pair[0]"], owed["book.loop_pair[1]"] = book.loop_pair
            for i, symbol in enumerate(book.loop_pair):
                yield from self._unknown(f"book.loop_pair[{i}]", symbol)
        for path, symbol in sorted(pledged.items()):
            reserve = self.protocol.reserves.get(symbol)
            if reserve and not (reserve.collateral_enabled and reserve.ltv_bps):
                yield Problem(
                    path,
                    "nothing can be borrowed against this asset",
                    f"another, or protocol.reserves.{symbol} with collateral_enabled and ltv_bps "
                    "above 0",
                )
        for path, symbol in sorted(owed.items()):
            reserve = self.protocol.reserves.get(symbol)
            if reserve and not reserve.borrow_enabled:
                yield Problem(
                    path,
                    "this asset cannot be borrowed",
                    f"another, or protocol.reserves.{symbol}.borrow_enabled",
                )
        needed = 2 if book.two_collateral_share and book.isolated_share < 1 else 1
        for symbol in sorted(debts):
            if len(collateral - {symbol}) < needed:
                yield Problem(
                    f"book.debt_weights.{symbol}",
                    f"fewer than {needed} other assets have a collateral weight above 0",
                    "0, or more collateral assets: nobody borrows what he has pledged",
                )

    def _people_problems(self) -> Iterator[Problem]:
        names = [behaviour.name for behaviour in self.borrowers]
        for i, name in enumerate(names):
            if name in names[:i]:
                yield Problem(f"borrowers[{i}].name", f"{name} is taken", "a name of its own")
        total = sum(behaviour.share for behaviour in self.borrowers)
        if total > 1 + 1e-9:  # ten times 0.1 is not 1 in binary
            yield Problem("borrowers", f"the shares add up to {total:g}", "at most 1 together")
        for symbol, leaving in self.withdrawals.items():
            path = f"withdrawals.{symbol}"
            yield from self._unknown(path, symbol)
            if self.suppliers.get(symbol) == 0:
                yield Problem(path, "nobody supplies this asset", f"suppliers.{symbol} above 0")
            expected = leaving.most_expected(self.duration_hours)
            if expected > MOST_WITHDRAWALS:
                yield Problem(
                    f"{path}.base_per_day",
                    f"up to {expected:.0f} withdrawals are to be expected",
                    f"at most {MOST_WITHDRAWALS}: fewer and larger ones, a lower branching_ratio, "
                    "per_usage or per_loss",
                )

    def _attack_problems(self) -> Iterator[Problem]:
        attack = self.attack
        if attack is None:
            return
        yield from self._unknown("attack.asset", attack.asset)
        yield from self._unknown("attack.borrow", attack.borrow)
        pairs = [frozenset(venue.assets) for venue in self.venues]
        if frozenset(attack.venue) not in pairs:
            there = ", ".join(f"[{', '.join(venue.assets)}]" for venue in self.venues)
            yield Problem("attack.venue", "no such venue", f"the venues are: {there or 'none'}")
        end = self.start + timedelta(hours=self.duration_hours)
        if not self.start <= attack.at <= end:
            yield Problem(
                "attack.at", "outside the run", f"a time from {_iso(self.start)} to {_iso(end)}"
            )

    def _own_agent_problems(self) -> Iterator[Problem]:
        taken = {"attacker", *(liquidator.name for liquidator in self.liquidators)}
        for i, agent in enumerate(self.agents):
            if agent.name in taken:
                yield Problem(f"agents[{i}].name", f"{agent.name} is taken", "a name of its own")
            taken.add(agent.name)
            for symbol in agent.capital_usd:
                yield from self._unknown(f"agents[{i}].capital_usd.{symbol}", symbol)

    def _unknown(self, path: str, symbol: str) -> Iterator[Problem]:
        if symbol not in self.assets:
            yield Problem(path, "not an asset", nearest(symbol, self.assets, "the assets are"))


def known() -> list[str]:
    """The names of the scenarios that come with the package, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load(path_or_name: str | Path) -> Scenario:
    """The scenario in a file, or of a known name. A path has a folder or ends in .yaml or .yml."""
    path = Path(path_or_name)
    is_name = isinstance(path_or_name, str) and not re.search(r"[/\\]|\.ya?ml$", path_or_name)
    if is_name:
        if path_or_name not in known():
            remedy = nearest(str(path_or_name), known(), "the known ones are")
            raise ScenarioError(
                f"scenario '{path_or_name}'", [Problem("(name)", "is not known", remedy)]
            )
        path = _FOLDER / f"{path_or_name}.yaml"
    document, file = extended(read(path), path, _FOLDER / "bases")
    _see_files_from(path.parent, document)
    return _validated(document, file)


def with_overrides(scenario: Scenario, overrides: Mapping[str, object]) -> Scenario:
    """A copy with some fields replaced, in order, and everything validated again.

    `overrides` maps the path of a field that exists, as error messages write it
    (`protocol.liquidation.delay_seconds`, `venues[0].fee_bps`), to its new value.
    """
    file = f"scenario '{scenario.name}' with overrides"
    document = _unfrozen(scenario.model_dump())
    for path, value in overrides.items():
        _replace(document, path, value, file)
    _see_files_from(Path(), document)
    return _validated(document, file)


def files(scenario: Scenario) -> dict[str, Path]:
    """The files that the scenario names, by the path of the field."""
    named = _file_fields(scenario.model_dump(mode="json"))
    return {path: Path(fields[key]) for path, fields, key in named}


def digest(scenario: Scenario) -> str:
    """SHA-256, in hex, of the canonical JSON: equal exactly for scenarios that are equal.

    Keys are sorted and defaults are written out. The order of `assets` counts, because it is the
    order of the columns that random draws are made for; the order of other mappings does not. Of a
    file it is the content that counts, not where it is. Raises `ScenarioError` if one cannot be
    read.
    """
    document = scenario.model_dump(mode="json")
    for path, fields, key in _file_fields(document):
        try:
            fields[key] = hashlib.sha256(Path(fields[key]).read_bytes()).hexdigest()
        except OSError as error:
            problem = Problem(path, f"cannot be read: {error.strerror}", "the path of a file")
            raise ScenarioError(f"scenario '{scenario.name}'", [problem]) from error
    canonical = json.dumps(
        {"symbols": scenario.symbols, "scenario": document},
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _see_files_from(folder: Path, document: Any) -> None:
    """Make the paths of files in a document absolute."""
    for _, fields, key in _file_fields(document):
        fields[key] = str(folder.absolute() / fields[key])


def _file_fields(document: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Where a document names a file: (path of the field, mapping that holds it, its key there).

    The document may be anything: what is wrong with it is said later, by the schema.
    """
    root = document if isinstance(document, dict) else {}
    assets = root.get("assets")
    holders = [("book", root.get("book"), "file"), ("paths", root.get("paths"), "history")]
    for symbol, asset in assets.items() if isinstance(assets, dict) else ():
        price = asset.get("price_usd") if isinstance(asset, dict) else None
        holders.append((f"assets.{symbol}.price_usd", price, "file"))
    for path, fields, key in holders:
        if isinstance(fields, dict) and isinstance(fields.get(key), str) and fields[key]:
            yield f"{path}.{key}", fields, key


def _validated(document: object, file: str) -> Scenario:
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        raise ScenarioError(file, explain(error, Scenario)) from error


def _replace(document: Any, path: str, value: object, file: str) -> None:
    """Set the field at `path` in nested dictionaries and lists; the field must exist."""
    walked = ""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        key = int(index) if index else name
        here = join(walked, f"[{index}]" if index else name)
        fields = dict(enumerate(document)) if isinstance(document, list) else document
        if not isinstance(fields, dict) or key not in fields:
            inside = [str(field) for field in fields] if isinstance(fields, dict) else []
            remedy = nearest(str(key), inside, f"the fields of {walked or 'a scenario'} are")
            raise ScenarioError(file, [Problem(here, "no such field to override", remedy)])
        if here == path:
            document[key] = _unfrozen(value)  # later overrides change it, not the caller's
            return
        document, walked = document[key], here
    remedy = "a path such as protocol.liquidation.delay_seconds or venues[0].fee_bps"
    raise ScenarioError(file, [Problem(path or "(path)", "is not the path of a field", remedy)])


def _unfrozen(value: object) -> object:
    """A copy with lists for tuples, in which items can be replaced."""
    if isinstance(value, dict):
        return {key: _unfrozen(item) for key, item in value.items()}
    return [_unfrozen(item) for item in value] if isinstance(value, tuple | list) else value


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
