"""The folder of a sweep: what was asked, every finished block, and what became of it.

    study.json              the manifest: scenario, sampler, paths, books, seeds, block size, origin
    blocks/block-N.parquet  outcomes of paths of one book, columns of `sim.sweeps.columns`

Every file appears whole or not at all, so a killed run leaves finished blocks and nothing else that
counts.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
from pydantic import ValidationError

from sim.files.whole import forget_drafts, replacing, write_json
from sim.market.draws import Sampler
from sim.scenario import Scenario, ScenarioError, contents, digest, digest_of
from sim.sweeps.columns import FORMAT, frame, schema
from sim.sweeps.known_faults import faults_of
from sim.sweeps.origin import origin
from sim.sweeps.plan import PATHS, Block, Plan, usual_block, usual_books
from sim.sweeps.work import Floats, scenario_of
from sim.version import VERSION

MANIFEST = "study.json"
_BLOCKS = "blocks"
_FIELDS = ("digest", "sampler", "paths", "block", "origin", "started", "finished")
_MOST_FIELDS = 8  # of a scenario that are named when it is another one


class StudyError(Exception):
    """A folder that cannot be used as asked: why, and what to do."""


class Study:
    """A sweep on the disk."""

    def __init__(self, folder: Path, plan: Plan, manifest: dict[str, Any]) -> None:
        self.folder, self.plan, self.manifest = folder, plan, manifest

    def start(self) -> None:
        """Write the manifest: from here on the folder is this study's, and nobody else's drafts."""
        (self.folder / _BLOCKS).mkdir(parents=True, exist_ok=True)
        for place in (self.folder, self.folder / _BLOCKS):
            forget_drafts(place)
        write_json(self.folder / MANIFEST, self.manifest)

    def finish(self) -> None:
        """Note that all blocks are there."""
        self.manifest["finished"] = self.manifest["finished"] or _now()
        write_json(self.folder / MANIFEST, self.manifest)

    def missing(self) -> list[Block]:
        """The blocks that are not on the disk in full."""
        return [block for block in self.plan.blocks() if not self._has(block)]

    def write(self, block: Block, outcomes: Floats) -> None:
        """Put a finished block on the disk; `outcomes` as `Compiled.outcomes` returns them."""
        symbols = self.plan.scenario.symbols
        rows = frame(block.paths, block.book, outcomes, symbols)
        table = pa.Table.from_pandas(rows, schema(symbols), preserve_index=False)
        with replacing(self._file(block)) as draft:
            parquet.write_table(table.replace_schema_metadata(None), draft)

    def outcomes(self) -> pd.DataFrame:
        """All paths, columns of `sim.sweeps.columns`, index path; studies of before losses were
        kept by asset have fewer. Raises `StudyError` if blocks are missing.
        """
        missing = sum(block.size for block in self.missing())
        if missing:
            raise StudyError(
                f"{self.folder}: {missing:,} of {self.plan.paths:,} paths are missing; "
                "finish the sweep with --resume"
            )
        tables = [parquet.read_table(self._file(block)) for block in self.plan.blocks()]
        outcomes: pd.DataFrame = pa.concat_tables(tables).to_pandas()
        if "book" not in outcomes:  # written when there was one
            outcomes.insert(1, "book", 0)
        return outcomes.set_index("path").sort_index()

    def _file(self, block: Block) -> Path:
        return self.folder / _BLOCKS / f"block-{block.number:06}.parquet"

    def _has(self, block: Block) -> bool:
        """Whether its file is there with as many paths: the last block of a smaller study is not
        one of a larger study.
        """
        try:
            found = parquet.read_metadata(self._file(block))
        except (OSError, pa.ArrowInvalid):
            return False
        return bool(found.num_rows == block.size)


def begin(
    folder: Path,
    scenario: Scenario,
    sampler: Sampler | None = None,
    paths: int | None = None,
    block: int | None = None,
    books: int | None = None,
    book_seed: int | None = None,
    resume: bool = False,
) -> Study:
    """A study in `folder`, not written yet: a new one, or with `resume` the one that is there.

    What is None is as in the one that is there, otherwise "mc", `PATHS`, `usual_books`,
    `usual_block` and the scenario's own seed. Raises `StudyError`, which names what differs and the
    remedy, unless the one that is there is of the same scenario, sampler, books, block size and
    origin and has no more paths; without `resume` if one is there; for one of a version with a
    known fault; and for a number of paths that the sampler cannot estimate errors from.
    """
    exists = (folder / MANIFEST).exists()
    before: dict[str, Any] = _read(folder) if exists else {}
    chosen = sampler or before.get("sampler", "mc")
    count = before.get("paths", PATHS) if paths is None else paths
    if books is None:
        books = before.get("books") or usual_books(scenario, chosen, count)
    if block is None:
        block = before.get("block") or usual_block(count, max(books, 1))
    if book_seed is None:
        book_seed = before.get("book_seed", scenario.seed)
    plan = Plan(scenario, chosen, count, block, books, book_seed)
    if exists and (faults := faults_of("sweep", before.get("breakwater"))):
        raise StudyError(f"{folder}: {' '.join(faults)} Name another folder with --out.")
    if exists and not resume:
        raise StudyError(
            f"{folder}: holds a sweep of '{before['scenario']['name']}' over {before['paths']:,} "
            "paths already; go on with it with --resume, or name another folder with --out"
        )
    manifest = _manifest(plan)
    if exists:
        if different := list(_differences(before, manifest)):
            lines = "".join(f"\n  {line}" for line in different)
            raise StudyError(f"{folder}: holds another sweep{lines}")
        manifest["started"] = before["started"]
        if manifest["paths"] == before["paths"]:
            manifest["finished"] = before["finished"]
    elif any((folder / _BLOCKS).glob("block-*")):
        raise StudyError(
            f"{folder}: holds blocks but no {MANIFEST} that says of what; name another folder "
            "with --out"
        )
    if problem := plan.problem():
        raise StudyError(problem)
    return Study(folder, plan, manifest)


def load(folder: Path) -> Study:
    """The study in `folder`, finished or not. Raises `StudyError` if there is none.

    Of the files that its scenario names none is read.
    """
    manifest = _read(folder)
    known = "".join(f" {fault}" for fault in faults_of("sweep", manifest.get("breakwater")))
    try:
        scenario = scenario_of(json.dumps(manifest["scenario"]))
        # Versions before 0.2.0 did not note what files contained: those of now are taken.
        read = manifest["files"] if "files" in manifest else contents(scenario)
    except ValidationError as error:
        raise StudyError(
            f"{folder / MANIFEST}: its scenario is not one of this version; sweep again.{known}"
        ) from error
    except ScenarioError as error:
        raise StudyError(f"{error}{known}") from error
    if digest_of(manifest["scenario"], read) != manifest["digest"]:
        raise StudyError(f"{folder / MANIFEST}: its scenario was changed; sweep again.{known}")
    sampler: Sampler = manifest["sampler"]
    plan = Plan(
        scenario,
        sampler,
        *(manifest[name] for name in ("paths", "block", "books", "book_seed")),
    )
    return Study(folder, plan, manifest)


def _manifest(plan: Plan) -> dict[str, Any]:
    scenario = plan.scenario
    return {
        "format": FORMAT,
        "digest": digest(scenario),
        "files": contents(scenario),
        "path_seed": scenario.seed,
        "book_seed": plan.book_seed,
        "sampler": plan.sampler,
        "paths": plan.paths,
        "books": plan.books,
        "block": plan.block,
        "origin": origin(scenario),
        "breakwater": VERSION,
        "python": platform.python_version(),
        "started": _now(),
        "finished": None,
        "scenario": scenario.model_dump(mode="json"),
    }


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
        version = manifest["format"]
        if version == FORMAT:
            # Versions before 0.2.0 drew one book, with the seed of the paths.
            manifest.setdefault("books", 1)
            manifest.setdefault("book_seed", manifest["scenario"]["seed"])
            _ = manifest["scenario"]["name"], *(manifest[name] for name in _FIELDS)
    except FileNotFoundError:
        raise StudyError(
            f"{folder}: no {MANIFEST} here, so no sweep; make one with `ape run sweep SCENARIO`"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: not the manifest of a sweep ({error})") from error
    if version != FORMAT:
        raise StudyError(f"{path}: of format {version}, this version reads {FORMAT}; sweep again")
    return manifest


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What keeps a study from being continued, in words with remedies."""
    if before["digest"] != now["digest"]:
        old, new = (dict(_fields(manifest["scenario"])) for manifest in (before, now))
        paths = [path for path in old.keys() | new.keys() if old.get(path) != new.get(path)]
        named = [
            f"{path} {old.get(path)} there, {new.get(path)} now" for path in sorted(paths)
        ] or ["the order of its assets"]
        more = f" and {len(named) - _MOST_FIELDS} more" if len(named) > _MOST_FIELDS else ""
        yield (
            f"scenario: {'; '.join(named[:_MOST_FIELDS])}{more}: the same options as before, or "
            "another --out"
        )
    if before["sampler"] != now["sampler"]:
        yield (
            f"sampler: {before['sampler']} there, {now['sampler']} now: "
            f"--sampler {before['sampler']}, or another --out"
        )
    if before["block"] != now["block"]:
        yield (
            f"block: {before['block']} there, {now['block']} now: finished blocks can only be used "
            f"with the same block size: --block {before['block']}, or another --out"
        )
    if before["books"] != now["books"]:
        yield (
            f"books: {before['books']} there, {now['books']} now: path k is on book k mod "
            f"{before['books']}, whatever the number of paths: --books {before['books']}, or "
            "another --out"
        )
    if before["book_seed"] != now["book_seed"]:
        yield (
            f"book seed: {before['book_seed']} there, {now['book_seed']} now: "
            f"--book-seed {before['book_seed']}, or another --out"
        )
    if before["paths"] > now["paths"]:
        yield (
            f"paths: {before['paths']} there, {now['paths']} now: a study grows, it does not "
            f"shrink: --paths {before['paths']} or more, or another --out"
        )
    old, new = before["origin"], now["origin"]
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield (
                f"{name}: {old.get(name, 'none')} there, {new.get(name, 'none')} now: numbers "
                "could differ: go back to that version, or sweep again with another --out"
            )


def _fields(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of a JSON document with their paths, as error messages write them."""
    if isinstance(document, dict):
        for name, part in document.items():
            yield from _fields(part, f"{path}.{name}" if path else name)
    elif isinstance(document, list):
        for i, part in enumerate(document):
            yield from _fields(part, f"{path}[{i}]")
    else:
        yield path, document


def _now() -> str:
    return f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
