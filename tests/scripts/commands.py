"""Runs the commands as a user does, and watches their processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.prefix) / "bin"
STORM = ROOT / "tests" / "tape" / "storm.yaml"


def ape(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`ape` with these arguments, to its end."""
    return subprocess.run(
        [BIN / "ape", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


def here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`ape` with these arguments inside this process, without ape around it, which takes seconds to
    start: for what is asked of a command and not of its process.
    """
    _, name, *rest = typed = [str(argument) for argument in arguments]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ape", *typed])
        done = CliRunner(mix_stderr=False).invoke(import_module(f"scripts.{name}").cli, rest)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


def start_storm(out: Path) -> subprocess.Popen[str]:
    """`ape run crash` on the devnet, on for half a minute, returned when the protocol is there."""
    command = [BIN / "ape", "run", "crash", STORM, "--out", out, "--set", "duration_hours=400"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "Deployed on a devnet" in line:
            return process
    raise AssertionError(said)


def anvils_of(process: subprocess.Popen[str]) -> list[int]:
    """Process ids of the anvils that a process started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "anvil\n"]


def is_gone(pid: int, within_seconds: float = 5) -> bool:
    """Whether a process ends in time; one that waits to be reaped has ended."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
