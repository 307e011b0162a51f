"""A tuning preset: which parameters to search, over which scenarios, and what for."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from sim.schema.base import FromList, Part, PositiveUsd, unit
from sim.schema.problems import InconsistentError, Problem

Debts = Literal["same-positions", "follow-limit"]
"""What borrowers owe when parameters change; `sim.books.borrowing` says what each means."""
SamplerName = Literal["tpe", "nsga2", "nsga3", "cma-es", "random"]


def _of_protocol(path: str) -> str:
    if not path.startswith("protocol."):
        remedy = "a path such as protocol.reserves.WETH.lt_bps"
        raise InconsistentError([Problem("", "is not in the protocol section", remedy)])
    return path


def _of_cap(path: str) -> str:
    if not re.fullmatch(r"protocol\.reserves\.[A-Za-z0-9_-]+\.(supply|borrow)_cap", path):
        remedy = "protocol.reserves.WETH.supply_cap or protocol.reserves.WETH.borrow_cap"
        raise InconsistentError([Problem("", "is not the path of a cap", f"one such as {remedy}")])
    return path


ProtocolPath = Annotated[str, AfterValidator(_of_protocol)]
CapPath = Annotated[str, AfterValidator(_of_cap)]


def _spelt_out(given: object) -> object:
    """[7000, 8800] as low and high, a list of texts as names."""
    if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
        return {"names": given}
    if isinstance(given, list) and len(given) == 2:
        return {"low": given[0], "high": given[1]}
    return given


_Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Dimension(Part):
    """Where one parameter is searched."""

    low: float | None = Field(
        default=None,
        json_schema_extra=unit("that of the parameter"),
        description="the least value tried, a number",
    )
    high: float | None = Field(
        default=None,
        json_schema_extra=unit("that of the parameter"),
        description="the largest value tried, a number",
    )
    step: float | None = Field(
        default=None,
        gt=0,
        json_schema_extra=unit("that of the parameter"),
        description="distance of the values tried, above 0; absent: 1, or none",
    )
    log: bool = Field(default=False, description="true: spread evenly in logarithms")
    names: Annotated[tuple[str, ...], FromList] = Field(
        default=(), max_length=20, description="the names tried, of a parameter that is a name"
    )
    bound: float | None = Field(
        default=None,
        gt=0,
        json_schema_extra=unit("that of the parameter"),
        description="most that one proposal changes it, above 0; absent: any",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.names:
            for name in ("low", "high", "step", "bound"):
                if getattr(self, name) is not None:
                    yield Problem(name, "has no meaning for a name", "leave it out")
            return
        if self.low is None or self.high is None:
            yield Problem("low", "no range is given", "[low, high], or names: [...]")
            return
        if self.low >= self.high:
            yield Problem("high", f"{self.high:g} is not above low {self.low:g}", "a larger one")
        if self.log and self.low <= 0:
            yield Problem("low", f"{self.low:g} has no logarithm", "a number above 0, or no log")


class ScenarioOfSet(Part):
    """One of the scenarios that every setting is judged by."""

    name: str = Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=64,
        description="lower-case words joined by hyphens, like falling-market",
    )
    scenario: str = Field(min_length=1, description="a known scenario or the path of a YAML file")
    weight: float = Field(default=1.0, gt=0, le=1e6, description="in means over the set, above 0")
    overrides: Mapping[str, Any] = Field(
        default={}, description="fields replaced in it, by path as in `--set`"
    )


class CapSearch(Part):
    """How large one cap may be."""

    budget_usd: PositiveUsd = Field(
        description="the most that the stressed loss (ES 99%) may be under the cap, USD above 0"
    )
    least: float = Field(
        default=0.05,
        gt=0,
        le=1,
        json_schema_extra=unit("share of what there is now"),
        description="smallest cap tried, a share of what there is now",
    )
    largest: float = Field(
        default=4.0,
        ge=1,
        le=1e3,
        json_schema_extra=unit("multiple of what there is now"),
        description="largest cap tried, a multiple of what there is now",
    )


class Tuning(Part):
    """The search: where, and what for."""

    dimensions: Mapping[
        ProtocolPath,
        Annotated[
            Dimension,
            BeforeValidator(
                _spelt_out,
                json_schema_input_type=Dimension | tuple[float, float] | _Names,
            ),
        ],
    ] = Field(
        default={},
        max_length=64,
        json_schema_extra=unit("that of the parameter"),
        description="per path in the protocol section: [low, high], names, or low, high, step...; "
        "absent: only caps are asked for",
    )
    objectives: Annotated[tuple[str, ...], FromList] = Field(
        default=("es_99",),
        min_length=1,
        max_length=6,
        description="names of measures: benefits and harms; absent: es_99",
    )
    sampler: SamplerName = Field(
        default="tpe", description="tpe, nsga2, nsga3, random, or cma-es with one objective"
    )
    debts: Debts = Field(
        default="same-positions",
        description="same-positions: everyone has and owes what he does now; follow-limit: "
        "borrowers use the same share of their borrow limit",
    )
    caps: Mapping[CapPath, CapSearch] = Field(
        default={}, description="per path of a supply or borrow cap: budget_usd, least, largest"
    )

    def _problems(self) -> Iterator[Problem]:
        if not (self.dimensions or self.caps):
            yield Problem("dimensions", "nothing is asked for", "a dimension, or one of caps")
        for i, name in enumerate(self.objectives):
            if name in self.objectives[:i]:
                yield Problem(f"objectives[{i}]", f"{name} is there already", "each once")
            if name in ("borrowed", "borrow_usage") and self.debts == "same-positions":
                yield Problem(
                    f"objectives[{i}]",
                    f"{name} says nothing where everyone owes what he does now",
                    "debts: follow-limit, or borrowing_power",
                )
        if self.sampler == "cma-es" and len(self.objectives) > 1:
            yield Problem(
                "sampler", "cma-es knows one objective", "tpe, nsga2 or nsga3, or one objective"
            )


class Preset(Part):
    """The parameters a protocol has now, the scenarios they are judged by, and the search."""

    OWN: ClassVar[tuple[str, ...]] = ("name", "title", "story", "sources")
    """What it does not take over from one that it extends."""
    FILLED: ClassVar[tuple[str, ...]] = ()
    """Of these, what is made of its name where it says nothing: there is none."""

    name: str = Field(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=64,
        description="lower-case words joined by hyphens, like current-market",
    )
    title: str = Field(min_length=1, max_length=200, description="one line of text")
    story: str = Field(min_length=1, max_length=10_000, description="what is asked, as text")
    sources: Annotated[tuple[str, ...], FromList] = Field(
        min_length=1, max_length=1_000, description="a list of texts: where the figures come from"
    )
    parameters: Mapping[ProtocolPath, Any] = Field(
        default={}, description="the current setting, by path, where it is not the scenarios'"
    )
    scenarios: Annotated[tuple[ScenarioOfSet, ...], FromList] = Field(
        min_length=1, max_length=50, description="a list: name, scenario, weight, overrides"
    )
    tuning: Tuning = Field(description="the search: dimensions, objectives, sampler")

    def _problems(self) -> Iterator[Problem]:
        names = [one.name for one in self.scenarios]
        for i, name in enumerate(names):
            if name in names[:i]:
                yield Problem(f"scenarios[{i}].name", f"{name} is taken", "a name of its own")
