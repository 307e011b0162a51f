"""The protocol part of a scenario: the configuration of hub, vault and insurance fund."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from sim.protocol.brackets import weigh_all
from sim.protocol.soundness import (
    ANY_HEALTH,
    ENGINES,
    FLAG_VALIDITY,
    FULL_CLOSE_BPS,
    MIN_COOLDOWN,
    MIN_LEFTOVER,
    MOST_DELAY,
    MOST_DELEVERAGING_TIME,
    MOST_LIQUIDATION_FEE_BPS,
    MOST_RATE_BPS,
    MOST_TARGET_HEALTH,
    RECOVERY_GAP,
    WAD_PER_BPS_SQUARED,
    most_returned,
)
from sim.protocol.state import Array
from sim.protocol.units import BPS, USD, to_wad
from sim.schema.base import Bps, FromList, Hours, Part, Symbol, Tokens, Usd, unit
from sim.schema.category import Category
from sim.schema.guard import Guard, OutflowLimit
from sim.schema.problems import Problem, ScenarioError
from sim.schema.risk_desk import Steward
from sim.schema.segment import Segment, VaultName, otherwise

LEAST_LEFTOVER_USD = MIN_LEFTOVER // USD


class Rates(Part):
    """The kinked interest curve of one asset (LiquidityHub.sol)."""

    reserve_factor_bps: int = Field(
        ge=0, le=BPS - 1, description="share of interest kept as fee, in bps, 0..9999"
    )
    optimal_usage_bps: int = Field(ge=1, le=BPS - 1, description="the kink, usage in bps, 1..9999")
    base_rate_bps: int = Field(
        ge=0,
        le=MOST_RATE_BPS,
        json_schema_extra=unit("bps per year"),
        description="rate per year at no usage, in bps",
    )
    slope1_bps: int = Field(
        ge=0,
        le=MOST_RATE_BPS,
        json_schema_extra=unit("bps per year"),
        description="added up to the kink, bps per year",
    )
    slope2_bps: int = Field(
        ge=0,
        le=MOST_RATE_BPS,
        json_schema_extra=unit("bps per year"),
        description="added above the kink, bps per year",
    )

    def _problems(self) -> Iterator[Problem]:
        top = self.base_rate_bps + self.slope1_bps + self.slope2_bps
        if top > MOST_RATE_BPS:
            yield Problem(
                "slope2_bps",
                f"base_rate + slope1 + slope2 = {top} bps a year",
                f"a sum of at most {MOST_RATE_BPS}",
            )


class Insurance(Part):
    """First-loss capital, per asset."""

    cooldown_hours: float = Field(
        ge=MIN_COOLDOWN // 3_600,
        le=365 * 24,
        description="hours of a period; capital leaves at the end of the one after that in which "
        "it is asked for; 24 to 8760",
    )
    capital_usd: Mapping[Symbol, Usd] = Field(description="per asset: USD in the fund, 0 to 1e+12")


NO_SPLIT_BOUND = {"target-health": "hf_for_max_bonus", "close-factor": "full_close_health"}
"""By engine the field with the health that lt x (1 + max_bonus) of no reserve may exceed."""


class Liquidation(Part):
    """When an account may be liquidated, and which engine says for how much (VaultLiquidation)."""

    engine: Literal["close-factor", "target-health", "dutch-bonus"] = Field(
        description="close-factor, target-health or dutch-bonus: what heals and half of the rest; "
        "as much as restores target_health; any size, at a bonus that rises with time"
    )
    target_health: float = Field(
        ge=1, le=2, description="health factor that target-health restores, 1..2"
    )
    hf_for_max_bonus: float = Field(
        gt=0, lt=1, description="health factor at which target-health pays max_bonus, inside 0..1"
    )
    full_close_health: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="health factor at or below which close-factor lets all be repaid, inside 0..1; "
        "without it .95, or the largest lt x (1 + max_bonus) if that is more: above it splitting a "
        "liquidation does not pay",
    )
    auction_seconds: int = Field(
        ge=1,
        le=FLAG_VALIDITY - 3_600,
        description="time from min to max bonus in dutch-bonus, whole seconds, 1 to 18000: an hour "
        "less than a flag is sure to last",
    )
    delay_seconds: int = Field(
        ge=0,
        le=MOST_DELAY,
        description="from flag to liquidation, in whole seconds, to 86400; 0 needs no flag",
    )
    urgent_health: float = Field(
        ge=0, le=1, description="health factor below which there is no delay, 0..1"
    )
    dust_value_usd: float = Field(
        gt=0,
        lt=LEAST_LEFTOVER_USD,  # the contracts allow it; doubles may leave a rounding less
        description="USD of collateral below which an account that owes more is written off, and "
        "of the least debt of an asset that is opened, above 0, below the "
        f"{LEAST_LEFTOVER_USD} that a partial liquidation leaves",
    )
    margin_call_health: float | None = Field(
        default=None,
        ge=1,
        le=2,
        description="health factor below which a healthy account is called for margin: until it is "
        "there again it may neither borrow nor take collateral out, 1..2; absent: nobody is called",
    )


class Deleveraging(Part):
    """When lenders who are stuck may take collateral instead (VaultDeleveraging.sol)."""

    usage_bps: int = Field(
        ge=1,
        le=BPS,
        description="usage above which lenders of an asset are stuck, in bps, 1..10000",
    )
    usage_minutes: float = Field(
        ge=RECOVERY_GAP / 60,
        le=MOST_DELEVERAGING_TIME / 60,
        description="minutes for longer than which it must be seen there until the mode begins, "
        "and below until it ends, 10 to 43200; a loss that the fund did not pay begins it at once",
    )
    ramp_hours: float = Field(
        ge=0,
        le=MOST_DELEVERAGING_TIME / 3_600,
        description="hours in which the health below which accounts are deleveraged rises from 1 "
        "to max_health, 0 to 720",
    )
    max_health: float = Field(
        ge=1, le=MOST_TARGET_HEALTH, description="the largest such health, 1..10"
    )
    target_health: float = Field(
        ge=1,
        le=MOST_TARGET_HEALTH,
        description="health factor that no deleveraging exceeds, max_health..10",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.target_health < self.max_health:
            yield Problem(
                "target_health",
                f"{self.target_health:g} is below max_health {self.max_health:g}",
                f"at least {self.max_health:g}: who may be deleveraged can be lifted",
            )

    def terms(self) -> list[int]:
        """The first columns of the twin's row, `sim.protocol.state.ADL`."""
        return [
            self.usage_bps,
            round(self.usage_minutes * 60),
            round(self.ramp_hours * 3_600),
            to_wad(self.max_health),
            to_wad(self.target_health),
        ]


