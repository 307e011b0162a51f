"""The borrowers at the start of a run: as distributions to draw a book from, or as a file."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from sim.schema.base import FromList, Part, PositiveUsd, Share, Symbol, Weight, unit
from sim.schema.category import Category
from sim.schema.deployment import Terms
from sim.schema.problems import Problem
from sim.schema.segment import VaultName

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
# Share of the debt that the n largest of 4,793 accounts of Compound v2 owed, May 2023.
COMPOUND_2023_TOP_SHARES = ((1, 0.135), (10, 0.504), (100, 0.921), (1_000, 0.9986))

Health = Annotated[float, Field(ge=1, le=1_000)]
VaultShares = Annotated[
    Mapping[VaultName, Weight],
    Field(
        description="of several vaults: name -> weight by which an account is in it by chance, of "
        "those that take and lend what it has, 0 to 1e+6; absent: each is in the first such vault"
    ),
]
Split = Annotated[
    Literal["no", "vaults", "isolated"],
    Field(
        description="no; vaults: an account of several vaults' collateral is one in each, debts by "
        "the borrow limits of the parts; isolated: an isolated one per collateral and debt"
    ),
]


class BorrowerBook(Part):
    """The accounts that owe at the start, as distributions; `books.synthetic` draws them."""

    accounts: int = Field(
        ge=1,
        le=100_000,
        json_schema_extra=unit("accounts"),
        description="accounts with debt, 1..100000",
    )
    total_debt_usd: PositiveUsd = Field(description="USD owed by all, above 0, at most 1e+12")
    debt_tail_index: float | None = Field(
        default=None,
        ge=0.2,
        le=10,
        json_schema_extra=unit("tail index"),
        description="tail index of debts, 0.2..10; the smaller the more unequal; absent: "
        "debt_top_shares say how unequal",
    )
    debt_top_shares: Annotated[
        tuple[
            Annotated[
                tuple[
                    Annotated[int, Field(ge=1, le=100_000)],
                    Annotated[float, Field(gt=0, le=1)],
                ],
                FromList,
            ],
            ...,
        ],
        FromList,
    ] = Field(
        default=COMPOUND_2023_TOP_SHARES,
        min_length=1,
        max_length=1_000,
        json_schema_extra=unit("accounts, share"),
        description="pairs [n, share of the debt that the n largest owe], rising from n = 1; not "
        "used with debt_tail_index",
    )
    health_quantiles: Annotated[
        tuple[
            Annotated[tuple[Annotated[float, Field(ge=0, le=1)], Health], FromList],
            ...,
        ],
        FromList,
    ] = Field(
        default=COMPOUND_2023_HEALTH,
        min_length=2,
        max_length=1_000,
        json_schema_extra=unit("probability, health factor"),
        description="pairs [probability, health factor >= 1], rising from probability 0 to 1",
    )
    collateral_weights: Mapping[Symbol, Weight] = Field(
        description="per asset: its share of the collateral value after liquidation thresholds, "
        "a weight of 0 to 1e+6"
    )
    debt_weights: Mapping[Symbol, Weight] = Field(
        description="per asset: its share of the debt value, a weight of 0 to 1e+6"
    )
    two_collateral_share: Share = Field(
        description="share of the cross-margin accounts with two collateral assets, 0..1"
    )
    isolated_share: Share = Field(description="share of isolated accounts, 0..1")
    max_account_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="most that one account owes, as a share of all debt, above 0 to 1; used with "
        "debt_tail_index only",
    )
    same_asset_share: Share = Field(
        default=0.0,
        description="share of the accounts that pledge the same asset as the next larger account, "
        "besides those that do by chance, 0..1",
    )
    loop_share: Share = Field(
        default=0.0,
        description="share of the accounts that are loops: loop_pair at a health of loop_health",
    )
    loop_pair: Annotated[tuple[Symbol, Symbol], FromList] | None = Field(
        default=None,
        description="what loops pledge and what they owe, two symbols like [wstETH, WETH]",
    )
    loop_health: Annotated[tuple[Health, Health], FromList] = Field(
        default=(1.02, 1.13),
        description="the lowest and the highest health factor of loops, like [1.02, 1.13]",
    )
    drawn_under: Mapping[Symbol, Terms] | None = Field(
        default=None,
        description="per asset: the ltv_bps, lt_bps, collateral_enabled and borrow_enabled that "
        "the book is drawn under; absent: those of protocol.reserves. An override of those "
        "fills it in with what was before, so that positions stay",
    )
    category_share: Share = Field(
        default=1.0,
        description="share of the accounts that opt into a category, the first that lends what "
        "they owe and counts some of their collateral, of those that can, 0..1; against the same "
        "collateral they owe as much more as it counts for more",
    )
    drawn_in: Mapping[VaultName, Category] | None = Field(
        default=None,
        description="name -> the category that the book is drawn in; absent: those of "
        "protocol.categories. An override of those fills it in with what was before, so that "
        "positions stay",
    )
    vault_shares: VaultShares = Field(default={})
    split: Split = "no"

    def _problems(self) -> Iterator[Problem]:
        yield from self._quantile_problems()
        yield from self._size_problems()
        yield from self._loop_problems()
        for name in ("collateral_weights", "debt_weights"):
            if not any(getattr(self, name).values()):
                yield Problem(name, "no asset has a weight above 0", "a weight above 0 for one")

    def _quantile_problems(self) -> Iterator[Problem]:
        points = self.health_quantiles
        for i, wanted in ((0, 0.0), (len(points) - 1, 1.0)):
            if points[i][0] != wanted:
                yield Problem(
                    f"health_quantiles[{i}][0]",
                    f"the {'last' if i else 'first'} probability is {points[i][0]:g}",
                    f"{wanted:g}: the quantiles must cover everything from 0 to 1",
                )
        yield from _not_rising("health_quantiles", points)

    def _size_problems(self) -> Iterator[Problem]:
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
        first = self.debt_top_shares[0][0]
        if first != 1:
            yield Problem(
                "debt_top_shares[0][0]",
                f"the first pair is of the {first} largest",
                "1: the pairs start with the largest account alone",
            )
        yield from _not_rising("debt_top_shares", self.debt_top_shares)

    def _loop_problems(self) -> Iterator[Problem]:
        if self.loop_share and self.loop_pair is None:
            wanted = type(self).model_fields["loop_pair"].description or ""
            yield Problem("loop_pair", "is missing, and loop_share uses it", wanted)
        if self.loop_pair and self.loop_pair[0] == self.loop_pair[1]:
            yield Problem(
                "loop_pair[1]", f"{self.loop_pair[1]} is paired with itself", "another asset"
            )
        low, high = self.loop_health
        if low > high:
            yield Problem("loop_health[1]", f"{high:g} is below {low:g}", f"at least {low:g}")


BookColumn = Literal[
    "account",
    "asset",
    "supplied",
    "debt",
    "isolated",
    "used_as_collateral",
    "owner",
    "health",
    "vault",
    "category",
]


class BookFile(Part):
    """The accounts that owe at the start, one by one; `books.recorded` reads them."""

    file: str = Field(
        min_length=1,
        max_length=1_000,
        description="a CSV file: account,asset,supplied,debt, a row per account and asset; looked "
        "for beside the scenario file",
    )
    columns: Mapping[BookColumn, Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default={},
        description="what the file calls the columns account, asset, supplied, debt, isolated, "
        "used_as_collateral, owner, health, vault, category, like {account: user_address}; "
        "absent: the same",
    )
    units: Literal["tokens", "base"] = Field(
        default="tokens",
        description="tokens (12.5), or base for the token's smallest units (12500000)",
    )
    unlisted: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="refuse or drop: rows about what is not an asset of the scenario",
    )
    vault_shares: VaultShares = Field(default={})
    split: Split = "no"


Book = Annotated[
    Annotated[BorrowerBook, Tag("<BorrowerBook>")] | Annotated[BookFile, Tag("<BookFile>")],
    Discriminator(
        lambda value: (
            "<BookFile>"
            if isinstance(value, BookFile) or (isinstance(value, dict) and "file" in value)
            else "<BorrowerBook>"
        )
    ),
]
"""Distributions, or a file."""


def _not_rising(name: str, points: tuple[tuple[float, float], ...]) -> Iterator[Problem]:
    for i, (a, b) in enumerate(pairwise(points), start=1):
        for column in (0, 1):
            if a[column] >= b[column]:
                yield Problem(
                    f"{name}[{i}][{column}]",
                    f"{b[column]:g} does not exceed {a[column]:g} before it",
                    f"a number above {a[column]:g}",
                )
