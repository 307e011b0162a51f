"""What happened in a run: tables collected step by step, kept in one DuckDB file.

    tape = Tape(world, "exact")
    for step in exact.run(world):
        tape.record(*step)
    write(tape.tables(complete=True), path)
    load(path).steps["lowest_health"].min()
    sim.tape.replay.replay(load(path))               # its operations on the twin: the same state

The columns, with meaning and unit, are listed in `sim.tape.columns` and stored as comments in the
file. Numbers of tokens are integers in the smallest unit and stay exact on the way through the
file; floats carry their unit in the column's name.
"""

from sim.tape.columns import Frames, Tables, frames, with_rows
from sim.tape.file import TAPE, TapeError, load, write, write_parquet
from sim.tape.recorder import Tape

__all__ = [
    "TAPE",
    "Frames",
    "Tables",
    "Tape",
    "TapeError",
    "frames",
    "load",
    "with_rows",
    "write",
    "write_parquet",
]
