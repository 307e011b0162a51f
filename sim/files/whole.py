"""Files that appear whole or not at all, whenever the writing ends."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` at the end of the block.

    If the block ends otherwise, what stood at `path` stays.
    """
    draft = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield draft
        _to_disk(draft)
        os.replace(draft, path)
        _to_disk(path.parent)
    finally:
        for left in path.parent.glob(f"{draft.name}*"):  # DuckDB keeps a log beside its file
            left.unlink(missing_ok=True)


def forget_drafts(folder: Path) -> None:
    """Remove what processes that were killed left half-written in a folder; for who holds it alone,
    see `sim.files.lock`.
    """
    for left in folder.glob(".[0-9]*-*"):
        left.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    with replacing(path) as draft:
        draft.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
