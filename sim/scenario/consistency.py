"""What must hold between the parts of a scenario that are each right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sim.protocol.soundness import RECOVERY_GAP
from sim.scenario.segments import problems as segment_problems
from sim.schema.base import Part, iso
from sim.schema.book import BorrowerBook
from sim.schema.people import MOST_WITHDRAWALS
from sim.schema.price_file import PriceFile
from sim.schema.problems import Problem, join, unknown
from sim.schema.venues import places_of

if TYPE_CHECKING:
    from sim.scenario.model import Scenario

_MAX_STEPS = 1_000_000
# The largest worth of one token unit: above it, amounts of a thousand dollars round by percents,
# and the decimals are rather mistyped.
_MAX_UNIT_USD = 10.0


def problems(s: Scenario) -> Iterator[Problem]:
    """Everything that is wrong between the parts; paths are those of the file."""
    yield from _time_problems(s)
    yield from _asset_problems(s)
    yield from _venue_problems(s)
    yield from _reference_problems(s)
    yield from _fault_problems(s)
    yield from _book_problems(s)
    yield from segment_problems(s)
    yield from _people_problems(s)
    yield from _section_problems(s)
    yield from _own_agent_problems(s)
    if s.protocol.deleveraging and s.step_seconds > RECOVERY_GAP:
        yield Problem(
            "protocol.deleveraging",
            f"lapses if nobody looks for {RECOVERY_GAP} s, and keepers look every "
            f"{s.step_seconds} s",
            f"step_seconds of at most {RECOVERY_GAP}",
        )
    names = [liquidator.name for liquidator in s.liquidators]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield Problem(f"liquidators[{i}].name", f"{name} is taken", "a name of its own")
        for symbol in s.liquidators[i].capital_usd or {}:
            yield from unknown(s.assets, f"liquidators[{i}].capital_usd.{symbol}", symbol)


def _section_problems(s: Scenario) -> Iterator[Problem]:
    """What sections say themselves of how they fit the others."""
    for name in type(s).model_fields:
        value = getattr(s, name)
        entries = {name: value}
        if isinstance(value, Mapping):
            entries = {f"{name}.{key}": entry for key, entry in value.items()}
        elif isinstance(value, tuple):
            entries = {f"{name}[{i}]": entry for i, entry in enumerate(value)}
        for path, entry in entries.items():
            if isinstance(entry, Part):
                for found in entry._problems_within(s):
                    yield found._replace(path=join(path, found.path))


def _time_problems(s: Scenario) -> Iterator[Problem]:
    seconds = s.duration_hours * 3600
    steps = round(seconds / s.step_seconds)
    # 1e-6 s: hours such as 0.1 are no binary number
    if not 1 <= steps <= _MAX_STEPS or abs(seconds - steps * s.step_seconds) > 1e-6:
        near = min(max(steps, 1), _MAX_STEPS) * s.step_seconds / 3600
        yield Problem(
            "duration_hours",
            f"{s.duration_hours:g} h is not 1 to {_MAX_STEPS} whole steps of {s.step_seconds} s",
            f"{near!r}, or another step_seconds",
        )
    end = s.end
    levels = {f"assets.{symbol}.price_usd": asset.price_usd for symbol, asset in s.assets.items()}
    levels |= {
        f"feeds.{symbol}.rate": feed.rate
        for symbol, feed in s.feeds.items()
        if feed.rate is not None
    }
    depths = {
        f"venues[{p}].depth_over_time": venue.depth_over_time for p, venue in enumerate(s.venues)
    }
    others = {
        "gas_price_gwei": s.gas_price_gwei,
        "blocks.liquidation_calls_per_hour": s.blocks.liquidation_calls_per_hour,
    }
    for path, level in {**levels, **others, **depths}.items():
        if isinstance(level, tuple) and (level[0].at > end or level[-1].at < s.start):
            yield Problem(
                path,
                "all waypoints lie outside the run",
                f"waypoints from {iso(s.start)} to {iso(end)}, or one number",
            )


def _asset_problems(s: Scenario) -> Iterator[Problem]:
    keyed: dict[str, Mapping[str, object]] = {
        "feeds": dict(s.feeds.items()),
        "protocol.rates": s.protocol.rates,
        "protocol.insurance.capital_usd": s.protocol.insurance.capital_usd,
        "protocol.reserves": s.protocol.reserves,
        "suppliers": s.suppliers,
    }
    if isinstance(s.book, BorrowerBook):
        keyed["book.collateral_weights"] = s.book.collateral_weights
        keyed["book.debt_weights"] = s.book.debt_weights
        if s.book.drawn_under:
            keyed["book.drawn_under"] = s.book.drawn_under
    for name, category in s.protocol.categories.items():
        for path, symbol in category.symbols():
            yield from unknown(s.assets, f"protocol.categories.{name}.{path}", symbol)
    for path, mapping in keyed.items():
        for symbol in mapping:
            yield from unknown(s.assets, f"{path}.{symbol}", symbol)
        for symbol in s.assets:
            if symbol not in mapping:
                remedy = f"an entry for every key of assets, or assets.{symbol}.kind to assume one"
                yield Problem(f"{path}.{symbol}", "is missing", remedy)
    yield from unknown(s.assets, "native_asset", s.native_asset)
    for symbol in s.paths.volatility_per_sqrt_year if s.paths else ():
        yield from unknown(s.assets, f"paths.volatility_per_sqrt_year.{symbol}", symbol)
    missing = s.paths.missing_pairs() if s.paths else []
    if pairs := [f"[{a}, {b}]" for a, b in missing if a in s.assets and b in s.assets]:
        problem = f"is not given for {', '.join(pairs)}"
        remedy = "a value for each; 0 only if they have nothing to do with each other"
        yield Problem("paths.correlation", problem, remedy)
    for i, figure in enumerate(s.expected):
        if figure.asset is not None:
            yield from unknown(s.assets, f"expected[{i}].measure", figure.asset)
    first: dict[str, str] = {}
    for symbol, asset in s.assets.items():
        same = first.setdefault((asset.address or symbol).lower(), symbol)
        if same != symbol and asset.address:
            problem = f"is that of {same} too"
            yield Problem(f"assets.{symbol}.address", problem, "an address of its own")
        level = asset.price_usd
        if not isinstance(level, PriceFile):  # is not known before it is read
            highest = max(w.value for w in level) if isinstance(level, tuple) else level
            yield from unit_problems(s, symbol, highest)


def unit_problems(s: Scenario, symbol: str, highest_usd: float) -> Iterator[Problem]:
    """A token unit worth more than ten dollars at the asset's highest price, if it is."""
    if highest_usd > _MAX_UNIT_USD * 10 ** s.assets[symbol].decimals:
        yield Problem(
            f"assets.{symbol}.decimals",
            f"at {highest_usd:g} USD a token the smallest unit is worth more than ten dollars",
            "more decimals or a lower price",
        )


