"""Where results are kept: in a folder of the user's, or for as long as someone holds them."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from sim.schema.arguments import path_of


def made(wanted: str | Path) -> Path:
    """A folder of the user's, made if it is missing. Raises `TypeError` for what is no path, and
    `ValueError` for a file.
    """
    folder = path_of("folder", wanted)
    if folder.is_file():
        raise ValueError(f"{folder}: is a file, and results are kept in a folder: name another one")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def folder_for(wanted: str | Path | None) -> Iterator[Path]:
    """The folder, made if it is missing. None: a temporary one, gone if the block fails."""
    if wanted is not None:
        yield made(wanted)
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
