"""Random number generators of many numbered streams at once.

`numpy.random.SeedSequence` mixes a seed and a key into a pool of four words, a word of the key at a
time, and a generator starts from words hashed out of the pool. Keys here differ in their last word
only, so what comes before is mixed once and the last word for all streams together; one by one, to
seed a generator would take as long as to draw a path. NumPy promises that the words stay these for
ever, and a test holds them against its own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import PCG64, Generator, SeedSequence
from numpy.random.bit_generator import ISeedSequence

Words = npt.NDArray[np.uint32]

_POOL, _STATE, _WORD = 4, 8, 2**32  # words of a pool, of the start of a PCG64; values of a word
_HASHED = 0x43B0D7E5, 0x931E8875  # first constant and its factor, of words into the pool
_TAKEN = 0x8B51F9DD, 0x58F38DED  # of the pool into words
_LEFT, _RIGHT = 0xCA01F9DD, np.uint32(0x4973F715)
_HALF = np.uint32(16)


def generators(seed: int, key: tuple[int, ...], last: Sequence[int]) -> list[Generator]:
    """For each n of `last` the generator of SeedSequence(seed, spawn_key=(*key, n)); all words of
    a key are below 2^32.
    """
    numbers = np.array(last, dtype=np.uint64)
    if len(numbers) and numbers.max() >= _WORD:
        raise ValueError(f"stream {numbers.max()}: there are 2^32")
    states = _states(seed, key, numbers.astype(np.uint32))
    starts: list[Any] = [_Start(words) for words in states]  # the stubs know SeedSequence only
    return [Generator(PCG64(start)) for start in starts]


class _Start(ISeedSequence):
    """What a generator asks for its start."""

    def __init__(self, words: npt.NDArray[np.uint64]) -> None:
        self.words = words

    def generate_state(self, n_words: int, dtype: object = np.uint32) -> npt.NDArray[np.uint64]:
        """The first words, which are of 64 bits and as many as a PCG64 takes."""
        return self.words


def _states(seed: int, key: tuple[int, ...], last: Words) -> npt.NDArray[np.uint64]:
    """(streams, 4)."""
    pool = SeedSequence(seed, spawn_key=key).pool
    # So far each word has been hashed four times, and a short seed has been filled up to a pool.
    words = max(-(-seed.bit_length() // 32), _POOL) + len(key)
    constant = _HASHED[0] * pow(_HASHED[1], _POOL * words, _WORD) % _WORD
    mixed = []
    for word in pool:
        hashed, constant = _hash(last, constant, _HASHED[1])
        one = np.uint32(_LEFT * int(word) % _WORD) - _RIGHT * hashed
        mixed.append(one ^ (one >> _HALF))
    states = np.empty((len(last), _STATE), dtype=np.uint32)
    constant = _TAKEN[0]
    for n in range(_STATE):
        states[:, n], constant = _hash(mixed[n % _POOL], constant, _TAKEN[1])
    return states.astype("<u4").view("<u8").astype(np.uint64)


def _hash(words: Words, constant: int, factor: int) -> tuple[Words, int]:
    """Hashed words, and the constant of the next ones."""
    following = constant * factor % _WORD
    hashed = (words ^ np.uint32(constant)) * np.uint32(following)
    return hashed ^ (hashed >> _HALF), following
