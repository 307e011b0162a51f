"""Where the trials of a search are kept, while it lasts and afterwards.

    tuning.json     the question, see `sim.tuning.question`
    study.db        the trials (SQLite), unless another storage is named
    result.json     the answer, see `sim.tuning.result`

A storage is "sqlite" or "journal" (a file in the folder), or the URL of a database that several
machines share, such as postgresql://user@host/name.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy.exc import SQLAlchemyError

from sim.questions.store import QuestionError
from sim.tuning.preset import Setup
from sim.tuning.question import Question, without_password
from sim.tuning.study import directions, sampler

SQLITE, JOURNAL = "sqlite", "journal"
_NAMING = ("preset", "digest", "seed", "paths", "paths_of_a_book", "origin")
"""What the name of a study in a database is made of."""


def is_shared(storage: str) -> bool:
    """Whether others may be at work on the same study."""
    return storage not in (SQLITE, JOURNAL)


def open_study(
    folder: Path, setup: Setup, asked: Question, storage: str, resume: bool
) -> optuna.Study:
    """The Optuna study of a question, new or as it was left. Raises `QuestionError`."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    text = json.dumps([getattr(asked, name) for name in _NAMING], sort_keys=True)
    name = f"{setup.preset.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    tuning = setup.preset.tuning
    try:
        backend = _backend(folder, storage)
        known = name in optuna.get_all_study_names(backend)
        if known and is_shared(storage) and not resume:
            raise QuestionError(
                f"{without_password(storage)}: the study {name} is there; resume to join it"
            )
        study = optuna.create_study(
            storage=backend,
            study_name=name,
            load_if_exists=True,
            directions=directions(tuning.objectives),
            sampler=sampler(tuning.sampler, asked.seed, 0),
        )
    except (SQLAlchemyError, ImportError) as error:
        raise QuestionError(
            f"{without_password(storage)}: no such database ({str(error).splitlines()[0]}); "
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
