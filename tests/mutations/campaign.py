"""A mistake at a time, in contract and twin alike, under random operations: make mutate.

Twin and contract agree on every one of them, so only the invariants can tell. Each is carried out
in a copy of the tree with an empty database of examples; it is killed if the random operations
fail, and a copy without any mistake must pass. Prints a line each, and how many were killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import click

from tests.mutations.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
_FOLDERS = ("contracts", "sim", "tests", "tools", ".solcx")
_FILES = ("ape-config.yaml", "pyproject.toml")
_LEAST = 20
"""So many are killed of those that stand in the list, or the command fails."""


class Verdict(NamedTuple):
    """What became of one."""

    killed: bool
    by: str
    """The line that failed."""
    seconds: float


def tried(mutation: Mutation | None, operations: int) -> Verdict:
    """The verdict of random operations on a copy of the tree with the mistake, or without any."""
    begin = time.perf_counter()
    with TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        _copied(tree)
        if mutation:
            carried_out(mutation, tree)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:ape_test", "-p", "no:cacheprovider"),
                *("-q", "-x", "--tb=line", "-k", "random", "tests/lockstep/test_state_machine.py"),
                "--hypothesis-profile=as-found",
            ],
            cwd=tree,
            env={
                **os.environ,
                "PYTHONPATH": str(tree),
                "SOLCX_BINARY_PATH": str(tree / ".solcx"),
                "BREAKWATER_FUZZ_OPERATIONS": str(operations),
            },
            capture_output=True,
            text=True,
        )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{mutation}: {done.stdout}{done.stderr}")
    failed = [line for line in done.stdout.splitlines() if line.startswith("E  ")]
    failed += [line for line in done.stdout.splitlines() if "Error" in line]
    return Verdict(done.returncode == 1, failed[0] if failed else "", time.perf_counter() - begin)


def carried_out(mutation: Mutation, tree: Path) -> None:
    """Make the mistake. Raises ValueError unless the tree has what is to be changed, once."""
    for file, old, new in mutation.edits:
        path = tree / file
        text = path.read_text()
        if text.count(old) != 1:
            raise ValueError(f"{mutation.name}: {file} has {old!r} {text.count(old)} times")
        path.write_text(text.replace(old, new))


def _copied(tree: Path) -> None:
    skip = shutil.ignore_patterns("__pycache__", ".cache", ".hypothesis")
    for folder in _FOLDERS:
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=skip)
    for file in _FILES:
        shutil.copy(ROOT / file, tree)
    (tree / "node_modules").symlink_to(ROOT / "node_modules")


@click.command()
@click.option("--operations", default=20_000, show_default=True, help="Of a mistake, at least.")
@click.option("--workers", default=2, show_default=True, help="Mistakes at a time.")
@click.argument("names", nargs=-1)
def main(operations: int, workers: int, names: tuple[str, ...]) -> None:
    """Try the mistakes of these NAMES, or all."""
    wanted = [one for one in MUTATIONS if not names or one.name in names]
    with ThreadPoolExecutor(workers) as pool:
        if not names:
            right = pool.submit(tried, None, operations)
        found = []
        futures = [pool.submit(tried, one, operations) for one in wanted]
        for one, future in zip(wanted, futures, strict=True):
            verdict = future.result()
            found.append(verdict)
            fate = "killed  " if verdict.killed else "SURVIVED"
            said = f"{one.name}: {one.says}. {verdict.by[:90]}"
            click.echo(f"{fate} {verdict.seconds:5.0f} s  {said}")
    killed = sum(one.killed for one in found)
    click.echo(f"{killed} of {len(found)} killed by {operations:,} random operations each")
    if not names:
        if right.result().killed:
            sys.exit(f"without a mistake they fail, too: {right.result().by}")
        if killed < _LEAST:
            sys.exit(f"fewer than {_LEAST}")


if __name__ == "__main__":
    main()
