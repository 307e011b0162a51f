"""Blocks as Markdown, and as lines for a terminal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from sim.reference.field_blocks import Block, Entry

_HEADS = ("name", "type", "unit", "range", "default", "meaning")


def markdown(title: str, intro: str, blocks: Sequence[Block], made_by: str) -> str:
    """A page with a table per block. `made_by` is the command that writes it."""
    parts = [f"<!-- Written by `{made_by}`: change what it is made of. -->", f"# {title}", intro]
    anchors: dict[str, str] = {}
    taken: Counter[str] = Counter()
    for block in blocks:
        anchor = _anchor(block.title)
        anchors.setdefault(block.path, f"{anchor}-{taken[anchor]}" if taken[anchor] else anchor)
        taken[anchor] += 1
    for block in blocks:
        variant = f" ({block.variant})" if block.variant else ""
        parts += [f"## `{block.path}`{variant}"] if block.path else []
        parts += [block.text, _table(block, anchors)]
        parts += [
            f"Earlier versions had `{name}`; now: {_cell(instead)}."
            for name, instead in block.earlier.items()
        ]
    return "\n\n".join(part for part in parts if part) + "\n"


def show(blocks: Sequence[Block], what: str, console: Console) -> None:
    """Print blocks: of every field its name, in short what may stand there, and the meaning."""
    for number, block in enumerate(blocks):
        lines: list[RenderableType] = [""] if number else []
        lines += [Text(block.title or what, style="bold underline")]
        lines += [Text(block.text)] if block.text else []
        console.print(*lines, sep="\n")
        for entry in block.entries:
            name = Text(entry.name, style="bold")
            facts = Text(f"  {_facts(entry)}", style="cyan")
            console.print(Padding(name + facts, (0, 0, 0, 2), expand=False))
            console.print(Padding(Text(entry.meaning), (0, 0, 0, 6), expand=False))
        for former, instead in block.earlier.items():
            replaced = Text(f"{former} of earlier versions; now: {instead}", style="dim")
            console.print(Padding(replaced, (0, 0, 0, 2), expand=False))


def _facts(entry: Entry) -> str:
    """Type, range, unit and default, as far as there are any, and where the rest is."""
    value = " ".join(part for part in (entry.type, f"({entry.unit})" if entry.unit else "") if part)
    see = f"see {' and '.join(entry.below)}" if entry.below else ""
    default = entry.default
    if default and not default.startswith(("required", "absent")):
        default = f"default {default}"
    return "; ".join(part for part in (value, entry.range, default, see) if part)


def _table(block: Block, anchors: Mapping[str, str]) -> str:
    """Without the columns in which no field says anything."""
    rows = [
        [
            f"`{one.name}`",
            _links(one, anchors),
            one.unit,
            one.range,
            one.default,
            _cell(one.meaning),
        ]
        for one in block.entries
    ]
    used = [i for i in range(len(_HEADS)) if any(row[i] for row in rows)]
    lines = [[_HEADS[i] for i in used], ["---"] * len(used)]
    lines += [[row[i].replace("|", "\\|") for i in used] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _links(entry: Entry, anchors: Mapping[str, str]) -> str:
    """The type; below it, where what is in it is described."""
    links = [f"[{_cell(place)}](#{anchors[place]})" for place in entry.below]
    return f"{_cell(entry.type)} {', '.join(links)}".strip()


def _anchor(title: str) -> str:
    """What a heading is called in a link, as on GitHub."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _cell(text: str) -> str:
    """Text in which no sign means anything to Markdown."""
    return re.sub(r"([*<\[\]])", r"\\\1", text)
