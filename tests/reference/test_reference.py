"""The reference: every field and column is in it, with its unit, and the pages are up to date."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import sim.tape.recorder
from sim.reference.field_blocks import Block, file_blocks, has_number, unit
from sim.reference.files import FILES, definitions
from sim.reference.lookup import select
from sim.reference.pages import SUBJECTS, blocks_of, json_schema, page
from sim.reference.table_fields import tape_blocks
from sim.schema.base import Part
from sim.schema.problems import ScenarioError
from sim.sweeps.outcome_columns import schema as columns_of_a_block
from sim.tape import write
from sim.tape.columns import TABLES
from tests.tape.storm import play, storm

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("subject", SUBJECTS)
def test_pages_are_what_the_command_writes(subject: str) -> None:
    """If not: `make docs`."""
    assert (DOCS / f"{subject}.md").read_text() == page(subject)


@pytest.mark.parametrize("kind", FILES)
def test_json_schemas_are_what_the_command_writes(kind: str) -> None:
    """If not: `make docs`."""
    assert (DOCS / f"{kind}.schema.json").read_text() == json_schema(kind)


# --- fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
def test_every_field_has_a_meaning_and_every_quantity_a_unit(kind: str) -> None:
    fields = [
        (f"{name}.{field}", schema, field)
        for name, model in definitions(kind).items()
        for field, schema in model["properties"].items()
    ]
    assert [name for name, schema, _ in fields if len(schema.get("description", "")) < 3] == []
    quantities = [
        (name, unit(schema, field)) for name, schema, field in fields if has_number(schema)
    ]
    assert [name for name, its_unit in quantities if not its_unit] == []
    assert len(quantities) >= {"scenario": 120, "preset": 8}[kind]


@pytest.mark.parametrize("kind", FILES)
def test_every_model_and_field_is_in_the_reference(kind: str) -> None:
    """Held against the models themselves: each once, with its fields, and text."""
    blocks = file_blocks(kind)
    shown = {tuple(entry.name for entry in block.entries): block for block in blocks}
    reached = models_in(FILES[kind])
    for model in reached:
        names = tuple(field.alias or name for name, field in model.model_fields.items())
        fits = [
            block for fields, block in shown.items() if set(names) == set(fields) - {"extends", "*"}
        ]
        assert fits and all(block.text for block in fits), model
        assert any(block.earlier == model.REPLACED for block in fits)
    assert len([block for block in blocks if block.path != "kinds"]) == len(reached)


def models_in(model: type[Part]) -> set[type[Part]]:
    """The model and all that its fields lead to, found in the annotations."""
    found: set[type[Part]] = set()
    waiting: list[Any] = [model]
    while waiting:
        one = waiting.pop()
        if isinstance(one, type) and issubclass(one, Part) and one not in found:
            found.add(one)
            waiting += [field.annotation for field in one.model_fields.values()]
            waiting += [one.__annotations__.get("__pydantic_extra__")]
            waiting += [item for field in one.model_fields.values() for item in field.metadata]
        waiting += getattr(one, "__args__", ()) + getattr(one, "__metadata__", ())
    return found


def entry_of(path: str) -> tuple[str, ...]:
    """What the reference says of the one field at a path."""
    ((block, *others)) = select(file_blocks("scenario"), path, "scenario")
    assert not others
    (entry,) = block.entries
    return (block.path, *entry[:5])


def test_fields_as_the_models_have_them() -> None:
    assert entry_of("protocol.reserves.WETH.lt_bps") == (
        "protocol.reserves.*", "lt_bps", "whole number", "bps", "0 to 10000", "required",
    )  # fmt: skip
    assert entry_of("step_seconds") == (
        "", "step_seconds", "whole number", "s", "1 to 86400", "required",
    )  # fmt: skip
    assert entry_of("venues[3].depth_by_drawdown") == (
        "venues[*]", "depth_by_drawdown", "list of [number, number]", "share, share",
        "1 to 100 items; at least 0, below 1; 0.0001 to 1", "absent",
    )  # fmt: skip
    assert entry_of("liquidators.latency_seconds")[2:] == (
        "whole number", "s", "0 to 31536000", "0",
    )  # fmt: skip
    assert entry_of("feeds.WETH.deviation_bps")[-1] == "required, or by kind"
    assert entry_of("book.loop_health")[2:] == (
        "[number, number]", "health factor", "1 to 1000", "[1.02, 1.13]",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "titles"),
    [
        ("protocol.liquidation", ["protocol.liquidation"]),
        ("arbitrage", ["arbitrage"]),
        ("venues", ["venues[*]", "venues[*].depth"]),
        ("venues[0]", ["venues[*]", "venues[*].depth"]),
        ("feeds.WETH", ["feeds.*"]),
        ("protocol.reserves", ["protocol.reserves.*", "protocol.reserves.*.tiers[*]"]),
        ("protocol.reserves.*", ["protocol.reserves.*", "protocol.reserves.*.tiers[*]"]),
        ("kinds", ["kinds"]),
    ],
)
def test_one_block(path: str, titles: list[str]) -> None:
    found = select(file_blocks("scenario"), path, "scenario")
    assert [block.title for block in found] == titles
    assert found[0] in file_blocks("scenario")


def test_a_block_with_those_below_it() -> None:
    found = [block.title for block in select(file_blocks("scenario"), "feeds", "scenario")]
    assert found[:2] == ["feeds", "feeds.*"] and "feeds.faults[*] (rate-cap)" in found
    assert len(found) == 12
    faults = [block.variant for block in select(file_blocks("scenario"), "feeds.faults", "s")]
    assert len(faults) == 10 and "outage" in faults
    books = select(file_blocks("scenario"), "book", "scenario")
    assert [block.title for block in books] == [
        "book (with accounts)", "book.drawn_under.*", "book (with file)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "place", "said"),
    [
        (
            "protocol.liquidaton",
            "protocol.liquidaton",
            "did you mean liquidation? the fields of pro",
        ),
        ("venues[0].fee", "venues[0].fee", "did you mean fee_bps? the fields of venues[*] are: a"),
        (
            "lt_bps",
            "lt_bps",
            "did you mean protocol.reserves.*.lt_bps or protocol.reserves.*.tiers[*].lt_bps",
        ),
        ("protocol_", "protocol_", "did you mean protocol? the fields of the file are: extends"),
        (
            "protocol.reserves.WETH.lt_bps.more",
            "protocol.reserves.WETH.lt_bps.more",
            "the fields of",
        ),
    ],
)
def test_an_unknown_path_is_refused_with_the_nearest(path: str, place: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        select(file_blocks("scenario"), path, "scenario")
    (problem,) = caught.value.problems
    assert (problem.path, problem.problem) == (place, "no such field")
    assert said in problem.remedy


def test_links_of_a_page_lead_to_its_headings() -> None:
    for subject in SUBJECTS:
        text, taken = page(subject), []
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
            anchor = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            taken.append(anchor if anchor not in taken else f"{anchor}-{taken.count(anchor)}")
        links = re.findall(r"\]\(#([^)]*)\)", text)
        assert set(links) <= set(taken), subject
        assert bool(links) == (subject != "tape")


# --- columns --------------------------------------------------------------------------------------


def documented(blocks: list[Block]) -> dict[str, list[str]]:
    return {block.path: [entry.name for entry in block.entries] for block in blocks}


def test_every_column_written_is_documented_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a run hands over, what is in its file, and the page."""
    handed: dict[str, set[frozenset[str]]] = {}

    def watched(rows: dict[str, list[dict[str, Any]]]) -> Any:
        handed.update({name: {frozenset(row) for row in rows[name]} for name in rows})
        return sim.tape.columns.tables(rows)

    path = "sim.examples.treasury:Treasury"
    own = {
        "name": "own",
        "path": path,
        "capital_usd": {"USDC": 1e4},
        "parameters": {"least_usd": 5},
    }
    _, tape = play(storm(agents=[own]), steps=3)
    monkeypatch.setattr(sim.tape.recorder, "tables", watched)
    write(tape.tables(complete=False), file := tmp_path / "tape.duckdb")
    with duckdb.connect(str(file), read_only=True) as database:
        query = "FROM duckdb_columns() SELECT table_name, column_name, comment WHERE NOT internal"
        rows = database.sql(query).fetchall()
        query = "FROM duckdb_tables() SELECT table_name, comment WHERE NOT internal"
        meanings = dict(database.sql(query).fetchall())
    blocks = [block for block in tape_blocks() if block.path != "paths"]
    written: dict[str, list[str]] = {}
    for table, column, _ in rows:
        written.setdefault(table, []).append(column)
    assert written == documented(blocks)
    assert {(table, column): text for table, column, text in rows} == {
        (block.path, entry.name): entry.meaning for block in blocks for entry in block.entries
    }
    assert meanings == {block.path: block.text for block in blocks}
    assert handed.keys() == TABLES.keys()
    for table, keys in handed.items():
        assert keys <= {frozenset(written[table])}, table
    # Those of other books come later: `sim.terminal.crash_command` adds them; and no token here is
    # of another chain: `tests/tape/test_bridge_rows.py`.
    assert {table for table, keys in handed.items() if not keys} == {"compared", "bridges"}


def test_columns_of_a_sweep_are_documented() -> None:
    block = tape_blocks()[-1]
    names = [name.replace("WETH", "SYMBOL") for name in columns_of_a_block(["WETH"]).names]
    assert [entry.name for entry in block.entries] == names


def test_numbers_of_the_tape_have_units() -> None:
    floats = [
        (block.path, entry.name, entry.unit)
        for block in tape_blocks()
        for entry in block.entries
        if entry.type in ("number", "decimal of 8 digits")
    ]
    assert len(floats) > 50 and [name for _, name, its_unit in floats if not its_unit] == []
    assert all(entry.meaning for block in blocks_of("tape") for entry in block.entries)


def test_no_field_has_two_bounds_of_a_kind() -> None:
    """Of two, the validator keeps the one of the type and not the narrower one."""

    def parts(of: type[Part]) -> Iterator[type[Part]]:
        for part in of.__subclasses__():
            yield part
            yield from parts(part)

    looked_at = 0
    for part in parts(Part):
        for name, field in part.model_fields.items():
            kinds = [type(bound).__name__ for bound in field.metadata]
            assert len(kinds) == len(set(kinds)), f"{part.__name__}.{name}: {field.metadata}"
            looked_at += len(kinds)
    assert looked_at > 100
