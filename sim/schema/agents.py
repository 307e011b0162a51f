"""The people in a scenario: borrowers, as distributions to draw a book from, and liquidators."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from sim.schema.base import FromList, Part, PositiveUsd, Seconds, Share, Symbol, Usd, Weight
from sim.schema.problems import Problem

# Below $2,000 a position is always closed whole, and what a liquidation leaves must be worth $1,000
# (CloseFactor.sol): a book of smaller debts would be liquidations of dust only.
MIN_ACCOUNT_DEBT_USD = 2_500.0
# Health factors of Compound v2 accounts with more than 1 ETH of debt, May 2023, n = 1,044 (p5 to
# p90). The end points are assumptions: no measured debt fell due on a 1% shock, and above 10 an
# account is out of reach of everything that is simulated here.
COMPOUND_2023_HEALTH = (
    (0.0, 1.01),
    (0.05, 1.098),
    (0.10, 1.171),
    (0.25, 1.383),
    (0.50, 1.895),
    (0.75, 2.733),
    (0.90, 3.905),
    (1.0, 10.0),
)


class BorrowerBook(Part):
    """The accounts that owe at the start, as distributions; `books.synthetic` draws them."""

    accounts: int = Field(ge=1, le=100_000, description="accounts with debt, 1..100000")
    total_debt_usd: PositiveUsd = Field(description="USD owed by all, above 0, at most 1e+12")
    debt_tail_index: float = Field(
        ge=0.2, le=10, description="tail index of debts, 0.2..10; the smaller the more unequal"
    )
    health_quantiles: Annotated[
        tuple[
            Annotated[
                tuple[
                    Annotated[float, Field(ge=0, le=1)],
                    Annotated[float, Field(ge=1, le=1_000)],
                ],
                FromList,
            ],
            ...,
        ],
        FromList,
    ] = Field(
        default=COMPOUND_2023_HEALTH,
        min_length=2,
        max_length=1_000,
        description="pairs [probability, health factor >= 1], rising from probability 0 to 1",
    )
    collateral_weights: Mapping[Symbol, Weight] = Field(
        description="per asset: its share of the collateral value, a weight of 0 to 1e+6"
    )
    debt_weights: Mapping[Symbol, Weight] = Field(
        description="per asset: its share of the debt value, a weight of 0 to 1e+6"
    )
    two_collateral_share: Share = Field(
        description="share of the cross-margin accounts with two collateral assets, 0..1"
    )
    isolated_share: Share = Field(description="share of isolated accounts, 0..1")
    max_account_share: float = Field(
        gt=0, le=1, description="most that one account owes, as a share of all debt, above 0 to 1"
    )

    def _problems(self) -> Iterator[Problem]:
        points = self.health_quantiles
        for i, wanted in ((0, 0.0), (len(points) - 1, 1.0)):
            if points[i][0] != wanted:
                yield Problem(
                    f"health_quantiles[{i}][0]",
                    f"the {'last' if i else 'first'} probability is {points[i][0]:g}",
                    f"{wanted:g}: the quantiles must cover everything from 0 to 1",
                )
        for i, (a, b) in enumerate(pairwise(points), start=1):
            for column in (0, 1):
                if a[column] >= b[column]:
                    yield Problem(
                        f"health_quantiles[{i}][{column}]",
                        f"{b[column]:g} does not exceed {a[column]:g} before it",
                        f"a number above {a[column]:g}",
                    )
        least = self.accounts * MIN_ACCOUNT_DEBT_USD
        if self.total_debt_usd < least:
            yield Problem(
                "total_debt_usd",
                f"{self.total_debt_usd:g} is less than {MIN_ACCOUNT_DEBT_USD:g} USD for each of "
                f"{self.accounts} accounts",
                f"at least {least:.0f}, or at most "
                f"{int(self.total_debt_usd // MIN_ACCOUNT_DEBT_USD)} accounts",
            )
        if self.accounts * self.max_account_share < 1 - 1e-12:  # 49 x (1 / 49) is not 1 in binary
            yield Problem(
                "max_account_share",
                f"{self.accounts} accounts of at most {self.max_account_share:g} each cannot owe "
                "the whole",
                f"at least {1 / self.accounts!r}, or more accounts",
            )
        for name in ("collateral_weights", "debt_weights"):
            if not any(getattr(self, name).values()):
                yield Problem(name, "no asset has a weight above 0", "a weight above 0 for one")


class Liquidator(Part):
    """One kind of liquidator: what limits it."""

    name: str = Field(min_length=1, max_length=64, description="a name, 1 to 64 characters")
    max_gas_price_gwei: float = Field(
        ge=0,
        le=1e9,
        description="gwei: its bid; the highest acts first, and above it it does nothing",
    )
    gas_used: int = Field(
        ge=21_000, le=30_000_000, description="gas per liquidation, 21000..30000000"
    )
    profit_floor_usd: Usd = Field(description="USD; it does nothing for less, 0 to 1e+12")
    capacity_usd_per_step: PositiveUsd = Field(
        description="USD of debt it can repay per step, above 0, at most 1e+12"
    )
    max_actions_per_step: int = Field(
        ge=1, le=100_000, description="liquidations per step, 1..100000"
    )
    latency_seconds: Seconds = Field(
        default=0,
        description="from the step in which an account can be liquidated to acting, seconds",
    )
    capital_usd: Mapping[Symbol, Usd] | None = Field(
        default=None, description="per asset: USD of its own to repay with; absent: flash loans"
    )
    keeps_collateral: bool = Field(
        default=False, description="true: keeps what it seizes, at the reference price; own capital"
    )
    takes_shares: bool = Field(
        default=False,
        description="true: takes a position where the hub has not the cash; own capital only",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.capital_usd is None:
            for name in ("keeps_collateral", "takes_shares"):
                if getattr(self, name):
                    yield Problem(name, "is true without capital", "capital_usd, or false")
