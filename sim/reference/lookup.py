"""One block of a reference, by the path of a field as people write it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sim.reference.field_blocks import Block
from sim.schema.problems import Problem, ScenarioError, join, nearest

_FAR = 1_000
"""More wildcards than any path has."""


def select(blocks: Sequence[Block], path: str, what: str) -> list[Block]:
    """The block at `path` with those below it, or of the block that it is in that one field.

    Symbols and numbers of items may be written, or `*`, or left out: `protocol.reserves.WETH`,
    `venues[0].fee_bps` and `venues.fee_bps` are found. Raises `ScenarioError` for what is not a
    field of `what`, with the nearest names.
    """
    wanted = _tokens(path)
    costs = {block.title: _cost(_tokens(block.path), wanted) for block in blocks}
    fields = [
        (_cost([*_tokens(block.path), entry.name], wanted), block, entry)
        for block in blocks
        for entry in block.entries
    ]
    least = min([*costs.values(), *(cost for cost, _, _ in fields)])
    if least >= _FAR:
        raise ScenarioError(f"the fields of a {what}", [_unknown(blocks, path, wanted)])
    found = [block.path for block in blocks if costs[block.title] == least]
    single = []
    for cost, block, entry in fields:
        if cost == least:
            here = join(block.path, entry.name)
            below = [place for place in entry.below if place.startswith(here)]
            found += below
            single += [] if below else [block._replace(entries=(entry,))]
    whole = [block for block in blocks if any(_is_in(block.path, place) for place in found)]
    return whole + [block for block in single if block.path not in {one.path for one in whole}]


def _is_in(path: str, above: str) -> bool:
    return path == above or path.startswith((f"{above}.", f"{above}["))


def _tokens(path: str) -> list[str]:
    """Names, and items of lists in their brackets."""
    return re.findall(r"\[[^\]]*\]|[^.\[\]]+", path)


def _cost(pattern: Sequence[str], wanted: Sequence[str]) -> int:
    """How many wildcards of a pattern it takes to be what is wanted."""
    if not pattern:
        return _FAR if wanted else 0
    head, rest = pattern[0], pattern[1:]
    costs = [_FAR]
    if wanted and head == wanted[0]:
        costs.append(_cost(rest, wanted[1:]))
    if head in ("*", "[*]"):
        costs.append(1 + _cost(rest, wanted))
        if wanted and wanted[0].startswith("[") == (head == "[*]"):
            costs.append(1 + _cost(rest, wanted[1:]))
    return min(costs)


def _unknown(blocks: Sequence[Block], path: str, wanted: Sequence[str]) -> Problem:
    """What is wrong with a path that leads nowhere: from where on, and what there is instead."""
    for known in range(len(wanted) - 1, -1, -1):
        above = [one for one in blocks if _cost(_tokens(one.path), wanted[:known]) < _FAR]
        if above:
            break
    names = list(dict.fromkeys(entry.name for block in above for entry in block.entries))
    place = above[0].path or "the file"
    remedy = nearest(wanted[known] if wanted else "", names, f"the fields of {place} are")
    elsewhere = [
        join(block.path, entry.name)
        for block in blocks
        for entry in block.entries
        if wanted and entry.name == wanted[-1]
    ]
    if elsewhere:
        remedy = f"did you mean {' or '.join(dict.fromkeys(elsewhere))}? {remedy}"
    return Problem(path or "(path)", "no such field", remedy)
