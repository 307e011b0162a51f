"""The tokens of other chains in a scenario: what brings them here, and what goes wrong there."""

import copy
from collections.abc import Iterator
from math import ceil, exp, floor, sqrt
from typing import Annotated, Any

from pydantic import Field

from sim.protocol.bridge import MOST_AGE
from sim.protocol.fixed_point import YEAR
from sim.protocol.soundness import MOST_OUTFLOW_WINDOW
from sim.schema.base import FromList, Instant, Part, Seconds, Share, Symbol, Tokens, iso, unit
from sim.schema.faults import Window
from sim.schema.problems import Problem, unknown

MOST_MESSAGES = 100_000
"""For which a run has room, of one token."""
_AS_THE_ORIGINAL = (
    ("assets",),
    ("feeds",),
    ("protocol", "rates"),
    ("protocol", "reserves"),
)
"""Sections in which a bridged token is, where nothing is said of it, as what it stands for."""
_NONE_OF_IT = (
    ("protocol", "insurance", "capital_usd"),
    ("suppliers",),
    ("book", "collateral_weights"),
    ("book", "debt_weights"),
)
"""And those in which there is nothing of it."""


class Reorganisation(Part):
    """Deposits on the other chain that turn out never to have happened."""

    at: Instant = Field(description="a time with its zone: when that turns out")
    share: Share = Field(description="share of all there is of the token that they were for, 0..1")


class Forgery(Part):
    """A relayer whose key is stolen: messages of deposits that never happened, up to the cap."""

    at: Instant = Field(description="a time with its zone: from when on")
    borrow: Symbol = Field(description="what the thief borrows against them, a key of assets")
    noticed_seconds: int = Field(
        ge=1,
        le=365 * 86_400,
        description="until somebody sees it and stops the bridge for good, in whole seconds, at "
        "least a step; until then nobody else knows",
    )


class LagHaircut(Part):
    """Less threshold for what takes longer to arrive: h(l) = 1 - exp(-z sigma sqrt(l))."""

    z: float = Field(
        gt=0,
        le=10,
        json_schema_extra=unit("standard deviations"),
        description="standard deviations of the price while a message is on its way, above 0 to 10",
    )
    volatility_per_sqrt_year: float | None = Field(
        default=None,
        gt=0,
        le=10,
        description="sigma, per square root of a year, above 0 to 10; absent: that of paths",
    )

    def of(self, lag_seconds: float, sigma: float) -> float:
        """The share of the threshold that is cut off."""
        return 1 - exp(-self.z * sigma * sqrt(lag_seconds / YEAR))


