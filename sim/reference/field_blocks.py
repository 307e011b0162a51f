"""The fields of a file as blocks, one for each mapping in it, out of the schemas of its models.

A path is written as in `--set`, with `*` for any key of a mapping (an asset's symbol, mostly) and
`[*]` for any item of a list: `protocol.reserves.*.lt_bps`, `venues[*].fee_bps`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from sim.reference.files import FILES, Schema, definitions, refs
from sim.reference.units import unit_of
from sim.schema import kinds
from sim.schema.base import Part
from sim.schema.market import Kind
from sim.schema.problems import join

SYMBOL = "^[A-Za-z0-9_-]{1,16}$"
_MOST_NAMES = 2
"""Of the fields of a mapping, where it is mentioned."""


class Entry(NamedTuple):
    """One field, or one column of a table."""

    name: str
    type: str
    unit: str
    """Empty for what is no quantity."""
    range: str
    """Empty where anything of the type will do."""
    default: str
    """"required", "absent", or the value that it has if the file says nothing."""
    meaning: str
    below: tuple[str, ...] = ()
    """Paths of the blocks of the mappings in it."""


class Block(NamedTuple):
    """The fields of one mapping."""

    path: str
    """Empty for the file itself."""
    variant: str
    """Tells blocks of one path apart; empty where there is one."""
    text: str
    """What it is, lines of text; indented ones are formulas."""
    entries: tuple[Entry, ...]
    earlier: Mapping[str, str] = {}
    """Fields of earlier versions, each with what to write instead."""

    @property
    def title(self) -> str:
        return f"{self.path} ({self.variant})" if self.variant else self.path


def file_blocks(kind: str) -> list[Block]:
    """All blocks of a kind of file, a key of `sim.reference.files.FILES`, from above downward. A
    mapping that may stand in several places is described in the first.
    """
    found = definitions(kind)
    by_kind = kinds.by_field() if kind == "scenario" else {}
    places = {name: (path, variant) for path, variant, name in _places(found, FILES[kind].__name__)}
    models = {model.__name__: model for model in _below(Part)}
    blocks = []
    for name, (path, variant) in places.items():
        required = found[name].get("required", ())
        entries = []
        for field, schema in fields_of(found[name]).items():
            default = _default(schema, field in (*required, "*"))
            by_all = len(by_kind.get(join(path, field), ())) == len(get_args(Kind))
            entries.append(
                Entry(
                    field,
                    _type(schema, found),
                    unit(schema, field),
                    _range(schema),
                    f"{default}, or by kind" if by_all else default,
                    schema.get("description", ""),
                    tuple(dict.fromkeys(places[ref][0] for ref in refs(schema))),
                )
            )
        text = inspect.cleandoc(found[name].get("description", ""))
        blocks.append(Block(path, variant, text, tuple(entries), models[name].REPLACED))
    return blocks + ([_kinds_block(by_kind)] if by_kind else [])


def unit(schema: Schema, name: str) -> str:
    """The unit of a field: what its schema says, or its name; empty if there is no number in it."""
    said = [one["x-unit"] for one in _parts(schema) if "x-unit" in one]
    if said:
        return ", ".join(dict.fromkeys(said))
    return unit_of(name) if has_number(schema) else ""


def has_number(schema: Schema) -> bool:
    """Whether a field has numbers of its own, not those of a mapping that it holds."""
    return any(one.get("type") in ("integer", "number") for one in _parts(schema))


def _kinds_block(by_kind: Mapping[str, Mapping[str, object]]) -> Block:
    text = (
        "What is assumed of an asset that says its kind, where the file says nothing "
        "(sim/schema/kinds.yaml). A run says it too."
    )
    entries = []
    for path, values in by_kind.items():
        same: dict[str, list[str]] = {}
        for one, value in values.items():
            shown = _number(value) if isinstance(value, float) else json.dumps(value)
            same.setdefault(shown.strip('"'), []).append(one)
        meaning = "; ".join(f"{value} ({', '.join(names)})" for value, names in same.items())
        name = path.removesuffix(".*").rpartition(".")[2]
        entries.append(Entry(path, "", unit_of(name), "", "", meaning))
    return Block("kinds", "", text, tuple(entries))


# --- where the blocks are -------------------------------------------------------------------------


def _places(found: Mapping[str, Schema], root: str) -> Iterator[tuple[str, str, str]]:
    """(path, variant, name) of every definition, where it is first."""
    seen: set[str] = set()

    def walk(name: str, path: str, variant: str) -> Iterator[tuple[str, str, str]]:
        if name in seen:
            return
        seen.add(name)
        yield path, variant, name
        for field, schema in fields_of(found[name]).items():
            yield from below(schema, join(path, field))

    def below(schema: Schema, path: str) -> Iterator[tuple[str, str, str]]:
        inside = [(join(path, suffix), ref) for suffix, ref in _inside(schema)]
        for here, ref in inside:
            several = [place for place, _ in inside].count(here) > 1
            yield from walk(ref, here, _variant(found[ref]) if several else "")

    yield from walk(root, "", "")


def fields_of(definition: Schema) -> dict[str, Schema]:
    """The fields of a mapping by name; `*` is what any other key leads to."""
    rest = definition.get("additionalProperties")
    fields: dict[str, Schema] = definition["properties"]
    any_other = {"description": "any other key is the symbol of an asset, and this is of it"}
    return ({"*": any_other | rest} if isinstance(rest, dict) else {}) | fields


def _inside(schema: Schema, suffix: str = "") -> Iterator[tuple[str, str]]:
    """(where from here, name) of the definitions in a field's schema."""
    if "$ref" in schema:
        yield suffix, refs(schema)[0]
    for branch in schema.get("anyOf", ()):
        yield from _inside(branch, suffix)
    for item in (schema.get("items"), *schema.get("prefixItems", ())):
        if isinstance(item, dict):
            yield from _inside(item, f"{suffix}[*]")
    for value in (
        *schema.get("patternProperties", {}).values(),
        schema.get("additionalProperties"),
    ):
        if isinstance(value, dict):
            yield from _inside(value, join(suffix, "*"))


