"""Expiry: the oldest files go when a store is too large, too old, or its disk too full; as nfexpire(1).

When a limit is passed, whole files are removed, oldest first, until the store is below the watermark of that limit:
a percentage, so that expiry works in larger steps and not at each rotation. Only sealed files of the store and their
roll-ups are removed, never a live segment, a file in quarantine or anything with a name that is not ours.

Readers need no lock: a file that a query has opened stays readable until it is closed, and one that is gone before
it is opened is left out and told.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nftui.engine.store.catalog import Catalog, SlotFile
from nftui.engine.store.footer import is_foreign
from nftui.engine.store.layout import DAY_MS, HOUR_MS, LIVE, QUARANTINE, TEMPORARY, parse_date, parse_hour
from nftui.engine.store.reach import is_marker
from nftui.engine.store.retention import Policy

_BLOCK = 512  # st_blocks counts these, whatever the file system's own are
_FORECAST_MS = 7 * DAY_MS
_SETTLED_MS = 2 * DAY_MS
"""Directories of days that ended so recently stay: the writer may be about to put a late part there."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A sealed file with its roll-up.

    Attributes:
        file: of the catalogue.
        bytes: that both take on disk.
    """

    file: SlotFile
    bytes: int


@dataclass(frozen=True, slots=True)
class Holdings:
    """What lies in a store.

    Attributes:
        files: sealed files, oldest slot first.
        other_bytes: live segments, files in quarantine, temporary files.
        free_bytes: of the disk, for this user.
        disk_bytes: size of the disk.
    """

    files: tuple[Kept, ...]
    other_bytes: int
    free_bytes: int
    disk_bytes: int

    @property
    def bytes(self) -> int:
        """All that the store takes on disk."""
        return self.other_bytes + sum(kept.bytes for kept in self.files)

    @property
    def daily_bytes(self) -> float | None:
        """Bytes a day over the last week that has files; None for a store of less than an hour."""
        if not self.files:
            return None
        newest = self.files[-1].file.name.last_slot_ms
        recent = [kept for kept in self.files if kept.file.start_ms > newest - _FORECAST_MS]
        span = newest - recent[0].file.start_ms
        return sum(kept.bytes for kept in recent) * DAY_MS / span if span >= HOUR_MS - 1 else None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What comes if flows keep coming as in the last week.

    Attributes:
        days_left: until the store reaches its limit of size, or else the disk is full.
        days_kept: of flows that the store has once it is at its limits.
    """

    days_left: float | None
    days_kept: float | None


def holdings(root: Path) -> Holdings:
    """Look what lies in a store. Raises OSError."""
    found = []
    for file in Catalog(root).slots():
        size = _size(file.path)
        if size is not None:
            rollup = _size(Path(file.rollup_file)) if file.rollup_file is not None else None
            found.append(Kept(file, size + (rollup or 0)))
    space = os.statvfs(root)
    other = sum(_size_below(root / name) for name in (LIVE, TEMPORARY, QUARANTINE))
    return Holdings(tuple(found), other, space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize)


def due(held: Holdings, policy: Policy, now_ms: int) -> list[Kept]:
    """The files that have to go, oldest first."""
    return list(held.files[: max(_by_age(held, policy, now_ms), _by_bytes(held, _bytes_to_free(held, policy)))])


def remove(root: Path, files: list[Kept], now_ms: int) -> Iterator[Kept]:
    """Remove files and the directories that this empties; gives each file when it is gone.

    For who may compact. A file whose live segment is still there stays: it tells recovery that the segment is sealed.
    So does a Parquet file of somebody else, whatever its name; one of ours that is damaged goes.

    Raises:
        OSError: the disk failed.
    """
    for kept in files:
        if kept.file.name.segment(root).exists() or is_foreign(kept.file.path):
            continue
        # The roll-up first: flows without one are whole, one without flows would be a left-over.
        for path in (kept.file.rollup_file, kept.file.file):
            if path is not None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        yield kept
    if files:
        _remove_empty(root, min(files[-1].file.start_ms, now_ms - _SETTLED_MS))


def forecast(held: Holdings, policy: Policy) -> Forecast:
    """When the store is full, and how much it will hold then."""
    daily = held.daily_bytes
    if not daily:
        return Forecast(None, None)
    most = held.bytes + held.free_bytes - int((policy.least_free or 0) * held.disk_bytes)
    if policy.most_bytes is not None:
        most = min(most, policy.most_bytes)
    kept = most / daily
    if policy.most_age_ms is not None:
        kept = min(kept, policy.most_age_ms / DAY_MS)
    return Forecast(max(0.0, (most - held.bytes) / daily), kept)


def outlives(held: Holdings, going: list[Kept]) -> bool:
    """Whether something is left when these files are gone."""
    return len(going) < len(held.files)


def _by_age(held: Holdings, policy: Policy, now_ms: int) -> int:
    """How many of the oldest files are too old."""
    if policy.most_age_ms is None or not held.files:
        return 0
    ages = [now_ms - kept.file.name.last_slot_ms for kept in held.files]
    if ages[0] <= policy.most_age_ms:
        return 0
    return next((place for place, age in enumerate(ages) if age <= policy.most_age_ms * policy.watermark), len(ages))


def _bytes_to_free(held: Holdings, policy: Policy) -> int:
    wanted = 0
    if policy.most_bytes is not None and held.bytes > policy.most_bytes:
        wanted = held.bytes - int(policy.most_bytes * policy.watermark)
    if policy.least_free is not None and held.free_bytes < policy.least_free * held.disk_bytes:
        wanted = max(wanted, int(policy.least_free / policy.watermark * held.disk_bytes) - held.free_bytes)
    return wanted


def _by_bytes(held: Holdings, wanted: int) -> int:
    """How many of the oldest files have so many bytes."""
    count = 0
    while wanted > 0 and count < len(held.files):
        wanted -= held.files[count].bytes
        count += 1
    return count


def _remove_empty(root: Path, until_ms: int) -> None:
    """Remove empty directories of days before a time; a day may still have its markers of reach."""
    for name in os.listdir(root):
        day_ms = parse_date(name)
        if day_ms is None or day_ms + DAY_MS > until_ms:
            continue
        day = root / name
        with contextlib.suppress(OSError):
            for hour in filter(lambda entry: parse_hour(entry) is not None, os.listdir(day)):
                os.rmdir(day / hour)
            if all(is_marker(marker) for marker in os.listdir(day)):
                for marker in os.listdir(day):
                    os.unlink(day / marker)
                os.rmdir(day)


def _size(path: Path) -> int | None:
    """Bytes on disk of a regular file; None for anything else."""
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        if stat.S_ISREG(found.st_mode):
            return found.st_blocks * _BLOCK
    return None


def _size_below(directory: Path) -> int:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
        return sum(_size(Path(entry.path)) or 0 for entry in entries)
    return 0
