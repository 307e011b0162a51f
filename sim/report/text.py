"""Numbers as a reader wants them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime


def usd(value: float) -> str:
    """Whole dollars; cents below ten."""
    sign = "-" if value < 0 else ""
    return f"{sign}${abs(value):,.2f}" if 0 < abs(value) < 10 else f"{sign}${abs(value):,.0f}"


def short(value: float) -> str:
    """12,345 as 12.3k: three digits, for ticks and lines that change."""
    rounded = float(f"{value:.3g}")  # 999,999 is 1M
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(rounded) >= size:
            return f"{rounded / size:.3g}{suffix}"
    return f"{rounded:.3g}"


def short_usd(value: float) -> str:
    """12,345 dollars as $12.3k."""
    return f"{'-' if value < 0 else ''}${short(abs(value))}"


def tokens(units: int, decimals: int) -> str:
    """Units as tokens, cut rather than rounded: two decimals from a thousand on, below it four."""
    shown = min(decimals, 2 if units >= 1_000 * 10**decimals else 4)
    whole = units // 10 ** (decimals - shown)
    if not whole:
        return "<0.0001" if units else "0"
    return f"{whole // 10**shown:,}" + (f".{whole % 10**shown:0{shown}}" if shown else "")


def counted(number: int, what: str) -> str:
    """1 book, 2,000 books."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def of_books(paths: int, books: int) -> str:
    """2,000 paths of 200 books; of one book, that it is one."""
    return f"{paths:,} paths of {f'{books:,} books' if books > 1 else 'one book'}"


def owing(accounts: int, value: float) -> str:
    """1 account owing $2,000."""
    return f"{counted(accounts, 'account')} owing {usd(value)}"


def clock(time: datetime) -> str:
    """A simulated time."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def span(seconds: float) -> str:
    """A length of time in its largest whole unit."""
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds and seconds % size == 0:
            number = int(seconds // size)
            return f"{number} {unit}{'' if number == 1 else 's'}"
    return f"{seconds:g} seconds"


def listed(words: Sequence[str]) -> str:
    """One, two and three."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def sentence(text: str) -> str:
    """The text with a capital letter at its start."""
    return text[:1].upper() + text[1:]
