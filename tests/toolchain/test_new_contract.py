"""What a contract of the protocol costs (docs/extending-contract.md): the curfew of that page,
built in a copy of the tree, deployed, configured, operated, and compared with its twin.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toolchain.test_extending import anchor, carried_out, costs, sections

ROOT = Path(__file__).parents[2]
PLAY = Path(__file__).with_name("play_curfew.py")
HEADING = "A protocol contract"
MOST = 12
"""Files of the product that a contract may cost."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with what the page says carried out."""
    root = tmp_path_factory.mktemp("curfew")
    for folder in ("contracts", "sim", "tools", ".solcx"):
        skip = shutil.ignore_patterns("__pycache__", ".cache")
        shutil.copytree(ROOT / folder, root / folder, symlinks=True, ignore=skip)
    for file in ("ape-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / file, root)
    (root / "node_modules").symlink_to(ROOT / "node_modules")
    carried_out(sections()[HEADING], root)
    return root


def test_it_costs_what_the_table_says() -> None:
    files = [block.file for block in sections()[HEADING]]
    assert len(set(files)) == len(files) == costs()[anchor(HEADING)] <= MOST
    assert all(file.startswith(("contracts/", "sim/")) for file in files)


def test_its_code_is_as_the_house_writes_it(tree: Path) -> None:
    python = [b.file for b in sections()[HEADING] if b.file.endswith(".py")]
    for command in (["check"], ["format", "--check"]):
        ruff = [str(Path(sys.executable).with_name("ruff")), *command, "--no-cache", *python]
        done = subprocess.run(ruff, capture_output=True, text=True, cwd=tree)
        assert done.returncode == 0, done.stdout


@pytest.mark.chain
@pytest.mark.slow
def test_it_works_and_is_compared(tree: Path) -> None:
    """Only the warden pauses, not twice in a row; while it lasts nobody borrows, before and after
    the vault judges by itself; and a second of difference between twin and chain is found.
    """
    done = subprocess.run(
        [sys.executable, str(PLAY)],
        capture_output=True,
        text=True,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "SOLCX_BINARY_PATH": str(tree / ".solcx")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "NotAuthorised",
        "ok",
        "CoolingDown",
        "BorrowDisabled",
        "ok",
        "CoolingDown",
        "ok",
        "found",
    ]
