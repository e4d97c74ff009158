"""Compaction: the parts of a finished hour become one file with a roll-up, and no crash loses or doubles a flow.

    1. write the rows of all parts, sorted, to a temporary file, and its roll-up to another
    2. compare the sums with those of the parts, force both files to disk
    3. link the roll-up to its name              crash up to here: the parts are whole; the rest is removed later
    4. link the flows to their name: their footer names the parts that they replace
                                                 crash after this: readers and the next compaction leave those out
    5. move the parts out of sight, where queries that run find them for a while; later runs remove them

Only finished hours are touched, so nothing here can disturb the writer; a part that comes late stays beside the
compacted file until it is worth another round. Several processes exclude each other by a lock of their own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from nftui.engine.counters import Counts, add
from nftui.engine.limits import Limits
from nftui.engine.schema import SCHEMA_VERSION
from nftui.engine.store import disk
from nftui.engine.store.arrow import CORE_COLUMNS, TYPES, schema_of
from nftui.engine.store.catalog import Catalog, SlotFile, files_of, without_replaced
from nftui.engine.store.footer import Summary, read_footer
from nftui.engine.store.layout import (
    HOUR_MS,
    LIVE,
    REPLACED_SUFFIX,
    SEGMENT_SUFFIX,
    TEMPORARY,
    PartName,
    RollupName,
    hour_directory,
    new_writer,
    parse_file,
    parse_rollup,
    replaced_path,
)
from nftui.engine.store.merge import merged
from nftui.engine.store.quarantine import quarantine
from nftui.engine.store.rollups import SPILL, write_rollup
from nftui.engine.store.seal import finish, open_writer
from nftui.engine.store.segment import Origin
from nftui.errors import CorruptFile, StoreError

SETTLE_SECONDS = 60
"""An hour is finished so long after its end."""
KEEP_SECONDS = 600
"""Replaced parts stay so long for queries that have listed them."""
_LATE_SHARE = 8
_LATE_PARTS = 12


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction made.

    Attributes:
        path: the file with the flows.
        rollup: its roll-up; None if a sum does not fit.
        parts: how many files it replaced.
        rows: records.
        bytes_before: size of the parts.
        bytes_after: size of the flows and the roll-up.
    """

    path: Path
    rollup: Path | None
    parts: int
    rows: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class _Part:
    file: SlotFile
    about: dict[str, Any]
    size: int


