"""Where results are kept: in a folder of the user's, or for as long as someone holds them."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp


@contextmanager
def folder_for(wanted: str | Path | None) -> Iterator[Path]:
    """The folder, made if it is missing. None: a temporary one, gone if the block fails."""
    if wanted is not None:
        folder = Path(wanted)
        folder.mkdir(parents=True, exist_ok=True)
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
