"""Where a contract keeps what: the slots of its storage, from the layout that solc writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from eth_utils import keccak


class Field(NamedTuple):
    """One number in storage: `bits` of the word in `slot`, from `shift` on (both in bits)."""

    slot: int
    shift: int
    bits: int


class Layout:
    """The variables of one contract."""

    def __init__(self, found: dict[str, Any]) -> None:
        """Of solc's `storageLayout`."""
        self._types = found["types"] or {}
        self._variables = {one["label"]: one for one in found["storage"]}
        self._hashes: dict[bytes, int] = {}

    def fields(self, *path: int | str) -> dict[str, Field]:
        """Every number there by its name: that of a struct's member (`config.ltvBps`), or empty.
        The path is a variable, and leads into it: keys of mappings (addresses as hex), places in
        arrays, and members of structs with a dot in front.
        """
        variable, *steps = path
        found = self._variables[str(variable)]
        slot, shift, kind = int(found["slot"]), 8 * found["offset"], found["type"]
        for step in steps:
            one = self._types[kind]
            if isinstance(step, str) and step.startswith("."):
                (member,) = (m for m in one["members"] if m["label"] == step[1:])
                slot, shift = slot + int(member["slot"]), 8 * member["offset"]
                kind = member["type"]
            elif one["encoding"] == "mapping":
                key = int(step, 16) if isinstance(step, str) else step
                slot, kind = self._hash(key, slot), one["value"]
            elif one["encoding"] == "dynamic_array":
                kind = one["base"]
                size = -(-int(self._types[kind]["numberOfBytes"]) // 32)
                slot = (self._hash(slot) + int(step) * size) % 2**256
            else:
                raise KeyError(f"{variable} has nothing at {step}")
        return dict(self._numbers(kind, slot, shift, ""))

    def _numbers(self, kind: str, slot: int, shift: int, name: str) -> Iterator[tuple[str, Field]]:
        one = self._types[kind]
        for member in one.get("members", ()):
            inner = f"{name}.{member['label']}" if name else member["label"]
            at = (slot + int(member["slot"])) % 2**256
            yield from self._numbers(member["type"], at, 8 * member["offset"], inner)
        if "members" not in one:
            yield name, Field(slot, shift, 8 * int(one["numberOfBytes"]))

    def _hash(self, *words: int) -> int:
        data = b"".join(word.to_bytes(32, "big") for word in words)
        found = self._hashes.get(data)
        if found is None:
            found = self._hashes[data] = int.from_bytes(keccak(data), "big")
        return found


def text(field: Field, value: str) -> dict[int, int]:
    """Slot -> word of a string that a contract keeps in a field of its own."""
    data = value.encode()
    if len(data) < 32:
        return {field.slot: int.from_bytes(data.ljust(31, b"\0") + bytes([2 * len(data)]), "big")}
    start = int.from_bytes(keccak(field.slot.to_bytes(32, "big")), "big")
    words = {field.slot: 2 * len(data) + 1}
    for k in range(0, len(data), 32):
        words[(start + k // 32) % 2**256] = int.from_bytes(data[k : k + 32].ljust(32, b"\0"), "big")
    return words
