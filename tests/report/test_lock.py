"""Two runs into one folder: the second is refused, and a killed one leaves nothing in the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from scripts import crash, report, sweep, tune, verify
from sim.files.lock import FILE, LockedError, locked
from sim.tape import load
from tests.report.page.sources import swept
from tests.scripts.commands import ROOT, STORM
from tests.tuning.small import PRESET

# A minute on the twin; whatever is refused takes less than a second.
LONG = f"""
from scripts.crash import cli
cli([{str(STORM)!r}, "--engine", "exact", "--set", "duration_hours=8000", "--out", OUT])
"""
HELD = """
import time
from pathlib import Path
from sim.files.lock import locked
with locked(Path(OUT), "a test"):
    time.sleep(60)
"""
COUNTING = """
from pathlib import Path
from sim.files.lock import LockedError, locked
out, done = Path(OUT), 0
while done < 40:
    try:
        with locked(out, "counting"):
            count = int((out / "count").read_text())
            (out / "count").write_text(str(count + 1))
            done += 1
    except LockedError:
        pass
"""


def started(code: str, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", f"OUT = {str(out)!r}\n{code}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def holder(code: str, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process, from when it holds the folder."""
    process = started(code, out)
    try:
        deadline = time.monotonic() + 60
        while not ((out / FILE).is_file() and (out / FILE).read_bytes()):
            assert process.poll() is None and time.monotonic() < deadline, "it holds the folder"
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


def invoke(command: object, *arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_second_run_is_refused_and_a_killed_one_is_not_in_the_way(tmp_path: Path) -> None:
    """Two real runs; then SIGKILL, after which nothing has to be removed by hand."""
    short = [STORM, "--engine", "exact", "--out", tmp_path, "--overwrite"]
    with holder(LONG, tmp_path) as process:
        before = contents(tmp_path)
        second = invoke(crash.cli, *short)
        assert second.exit_code == 1, second.output
        who = f"process {process.pid} on {socket.gethostname()} (a run of storm, since "
        assert f"{tmp_path}: in use by {who}" in second.output
        assert "another folder" in second.output
        assert contents(tmp_path) == before and process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (tmp_path / FILE).exists(), "SIGKILL leaves the file, but no lock"
    third = invoke(crash.cli, *short)
    assert third.exit_code == 0, third.output
    assert load(tmp_path / "tape.duckdb").run["complete"].all()
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("kind", ["crash", "sweep", "tune", "verify"])
def test_whatever_writes_is_refused(kind: str, tmp_path: Path) -> None:
    folder, _ = swept(tmp_path / "folder", 1)
    preset = tmp_path / "preset.yaml"
    preset.write_text(yaml.safe_dump(PRESET))
    words = {
        "crash": (crash.cli, STORM, "--engine", "exact", "--out", folder),
        "sweep": (sweep.cli, "single-crash", "--paths", "16", "--out", folder),
        "tune": (tune.cli, preset, "--trials", "2", "--paths", "16", "--out", folder),
        "verify": (verify.cli, folder, "--engine", "revm"),
    }[kind]
    with holder(HELD, folder) as process:
        before = contents(folder)
        done = invoke(*words)
        assert done.exit_code == 1 and f"in use by process {process.pid} on" in done.output
        assert contents(folder) == before


def test_a_study_on_a_database_is_joined_from_elsewhere(tmp_path: Path) -> None:
    preset = tmp_path / "preset.yaml"
    preset.write_text(yaml.safe_dump(PRESET))
    words = (tune.cli, preset, "--storage", "postgresql://u@127.0.0.1:1/none", "--resume")
    (tmp_path / "out").mkdir()
    with holder(HELD, tmp_path / "out"):
        done = invoke(*words, "--out", tmp_path / "out")
    assert done.exit_code == 1 and "from a folder of one's own" in done.output


def test_a_report_needs_no_lock(tmp_path: Path) -> None:
    """It reads files that are whole, and its own appears whole."""
    folder, _ = swept(tmp_path / "folder", 1)
    with holder(HELD, folder):
        assert invoke(report.cli, folder).exit_code == 0


def test_held_once_even_in_one_process(tmp_path: Path) -> None:
    named = rf"process {os.getpid()} on .*\(first, since"
    with locked(tmp_path, "first"), pytest.raises(LockedError, match=named):
        locked(tmp_path, "second").__enter__()
    with locked(tmp_path, "third"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_or_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(LockedError, match="cannot be locked"):
        locked(tmp_path / "gone", "nothing").__enter__()


def test_many_at_once_come_one_after_the_other(tmp_path: Path) -> None:
    """Also while the file of the lock comes and goes."""
    (tmp_path / "count").write_text("0")
    processes = [started(COUNTING, tmp_path) for _ in range(4)]
    assert [process.wait(timeout=600) for process in processes] == [0] * 4
    assert (tmp_path / "count").read_text() == "160"
