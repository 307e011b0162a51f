"""The folder of a sweep or a study: what was asked stands in it in full, beside what became of it.

A question says everything that its numbers depend on, who asked, and when. A folder goes
on with the question that it holds, or is refused with what differs and the way back.

Every file appears whole or not at all (`sim.files.whole`), and one process at a time writes into a
folder (`sim.files.lock`).
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from typing_extensions import Self

from sim.files.whole import forget_drafts, write_json
from sim.questions.known_faults import Kind, faults_of

_MOST_FIELDS = 8  # of a scenario that are named when it is another one


class QuestionError(Exception):
    """A folder, or a database, that cannot be used as asked: why, and what to do."""


def now() -> str:
    """The time, as questions note it."""
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


class Question(BaseModel, ABC):
    """What each of both asks. Their kinds add to it; what is None, older versions left out."""

    model_config = ConfigDict(frozen=True)

    FILE: ClassVar[str]
    FORMER: ClassVar[str | None] = None
    """What folders of earlier versions call it."""
    FORMAT: ClassVar[int]
    """Of the file; one of another format is not read."""
    KIND: ClassVar[Kind]
    COMMAND: ClassVar[str]
    """What makes such a one."""
    AGREES: ClassVar[Mapping[str, str]]
    """Field -> the way back to what it is in the folder, "{}": nothing goes on unless it is so."""
    GROWS: ClassVar[tuple[str, ...]] = ()
    """Those of which there may be more than in the folder."""

    @classmethod
    def file(cls, folder: Path) -> Path:
        """Where it stands, or will, in a folder."""
        former = folder / cls.FORMER if cls.FORMER else None
        return former if former and former.exists() else folder / cls.FILE

    format: int
    digest: str
    """Of `document`, with the content of the files that it names."""
    paths: int
    origin: dict[str, str]
    """Name -> version or digest of what numbers come from besides, see `sim.questions.origin`."""
    breakwater: str | None = None
    """The version that wrote it."""
    started: str

    @classmethod
    def of_json(cls, text: str) -> Self:
        """What was written. Raises ValueError, of which pydantic's is one, if it is another."""
        return cls.model_validate_json(text, strict=False)  # JSON has no times

    @property
    @abstractmethod
    def document(self) -> Mapping[str, Any]:
        """What was asked about: scenarios with everything that was replaced."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What is in the folder, in a few words."""

    @property
    def faults(self) -> list[str]:
        """What is known to be wrong with results of the version that wrote it."""
        return faults_of(self.KIND, self.breakwater)


Q = TypeVar("Q", bound=Question)


def read(folder: Path, kind: type[Q]) -> Q:
    """The question in a folder. Raises `QuestionError` if there is none that this version reads."""
    path = kind.file(folder)
    try:
        text = path.read_text()
        found: int = json.loads(text)["format"]
        if found == kind.FORMAT:
            return kind.of_json(text)
    except FileNotFoundError:
        raise QuestionError(
            f"{folder}: no {kind.FILE} here, so no {kind.KIND}; make one with `{kind.COMMAND}`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = _first(error) if isinstance(error, ValidationError) else error
        raise QuestionError(
            f"{path}: not the manifest of a {kind.KIND} of this version ({why}); run "
            f"`{kind.COMMAND}` again"
        ) from error
    raise QuestionError(
        f"{path}: of format {found}, this version reads {kind.FORMAT}; run `{kind.COMMAND}` again"
    )


def begin(folder: Path, asked: Q, resume: bool) -> Q | None:
    """The question in the folder that goes on with what is asked; None if there is none yet.

    Raises `QuestionError`, which names what differs and the way back, unless it asks the same;
    without `resume` if one is there; and for one of a version with a known fault.
    """
    if not asked.file(folder).exists():
        return None
    before = read(folder, type(asked))
    if before.faults:
        raise QuestionError(f"{folder}: {' '.join(before.faults)} Name another folder.")
    if not resume:
        raise QuestionError(
            f"{folder}: holds {before.title} already; resume it, or name another folder"
        )
    if different := list(_differences(before, asked)):
        lines = "".join(f"\n  {line}" for line in different)
        raise QuestionError(f"{folder}: holds another {asked.KIND}{lines}")
    return before


def write(folder: Path, question: Question) -> None:
    """From here on the folder is this one's, and nobody else's drafts are in it."""
    folder.mkdir(parents=True, exist_ok=True)
    forget_drafts(folder)
    write_json(question.file(folder), question.model_dump(mode="json"))


def _differences(before: Question, asked: Question) -> Iterator[str]:
    """What keeps it from going on, in words with remedies."""
    if before.digest != asked.digest:
        old, new = (dict(_fields(one.document)) for one in (before, asked))
        paths = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
        named = [f"{path} {old.get(path)} there, {new.get(path)} now" for path in paths]
        if not (old and named):
            named = ["the order of assets, what a file contains, or what is not noted there"]
        more = f" and {len(named) - _MOST_FIELDS} more" if len(named) > _MOST_FIELDS else ""
        yield (
            f"asked: {'; '.join(named[:_MOST_FIELDS])}{more}: ask as before, or name another folder"
        )
    for name, way_back in asked.AGREES.items():
        there, here = getattr(before, name), getattr(asked, name)
        if there > here if name in asked.GROWS else there != here:
            words = name.replace("_", " ")
            yield f"{words}: {there} there, {here} now: {way_back.format(there)}, or another folder"
    for name in sorted(before.origin.keys() | asked.origin.keys()):
        there, here = (one.origin.get(name, "none") for one in (before, asked))
        if there != here:
            yield (
                f"{name}: {there} there, {here} now: numbers could differ: go back to that "
                "version, or begin again in another folder"
            )


def _fields(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a JSON document with their paths, as error messages write them."""
    if isinstance(document, Mapping):
        for name, part in document.items():
            yield from _fields(part, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        for i, part in enumerate(document):
            yield from _fields(part, f"{path}[{i}]")
    else:
        yield path, document


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, in a line."""
    wrong = error.errors()[0]
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"