def _variant(definition: Schema) -> str:
    """What tells a mapping from others of its place: its kind, or a field that it needs."""
    kind = definition["properties"].get("kind", {}).get("const")
    return kind or f"with {definition['required'][0]}"


def _below(model: type[Part]) -> Iterator[type[Part]]:
    yield model
    for one in model.__subclasses__():
        yield from _below(one)


# --- a field in words -----------------------------------------------------------------------------


def _parts(schema: Schema) -> Iterator[Schema]:
    """The schema and all in it, without what it refers to."""
    yield schema
    for one in (
        *schema.get("anyOf", ()),
        *schema.get("prefixItems", ()),
        schema.get("items"),
        *schema.get("patternProperties", {}).values(),
        schema.get("additionalProperties"),
    ):
        if isinstance(one, dict):
            yield from _parts(one)


def _type(schema: Schema, found: Mapping[str, Schema]) -> str:
    if "$ref" in schema:
        return _mapping(found[refs(schema)[0]])
    if "anyOf" in schema:
        branches = [one for one in schema["anyOf"] if one != {"type": "null"}]
        words = [_type(one, found) for one in branches]
        return _either([one for one in words if one != "whole number" or "number" not in words])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return _either([str(one) for one in schema["enum"]])
    kind = schema.get("type")
    if kind == "array" and "prefixItems" in schema:
        return f"[{', '.join(_type(one, found) for one in schema['prefixItems'])}]"
    if kind == "array":
        return f"list of {_type(schema['items'], found)}"
    if kind == "object":
        return _keyed(schema, found)
    if kind == "string":
        named = {"date-time": "time"}.get(schema.get("format", ""), "text")
        return "symbol" if schema.get("pattern") == SYMBOL else named
    plain = {"integer": "whole number", "number": "number", "boolean": "true or false"}
    return plain.get(str(kind), "anything")


def _keyed(schema: Schema, found: Mapping[str, Schema]) -> str:
    """A mapping whose keys are the user's."""
    for pattern, value in schema.get("patternProperties", {}).items():
        return f"per {'asset' if pattern == SYMBOL else 'name'}: {_type(value, found)}"
    values = schema.get("additionalProperties")
    return f"per key: {_type(values, found)}" if isinstance(values, dict) else "mapping"


def _mapping(definition: Schema) -> str:
    fields = list(definition["properties"])
    names = [*definition.get("required", ()), *fields][:_MOST_NAMES]
    names = list(dict.fromkeys(names))
    return f"{{{', '.join([*names, *(['...'] if len(fields) > len(names) else [])])}}}"


def _either(words: Sequence[str]) -> str:
    *most, last = dict.fromkeys(words)
    return f"{', '.join(most)} or {last}" if most else last


def _range(schema: Schema) -> str:
    found = [_bounds(one) for one in _parts(schema)]
    return "; ".join(dict.fromkeys(text for text in found if text))


def _bounds(schema: Schema) -> str:
    """Of one number, text or list."""
    if "prefixItems" in schema:  # as many as the type shows
        return ""
    unit, low, high = {
        "array": (" items", schema.get("minItems"), schema.get("maxItems")),
        "object": (" keys", schema.get("minProperties"), schema.get("maxProperties")),
        "string": (" characters", schema.get("minLength"), schema.get("maxLength")),
    }.get(schema.get("type", ""), ("", schema.get("minimum"), schema.get("maximum")))
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return (
            f"{_number(low)}{unit}" if low == high else f"{_number(low)} to {_number(high)}{unit}"
        )
    if unit and low == 1:
        return "not empty"
    parts = [
        f"{word} {_number(bound)}{unit}"
        for word, bound in (
            ("at least", low),
            ("above", above),
            ("at most", high),
            ("below", below),
        )
        if bound is not None
    ]
    return ", ".join(parts)


def _number(value: Any) -> str:
    if isinstance(value, float) or abs(value) > 2**64:
        return re.sub(r"e([+-])0+", r"e\1", f"{value:g}")  # 1e-08: as people write it
    large = value >= 2**32 and value & (value - 1) == 0
    return f"2^{value.bit_length() - 1}" if large else str(value)


def _default(schema: Schema, is_required: bool) -> str:
    if is_required:
        return "required"
    value = schema.get("default")
    if value is None:
        return "absent"
    if value in ([], {}, ""):
        return "none"
    return _number(value) if isinstance(value, float) else json.dumps(value).replace('"', "")