class Tier(Part):
    """From which value on an account's collateral of an asset counts for less."""

    above_usd: float = Field(
        ge=1,
        le=1e11,
        description="what an account's collateral is worth beyond so many USD, 1 to 1e+11...",
    )
    lt_bps: int = Field(
        ge=1,
        le=BPS,
        description="...counts at this liquidation threshold, in bps, 1..10000, at most that below "
        "it; the borrow limit falls in proportion",
    )


class Terms(Part):
    """Of what the vault allows with one asset, what decides which positions there can be."""

    ltv_bps: Bps = Field(description="borrow limit per collateral value, in bps, 0..10000")
    lt_bps: Bps = Field(description="liquidation threshold, in bps, 0..10000")
    collateral_enabled: bool = Field(description="true: may newly become collateral; false: not")
    borrow_enabled: bool = Field(description="true: may newly be borrowed; false: not")
    tiers: Annotated[tuple[Tier, ...], Field(max_length=2), FromList] = Field(
        default=(),
        description="brackets of an account's collateral beyond the first, which counts at lt_bps: "
        "up to two of above_usd and lt_bps, rising and falling; absent: all counts at lt_bps",
    )

    def _problems(self) -> Iterator[Problem]:
        if self.ltv_bps > self.lt_bps:
            yield Problem(
                "ltv_bps",
                f"borrow limit {self.ltv_bps} is above the liquidation threshold {self.lt_bps}",
                f"at most {self.lt_bps}: who borrows to the limit must not be liquidatable",
            )
        for n, (below, tier) in enumerate(pairwise((_first_bracket(self), *self.tiers))):
            if tier.lt_bps > below.lt_bps:
                yield Problem(
                    f"tiers[{n}].lt_bps",
                    f"{tier.lt_bps} is above the {below.lt_bps} of the bracket below it",
                    f"at most {below.lt_bps}: more collateral must not count for more",
                )
            if tier.above_usd <= below.above_usd:
                yield Problem(
                    f"tiers[{n}].above_usd",
                    f"{tier.above_usd:g} is not above {below.above_usd:g}, where the last begins",
                    f"more than {below.above_usd:g}",
                )

    def weigh(self, values: Array) -> Array:
        """What collateral worth so much counts for in health: USD with 8 decimals, and that x BPS;
        exact on integers.
        """
        thresholds = [self.lt_bps, *(tier.lt_bps for tier in self.tiers)]
        return weigh_all(values, thresholds, [round(tier.above_usd * USD) for tier in self.tiers])


