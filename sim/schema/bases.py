"""Bases: what several files share, one file each; another takes one over: `extends: NAME`.

A scenario extends a base of sim/scenarios/bases, a scenario that is known by name or a file beside
it; a tuning preset another preset, likewise. The file is read as if the base stood in it:

* mappings are merged field by field, at every depth; where both say something, the file does;
* a list or a single value of the file replaces the base's, and so does a mapping that names a
  `file`: it is another source;
* a field that the file says is `null` is removed;
* if the file has `assets`, these are all the assets there are: of the base's, the fields and list
  items about any other are left out, and a category in which nothing is left to pledge or to
  borrow. If all that it has are `null`, the others stay.

A base may extend another. It is not validated alone: the result is.
"""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from sim.schema.beside import beside
from sim.schema.problems import Problem, ScenarioError, nearest
from sim.schema.yaml_file import read

KEY = "extends"
Bases = Mapping[str, Path]
"""The files that are known by name."""
Locate = Callable[[object, Path], None]
"""Makes the paths that a document of a folder names absolute, in place."""


def is_path(name: str) -> bool:
    """Whether it is the path of a YAML file; otherwise it is a name."""
    return "/" in name or "\\" in name or name.endswith((".yaml", ".yml"))


def extended(
    file: Path, bases: Bases, own: Collection[str], locate: Locate, above: tuple[Path, ...] = ()
) -> tuple[object, str]:
    """The document of `file` with all that it extends in it, and what to call it in errors.

    Fields of names in `own` are not taken over from a base. `above`: the files that extend this
    one. Raises ScenarioError.
    """
    document = read(file)
    locate(document, file.parent)
    if not isinstance(document, dict) or KEY not in document:
        return document, str(file)
    name, written = document[KEY], {key: value for key, value in document.items() if key != KEY}
    found = base_file(name, file, bases)
    if found.resolve() in {path.resolve() for path in (*above, file)}:
        problem = Problem(KEY, f"{found.name} extends this file itself", "a base that does not")
        raise ScenarioError(str(file), [problem])
    base = taken_over(found, bases, own, locate, (*above, file))
    base = _without(base, _absent(base, written))
    return merged(base, written), f"{file} (extends {name})"


def taken_over(
    base: Path, bases: Bases, own: Collection[str], locate: Locate, above: tuple[Path, ...] = ()
) -> dict[str, Any]:
    """What is taken over from the file `base`, with all that it extends in it; see `extended`."""
    document, _ = extended(base, bases, own, locate, above)
    if not isinstance(document, dict):
        problem = Problem("(file)", "is not a mapping", "a mapping of fields")
        raise ScenarioError(str(base), [problem])
    return {key: value for key, value in document.items() if key not in own}


def base_file(name: object, file: Path, bases: Bases) -> Path:
    """Where the base is that `file` extends by this name. Raises ScenarioError."""
    if isinstance(name, str) and name in bases:
        return bases[name]
    if isinstance(name, str) and is_path(name):
        return beside(name, file.parent)
    remedy = nearest(str(name), bases, "the path of a YAML file, or one of")
    raise ScenarioError(str(file), [Problem(KEY, "is not the name of a base", remedy)])


def _absent(base: Mapping[str, Any], own: Mapping[str, object]) -> set[str]:
    """The assets of the base that the file does not have."""
    listed, mine = base.get("assets"), own.get("assets")
    if not (isinstance(listed, dict) and isinstance(mine, dict)):
        return set()
    there = {symbol for symbol, asset in mine.items() if asset is not None}
    return listed.keys() - there if there else listed.keys() & mine.keys()


def _without(value: Any, absent: set[str]) -> Any:
    """The value without keys that are `absent` assets and list items that are about one."""
    if isinstance(value, dict):
        rest = {k: _without(item, absent) for k, item in value.items() if k not in absent}
        if isinstance(modes := rest.get("categories"), dict):
            rest["categories"] = {k: one for k, one in modes.items() if _is_any_left(one)}
        return rest
    if isinstance(value, list):
        return [_without(item, absent) for item in value if not absent.intersection(_about(item))]
    return value


def _is_any_left(category: object) -> bool:
    lists = ("collateral", "borrow")
    return not (isinstance(category, dict) and any(category.get(name) == [] for name in lists))


def _about(item: object) -> list[str]:
    """The assets of a list item such as a symbol, a venue or a correlation."""
    if isinstance(item, str):
        return [item]
    assets = item.get("assets") if isinstance(item, dict) else None
    return assets if isinstance(assets, list) else []


def merged(base: object, own: object) -> object:
    """What `own` says on top of `base`."""
    if not (isinstance(base, dict) and isinstance(own, dict)) or own.get("file") is not None:
        return own
    fields = base | {
        key: merged(base[key], value) if key in base else value for key, value in own.items()
    }
    return {key: value for key, value in fields.items() if key not in own or own[key] is not None}
