"""Catalog: which files of a store hold the flows of a time window. For readers; takes no lock.

Directories are listed once and again only when they change, so asking often is cheap, and days that cannot have
flows of the window are not even entered: a fixed window costs the same in a store of a day and of a year. No file
is opened, but for hours that have a compacted file and others: its footer says which of those it replaces.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nftui.engine.store.layout import (
    DAY_MS,
    HOUR_MS,
    LIVE,
    SEALED_SUFFIX,
    SEGMENT_SUFFIX,
    PartName,
    RollupName,
    parse_date,
    parse_file,
    parse_hour,
    parse_rollup,
)
from nftui.engine.store.reach import Reach, parse_reach
from nftui.errors import CorruptFile

if TYPE_CHECKING:
    from nftui.engine.store.segment import SegmentReader

_SETTLED_NS = 2_000_000_000
"""A directory that changed so recently may change again without a new time stamp: it is listed again."""


@dataclass(frozen=True, slots=True, order=True)
class SlotFile:
    """A sealed part, or the compacted parts of an hour.

    Attributes:
        name: slot start, writer and part.
        file: its path.
        rollup: name of its roll-up, which lies beside it, or None.
    """

    name: PartName
    file: str
    rollup: RollupName | None = field(default=None, compare=False)

    @property
    def start_ms(self) -> int:
        """Start of the slot, UTC ms."""
        return self.name.slot_ms

    @property
    def path(self) -> Path:
        """Path of the file."""
        return Path(self.file)

    @property
    def rollup_file(self) -> str | None:
        """Path of the roll-up."""
        return f"{self.file.rpartition('/')[0]}/{self.rollup.file_name}" if self.rollup else None


@dataclass(slots=True)
class Snapshot:
    """All flows of a store at one moment: sealed files, and opened segments whose flows are in none of them.

    Close it, or use it as a context manager. A sealed file may be expired before it is opened: skip and count it.
    """

    sealed: list[SlotFile]
    live: list[SegmentReader]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the segments back."""
        for reader in self.live:
            reader.close()
        self.live = []


@dataclass(slots=True)
class _Hour:
    path: str
    stamp: int = -1
    files: list[SlotFile] = field(default_factory=list)


@dataclass(slots=True)
class _Day:
    path: str
    stamp: int = -1
    reach: Reach = field(default_factory=Reach)
    hours: dict[int, _Hour] = field(default_factory=dict)


