"""Only what belongs together is continued, and whoever asks otherwise is told what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sim.files.whole import write_json
from sim.questions.store import QuestionError
from sim.report.page.source import open_source
from sim.scenario import ScenarioError
from sim.sweeps import stored as module
from sim.sweeps.outcome_columns import FORMAT
from sim.sweeps.stored import FORMER, MANIFEST, begin, load
from tests.sweep.storms import PATHS, storms
from tests.sweep.test_stored import fill, started
from tests.tape.storm import storm


def test_a_new_study_knows_what_it_is_of(tmp_path: Path) -> None:
    started(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    assert manifest["path_seed"] == manifest["book_seed"] == 8 and manifest["sampler"] == "mc"
    assert manifest["origin"].keys() >= {"sources", "numpy", "numba"}
    assert manifest["finished"] is None and manifest["started"].endswith("Z")
    assert load(tmp_path).plan.scenario == storms()


def test_without_resume_a_study_is_kept(tmp_path: Path) -> None:
    started(tmp_path)
    with pytest.raises(QuestionError, match=r"holds a sweep of 'storm' over 40.*resume it, or"):
        begin(tmp_path, storms(), paths=40, block=16)


def test_resume_takes_what_is_not_named_from_the_study(tmp_path: Path) -> None:
    fill(started(tmp_path))
    study = begin(tmp_path, storms(), resume=True)
    assert study.plan[1:] == ("mc", 40, 16, 1, 8) and study.missing() == []


def test_resume_without_a_study_begins_one(tmp_path: Path) -> None:
    assert len(begin(tmp_path, storms(), paths=40, block=16, books=1, resume=True).missing()) == 3


def test_more_paths_need_the_last_block_again(tmp_path: Path) -> None:
    fill(started(tmp_path))
    study = begin(tmp_path, storms(), paths=64, block=16, resume=True)
    assert [(block.number, block.size) for block in study.missing()] == [(2, 16), (3, 16)]
    study.finish()
    assert json.loads((tmp_path / MANIFEST).read_text())["paths"] == 64


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"scenario": storms(book__accounts=20)},
            ["accounts 24 there, 20 now", "another folder"],
        ),
        ({"scenario": storms(seed=9)}, ["seed 8 there, 9 now"]),
        ({"sampler": "sobol", "paths": 48}, ["sampler: mc there, sobol now", "the sampler mc"]),
        ({"block": 8}, ["16 there, 8 now", "same block size, 16"]),
        ({"paths": 39}, ["40 there, 39 now", "does not shrink"]),
        ({"block": 8, "paths": 39}, ["block:", "paths:"]),
        ({"books": 4}, ["books: 1 there, 4 now", ": 1 books"]),
        ({"book_seed": 9}, ["book seed: 8 there, 9 now", "the book seed 8"]),
    ],
)
def test_resume_refuses_another_study(
    change: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    started(tmp_path)
    before = (tmp_path / MANIFEST).read_text()
    asked: dict[str, Any] = {"scenario": storms(), "paths": 40, "block": 16, **change}
    with pytest.raises(QuestionError) as refused:
        begin(tmp_path, **asked, resume=True)
    for word in words:
        assert word in str(refused.value)
    assert (tmp_path / MANIFEST).read_text() == before


def test_resume_refuses_other_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(tmp_path)
    real = module.origin
    monkeypatch.setattr(module, "origin", lambda scenario: {**real(scenario), "sources": "other"})
    with pytest.raises(QuestionError, match=r"sources: \w{16} there, other now: .*another folder"):
        begin(tmp_path, storms(), resume=True)


def test_a_replayed_history_is_part_of_the_origin(tmp_path: Path) -> None:
    """A history edited between two runs would mix two sweeps."""
    history = tmp_path / "history.csv"
    rows = [f"2020-01-0{day}T00:00:00Z,{100 + day}" for day in (1, 2, 3)]
    history.write_text("\n".join(["time,WETH", *rows]))
    replay = storm(paths={"model": "replay", "history": str(history)})
    (tmp_path / "out").mkdir()
    begin(tmp_path / "out", replay, paths=40, block=16).start()
    history.write_text(history.read_text() + "9")
    with pytest.raises(QuestionError, match="history"):
        begin(tmp_path / "out", replay, resume=True)
    assert load(tmp_path / "out").plan.paths == 40, "what was swept is known without the file"
    history.unlink()
    with pytest.raises(ScenarioError, match="history"):
        begin(tmp_path / "out", replay, resume=True)
    assert load(tmp_path / "out").plan.paths == 40


def test_blocks_of_nobody_knows_what(tmp_path: Path) -> None:
    fill(started(tmp_path))
    (tmp_path / MANIFEST).unlink()
    with pytest.raises(QuestionError, match=r"blocks but no sweep\.json.*another folder"):
        begin(tmp_path, storms(), resume=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not the manifest"),
        ("[]", "not the manifest"),
        (f'{{"format": {FORMAT}}}', "not the manifest"),
        (f'{{"format": {FORMAT - 1}}}', f"of format {FORMAT - 1}"),
        ('{"format": 99}', "of format 99"),
    ],
)
def test_a_damaged_manifest(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(text)
    for opens in (load, lambda folder: begin(folder, storms(), resume=True)):
        with pytest.raises(QuestionError, match=words):
            opens(tmp_path)


def test_a_scenario_edited_in_the_manifest(tmp_path: Path) -> None:
    started(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["scenario"]["book"]["accounts"] = 7
    write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(QuestionError, match="was changed"):
        load(tmp_path)
    manifest["scenario"]["book"]["accounts"] = -7
    write_json(tmp_path / MANIFEST, manifest)
    with pytest.raises(QuestionError, match=r"of this version \(scenario\.book\."):
        load(tmp_path)


def test_no_study(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="ape run sweep"):
        load(tmp_path)


def test_a_sampler_that_cannot_say_its_errors(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="16 replicates"):
        begin(tmp_path, storms(), "sobol", 40)


def test_paths_survive_the_manifest(tmp_path: Path) -> None:
    """The scenario in the manifest is the scenario to the last digit."""
    odd = storms(paths__volatility_per_sqrt_year__WETH=0.1 + 0.2)
    assert odd.paths and odd.paths.model == PATHS["model"]
    begin(tmp_path, odd).start()
    assert load(tmp_path).plan.scenario == odd


def test_a_folder_of_before_is_read_and_goes_on_under_the_name_that_it_has(tmp_path: Path) -> None:
    study = started(tmp_path)
    fill(study)
    (tmp_path / MANIFEST).rename(tmp_path / FORMER)
    assert load(tmp_path).plan == study.plan
    grown = begin(tmp_path, storms(), paths=64, block=16, resume=True)
    grown.finish()
    assert json.loads((tmp_path / FORMER).read_text())["paths"] == 64
    assert not (tmp_path / MANIFEST).exists() and open_source(tmp_path).kind == "sweep"


def test_what_is_read_is_what_was_written_scenario_and_all(tmp_path: Path) -> None:
    """Typed in memory; JSON only in the file."""
    study = started(tmp_path)
    found = load(tmp_path)
    assert found.question == study.question and found.plan == study.plan
    assert found.question.scenario is found.plan.scenario
    written = json.loads((tmp_path / MANIFEST).read_text())
    assert written["scenario"] == storms().model_dump(mode="json")


@pytest.mark.parametrize("field", ["files", "book_seed", "path_seed", "books"])
def test_what_earlier_versions_did_not_write(field: str, tmp_path: Path) -> None:
    """One book, on the seed of the paths; what files contain is what they contain now."""
    study = started(tmp_path)
    document = json.loads((tmp_path / MANIFEST).read_text())
    del document[field]
    write_json(tmp_path / MANIFEST, document)
    assert load(tmp_path).plan == study.plan
