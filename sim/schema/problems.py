"""Why a scenario is refused: the problems found, in the words of a scenario file.

A problem has three parts, because a reader of a refused file needs all three: where it is, what is
wrong, and what to write instead.
"""

import re
import reprlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple, get_args

from pydantic import BaseModel, Tag, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

# Pydantic's words for what a YAML file holds.
_IN_A_FILE = (
    (r"valid tuple", "list"),
    (r"^(Tuple|Dictionary)", "this"),
    (r"valid dictionary( or instance of \w+)?", "mapping"),
    (r" after validation", ""),
)
EARLIER = "is a field of an earlier version"
_MOST_SHOWN = 20  # a wrong indent can spoil hundreds of fields; nobody reads past the first screen


class Problem(NamedTuple):
    """One wrong thing: the `path` of its field (`venues[1].fee_bps`), what is wrong, the remedy."""

    path: str
    problem: str
    remedy: str


class InconsistentError(ValueError):
    """Fields that are right alone but not together; paths are relative to the raising model."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(": ".join(problem) for problem in self.problems))


class ScenarioError(Exception):
    """A scenario that cannot be run: its `file`, its `problems`, and as text the whole message."""

    def __init__(self, file: str, problems: Iterable[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__(self.file, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{self.file}: {count} problem{'' if count == 1 else 's'}"]
        lines += [f"  {': '.join(problem)}" for problem in self.problems[:_MOST_SHOWN]]
        if count > _MOST_SHOWN:
            lines.append(f"  ... and {count - _MOST_SHOWN} more")
        return "\n".join(lines)


def explain(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Pydantic's errors about `model` as problems: same fields, in the words of a scenario file."""
    return [
        problem for detail in error.errors(include_url=False) for problem in _explain(detail, model)
    ]


def nearest(word: str, words: Iterable[str], what: str) -> str:
    """The remedy for an unknown name: the close matches among `words`, then all of them."""
    known = list(words)
    matches = get_close_matches(word, known, n=3)
    guess = f"did you mean {' or '.join(matches)}? " if matches else ""
    return f"{guess}{what}: {', '.join(known) or 'none'}"


def unknown(assets: Collection[str], path: str, symbol: str) -> Iterator[Problem]:
    """A symbol that is none of the assets, if it is not."""
    if symbol not in assets:
        yield Problem(path, "not an asset", nearest(symbol, assets, "the assets are"))


def replaced(location: Sequence[int | str], model: type[BaseModel]) -> str | None:
    """What to write instead of a field that the model had at this place (`base.Part.REPLACED`)."""
    parent, _ = _lookup(location[:-1], model)
    fields: Mapping[int | str, str] = getattr(parent, "REPLACED", {})
    return fields.get(location[-1])


def join(prefix: str, suffix: str) -> str:
    """Two parts of a field path as one: a dot between names, nothing before an index."""
    return f"{prefix}{'' if not prefix or not suffix or suffix.startswith('[') else '.'}{suffix}"


def _explain(detail: ErrorDetails, model: type[BaseModel]) -> Iterator[Problem]:
    location = [part for part in detail["loc"] if part != "[key]"]  # marks a key: not in the file
    path = ""
    for part in location:
        if not _is_branch(part):
            path = join(path, f"[{part}]" if isinstance(part, int) else str(part))
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, InconsistentError):
        for problem in cause.problems:
            yield problem._replace(path=join(path, problem.path))
        return
    parent, _ = _lookup(detail["loc"][:-1], model)
    _, field = _lookup(detail["loc"], model)
    wanted = (
        field.description if field else None
    ) or "see the other scenarios for the shape of this field"
    path = path or "(file)"
    if detail["type"] == "missing":
        yield Problem(path, "is missing", wanted)
    elif detail["type"] == "extra_forbidden" and (remedy := replaced(location, model)):
        yield Problem(path, EARLIER, remedy)
    elif detail["type"] == "extra_forbidden":
        yield Problem(
            path,
            "unknown field",
            nearest(str(location[-1]), _fields(parent), "the fields here are"),
        )
    else:
        message = detail["msg"].removeprefix("Input ").removeprefix("Value error, ")
        for python, file in _IN_A_FILE:
            message = re.sub(python, file, message)
        yield Problem(
            path, f"{message}, got {_show(detail['input'])}", wanted + _hint(detail["input"])
        )


def _hint(value: object) -> str:
    """More remedy for a number that arrived as text: quoted, or 010, eight in old YAML."""
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return ""
        return " (this is text: write it without quotes, and without a leading 0)"
    return ""


def _show(value: object) -> str:
    brief = reprlib.Repr()
    brief.maxlevel = 2  # aliases can nest a small file into an endless value
    try:
        return brief.repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return "a number of thousands of digits"


def _lookup(
    location: Iterable[int | str], model: type[BaseModel]
) -> tuple[type[BaseModel], FieldInfo | None]:
    """The model that `location` leads to, and the last field passed on the way there."""
    field = None
    for part in location:
        if part in (fields := _fields(model)):
            field = fields[str(part)]
            model = next(_models_in(field.annotation), model)
        elif field and _is_branch(part):
            model = _branch(field.annotation, str(part)) or model
        elif extra := model.__annotations__.get("__pydantic_extra__"):
            # A key of its own, such as an asset's in feeds, leads to the model of all such keys.
            model = next(_models_in(extra), model)
    return model, field


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the name that they have in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _is_branch(part: int | str) -> bool:
    """Whether it names a branch of a union (as in `base.Level`): not in the file."""
    return str(part).startswith("<")


def _branch(annotation: object, name: str) -> type[BaseModel] | None:
    """The model in the branch of a union inside an annotation: by its tag, or its own name."""
    if any(isinstance(part, Tag) and part.tag == name for part in get_args(annotation)):
        return next(_models_in(annotation), None)
    for part in get_args(annotation):
        if found := _branch(part, name):
            return found
    return next((found for found in _models_in(annotation) if f"<{found.__name__}>" == name), None)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as `Mapping[str, Asset]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
