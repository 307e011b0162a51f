"""Reading a scenario file: YAML that means one thing only.

YAML itself lets a later duplicate of a key win silently; here that is refused, with the path of
the key. Everything else that can go wrong with the text of a file is refused the same way.

Numbers are those of YAML 1.2: 1e9 is one. In YAML 1.1 it would be a text, 010 would be eight and
1:30 ninety; here these two are texts, which no numeric field takes.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.cyaml import CParser  # type: ignore[attr-defined]
from yaml.resolver import Resolver

from sim.schema.problems import Problem, ScenarioError, join

MAX_BYTES = 1_000_000  # the longest scenario is some tens of kB; more is the wrong file
_DEEPEST = 50
_WHOLE = "one YAML document in UTF-8, brackets and quotes in pairs, spaces for indents"


def read(path: Path) -> object:
    """The one document in the file at `path`, as Python values; raises ScenarioError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)  # no more, whatever the file is
    except OSError as error:
        remedy = "the path of a scenario file"
        raise _refused(path, f"cannot be read: {error.strerror}", remedy) from error
    if len(text) > MAX_BYTES:
        raise _refused(path, "is larger than 1 MB", "a scenario file; series belong elsewhere")
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        document = loader.get_single_node()
        if document is None:
            raise _refused(path, "is empty", "a mapping that starts with `name:`")
        if duplicates := list(_duplicates(document, "", set())):
            raise ScenarioError(str(path), duplicates)
        return loader.construct_document(document)
    except yaml.YAMLError as error:
        raise _refused(path, f"is not YAML: {_in_a_line(error)}", _WHOLE) from error
    finally:
        if loader is not None:
            loader.dispose()


def _in_a_line(error: yaml.YAMLError) -> str:
    """What the parser says, and where it stood."""
    begun, mark = (getattr(error, f"{of}_mark", None) for of in ("context", "problem"))
    said = [getattr(error, "context", None), getattr(error, "problem", None)]
    if begun and mark and begun.line != mark.line:
        said[0] = f"{said[0]} that begins on line {begun.line + 1}"
    words = ": ".join(filter(None, said)) or " ".join(str(error).split())
    mark = mark or begun
    return f"line {mark.line + 1}, column {mark.column + 1}: {words}" if mark else words


def value(text: str) -> object:
    """One value as a file would have it; raises yaml.YAMLError and ValueError."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


_NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?(0|[1-9][0-9_]*)$",
    "tag:yaml.org,2002:float": r"[-+]?([0-9][0-9_]*\.[0-9_]*([eE][-+]?[0-9]+)?"
    r"|[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9]+([eE][-+]?[0-9]+)?|\.(inf|nan))$",
}


class _Loader(Composer, CParser, SafeConstructor, Resolver):
    """The safe loader on libyaml's parser, saying where a text stands that looks like a number or
    date but is none, and where nesting goes deeper than any scenario's: how deep Python can go is
    the process's matter.
    """

    def __init__(self, text: str | bytes) -> None:
        CParser.__init__(self, text)
        for base in (Composer, SafeConstructor, Resolver):
            base.__init__(self)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> Any:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise yaml.YAMLError(f"nested too deeply: {_DEEPEST} levels and more")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            raise yaml.constructor.ConstructorError(
                None, None, str(error), node.start_mark
            ) from error


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in _NUMBERS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list("-+.0123456789"))


def _refused(path: Path, problem: str, remedy: str) -> ScenarioError:
    return ScenarioError(str(path), [Problem("(file)", problem, remedy)])


def _duplicates(node: yaml.Node, path: str, seen: set[int]) -> Iterator[Problem]:
    if id(node) in seen:  # an alias: looked at where its anchor is
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield from _duplicates(item, f"{path}[{i}]", seen)
    elif isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            here = join(path, str(key.value))
            line = key.start_mark.line + 1
            first = lines.setdefault((key.tag, str(key.value)), line)
            if first != line:
                yield Problem(here, f"appears on lines {first} and {line}", "keep one of them")
            yield from _duplicates(value, here, seen)
