"""Numbers as a reader wants them."""

from datetime import datetime

import pytest

from sim.report.text import clock, short_usd, span, tokens, usd


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "$0"), (3.456, "$3.46"), (12.3, "$12"), (1_234_567.8, "$1,234,568"), (-45, "-$45")],
)
def test_usd(value: float, text: str) -> None:
    assert usd(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0"),
        (999, "$999"),
        (1_250, "$1.25k"),
        (12_345, "$12.3k"),
        (4e7, "$40M"),
        (2.5e9, "$2.5B"),
        (999_999, "$1M"),
        (-494_000, "-$494k"),
    ],
)
def test_short_usd(value: float, text: str) -> None:
    assert short_usd(value) == text


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (0, 18, "0"),
        (1, 18, "<0.0001"),
        (12_345_678, 8, "0.1234"),
        (5 * 10**18, 18, "5.0000"),
        (39_075_621_971, 6, "39,075.62"),
        (10**30 + 99 * 10**16, 18, "1,000,000,000,000.99"),
        (1_234, 0, "1,234"),
    ],
)
def test_tokens(units: int, decimals: int, text: str) -> None:
    assert tokens(units, decimals) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (86_400, "1 day"),
        (7_200, "2 hours"),
        (3_600, "1 hour"),
        (1_800, "30 minutes"),
        (90, "90 seconds"),
    ],
)
def test_span(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_clock() -> None:
    assert clock(datetime(2020, 3, 12, 9, 5)) == "2020-03-12 09:05 UTC"
