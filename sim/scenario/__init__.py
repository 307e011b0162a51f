"""Scenarios: the whole of what a run needs, and how it gets here from a file.

    load("black-thursday")                  a scenario of sim/scenarios
    load("mine/depeg.yaml")                 a file, which may extend a base or another scenario
    with_overrides(scenario, {"book.accounts": 50, "venues[0].fee_bps": 5})
    baseline_of(scenario)                   whose sales its recorded prices contain

A book stays what it is when thresholds, borrow limits and the like are overridden: the same
positions, whose terms `book.drawn_under` and `book.drawn_in` remember, `opened_under` for books
from files, unless another book is asked for (`redraw_book`).

Both validate everything and raise `ScenarioError`, which names file, field and remedy: a scenario
that cannot be run is refused before anything runs. `digest` identifies what was run.

A scenario may name files: of prices, of a book, of a history. They are looked for beside the
scenario file, then in the working directory (`sim.schema.beside`), those of overrides there only;
in memory their paths are absolute. Fields of earlier versions that say exactly what one of today
does are read as that, with a warning (`sim.schema.earlier`).
What is in them is read, and refused, where a world or a path is built.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sim.scenario.model import Scenario
from sim.schema.arguments import path_of
from sim.schema.bases import KEY, base_file, extended, is_path, taken_over
from sim.schema.beside import beside
from sim.schema.book import BookFile, BorrowerBook
from sim.schema.bridge import follow, strangers, with_bridged
from sim.schema.deployment import FormerTerms, Terms
from sim.schema.earlier import give_way, read_as_today
from sim.schema.kinds import with_kinds, with_one_each
from sim.schema.problems import EARLIER, Problem, ScenarioError, explain, join, nearest, replaced
from sim.schema.yaml_file import read

__all__ = [
    "Scenario",
    "ScenarioError",
    "baseline_of",
    "contents",
    "digest",
    "digest_of",
    "extends",
    "files",
    "known",
    "load",
    "of_json",
    "unfrozen",
    "with_overrides",
]

_LOGGER = logging.getLogger(__name__)
"""What a reader of the file should know; Python shows it on the standard error."""
_FOLDER = Path(__file__).parents[1] / "scenarios"
_A_SCENARIO = "a known name (sim.known()), the path of a YAML file or a sim.Scenario is needed"
_TERMS: Any = {"protocol": {"reserves": {"__all__": set(Terms.model_fields)}, "categories": True}}
"""What a drawn book depends on, of a scenario."""
_OF_POSITIONS = re.compile(r"book(\.drawn_(under|in).*)?|opened_under.*").fullmatch
"""Overrides that say themselves which book there is."""
_PER_ASSET = re.compile(
    r"(rate_response|withdrawals|protocol\.rates|protocol\.reserves)\.([^.\[]+)"
)
"""Paths of fields that are said per asset."""
_OF_THE_RUN = ("start", "duration_hours", "step_seconds", "seed", "reference_market")
"""What a baseline has of the scenario that is held against it."""


def known() -> list[str]:
    """The names of the scenarios that come with the package, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load(path_or_name: str | Path) -> Scenario:
    """The scenario in a file, or of a known name. A path has a folder or ends in .yaml or .yml.

    Raises `ScenarioError`, and `TypeError` for what is neither.
    """
    path = path_of("scenario", path_or_name, _A_SCENARIO)
    if isinstance(path_or_name, str) and not is_path(path_or_name):
        if path_or_name not in known():
            remedy = nearest(str(path_or_name), known(), "the known ones are")
            raise ScenarioError(
                f"scenario '{path_or_name}'", [Problem("(name)", "is not known", remedy)]
            )
        path = _FOLDER / f"{path_or_name}.yaml"
    document, file = extended(path, _bases(), Scenario.OWN, _locate)
    if isinstance(document, dict):
        _title(document, path)
    if earlier := read_as_today(document):
        said = "%s: fields of an earlier version, read as those of today: %s."
        _LOGGER.warning(said, path, earlier)
    if strange := list(strangers(document)):
        raise ScenarioError(file, strange)
    return _validated(with_bridged(with_kinds(document)), file)


def of_json(text: str) -> Scenario:
    """The scenario that `model_dump_json` wrote. Raises `pydantic.ValidationError` if it is not one
    of this version.
    """
    return Scenario.model_validate_json(text, strict=False)  # JSON has no times


