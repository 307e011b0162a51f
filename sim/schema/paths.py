"""The paths part of a scenario: how prices are drawn around the levels that it names."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from sim.schema.base import FromList, Part, Symbol
from sim.schema.problems import Problem, nearest

# A matrix whose smallest eigenvalue is nearer to 0 than this is positive definite by luck only.
_SMALLEST_EIGENVALUE = 1e-9


class Correlation(Part):
    """How two assets' price changes of the same step go together."""

    assets: Annotated[tuple[Symbol, Symbol], FromList] = Field(
        description="the pair, two different keys of volatility_per_sqrt_year like [WETH, WBTC]"
    )
    value: float = Field(gt=-1, lt=1, description="the correlation, inside -1..1")

    def _problems(self) -> Iterator[Problem]:
        if self.assets[0] == self.assets[1]:
            yield Problem("assets[1]", f"{self.assets[1]} is paired with itself", "another asset")


class Jumps(Part):
    """Sudden moves of all listed assets at once, at random times; used by model merton only."""

    per_year: float = Field(ge=0, le=10_000, description="expected jumps per year, 0..10000")
    mean_log: Mapping[Symbol, Annotated[float, Field(ge=-5, le=5)]] = Field(
        description="per asset: mean of a jump's log size, -5..5; -0.1 is a fall of about 10%"
    )
    sd_log: Mapping[Symbol, Annotated[float, Field(ge=0, le=5)]] = Field(
        description="per asset: standard deviation of a jump's log size, 0..5"
    )

    def _problems(self) -> Iterator[Problem]:
        for name, other in (("mean_log", "sd_log"), ("sd_log", "mean_log")):
            for symbol in getattr(self, other):
                if symbol not in getattr(self, name):
                    yield Problem(
                        f"{name}.{symbol}", "is missing", f"an entry for every key of {other}"
                    )


class Paths(Part):
    """How a sweep draws reference prices around the named levels; `sim.market.paths` does it."""

    model: Literal["gbm", "merton", "bridge", "replay"] = Field(
        description="gbm: lognormal noise; merton: with common jumps; bridge: noise that vanishes "
        "at every waypoint; replay: windows of a recorded history"
    )
    volatility_per_sqrt_year: Mapping[Symbol, Annotated[float, Field(ge=0, le=100)]] = Field(
        default={},
        description="per asset: standard deviation of a year's log return, 0..100 (0.8 is 80%); "
        "an asset not listed follows its level; not used by replay",
    )
    correlation: Annotated[tuple[Correlation, ...], FromList] = Field(
        default=(),
        max_length=2_016,
        description="a list of pairs: assets, value; pairs not listed have 0; not used by replay",
    )
    copula: Literal["gaussian", "student-t"] = Field(
        default="gaussian",
        description="gaussian, or student-t: extreme moves of a step come together; not used by "
        "replay",
    )
    degrees_of_freedom: float | None = Field(
        default=None,
        gt=2,
        le=1_000,
        description="of the student-t copula, above 2 to 1000; the smaller the more extremes "
        "coincide; used by student-t only",
    )
    jumps: Jumps | None = Field(
        default=None, description="per_year, mean_log, sd_log; used by merton only"
    )
    history: str | None = Field(
        default=None,
        min_length=1,
        max_length=1_000,
        description="a CSV file (time, then a column per asset), its path seen from the scenario "
        "file; used by replay only",
    )
    history_max_gap_seconds: int | None = Field(
        default=None,
        ge=1,
        le=365 * 86_400,
        description="the longest time between two rows of the history, in whole seconds; absent: "
        "one and a half times the median; used by replay only",
    )

    def correlation_matrix(self, symbols: Sequence[str]) -> npt.NDArray[np.float64]:
        """The correlations of `symbols` in their order, (n, n), 1 on the diagonal."""
        matrix = np.eye(len(symbols))
        for pair in self.correlation:
            if set(pair.assets) <= set(symbols):
                i, j = map(symbols.index, pair.assets)
                matrix[i, j] = matrix[j, i] = pair.value
        return matrix

    def _problems(self) -> Iterator[Problem]:
        for field, needs in (
            ("degrees_of_freedom", self.copula == "student-t"),
            ("jumps", self.model == "merton"),
            ("history", self.model == "replay"),
        ):
            if needs and getattr(self, field) is None:
                user = (
                    "copula student-t" if field == "degrees_of_freedom" else f"model {self.model}"
                )
                wanted = type(self).model_fields[field].description or ""
                yield Problem(field, f"is missing, and {user} uses it", wanted)
        if self.model != "replay" and not self.volatility_per_sqrt_year:
            yield Problem(
                "volatility_per_sqrt_year", "lists no asset", "a volatility for one asset or more"
            )
        yield from self._correlation_problems()
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

    def _no_volatility(self, path: str, symbol: str) -> Iterator[Problem]:
        listed = self.volatility_per_sqrt_year
        if symbol not in listed:
            remedy = nearest(symbol, listed, "the keys of volatility_per_sqrt_year are")
            yield Problem(path, "an asset without a volatility", remedy)
