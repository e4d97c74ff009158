"""Row keys: a 64-bit number that stands for the key columns of a group, the same in every snapshot.

Key columns come as 64-bit words. They are hashed with random seeds and odd multipliers (multiply and fold, chained),
which an exporter cannot know and so cannot aim at. Two groups meet by chance about once in ten million windows of
two million groups; whoever groups by these keys compares the words too and names the second group with
`Identity.alias`, so that sums stay exact.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = Sequence[NDArray[np.uint64]]
"""Key columns of n rows, each uint64[n]."""

HASH_BITS = 64
"""Of a key."""

_SHIFT = np.uint64(32)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
"""Multipliers of the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""


class KeyCollision(Exception):
    """Groups with different words have the same key.

    Attributes:
        words: the key columns of the groups that need another key, no duplicates.
    """

    def __init__(self, words: list[tuple[int, ...]]) -> None:
        super().__init__(f"{len(words)} groups share their key with another")
        self.words = words


class Identity:
    """Gives the rows of one view their keys. May be shared by threads.

    Args:
        words: number of key columns.
        bits: how many bits of the hash to use; fewer than 64 only to test collisions.
    """

    def __init__(self, words: int, bits: int = HASH_BITS) -> None:
        self._seeds = [np.uint64(secrets.randbits(64)) for _ in range(words)]
        self._factors = [np.uint64(secrets.randbits(64) | 1) for _ in range(words)]
        self._bits = np.uint64((1 << bits) - 1)
        self._aliases: dict[tuple[int, ...], int] = {}

    def keys(self, words: Words) -> NDArray[np.uint64]:
        """Key of each row."""
        mixed = words[0] ^ self._seeds[0]
        for word, seed, factor in zip(words[1:], self._seeds[1:], self._factors[1:], strict=True):
            mixed *= factor
            mixed ^= mixed >> _SHIFT
            mixed += word ^ seed
        _finalise(mixed)
        mixed &= self._bits
        for alias, key in self._aliases.items():
            same = words[0] == np.uint64(alias[0])
            for word, value in zip(words[1:], alias[1:], strict=True):
                same &= word == np.uint64(value)
            mixed[same] = key
        return mixed

    @property
    def aliases(self) -> int:
        """Number of groups that have another key than their hash. When it grows, keys given before may be outdated."""
        return len(self._aliases)

    def alias(self, words: Sequence[tuple[int, ...]]) -> None:
        """Give each of these groups a random key of its own instead of its hash."""
        # Another thread may be going through those that there are.
        self._aliases = {**self._aliases, **{group: secrets.randbits(64) for group in words}}


def _finalise(value: NDArray[np.uint64]) -> None:
    """Spread every bit over the whole word, in place; a bijection."""
    value ^= value >> np.uint64(30)
    value *= _MIX[0]
    value ^= value >> np.uint64(27)
    value *= _MIX[1]
    value ^= value >> np.uint64(31)


def distinct_rows(words: Words, rows: NDArray[np.int64]) -> list[tuple[int, ...]]:
    """Words of the given rows without duplicates. For the few rows that collide."""
    table = np.stack([word[rows] for word in words], axis=1)
    return [tuple(int(value) for value in row) for row in np.unique(table, axis=0)]
