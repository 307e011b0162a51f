"""A PostgreSQL server for the time of a test: the one from PyPI, or the machine's."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DATABASES = ("alone", "together")


def _programs() -> list[Path]:
    """Folders with initdb and pg_ctl, the packaged one first."""
    found = []
    if spec := importlib.util.find_spec("pgserver"):
        found.append(Path(spec.origin or "").parent / "pginstall" / "bin")
    if (initdb := shutil.which("initdb")) is not None:
        found.append(Path(initdb).resolve().parent)
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return [folder for folder in found if (folder / "initdb").exists()]


@contextmanager
def postgres() -> Iterator[str]:
    """The server's URL without a database; it has `DATABASES`. Skips if none can be started."""
    problems = []
    for programs in _programs():
        # PostgreSQL refuses to run as root, and another user may not reach pytest's folders.
        home = Path(tempfile.mkdtemp(prefix="breakwater-postgres-"))
        try:
            options = _as_somebody_else(home)
            if options:
                programs = _within_reach(programs, home)
            try:
                url = _start(programs, home, options)
            except (subprocess.CalledProcessError, OSError) as error:
                said = getattr(error, "stderr", b"") or b""
                problems.append(f"{programs}: {error} {said.decode(errors='replace')[-300:]}")
                continue
            try:
                yield url
            finally:
                stop = [programs / "pg_ctl", "-D", home / "data", "-m", "immediate", "stop"]
                subprocess.run(stop, check=True, capture_output=True, **options)
            return
        finally:
            shutil.rmtree(home, ignore_errors=True)
    pytest.skip(f"no PostgreSQL server can be started here: {problems or 'none is installed'}")


def _start(programs: Path, home: Path, options: dict[str, object]) -> str:
    data, port = home / "data", _free_port()

    def call(*command: object) -> None:
        words = [str(word) for word in command]
        subprocess.run(words, check=True, capture_output=True, timeout=120, **options)  # type: ignore[call-overload]

    call(programs / "initdb", "-D", data, "-U", "tuner", "-A", "trust", "--no-sync")
    settings = f"-p {port} -c listen_addresses=127.0.0.1 -k {home} -F"
    call(programs / "pg_ctl", "-D", data, "-w", "-o", settings, "-l", home / "log", "start")
    for name in DATABASES:
        create = ("-h", "127.0.0.1", "-p", port, "-U", "tuner", name)
        call(programs / "createdb", *create)
    return f"postgresql://tuner@127.0.0.1:{port}"


def _as_somebody_else(home: Path) -> dict[str, object]:
    """Options of a subprocess that is not root's; `home` is made that user's."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "cwd": home}


def _within_reach(programs: Path, home: Path) -> Path:
    """The programs where another user can run them: a copy of the packaged ones."""
    if "pgserver" not in programs.parts:
        return programs
    copy = home / "pginstall"
    shutil.copytree(programs.parent, copy, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o055)
    for name in ("pgserver.libs",):  # libraries that wheels carry beside the package
        beside = programs.parents[2] / name
        if beside.exists():
            shutil.copytree(beside, home / name)
    return copy / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
