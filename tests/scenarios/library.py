"""The scenarios of the package, small enough to run all of them."""

from __future__ import annotations

from typing import Any

from sim.front.run import run
from sim.measures.registry import figure
from sim.scenario import Scenario, known, load, with_overrides
from sim.tape import Frames

EVENTS = (
    "black-thursday",
    "dai-spike",
    "may-2021",
    "luna",
    "steth-discount",
    "ftx",
    "crv-squeeze",
    "usdc-depeg",
    "crv-founder-2023",
    "crv-founder-2024",
    "august-2024",
    "february-2025",
    "october-2025",
    "wrseth-overpriced",
    "cbeth-underpriced",
    "capo-desync",
    "supplier-run",
)
"""By date."""
SYNTHETIC = (
    "absent-keepers",
    "alt-segments",
    "breaker",
    "breaker-stops-all",
    "bridge-forgery",
    "bridge-outage",
    "bridge-reorganisation",
    "concentration",
    "correlated-crash",
    "deleveraging",
    "deleveraging-pro-rata",
    "depeg-in-category",
    "dynamic-ratios",
    "dynamic-ratios-garch",
    "fragmented-venues",
    "guardian",
    "liquidity-drought",
    "loop-unwind",
    "margin-calls",
    "oracle-outage",
    "outflow-limit",
    "single-crash",
    "stable-depeg",
    "stuck-lenders",
    "whales-in-tiers",
)
CALM = ("lending-market",)
"""A day on which nothing happens: what tuning lays crashes over."""
assert sorted(EVENTS + SYNTHETIC + CALM) == known()


def small(name: str, accounts: int, **overrides: Any) -> Scenario:
    """The scenario with few borrowers; `__` in a name stands for the dot of a path."""
    whole = load(name)
    few = {
        "book.accounts": accounts,
        # Leaves room to spare: the largest few may owe all, as the accounts can be one or two.
        "book.max_account_share": max(whole.book.max_account_share, 2 / accounts),
    }
    return with_overrides(
        whole, few | {field.replace("__", "."): value for field, value in overrides.items()}
    )


def played(scenario: Scenario) -> Frames:
    """The tape of a run on the twin."""
    return run(scenario).raw.tape


def of(name: str, measure: str, accounts: int = 40, **overrides: Any) -> float:
    """A measure of a scenario with overrides."""
    return figure(played(small(name, accounts, **overrides)), measure)
