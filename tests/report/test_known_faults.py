"""Results of versions with a fault that was found later: whatever shows or uses one says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

import sim
from scripts import report, sweep, tune, verify
from sim.questions.known_faults import FAULTS, faults_of
from sim.tuning import question as questions
from sim.tuning.preset import load as load_preset
from sim.tuning.preset import prepare
from tests.report.page.sources import crashed, swept, tuned
from tests.scripts.commands import ROOT, STORM
from tests.sweep.storms import PATHS
from tests.tuning.small import PRESET

SAID = "may be affected by a fault in the cache of compiled code"


def invoke(command: object, *arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])  # type: ignore[arg-type]


def written_by(version: str | None, file: Path, *at: str) -> None:
    """Change which version wrote a file of JSON; None: it does not say."""
    document = json.loads(file.read_text())
    place = document
    for name in at:
        place = place[name]
    place["breakwater"] = version
    if version is None:
        del place["breakwater"]
    file.write_text(json.dumps(document))


def aged(kind: str, folder: Path, version: str | None) -> Path:
    if kind == "sweep":
        swept(folder, 1)
        written_by(version, folder / "sweep.json")
    else:
        tuned(folder, True)
        written_by(version, folder / "result.json", "versions")
    return folder


def test_which_versions_have_it() -> None:
    for kind in ("sweep", "tuning study"):
        for version in ("0.1.0", "0.1.9", "0.2.0rc1", "", "nonsense", None):
            (said,) = faults_of(kind, version)
            assert SAID in said and "fixed in 0.2.0" in said and "run it again" in said
        for version in ("0.2.0", "0.2.1", "0.10.0", "1.0", sim.__version__):
            assert faults_of(kind, version) == []
    assert all(fault.kinds for fault in FAULTS)


def test_one_version_everywhere() -> None:
    """A result of this version would otherwise be said to be of another."""
    for file, line in (
        ("pyproject.toml", r'^version = "(.+)"$'),
        ("package.json", r'"version": "(.+)"'),
    ):
        found = re.search(line, (ROOT / file).read_text(), re.MULTILINE)
        assert found and found[1] == sim.__version__


@pytest.mark.parametrize("version", ["0.1.0", None])
@pytest.mark.parametrize("kind", ["sweep", "tuning study"])
def test_a_report_says_it_before_all_else(kind: str, version: str | None, tmp_path: Path) -> None:
    folder = aged(kind, tmp_path / "old", version)
    done = invoke(report.cli, folder)
    by = f"Breakwater {version}" if version else "an unknown version"
    assert done.exit_code == 0, done.output
    assert f"This {kind} was written by {by}" in done.output and SAID in done.output
    page = (folder / "report.html").read_text()
    assert page.count(SAID) == 1
    assert page.index("<h1>") < page.index(SAID) < page.index("<nav")


@pytest.mark.parametrize("kind", ["sweep", "tuning study"])
def test_of_two_the_one_is_named(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = aged(kind, tmp_path / "new", sim.__version__)
    old = aged(kind, tmp_path / "old", "0.1.0")
    monkeypatch.chdir(tmp_path)
    done = invoke(report.cli, "--compare", new, old)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "comparison.html").read_text()
    for text in (page, done.output):
        assert f"B: This {kind} was written by Breakwater 0.1.0" in text and "A: This" not in text


def test_nothing_is_said_of_what_is_right(tmp_path: Path) -> None:
    """Results of this version; and runs of any, which are on integers and never compiled."""
    made = [aged("sweep", tmp_path / "sweep", sim.__version__), crashed(tmp_path / "run")]
    for folder in (*made, aged("tuning study", tmp_path / "study", sim.__version__)):
        done = invoke(report.cli, folder)
        assert done.exit_code == 0 and "affected" not in done.output
        assert 'class="notice"' not in (folder / "report.html").read_text()


def test_neither_resumed_nor_verified(tmp_path: Path) -> None:
    """Even where sources and packages are the same."""
    folder = aged("sweep", tmp_path / "old", "0.1.0")
    swept_again = (STORM, "--set", f"paths={json.dumps(PATHS)}", "--paths", "400", "--block", "100")
    for done in (
        invoke(sweep.cli, *swept_again, "--out", folder, "--resume"),
        invoke(sweep.cli, *swept_again, "--out", folder),
        invoke(verify.cli, folder, "--engine", "revm"),
    ):
        assert done.exit_code == 1 and SAID in done.output, done.output
        assert "go back to" not in done.output and "resume it" not in done.output
    assert not (folder / "verify.json").exists()


def test_a_search_is_not_resumed(tmp_path: Path) -> None:
    file = tmp_path / "preset.yaml"
    file.write_text(yaml.safe_dump(PRESET))
    setup = prepare(load_preset(str(file)))
    asked = questions.question(setup, 16, setup.scenarios[0].seed, "sqlite", "test")
    questions.begin(tmp_path, asked, resume=False)
    assert questions.begin(tmp_path, asked, resume=True) == asked, "of this version it goes on"
    written_by("0.1.0", tmp_path / "tuning.json")
    words = (tune.cli, file, "--trials", "2", "--paths", "16", "--out", tmp_path)
    for done in (invoke(*words, "--resume"), invoke(*words)):
        assert done.exit_code == 1 and SAID in done.output, done.output
        assert "Name another folder" in " ".join(done.output.split())
