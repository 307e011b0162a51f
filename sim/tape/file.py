"""Tapes as files."""

from __future__ import annotations

from pathlib import Path

from sim.files.whole import replacing
from sim.tape.columns import FORMAT, TABLE_MEANINGS, TABLES, Frames, Tables, frames

TAPE = "tape.duckdb"
"""What a run writes its tape to, in its folder."""


class TapeError(Exception):
    """A file that is not a tape, or a tape that cannot be read or written."""


def write(tables: Tables, path: Path) -> None:
    """Write the tables into one DuckDB file, each column with its meaning as comment.

    Raises `TapeError` if the file cannot be written.
    """
    import duckdb  # slow, and a run that is not kept does without

    try:
        with replacing(path) as draft:
            _write(tables, draft)
    except (OSError, duckdb.Error) as error:
        raise TapeError(f"{path}: cannot be written ({str(error).splitlines()[0]})") from error


def _write(tables: Tables, path: Path) -> None:
    import duckdb

    with duckdb.connect(str(path)) as database:
        for name, columns in TABLES.items():
            database.register("rows", tables[name])
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")
            database.execute(f"COMMENT ON TABLE {name} IS '{_quoted(TABLE_MEANINGS[name])}'")
            for column in columns:
                meaning = _quoted(column.meaning)
                database.execute(f"COMMENT ON COLUMN {name}.{column.name} IS '{meaning}'")
            database.unregister("rows")


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def write_parquet(tables: Tables, folder: Path) -> None:
    """Write the same tables as `folder`/<table>.parquet."""
    from pyarrow import parquet

    folder.mkdir(exist_ok=True)
    for name in TABLES:
        with replacing(folder / f"{name}.parquet") as draft:
            parquet.write_table(tables[name], draft)


def load(path: Path) -> Frames:
    """The tables in the file at `path`. Raises `TapeError` if it is not a tape."""
    import duckdb

    if not path.is_file():
        raise TapeError(f"{path}: no such file; a run writes its tape to {TAPE}")
    try:
        with duckdb.connect(str(path), read_only=True) as database:
            (version,) = database.execute("SELECT format FROM run").fetchone() or (None,)
            if version != FORMAT:
                raise TapeError(
                    f"{path}: a tape of format {version}, this version reads {FORMAT}; "
                    "run the scenario again"
                )
            return frames(
                {
                    name: database.execute(f"FROM {name} ORDER BY rowid").to_arrow_table()
                    for name in TABLES
                }
            )
    except duckdb.Error as error:
        raise TapeError(f"{path}: not a tape ({str(error).splitlines()[0]})") from error