def due_hours(root: Path, now_ms: int) -> list[int]:
    """Starts of the hours, UTC ms, that are finished and not compacted, oldest first. Opens few files."""
    live = {name.slot_ms // HOUR_MS for name in _live(root)}
    hours: dict[int, list[SlotFile]] = {}
    for file in Catalog(root).slots():
        hours.setdefault(file.start_ms // HOUR_MS, []).append(file)
    return [
        hour * HOUR_MS
        for hour, files in sorted(hours.items())
        if hour not in live and (hour + 1) * HOUR_MS + SETTLE_SECONDS * 1000 <= now_ms and _worth(files)
    ]


def clear(root: Path) -> None:
    """Remove what an interrupted compaction left in `_tmp`, and parts replaced so long ago that no query reads them.

    For who holds the lock of compactions.
    """
    disk.make_directory(root / TEMPORARY, root)
    for entry in list(os.scandir(root / TEMPORARY)):
        if entry.name.endswith(REPLACED_SUFFIX) and entry.stat().st_ctime + KEEP_SECONDS < time.time():
            os.unlink(entry.path)
        if entry.name.endswith(".tmp") and (entry.name.startswith(".range-") or "-hour" in entry.name):
            os.unlink(entry.path)
    shutil.rmtree(root / TEMPORARY / SPILL, ignore_errors=True)


def compact_hour(
    root: Path, hour_ms: int, limits: Limits, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[Compacted]:
    """Compact a finished hour: one file, or several if it has more than `limits.compact_rows` rows.

    For one process at a time. Damaged parts are put aside first.

    Args:
        root: the store.
        hour_ms: start of the hour.
        limits: `row_group_rows` bounds the memory.
        cancelled: asked often.

    Raises:
        Cancelled: `cancelled` said so; what was not published is as it was.
        OSError: the disk failed.
        StoreError: a sum does not come out; nothing was published.
    """
    directory = hour_directory(root, hour_ms)
    _finish(root, directory)
    names = _listed(directory)
    if not _worth(names):
        return
    for parts in _units(_sound(root, names), limits.compact_rows):
        done = _compact(root, hour_ms, parts, limits, cancelled)
        if done is not None:
            yield done


def _live(root: Path) -> list[PartName]:
    with contextlib.suppress(FileNotFoundError):
        return [name for entry in os.listdir(root / LIVE) if (name := parse_file(entry, SEGMENT_SUFFIX))]
    return []


def _listed(directory: Path) -> list[SlotFile]:
    return files_of(str(directory), os.listdir(directory))


def _worth(files: Sequence[SlotFile]) -> bool:
    """Whether an hour has parts enough beside what is compacted already."""
    parts = [file for file in files if not file.name.hour]
    if len(parts) == len(files) or len(parts) > _LATE_PARTS:
        return bool(parts)
    with contextlib.suppress(FileNotFoundError):
        late = sum(os.stat(file.file).st_size for file in parts)
        return late * _LATE_SHARE > sum(os.stat(file.file).st_size for file in files)
    return False


def _finish(root: Path, directory: Path) -> None:
    """Do what an interrupted compaction left to do: remove parts that were replaced, and roll-ups without flows."""
    files = _listed(directory)
    kept = set(without_replaced(files))
    gone = [file for file in files if file not in kept]
    disk.make_directory(root / TEMPORARY, root)
    _retire(directory, [file.path for file in gone])
    stems = {file.name.stem for file in kept}
    for name in os.listdir(directory):
        rollup_name = parse_rollup(name)
        if rollup_name is not None and rollup_name.stem not in stems:
            os.unlink(directory / name)


def _retire(directory: Path, paths: Sequence[Path]) -> None:
    """Move replaced parts out of their directory."""
    for path in paths:
        target = replaced_path(path)
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, target)
    if paths:
        disk.sync_directory(directory)


def _sound(root: Path, files: Sequence[SlotFile]) -> list[_Part]:
    """The files that can be compacted: not damaged, and without columns that only a newer version knows.

    A part whose segment is still there has to stay, too: after a crash it is what tells recovery that the segment was
    sealed.
    """
    parts = []
    for file in files:
        if file.name.segment(root).exists():
            continue
        try:
            about = read_footer(file.path)
        except CorruptFile:
            quarantine(root, file.path)
            continue
        if about["schema_version"] <= SCHEMA_VERSION and set(pq.read_schema(file.path).names) <= set(TYPES):
            parts.append(_Part(file, about, file.path.stat().st_size))
    return parts


def _units(parts: Sequence[_Part], most: int) -> Iterator[list[_Part]]:
    """Files to be joined, in groups of up to `most` rows. A group with nothing new in it is left as it is."""
    group: list[_Part] = []
    rows = 0
    for part in parts:
        if group and rows + part.about["rows"] > most:
            yield group
            group, rows = [], 0
        group.append(part)
        rows += part.about["rows"]
    if group:
        yield group


def _compact(
    root: Path, hour_ms: int, parts: Sequence[_Part], limits: Limits, cancelled: Callable[[], bool]
) -> Compacted | None:
    while parts and any(not part.file.name.hour for part in parts):
        try:
            return _replace(root, hour_ms, parts, limits, cancelled)
        except CorruptFile as error:
            damaged = [part for part in parts if str(error).startswith(f"{part.file.file}:")]
            if not damaged:
                raise
            quarantine(root, damaged[0].file.path)
            parts = [part for part in parts if part is not damaged[0]]
    return None


def _replace(
    root: Path, hour_ms: int, parts: Sequence[_Part], limits: Limits, cancelled: Callable[[], bool]
) -> Compacted:
    name = PartName(hour_ms, new_writer(), 1, hour=True)
    final, temporary = name.sealed(root), name.temporary(root)
    sums = temporary.with_name(temporary.name.replace(".tmp", "-rollup.tmp"))
    try:
        summary = _write(temporary, name, parts, limits, cancelled)
        _check(summary, parts)
        charts = write_rollup(temporary, sums, limits, cancelled)
        rollup_path = None
        if charts is not None:
            disk.sync_file(sums)
            rollup_path = final.parent / RollupName.of(name, summary.times, charts).file_name
            disk.publish(sums, rollup_path)
        disk.sync_file(temporary)
        disk.publish(temporary, final)  # the day's markers of reach are those of the parts and hold for this one, too
    finally:
        for path in (temporary, sums):
            with contextlib.suppress(OSError):
                os.unlink(path)
    _retire(final.parent, [part.file.path for part in parts])
    for part in parts:
        if part.file.rollup_file is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part.file.rollup_file)
    after = sum(path.stat().st_size for path in (final, rollup_path) if path is not None)
    return Compacted(final, rollup_path, len(parts), summary.rows, sum(part.size for part in parts), after)


def _write(
    temporary: Path, name: PartName, parts: Sequence[_Part], limits: Limits, cancelled: Callable[[], bool]
) -> Summary:
    """Write the rows of all parts, sorted, with their footer."""
    paths = [part.file.path for part in parts]
    columns = {column for path in paths for column in pq.read_schema(path).names}
    schema = schema_of({*CORE_COLUMNS, *columns})
    notes: Counts = {}
    for part in parts:
        add(notes, part.about["notes"])
    origin = Origin(name.slot_ms, HOUR_MS // 1000, str(parts[-1].about["ident"]))
    summary = Summary()
    with open_writer(temporary, schema, limits.row_group_rows) as writer:
        for table in merged(paths, schema, limits.row_group_rows, temporary.parent, cancelled):
            summary.add(table)
            writer.write_table(table, row_group_size=table.num_rows)
        # Those that the parts replaced, too: in a lake they may have been there when the parts have never been.
        stems = {stem for part in parts for stem in (part.file.name.stem, *part.about.get("replaces", ()))}
        finish(writer, temporary, summary.encode(name.stem, origin, notes, sorted(stems)))
    return summary


def _check(summary: Summary, parts: Sequence[_Part]) -> None:
    """Refuse to replace parts by a file that does not have all of their flows."""
    made = (summary.rows, *summary.sums)
    expected = tuple(sum(part.about[key] for part in parts) for key in ("rows", "flows", "packets", "bytes"))
    if made != expected:
        raise StoreError(f"compaction of {parts[0].file.path.parent} has sums {made}, its parts {expected}")
