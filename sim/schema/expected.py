"""The expected part of a scenario: published figures that a run is held against.

`sim.measures.expected` computes the measures from a finished run and says what each one means.
"""

from collections.abc import Iterator

from pydantic import Field

from sim.schema.base import Part, unit
from sim.schema.problems import Problem, nearest

OF_A_RUN = (
    "bad_debt_usd",
    "liquidated_usd",
    "seized_usd",
    "liquidations",
    "liquidated_accounts",
    "usd_per_liquidation",
    "liquidations_per_account",
    "busiest_hour_liquidations",
    "hours_of_liquidations",
    "withdrawn_usd",
    "withdrawals_refused_usd",
    "highest_gas_gwei",
)
OF_AN_ASSET = (
    "bad_debt_tokens",
    "liquidated_tokens",
    "seized_tokens",
    "lowest_price",
    "highest_price",
    "oracle_lowest",
    "oracle_highest",
    "largest_usage",
    "hours_at_full_usage",
    "highest_borrow_rate",
    "supply_left",
)
"""Written with the asset, as in `lowest_price.WETH`."""
INPUTS = ("highest_gas_gwei", "lowest_price", "highest_price", "oracle_lowest", "oracle_highest")
"""Put into the scenario as they were published, by levels, guards and faults: a run that has them
ran the right event, and agrees with nothing.
"""


class Expected(Part):
    """One published figure: a value, or a range where sources differ."""

    measure: str = Field(
        description=f"one of {', '.join(OF_A_RUN)}, or with an asset like lowest_price.WETH one of "
        f"{', '.join(OF_AN_ASSET)}"
    )
    value: float | None = Field(
        default=None,
        ge=0,
        json_schema_extra=unit("that of the measure"),
        description="the published figure, 0 or more; or low and high",
    )
    low: float | None = Field(
        default=None,
        ge=0,
        json_schema_extra=unit("that of the measure"),
        description="the lowest published figure, 0 or more; with high",
    )
    high: float | None = Field(
        default=None,
        ge=0,
        json_schema_extra=unit("that of the measure"),
        description="the highest published figure, 0 or more; with low",
    )
    source: str = Field(min_length=1, max_length=500, description="who published it, as text")
    sized: bool = Field(
        default=False,
        description="true if sizes of the scenario, of its book, pools or liquidators, were chosen "
        "with this figure in view",
    )
    note: str = Field(
        default="", max_length=500, description="what to know when comparing, as text"
    )

    @property
    def is_input(self) -> bool:
        """Whether the figure was put in."""
        return self.measure.partition(".")[0] in INPUTS

    @property
    def asset(self) -> str | None:
        """The asset of a measure that is of one."""
        return self.measure.partition(".")[2] or None

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest published figure; equal where there is one."""
        low, high = (self.value if end is None else end for end in (self.low, self.high))
        return low or 0.0, high or 0.0

    def _problems(self) -> Iterator[Problem]:
        name, dot, _ = self.measure.partition(".")
        if name not in (OF_AN_ASSET if dot else OF_A_RUN):
            known = [*OF_A_RUN, *(f"{name}.ASSET" for name in OF_AN_ASSET)]
            remedy = nearest(self.measure, known, "the measures are")
            yield Problem("measure", f"{self.measure} is no measure", remedy)
        given = tuple(end is not None for end in (self.value, self.low, self.high))
        if given not in ((True, False, False), (False, True, True)):
            yield Problem("value", "neither one figure nor a range", "value, or low and high")
        elif self.range[0] > self.range[1]:
            yield Problem("low", f"{self.low:g} is above high {self.high:g}", "low below high")
