"""Grouped sums: rows to groups by sorting their keys, and a table of groups that parts are added to and taken from.

Sorting 64-bit keys and summing runs (`ufunc.reduceat`) is the fastest exact grouping that NumPy has. The table keeps
one sorted array of keys beside columns that are never moved: a group has a slot for as long as any part knows it,
so adding and removing a part costs in proportion to the part, except for the sorted keys (one copy).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nftui.engine.live.identity import Identity, KeyCollision, Words, distinct_rows

_FIRST_CAPACITY = 1 << 10

NEVER = np.iinfo(np.int64).max
"""Least value of a group that has none."""

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(slots=True)
class Part:
    """Grouped sums of some flows.

    Attributes:
        keys: uint64[groups], ascending, distinct.
        words: key columns of each group.
        sums: column of the table to int64[groups].
        lows: column of the table's least values to int64[groups].
        slots: int32[groups], where the table keeps each group; empty until the part is added.
    """

    keys: NDArray[np.uint64]
    words: list[NDArray[np.uint64]]
    sums: dict[int, NDArray[np.int64]]
    lows: dict[int, NDArray[np.int64]]
    slots: NDArray[np.int32]


def group(
    identity: Identity,
    words: Words,
    amounts: dict[int, NDArray[np.int64]],
    moments: Mapping[int, NDArray[np.int64]] = MappingProxyType({}),
) -> Part:
    """Sum the amounts of rows with equal words, and take the least of their moments.

    Raises:
        KeyCollision: rows with different words have the same key.
    """
    keys = identity.keys(words)
    order = np.argsort(keys)
    keys = keys[order]
    first = np.empty(len(keys), np.bool_)
    first[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=first[1:])
    starts = np.flatnonzero(first)
    if len(starts) < len(keys):
        _check_runs(words, order, first)
    rows = order[starts]
    sums = {
        column: np.add.reduceat(values[order], starts) if len(starts) else values for column, values in amounts.items()
    }
    lows = {
        column: np.minimum.reduceat(values[order], starts) if len(starts) else values
        for column, values in moments.items()
    }
    return Part(keys[starts], [word[rows] for word in words], sums, lows, np.zeros(0, np.int32))


def _check_runs(words: Words, order: NDArray[np.int64], first: NDArray[np.bool_]) -> None:
    """Raise KeyCollision unless all rows of a run of equal keys have equal words."""
    wrong = np.zeros(len(order), np.bool_)
    for word in words:
        if word[0] == word[-1] and (word == word[0]).all():
            continue  # the high halves of IPv4 addresses, null flags
        ordered = word[order]
        wrong[1:] |= ordered[1:] != ordered[:-1]
    wrong &= ~first
    if not wrong.any():
        return
    run = np.cumsum(first) - 1
    head = order[np.flatnonzero(first)][run]
    differs = np.zeros(len(order), np.bool_)
    for word in words:
        differs |= word[order] != word[head]
    raise KeyCollision(distinct_rows(words, order[differs]))


class GroupTable:
    """Running sums of groups.

    The columns are addressed by slot; `used` slots from 0 on have been handed out, and those with `parts` 0 are
    vacant at present (their sums are 0).

    Attributes:
        used: slots to look at.
        groups: number of groups in the table.
        key: uint64, key by slot.
        words: uint64 per key column, by slot.
        sums: int64 per column, by slot.
        lows: int64 per column, least value of the parts added since the group came, by slot; `NEVER` without one.
        seen: int64, largest `seen` of the parts added, by slot.
        parts: int32, number of parts that know the group, by slot.
    """

    def __init__(self, words: int, columns: int, lows: int = 0) -> None:
        self.used = 0
        self.groups = 0
        self.key = np.zeros(_FIRST_CAPACITY, np.uint64)
        self.words = [np.zeros(_FIRST_CAPACITY, np.uint64) for _ in range(words)]
        self.sums = [np.zeros(_FIRST_CAPACITY, np.int64) for _ in range(columns)]
        self.lows = [np.full(_FIRST_CAPACITY, NEVER) for _ in range(lows)]
        self._written: set[int] = set()
        self.seen = np.zeros(_FIRST_CAPACITY, np.int64)
        self.parts = np.zeros(_FIRST_CAPACITY, np.int32)
        self._sorted = np.zeros(0, np.uint64)
        self._slots = np.zeros(0, np.int32)
        self._vacant = np.zeros(0, np.int32)

    def find(self, key: int) -> int | None:
        """Slot of a key, or None."""
        place = int(np.searchsorted(self._sorted, np.uint64(key)))
        if place < len(self._sorted) and int(self._sorted[place]) == key:
            return int(self._slots[place])
        return None

    def expect(self, keys: NDArray[np.uint64]) -> None:
        """Prepare an empty table for parts with these keys, all of which must be added next: one merge for many."""
        keys = np.sort(keys)  # np.unique would hash them, which takes seven times as long
        self._sorted = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
        self.used = self.groups = len(self._sorted)
        self._slots = np.arange(self.used, dtype=np.int32)
        self._reserve()
        self.key[: self.used] = self._sorted

    def add(self, part: Part, seen: int) -> None:
        """Add the sums of a part and remember in it where its groups are.

        Raises:
            KeyCollision: a group of the part has the key of another group.
        """
        places = np.searchsorted(self._sorted, part.keys)
        known = np.zeros(len(places), np.bool_)
        inside = places < len(self._sorted)
        known[inside] = self._sorted[places[inside]] == part.keys[inside]
        slots = np.empty(len(places), np.int32)
        slots[known] = self._slots[places[known]]
        self._check(part, np.flatnonzero(known), slots)
        fresh = ~known
        count = int(np.count_nonzero(fresh))
        if count:
            slots[fresh] = self._settle(part, fresh, places[fresh], count)
        self._written |= part.sums.keys()
        for column, values in part.sums.items():
            self.sums[column][slots] += values
        for column, values in part.lows.items():
            self.lows[column][slots] = np.minimum(self.lows[column][slots], values)
        self.seen[slots] = np.maximum(self.seen[slots], seen)
        self.parts[slots] += 1
        part.slots = slots
        part.words = []

    def remove(self, part: Part) -> None:
        """Take the sums of a part away; groups that no other part knows are gone."""
        slots = part.slots
        for column, values in part.sums.items():
            self.sums[column][slots] -= values
        self.parts[slots] -= 1
        gone = self.parts[slots] == 0
        if not gone.any():
            return
        vacant = slots[gone]
        self.seen[vacant] = 0
        for low in self.lows:
            low[vacant] = NEVER
        keep = np.ones(len(self._sorted), np.bool_)
        keep[np.searchsorted(self._sorted, part.keys[gone])] = False
        self._sorted = self._sorted[keep]
        self._slots = self._slots[keep]
        self._vacant = np.concatenate([self._vacant, vacant])
        self.groups -= len(vacant)

    def _check(self, part: Part, rows: NDArray[np.int64], slots: NDArray[np.int32]) -> None:
        """Raise KeyCollision where groups at these rows have other words; write them where they are expected."""
        expected = self.parts[slots[rows]] == 0
        if expected.any():
            first = rows[expected]
            for mine, theirs in zip(self.words, part.words, strict=True):
                mine[slots[first]] = theirs[first]
            rows = rows[~expected]
        differs = np.zeros(len(rows), np.bool_)
        for mine, theirs in zip(self.words, part.words, strict=True):
            differs |= mine[slots[rows]] != theirs[rows]
        if differs.any():
            raise KeyCollision(distinct_rows(part.words, rows[differs]))

    def _settle(self, part: Part, fresh: NDArray[np.bool_], places: NDArray[np.int64], count: int) -> NDArray[np.int32]:
        """Give new groups slots and put their keys in order."""
        reused = self._vacant[max(0, len(self._vacant) - count) :]
        self._vacant = self._vacant[: len(self._vacant) - len(reused)]
        more = count - len(reused)
        slots = np.concatenate([reused, np.arange(self.used, self.used + more, dtype=np.int32)])
        self.used += more
        self._reserve()
        self.key[slots] = part.keys[fresh]
        for mine, theirs in zip(self.words, part.words, strict=True):
            mine[slots] = theirs[fresh]
        self._sorted, self._slots = _merge(places, (self._sorted, part.keys[fresh]), (self._slots, slots))
        self.groups += count
        return slots

    def _reserve(self) -> None:
        """Make room for `used` slots. Columns that were never written stay untouched and so take no memory."""
        if self.used <= len(self.key):
            return
        capacity = max(self.used, 2 * len(self.key))
        self.key = _longer(self.key, capacity)
        self.words = [_longer(word, capacity) for word in self.words]
        self.sums = [
            _longer(values, capacity) if column in self._written else np.zeros(capacity, np.int64)
            for column, values in enumerate(self.sums)
        ]
        self.lows = [_longer(low, capacity, NEVER) for low in self.lows]
        self.seen = _longer(self.seen, capacity)
        self.parts = _longer(self.parts, capacity)


def _longer(values: NDArray[_Scalar], length: int, filler: int = 0) -> NDArray[_Scalar]:
    """A longer copy, filled up at the end."""
    out = np.full(length, filler, values.dtype) if filler else np.zeros(length, values.dtype)
    out[: len(values)] = values
    return out


def _merge(
    places: NDArray[np.int64],
    keys: tuple[NDArray[np.uint64], NDArray[np.uint64]],
    slots: tuple[NDArray[np.int32], NDArray[np.int32]],
) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
    """Insert the second of each pair into the first at the given ascending places."""
    total = len(keys[0]) + len(places)
    target = places + np.arange(len(places))
    old = np.ones(total, np.bool_)
    old[target] = False
    merged_keys = np.empty(total, np.uint64)
    merged_keys[target] = keys[1]
    merged_keys[old] = keys[0]
    merged_slots = np.empty(total, np.int32)
    merged_slots[target] = slots[1]
    merged_slots[old] = slots[0]
    return merged_keys, merged_slots


def best(levels: Sequence[tuple[NDArray[Any], bool]], count: int, pool: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first `count` of the rows in `pool`, in order.

    Only the part of the rows that can be among the first is ever sorted.

    Args:
        levels: columns to order by, the most significant first, each with True for descending.
        count: how many rows.
        pool: rows to choose from.
    """
    chosen = []
    for column, descending in levels:
        if count == 0 or len(pool) <= count:
            break
        values = column[pool]
        place = len(values) - count if descending else count - 1
        threshold = np.partition(values, place)[place]
        sure = pool[values > threshold if descending else values < threshold]
        chosen.append(sure)
        count -= len(sure)
        pool = pool[values == threshold]
    rows = np.concatenate([*chosen, pool[:count]])
    return rows[np.lexsort([_ascending(column[rows], descending) for column, descending in reversed(levels)])]


