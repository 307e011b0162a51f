"""What `pip install` gives: the wheel is all that a run, a page and the contracts need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from sim import packaged
from sim.engines.artifacts import compiled, plain

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, as an installation has it on the path."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, cwd=folder)
    (wheel,) = folder.glob("breakwater-*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run(installed: Path, code: str, folder: Path) -> str:
    """What a process prints in which the wheel is all there is of the project."""
    start = f"import sys; sys.path.insert(0, {str(installed)!r}); import sim; "
    check = f"assert sim.__file__.startswith({str(installed)!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", start + check + code],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return done.stdout.strip()


def test_every_file_of_the_package_is_in_it(unpacked: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "sim"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    here = [name for name in listed if (ROOT / name).is_file()]
    assert len(here) > 250
    assert [name for name in here if not (unpacked / name).is_file()] == []


def test_it_plays_and_reports_without_the_checkout(unpacked: Path, tmp_path: Path) -> None:
    code = """
run = sim.run("single-crash", accounts=20)
print(run.report("night.html").stat().st_size > 1_000_000, len(sim.known()))
"""
    assert run(unpacked, code, tmp_path) == "True 43"


@pytest.mark.chain
def test_its_contracts_are_those_of_the_sources() -> None:
    """`make packaged` writes them again."""
    assert packaged.CONTRACTS.read_text() == packaged.as_text(plain(compiled()))


@pytest.mark.chain
def test_it_runs_the_contracts_without_a_compiler(unpacked: Path, tmp_path: Path) -> None:
    code = """
found = sim.run("single-crash", accounts=20, engine="revm")
print(found.compared > 100_000, "ape" in sys.modules)
"""
    assert run(unpacked, code, tmp_path) == "True False"


def test_its_chart_library_is_the_one_that_is_pinned() -> None:
    here = ROOT / "node_modules" / "plotly.js-basic-dist-min"
    assert packaged.PLOTLY.read_bytes() == (here / "plotly-basic.min.js").read_bytes()
    version = json.loads((here / "package.json").read_text())["version"]
    assert f"v{version}" in packaged.PLOTLY.read_text()[:200]
