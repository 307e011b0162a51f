"""What mechanisms cost the compiled step: each by itself and all together, beside none."""

from __future__ import annotations

from statistics import median
from typing import Any

from sim.engines.compiled import Compiled
from sim.market.paths import draw, observed
from sim.scenario import Scenario
from sim.world import build
from tests.benchmarks.market import calm_to_crash
from tests.benchmarks.shown import Shown, seconds

_PATHS = 8
_LEAVING = {
    symbol: {
        "base_per_day": 20,
        "branching_ratio": 0.5,
        "half_life_seconds": 3_600,
        "size_bps": 100,
    }
    for symbol in ("USDC", "DAI")
}
"""Suppliers who leave, with mechanisms and without: some of them are for these."""


def mechanisms(scenario: Scenario) -> dict[str, dict[str, Any]]:
    """Overrides of a scenario that switch each on; that of all is the union of them."""
    symbols, venues = scenario.symbols, []
    for venue in scenario.venues:
        half = {**venue.model_dump(), "depth_usd_per_side": venue.depth_usd_per_side / 2}
        pair = "-".join(venue.assets).lower()
        venues += [{**half, "name": f"{pair}-{fee}", "fee_bps": fee} for fee in (5, 30)]
    return {
        "guard, guardian and outflow limits": {
            "protocol.guard": {"trip_bps": 1_000, "grace_seconds": 900},
            "protocol.outflow": {
                symbol: {"limit_bps": 2_000, "window_seconds": 86_400} for symbol in symbols
            },
            "guardian": {
                "fall_bps": 1_500,
                "window_seconds": 3_600,
                "delay_seconds": 900,
                "pauses": ["borrow", "withdraw"],
                "stress_bps": 9_000,
            },
        },
        "margin calls": {"protocol.liquidation.margin_call_health": 1.1},
        "tiers and concentration": {
            f"protocol.reserves.{symbol}.{field}": value
            for symbol in ("WETH", "WBTC")
            for field, value in (
                ("tiers", [{"above_usd": 500_000, "lt_bps": 6_300}]),
                ("concentration_bps", 2_000),
            )
        },
        "deleveraging": {
            "protocol.deleveraging": {
                "usage_bps": 9_000,
                "usage_minutes": 30,
                "ramp_hours": 6,
                "max_health": 1.2,
                "target_health": 1.4,
            },
            "withdrawals": {
                symbol: {**one, "stuck": "first-come"} for symbol, one in _LEAVING.items()
            },
        },
        "steward and risk desk": {
            "protocol.steward": {"max_change_bps": 25, "ramp_hours": 6, "min_delay_hours": 6},
            "risk_desk": {
                "assets": ["WETH", "WBTC"],
                "review_seconds": 3_600,
                "half_life_hours": 12,
                "volatility_per_sqrt_year": {"WETH": 0.9, "WBTC": 0.7},
                "horizon_hours": 4,
                "deviations": 2.33,
                "floor_bps": 5_000,
                "ceiling_bps": 8_200,
                "buffer_bps": 400,
            },
        },
        "two vaults": {
            "protocol.vaults": {"one": {}, "other": {}},
            "book.vault_shares": {"one": 1, "other": 1},
        },
        "two venues of every pair": {"venues": venues},
    }


def table(accounts: int, runs: int) -> Shown:
    """On the same book and the same paths, one after the other in every run."""
    scenario = calm_to_crash(accounts, withdrawals=_LEAVING)
    each = mechanisms(scenario)
    every = {path: value for changes in each.values() for path, value in changes.items()}
    engines = {
        name: Compiled(build(scenario.with_(changes)))
        for name, changes in {"none": {}, **each, "all of them": every}.items()
    }
    prices = draw(scenario, "mc", 0, _PATHS)
    seen = observed(scenario, prices)
    spent: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(runs + 1):
        for name, engine in engines.items():
            spent[name].append(seconds(engine.outcomes, prices, seen))
    rows = []
    for name, found in spent.items():
        paired = zip(found[1:], spent["none"][1:], strict=True)  # the first one warms up
        ratio = median(one / other for one, other in paired)
        rows.append([name, f"{median(found[1:]) / _PATHS * 1e3:,.2f} ms", f"{ratio:.2f}"])
    bound = (
        "what they make happen; and with margin calls everyone below the health of a call, who is "
        "looked at in every step as those near 1 are without"
    )
    title = f"Mechanisms, {accounts:,} accounts, a day of calm and the crash"
    return Shown(title, ["on", "a path", "x none"], rows, bound)
