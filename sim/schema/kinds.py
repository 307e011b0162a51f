"""What is assumed of an asset by its `kind`, where a scenario says nothing else: kinds.yaml.

A new asset then needs its decimals, a price, and two risk parameters, ltv_bps and lt_bps; a run
says what else was assumed (`assumed`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from sim.schema.bases import merged
from sim.schema.problems import Problem
from sim.schema.yaml_file import read

_PARTS = {
    "feed": ("feeds",),
    "rates": ("protocol", "rates"),
    "reserve": ("protocol", "reserves"),
}
"""Where the parts of a kind stand in a scenario, per asset."""
_NOTHING = (
    ("protocol", "insurance", "capital_usd"),
    ("suppliers",),
    ("book", "collateral_weights"),
    ("book", "debt_weights"),
)
"""Of what there is nothing of a new asset."""
_MOVES_WITH_NATIVE = 0.5
"""The least correlation with the native asset of what goes up and down with all others; a pegged
asset that varies a little does not, and is correlated through the native asset instead.
"""
_WITH_VOLATILITY = ("gbm", "merton", "bridge", "student-day", "garch-t")
"""The models of paths that ask for a volatility and correlations."""


def with_kinds(document: object) -> object:
    """A scenario's document with what the kinds of its assets say on fields that are not there.

    The document may be anything: what is wrong with it is said by the schema.
    """
    kinds = _of_assets(document)
    if not kinds:
        return document
    filled: Any = copy.deepcopy(document)
    for symbol, kind in kinds.items():
        for part, path in _PARTS.items():
            _fill(filled, (*path, symbol), _kinds()[kind][part])
        for path in _NOTHING:
            if not (path[0] == "book" and "file" in _mapping(filled, "book")):
                _fill(filled, (*path, symbol), 0)
    paths = _mapping(filled, "paths")
    if paths.get("model") in _WITH_VOLATILITY:
        _vary(paths, kinds, filled.get("native_asset"))
    return filled


def with_one_each(problems: Sequence[Problem], document: object) -> list[Problem]:
    """The same with one problem for each asset of no known kind of which much is missing that a
    kind would say.
    """
    found: list[Problem] = []
    for symbol, asset in _mapping(document, "assets").items():
        kind = asset.get("kind") if isinstance(asset, dict) else None
        if isinstance(kind, str) and kind in _kinds():
            continue
        places = [".".join((*path, symbol)) for path in _PARTS.values()]
        mine = [
            one
            for one in problems
            if one.problem == "is missing"
            and (
                f"assets.{symbol}.kind" in one.remedy
                or any(one.path == place or one.path.startswith(f"{place}.") for place in places)
            )
        ]
        if len(mine) < 2:
            continue
        problems = [one for one in problems if one not in mine]
        if kind is None:
            problem = f"{len(mine)} fields about it are missing, {mine[0].path} first"
            remedy = f"kind: one of {', '.join(_kinds())}, to assume them; or the fields"
            found.append(Problem(f"assets.{symbol}", problem, remedy))
    return [*problems, *found]


def assumed(scenario: Mapping[str, Any]) -> Iterator[str]:
    """A line per asset with a kind, if it has values that are those of its kind; `scenario` as JSON
    says it.
    """
    for symbol, kind in _of_assets(scenario).items():
        found = []
        for part, path in _PARTS.items():
            fields = _mapping(scenario, *path, symbol)
            same = {k: v for k, v in _kinds()[kind][part].items() if fields.get(k) == v}
            if same:
                found.append(f"{part} {', '.join(f'{k} {_said(v)}' for k, v in same.items())}")
        volatilities = _mapping(scenario, "paths", "volatility_per_sqrt_year")
        sigma = volatilities.get(symbol)
        if sigma is not None and sigma == _sigma(kind, volatilities, scenario["native_asset"]):
            found.append(f"paths volatility_per_sqrt_year {_said(sigma)} and correlations to fit")
        if found:
            yield f"Assumed of {symbol}, as of any asset of kind {kind}: {'; '.join(found)}."


def by_field() -> dict[str, dict[str, object]]:
    """Field, per asset as in `feeds.*.latency_seconds` -> kind -> what is assumed."""
    found: dict[str, dict[str, object]] = {}
    for kind, parts in _kinds().items():
        said: dict[str, object] = {
            f"{'.'.join(path)}.*.{name}": value
            for part, path in _PARTS.items()
            for name, value in parts[part].items()
        }
        said |= {f"{'.'.join(path)}.*": 0 for path in _NOTHING}
        if "volatility_as_native" in parts:
            said["paths.volatility_per_sqrt_year.*"] = "as of the native asset"
            through = f"{parts['correlation_with_native']} with the native asset, others through it"
            said["paths.correlation[*].value"] = through
        elif "volatility_per_sqrt_year" in parts:
            said["paths.volatility_per_sqrt_year.*"] = parts["volatility_per_sqrt_year"]
            said["paths.correlation[*].value"] = parts["correlation"]
        for path, value in said.items():
            found.setdefault(path, {})[kind] = value
    return found


@cache
def _kinds() -> Any:
    return read(Path(__file__).with_name("kinds.yaml"))


def _of_assets(document: object) -> dict[str, str]:
    """Symbol -> kind, of the assets that have a known one."""
    kinds = {
        symbol: asset.get("kind")
        for symbol, asset in _mapping(document, "assets").items()
        if isinstance(asset, dict)
    }
    return {s: kind for s, kind in kinds.items() if isinstance(kind, str) and kind in _kinds()}


def _mapping(document: object, *path: str) -> dict[str, Any]:
    """The mapping at a path; an empty one if there is none."""
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _fill(document: Any, path: tuple[str, ...], value: Any) -> None:
    """Put `value` under what is at the path, if that is made of the same fields or not there."""
    *above, last = path
    for key in above:
        document = document.setdefault(key, {})
        if not isinstance(document, dict):
            return
    there = document.get(last)
    if there is None:
        document[last] = copy.deepcopy(value)
    elif isinstance(there, dict) and isinstance(value, dict):
        document[last] = merged(value, there)


def _vary(paths: dict[str, Any], kinds: Mapping[str, str], native: object) -> None:
    """Give the new assets volatility and correlations in a scenario's `paths`."""
    sigma = paths.get("volatility_per_sqrt_year")
    pairs = paths.setdefault("correlation", [])
    if not (isinstance(sigma, dict) and isinstance(pairs, list)):
        return
    rho: dict[frozenset[Any], float] = {
        frozenset(map(str, pair["assets"])): pair["value"]
        for pair in pairs
        if isinstance(pair, dict)
        and isinstance(pair.get("assets"), list)
        and isinstance(pair.get("value"), int | float)
    }
    new = [symbol for symbol in kinds if symbol not in sigma]
    # Those that move with the native asset last: all that they are correlated through is there.
    for symbol in sorted(new, key=lambda one: "volatility_as_native" in _kinds()[kinds[one]]):
        kind = _kinds()[kinds[symbol]]
        own = _sigma(kinds[symbol], sigma, native)
        if own is None:
            continue
        for other in [one for one, volatility in sigma.items() if volatility]:
            through = 1.0 if other == native else rho.get(frozenset((str(native), other)), 0.0)
            value = kind.get("correlation")
            if value is None:
                value = kind["correlation_with_native"] * through
            elif through < _MOVES_WITH_NATIVE:
                value *= through
            rho[frozenset((symbol, other))] = value
            pairs.append({"assets": [symbol, other], "value": value})
        sigma[symbol] = own


def _sigma(kind: str, volatilities: Mapping[str, Any], native: object) -> float | None:
    """The volatility of a kind; None: it follows its level."""
    if "volatility_as_native" in _kinds()[kind]:
        return volatilities.get(str(native))
    volatility: float | None = _kinds()[kind].get("volatility_per_sqrt_year")
    return volatility


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