def _title(document: dict[str, Any], path: Path) -> None:
    """Call a scenario by its name, and its file its source, where it extends another and says
    nothing of these: what the other one says is about that.
    """
    own = read(path)
    if isinstance(own, dict) and KEY in own:
        document.setdefault("title", str(document.get("name", path.stem)))
        document.setdefault("story", f"As {own[KEY]}, but for what {path.name} says.")
        document.setdefault("sources", [path.name])


def extends(name: str, file: Path) -> dict[str, Any]:
    """The fields that `file` takes over if it says `extends: NAME`: a base has not all that a
    scenario needs. Raises `ScenarioError` if there is no such base, or what it has is wrong.
    """
    bases = _bases()
    found = base_file(name, file, bases)
    document = taken_over(found, bases, Scenario.OWN, _locate)
    read_as_today(document)
    try:
        Scenario.model_validate(with_bridged(with_kinds(document)))
    except ValidationError as error:
        wrong = [one for one in explain(error, Scenario) if one.problem != "is missing"]
        if wrong:
            raise ScenarioError(str(found), wrong) from error
    return document


def _bases() -> dict[str, Path]:
    """What can be extended by name."""
    named = [*_FOLDER.glob("*.yaml"), *(_FOLDER / "bases").glob("*.yaml")]
    return {path.stem: path for path in sorted(named)}


def with_overrides(
    scenario: Scenario, overrides: Mapping[str, object], redraw_book: bool = False
) -> Scenario:
    """A copy with some fields replaced, in order, and everything validated again.

    `overrides` maps the path of a field that exists, as error messages write it
    (`protocol.liquidation.delay_seconds`, `venues[0].fee_bps`), to its new value. A drawn book has
    the positions that it has without them, as far as they are about reserves; `redraw_book` draws
    it under the new ones instead, and so is a `book` that is replaced whole. Likewise supply and
    borrowing that answer to rates have settled under the curve that there is without them. Raises
    `ScenarioError`, also if the book to be redrawn is a file.
    """
    file = f"scenario '{scenario.name}' with overrides"
    document: Any = unfrozen(scenario.model_dump())
    for path, value in overrides.items():
        _replace(document, path, value, file)
    follow(document, overrides)
    _see_files(document, Path())
    book, assets = document["book"], document["assets"]
    if redraw_book and isinstance(scenario.book, BookFile):
        problem = Problem("book.file", "is a recorded book", "leave out redraw_book")
        raise ScenarioError(file, [problem])
    if isinstance(scenario.book, BorrowerBook) and not any(map(_OF_POSITIONS, overrides)):
        if redraw_book:
            book["drawn_under"] = book["drawn_in"] = None
        else:
            own = scenario.model_dump(include=_TERMS)["protocol"]
            if book["drawn_under"] is None and set(assets) == set(scenario.symbols):
                book["drawn_under"] = own["reserves"]
            if book["drawn_in"] is None:
                book["drawn_in"] = own["categories"]
    _settle(document["rate_response"], scenario, overrides, redraw_book)
    found = _with_own_terms(_validated(document, file))
    if isinstance(scenario.book, BookFile) and not any(map(_OF_POSITIONS, overrides)):
        return _opened_as(scenario, found)
    return found


def _settle(
    responses: Any, scenario: Scenario, overrides: Mapping[str, object], redraw_book: bool
) -> None:
    """Let supply and borrowing that answer to rates remember the curve they have settled under: the
    scenario's own, or the new one if the book is redrawn under it.
    """
    given = any(path.partition(".")[0] == "rate_response" for path in overrides)
    for symbol, one in responses.items() if isinstance(responses, dict) else ():
        own = scenario.protocol.rates.get(symbol)
        if own is None or not isinstance(one, dict):
            continue  # what is wrong with it is said later, by the schema
        if redraw_book and not given:
            one["settled_under"] = None
        elif not redraw_book and one.get("settled_under") is None:
            one["settled_under"] = own.model_dump()


