"""Where a study is kept, and what it was asked.

    tuning.json     the question: preset, seed, paths, origin; and how long it took so far
    study.db        the trials (SQLite), unless another storage is named
    result.json     the answer, see `sim.tuning.result`

A storage is "sqlite" or "journal" (a file in the folder), or the URL of a database that several
machines share, such as postgresql://user@host/name.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

from sim.files.whole import write_json
from sim.sweeps.known_faults import faults_of
from sim.tuning.evaluate import origin_of
from sim.tuning.preset import Setup
from sim.tuning.study import directions, sampler
from sim.version import VERSION

QUESTION = "tuning.json"
SQLITE, JOURNAL = "sqlite", "journal"
_FORMAT = 1
_MUST_AGREE = ("preset", "digest", "seed", "paths", "paths_of_a_book", "storage", "origin")


class StorageError(Exception):
    """A folder or database that cannot be used as asked: why, and what to do."""


def question(setup: Setup, paths: int, seed: int, storage: str, command: str) -> dict[str, Any]:
    """What a study asks, as its folder keeps it."""
    return {
        "format": _FORMAT,
        "preset": setup.preset.name,
        "digest": setup.digest(),
        "seed": seed,
        "paths": paths,
        "paths_of_a_book": setup.paths_of_a_book,
        "storage": _without_password(storage),
        "origin": {k: v for one in setup.scenarios for k, v in origin_of(one).items()}
        | {"optuna": optuna.__version__},
        "breakwater": VERSION,
        "command": command,
        "started": _now(),
        "seconds": 0.0,
    }


def begin(folder: Path, asked: dict[str, Any], resume: bool) -> dict[str, Any]:
    """The question of the folder, written if it is new. Raises `StorageError`."""
    path = folder / QUESTION
    if not path.exists():
        write_json(path, asked)
        return asked
    try:
        before: dict[str, Any] = json.loads(path.read_text())
        version = before.get("breakwater")
    except (OSError, ValueError, AttributeError) as error:
        raise StorageError(f"{path}: cannot be read ({error}); another --out") from error
    if faults := faults_of("tuning study", version):
        raise StorageError(f"{folder}: {' '.join(faults)} Name another folder with --out.")
    if not resume:
        raise StorageError(
            f"{folder}: a study is here already; go on with it with --resume, or another --out"
        )
    if differences := list(_differences(before, asked)):
        raise StorageError(
            f"{folder}: not the same study, so it cannot go on:\n  " + "\n  ".join(differences)
        )
    return before


def keep(folder: Path, asked: dict[str, Any]) -> None:
    """Write the question again, with the seconds so far."""
    write_json(folder / QUESTION, asked)


def is_shared(storage: str) -> bool:
    """Whether others may be at work on the same study."""
    return storage not in (SQLITE, JOURNAL)


def open_study(
    folder: Path, setup: Setup, asked: dict[str, Any], storage: str, resume: bool
) -> optuna.Study:
    """The Optuna study of a question, new or as it was left. Raises `StorageError`."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    text = json.dumps([asked[name] for name in _MUST_AGREE if name != "storage"], sort_keys=True)
    name = f"{setup.preset.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    tuning = setup.preset.tuning
    try:
        backend = _backend(folder, storage)
        known = name in optuna.get_all_study_names(backend)
        if known and is_shared(storage) and not resume:
            raise StorageError(
                f"{_without_password(storage)}: the study {name} is there; join it with --resume"
            )
        study = optuna.create_study(
            storage=backend,
            study_name=name,
            load_if_exists=True,
            directions=directions(tuning.objectives),
            sampler=sampler(tuning.sampler, asked["seed"], 0),
        )
    except (SQLAlchemyError, ImportError) as error:
        raise StorageError(
            f"{_without_password(storage)}: no such database ({str(error).splitlines()[0]}); "
            "sqlite, journal, or a URL like postgresql://user@host/name"
        ) from error
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial(setup.space.positions(setup.space.current))
    return study


def _backend(folder: Path, storage: str) -> BaseStorage:
    if storage == JOURNAL:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return JournalStorage(JournalFileBackend(str(folder / "study.journal")))
    url = f"sqlite:///{folder / 'study.db'}" if storage == SQLITE else storage
    return RDBStorage(url)


def _differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for name in _MUST_AGREE:
        if before.get(name) != now[name]:
            if name == "digest":
                yield "preset or its scenarios were changed: as before, or another --out"
            elif name == "origin":
                yield "sources or packages are others, and numbers could differ: another --out"
            else:
                found = before.get(name)
                yield f"{name}: {found} there, {now[name]} now: as before, or another --out"


def _without_password(storage: str) -> str:
    if not is_shared(storage):
        return storage
    scheme, _, rest = storage.partition("://")
    login, at, host = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{at}{host}"


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