class Bridge(Part):
    """A token of another chain: what it stands for, and how messages bring it here
    (BridgedCollateral.sol). Its price is that of the original x what backs it / what there is.
    """

    of: Symbol = Field(description="the asset that it stands for, another key of assets")
    lag_seconds: Seconds = Field(
        description="from sending a message to its arrival, the mean, in whole seconds, to a year"
    )
    lag_sd_log: float = Field(
        default=0.0,
        ge=0,
        le=3,
        json_schema_extra=unit("log"),
        description="standard deviation of the logarithm of that, 0 to 3, each message its own; "
        "absent or 0: all take as long",
    )
    max_age_seconds: int = Field(
        default=MOST_AGE,
        ge=1,
        le=MOST_AGE,
        description="a message that is older is refused, whole seconds, 1..604800; absent: a week",
    )
    cap_tokens: Tokens = Field(
        json_schema_extra=unit("tokens"),
        description="what messages may mint at once, in tokens, above 0 to 1e+15...",
    )
    window_seconds: int = Field(
        ge=1,
        le=MOST_OUTFLOW_WINDOW,
        description="...and in so many seconds again, as that drains evenly, 1..2592000",
    )
    finality_seconds: Seconds = Field(
        default=0,
        description="from sending until it is certain that the deposit happened, in whole seconds, "
        "to a year; absent: at once",
    )
    reorganisation_probability: Share = Field(
        default=0.0,
        json_schema_extra=unit("share"),
        description="of each message: its deposit turns out then never to have happened, 0..1; "
        "absent: never",
    )
    outages: Annotated[tuple[Window, ...], FromList] = Field(
        default=(),
        max_length=1_000,
        description="a list of {from, until}: when no message arrives; absent: never",
    )
    reorganisation: Reorganisation | None = Field(
        default=None,
        description="when a share of all there is turns out to be backed by nothing: at, share; "
        "absent: never",
    )
    forgery: Forgery | None = Field(
        default=None,
        description="who mints for deposits that never happened: at, borrow, noticed_seconds; "
        "absent: nobody",
    )
    lag_haircut: LagHaircut | None = Field(
        default=None,
        description="how far the threshold must be below that of the original: z, "
        "volatility_per_sqrt_year; absent: it need not",
    )

    def _problems(self) -> Iterator[Problem]:
        if not self.lag_sd_log and self.lag_seconds > self.max_age_seconds:
            yield Problem(
                "lag_seconds",
                f"every message is refused: older than max_age_seconds {self.max_age_seconds}",
                f"at most {self.max_age_seconds}, or a longer max_age_seconds",
            )
        if self.reorganisation_probability and not self.finality_seconds:
            yield Problem(
                "reorganisation_probability",
                "deposits are certain at once",
                "finality_seconds above 0, or 0",
            )
        for n, one in enumerate(self.outages):
            if one.from_ and one.until and one.until <= one.from_:
                yield Problem(f"outages[{n}].until", "not after from", f"after {iso(one.from_)}")

    def _problems_within(self, whole: Any) -> Iterator[Problem]:
        symbol = next(name for name, one in whole.bridges.items() if one is self)
        yield from unknown(whole.assets, "", symbol)
        strange = list(strangers(whole.model_dump(include={"bridges", "assets"})))
        yield from (one._replace(path="of") for one in strange if f".{symbol}." in one.path)
        if symbol in whole.assets and not strange:
            yield from self._price_problems(whole, symbol)
            yield from self._haircut_problems(whole, symbol)
            units = self.cap_tokens * 10 ** whole.assets[symbol].decimals
            if not 1 <= units < 2**112:
                remedy = "one unit of the token to below 2^112"
                yield Problem("cap_tokens", f"{units:.3g} units of the token", remedy)
        yield from self._time_problems(whole)
        if self.forgery:
            yield from self._forgery_problems(whole, symbol)
        expected = messages(self, whole, getattr(whole.book, "accounts", 0))
        if expected > MOST_MESSAGES:
            problem = f"borrowers who top up may send {expected:,} messages"
            remedy = f"fewer of them, or a longer review_seconds: at most {MOST_MESSAGES:,}"
            yield Problem("", problem, remedy)

    def _price_problems(self, whole: Any, symbol: str) -> Iterator[Problem]:
        """Whatever would give it a price of its own."""
        own = f"the price of {symbol} is that of {self.of} x what backs it"
        if whole.assets[symbol].price_usd != whole.assets[self.of].price_usd:
            remedy = f"leave assets.{symbol}.price_usd out"
            yield Problem("of", f"{own}, and assets.{symbol}.price_usd says another", remedy)
        if whole.paths and symbol in whole.paths.volatility_per_sqrt_year:
            remedy = f"leave paths.volatility_per_sqrt_year.{symbol} and assets.{symbol}.kind out"
            yield Problem("of", f"{own}, and paths give it another", remedy)
        if whole.reference_market and symbol in whole.reference_market.assets:
            remedy = f"leave reference_market.assets.{symbol} out"
            yield Problem("of", f"{own}, and its own sales move it", remedy)

    def _haircut_problems(self, whole: Any, symbol: str) -> Iterator[Problem]:
        if self.lag_haircut is None:
            return
        sigma = self.lag_haircut.volatility_per_sqrt_year
        if sigma is None and whole.paths:
            sigma = whole.paths.volatility_per_sqrt_year.get(self.of)
        if sigma is None:
            problem = f"paths say no volatility of {self.of}"
            yield Problem("lag_haircut.volatility_per_sqrt_year", problem, "a number above 0")
            return
        kept = 1 - self.lag_haircut.of(self.lag_seconds, sigma)
        for protocol in whole.protocol.each:
            mine, most = (protocol.reserves[one].lt_bps for one in (symbol, self.of))
            most = floor(most * kept)
            if mine > most:
                yield Problem(
                    "lag_haircut",
                    f"protocol.reserves.{symbol}.lt_bps {mine} is above {most}: that of {self.of} "
                    f"less {1 - kept:.2%} for {self.lag_seconds} s at a volatility of {sigma:g}",
                    f"protocol.reserves.{symbol}.lt_bps of at most {most}",
                )
                return

    def _time_problems(self, whole: Any) -> Iterator[Problem]:
        remedy = f"a time from {iso(whole.start)} to {iso(whole.end)}"
        for name in ("reorganisation", "forgery"):
            part = getattr(self, name)
            if part and not whole.start < part.at <= whole.end:
                yield Problem(f"{name}.at", "outside the run", remedy)
        for n, one in enumerate(self.outages):
            if (one.from_ or whole.start) > whole.end or (one.until or whole.end) <= whole.start:
                yield Problem(f"outages[{n}]", "outside the run", remedy)

    def _forgery_problems(self, whole: Any, symbol: str) -> Iterator[Problem]:
        assert self.forgery
        borrow = self.forgery.borrow
        yield from unknown(whole.assets, "forgery.borrow", borrow)
        if borrow == symbol:
            yield Problem("forgery.borrow", f"{symbol} is what is pledged", "another asset")
        if self.forgery.noticed_seconds < whole.step_seconds:
            problem = f"less than a step of {whole.step_seconds} s"
            yield Problem("forgery.noticed_seconds", problem, f"at least {whole.step_seconds}")
        others = [name for name, one in whole.bridges.items() if one.forgery and one is not self]
        if others:
            yield Problem("forgery", f"there is one of {others[0]} too", "one thief, of one token")


