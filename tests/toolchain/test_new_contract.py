"""What a contract of the protocol costs (docs/extending-contract.md): the curfew of that page,
built in a checkout of its own, deployed, configured, operated, and compared with its twin. As the
contracts are compiled there anyway, so is a change of a library: it is what is run and tested.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sim.engines.artifacts import contracts
from tests.toolchain.test_extending import anchor, carried_out, costs, sections

ROOT = Path(__file__).parents[2]
PLAY = Path(__file__).with_name("play_curfew.py")
HEADING = "A protocol contract"
MOST = 12
"""Files of the product that a contract may cost."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A compiled checkout in which is then carried out what the page says."""
    contracts()
    for folder in ("contracts", "scripts", "sim", "tools", ".solcx", ".build", "tests"):
        skip = shutil.ignore_patterns("__pycache__", ".cache")
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=skip)
    for file in ("ape-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    for folder in ("node_modules", ".venv"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    carried_out(sections()[HEADING], tmp_path)
    return tmp_path


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
    """In the third example of the README: interest no longer compounds in the contracts. Whoever
    comes first compiles, for all; tests notice, and so does a run.

    Once the twin has it, too: only the warden pauses, not twice in a row; while it lasts nobody
    borrows, before and after the vault judges by itself; and a second of difference between twin
    and chain is found.
    """
    _replace(
        tree / "contracts/libraries/FixedPoint.sol",
        "return RAY + x + mulDivHalf(x, x / 2 + mulDivHalf(x, x / 6, RAY), RAY);",
        "return RAY + x;",
    )
    done = _in(tree, "ape", "test", "tests/contracts/test_hub_interest.py", "-x")
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "failed" in said, said
    assert "contracts: changed since all were compiled; compiling" in said
    done = _in(tree, "ape", "run", "crash", "single-crash", "--accounts", "20")
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "twin and chain differ after" in said, said
    assert "compiling" not in said

    _replace(
        tree / "sim/protocol/fixed_point.py",
        "return ray() + x + mul_div_half(x, div_down(x, 2) + cubic, ray())",
        "return ray() + x",
    )
    done = _in(tree, PLAY)
    assert done.returncode == 0 and "compiling" not in done.stderr, done.stderr
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


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def _in(tree: Path, program: str | Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A program run in the copy."""
    own = {k: v for k, v in os.environ.items() if k != "SOLCX_BINARY_PATH"}
    programs = tree / ".venv/bin"  # by this name they take `sim` and the compiler from here
    return subprocess.run(
        [programs / "python", programs / program, *words],
        cwd=tree,
        env=own,
        capture_output=True,
        text=True,
    )
