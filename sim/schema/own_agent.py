"""A user's own agent, as a scenario names it. The code itself is looked at when the world is built:
reading a scenario runs nobody's code.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from sim.schema.base import Part, Symbol, Usd, unit
from sim.schema.problems import Problem, nearest

_Name = Annotated[str, Field(pattern=r"^[A-Za-z_]\w{0,63}$")]
_Number = Annotated[
    Annotated[int, Field(ge=-(10**30), le=10**30), Tag("<whole>")]
    | Annotated[float, Field(ge=-1e30, le=1e30), Tag("<decimal>")],
    Discriminator(lambda value: "<whole>" if type(value) is int else "<decimal>"),
]


HANDED_OVER = "handed_over"
"""In place of the module of an agent that a program handed over: only it knows what that does."""


class OwnAgent(Part):
    """Where its code is, what it owns at the start, and its parameters."""

    name: str = Field(min_length=1, max_length=64, description="a name, 1 to 64 characters")
    path: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
        max_length=300,
        description="package.module:attribute, importable from the folder of the scenario or the "
        "current directory, or installed",
    )
    folder: str | None = Field(
        default=None,
        max_length=1_000,
        description="the folder that its module is in, filled in where that is the scenario's; "
        "absent: the current directory, or it is installed",
    )
    vault: str | None = Field(
        default=None,
        max_length=32,
        description="the vault that its account is in, one of protocol.vaults; absent: the first",
    )
    capital_usd: Mapping[Symbol, Usd] = Field(
        default={}, description="per asset: USD in the agent's wallet at the start, 0 to 1e+12"
    )
    parameters: Mapping[_Name, _Number] = Field(
        default={},
        json_schema_extra=unit("as the agent's code says"),
        description="per parameter that the agent's code names: a number",
    )
    time_limit_seconds: float = Field(
        default=10.0,
        gt=0,
        le=86_400,
        description="seconds it may take for one step, above 0, at most 86400; then the run stops",
    )

    @property
    def is_handed_over(self) -> bool:
        """Whether its code is nowhere but in the program that ran it."""
        return self.path.startswith(f"{HANDED_OVER}:")

    def _problems_within(self, whole: Any) -> Iterator[Problem]:
        vaults = whole.protocol.vaults
        if self.vault is not None and self.vault not in vaults:
            remedy = nearest(self.vault, vaults, "the names in protocol.vaults are")
            yield Problem("vault", f"no vault is called {self.vault}", remedy)

    def missing(self, path: str) -> Problem:
        """What to say of one that was handed over and is not here; `path` is where it is named."""
        return Problem(
            path,
            f"{self.name} was handed over by a program, and nobody else has its code",
            f"hand it over again, to sim.run(..., agents=[...]) with an agent of the name "
            f"{self.name!r}; or leave it out, replacing `agents`",
        )