def _venue_problems(s: Scenario) -> Iterator[Problem]:
    for i, venue in enumerate(s.venues):
        for j, symbol in enumerate(venue.assets):
            yield from unknown(s.assets, f"venues[{i}].assets[{j}]", symbol)
        others = [place for place in places_of(s.venues, venue.assets) if place != i]
        if others and venue.name is None:
            remedy = "a name for each, or one venue: add the depths"
            yield Problem(f"venues[{i}].name", f"the same pair as venues[{others[0]}]", remedy)
        elif any(s.venues[place].name == venue.name for place in others if place < i):
            yield Problem(f"venues[{i}].name", f"{venue.name} is taken", "a name of its own")


def _reference_problems(s: Scenario) -> Iterator[Problem]:
    market = s.reference_market
    for symbol in market.assets if market else ():
        yield from unknown(s.assets, f"reference_market.assets.{symbol}", symbol)
    if market and market.prices_contain_impact and s.paths and s.paths.model == "replay":
        yield Problem(
            "reference_market.prices_contain_impact",
            "windows of a history contain the impact of other sales than these",
            "false, or another paths.model",
        )


def _fault_problems(s: Scenario) -> Iterator[Problem]:
    yield from s.feeds.problems_in(s.assets, s.venues, s.start, s.steps, s.step_seconds)
    for symbol, feed in s.feeds.items():
        if feed.replay and s.hold_at_low:
            problem = "recorded rounds go on after the lowest price"
            yield Problem("hold_at_low", problem, f"false, or no feeds.{symbol}.replay")


