"""What the contract tests calculate with: the specification's arithmetic on Python integers.

Written from the specification and from the published formulas, not from the contracts' output, so
that a test that compares the two compares two sources.
"""

from ast import literal_eval
from contextlib import contextmanager
from math import isqrt
from unittest.mock import patch

import ape
from eth_abi import decode
from eth_utils import keccak

BPS = 10**4
USD = 10**8
WAD = 10**18
RAY = 10**27
YEAR = 365 * 86_400
HOUR = 3_600
DAY = 86_400
VIRTUAL_SHARES, VIRTUAL_ASSETS = 10**6, 1
MAX_UINT = 2**256 - 1
MAX_AMOUNT = 2**112
MAX_CAP = 2**112 - 1
MAX_SHARES = 2**144
ZERO_ADDRESS = "0x" + "00" * 20

# IOracleRouter.Status
OK, STALE, DEVIATED, DOWN = range(4)
# PriceFeed.Mode
NORMAL, REVERTS, INCOMPLETE, GARBLED, BURNS = range(5)


def deleveraging_terms(share, **changes) -> tuple:
    """Half of all is lent for half an hour; within an hour of all below 1.5, to a health of 2."""
    terms = {
        "share": share,
        "usageBps": 5_000,
        "usageFor": 1_800,
        "ramp": HOUR,
        "maxHealth": 15 * WAD // 10,
        "targetHealth": 2 * WAD,
    }
    assert changes.keys() <= terms.keys(), changes
    return tuple((terms | changes).values())


def down(a: int, b: int, d: int) -> int:
    """floor(a b / d)"""
    return a * b // d


