"""What there is a reference of, and the files that are made of it."""

from __future__ import annotations

import json

from sim.reference.field_blocks import Block, file_blocks
from sim.reference.files import FILES, file_schema
from sim.reference.table_fields import tape_blocks
from sim.reference.writing import markdown

SUBJECTS = (*FILES, "tape")
MADE_BY = "make docs"

_TITLES = {
    "scenario": "Every field of a scenario",
    "preset": "Every field of a tuning preset",
    "tape": "Every column of a tape",
}
_INTROS = {
    "scenario": """\
A scenario is one YAML file. `ape run schema` prints this page, `ape run schema
protocol.liquidation` one block of it, and `ape run new NAME` writes a short scenario to begin with.

* A path is written as in `--set`: `*` stands for the symbol of any asset (or another key of the
  user's), `[*]` for any item of a list.
* *required*: of a file that extends nothing. With `extends`, what the file does not say is as in
  the base, and `null` takes a field away ([how](books.md#bases)). *or by kind*: an asset's `kind`
  says it ([kinds](#kinds)).
* *absent*: the field may be left out, and its meaning says what then holds.
* Numbers are written without quotes and are finite; times are written with their zone.

**In an editor** that knows YAML schemas (yaml-language-server: VS Code, Neovim, Emacs, IntelliJ), a
first line

```yaml
# yaml-language-server: $schema=PATH/docs/scenario.schema.json
```

shows meanings, completes names and marks what is wrong. `ape run new` writes that line; `ape run
schema --json --out FILE` writes the schema anywhere. What is wrong only between fields is said by
the run, before anything else.
""",
    "preset": """\
A preset is one YAML file that `ape run tune` takes. `ape run schema --of preset` prints this page.

*required*: of a file that extends nothing. With `extends`, what the file does not say is as in that
preset, but for `name`, `title`, `story` and `sources`. *absent*: the field may be left out. The
JSON schema for editors, as [for scenarios](scenario.md), is `docs/preset.schema.json`.
""",
    "tape": """\
`ape run crash` leaves one DuckDB file, `tape.duckdb`, and with `--parquet` each table as a file;
`ape run sweep` a row per path. `ape run schema --of tape` prints this page. The same texts are
comments in the file (`SELECT * FROM duckdb_columns()`), and in the metadata of the Parquet files of
a sweep.

Token units are integers, 10^-decimals tokens, and exact; columns of floats end in their unit.
""",
}


def blocks_of(subject: str) -> list[Block]:
    """The blocks of one of `SUBJECTS`."""
    return tape_blocks() if subject == "tape" else file_blocks(subject)


def page(subject: str) -> str:
    """docs/<subject>.md."""
    return markdown(_TITLES[subject], _INTROS[subject].strip(), blocks_of(subject), MADE_BY)


def json_schema(subject: str) -> str:
    """docs/<subject>.schema.json, of one of `FILES`."""
    return json.dumps(file_schema(subject), indent=1) + "\n"
