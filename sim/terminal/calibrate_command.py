"""Fits path models to a price file and shows how well, for someone who watches."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from pydantic import ValidationError
from rich.console import Console

from sim.files.whole import replacing
from sim.market.draws import Floats
from sim.market.history import price_columns, reading
from sim.market.price_fit import MODELS, daily_closes, fit, section, simulated
from sim.market.tails import of_data, of_model
from sim.market.volatility import DAY
from sim.schema.paths import Paths
from sim.schema.price_file import PriceFile
from sim.schema.problems import ScenarioError, explain
from sim.terminal.calibrate_table import asset_table, fit_table, pair_table
from sim.terminal.price_files import reading_lines
from sim.terminal.said import COMPLETE, FAILED
from sim.terminal.tables import printed


def calibrate(
    file: Path,
    columns: Mapping[str, str],
    models: Sequence[str],
    without: Collection[str],
    zone: str | None,
    max_gap: int | None,
    years: int,
    seed: int,
    out: Path | None,
    console: Console,
) -> int:
    """Fit `models` to the `columns` of a price file, by asset, or to all that it has but `without`;
    print the statistics of both; write the first model's paths section to `out`; return an exit
    code.
    """
    wanted: Mapping[str, str] = columns
    try:
        wanted = dict(columns) or price_columns(file, without)
        options = {"file": str(file), "zone": zone, "max_gap_seconds": max_gap}
        files = [PriceFile.model_validate({**options, "column": one}) for one in wanted.values()]
        closes = daily_closes(files)
        symbols, returns = tuple(wanted), np.diff(np.log(closes), axis=0)
        found = fit(symbols, returns)
        chosen = list(models or MODELS)
        sections = {model: section(found, model, os.path.relpath(file), zone) for model in chosen}
        laws = {model: Paths.model_validate(parts) for model, parts in sections.items()}
    except ScenarioError as error:
        console.print(str(_with_way_out(error, wanted)), style="red", markup=False)
        return FAILED
    except ValidationError as error:  # a name that is no asset's, or two columns that are the same
        console.print(
            str(ScenarioError(str(file), explain(error, Paths))), style="red", markup=False
        )
        return FAILED
    for line in reading_lines((one.file, reading(one)) for one in files):
        console.print(line, markup=False, soft_wrap=True)
    console.print(printed(fit_table(found)), "")
    of_models: dict[str, pd.DataFrame] = {}
    with tempfile.TemporaryDirectory() as folder:
        days = str(_written(Path(folder), symbols, closes))
        for model, law in laws.items():
            own = {"history": days, "history_zone": None}
            played = law.model_copy(update=own) if law.history else law
            of_models[model] = of_model(simulated(played, symbols, seed, years), symbols)
    data = of_data(returns, symbols, seed)
    console.print(printed(asset_table(data, of_models, len(returns), years)))
    if len(symbols) > 1:
        console.print("", printed(pair_table(data, of_models)))
    if out:
        parts = section(found, chosen[0], os.path.relpath(file, out.parent), zone)
        with replacing(out) as draft:
            draft.write_text(_text(parts, file, wanted, len(returns)))
        console.print(f"\n{chosen[0]} as the paths section of a scenario: {out}", markup=False)
    return COMPLETE


def _with_way_out(error: ScenarioError, columns: Mapping[str, str]) -> ScenarioError:
    """The same; where a column of several is at fault, with how to go on without it."""
    found = []
    for problem in error.problems:
        column = problem.path.rpartition(", ")[2].removeprefix("column ")
        at_fault = column in columns.values() and len(columns) > 1
        way_out = f"{problem.remedy}; or leave the column out: --without {column}"
        found.append(problem._replace(remedy=way_out) if at_fault else problem)
    return ScenarioError(error.file, found)


def _written(folder: Path, symbols: Iterable[str], closes: Floats) -> Path:
    """The daily closes as a history, under the names of the assets."""
    file = folder / "daily.csv"
    times = pd.to_datetime(np.arange(len(closes)) * DAY, unit="s", utc=True)
    frame = pd.DataFrame(closes, columns=list(symbols))
    frame.insert(0, "time", times.strftime("%Y-%m-%dT%H:%M:%SZ"))
    frame.to_csv(file, index=False)
    return file


def _text(parts: dict[str, Any], file: Path, columns: Mapping[str, str], days: int) -> str:
    """The section in YAML, with where it is from above it."""
    renamed = [f"{symbol} from {column}" for symbol, column in columns.items() if symbol != column]
    lines = [f"# Fitted by `ape run calibrate` to {days:,} daily returns of {file.name}"]
    if renamed:
        lines.append(f"# Columns: {', '.join(renamed)}")
    if "history" in parts and renamed:
        lines.append("# The history has to name its columns as the assets are named")
    body = yaml.safe_dump({"paths": parts}, sort_keys=False, default_flow_style=None, width=100)
    return "\n".join([*lines, body])