def _book_problems(s: Scenario) -> Iterator[Problem]:
    book = s.book
    if not isinstance(book, BorrowerBook):
        for symbol in s.opened_under:
            yield from unknown(s.assets, f"opened_under.{symbol}", symbol)
        return
    if s.opened_under:
        problem = "is of books from files, and this one is drawn"
        yield Problem("opened_under", problem, "leave it out, or book.drawn_under")
    collateral = {symbol for symbol, weight in book.collateral_weights.items() if weight}
    debts = {symbol for symbol, weight in book.debt_weights.items() if weight}
    pledged = {f"book.collateral_weights.{symbol}": symbol for symbol in collateral}
    owed = {f"book.debt_weights.{symbol}": symbol for symbol in debts}
    if book.loop_pair:
        pledged["book.loop_pair[0]"], owed["book.loop_pair[1]"] = book.loop_pair
        for i, symbol in enumerate(book.loop_pair):
            yield from unknown(s.assets, f"book.loop_pair[{i}]", symbol)
    place = "book.drawn_under" if book.drawn_under else "protocol.reserves"
    redrawn = ", and a redrawn book (redraw_book)" if book.drawn_under else ""
    for path, symbol in sorted(pledged.items()):
        terms = s.terms.get(symbol)
        if terms and not (terms.collateral_enabled and terms.ltv_bps):
            yield Problem(
                path,
                f"nothing can be borrowed against this asset ({place})",
                f"another, or protocol.reserves.{symbol} with collateral_enabled and ltv_bps "
                f"above 0{redrawn}",
            )
    for path, symbol in sorted(owed.items()):
        terms = s.terms.get(symbol)
        if terms and not terms.borrow_enabled:
            yield Problem(
                path,
                f"this asset cannot be borrowed ({place})",
                f"another, or protocol.reserves.{symbol}.borrow_enabled{redrawn}",
            )
    needed = 2 if book.two_collateral_share and book.isolated_share < 1 else 1
    for symbol in sorted(debts):
        if len(collateral - {symbol}) < needed:
            yield Problem(
                f"book.debt_weights.{symbol}",
                f"fewer than {needed} other assets have a collateral weight above 0",
                "0, or more collateral assets: nobody borrows what he has pledged",
            )


def _people_problems(s: Scenario) -> Iterator[Problem]:
    names = [behaviour.name for behaviour in s.borrowers]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield Problem(f"borrowers[{i}].name", f"{name} is taken", "a name of its own")
    total = sum(behaviour.share for behaviour in s.borrowers)
    if total > 1 + 1e-9:  # ten times 0.1 is not 1 in binary
        yield Problem("borrowers", f"the shares add up to {total:g}", "at most 1 together")
    for symbol in s.protocol.outflow:
        yield from unknown(s.assets, f"protocol.outflow.{symbol}", symbol)
    for symbol, leaving in s.withdrawals.items():
        path = f"withdrawals.{symbol}"
        yield from unknown(s.assets, path, symbol)
        if s.suppliers.get(symbol) == 0:
            yield Problem(path, "nobody supplies this asset", f"suppliers.{symbol} above 0")
        expected = leaving.most_expected(s.duration_hours)
        if expected > MOST_WITHDRAWALS:
            yield Problem(
                f"{path}.base_per_day",
                f"up to {expected:.0f} withdrawals are to be expected",
                f"at most {MOST_WITHDRAWALS}: fewer and larger ones, a lower branching_ratio, "
                "per_usage or per_loss",
            )
    for symbol, response in s.rate_response.items():
        path = f"rate_response.{symbol}"
        yield from unknown(s.assets, path, symbol)
        if response.supply_per_point and s.suppliers.get(symbol) == 0:
            remedy = f"suppliers.{symbol} above 0, or 0"
            yield Problem(f"{path}.supply_per_point", "nobody supplies this asset", remedy)
        if response.supply_per_point and symbol in s.withdrawals:
            yield Problem(
                f"{path}.supply_per_point",
                f"withdrawals.{symbol} says already how its suppliers leave",
                f"0, or no withdrawals.{symbol}",
            )


def _own_agent_problems(s: Scenario) -> Iterator[Problem]:
    taken = {liquidator.name for liquidator in s.liquidators}
    for i, agent in enumerate(s.agents):
        if agent.name in taken:
            yield Problem(f"agents[{i}].name", f"{agent.name} is taken", "a name of its own")
        taken.add(agent.name)
        for symbol in agent.capital_usd:
            yield from unknown(s.assets, f"agents[{i}].capital_usd.{symbol}", symbol)
