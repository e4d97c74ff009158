"""Where the records of a block begin: each says how long it is, and most blocks hold records of few lengths.

Following ten thousand lengths one by one takes Python longer than all the rest. Runs of records of one length are
found with one comparison; where lengths change all the time, every place that looks like the start of a record is
a candidate, and those that the chain of lengths really visits are found by doubling steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Steps = NDArray[np.int32]

_LONG_RUN = 64
_MOST_SHORT_RUNS = 8
_MOST_UNKNOWN = 16
"""Records of unknown types in a block before its rest is given up: none are expected."""


@dataclass(slots=True)
class Found:
    """Records of a block.

    Attributes:
        positions: where they begin, in order.
        types: their types.
        sizes: their lengths in bytes, the header of 4 included; all within the block.
        breaks: places where the chain of lengths broke, each with the place where it goes on (the end of the block if
            nowhere).
    """

    positions: Ints
    types: Ints
    sizes: Ints
    breaks: list[tuple[int, int]] = field(default_factory=list)


class Walker:
    """Finds the records of blocks.

    Args:
        known: types of records that a block may hold.
        order: byte order, `<` or `>`.
    """

    def __init__(self, known: frozenset[int], order: str) -> None:
        self._order = order
        self._known = np.zeros(256, np.bool_)
        self._known[[number for number in known if number < 256]] = True

    def find(self, data: NDArray[Any]) -> Found:
        """The records of a block.

        Args:
            data: uint8, the payload of a block.
        """
        parts: list[Ints] = []
        breaks: list[tuple[int, int]] = []
        at, short = 0, 0
        while len(data) - at >= 4 and short < _MOST_SHORT_RUNS:
            run, size = self._run(data, at)
            if not run:
                break
            parts.append(at + np.arange(run, dtype=np.int64) * size)
            at += run * size
            short = 0 if run >= _LONG_RUN else short + 1
        if at < len(data):
            self._search(data, at, parts, breaks)
        positions = np.concatenate(parts) if parts else np.zeros(0, np.int64)
        return Found(positions, self._u2(data, positions), self._u2(data, positions + 2), breaks)

    def _u2(self, data: NDArray[Any], positions: Ints) -> Ints:
        if len(data) < 2:
            return np.zeros(0, np.int64)
        view: NDArray[Any] = np.ndarray((len(data) - 1,), f"{self._order}u2", data, strides=(1,))
        return view[positions].astype(np.int64)

    def _run(self, data: NDArray[Any], at: int) -> tuple[int, int]:
        """Records with the type and length of the one at `at` that follow it, itself included, and that length."""
        head = int(np.ndarray((1,), f"{self._order}u2", data, at)[0])
        size = int(np.ndarray((1,), f"{self._order}u2", data, at + 2)[0])
        count = (len(data) - at) // size if size >= 4 else 0
        if not count or head > 255 or not self._known[head]:
            return 0, 0
        heads: NDArray[Any] = np.ndarray((count,), "u4", data, at, (size,))
        different = np.flatnonzero(heads != heads[0])
        return (int(different[0]) if len(different) else count), size

    def _search(self, data: NDArray[Any], at: int, parts: list[Ints], breaks: list[tuple[int, int]]) -> None:
        """Records from `at` on, by candidates."""
        end = len(data)
        low, high = (data[:-3], data[1:-2]) if self._order == "<" else (data[1:-2], data[:-3])
        places = at + np.flatnonzero(self._known[low[at:]] & (high[at:] == 0))
        following = places + self._u2(data, places + 2)
        plausible = (following - places >= 4) & (following <= end)
        places, following = places[plausible], following[plausible]
        count = len(places)
        over, lost = count, count + 1  # where a chain ends well, and where it breaks
        step = np.searchsorted(places, following)
        step = np.where(following == end, over, np.where(np.append(places, -1)[step] == following, step, lost))
        leads: Steps = np.append(step, (over, lost)).astype(np.int32)
        for _ in range(_MOST_UNKNOWN):
            start = int(np.searchsorted(places, at))
            if start < count and places[start] == at:
                chain = _chain(leads, start)
                parts.append(places[chain])
                at = int(following[chain[-1]])
            if at == end:
                return
            size = int(self._u2(data, np.array([at + 2]))[0]) if at + 4 <= end else 0
            if 4 <= size <= end - at and (at + size == end or at + size in places[start : start + size]):
                at += size  # of a type that is not known
                continue
            start = int(np.searchsorted(places, at, "right"))
            good = np.flatnonzero(_last(leads)[start:count] == over)
            again = int(places[start + good[0]]) if len(good) else end
            breaks.append((at, again))
            at = again
            if at == end:
                return
        breaks.append((at, end))


def _chain(step: Steps, start: int) -> Ints:
    """Candidates that the chain visits from one on, in order.

    Args:
        step: where each candidate leads; the last two stand for the chain's good and bad end and lead to themselves.
        start: the first.
    """
    count = len(step) - 2
    chain = np.array([start], np.int64)
    while chain[-1] < count:
        chain = np.concatenate([chain, step[chain]])
        step = step[step]
    return chain[chain < count]


def _last(step: Steps) -> Steps:
    """Where the chain ends from each candidate."""
    for _ in range(len(step).bit_length()):
        step = step[step]
    return step
