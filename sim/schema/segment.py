"""One of several vaults on the hub: what it does otherwise than the protocol says for all."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from sim.schema.base import FromList, Part, Symbol, Tokens, unit
from sim.schema.problems import Problem, ScenarioError, explain

VaultName = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=32)]
Symbols = Annotated[tuple[Symbol, ...], FromList]
Changes = Mapping[str, Any]
"""Field of a part -> its value here; the others are as they are."""
OF_ROUTER = (
    "heartbeat_seconds",
    "min_price_usd",
    "max_price_usd",
    "max_move_bps",
    "hold_off_seconds",
)
"""Fields of a feed that the router of a vault has of its own; what a feed reports is one for all.
"""
P = TypeVar("P", bound=Part)


class Segment(Part):
    """What a vault takes and lends, and where its rules differ."""

    collateral: Symbols | None = Field(
        default=None,
        max_length=64,
        description="a list of the assets that may be its collateral, of those of "
        "protocol.reserves that may; absent: all of them",
    )
    borrow: Symbols | None = Field(
        default=None,
        max_length=64,
        description="a list of the assets that it lends, of those of protocol.reserves that may be "
        "borrowed; absent: all of them",
    )
    reserves: Mapping[Symbol, Changes] = Field(
        default={},
        description="per asset: fields of protocol.reserves that are otherwise here, like "
        "{WETH: {lt_bps: 7500}}",
    )
    liquidation: Changes = Field(
        default={},
        description="fields of protocol.liquidation that are otherwise here, like "
        "{engine: dutch-bonus}",
    )
    guard: Changes = Field(
        default={},
        description="fields of protocol.guard that are otherwise here, like {trip_bps: 3000}; if "
        "that is absent: of a guard that this vault has alone",
    )
    feeds: Mapping[Symbol, Changes] = Field(
        default={},
        description=f"per asset: of {', '.join(OF_ROUTER)} of its feed what is otherwise here",
    )
    draw_caps: Mapping[Symbol, Tokens] = Field(
        default={},
        json_schema_extra=unit("tokens"),
        description="per asset: most that it owes the hub, its bad debt included, in tokens, above "
        "0; absent: no cap",
    )

    def _problems(self) -> Iterator[Problem]:
        for symbol, changes in self.feeds.items():
            for name in changes:
                if name not in OF_ROUTER:
                    remedy = f"one of {', '.join(OF_ROUTER)}"
                    yield Problem(f"feeds.{symbol}.{name}", "is no field of a router", remedy)

    def symbols(self) -> Iterator[tuple[str, str]]:
        """(path, symbol) of every asset that it names."""
        for name in ("collateral", "borrow"):
            for n, symbol in enumerate(getattr(self, name) or ()):
                yield f"{name}[{n}]", symbol
        for name in ("reserves", "feeds", "draw_caps"):
            for symbol in getattr(self, name):
                yield f"{name}.{symbol}", symbol

    def takes(self, symbol: str) -> bool:
        """Whether the asset may be collateral here, if it may anywhere."""
        return self.collateral is None or symbol in self.collateral

    def lends(self, symbol: str) -> bool:
        """Whether the asset may be borrowed here, if it may anywhere."""
        return self.borrow is None or symbol in self.borrow


def otherwise(part: P, changes: Changes, path: str) -> P:
    """The part with some fields replaced. Raises `ScenarioError`, with paths below `path`."""
    if not changes:
        return part
    try:
        return type(part).model_validate({**part.model_dump(), **changes})
    except ValidationError as error:
        found = explain(error, type(part))
        raise ScenarioError(
            "(vault)", [one._replace(path=f"{path}.{one.path}") for one in found]
        ) from error
