"""Tapes as files: whole or not at all, exact, and readable by anyone."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from sim.files.whole import replacing
from sim.tape import (
    Tables,
    TapeError,
    file,
    frames,
    load,
    write,
    write_parquet,
)
from sim.tape.columns import FORMAT, TABLES
from tests.tape.storm import play, storm


@pytest.fixture(scope="module")
def tables() -> Tables:
    return play(storm())[1].tables(complete=True)


@pytest.fixture
def path(tables: Tables, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "tape.duckdb"
    write(tables, path)
    yield path
    assert not list(tmp_path.glob(".*")), "drafts were left behind"


def test_reads_back_what_was_written(tables: Tables, path: Path) -> None:
    told, read = frames(tables), load(path)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(told, name), getattr(read, name))


def test_tokens_stay_exact(tables: Tables, path: Path) -> None:
    """Beyond the 53 bits of a float, in Python, SQL and Parquet."""
    cash = load(path).assets["cash"].iloc[0]
    assert isinstance(cash, int) and cash > 2**53
    write_parquet(tables, path.parent / "parquet")
    parquet = path.parent / "parquet" / "assets.parquet"
    for source in ("assets", f"'{parquet}'"):
        with duckdb.connect(str(path), read_only=True) as database:
            told = database.execute(
                f"SELECT cash::VARCHAR, typeof(cash), reference_price_usd::VARCHAR FROM {source} "
                "WHERE step = 0 AND asset = 'WETH'"
            ).fetchone()
        assert told == (str(cash), "DECIMAL(38,0)", "2000.00000000")


def test_parquet_has_the_same_tables(tables: Tables, path: Path) -> None:
    folder = path.parent / "parquet"
    write_parquet(tables, folder)
    with duckdb.connect(str(path), read_only=True) as database:
        for name in TABLES:
            other = f"'{folder / name}.parquet'"
            for left, right in ((name, other), (other, name)):
                query = f"SELECT count(*) FROM (FROM {left} EXCEPT ALL FROM {right})"
                assert database.execute(query).fetchone() == (0,), name


def test_columns_say_what_they_mean(path: Path) -> None:
    with duckdb.connect(str(path), read_only=True) as database:
        query = "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        told = {
            (table, column): meaning for table, column, meaning in database.sql(query).fetchall()
        }
    expected = {
        (name, column.name): column.meaning
        for name, columns in TABLES.items()
        for column in columns
    }
    assert told == expected


def test_replaces_an_older_tape(tables: Tables, path: Path) -> None:
    path.write_text("an older file")
    write(tables, path)
    assert load(path).run["complete"].all()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError])
def test_what_was_there_stays_until_the_new_file_is_whole(
    stop: type[BaseException], tables: Tables, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def half(tables: Tables, draft: Path) -> None:
        draft.write_bytes(b"half")
        draft.with_name(draft.name + ".wal").write_bytes(b"DuckDB's log")
        raise stop("out of space")

    monkeypatch.setattr(file, "_write", half)
    with pytest.raises(TapeError if stop is OSError else stop):
        write(tables, path)
    assert path.read_bytes() == before


def test_replacing_takes_the_place_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    with replacing(path) as draft:
        draft.write_text("drawn")
        assert not path.exists()
    assert path.read_text() == "drawn"
    assert [found.name for found in tmp_path.iterdir()] == ["figure.svg"]


def test_folder_that_cannot_be_written_to(tables: Tables, tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="cannot be written"):
        write(tables, tmp_path / "no such folder" / "tape.duckdb")


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.duckdb", tmp_path):
        with pytest.raises(TapeError, match="no such file"):
            load(path)


def test_text_is_not_a_tape(tmp_path: Path) -> None:
    path = tmp_path / "tape.duckdb"
    path.write_text("hello" * 10_000)
    with pytest.raises(TapeError, match="not a tape"):
        load(path)


def test_other_database_is_not_a_tape(tmp_path: Path) -> None:
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE prices (x INTEGER)")
    with pytest.raises(TapeError, match="not a tape"):
        load(path)


def test_tape_cut_short_is_not_a_tape(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(TapeError, match="not a tape"):
        load(path)


def test_tape_of_another_format(path: Path) -> None:
    with duckdb.connect(str(path)) as database:
        database.execute("UPDATE run SET format = 99")
    with pytest.raises(TapeError, match=f"format 99, this version reads {FORMAT}"):
        load(path)
