"""What is done when a store is opened after its last writer ended, in whatever way.

Called with the lock held: every segment belongs to a writer that is gone.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from nftui.engine.store.footer import read_footer
from nftui.engine.store.layout import (
    LIVE,
    SEALED_SUFFIX,
    SEGMENT_SUFFIX,
    TEMPORARY,
    PartName,
    parse_date,
    parse_file,
    parse_hour,
)
from nftui.engine.store.quarantine import quarantine
from nftui.engine.store.segment import SegmentReader
from nftui.errors import CorruptFile

_CHECKED_HOURS = 2
"""Newest hours whose files are checked at start: older ones were checked by an earlier start or survived longer."""


@dataclass(frozen=True, slots=True)
class RecoveryReport:
    """What was found when the store was opened.

    Attributes:
        segments: left over, to be sealed now; readable until then.
        rows: flows in them.
        torn_bytes: ends of segments that were cut by the crash; those flows were never reported as stored.
        damaged_bytes: bytes inside of segments that do not check and are skipped.
        finished: segments that were sealed already, their crash came before they were removed.
        temporaries: unfinished Parquet files removed.
        quarantined: files put aside because they cannot be read.
    """

    segments: tuple[PartName, ...] = ()
    rows: int = 0
    torn_bytes: int = 0
    damaged_bytes: int = 0
    finished: int = 0
    temporaries: int = 0
    quarantined: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the last writer left nothing behind."""
        return self == RecoveryReport()


def recover(root: Path) -> RecoveryReport:
    """Bring a store in order; segments that still have to be sealed are named in the report. Raises OSError."""
    quarantined = _check_newest(root)
    temporaries = _remove_temporaries(root)
    segments: list[PartName] = []
    rows = torn = damaged = finished = 0
    for entry in sorted(os.scandir(root / LIVE), key=lambda one: one.name):
        name = parse_file(entry.name, SEGMENT_SUFFIX)
        if name is None:
            continue
        path = Path(entry.path)
        if _is_sealed(root, name, quarantined):
            os.unlink(path)
            finished += 1
            continue
        with SegmentReader(path) as reader:
            found = reader.skip()
            torn += reader.tail_bytes
            damaged += reader.damaged_bytes
        rows += found
        if found:
            segments.append(name)
        else:
            _remove_empty(root, path, reader.damaged_bytes, quarantined)
    return RecoveryReport(tuple(segments), rows, torn, damaged, finished, temporaries, tuple(quarantined))


def _remove_empty(root: Path, path: Path, damaged_bytes: int, quarantined: list[str]) -> None:
    """A segment without flows goes if nothing was completed in it; one that had something is put aside."""
    if damaged_bytes:
        quarantined.append(quarantine(root, path).name)
    else:
        os.unlink(path)


def _is_sealed(root: Path, name: PartName, quarantined: list[str]) -> bool:
    """Whether a sound Parquet file was made from the segment; one that is not sound is put aside."""
    final = name.sealed(root)
    if not final.exists():
        return False
    try:
        return bool(read_footer(final)["segment"] == name.stem)
    except CorruptFile:
        quarantined.append(quarantine(root, final).name)
        return False


def _remove_temporaries(root: Path) -> int:
    removed = 0
    for entry in os.scandir(root / TEMPORARY):
        if entry.name.startswith(".") and entry.name.endswith(".tmp"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)
            removed += 1
    return removed


def _check_newest(root: Path) -> list[str]:
    """Put aside files of the newest hours that have no sound footer: one of them would spoil every query."""
    dates = sorted((date, entry.path) for entry in os.scandir(root) if (date := parse_date(entry.name)) is not None)
    hours: list[tuple[int, int, str]] = []
    for date, path in dates[-_CHECKED_HOURS:]:
        hours.extend(
            (date, hour, entry.path) for entry in os.scandir(path) if (hour := parse_hour(entry.name)) is not None
        )
    quarantined: list[str] = []
    for _, _, path in sorted(hours)[-_CHECKED_HOURS:]:
        quarantined.extend(
            quarantine(root, Path(entry.path)).name
            for entry in list(os.scandir(path))
            if parse_file(entry.name, SEALED_SUFFIX) is not None and not _has_footer(Path(entry.path))
        )
    return quarantined


def _has_footer(path: Path) -> bool:
    try:
        read_footer(path)
    except CorruptFile:
        return False
    return True
