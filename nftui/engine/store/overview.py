"""What a store holds and what becomes of it: files by state, growth per day, what expires and what is compacted next.

For people who look: read-only, without a lock, beside a writer in this or another process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nftui.engine.store import expire
from nftui.engine.store.compact import due_hours
from nftui.engine.store.footer import read_footer
from nftui.engine.store.layout import DAY_MS, HOUR_MS, LIVE, QUARANTINE, REPLACED_SUFFIX, TEMPORARY
from nftui.engine.store.retention import Policy, parse_policy
from nftui.errors import CorruptFile, UsageError

_FOOTERS = 48
"""Files whose footers are read for the size of a flow: four hours of five-minute slots."""
_NEXT = 20
_NAMED = 200


@dataclass(frozen=True, slots=True)
class FilesOfState:
    """How many files are in a state, and what they take on disk.

    Attributes:
        state: `live`, `sealed`, `compacted`, `replaced`, `temporary` or `quarantined`.
        files: how many, roll-ups beside compacted ones not counted.
        bytes: on disk, roll-ups included.
    """

    state: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class DayOfStore:
    """One day, UTC.

    Attributes:
        day_ms: its start.
        files: sealed and compacted ones.
        bytes: on disk.
        hours: hours that have files.
        compacted: of these, hours with a compacted file.
    """

    day_ms: int
    files: int
    bytes: int
    hours: int
    compacted: int


@dataclass(frozen=True, slots=True)
class OldFile:
    """A file near its end: start of its slot (UTC ms), bytes on disk, and its name below the store."""

    start_ms: int
    bytes: int
    name: str


@dataclass(frozen=True, slots=True)
class StoreOverview:
    """A store at one moment.

    Attributes:
        at_ms: when it was looked at, UTC.
        states: files by state; states without files are left out.
        days: days with files, oldest first.
        first_ms, last_ms: first and last slot, None without files.
        bytes: all that it takes on disk.
        free_bytes, disk_bytes: of the disk.
        daily_bytes: growth per day over the last week, None when it is too young.
        days_left: until it is at its limit of size, or the disk is full; None when unknown.
        days_kept: that it will hold once it is at its limits; None when unknown.
        flow_bytes: bytes on disk per flow, over the latest files; None without any.
        policy: its limits.
        going: files that the next expiry removes.
        oldest: files that go after those, oldest first.
        waiting_hours: finished hours that are not compacted yet, UTC ms.
        quarantined: names and bytes of damaged files that were put aside.
    """

    at_ms: int
    states: tuple[FilesOfState, ...]
    days: tuple[DayOfStore, ...]
    first_ms: int | None
    last_ms: int | None
    bytes: int
    free_bytes: int
    disk_bytes: int
    daily_bytes: float | None
    days_left: float | None
    days_kept: float | None
    flow_bytes: float | None
    policy: Policy
    going: tuple[OldFile, ...]
    oldest: tuple[OldFile, ...]
    waiting_hours: tuple[int, ...]
    quarantined: tuple[tuple[str, int], ...]


def policy_of(settings: Mapping[str, str]) -> Policy:
    """Limits in a collector's settings; none where they say nothing that can be read."""
    texts = [settings.get(f"store.expire_{name}", "") for name in ("size", "age", "free", "watermark")]
    try:
        return parse_policy(*texts)
    except UsageError:
        return Policy()


def overview(root: Path, policy: Policy, now_ms: int) -> StoreOverview:
    """Look at a store. Raises OSError."""
    held = expire.holdings(root)
    ahead = expire.forecast(held, policy)
    going = expire.due(held, policy, now_ms)
    files = held.files
    return StoreOverview(
        at_ms=now_ms,
        states=_states(root, files),
        days=_days(files),
        first_ms=files[0].file.start_ms if files else None,
        last_ms=files[-1].file.name.last_slot_ms if files else None,
        bytes=held.bytes,
        free_bytes=held.free_bytes,
        disk_bytes=held.disk_bytes,
        daily_bytes=held.daily_bytes,
        days_left=ahead.days_left,
        days_kept=ahead.days_kept,
        flow_bytes=_flow_bytes(files[-_FOOTERS:]),
        policy=policy,
        going=tuple(_old(root, kept) for kept in going[:_NAMED]),
        oldest=tuple(_old(root, kept) for kept in files[len(going) : len(going) + _NEXT]),
        waiting_hours=tuple(due_hours(root, now_ms)),
        quarantined=_below(root / QUARANTINE)[:_NAMED],
    )


def _states(root: Path, files: tuple[expire.Kept, ...]) -> tuple[FilesOfState, ...]:
    temporary = _below(root / TEMPORARY)
    replaced = [entry for entry in temporary if entry[0].endswith(REPLACED_SUFFIX)]
    groups = (
        ("live", _below(root / LIVE)),
        ("sealed", [(kept.file.file, kept.bytes) for kept in files if not kept.file.name.hour]),
        ("compacted", [(kept.file.file, kept.bytes) for kept in files if kept.file.name.hour]),
        ("replaced", replaced),
        ("temporary", [entry for entry in temporary if entry not in replaced]),
        ("quarantined", _below(root / QUARANTINE)),
    )
    return tuple(FilesOfState(name, len(found), sum(size for _, size in found)) for name, found in groups if found)


def _days(files: tuple[expire.Kept, ...]) -> tuple[DayOfStore, ...]:
    days: dict[int, list[expire.Kept]] = {}
    for kept in files:
        days.setdefault(kept.file.start_ms // DAY_MS * DAY_MS, []).append(kept)
    return tuple(
        DayOfStore(
            day, len(found), sum(kept.bytes for kept in found),
            len({kept.file.start_ms // HOUR_MS for kept in found}),
            len({kept.file.start_ms // HOUR_MS for kept in found if kept.file.name.hour}),
        )
        for day, found in sorted(days.items())
    )  # fmt: skip


def _flow_bytes(files: tuple[expire.Kept, ...]) -> float | None:
    rows = size = 0
    for kept in files:
        with contextlib.suppress(CorruptFile, FileNotFoundError):
            rows += read_footer(kept.file.path)["rows"]
            size += kept.bytes
    return size / rows if rows else None


def _old(root: Path, kept: expire.Kept) -> OldFile:
    return OldFile(kept.file.start_ms, kept.bytes, os.path.relpath(kept.file.file, root))


def _below(directory: Path) -> tuple[tuple[str, int], ...]:
    """Names and bytes on disk of the files of a directory; none where it is missing."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(directory):
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file(follow_symlinks=False):
                    found.append((entry.name, entry.stat(follow_symlinks=False).st_blocks * 512))
    return tuple(sorted(found))