class FormerTerms(Part):
    """Of what the vault allowed with one asset when positions came about, what was otherwise."""

    ltv_bps: Bps | None = Field(
        default=None, description="borrow limit then, in bps, 0..10000; absent: as now"
    )
    collateral_enabled: bool | None = Field(
        default=None, description="true: what is supplied of it was made collateral; absent: as now"
    )
    borrow_enabled: bool | None = Field(
        default=None, description="true: could be borrowed then; absent: as now, or as it is owed"
    )


class Reserve(Terms):
    """What the vault allows with one asset."""

    max_bonus_bps: Bps = Field(description="largest liquidation bonus, in bps, 0..10000")
    min_bonus_bps: Bps = Field(description="smallest liquidation bonus, in bps, 0..10000")
    liquidation_fee_bps: int = Field(
        ge=0,
        le=MOST_LIQUIDATION_FEE_BPS,
        description="the protocol's share of the bonus, in bps, 0..5000",
    )
    rehypothecate: bool = Field(description="true: collateral is lent on; false: held in escrow")
    supply_cap: Tokens | None = Field(
        default=None,
        json_schema_extra=unit("tokens"),
        description="most the vault holds, in tokens, above 0; absent: no cap",
    )
    borrow_cap: Tokens | None = Field(
        default=None,
        json_schema_extra=unit("tokens"),
        description="most the vault owes, in tokens, above 0; absent: no cap",
    )
    concentration_bps: Bps = Field(
        default=0,
        description="most of the vault's total of it that one account's collateral may grow to, in "
        "bps, 0..10000; 0: all",
    )
    concentration_floor_usd: float = Field(
        default=0,
        ge=0,
        le=1e11,
        description="USD up to which it may grow whatever its share, 0 to 1e+11",
    )

    @property
    def tiered(self) -> bool:
        """Whether there are brackets, as the contracts are told. Where there is one beyond the
        first, the second of them is the third as well.
        """
        return bool(self.tiers)

    @property
    def concentration_floor(self) -> int:
        """USD with 8 decimals."""
        return round(self.concentration_floor_usd * USD)

    @property
    def second_above(self) -> int:
        """USD with 8 decimals; 0 without brackets."""
        return round(self.tiers[0].above_usd * USD) if self.tiers else 0

    @property
    def third_above(self) -> int:
        """USD with 8 decimals; 0 without brackets."""
        return round(self.tiers[-1].above_usd * USD) if self.tiers else 0

    @property
    def second_lt_bps(self) -> int:
        """Of the second bracket; 0 without brackets."""
        return self.tiers[0].lt_bps if self.tiers else 0

    @property
    def third_lt_bps(self) -> int:
        """Of the third bracket; 0 without brackets."""
        return self.tiers[-1].lt_bps if self.tiers else 0

    def _problems(self) -> Iterator[Problem]:
        yield from super()._problems()
        if self.min_bonus_bps > self.max_bonus_bps:
            yield Problem(
                "min_bonus_bps",
                f"{self.min_bonus_bps} is above max_bonus_bps {self.max_bonus_bps}",
                f"at most {self.max_bonus_bps}",
            )
        if self.lt_bps * (BPS + self.max_bonus_bps) > most_returned(ANY_HEALTH):
            yield Problem(
                "max_bonus_bps",
                f"lt {self.lt_bps} x (1 + bonus {self.max_bonus_bps}) >= 1, so a liquidation can "
                "leave bad debt on a continuous price path",
                lower_bonus_or_threshold(self, most_returned(ANY_HEALTH)),
            )