def _with_own_terms(scenario: Scenario) -> Scenario:
    """The same, without mention of the terms of its book, and of the curves that its market has
    settled under, where they are its own.
    """
    update: dict[str, Any] = {}
    book, terms = scenario.book, scenario.model_dump(include=_TERMS)["protocol"]["reserves"]
    if isinstance(book, BorrowerBook) and book.model_dump()["drawn_under"] == terms:
        book = update["book"] = book.model_copy(update={"drawn_under": None})
    if isinstance(book, BorrowerBook) and book.drawn_in == scenario.protocol.categories:
        update["book"] = book.model_copy(update={"drawn_in": None})
    rates = scenario.protocol.rates
    update["rate_response"] = {
        symbol: one.model_copy(update={"settled_under": None})
        if one.settled_under == rates[symbol]
        else one
        for symbol, one in scenario.rate_response.items()
    }
    return scenario.model_copy(update=update)


def baseline_of(scenario: Scenario) -> Scenario:
    """The scenario whose sales the recorded prices of this one contain: itself, or the one that
    `reference_market.baseline` names; with times, seed, number of accounts and reference market of
    this one, and with its rebound. Raises `ScenarioError`.
    """
    market = scenario.reference_market
    if market is None or market.baseline is None:
        return scenario.model_copy(update={"hold_at_low": False})
    named = _named(market.baseline)
    carried = {field: getattr(scenario, field) for field in _OF_THE_RUN}
    if isinstance(named.book, BorrowerBook) and isinstance(scenario.book, BorrowerBook):
        carried["book"] = named.book.model_copy(update={"accounts": scenario.book.accounts})
    return named.model_copy(update={**carried, "hold_at_low": False})


@lru_cache(maxsize=8)
def _named(path_or_name: str) -> Scenario:
    return load(path_or_name)


def _opened_as(before: Scenario, now: Scenario) -> Scenario:
    """The same, with a mention of the terms that its book from a file was opened under before,
    where its reserves' own have become others.
    """
    reserves = (before.protocol.reserves, now.protocol.reserves)
    was, are = ({symbol: _former(r) for symbol, r in one.items()} for one in reserves)
    if was == are:
        return now
    terms = {symbol: _former(r) for symbol, r in before.terms.items() if symbol in are}
    other = {symbol: former for symbol, former in terms.items() if former != are[symbol]}
    return now.model_copy(update={"opened_under": other})


def _former(terms: Terms) -> FormerTerms:
    return FormerTerms(**{name: getattr(terms, name) for name in FormerTerms.model_fields})


def files(scenario: Scenario) -> dict[str, Path]:
    """The files that the scenario names, by the path of the field."""
    named = _file_fields(scenario.model_dump(mode="json"))
    return {path: Path(fields[key]) for path, fields, key in named}


def contents(scenario: Scenario) -> dict[str, str]:
    """SHA-256, in hex, of every file that the scenario names, by the path of the field.

    Raises `ScenarioError` if one cannot be read.
    """
    found = {}
    for field, path in files(scenario).items():
        try:
            found[field] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            problem = Problem(field, f"cannot be read: {error.strerror}", "the path of a file")
            raise ScenarioError(f"scenario '{scenario.name}'", [problem]) from error
    return found


def digest(scenario: Scenario) -> str:
    """SHA-256, in hex, of the canonical JSON: equal exactly for scenarios that are equal.

    Keys are sorted and defaults are written out. The order of `assets` counts, because it is the
    order of the columns that random draws are made for; the order of other mappings does not. Of a
    file it is the content that counts, not where it is. How long agents may take does not count: no
    number depends on it, and a run that was stopped may go on with more. Raises `ScenarioError` if
    a file cannot be read.
    """
    return digest_of(scenario.model_dump(mode="json"), contents(scenario))


