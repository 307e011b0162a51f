"""What path models come to beside the prices that they are fitted to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sim.market.price_fit import FALLS_IN_DEVIATIONS, MOST_LASTING, Fit
from sim.market.tails import FALLS, JOINT_TAIL, NEXT_DAY, TAIL
from sim.report.page.content import Table
from sim.report.text import listed


def fit_table(fit: Fit) -> Table:
    """A row per asset: volatility, degrees of freedom with their interval, GARCH parameters."""
    legend = (
        f"degrees: of freedom, by falls beyond {listed([str(k) for k in FALLS_IN_DEVIATIONS])} "
        f"deviations; of all\nassets together: {fit.degrees:g}. GARCH: alpha, beta, degrees of its "
        "own"
    )
    if any(bound := fit.alpha + fit.beta > MOST_LASTING - 1e-6):
        held = [symbol for symbol, is_held in zip(fit.symbols, bound, strict=True) if is_held]
        legend += f"\nalpha + beta held at {MOST_LASTING:g}: {listed(held)}"
    header = ["asset", "volatility", "degrees", "95% interval", "alpha", "beta", "its degrees"]
    rows = [
        [
            symbol,
            f"{fit.volatility[i]:.3f}",
            f"{fit.degrees_each[i][0]:.1f}",
            "{:.1f} to {:.1f}".format(*fit.degrees_each[i][1:]),
            f"{fit.alpha[i]:.3f}",
            f"{fit.beta[i]:.3f}",
            f"{fit.garch_degrees[i]:.1f}",
        ]
        for i, symbol in enumerate(fit.symbols)
    ]
    return Table("Fitted to daily returns", header, rows, words=(0, 3), legend=legend)


def asset_table(
    data: pd.DataFrame, models: Mapping[str, pd.DataFrame], days: int, years: int
) -> Table:
    """For each asset a row for the data, its intervals, and every model with its errors."""
    measures = [*(f"falls beyond {fall:.0%}" for fall in FALLS), NEXT_DAY]
    assets = dict.fromkeys(asset for asset, measure in data.index if measure in measures)
    rows: list[list[str]] = []
    for asset in assets:
        own = [data.loc[(asset, measure)] for measure in measures]
        rows.append([asset, *(_percent(row["value"]) for row in own)])
        rows.append(["  interval", *map(_interval, own)])
        for model, found in models.items():
            values = [found.loc[(asset, measure)] for measure in measures]
            cells = [
                _against(row, value, 365 * years if measure != NEXT_DAY else 0)
                for measure, row, value in zip(measures, own, values, strict=True)
            ]
            rows.append([f"  {model}", *cells])
    return Table(
        f"Days, in percent: {days:,} recorded, {years:,} years simulated",
        ["", *(measure.removeprefix("falls ") for measure in measures)],
        rows,
        legend="interval: 95%, stationary bootstrap; ±: standard error of the simulation;\n"
        "*: outside the interval by more than two of these. |r|: autocorrelation\n"
        "of sizes. Model replay draws windows of the file: its days are the data's.",
        strong=range(0, len(rows), 2 + len(models)),
    )


def pair_table(data: pd.DataFrame, models: Mapping[str, pd.DataFrame]) -> Table:
    """A row per pair of assets: the joint tail of the data and of every model."""
    rows = []
    for pair in (assets for assets, measure in data.index if measure == JOINT_TAIL):
        row = data.loc[(pair, JOINT_TAIL)]
        cells = [_against(row, found.loc[(pair, JOINT_TAIL)], 0) for found in models.values()]
        rows.append([pair, _percent(row["value"]), _interval(row), *cells])
    legend = f"joint tail: of the worst {TAIL:.0%} of days of one, how many are the other's, too"
    return Table("", ["pair", "joint tail, %", "interval", *models], rows, legend=legend)


def _against(data: pd.Series, model: pd.Series, days: int) -> str:
    """Value and error of a model; of an event not seen on `days`, what its share is below."""
    margin = 2 * model["error"]
    is_off = not data["low"] - margin <= model["value"] <= data["high"] + margin
    mark = "*" if is_off else " "
    if days and not model["value"]:
        return f"below {_percent(3 / days)}{mark}"
    return f"{_percent(model['value'])} ±{_percent(model['error'], 1)}{mark}"


def _interval(row: pd.Series) -> str:
    return f"{_percent(row['low'])} to {_percent(row['high'])} "


def _percent(share: float, digits: int = 2) -> str:
    """`digits` of a share below a tenth, in percent; of a larger one as many decimals less."""
    percent = 100 * share
    if abs(percent) >= 10:
        return f"{percent:.{digits - 1}f}"
    return np.format_float_positional(percent, precision=digits, fractional=False, trim="-")
