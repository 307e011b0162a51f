"""The folder of a sweep: what was asked, every finished block, and what became of it.

    sweep.json              the question: scenario, sampler, paths, books, seeds, block size, origin
    blocks/block-N.parquet  outcomes of paths of one book, columns of `sim.sweeps.outcome_columns`

Every file appears whole or not at all, so a killed run leaves finished blocks and nothing else that
counts.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
from typing_extensions import Self

from sim.files.whole import forget_drafts, replacing
from sim.market.draws import REPLICATES, Sampler
from sim.questions import store
from sim.questions.known_faults import Kind
from sim.questions.origin import origin
from sim.questions.store import QuestionError
from sim.questions.work import Floats
from sim.scenario import Scenario, ScenarioError, contents, digest, digest_of
from sim.sweeps.on_disk import on_disk
from sim.sweeps.outcome_columns import FORMAT, frame, schema
from sim.sweeps.plan import PATHS, Block, Plan, usual_block, usual_books
from sim.version import VERSION

MANIFEST, FORMER = "sweep.json", "study.json"
"""What sweeps are kept in, and what earlier versions called it."""
_BLOCKS = "blocks"


class Question(store.Question):
    """What a sweep asks."""

    FILE: ClassVar[str] = MANIFEST
    FORMER: ClassVar[str | None] = FORMER
    FORMAT: ClassVar[int] = FORMAT
    KIND: ClassVar[Kind] = "sweep"
    COMMAND: ClassVar[str] = "ape run sweep SCENARIO` or `sim.sweep"
    AGREES: ClassVar[Mapping[str, str]] = {
        "sampler": "the sampler {}",
        "block": "finished blocks can only be used with the same block size, {}",
        "books": "path k is on book k mod {0}, whatever the number of paths: {0} books",
        "book_seed": "the book seed {}",
        "paths": "a sweep grows, it does not shrink: {} paths or more",
    }
    GROWS: ClassVar[tuple[str, ...]] = ("paths",)

    files: dict[str, str] | None = None
    """Field of the scenario -> SHA-256 of the file that it named."""
    path_seed: int
    book_seed: int
    sampler: Sampler
    books: int
    block: int
    python: str = "unknown"
    finished: str | None = None
    scenario: Scenario

    @classmethod
    def of_json(cls, text: str) -> Self:
        """Raises ValueError if the scenario is not the one that was swept. Of the files that it
        names none is read, but by versions before 0.2.0: those noted neither what files contained
        nor, as there was one, which book paths are on.
        """
        document = json.loads(text)
        seed = document["scenario"]["seed"]
        document = {"books": 1, "book_seed": seed, "path_seed": seed, **document}
        question = super().of_json(json.dumps(document))
        try:
            read = contents(question.scenario) if question.files is None else question.files
        except ScenarioError as error:
            raise ValueError(str(error)) from error
        # Of the document, whichever version wrote it: fields that are new have no part in it.
        if digest_of(document["scenario"], read) != question.digest:
            raise ValueError("its scenario was changed; sweep again")
        return question

    @property
    def document(self) -> Mapping[str, Any]:
        """The scenario."""
        return self.scenario.model_dump(mode="json")

    @property
    def title(self) -> str:
        """Of which scenario, and how many paths."""
        return f"a sweep of '{self.scenario.name}' over {self.paths:,} paths"


class StoredSweep:
    """A sweep on the disk."""

    def __init__(self, folder: Path, plan: Plan, question: Question) -> None:
        self.folder, self.plan, self.question = folder, plan, question

    def cut(self, block: int) -> None:
        """Have blocks of this size; of a sweep that nothing is written of yet."""
        self.plan = self.plan._replace(block=block)
        self.question = self.question.model_copy(update={"block": block})

    @property
    def is_begun(self) -> bool:
        """Whether its question is on the disk."""
        return Question.file(self.folder).exists()

    def start(self) -> None:
        """Write the question, and make room for blocks."""
        store.write(self.folder, self.question)
        (self.folder / _BLOCKS).mkdir(exist_ok=True)
        forget_drafts(self.folder / _BLOCKS)

    def finish(self) -> None:
        """Note that all blocks are there."""
        finished = self.question.finished or store.now()
        self.question = self.question.model_copy(update={"finished": finished})
        store.write(self.folder, self.question)

    def missing(self) -> list[Block]:
        """The blocks that are not on the disk in full."""
        return [block for block in self.plan.blocks() if not self._has(block)]

    def missing_paths(self) -> int:
        """How many paths are in these."""
        return sum(block.size for block in self.missing())

    def write(self, block: Block, outcomes: Floats) -> None:
        """Put a finished block on the disk; `outcomes` as `Compiled.outcomes` returns them."""
        scenario = self.plan.scenario
        of = scenario.symbols, list(scenario.protocol.vaults)
        rows = frame(block.paths, block.book, outcomes, *of)
        table = pa.Table.from_pandas(rows, schema(*of), preserve_index=False)
        with replacing(self._file(block)) as draft:
            parquet.write_table(table.replace_schema_metadata(None), draft)

    def outcomes(self, unfinished: bool = False) -> pd.DataFrame:
        """All paths, columns of `sim.sweeps.outcome_columns`, index path, on the disk and not in
        memory (`sim.sweeps.on_disk`); sweeps of before losses were kept by asset have fewer.

        Raises `QuestionError` if blocks are missing; with `unfinished` only if all are: then it has
        the paths that are there, of sobol those before the first that is not, as many of each
        replicate.
        """
        # By number: the first paths of all books come first, and lie close to each other.
        blocks = sorted(self.plan.blocks())
        there = [block for block in blocks if self._has(block)]
        if unfinished and self.plan.sampler == "sobol":
            there = list(takewhile(self._has, blocks))
        paths = np.sort(np.concatenate([np.empty(0, np.int64), *(block.paths for block in there)]))
        if len(there) < len(blocks) and self.plan.sampler == "sobol":
            paths = paths[: len(paths) - len(paths) % REPLICATES]
        if not (unfinished and len(paths)):
            self.check_finished()
        outcomes = on_disk([self._file(block) for block in there], paths)
        if "book" not in outcomes:  # written when there was one
            outcomes.insert(0, "book", 0)
        return outcomes

    def unfinished(self, outcomes: pd.DataFrame) -> str | None:
        """What to know of outcomes of a part of its paths; None if they are all."""
        if len(outcomes) == self.plan.paths:
            return None
        return (
            f"Not finished: {len(outcomes):,} of {self.plan.paths:,} paths. All figures are of "
            "these alone, until it is resumed and has run the others."
        )

    def check_finished(self) -> None:
        """Raise `QuestionError` if blocks are missing."""
        if missing := self.missing_paths():
            raise QuestionError(
                f"{self.folder}: {missing:,} of {self.plan.paths:,} paths are missing; "
                "resume the sweep"
            )

    def check_repeatable(self) -> None:
        """Raise `QuestionError` unless its paths would come to the same numbers here and now."""
        if faults := self.question.faults:
            raise QuestionError(f"{self.folder}: {' '.join(faults)}")
        try:
            here, there = origin(self.plan.scenario), self.question.origin
        except ScenarioError as error:  # a file that it names, or an agent, is gone
            raise QuestionError(str(error)) from error
        names = sorted(name for name in here | there if here.get(name) != there.get(name))
        if names:
            raise QuestionError(
                f"{self.folder}: swept with other {', '.join(names)} than are here; go back to "
                "them, or sweep again"
            )

    def _file(self, block: Block) -> Path:
        return self.folder / _BLOCKS / f"block-{block.number:06}.parquet"

    def _has(self, block: Block) -> bool:
        """Whether its file is there with as many paths: the last block of a smaller sweep is not
        one of a larger sweep.
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
) -> StoredSweep:
    """A sweep in `folder`, not written yet: a new one, or with `resume` the one that is there.

    What is None is as in the one that is there, otherwise "mc", `PATHS`, `usual_books`,
    `usual_block` and the scenario's own seed. Raises `QuestionError` as `sim.questions.store.begin`
    does, unless the one that is there is of the same scenario, sampler, books, block size and
    origin and has no more paths; and for a number of paths that the sampler cannot estimate errors
    from.
    """
    there = store.read(folder, Question) if Question.file(folder).exists() else None
    if sampler is None:
        sampler = there.sampler if there else "mc"
    if paths is None:
        paths = there.paths if there else PATHS
    if books is None:
        books = there.books if there else usual_books(scenario, sampler, paths)
    if block is None:
        block = there.block if there else usual_block(paths, max(books, 1))
    if book_seed is None:
        book_seed = there.book_seed if there else scenario.seed
    plan = Plan(scenario, sampler, paths, block, books, book_seed)
    question = _question(plan)
    if before := store.begin(folder, question, resume):
        finished = before.finished if before.paths == paths else None
        taken = {"started": before.started, "finished": finished}
        question = question.model_copy(update=taken)
    elif any((folder / _BLOCKS).glob("block-*")):
        raise QuestionError(
            f"{folder}: holds blocks but no {MANIFEST} that says of what; name another folder"
        )
    if problem := plan.problem():
        raise QuestionError(problem)
    return StoredSweep(folder, plan, question)


def load(folder: Path) -> StoredSweep:
    """The sweep in `folder`, finished or not. Raises `QuestionError` if there is none."""
    q = store.read(folder, Question)
    plan = Plan(q.scenario, q.sampler, q.paths, q.block, q.books, q.book_seed)
    return StoredSweep(folder, plan, q)


def _question(plan: Plan) -> Question:
    scenario = plan.scenario
    return Question(
        format=FORMAT,
        digest=digest(scenario),
        files=contents(scenario),
        path_seed=scenario.seed,
        book_seed=plan.book_seed,
        sampler=plan.sampler,
        paths=plan.paths,
        books=plan.books,
        block=plan.block,
        origin=origin(scenario),
        breakwater=VERSION,
        started=store.now(),
        python=platform.python_version(),
        scenario=scenario,
    )