def digest_of(document: Mapping[str, Any], contents: Mapping[str, str]) -> str:
    """The digest of a scenario as JSON says it, whichever version wrote that, from what its files
    contained then (`contents`): none of them is read.
    """
    own = json.loads(json.dumps(document))
    for agent in own.get("agents", ()):
        agent.pop("time_limit_seconds", None)
        agent.pop("folder", None)
    if not own.get("bridges"):  # without any it is what it was before there could be any
        own.pop("bridges", None)
    for path, fields, key in _file_fields(own):
        fields[key] = contents.get(path, fields[key])
    canonical = json.dumps(
        {"symbols": list(own["assets"]), "scenario": own},
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _locate(document: object, folder: Path) -> None:
    """Make the paths in the document of a file absolute, and say which agents are beside it."""
    give_way(document)
    _see_files(document, folder)
    agents: Any = document.get("agents") if isinstance(document, dict) else ()
    for agent in agents if isinstance(agents, list) else ():
        path = agent.get("path") if isinstance(agent, dict) else None
        if isinstance(path, str) and agent.get("folder") is None:
            module = folder.joinpath(*path.partition(":")[0].split(".")).with_suffix(".py")
            if module.is_file():
                agent["folder"] = str(folder.absolute())


def _see_files(document: object, folder: Path) -> None:
    """Make the paths of files in a document of a folder absolute."""
    for _, fields, key in _file_fields(document):
        fields[key] = str(beside(fields[key], folder))


def _file_fields(document: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Where a document names a file: (path of the field, mapping that holds it, its key there).

    The document may be anything: what is wrong with it is said later, by the schema.
    """
    root = document if isinstance(document, dict) else {}
    assets = root.get("assets")
    holders = [("book", root.get("book"), "file"), ("paths", root.get("paths"), "history")]
    holders.append(("risk_desk", root.get("risk_desk"), "history"))
    for symbol, asset in assets.items() if isinstance(assets, dict) else ():
        price = asset.get("price_usd") if isinstance(asset, dict) else None
        holders.append((f"assets.{symbol}.price_usd", price, "file"))
    market = root.get("reference_market")
    if isinstance(market, dict) and is_path(str(market.get("baseline"))):
        holders.append(("reference_market", market, "baseline"))
    feeds = root.get("feeds")
    for symbol, feed in feeds.items() if isinstance(feeds, dict) else ():
        for name in ("rate", "replay") if isinstance(feed, dict) else ():
            holders.append((f"feeds.{symbol}.{name}", feed.get(name), "file"))
    for path, fields, key in holders:
        if isinstance(fields, dict) and isinstance(fields.get(key), str) and fields[key]:
            yield f"{path}.{key}", fields, key


def _validated(document: object, file: str) -> Scenario:
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        found = with_one_each(explain(error, Scenario), document)
        raise ScenarioError(file, _of_known_assets(found, document)) from error


def _of_known_assets(problems: Iterable[Problem], document: Any) -> list[Problem]:
    """The same; of what is said per asset about none of the assets, that it is none, once: what
    else is wrong with it does not matter.
    """
    assets = document.get("assets") if isinstance(document, dict) else None
    known: Any = assets if isinstance(assets, dict) else {}
    found: dict[Problem, None] = {}
    for problem in problems:
        asked = _PER_ASSET.match(problem.path)
        if known and asked and asked[2] not in known:
            remedy = nearest(asked[2], known, "the assets are")
            problem = Problem(asked[0], "not an asset", remedy)
        found[problem] = None
    return list(found)


def _replace(document: Any, path: str, value: object, file: str) -> None:
    """Set the field at `path` in nested dictionaries and lists; the field must exist."""
    walked = ""
    parts: list[int | str] = []
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        key = int(index) if index else name
        here = join(walked, f"[{index}]" if index else name)
        parts.append(key)
        fields = dict(enumerate(document)) if isinstance(document, list) else document
        if not isinstance(fields, dict) or key not in fields:
            inside = [str(field) for field in fields] if isinstance(fields, dict) else []
            remedy = nearest(str(key), inside, f"the fields of {walked or 'a scenario'} are")
            problem = Problem(here, "no such field to override", remedy)
            if instead := replaced(parts, Scenario):
                problem = Problem(here, EARLIER, instead)
            raise ScenarioError(file, [problem])
        if here == path:
            document[key] = unfrozen(value)  # later overrides change it, not the caller's
            return
        document, walked = document[key], here
    remedy = "a path such as protocol.liquidation.delay_seconds or venues[0].fee_bps"
    raise ScenarioError(file, [Problem(path or "(path)", "is not the path of a field", remedy)])


def unfrozen(value: Any) -> object:
    """A copy with lists for tuples, in which items can be replaced, and Python's numbers for those
    out of arrays and frames.
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict):
        return {key: unfrozen(item) for key, item in value.items()}
    return [unfrozen(item) for item in value] if isinstance(value, tuple | list) else value