def _first_bracket(terms: Terms) -> Tier:
    return Tier.model_construct(above_usd=0.0, lt_bps=terms.lt_bps)


def lower_bonus_or_threshold(reserve: Reserve, most: int) -> str:
    """The remedy where lt x (10000 + bonus) must be at most `most`, a number of bps squared."""
    remedy = f"lower the threshold to at most {most // (BPS + reserve.max_bonus_bps)}"
    if reserve.lt_bps and (bonus := most // reserve.lt_bps - BPS) >= reserve.min_bonus_bps:
        return f"lower the bonus to at most {bonus} or {remedy.removeprefix('lower ')}"
    return remedy


class Protocol(Part):
    """The deployment: what is configured in the hub, the vault and the insurance fund."""

    rates: Mapping[Symbol, Rates] = Field(description="per asset: the interest curve")
    cover_window_hours: Hours = Field(
        description="hours for which fees make good what suppliers lost, 0 to 8760"
    )
    loss_mode: Literal["window", "immediate"] = Field(
        description="window (see cover_window_hours) or immediate: nothing comes back"
    )
    insurance: Insurance = Field(description="the insurance fund: cooldown_hours, capital_usd")
    liquidation: Liquidation = Field(description="the liquidation rules: engine, target_health...")
    reserves: Mapping[Symbol, Reserve] = Field(description="per asset: the vault's configuration")
    steward: Steward | None = Field(
        default=None,
        description="how parameters change without the admin: max_change_bps, ramp_hours...; "
        "absent: they do not",
    )
    deleveraging: Deleveraging | None = Field(
        default=None,
        description="when lenders who are stuck may take collateral of levered accounts instead: "
        "usage_bps, usage_minutes, ramp_hours, max_health, target_health; absent: never",
    )
    vaults: Mapping[VaultName, Segment] = Field(
        default={},
        max_length=16,
        description="several vaults on the hub, by their names, each with what differs from "
        "reserves, liquidation, guard: collateral, borrow, draw_caps...; absent: one vault, with "
        "these",
    )
    categories: Mapping[VaultName, Category] = Field(
        default={},
        max_length=16,
        description="efficiency modes that accounts may opt into, by their names: collateral, "
        "borrow, ltv_bps, lt_bps, max_bonus_bps; of every vault; absent: there are none",
    )
    outflow: Mapping[Symbol, OutflowLimit] = Field(
        default={},
        description="per asset: what may leave the hub, limit_bps, window_seconds...; absent: all "
        "the cash",
    )
    guard: Guard | None = Field(
        default=None,
        description="brakes of every vault: grace_seconds, trip_bps...; absent: none has any, but "
        "for those that have a guard under vaults",
    )

    def policy(self) -> dict[str, int]:
        """What goes for all of the vault, in the units of the contracts: the columns of the twin's
        policy, by their names in `sim.protocol.state`.
        """
        rule = self.liquidation
        return {
            "engine": ENGINES.index(rule.engine),
            "target_health": to_wad(rule.target_health),
            "hf_for_max_bonus": to_wad(rule.hf_for_max_bonus),
            "full_close_health": self._full_close_health(),
            "auction_seconds": rule.auction_seconds,
            "liquidation_delay": rule.delay_seconds,
            "urgent_health": to_wad(rule.urgent_health),
            "dust_value": round(rule.dust_value_usd * USD),
            "margin_call_health": to_wad(rule.margin_call_health or 0.0),
        }

    def _full_close_health(self) -> int:
        """The health (WAD) at or below which close-factor lets everything be repaid."""
        if self.liquidation.full_close_health is not None:
            return to_wad(self.liquidation.full_close_health)
        returned = [r.lt_bps * (BPS + r.max_bonus_bps) for r in self.reserves.values()]
        returned += [one.returned for one in self.categories.values()]
        return max(FULL_CLOSE_BPS * BPS, *returned) * WAD_PER_BPS_SQUARED

    @property
    def each(self) -> tuple["Protocol", ...]:
        """The protocol as every vault has it, in their order: of one vault, as it is said."""
        return tuple(self._of(name) for name in self.vaults) or (self,)

    def _of(self, name: str) -> "Protocol":
        """What one of several has of its own. Raises `ScenarioError` for what is wrong."""
        one, path = self.vaults[name], f"vaults.{name}"
        reserves = {}
        for symbol, reserve in self.reserves.items():
            here = f"{path}.reserves.{symbol}"
            own = otherwise(reserve, one.reserves.get(symbol, {}), here)
            allowed = {
                "collateral_enabled": own.collateral_enabled and one.takes(symbol),
                "borrow_enabled": own.borrow_enabled and one.lends(symbol),
            }
            reserves[symbol] = own.model_copy(update=allowed)
        liquidation = otherwise(self.liquidation, one.liquidation, f"{path}.liquidation")
        guard = otherwise(self.guard or Guard(), one.guard, f"{path}.guard")
        update = {
            "reserves": reserves,
            "liquidation": liquidation,
            "guard": guard if one.guard else self.guard,
            "vaults": {},
        }
        return self.model_copy(update=update)

    def _problems(self) -> Iterator[Problem]:
        of_all = [*self._category_problems(), *self._split_problems()]
        yield from of_all
        for name in self.vaults:
            try:
                one = self._of(name)
                found = [*one._category_problems(), *one._split_problems()]
                own = [problem for problem in found if problem not in of_all]
            except ScenarioError as error:
                yield from error.problems
                continue
            yield from (one._replace(path=f"vaults.{name}.{one.path}") for one in own)

    def _category_problems(self) -> Iterator[Problem]:
        """What joins a category must count for no less in it."""
        for name, category in self.categories.items():
            for n, symbol in enumerate(category.collateral):
                if symbol in self.reserves and self.reserves[symbol].lt_bps > category.lt_bps:
                    yield Problem(
                        f"categories.{name}.collateral[{n}]",
                        f"{symbol} has a threshold of {self.reserves[symbol].lt_bps} without it, "
                        f"above the {category.lt_bps} in it",
                        f"a higher lt_bps, or without {symbol}",
                    )

    def _split_problems(self) -> Iterator[Problem]:
        field = NO_SPLIT_BOUND.get(self.liquidation.engine)
        bound = getattr(self.liquidation, field) if field else None
        if bound is None:
            return
        most = most_returned(to_wad(bound))
        for name, category in self.categories.items():
            if category.returned > most:
                yield Problem(
                    f"categories.{name}.max_bonus_bps",
                    f"lt {category.lt_bps} x (1 + bonus {category.max_bonus_bps}) is above "
                    f"{field} {bound}, so splitting a liquidation pays",
                    f"{category.lower(most)}, or raise protocol.liquidation.{field} to at least "
                    f"{float(Fraction(category.returned, BPS * BPS))}",
                )
        for symbol, reserve in self.reserves.items():
            product = reserve.lt_bps * (BPS + reserve.max_bonus_bps)
            if product > most:
                yield Problem(
                    f"reserves.{symbol}.max_bonus_bps",
                    f"lt {reserve.lt_bps} x (1 + bonus {reserve.max_bonus_bps}) is above "
                    f"{field} {bound}, so splitting a liquidation pays",
                    f"{lower_bonus_or_threshold(reserve, most)}, or raise "
                    f"protocol.liquidation.{field} to at least "
                    f"{float(Fraction(product, BPS * BPS))}",
                )
