"""Where the contracts keep what, as solc lays it out: docs/storage.md (make docs).

A table for each contract that keeps anything and is not a mock, with the slots of its variables,
and one for each struct in it, with slots from where the struct begins. A byte range is counted from
the lowest byte of the word, as solc packs them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sim.engines.artifacts import contracts

ROOT = Path(__file__).resolve().parents[1]
_HEAD = """# Storage of the contracts

Written by `make docs` from the layouts of the compiler: bytes are counted from the lowest one of a
32-byte word. What stands alone in a word is what one store writes. Guards are transient, engines
and pairs' tokens immutable: they take no slot. What of this the twin keeps is compared slot by slot
in every lockstep run (`sim/engines/storage.py`).
"""


def document(layouts: Mapping[str, Mapping[str, Any]]) -> str:
    """All of it, of solc's `storageLayout` by contract."""
    parts = [_HEAD]
    for name in sorted(layouts):
        variables, types = layouts[name].get("storage"), layouts[name].get("types") or {}
        if not variables:
            continue
        parts += [f"## {name}\n", _table(variables, types)]
        for struct in sorted(_structs(types), key=lambda one: str(one["label"])):
            parts += [f"`{struct['label']}`\n", _table(struct["members"], types)]
    return "\n".join(parts)


def _table(variables: list[dict[str, Any]], types: dict[str, Any]) -> str:
    rows = ["| slot | bytes | name | type |", "|---|---|---|---|"]
    for one in variables:
        kind = types[one["type"]]
        size, first = int(kind["numberOfBytes"]), int(one["offset"])
        words = -(-size // 32)
        slot = int(one["slot"])
        slots = f"{slot}" if words == 1 else f"{slot} to {slot + words - 1}"
        within = "all" if size >= 32 else f"{first} to {first + size - 1}"
        rows.append(f"| {slots} | {within} | `{one['label']}` | `{kind['label']}` |")
    return "\n".join(rows) + "\n"


def _structs(types: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (kind for kind in types.values() if "members" in kind)


def deployed() -> dict[str, Mapping[str, Any]]:
    """Layouts of what is deployed for users: neither the parts of others nor contracts of tests."""
    ours = (one for one in contracts().values() if one.bytecode and one.name not in _mocks())
    return {one.name: one.layout for one in ours}


def _mocks() -> set[str]:
    found = set()
    for source in (ROOT / "contracts" / "mocks").glob("*.sol"):
        found |= set(re.findall(r"^(?:abstract )?contract (\w+)", source.read_text(), re.MULTILINE))
    return found


def main() -> int:
    """Write the document."""
    (ROOT / "docs" / "storage.md").write_text(document(deployed()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