def up(a: int, b: int, d: int) -> int:
    """ceil(a b / d)"""
    return -(-a * b // d)


def half(a: int, b: int, d: int) -> int:
    """floor((a b + floor(d / 2)) / d): half rounds up"""
    return (a * b + d // 2) // d


def growth(rate: int, dt: int) -> int:
    """RAY + x + x^2/2 + x^3/6 with x = rate dt / year, rounded as Aave v3.1 does."""
    x = rate * dt // YEAR
    return RAY + x + half(x, x // 2 + half(x, x // 6, RAY), RAY)


def borrow_rate(cash: int, debt: int, optimal: int, base: int, slope1: int, slope2: int) -> int:
    """Two-slope rate in RAY; curve parameters in BPS."""
    ray = RAY // BPS
    usage = half(debt, RAY, cash + debt) if debt else 0
    if usage <= optimal * ray:
        return base * ray + half(half(slope1 * ray, usage, RAY), RAY, optimal * ray)
    excess = half(usage - optimal * ray, RAY, RAY - optimal * ray)
    return (base + slope1) * ray + half(slope2 * ray, excess, RAY)


def health_factor(weighted: int, debt_value: int) -> int:
    """floor(half(weighted, WAD, debt value) / BPS); weighted in USD x BPS."""
    return half(weighted, WAD, debt_value) // BPS if debt_value else MAX_UINT


def shares_down(assets: int, total_shares: int, total_assets: int) -> int:
    return down(assets, total_shares + VIRTUAL_SHARES, total_assets + VIRTUAL_ASSETS)


def shares_up(assets: int, total_shares: int, total_assets: int) -> int:
    return up(assets, total_shares + VIRTUAL_SHARES, total_assets + VIRTUAL_ASSETS)


def assets_down(shares: int, total_shares: int, total_assets: int) -> int:
    return down(shares, total_assets + VIRTUAL_ASSETS, total_shares + VIRTUAL_SHARES)


def amount_out(reserve_in: int, reserve_out: int, amount_in: int, fee_bps: int) -> int:
    """Constant product: out = S q (1 - f) / (R + q (1 - f)), down."""
    net = amount_in * (BPS - fee_bps)
    return net * reserve_out // (reserve_in * BPS + net)


def amount_in(reserve_in: int, reserve_out: int, amount_out: int, fee_bps: int) -> int:
    """Constant product: in = R out / ((S - out) (1 - f)), up."""
    return up(reserve_in * BPS, amount_out, (reserve_out - amount_out) * (BPS - fee_bps))


def sqrt_down(x: int) -> int:
    return isqrt(x)


def account_id(owner, sub: int = 0) -> int:
    """uint160(owner) << 8 | subAccount"""
    return int(str(getattr(owner, "address", owner)), 16) << 8 | sub


NO_TIERS = {"secondAbove": 0, "thirdAbove": 0, "secondLtBps": 0, "thirdLtBps": 0}


def reserve_config(**changes) -> dict:
    """A reserve with borrow limit 75%, threshold 80%, bonus 5%, a tenth of it to the protocol."""
    config = {
        "ltvBps": 7_500,
        "ltBps": 8_000,
        "maxBonusBps": 500,
        "minBonusBps": 500,
        "liquidationFeeBps": 1_000,
        "concentrationBps": 0,
        "rehypothecate": True,
        "collateralEnabled": True,
        "borrowEnabled": True,
        "tiered": False,
        "supplyCap": MAX_CAP,
        "borrowCap": MAX_CAP,
        "concentrationFloor": 0,
        "tiers": NO_TIERS,
    }
    assert changes.keys() <= config.keys(), changes
    return config | changes


def rate_model(reserve_factor=0, optimal=8_000, base=0, slope1=0, slope2=0) -> dict:
    """All in BPS; without arguments nothing bears interest and one share stays one unit."""
    return {
        "reserveFactorBps": reserve_factor,
        "optimalUsageBps": optimal,
        "baseRateBps": base,
        "slope1Bps": slope1,
        "slope2Bps": slope2,
    }


@contextmanager
def reverts(error, **inputs):
    """`ape.reverts`, made strict.

    ape names a custom error only if the contract that was called declares it, or if the trace shows
    who threw it, and lets every revert pass that it cannot name. Here the revert must carry the
    selector of `error`, and `inputs` where given, whoever threw it.
    """
    with _without_traces(), ape.reverts() as info:
        yield info
    signature = error.abi.selector
    data = _revert_data(info.value)
    if data is None:
        assert info.value.abi.selector == signature, f"{info.value!r} instead of {signature}"
        seen = dict(info.value.inputs)
    else:
        assert data[:4] == keccak(text=signature)[:4], f"{info.value!r} instead of {signature}"
        types = [i.type for i in error.abi.inputs]
        names = [i.name for i in error.abi.inputs]
        seen = dict(zip(names, decode(types, data[4:]), strict=True))
    for name, expected in inputs.items():
        assert _plain(seen[name]) == _plain(expected), f"{name} is {seen[name]}, not {expected}"


@contextmanager
def _without_traces():
    """Spares every expected revert the seconds ape takes to trace and print it."""
    with (
        patch("ape_ethereum.trace.Trace.show"),
        patch("ape_ethereum.trace.Trace.get_addresses_used", return_value=iter(())),
    ):
        yield


def _revert_data(failure) -> bytes | None:
    """The bytes of a revert that ape could not name; None if it could."""
    if isinstance(failure, ape.exceptions.CustomError):
        return None
    message = str(failure.revert_message).removeprefix("custom error ")  # of a view
    if message[:2] in ("b'", 'b"'):  # eth-tester prints bytes that contain a quote
        return literal_eval(message)
    assert message.startswith("0x"), f"no revert data: {failure!r}"
    return bytes.fromhex(message[2:])


def _plain(value):
    """Addresses compare as lower-case text, numbers as numbers."""
    value = getattr(value, "address", value)
    return value.lower() if isinstance(value, str) else value


def set_balance(chain, token, holder, balance: int) -> None:
    """What a token that slashes, wipes or rebases may do; `_balances` is its first variable."""
    slot = keccak(bytes(12) + bytes.fromhex(holder.address[2:]) + bytes(32))
    chain.provider.set_storage(
        token.address, int.from_bytes(slot, "big"), balance.to_bytes(32, "big")
    )
