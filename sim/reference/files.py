"""JSON schemas of the files that people write, for their editors and for the reference.

A file is complete, or a part: it `extends` another one, leaves fields to the `kind` of an asset, or
has no name because others extend it. A part needs hardly anything, and a field that is null takes
away what would be there. What replaces as a whole, a list, is complete in both.

A schema accepts whatever the program does; it refuses unknown fields, wrong types and values out of
their range, but not what is wrong only between fields: the program says that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from sim.measures.registry import of_assets, of_runs
from sim.scenario import Scenario
from sim.schema.bases import KEY
from sim.schema.expected import EARLIER
from sim.schema.tuning import Preset
from sim.tuning.objectives import measures

Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PART = "_part"
"""Ends the names of definitions of parts."""
_REF = "#/$defs/"
_NULL = {"type": "null"}
_EXTENDS = {
    "scenario": "a base (aave-v2, aave-v3, aave-v3-modes), a shipped scenario or a file beside "
    "this one: what this file says nothing of is as there, null removes a field; absent: this file "
    "says it all",
    "preset": "a known preset or a file beside this one: what this file says nothing of is as "
    "there, null removes a field; absent: this file says it all",
}
_WITH_A_KIND: Schema = {
    "required": ["assets"],
    "properties": {
        "assets": {
            "type": "object",
            "not": {"additionalProperties": {"not": {"type": "object", "required": ["kind"]}}},
        }
    },
}


_IS_PART: Schema = {"anyOf": [{"required": [KEY]}, {"not": {"required": ["name"]}}, _WITH_A_KIND]}

FILES: Mapping[str, type[Scenario] | type[Preset]] = {"scenario": Scenario, "preset": Preset}
"""The kinds of files, each with its model."""


def file_schema(kind: str) -> Schema:
    """The JSON schema of a file of that kind, a key of `FILES`."""
    model = FILES[kind]
    complete = definitions(kind)
    root = model.__name__
    parts = {f"{name}{_PART}": _of_part(one) for name, one in complete.items()}
    needed = [name for name in complete[root]["required"] if name in {*model.OWN} - {*model.FILLED}]
    parts[f"{root}{_PART}"]["dependentRequired"] = {KEY: needed}
    used = _reachable([root, f"{root}{_PART}"], complete | parts)
    return {
        "$schema": _DIALECT,
        "title": f"A {kind} of Breakwater",
        "if": _IS_PART,
        "then": {"$ref": f"{_REF}{root}{_PART}"},
        "else": {"$ref": f"{_REF}{root}"},
        "$defs": {name: one for name, one in (complete | parts).items() if name in used},
    }


def definitions(kind: str) -> dict[str, Schema]:
    """The schemas of the models of a file by name, that of the file itself first."""
    model = FILES[kind]
    raw = model.model_json_schema(by_alias=True, schema_generator=_WithoutTitles)
    models = raw.pop("$defs")
    if kind == "preset":  # the schema knows no measures; who reads a preset does
        names = {"type": "string", "enum": list(measures())}
        models["Tuning"]["properties"]["objectives"]["items"] = names
    else:
        models["Expected"]["properties"]["measure"].update(_measured())
    properties = {KEY: {"type": "string", "description": _EXTENDS[kind]}, **raw["properties"]}
    found = {model.__name__: {**raw, "properties": properties}, **models}
    closed: dict[str, Schema] = {name: _closed(one) for name, one in found.items()}
    return closed


def _measured() -> Schema:
    """Which figures can have been published: names of measures, as an editor checks and says it."""
    run, asset = (
        [name for name in known if name not in EARLIER] for known in (of_runs(), of_assets())
    )
    listed = (
        f"a measure of a run: {', '.join(run)}; or with an asset, as lowest_price.WETH, of one: "
        f"{', '.join(asset)}"
    )
    accepted = (
        "|".join([*names, *(name for name, today in EARLIER.items() if today in names)])
        for names in (run, asset)
    )
    return {"pattern": "^(({})|({})\\..+)$".format(*accepted), "description": listed}


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # they would be the names again


def _closed(schema: Any) -> Any:
    """Where pydantic says less than it does: keys of a mapping that no pattern allows are refused,
    and how long a list may be is counted in items.
    """
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # Branches exclude each other already; of a part's, both may be true of what little it says.
    renamed = {"oneOf": "anyOf"}
    if schema.get("type") == "array":
        renamed |= {"minLength": "minItems", "maxLength": "maxItems"}
    found = {
        renamed.get(key, key): value if key == "default" else _closed(value)
        for key, value in schema.items()
    }
    if "patternProperties" in found:
        found["additionalProperties"] = False
    return found


def _of_part(schema: Any) -> Any:
    """The same where nothing is required and null takes away; lists are as they are."""
    if not isinstance(schema, dict):
        return schema
    found = {key: value for key, value in schema.items() if key != "required"}
    if "$ref" in schema:
        found["$ref"] = f"{schema['$ref']}{_PART}"
    if "anyOf" in schema:
        found["anyOf"] = [_of_part(branch) for branch in schema["anyOf"]]
    for keyword in ("properties", "patternProperties"):
        if keyword in schema:
            found[keyword] = {
                name: _or_null(_of_part(value)) for name, value in schema[keyword].items()
            }
    if isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = _or_null(_of_part(schema["additionalProperties"]))
    return found


def _or_null(schema: Schema) -> Schema:
    """Beside what describes it, a value of the schema or null."""
    aside: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    value = {key: item for key, item in schema.items() if key not in aside}
    branches = value["anyOf"] if value.keys() == {"anyOf"} else [value]
    return {**aside, "anyOf": [*branches, *([] if _NULL in branches else [_NULL])]}


def _reachable(names: list[str], found: Mapping[str, Schema]) -> set[str]:
    """The definitions that those of these names lead to, and themselves."""
    seen: set[str] = set()
    while names:
        name = names.pop()
        if name not in seen:
            seen.add(name)
            names.extend(refs(found[name]))
    return seen


def refs(schema: object) -> list[str]:
    """The names of the definitions that a schema refers to, in order."""
    if isinstance(schema, list):
        return [name for item in schema for name in refs(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].removeprefix(_REF)] if "$ref" in schema else []
    return own + [name for item in schema.values() for name in refs(item)]