class Catalog:
    """The files of one store. Used by one thread at a time.

    Args:
        root: directory of the store; need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stamp = -1
        self._days: dict[int, _Day] = {}

    def slots(self, start_ms: int | None = None, end_ms: int | None = None) -> list[SlotFile]:
        """Sealed files in order of their slots that may hold flows overlapping `start_ms` to `end_ms` (UTC, inclusive).

        Flows of a file start and end as far from its slot as the day's markers say (see `reach`).
        """
        self._list_days()
        found: list[SlotFile] = []
        for day_ms, day in list(self._days.items()):
            if start_ms is None and end_ms is None:
                window = (day_ms, day_ms + DAY_MS - 1)
            else:
                if not self._may_hold(day, day_ms, start_ms, end_ms):
                    continue
                window = slot_window(day.reach, start_ms, end_ms, day_ms)
            if window[0] <= window[1]:
                found.extend(self._files(day, day_ms, *window))
        return found

    def live(self) -> list[Path]:
        """Live segments, oldest slot first; some may be sealed by the time they are opened."""
        names = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            names = [name for entry in os.listdir(self._root / LIVE) if (name := parse_file(entry, SEGMENT_SUFFIX))]
        return [name.segment(self._root) for name in sorted(names)]

    def snapshot(
        self,
        start_ms: int | None = None,
        end_ms: int | None = None,
        open_segment: Callable[[Path], SegmentReader] | None = None,
    ) -> Snapshot:
        """Every flow that may overlap the window exactly once, whatever is sealed meanwhile.

        Segments are listed and opened first, sealed files second. A segment that was sealed before it could be
        opened is in the second list, and one that is in both is dropped from the first.

        Args:
            start_ms: the window, UTC, inclusive.
            end_ms: as `start_ms`.
            open_segment: how segments are opened; anew each time if None.
        """
        readers: list[SegmentReader] = []
        for path in self.live():
            # Arrow is loaded only where there is a segment: `nftui dump` starts in half the time without.
            from nftui.engine.store.segment import SegmentReader

            with contextlib.suppress(FileNotFoundError):
                readers.append((open_segment or SegmentReader)(path))
        try:
            sealed = self.slots(start_ms, end_ms)
        except BaseException:
            Snapshot([], readers).close()
            raise
        stems = {file.name.stem for file in sealed}
        live = []
        for reader in readers:
            if reader.path.name.removesuffix(SEGMENT_SUFFIX) in stems:
                reader.close()
            else:
                live.append(reader)
        return Snapshot(sealed, live)

    def _list_days(self) -> None:
        listing = _changed(str(self._root), self._stamp)
        if listing is None:
            return
        self._stamp, names = listing
        days = {day: name for name in names if (day := parse_date(name)) is not None}
        for day in [day for day in self._days if day not in days]:
            del self._days[day]
        for day, name in days.items():
            if day not in self._days:
                self._days[day] = _Day(f"{self._root}/{name}")
        self._days = dict(sorted(self._days.items()))

    def _may_hold(self, day: _Day, day_ms: int, start_ms: int | None, end_ms: int | None) -> bool:
        """Whether a look into the day is worth it, from what is known of it; reads its markers."""
        self._list_hours(day)
        first, last = slot_window(day.reach, start_ms, end_ms, day_ms)
        return first <= last

    def _list_hours(self, day: _Day) -> None:
        listing = _changed(day.path, day.stamp)
        if listing is None:
            return
        day.stamp, names = listing
        day.reach = parse_reach(names)
        hours = {hour: name for name in names if (hour := parse_hour(name)) is not None}
        for hour in [hour for hour in day.hours if hour not in hours]:
            del day.hours[hour]
        for hour, name in hours.items():
            if hour not in day.hours:
                day.hours[hour] = _Hour(f"{day.path}/{name}")
        day.hours = dict(sorted(day.hours.items()))

    def _files(self, day: _Day, day_ms: int, first_ms: int, last_ms: int) -> Iterator[SlotFile]:
        """Files of a day whose slots start in the given range."""
        self._list_hours(day)
        for hour, entry in day.hours.items():
            begin = day_ms + hour * HOUR_MS
            if begin > last_ms or begin + HOUR_MS <= first_ms:
                continue
            self._list_files(entry)
            yield from (f for f in entry.files if f.name.last_slot_ms >= first_ms and f.name.slot_ms <= last_ms)

    def _list_files(self, hour: _Hour) -> None:
        listing = _changed(hour.path, hour.stamp)
        if listing is None:
            return
        stamp, names = listing
        if stamp < 0:
            names = _settled_names(hour.path, names)
        hour.stamp, hour.files = stamp, without_replaced(files_of(hour.path, names))


def files_of(directory: str, names: list[str]) -> list[SlotFile]:
    """All sealed files among an hour's directory entries, each with its roll-up."""
    rollups = {rollup.stem: rollup for name in names if (rollup := parse_rollup(name)) is not None}
    return sorted(
        SlotFile(part, f"{directory}/{name}", rollups.get(part.stem))
        for name in names
        if (part := parse_file(name, SEALED_SUFFIX))
    )


def without_replaced(
    files: list[SlotFile], footer: Callable[[SlotFile], Mapping[str, Any]] | None = None
) -> list[SlotFile]:
    """The files of an hour without those whose flows are in a compacted file that is there, too.

    Args:
        files: of the hour.
        footer: reads what a footer says, raising as `footer.read_footer`, which it is if None.
    """
    if len(files) < 2 or not any(file.name.hour for file in files):
        return files
    from nftui.engine.store.footer import read_footer

    replaced: set[str] = set()
    for file in files:
        if file.name.hour:
            # One that is damaged replaces nothing; one that is gone was replaced itself.
            with contextlib.suppress(CorruptFile, FileNotFoundError):
                about = read_footer(file.path) if footer is None else footer(file)
                replaced.update(about.get("replaces", ()))
    return [file for file in files if file.name.stem not in replaced]


def _settled_names(path: str, names: list[str]) -> list[str]:
    """Names of a directory that may change under the listing: it is listed until two listings agree.

    A compaction adds one name, then removes others. A listing that misses some of those and the new one, too, is
    followed by one that has the new one.
    """
    while True:
        before = set(names)
        try:
            names = os.listdir(path)
        except (FileNotFoundError, NotADirectoryError):
            return []
        if before == set(names):
            return names


def slot_window(reach: Reach, start_ms: int | None, end_ms: int | None, day_ms: int) -> tuple[int, int]:
    """First and last slot start of a day whose files may hold flows from `start_ms` to `end_ms`."""
    first, last = day_ms, day_ms + DAY_MS - 1
    if start_ms is not None and reach.after is not None:
        first = max(first, start_ms - reach.after * 1000)
    if end_ms is not None and reach.before is not None:
        last = min(last, end_ms + reach.before * 1000)
    return first, last


def _changed(path: str, stamp: int) -> tuple[int, list[str]] | None:
    """New stamp and names of a directory, or None if it is as it was. One that is gone is empty."""
    try:
        modified = os.stat(path).st_mtime_ns
        if modified == stamp:
            return None
        names = os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return -1, []
    return (modified if 0 <= modified < time.time_ns() - _SETTLED_NS else -1), names
