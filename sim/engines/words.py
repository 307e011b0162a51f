"""Words of storage that must be as the twin's arrays say, and stay so when the arrays change.

A word is the sum of its parts: constants, and numbers of arrays with a weight. A field of a packed
struct weighs 2 ** its first bit; what the hub holds of a token is its cash plus its escrow. So a
change of a number changes its words by the weight, and nothing else has to be looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from sim.engines.chain import Place
from sim.engines.failures import Difference
from sim.engines.layouts import Field
from sim.protocol.state import Array

_SLICE = 64
Group = tuple[str, int] | None
"""An account, an actor, or the protocol (None)."""


class Part(NamedTuple):
    """One number in a word, for whoever reads of a difference."""

    label: str
    shift: int
    bits: int


class Share(NamedTuple):
    """What a number of an array adds to a word."""

    word: int
    weight: int
    of: Callable[[Any], int] | None
    """A function of the number, if it is not the number itself."""


class Words:
    """A table of words by their number, and which numbers of which arrays they are made of."""

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Shapes of the arrays, by name; all of their numbers start at 0."""
        self.places: list[Place] = []
        self.expected: list[int] = []
        self.parts: list[tuple[Part, ...]] = []
        self.widths: list[int] = []
        """How many parts each word has."""
        self._groups: dict[Group, set[int]] = defaultdict(set)
        self._numbers: dict[Place, int] = {}
        self._shares: dict[str, list[tuple[Share, ...]]] = {
            name: [()] * int(np.prod(shape)) for name, shape in shapes.items()
        }
        self._shapes = shapes
        self._seen: dict[str, list[Any]] = {
            name: [0] * int(np.prod(shape)) for name, shape in shapes.items()
        }
        """The arrays as the words have them."""

    def copy(self) -> Words:
        """An independent one."""
        other = Words({})
        other.places, other.expected = self.places.copy(), self.expected.copy()
        other.parts, other.widths = self.parts.copy(), self.widths.copy()
        other._numbers = self._numbers.copy()
        other._groups = defaultdict(set, {k: v.copy() for k, v in self._groups.items()})
        other._shares = {name: shares.copy() for name, shares in self._shares.items()}
        other._shapes, other._seen = self._shapes, {k: v.copy() for k, v in self._seen.items()}
        return other

    def number(self, place: Place) -> int | None:
        """Which word a slot is."""
        return self._numbers.get(place)

    def near(self, accounts: Iterable[int], actors: Iterable[int]) -> set[int]:
        """Those that are nobody's, and those of accounts and actors."""
        groups = [("account", a) for a in set(accounts)] + [("actor", k) for k in set(actors)]
        return self._groups[None].union(*(self._groups.get(group, ()) for group in groups))

    def constant(self, address: str, field: Field, label: str, value: int = 0) -> int:
        """A part that does not change by itself: the number of its word."""
        place = address.lower(), field.slot
        word = self._numbers.get(place)
        if word is None:
            word = self._numbers[place] = len(self.places)
            self.places.append(place)
            self.expected.append(0)
            self.parts.append(())
            self.widths.append(0)
        self.parts[word] += (Part(label, field.shift, field.bits),)
        self.widths[word] += 1
        self.expected[word] += value << field.shift
        return word

    def add(
        self, word: int, array: str, index: tuple[int, ...], *, group: Group, **how: Any
    ) -> None:
        """Make a number of an array a part of a word: `weight` of it, or `of` it."""
        at = int(np.ravel_multi_index(index, self._shapes[array]))
        share = Share(word, how.get("weight", 1), how.get("of"))
        self._shares[array][at] += (share,)
        self.expected[word] += _worth(share, self._seen[array][at])
        self._groups[group].add(word)

    def release(self, array: str, index: tuple[int, ...]) -> None:
        """A number of an array is 0 and in no word from here on; its words stay as they are."""
        at = int(np.ravel_multi_index(index, self._shapes[array]))
        self._shares[array][at], self._seen[array][at] = (), 0

    def fill(self, arrays: dict[str, Array]) -> None:
        """Make arrays what the words have of them."""
        for name, numbers in self._seen.items():
            array = arrays[name]
            array[...] = np.array(numbers, dtype=array.dtype).reshape(array.shape)

    def deploy(self, arrays: dict[str, Array]) -> None:
        """Take over arrays as they are deployed: what is in no word is as it is for good."""
        self.follow(arrays)
        self._seen = {name: arrays[name].ravel().tolist() for name in self._seen}

    def follow(self, arrays: dict[str, Array]) -> tuple[set[int], list[Difference]]:
        """Take over what changed in the arrays: the words that are others now, and numbers that are
        not as deployed although they are in no word.
        """
        changed, strays = set[int](), list[Difference]()
        for name, seen in self._seen.items():
            now, shares = arrays[name].ravel().tolist(), self._shares[name]
            if now == seen:
                continue
            self._seen[name] = now
            for at in _apart(seen, now):
                old, new = seen[at], now[at]
                for share in shares[at]:
                    self.expected[share.word] += _worth(share, new) - _worth(share, old)
                    changed.add(share.word)
                if not shares[at]:
                    now[at] = old
                    index = [int(k) for k in np.unravel_index(at, self._shapes[name])]
                    strays.append(Difference(f"{name}{index}, which is in code", new, old))
        return changed, strays

    def compare(
        self, words: Iterable[int], found: list[int], aside: Mapping[int, int]
    ) -> list[Difference]:
        """Words that are not as found, part by part; `aside` are bits of words that may differ."""
        expected = self.expected
        apart = [w for w in words if expected[w] != found[w]]
        return [
            difference
            for word in sorted(apart)
            if (expected[word] ^ found[word]) & ~aside.get(word, 0)
            for difference in self._apart(word, found[word], aside.get(word, 0))
        ]

    def _apart(self, word: int, found: int, aside: int) -> list[Difference]:
        expected, parts = self.expected[word], self.parts[word]
        values = [
            (part.label, *((whole >> part.shift) % 2**part.bits for whole in (expected, found)))
            for part in parts
            if not aside >> part.shift & 1
        ]
        differences = [Difference(what, a, b) for what, a, b in values if a != b]
        whole = Difference(parts[0].label, expected, found)
        return differences if len(parts) > 1 and differences else [whole]


def _apart(old: list[Any], new: list[Any]) -> Iterator[int]:
    """Where two lists differ. Comparing slices finds out much faster that nothing does."""
    for start in range(0, len(old), _SLICE):
        was, now = old[start : start + _SLICE], new[start : start + _SLICE]
        if was != now:
            yield from (k for k, (a, b) in enumerate(zip(was, now, strict=True), start) if a != b)


def _worth(share: Share, number: Any) -> int:
    return share.weight * int(number if share.of is None else share.of(number))
