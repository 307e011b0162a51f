"""Twin of `contracts/libraries/FixedPoint.sol`: one source for integers and floats.

The primitives below are plain Python on integers: exact, to the wei. Each has an overload for
compiled code, where the very same transitions run on float64 and rounding disappears below the
resolution of a double. Everything else in `sim.protocol` is written in terms of them and is never
written a second time.

Units: WAD 1e18 (health factors), RAY 1e27 (indices, yearly rates), BPS 1e4 (ratios), USD with 8
decimals.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor, isqrt, sqrt
from typing import Any, TypeVar

from numba.extending import overload, register_jitable

from sim.protocol.parts import AS_PART
from sim.protocol.units import BPS as BPS
from sim.protocol.units import YEAR as YEAR

F = TypeVar("F", bound=Callable[..., Any])


def jitable(function: F) -> F:
    """Mark a transition as compilable; called from Python it stays the plain function."""
    register_jitable(**AS_PART)(function)
    function.__dict__["jitable"] = True
    return function


def is_jitable(function: object) -> bool:
    """Whether `jitable` marked the function."""
    return getattr(function, "__dict__", {}).get("jitable") is True


def inlined(function: F) -> F:
    """`jitable` for what health checks are made of: compiled into its callers, not called."""
    register_jitable(forceinline=True, **AS_PART)(function)
    return function


def mul_div_down(a: int, b: int, d: int) -> int:
    """Equivalent to floor(a * b / d)."""
    return a * b // d


def mul_div_whole(a: int, b: int, d: int) -> int:
    """Equivalent to floor(a * b / d), in doubles as well: for small results such as BPS, of which
    one unit is no rounding error.
    """
    return a * b // d


def mul_div_up(a: int, b: int, d: int) -> int:
    """Equivalent to ceil(a * b / d)."""
    return -(-a * b // d)


def mul_div_half(a: int, b: int, d: int) -> int:
    """Equivalent to floor((a * b + floor(d / 2)) / d): half rounds up."""
    return (a * b + d // 2) // d


def div_down(a: int, d: int) -> int:
    """Equivalent to floor(a / d)."""
    return a // d


def exceeds(part: int, whole: int) -> bool:
    """Whether `part` is more than `whole`; in doubles by more than what sums of them are off, or
    the last part of a whole would never be let go.
    """
    return part > whole


def less(whole: int, part: int) -> int:
    """Equivalent to whole - part, of a part that does not exceed the whole: never below 0."""
    return whole - part


def sqrt_down(a: int) -> int:
    """Equivalent to floor(sqrt(a))."""
    return isqrt(a)


def zero() -> int:
    """0 as an amount: an integer in exact code, a float in compiled code."""
    return 0


def wad() -> int:
    """1e18. A function, because compiled code has no integers of that size."""
    return 10**18


def ray() -> int:
    """1e27."""
    return 10**27


def ray_per_bps() -> int:
    """One basis point as a RAY, 1e23."""
    return 10**23


def max_amount() -> int:
    """Token amounts stay below this, 2^112."""
    return 1 << 112


def max_shares() -> int:
    """Share totals stay below this, 2^144: times an amount within 256 bits."""
    return 1 << 144


def max_price() -> int:
    """Prices (USD, 8 decimals) stay below this, 2^64."""
    return 1 << 64


def max_index() -> int:
    """Borrow indices saturate here, 2^96 - 1."""
    return (1 << 96) - 1


def max_uint() -> int:
    """`type(uint256).max`: the health of an account without debt, and "everything" as an amount."""
    return (1 << 256) - 1


def _constant(function: Callable[[], int]) -> None:
    value = float(function())
    overload(function)(lambda: lambda: value)


for _function in (
    zero,
    wad,
    ray,
    ray_per_bps,
    max_amount,
    max_shares,
    max_price,
    max_index,
    max_uint,
):
    _constant(_function)


# Unannotated, because numba compares the argument names and annotations of both functions.
@overload(mul_div_down, jit_options=AS_PART)
@overload(mul_div_up, jit_options=AS_PART)
@overload(mul_div_half, jit_options=AS_PART)
def _mul_div_on_floats(a, b, d):  # type: ignore[no-untyped-def]
    return lambda a, b, d: a * b / d


@overload(mul_div_whole, jit_options=AS_PART)
def _mul_div_whole_on_floats(a, b, d):  # type: ignore[no-untyped-def]
    return lambda a, b, d: floor(a * b / d) + 0.0


@overload(div_down, jit_options=AS_PART)
def _div_on_floats(a, d):  # type: ignore[no-untyped-def]
    return lambda a, d: a / d


@overload(exceeds, jit_options=AS_PART)
def _exceeds_on_floats(part, whole):  # type: ignore[no-untyped-def]
    return lambda part, whole: part > whole * (1 + 1e-9)


@overload(less, jit_options=AS_PART)
def _less_on_floats(whole, part):  # type: ignore[no-untyped-def]
    return lambda whole, part: max(whole - part, 0.0)


@overload(sqrt_down, jit_options=AS_PART)
def _sqrt_on_floats(a):  # type: ignore[no-untyped-def]
    return lambda a: sqrt(a)


@jitable
def growth_factor(rate: int, dt: int) -> int:
    """Index growth (RAY) over `dt` seconds at yearly `rate` (RAY): 1 + x + x^2/2 + x^3/6, x = rate
    dt / year.

    Below exp(x), so borrowers are never charged more than continuous interest. Source: Aave v3.1
    and later.
    """
    x = mul_div_down(rate, dt, YEAR)
    cubic = mul_div_half(x, div_down(x, 6), ray())
    return ray() + x + mul_div_half(x, div_down(x, 2) + cubic, ray())


@jitable
def borrow_rate(
    cash: int,
    debt: int,
    optimal_usage_bps: int,
    base_rate_bps: int,
    slope1_bps: int,
    slope2_bps: int,
) -> int:
    """Yearly rate (RAY) on a two-slope curve of usage u = debt / (cash + debt).

    base + slope1 u / optimal up to the kink, base + slope1 + slope2 (u - optimal) / (1 - optimal)
    above it.
    """
    usage = zero()
    if debt != 0:
        usage = mul_div_half(debt, ray(), cash + debt)
    optimal = optimal_usage_bps * ray_per_bps()
    base = base_rate_bps * ray_per_bps()
    slope1 = slope1_bps * ray_per_bps()
    if usage <= optimal:
        return base + mul_div_half(mul_div_half(slope1, usage, ray()), ray(), optimal)
    excess = mul_div_half(usage - optimal, ray(), ray() - optimal)
    return base + slope1 + mul_div_half(slope2_bps * ray_per_bps(), excess, ray())


@inlined
def collateral_value(amount: int, price: int, unit: int) -> int:
    """USD (8 decimals) of a holding, down."""
    return mul_div_down(amount, price, unit)


@inlined
def debt_value(amount: int, price: int, unit: int) -> int:
    """USD (8 decimals) of a debt, up."""
    return mul_div_up(amount, price, unit)
