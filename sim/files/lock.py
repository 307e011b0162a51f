"""One run at a time in a folder: whoever writes into it holds it until his process ends.

The lock is the operating system's (`flock`). It ends with the process that holds it, however that
ends, so that a kill leaves nothing to clear away by hand.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

FILE = ".lock"
"""In the folder while it is held; what it says is for people, and for the message below."""


class LockedError(Exception):
    """A folder that another process is writing to: which one, and what to do."""


@contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """Hold a folder that exists for the time of the block; `doing` is what whoever wants it
    meanwhile is told, such as "a sweep of black-thursday". Raises `LockedError`.
    """
    path = folder / FILE
    handle = _held(path)
    try:
        who = {"doing": doing, "process": os.getpid(), "host": socket.gethostname()}
        since = f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps({**who, "since": since}).encode())
        yield
    finally:
        if _is_at(handle, path):  # while it is held: afterwards it may be another's
            path.unlink()
        os.close(handle)


def _held(path: Path) -> int:
    """The descriptor of the lock file, locked."""
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise LockedError(_cannot(path, error)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, path):
                return handle
        except BlockingIOError:
            said = _holder(os.pread(handle, 4096, 0))
            os.close(handle)
            raise LockedError(
                f"{path.parent}: in use by {said}; wait until that has ended or stop it, or use "
                "another folder"
            ) from None
        except OSError as error:
            os.close(handle)
            raise LockedError(_cannot(path, error)) from error
        os.close(handle)


def _cannot(path: Path, error: OSError) -> str:
    return (
        f"{path.parent}: cannot be locked ({error.strerror}); use a folder that can be written to, "
        "on a disk of this machine"
    )


def _is_at(handle: int, path: Path) -> bool:
    """Whether an open file is still the one of that name: whoever held it before removed his."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _holder(said: bytes) -> str:
    """Who holds the lock, as he wrote it a moment after he had it."""
    try:
        who = json.loads(said)
        return f"process {who['process']} on {who['host']} ({who['doing']}, since {who['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
