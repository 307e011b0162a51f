"""What a search asks, as its folder keeps it in tuning.json; and how long it took so far."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

from sim.questions import store
from sim.questions.known_faults import Kind
from sim.questions.origin import origin, sources
from sim.scenario import Scenario
from sim.tuning.preset import Setup
from sim.tuning.result import Asked
from sim.version import VERSION

FILE = "tuning.json"
_FORMAT = 1


class Question(store.Question):
    """What a search asks."""

    FILE: ClassVar[str] = FILE
    FORMAT: ClassVar[int] = _FORMAT
    KIND: ClassVar[Kind] = "tuning study"
    COMMAND: ClassVar[str] = "ape run tune PRESET` or `sim.tune"
    AGREES: ClassVar[Mapping[str, str]] = {
        "preset": "the preset {}",
        "seed": "the seed {}",
        "paths": "{} paths",
        "paths_of_a_book": "books as before",
        "storage": "the storage {}",
    }

    preset: str
    """Its name."""
    seed: int
    paths_of_a_book: int | None = None
    storage: str
    """Without a password."""
    command: str
    seconds: float = 0.0
    asked: Asked | None = None
    """None in folders of before it was kept here; results have it too."""

    @property
    def document(self) -> Mapping[str, Any]:
        """The preset and its scenarios."""
        return self.asked.model_dump(mode="json") if self.asked else {}

    @property
    def title(self) -> str:
        """Of which preset, and how many paths."""
        return f"a study of '{self.preset}' on {self.paths:,} paths"


def question(setup: Setup, paths: int, seed: int, storage: str, command: str) -> Question:
    """Raises `ScenarioError` if a file of a scenario cannot be read."""
    found = {k: v for one in setup.scenarios for k, v in origin_of(one).items()}
    return Question(
        format=_FORMAT,
        digest=setup.digest(),
        paths=paths,
        origin=found | {"optuna": version("optuna")},
        breakwater=VERSION,
        started=store.now(),
        preset=setup.preset.name,
        seed=seed,
        paths_of_a_book=setup.paths_of_a_book,
        storage=without_password(storage),
        command=command,
        asked=Asked(
            preset=setup.preset.model_dump(mode="json"),
            scenarios=tuple(one.model_dump(mode="json") for one in setup.scenarios),
        ),
    )


def begin(folder: Path, asked: Question, resume: bool) -> Question:
    """The question of the folder, written if it is new. Raises `QuestionError`."""
    before = store.begin(folder, asked, resume)
    if before is None:
        store.write(folder, asked)
        return asked
    taken = {name: getattr(before, name) for name in ("started", "seconds", "command")}
    return asked.model_copy(update=taken)


def origin_of(scenario: Scenario) -> dict[str, str]:
    """As `sim.questions.origin`, with what searches and judges. Raises `ScenarioError`."""
    return {**origin(scenario), "search": sources("measures", "tuning")}


def without_password(storage: str) -> str:
    """The same; a URL as it may be shown."""
    scheme, separator, rest = storage.partition("://")
    if not separator:
        return storage
    login, at, host = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{at}{host}"
