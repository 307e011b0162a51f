"""Amounts as files write them, as whole token units."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import NamedTuple

from sim.books.book import MAX_AMOUNT

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LONGEST = 200
_EXACT = Context(prec=2_000)
"""More digits than `_LONGEST` characters and an exponent of three digits can need."""


class TooLargeError(ValueError):
    """More than the contracts can hold."""


class Amount(NamedTuple):
    """What a text comes to."""

    units: int
    rounded: bool
    """Whether it said more than the units do."""


def amount(text: str, decimals: int, up: bool) -> Amount:
    """Token units of an amount that is written with `decimals` more; an empty one is 0.

    Rounded up or down to a whole unit. Raises ValueError, which says what is wrong with it;
    `TooLargeError` if that is its size.
    """
    if text in ("", "0"):
        return Amount(0, False)
    if len(text) > _LONGEST:
        raise ValueError(f"has more than {_LONGEST} characters")
    if not _NUMBER.fullmatch(text):
        raise ValueError("is no decimal number")
    exact = _EXACT.scaleb(Decimal(text), decimals)
    if exact < 0:
        raise ValueError("is negative")
    whole = exact.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR, _EXACT)
    if whole >= MAX_AMOUNT:
        raise TooLargeError("is 2^112 token units or more")
    return Amount(int(whole), whole != exact)
