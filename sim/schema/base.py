"""What the parts of a scenario are made of: the strict model, bounded numbers, levels over time.

Numbers are strict (no text, no booleans, nothing infinite), unknown fields are refused, and
everything is frozen. A description says what a field means in its unit; it is also what a user
reads as the remedy when the field is wrong, so it says what would be right.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from itertools import pairwise
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic.config import JsonDict
from typing_extensions import Self

from sim.protocol.units import BPS
from sim.schema.problems import InconsistentError, Problem


class Part(BaseModel):
    """A part of a scenario: frozen, strict, closed, and consistent in itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    REPLACED: ClassVar[Mapping[str, str]] = {}
    """Fields of earlier versions, each with what to write instead."""

    def _problems(self) -> Iterator[Problem]:
        """What is wrong between fields that are each right; paths are relative to this part."""
        return iter(())

    def _problems_within(self, whole: Any) -> Iterator[Problem]:
        """What does not fit the rest of the scenario, `sim.scenario.Scenario`; paths likewise. Of
        parts that are a section, or an entry of one.
        """
        return iter(())

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problems := list(self._problems()):
            raise InconsistentError(problems)
        return self


def unit(name: str) -> JsonDict:
    """The unit of a field whose name does not end in it, for `Field(json_schema_extra=...)`; what
    `ape run schema` prints, see `sim.reference.units`.
    """
    return {"x-unit": name}


def iso(at: datetime) -> str:
    """A time in UTC as a scenario names it."""
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _from_text(value: Any) -> Any:
    """A time in quotes, as JSON has it, is the time; other text stays, to be refused."""
    if not isinstance(value, str) or "T" not in value:
        return value
    try:
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return value


def _whole_second_utc(at: datetime) -> datetime:
    if at.microsecond:
        raise ValueError("should be a whole second")
    return at.astimezone(timezone.utc)  # equal instants digest equally


def _increasing(waypoints: "tuple[Waypoint, ...]") -> "tuple[Waypoint, ...]":
    late = [i + 1 for i, (a, b) in enumerate(pairwise(waypoints)) if a.at >= b.at]
    if late:
        raise InconsistentError(
            Problem(
                f"[{i}].at",
                f"{iso(waypoints[i].at)} does not come after the waypoint before it",
                f"a time later than {iso(waypoints[i - 1].at)}",
            )
            for i in late
        )
    return waypoints


# YAML has lists, a frozen model has tuples; strict validation would not take one for the other.
FromList = BeforeValidator(lambda value: tuple(value) if type(value) is list else value)

Symbol = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,16}$")]
Bps = Annotated[int, Field(ge=0, le=BPS)]
# A year: the longest period that the contracts accept.
Seconds = Annotated[int, Field(ge=0, le=365 * 86_400)]
Hours = Annotated[float, Field(ge=0, le=365 * 24)]
Usd = Annotated[float, Field(ge=0, le=1e12)]
PositiveUsd = Annotated[float, Field(gt=0, le=1e12)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
# The lower bound is one unit of a price with 8 decimals; 2^64 of those units, the most that the
# contracts accept, are above the upper bound.
Magnitude = Annotated[float, Field(ge=1e-8, le=1e11)]
Tokens = Annotated[float, Field(gt=0, le=1e15)]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_from_text),
    Field(
        ge=datetime(2009, 1, 3, tzinfo=timezone.utc), le=datetime(2100, 1, 1, tzinfo=timezone.utc)
    ),
    AfterValidator(_whole_second_utc),
]


class Waypoint(Part):
    """A level at a time."""

    at: Instant = Field(description="a time with its zone, 2009 to 2100, like 2020-03-12T10:30:00Z")
    value: Magnitude = Field(
        json_schema_extra=unit("that of the level"),
        description="the level at that time, a number from 1e-8 to 1e+11",
    )


Level = Annotated[
    Annotated[Magnitude, Tag("<number>")]
    | Annotated[
        tuple[Waypoint, ...],
        Field(min_length=1, max_length=100_000),
        FromList,
        AfterValidator(_increasing),
        Tag("<waypoints>"),
    ],
    Discriminator(lambda value: "<waypoints>" if isinstance(value, list | tuple) else "<number>"),
]
"""A constant, or waypoints: linear in log level between them, flat before and after all of them."""
