"""The parameter space: every point of it is a configuration that the contracts accept.

A point is given by positions, one per dimension: a number from 0 to 1, or a name. A position is the
place in the range that the dimensions before it leave open, in the order of `_ORDER`:

    max_bonus <= most / lt_least - 1        most: 1 (excluded), or what the no-split rule says
    min_bonus <= max_bonus
    lt        in [ltv_least, most / (1 + max_bonus)]
    ltv       <= lt
    slope1    <= 10 a year - base - slope2_least,   slope2 likewise

These are the checks of `contracts/VaultReserves.sol` and `LiquidityHub.sol`; `most` is
`sim.protocol.soundness.most_returned`. Every bound leaves room for the dimensions that come later,
so no combination has to be thrown away or repaired, and neighbouring positions are similar
settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from typing import NamedTuple

from sim.protocol.soundness import ANY_HEALTH, MOST_RATE_BPS, most_returned
from sim.protocol.units import BPS, to_wad
from sim.scenario import Scenario, ScenarioError, with_overrides
from sim.schema.deployment import NO_SPLIT_BOUND
from sim.schema.problems import Problem
from sim.schema.tuning import Dimension
from sim.tuning.result import Parameter, Value

Position = float | str
"""0..1, or a name."""

_ORDER = (
    "engine",
    "hf_for_max_bonus",
    "full_close_health",
    "max_bonus_bps",
    "min_bonus_bps",
    "lt_bps",
    "ltv_bps",
    "base_rate_bps",
    "slope1_bps",
    "slope2_bps",
)
_EPSILON = 1e-9  # of a grid's step: 0.3 / 0.1 is 2.9999999999999996
_UNITS = {"_bps": "bps", "_seconds": "seconds", "_hours": "hours", "_cap": "tokens"}


class Axis(NamedTuple):
    """One dimension."""

    path: str
    dimension: Dimension
    current: Value
    is_whole: bool
    """Whether the field is an integer."""

    @property
    def field(self) -> str:
        """The last name of the path."""
        return self.path.rpartition(".")[2]

    @property
    def step(self) -> float | None:
        """Of the grid; None: continuous."""
        return self.dimension.step or (1.0 if self.is_whole else None)

    def described(self) -> Parameter:
        """For the result."""
        one = self.dimension
        unit = next((unit for end, unit in _UNITS.items() if self.field.endswith(end)), "ratio")
        if "_usd" in self.path:
            unit = "USD"
        return Parameter(
            path=self.path,
            unit="name" if one.names else unit,
            current=self.current,
            low=one.low,
            high=one.high,
            step=None if one.names else self.step,
            names=one.names,
            bound=one.bound,
        )

    def at(self, position: float, lower: float, upper: float) -> float | int:
        """The value at a position between two limits, on the grid where the limits leave any."""
        low, step = float(self.dimension.low or 0), self.step
        if step is None:
            return _between(position, lower, upper, self.dimension.log)
        first = math.ceil((lower - low) / step - _EPSILON)
        last = math.floor((upper - low) / step + _EPSILON)
        if last < first:  # between two points of the grid
            return math.floor(upper + _EPSILON) if self.is_whole else upper
        if self.dimension.log:
            ends = low + first * step, low + last * step
            index = round((_between(position, *ends, True) - low) / step)
        else:
            index = first + min(int(position * (last - first + 1)), last - first)
        value = low + min(max(index, first), last) * step
        return (
            round(value)
            if self.is_whole
            else float(Fraction(str(low)) + index * Fraction(str(step)))
        )

    def position(self, value: float, lower: float, upper: float) -> float:
        """Where a value lies between two limits, 0..1; outside them at the nearer end."""
        if upper <= lower:
            return 0.0
        if self.dimension.log:
            share = math.log(max(value, lower) / lower) / math.log(upper / lower)
        elif self.step is None:
            share = (value - lower) / (upper - lower)
        else:  # the middle of its cell
            share = (value - lower + self.step / 2) / (upper - lower + self.step)
        return min(max(share, 0.0), 1.0)


class Space:
    """The dimensions of a preset, over the protocol section of a scenario."""

    def __init__(self, dimensions: Mapping[str, Dimension], scenario: Scenario) -> None:
        """Raises `ScenarioError` where a path is no field of that kind, or no room is left."""
        self._scenario = scenario
        document = scenario.model_dump()
        axes = [_axis(path, one, document) for path, one in dimensions.items()]
        rank = {field: n for n, field in enumerate(_ORDER)}
        self.axes = tuple(sorted(axes, key=lambda axis: rank.get(axis.field, -1)))
        self._by_path = {axis.path: axis for axis in self.axes}
        self._document = document
        self.current: dict[str, Value] = {axis.path: axis.current for axis in self.axes}
        self._check_room()

    def values(self, positions: Mapping[str, Position]) -> dict[str, Value]:
        """The setting at a point."""
        values: dict[str, Value] = {}
        for axis in self.axes:
            position = positions[axis.path]
            if isinstance(position, str):
                values[axis.path] = _named(position)
            else:
                values[axis.path] = axis.at(position, *self.limits(axis, values))
        return values

    def positions(self, values: Mapping[str, Value]) -> dict[str, Position]:
        """The point nearest to a setting."""
        positions: dict[str, Position] = {}
        for axis in self.axes:
            value = values[axis.path]
            if axis.dimension.names:
                positions[axis.path] = _name(value)
            else:
                lower, upper = self.limits(axis, values)
                number = float(value) if value is not None else upper
                positions[axis.path] = axis.position(number, lower, upper)
        return positions

    def accepts(self, values: Mapping[str, Value]) -> bool:
        """Whether the scenario with these values is one."""
        try:
            with_overrides(self._scenario, values)
        except ScenarioError:
            return False
        return True

    def next_step(self, target: Mapping[str, Value]) -> dict[str, Value]:
        """The setting nearest to the target that one proposal may move to.

        Every number moves by its bound at most. Steps that are right alone may not be right
        together (a bonus up before the threshold is down): then all are shortened by the same
        share until they are. Names change at once, or not at all.
        """
        steps = 64
        for share in range(steps, 0, -1):
            values = {axis.path: self._moved(axis, target, share / steps) for axis in self.axes}
            if self.accepts(values):
                return values
        return dict(self.current)

    def _moved(self, axis: Axis, target: Mapping[str, Value], share: float) -> Value:
        goal, now, bound = target[axis.path], axis.current, axis.dimension.bound
        if axis.dimension.names or goal is None or now is None:
            return goal
        far = float(goal) - float(now)
        if bound is not None:
            far = min(max(far, -bound), bound)
        return int(now) + math.trunc(far * share) if axis.is_whole else float(now) + far * share

    def limits(self, axis: Axis, values: Mapping[str, Value]) -> tuple[float, float]:
        """What the values before it leave open to a dimension."""
        low, high = float(axis.dimension.low or 0), float(axis.dimension.high or 0)
        parent, _, field = axis.path.rpartition(".")

        def now(name: str) -> float:
            return self._number(f"{parent}.{name}", values)

        def least(name: str) -> float:
            return self._least(f"{parent}.{name}")

        if axis.path == self._bound(values):
            needed = max(
                (
                    self._least_threshold(f"protocol.reserves.{symbol}")
                    * (BPS + self._least_bonus(f"protocol.reserves.{symbol}"))
                    for symbol in self._scenario.symbols
                ),
                default=0,
            )
            low = max(low, needed / BPS**2)
        elif field == "max_bonus_bps":
            low = max(low, least("min_bonus_bps"))
            if threshold := self._least_threshold(parent):
                high = min(high, self._most(values) // int(threshold) - BPS)
        elif field == "min_bonus_bps":
            high = min(high, now("max_bonus_bps"))
        elif field == "lt_bps":
            low = max(low, least("ltv_bps"))
            high = min(high, self._most(values) // int(BPS + now("max_bonus_bps")))
        elif field == "ltv_bps":
            high = min(high, now("lt_bps"))
        elif field == "base_rate_bps":
            high = min(high, MOST_RATE_BPS - least("slope1_bps") - least("slope2_bps"))
        elif field == "slope1_bps":
            high = min(high, MOST_RATE_BPS - now("base_rate_bps") - least("slope2_bps"))
        elif field == "slope2_bps":
            high = min(high, MOST_RATE_BPS - now("base_rate_bps") - now("slope1_bps"))
        return low, high

    def _most(self, values: Mapping[str, Value]) -> int:
        """The most that lt x (10000 + bonus) may be, in bps squared."""
        path = self._bound(values)
        if path is None or self._at(path, values) is None:
            return most_returned(ANY_HEALTH)
        return most_returned(to_wad(self._number(path, values)))

    def _bound(self, values: Mapping[str, Value]) -> str | None:
        """Where the health stands up to which splitting a liquidation does not pay."""
        field = NO_SPLIT_BOUND.get(str(self._at("protocol.liquidation.engine", values)))
        return field and f"protocol.liquidation.{field}"

    def _least(self, path: str) -> float:
        """The least value that a field can have."""
        axis = self._by_path.get(path)
        return float(axis.dimension.low or 0) if axis else self._number(path, {})

    def _least_threshold(self, reserve: str) -> float:
        path = f"{reserve}.lt_bps"
        if path not in self._by_path:
            return self._number(path, {})
        return max(self._least(path), self._least(f"{reserve}.ltv_bps"))

    def _least_bonus(self, reserve: str) -> float:
        path = f"{reserve}.max_bonus_bps"
        if path not in self._by_path:
            return self._number(path, {})
        return max(self._least(path), self._least(f"{reserve}.min_bonus_bps"))

    def _number(self, path: str, values: Mapping[str, Value]) -> float:
        return float(self._at(path, values))  # type: ignore[arg-type]

    def _at(self, path: str, values: Mapping[str, Value]) -> object:
        return values[path] if path in values else _field(self._document, path)

    def _check_room(self) -> None:
        """That the lowest corner is accepted with every combination of names."""
        named = [axis for axis in self.axes if axis.dimension.names]
        lowest: dict[str, Position] = {axis.path: 0.0 for axis in self.axes}
        for names in product(*(axis.dimension.names for axis in named)):
            corner = lowest | dict(zip((axis.path for axis in named), names, strict=True))
            values = self.values(corner)
            for axis in self.axes:
                low, least = axis.dimension.low, values[axis.path]
                if low is not None and isinstance(least, int | float) and least < low:
                    raise ScenarioError(
                        "tuning",
                        [
                            Problem(
                                f"tuning.dimensions.{axis.path}.low",
                                f"there is no room at {low:g}: the contracts accept at most "
                                f"{least:g} with the rest at its lowest",
                                "a lower one, or other ranges",
                            )
                        ],
                    )
            with_overrides(self._scenario, values)  # says what else is wrong


def _axis(path: str, dimension: Dimension, document: object) -> Axis:
    current = _field(document, path)
    is_name = isinstance(current, str | bool)
    if is_name != bool(dimension.names) or isinstance(current, dict):
        wanted = "names: [...]" if is_name else "[low, high]"
        problem = Problem(f"tuning.dimensions.{path}", f"its value is now {current!r}", wanted)
        raise ScenarioError("tuning", [problem])
    is_whole = isinstance(current, int) and not is_name
    for name in ("low", "high", "step", "bound"):
        number = getattr(dimension, name)
        if is_whole and number is not None and number != int(number):
            problem = Problem(
                f"tuning.dimensions.{path}.{name}", f"{number} is not whole", "a whole number"
            )
            raise ScenarioError("tuning", [problem])
    return Axis(path, dimension, current, is_whole)


def _field(document: object, path: str) -> Value:
    for name in path.split("."):
        if not isinstance(document, Mapping) or name not in document:
            problem = Problem(f"tuning.dimensions.{path}", "no such field", "the path of a field")
            raise ScenarioError("tuning", [problem])
        document = document[name]
    return document  # type: ignore[return-value]


def _between(position: float, lower: float, upper: float, log: bool) -> float:
    if log and lower > 0:
        return float(lower * (upper / lower) ** position)
    return lower + position * (upper - lower)


def _named(name: str) -> Value:
    return {"true": True, "false": False}.get(name, name)


def _name(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
