"""The paths part of a scenario: how prices are drawn around the levels that it names."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sim.schema.base import FromList, Part, Symbol, unit
from sim.schema.price_file import Zone
from sim.schema.problems import Problem, nearest

# A matrix whose smallest eigenvalue is nearer to 0 than this is positive definite by luck only.
_SMALLEST_EIGENVALUE = 1e-9

VARIES_BY_DAY = ("student-day", "garch-t", "filtered-history")
"""Models whose variance changes from day to day, see `sim.market.volatility`."""


class Correlation(Part):
    """How two assets' price changes of the same step go together."""

    assets: Annotated[tuple[Symbol, Symbol], FromList] = Field(
        description="the pair, two different keys of volatility_per_sqrt_year like [WETH, WBTC]"
    )
    value: float = Field(
        gt=-1,
        lt=1,
        json_schema_extra=unit("correlation"),
        description="the correlation, inside -1..1",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.assets[0] == self.assets[1]:
            yield Problem("assets[1]", f"{self.assets[1]} is paired with itself", "another asset")


class Jumps(Part):
    """Sudden moves of all listed assets at once, at random times; used by model merton only."""

    per_year: float = Field(
        ge=0,
        le=10_000,
        json_schema_extra=unit("jumps per year"),
        description="expected jumps per year, 0..10000",
    )
    mean_log: Mapping[Symbol, Annotated[float, Field(ge=-5, le=5)]] = Field(
        json_schema_extra=unit("log return"),
        description="per asset: mean of a jump's log size, -5..5; -0.1 is a fall of about 10%",
    )
    sd_log: Mapping[Symbol, Annotated[float, Field(ge=0, le=5)]] = Field(
        json_schema_extra=unit("log return"),
        description="per asset: standard deviation of a jump's log size, 0..5",
    )

    def _problems(self) -> Iterator[Problem]:
        for name, other in (("mean_log", "sd_log"), ("sd_log", "mean_log")):
            for symbol in getattr(self, other):
                if symbol not in getattr(self, name):
                    yield Problem(
                        f"{name}.{symbol}", "is missing", f"an entry for every key of {other}"
                    )


_PerAsset = Mapping[Symbol, Annotated[float, Field(ge=0, lt=1)]]


class Garch(Part):
    """How an asset's variance follows its own days: h' = (1 - a - b) + h (a z^2 + b), mean 1."""

    alpha: _PerAsset = Field(
        json_schema_extra=unit("share of a day's variance"),
        description="per asset: a, what a day's squared return adds to the next variance, 0 to 1",
    )
    beta: _PerAsset = Field(
        json_schema_extra=unit("share of a day's variance"),
        description="per asset: b, what is left of a day's variance on the next, 0 to 1; alpha + "
        "beta below 1",
    )
    start_volatility_per_sqrt_year: Mapping[Symbol, Annotated[float, Field(ge=0, le=100)]] = Field(
        default={},
        description="per asset: volatility on the first day, 0..100, as the market is now; an "
        "asset not listed starts as on any day",
    )

    def _problems(self) -> Iterator[Problem]:
        for symbol, alpha in self.alpha.items():
            if alpha + self.beta.get(symbol, 0.0) >= 1:
                remedy = "a sum below 1, or there is no volatility that days return to"
                yield Problem(f"beta.{symbol}", "alpha and beta add up to 1 or more", remedy)


class Paths(Part):
    """How a sweep draws reference prices around the named levels; `sim.market.paths` does it."""

    model: Literal[
        "gbm", "merton", "bridge", "student-day", "garch-t", "filtered-history", "replay"
    ] = Field(
        description="student-day: noise whose variance is drawn anew for every day, as heavy tails "
        "of days are; garch-t: which follows the days before, too; filtered-history: recorded days "
        "at such a variance; gbm: lognormal noise; merton: with common jumps; bridge: noise that "
        "vanishes at every waypoint; replay: windows of a recorded history"
    )
    volatility_per_sqrt_year: Mapping[Symbol, Annotated[float, Field(ge=0, le=100)]] = Field(
        default={},
        description="per asset: standard deviation of a year's log return, 0..100 (0.8 is 80%); "
        "an asset not listed follows its level; not used by replay",
    )
    correlation: Annotated[tuple[Correlation, ...], FromList] = Field(
        default=(),
        max_length=2_016,
        description="a list of pairs: assets, value; each pair of assets with a volatility, 0 if "
        "they have nothing to do with each other; not used by filtered-history and replay",
    )
    copula: Literal["gaussian", "student-t"] = Field(
        default="gaussian",
        description="gaussian, or student-t: extreme moves of a step come together, hardly those "
        "of a day; used by gbm, merton and bridge only",
    )
    degrees_of_freedom: float | None = Field(
        default=None,
        gt=2,
        le=1_000,
        json_schema_extra=unit("degrees of freedom"),
        description="above 2 to 1000; of a day's returns (4 fits ETH and BTC; the smaller the more "
        "extreme days) or of the student-t copula; used by student-day, garch-t, student-t only",
    )
    garch: Garch | None = Field(
        default=None,
        description="alpha, beta, start_volatility_per_sqrt_year; used by garch-t and "
        "filtered-history only",
    )
    jumps: Jumps | None = Field(
        default=None, description="per_year, mean_log, sd_log; used by merton only"
    )
    history: str | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="a CSV file (time, then a column per asset), its path seen from the scenario "
        "file; used by filtered-history and replay only",
    )
    history_max_gap_seconds: int | None = Field(
        default=None,
        ge=1,
        le=365 * 86_400,
        description="the longest time between two rows of the history, in whole seconds; absent: "
        "one and a half times the median; used with history only",
    )
    history_zone: Zone | None = Field(
        default=None,
        description="the zone of times of the history that name none, like Europe/Berlin; absent: "
        "UTC; used with history only",
    )

    def correlation_matrix(self, symbols: Sequence[str]) -> npt.NDArray[np.float64]:
        """The correlations of `symbols` in their order, (n, n), 1 on the diagonal."""
        matrix = np.eye(len(symbols))
        for pair in self.correlation:
            if set(pair.assets) <= set(symbols):
                i, j = map(symbols.index, pair.assets)
                matrix[i, j] = matrix[j, i] = pair.value
        return matrix

    def missing_pairs(self) -> list[tuple[str, str]]:
        """Pairs of assets with a volatility whose correlation is needed and not given."""
        if self.model in ("filtered-history", "replay"):
            return []
        given = {frozenset(pair.assets) for pair in self.correlation}
        varied = [symbol for symbol, sigma in self.volatility_per_sqrt_year.items() if sigma]
        return [pair for pair in combinations(varied, 2) if frozenset(pair) not in given]

    def _problems(self) -> Iterator[Problem]:
        by_day = self.model in ("student-day", "garch-t")
        for field, needs in (
            ("degrees_of_freedom", self.copula == "student-t" or by_day),
            ("garch", self.model in ("garch-t", "filtered-history")),
            ("jumps", self.model == "merton"),
            ("history", self.model in ("filtered-history", "replay")),
        ):
            if needs and getattr(self, field) is None:
                copula = field == "degrees_of_freedom" and not by_day
                user = "copula student-t" if copula else f"model {self.model}"
                wanted = type(self).model_fields[field].description or ""
                yield Problem(field, f"is missing, and {user} uses it", wanted)
        if self.model != "replay" and not self.volatility_per_sqrt_year:
            yield Problem(
                "volatility_per_sqrt_year", "lists no asset", "a volatility for one asset or more"
            )
        if self.model in VARIES_BY_DAY and self.copula != "gaussian":
            problem = f"is drawn anew every step, which undoes the days of model {self.model}"
            yield Problem("copula", problem, "gaussian: extreme days come together by the model")
        yield from self._correlation_problems()
        yield from self._garch_problems()
        for name in ("mean_log", "sd_log") if self.jumps else ():
            for symbol in getattr(self.jumps, name):
                yield from self._no_volatility(f"jumps.{name}.{symbol}", symbol)

    def _correlation_problems(self) -> Iterator[Problem]:
        first: dict[frozenset[str], int] = {}
        for i, pair in enumerate(self.correlation):
            for j, symbol in enumerate(pair.assets):
                yield from self._no_volatility(f"correlation[{i}].assets[{j}]", symbol)
            same = first.setdefault(frozenset(pair.assets), i)
            if same != i:
                yield Problem(
                    f"correlation[{i}].assets",
                    f"the same pair as correlation[{same}]",
                    "one value per pair",
                )
        if self.missing_pairs():
            return  # the scenario says so: some of these may be no assets at all
        matrix = self.correlation_matrix(tuple(self.volatility_per_sqrt_year))
        smallest = float(np.linalg.eigvalsh(matrix)[0]) if len(matrix) else 1.0
        if smallest < _SMALLEST_EIGENVALUE:
            # The eigenvalues of 1 + s (R - 1) are 1 + s (those of R - 1): above 0 for this s.
            scale = 0.999 / (1 - smallest)
            yield Problem(
                "correlation",
                "no prices can move together like this: the matrix is not positive definite "
                f"(smallest eigenvalue {smallest:.3g})",
                f"values nearer to 0; these times {scale:.6f} would do",
            )

    def _garch_problems(self) -> Iterator[Problem]:
        if self.garch is None:
            return
        for name in ("alpha", "beta"):
            given = getattr(self.garch, name)
            for symbol, sigma in self.volatility_per_sqrt_year.items():
                if sigma and symbol not in given:
                    remedy = "an entry for every key of volatility_per_sqrt_year"
                    yield Problem(f"garch.{name}.{symbol}", "is missing", remedy)
        for name in ("alpha", "beta", "start_volatility_per_sqrt_year"):
            for symbol in getattr(self.garch, name):
                yield from self._no_volatility(f"garch.{name}.{symbol}", symbol)

    def _no_volatility(self, path: str, symbol: str) -> Iterator[Problem]:
        listed = self.volatility_per_sqrt_year
        if symbol not in listed:
            remedy = nearest(symbol, listed, "the keys of volatility_per_sqrt_year are")
            yield Problem(path, "an asset without a volatility", remedy)
