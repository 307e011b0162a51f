"""Frames that are worked out once: whoever asks has a copy, and changes nobody's but his."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

import pandas as pd


class frame:  # noqa: N801 (a decorator, as `property` is)
    """A method as an attribute: what it returns is kept, and copies of that are handed out."""

    def __init__(self, made: Callable[[Any], pd.DataFrame]) -> None:
        self._made, self._kept = made, f"_frame_{made.__name__}"
        self.__doc__ = made.__doc__

    @overload
    def __get__(self, one: None, kind: type) -> frame: ...
    @overload
    def __get__(self, one: object, kind: type) -> pd.DataFrame: ...
    def __get__(self, one: object, kind: type) -> frame | pd.DataFrame:
        if one is None:
            return self
        kept = vars(one)
        if self._kept not in kept:
            kept[self._kept] = self._made(one)
        found: pd.DataFrame = kept[self._kept]
        return found.copy()