def messages(bridge: Bridge, whole: Any, accounts: int) -> int:
    """The most that a run with so many accounts may have of a token: one at every look of everyone
    who tops up, and those that are forged.
    """
    count, seconds = 0, whole.steps * whole.step_seconds
    for behaviour in whole.borrowers:
        if behaviour.kind == "top-up":
            looks = 1 + seconds // max(behaviour.review_seconds, whole.step_seconds)
            count += (1 + ceil(behaviour.share * accounts)) * looks
    if bridge.forgery:
        count += 1 + bridge.forgery.noticed_seconds // whole.step_seconds
    return count


def with_bridged(document: Any) -> Any:
    """A scenario's document in which a bridged token is, in whatever nothing is said of it, as what
    it stands for, and nobody has any. It may be anything: what is wrong is said by the schema.
    """
    bridges = _mapping(document, ("bridges",))
    if not bridges:
        return document
    filled = copy.deepcopy(document)
    for symbol, bridge in bridges.items():
        of = bridge.get("of") if isinstance(bridge, dict) else None
        for path in _AS_THE_ORIGINAL:
            section = _mapping(filled, path)
            original = section.get(of) if isinstance(of, str) else None
            said = section.get(symbol, {})
            if isinstance(original, dict) and isinstance(said, dict):
                hidden = ("kind", "address") if path == ("assets",) else ()
                same = {key: one for key, one in original.items() if key not in hidden}
                section[symbol] = {**copy.deepcopy(same), **said}
        for place in _NONE_OF_IT:
            if weights := _mapping(filled, place):
                weights.setdefault(symbol, 0)
    return filled


def strangers(document: Any) -> Iterator[Problem]:
    """Tokens that stand for no asset of a scenario's document, or for one that is bridged: of these
    nothing can be assumed.
    """
    bridges, assets = _mapping(document, ("bridges",)), _mapping(document, ("assets",))
    for symbol, bridge in bridges.items():
        of, path = bridge.get("of") if isinstance(bridge, dict) else None, f"bridges.{symbol}.of"
        if isinstance(of, str) and (of == symbol or of in bridges):
            yield Problem(path, f"{of} is bridged itself", "an asset of this chain")
        elif isinstance(of, str):
            yield from unknown(assets, path, of)


def follow(document: Any, given: Any) -> None:
    """Give bridged tokens the price of what they stand for again, unless `given`, paths of fields
    that were replaced, has their own.
    """
    assets = document.get("assets")
    for symbol, bridge in _mapping(document, ("bridges",)).items():
        of = bridge.get("of") if isinstance(bridge, dict) else None
        named = any(path.startswith(f"assets.{symbol}.price_usd") for path in given)
        if isinstance(assets, dict) and not named and of in assets and symbol in assets:
            assets[symbol]["price_usd"] = copy.deepcopy(assets[of].get("price_usd"))


def _mapping(document: Any, path: tuple[str, ...]) -> dict[str, Any]:
    """The mapping at a path; an empty one if there is none."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}
