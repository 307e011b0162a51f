"""Bases: what several files share, one file each; another takes one over: `extends: NAME`.

A scenario extends a base of sim/scenarios/bases, a tuning preset another preset that is known by
name. The file is read as if the base stood in it:

* mappings are merged field by field, at every depth; where both say something, the file does;
* a list or a single value of the file replaces the base's;
* if the file has `assets`, these are all the assets there are: of the base's, the fields and list
  items about any other are left out.

A base extends nothing itself. It is not validated alone: the result is.
"""

from collections.abc import Mapping
from pathlib import Path

from sim.schema.problems import Problem, ScenarioError, nearest
from sim.schema.yaml_file import read

KEY = "extends"


def extended(document: object, file: Path, folder: Path) -> tuple[object, str]:
    """The document of `file` with its base from `folder` in it, and what to call it in errors."""
    if not isinstance(document, dict) or KEY not in document:
        return document, str(file)
    name, own = document[KEY], {key: value for key, value in document.items() if key != KEY}
    bases = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if not isinstance(name, str) or name not in bases:
        remedy = nearest(str(name), bases, "the bases are")
        raise ScenarioError(str(file), [Problem(KEY, "is not the name of a base", remedy)])
    base = read(bases[name])
    if not isinstance(base, dict):
        problem = Problem("(file)", "is not a mapping", "a mapping of fields")
        raise ScenarioError(str(bases[name]), [problem])
    if KEY in base:
        remedy = f"extend {base[KEY]} instead, and add the fields that differ"
        problem = Problem(KEY, f"{name} extends another, so {file} cannot extend it", remedy)
        raise ScenarioError(str(bases[name]), [problem])
    return _merged(_without(base, _absent(base, own)), own), f"{file} (extends {name})"


def _absent(base: Mapping[str, object], own: Mapping[str, object]) -> set[str]:
    """The assets of the base that the file does not have."""
    listed, mine = base.get("assets"), own.get("assets")
    return listed.keys() - mine if isinstance(listed, dict) and isinstance(mine, dict) else set()


def _without(value: object, absent: set[str]) -> object:
    """The value without keys that are `absent` assets and list items that are about one."""
    if isinstance(value, dict):
        return {k: _without(item, absent) for k, item in value.items() if k not in absent}
    if isinstance(value, list):
        return [_without(item, absent) for item in value if not absent.intersection(_about(item))]
    return value


def _about(item: object) -> list[str]:
    """The assets of a list item such as a venue or a correlation."""
    assets = item.get("assets") if isinstance(item, dict) else None
    return assets if isinstance(assets, list) else []


def _merged(base: object, own: object) -> object:
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return own
    return base | {
        key: _merged(base[key], value) if key in base else value for key, value in own.items()
    }
