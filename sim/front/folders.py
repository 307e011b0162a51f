"""Where results are kept: in a folder of the user's, or for as long as someone holds them."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from sim.questions.store import QuestionError
from sim.schema.arguments import path_of

_KINDS = {
    "tape.duckdb": "a run",
    "sweep.json": "a sweep",
    "study.json": "a sweep",
    "tuning.json": "a study",
    "result.json": "a study",
    "suite.json": "a suite",
}
"""What a folder with such a file holds. By their names: a run loads nothing of searches."""


def check_kind(folder: Path, kind: str) -> None:
    """A folder holds results of one kind: whoever reads it would find only one of them. Raises
    `QuestionError` if it has another than `kind`, one of `_KINDS`.
    """
    for name, there in _KINDS.items():
        if there != kind and (folder / name).exists():
            raise QuestionError(
                f"{folder}: holds {there} already ({name}); name another folder for {kind}"
            )


@contextmanager
def made(wanted: str | Path) -> Iterator[Path]:
    """A folder of the user's, made if it is missing; gone again if the block fails and left nothing
    in it. Raises `TypeError` for what is no path, and `ValueError` for a file.
    """
    folder = path_of("folder", wanted)
    if folder.is_file():
        raise ValueError(f"{folder}: is a file, and results are kept in a folder: name another one")
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except BaseException:
        with suppress(OSError):  # one that is not empty stays, and so do those above it
            for one in missing:
                one.rmdir()
        raise


@contextmanager
def folder_for(wanted: str | Path | None) -> Iterator[Path]:
    """The folder, as `made`. None: a temporary one, gone if the block fails."""
    if wanted is not None:
        with made(wanted) as folder:
            yield folder
        return
    folder = Path(mkdtemp(prefix="breakwater-"))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def goes_with(owner: object, folder: Path) -> None:
    """Remove a folder when its owner is gone, or the process ends."""
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