def between(
    levels: Sequence[tuple[NDArray[Any], bool]], start: int, stop: int, pool: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The rows at the places from `start` up to `stop`, in order; as for `best`, only those are sorted that can be.

    Args:
        levels: as for `best`.
        start: place of the first row.
        stop: place after the last row, at most the length of the pool.
        pool: rows to choose from.
    """
    if start >= stop or not levels:
        return pool[start:stop]
    if len(pool) <= 2 * (stop - start):
        return _sorted(levels, pool)[start:stop]
    (column, descending), deeper = levels[0], levels[1:]
    values = _ascending(column[pool], descending)
    ends = np.partition(values, (start, stop - 1))
    low, high = ends[start], ends[stop - 1]
    before = int(np.count_nonzero(values < low))
    # Only among rows with one value does the next level decide.
    lowest = pool[values == low]
    if low == high:
        return between(deeper, start - before, stop - before, lowest)
    middle = _sorted(levels, pool[(values > low) & (values < high)])
    highest = pool[values == high]
    rest = stop - before - len(lowest) - len(middle)
    return np.concatenate(
        [between(deeper, start - before, len(lowest), lowest), middle, between(deeper, 0, rest, highest)]
    )


def _sorted(levels: Sequence[tuple[NDArray[Any], bool]], pool: NDArray[np.int64]) -> NDArray[np.int64]:
    return pool[np.lexsort([_ascending(column[pool], descending) for column, descending in reversed(levels)])]


def rank(levels: Sequence[tuple[NDArray[Any], bool]], row: int, pool: NDArray[np.int64]) -> int:
    """How many rows of `pool` come before `row`."""
    before = 0
    for column, descending in levels:
        values = column[pool]
        mine = column[row]
        before += int(np.count_nonzero(values > mine if descending else values < mine))
        pool = pool[values == mine]
    return before


def select(
    levels: Sequence[tuple[NDArray[Any], bool]], pool: NDArray[np.int64], limit: int, offset: int, at: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows from a place in the order on, and their ranks.

    Args:
        levels: as for `best`.
        pool: rows to choose from.
        limit: how many rows.
        offset: rows of the order to leave out. It gives way to `at`, and to the end of the order.
        at: a row to give in any case: where the answer starts at the first row, as its last one.
    """
    offset = max(0, min(offset, len(pool) - limit))
    if offset and at is not None:
        mine = rank(levels, at, pool)
        if not offset <= mine < offset + limit:
            offset = max(0, min(mine - limit // 2, len(pool) - limit))
    chosen = between(levels, offset, min(offset + limit, len(pool)), pool) if offset else best(levels, limit, pool)
    ranks = np.arange(offset, offset + len(chosen))
    if at is not None and at not in chosen:
        chosen = np.append(chosen[: limit - 1], at)
        ranks = np.append(ranks[: limit - 1], rank(levels, at, pool))
    return chosen, ranks


def _ascending(values: NDArray[Any], descending: bool) -> NDArray[Any]:
    """Values whose ascending order is the wanted one."""
    if not descending:
        return values
    return ~values if values.dtype.kind in "ui" else -values
