"""Where the records of a capture file lie, found without a Python step for each record.

The records of a capture form a chain: the length in one says where the next begins. The chain is walked at many
places at once. Where to begin in the middle is guessed from what a record header looks like, and every guess is
proved afterwards: the walk of one stretch has to land exactly on the start of the next. Where it does not, the
stretch is walked again record by record, so that the result is always the true chain.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Mask = NDArray[np.bool_]

_STRETCH = 1 << 15
"""Bytes that one walker covers: long enough that finding its start costs little."""
_SCAN = 128
"""Positions that are tried as a start at a time."""
_PROOF = 5
"""Plausible records in a row that make a guess worth walking from."""


class RecordFormat(Protocol):
    """What a record of one kind of file looks like. Positions are byte offsets in the window."""

    header: int
    """Bytes that must be present before the length can be read."""

    def following(self, positions: Positions) -> Positions:
        """Where the next records begin, `header` further on at least; positions must have a whole header."""
        ...

    def step(self, position: int) -> int:
        """Bytes from one position to the next record."""
        ...

    def plausible(self, positions: Positions, end: int) -> Mask:
        """Whether a record may start there; positions must have a whole header."""
        ...


def index_records(records: RecordFormat, start: int, end: int) -> Positions:
    """Starts of all records whose header lies in `start..end`, by following lengths from `start`.

    The last record may reach beyond `end`; whether lengths make sense is for the caller to judge.
    """
    if end - start < 2 * _STRETCH:
        return _walk(records, start, end, end)
    starts = _guess_starts(records, start, end)
    limits = np.append(starts[1:], end)
    pieces, landed = _walk_together(records, starts, limits, end)
    if np.array_equal(landed[:-1], limits[:-1]):
        return pieces
    return _repair(records, pieces, starts, landed, end)


def _walk(records: RecordFormat, start: int, stop: int, end: int) -> Positions:
    """Follow one chain until it reaches `stop`."""
    found = []
    position = start
    last = end - records.header
    while position < stop and position <= last:
        found.append(position)
        position += records.step(position)
    return np.array(found, np.int64)


def _guess_starts(records: RecordFormat, start: int, end: int) -> Positions:
    """`start` and, for each further stretch, the first place in it where several plausible records follow."""
    count = (end - start) // _STRETCH
    begin = np.linspace(start, end, count + 1).astype(np.int64)[:-1]
    limit = np.append(begin[1:], end)
    found = np.full(count, -1, np.int64)
    found[0] = start
    pending = np.arange(1, count)
    cursor = begin.copy()
    while len(pending):
        candidates = (cursor[pending, None] + np.arange(_SCAN)).ravel()
        owner = np.repeat(pending, _SCAN)
        inside = candidates + records.header <= end
        candidates, owner = candidates[inside], owner[inside]
        good = records.plausible(candidates, end)
        origin, owner = candidates[good], owner[good]
        here = origin
        for _ in range(_PROOF):
            if not len(here):
                break
            following = records.following(here)
            finished = following + records.header > end
            probe = np.where(finished, start, following)
            good = finished | records.plausible(probe, end)
            here = np.where(finished, here, probe)[good]
            origin, owner = origin[good], owner[good]
        first, index = np.unique(owner, return_index=True)
        found[first] = origin[index]
        cursor[pending] += _SCAN
        pending = pending[(found[pending] < 0) & (cursor[pending] < limit[pending])]
    return found[found >= 0]


def _walk_together(
    records: RecordFormat, starts: Positions, limits: Positions, end: int
) -> tuple[Positions, Positions]:
    """Walk from every start to its limit, all in lockstep.

    Returns:
        All positions, chain after chain, and where each chain landed at or behind its limit.
    """
    chains = np.arange(len(starts))
    here, limit = starts.copy(), np.minimum(limits, end - records.header + 1)
    landed = starts.copy()
    steps: list[Positions] = []
    owners: list[Positions] = []
    counts = np.zeros(len(starts), np.int64)
    while len(chains):
        steps.append(here)
        owners.append(chains)
        counts[chains] += 1
        following = records.following(here)
        going = following < limit
        if going.all():
            here = following
            continue
        landed[chains] = following
        chains, here, limit = chains[going], following[going], limit[going]
    positions = np.empty(int(counts.sum()), np.int64)
    first = np.cumsum(counts) - counts
    for number, (step, owner) in enumerate(zip(steps, owners, strict=True)):
        positions[first[owner] + number] = step
    return positions, landed


def _repair(records: RecordFormat, positions: Positions, starts: Positions, landed: Positions, end: int) -> Positions:
    """Walk the stretches that a wrong guess spoiled, from the last proved record on."""
    known = {int(start): number for number, start in enumerate(starts)}
    bounds = np.append(np.searchsorted(positions, starts), len(positions))
    pieces: list[Positions] = []
    chain = 0
    while True:
        pieces.append(positions[bounds[chain] : bounds[chain + 1]])
        if chain == len(starts) - 1:
            return np.concatenate(pieces)
        position = int(landed[chain])
        while position not in known:
            if position + records.header > end:
                return np.concatenate(pieces)
            later = starts[np.searchsorted(starts, position) :]
            piece = _walk(records, position, int(later[0]) if len(later) else end, end)
            pieces.append(piece)
            position = int(piece[-1]) + records.step(int(piece[-1]))
        chain = known[position]
