"""A market with a known best borrow limit: one collateral, one fall of known law, no liquidators.

One account pledges C of WETH and borrows its limit, D = ltv C / 1.001, at a constant rate. After T
days its debt is D g, g = prod (1 + r dt), and its collateral is worth C X with X lognormal. The
protocol earns D (g - 1) (1 - rf), the suppliers' part left out, and loses (D g - C X)^+. Of

    N(D) = (1 - rf') D (g - 1) - E (D g - C X)^+

the derivative is 0 where P(X < D g / C) = (1 - rf') (g - 1) / g: a newsvendor's quantile, so

    ltv* = 1.001 F^-1((1 - rf') (g - 1) / g) / g.
"""

from __future__ import annotations

import math
from typing import Any

from scipy.stats import norm

from sim.scenario import Scenario, load, with_overrides
from sim.schema.tuning import Preset
from sim.tuning.preset import Setup, prepare

DAYS = 4
VOLATILITY = 0.4 / math.sqrt(DAYS / 365)  # .4 over the run
LOW, HIGH = 3000, 9000


def best_ltv_bps(loss: float = 1.0) -> float:
    """The closed form above; the contracts pay out 1 bp of the interest to suppliers.

    With `loss` times the loss, as a wrong loop would have it, the quantile's level is over `loss`.
    """
    growth = (1 + 10 / 365) ** DAYS
    critical = 0.9999 * (growth - 1) / growth / loss
    sigma = VOLATILITY * math.sqrt(DAYS / 365)
    fall = math.exp(norm.ppf(critical) * sigma - sigma**2 / 2)
    return 1e4 * 1.001 * fall / growth


def overrides() -> dict[str, Any]:
    """Black Thursday's protocol in this market."""
    symbols = ("WETH", "WBTC", "USDC", "DAI")
    flat = {"WETH": 200.0, "WBTC": 8000.0, "USDC": 1.0, "DAI": 1.0}
    found: dict[str, Any] = {f"assets.{name}.price_usd": flat[name] for name in symbols}
    for name in symbols:
        found[f"feeds.{name}.max_move_bps"] = 10_000
        found[f"feeds.{name}.latency_seconds"] = 0
        found[f"feeds.{name}.hold_off_seconds"] = 0
        found[f"protocol.rates.{name}"] = {
            "reserve_factor_bps": 9_999,
            "optimal_usage_bps": 8_000,
            "base_rate_bps": 100_000,
            "slope1_bps": 0,
            "slope2_bps": 0,
        }
    return found | {
        "duration_hours": 24.0 * DAYS,
        "step_seconds": 86_400,
        "gas_price_gwei": 1.0,
        "paths": {"model": "gbm", "volatility_per_sqrt_year": {"WETH": VOLATILITY}},
        "protocol.reserves.WETH.lt_bps": 9_400,
        "protocol.reserves.WETH.max_bonus_bps": 300,
        "protocol.reserves.WETH.rehypothecate": False,
        "protocol.insurance.capital_usd": dict.fromkeys(symbols, 0.0),
        "suppliers": dict.fromkeys(symbols, 1e8),
        "book.accounts": 1,
        "book.total_debt_usd": 1e6,
        "book.max_account_share": 1.0,
        "book.health_quantiles": [[0.0, 1.0], [1.0, 1.01]],
        "book.collateral_weights": {"WETH": 1.0, "WBTC": 0.0, "USDC": 0.0, "DAI": 0.0},
        "book.debt_weights": {"WETH": 0.0, "WBTC": 0.0, "USDC": 1.0, "DAI": 0.0},
        "book.two_collateral_share": 0.0,
        "book.isolated_share": 0.0,
        "liquidators": [],
    }


def scenario() -> Scenario:
    return with_overrides(load("black-thursday"), overrides())


def preset(sampler: str, objectives: tuple[str, ...] = ("net_revenue",)) -> Preset:
    return Preset.model_validate(
        {
            "name": "newsvendor",
            "title": "A known answer",
            "story": "One collateral, one fall of known law.",
            "sources": ["the closed form"],
            "scenarios": [{"name": "fall", "scenario": "black-thursday", "overrides": overrides()}],
            "tuning": {
                "dimensions": {"protocol.reserves.WETH.ltv_bps": [LOW, HIGH]},
                "objectives": list(objectives),
                "debts": "follow-limit",
                "sampler": sampler,
            },
        }
    )


def setup(sampler: str = "cma-es", seed: int = 1) -> Setup:
    return prepare(preset(sampler), seed=seed)
