"""Verification: every byte of a store's files is checked, damage is named, and what reads is saved on request.

A sealed file is as it was written if its checksum holds. Files without one, of version 0.1, are read in full: the
checksums of their pages and the sums in their footer must hold. Where a file is damaged, its row groups are tried
one by one, which says what is left of it and where the damage lies.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nftui.engine.limits import Limits
from nftui.engine.store import checksum, disk
from nftui.engine.store.arrow import CORE_COLUMNS, schema_of
from nftui.engine.store.catalog import Catalog, SlotFile
from nftui.engine.store.footer import Summary, read_footer
from nftui.engine.store.layout import QUARANTINE, PartName, new_writer
from nftui.engine.store.places import column_places
from nftui.engine.store.quarantine import quarantine
from nftui.engine.store.seal import finish, open_writer
from nftui.engine.store.segment import Origin, SegmentReader
from nftui.errors import CorruptFile, first_line

_UNREADABLE = (pa.ArrowException, OSError, ValueError, TypeError, LookupError)
"""What Arrow and our own reading of a file raise for one that is damaged: its names and numbers may be anything."""


@dataclass(slots=True)
class Verdict:
    """What a check found in one file.

    Attributes:
        path: the file.
        bytes: its size.
        rows: flow records that it should have; 0 if that cannot be told.
        readable: flow records that can be read.
        problems: what is wrong, with the place; empty for a sound file.
    """

    path: Path
    bytes: int
    rows: int = 0
    readable: int = 0
    problems: list[str] = field(default_factory=list)


def verify_store(root: Path) -> Iterator[Verdict]:
    """Check all files of a store, one by one; takes no lock. Files that vanish meanwhile are left out."""
    for file in Catalog(root).slots():
        with contextlib.suppress(FileNotFoundError):
            yield verify_sealed(file.path, file.name.stem)
        if file.rollup_file is not None:
            with contextlib.suppress(FileNotFoundError):
                yield _verify_rollup(Path(file.rollup_file))
    for path in Catalog(root).live():
        with contextlib.suppress(FileNotFoundError):
            yield _verify_segment(path)


def set_aside(root: Path) -> list[str]:
    """Names of the files in quarantine: damage found earlier."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(os.listdir(root / QUARANTINE))
    return []


def verify_sealed(path: Path, stem: str = "") -> Verdict:
    """Check a Parquet file that this program wrote.

    Args:
        path: the file.
        stem: that its name says; empty for a file outside of a store.

    Raises:
        FileNotFoundError: it is gone.
    """
    verdict = Verdict(path, path.stat().st_size)
    try:
        about = read_footer(path)
    except CorruptFile as error:
        verdict.problems.append(str(error).removeprefix(f"{path}: "))
        return verdict
    verdict.rows = verdict.readable = about["rows"]
    holds = checksum.check(path)
    if holds is None and about.get("checksum"):
        verdict.problems.append("its checksum is gone")
    elif holds is False:
        verdict.problems.append("its checksum does not hold")
    if stem and about.get("segment") != stem:
        verdict.problems.append(f"has the name of another file: it was {about.get('segment')}")
    if holds is not True:
        _try_groups(path, about, verdict)
    return verdict


def salvage(root: Path, file: SlotFile, limits: Limits) -> int:
    """Put a damaged file into quarantine and what can be read of it into a new one; for who may compact.

    Returns:
        Flow records saved.

    Raises:
        OSError: the disk failed; the file is where it was.
    """
    name = PartName(file.name.slot_ms, new_writer(), 1, file.name.hour)
    saved = _copy_sound_groups(root, file.path, name, limits)
    if file.rollup_file is not None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file.rollup_file)
    quarantine(root, file.path)
    if saved:
        disk.publish(name.temporary(root), name.sealed(root))
    return saved


def _copy_sound_groups(root: Path, path: Path, name: PartName, limits: Limits) -> int:
    """Write the row groups that read to the temporary file of a new part; returns their rows."""
    try:
        about = read_footer(path)
        origin = Origin(about["slot_ms"], about["slot_seconds"], about["ident"])
        parquet = pq.ParquetFile(path, page_checksum_verification=True)
        schema = schema_of(set(parquet.schema_arrow.names))
    except (CorruptFile, *_UNREADABLE):
        return 0
    temporary = name.temporary(root)
    disk.make_directory(temporary.parent, root)
    summary = Summary()
    writer: pq.ParquetWriter | None = None
    with parquet:
        for group in range(parquet.num_row_groups):
            table = _read_group(parquet, group)
            if table is None or not set(CORE_COLUMNS) <= set(table.column_names):
                continue
            if writer is None:
                writer = open_writer(temporary, schema, limits.row_group_rows)
            summary.add(table)
            writer.write_table(table.select(schema.names).cast(schema), row_group_size=table.num_rows)
    if writer is not None:
        notes, replaces = about.get("notes", {}), about.get("replaces")
        finish(writer, temporary, summary.encode(name.stem, origin, notes, replaces))
        disk.sync_file(temporary)
    return summary.rows


def _try_groups(path: Path, about: dict[str, Any], verdict: Verdict) -> None:
    """Read everything, and say which row groups and columns cannot be read and where they lie."""
    summary = Summary()
    verdict.readable = 0
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            for group in range(parquet.num_row_groups):
                table = _read_group(parquet, group)
                if table is None:
                    verdict.problems += _damaged_columns(path, parquet, group)
                else:
                    summary.add(table)
    except _UNREADABLE as error:
        verdict.problems.append(first_line(error))
    verdict.readable = summary.rows
    said = tuple(about.get(key) for key in ("rows", "flows", "packets", "bytes"))
    if not verdict.problems and (summary.rows, *summary.sums) != said:
        verdict.problems.append(f"its flows, packets and bytes are {summary.sums}, its footer says {said[1:]}")


def _read_group(parquet: pq.ParquetFile, group: int) -> pa.Table | None:
    """A row group, or None if it cannot be read whole."""
    try:
        return parquet.read_row_group(group)
    except _UNREADABLE:
        return None


def _damaged_columns(path: Path, parquet: pq.ParquetFile, group: int) -> Iterator[str]:
    places = column_places(path, group)
    if not places:
        yield f"row group {group}: its description in the footer is damaged"
    for column, (start, end) in places.items():
        try:
            parquet.read_row_group(group, columns=[column])
        except _UNREADABLE:
            yield f"row group {group}, {column}: damaged in bytes {start} to {end}"


def _verify_rollup(path: Path) -> Verdict:
    """Check a roll-up. It has no flow of its own: a query does without one that is damaged."""
    verdict = Verdict(path, path.stat().st_size)
    holds = checksum.check(path)
    if holds is False:
        verdict.problems.append("its checksum does not hold")
    elif holds is None:
        try:
            pq.read_table(path, page_checksum_verification=True)
        except _UNREADABLE as error:
            verdict.problems.append(first_line(error))
    return verdict


def _verify_segment(path: Path) -> Verdict:
    """Check the complete chunks of a live segment; its end may be in the middle of being written."""
    verdict = Verdict(path, path.stat().st_size)
    with SegmentReader(path) as reader:
        verdict.rows = verdict.readable = reader.skip()
        if reader.damaged_bytes:
            verdict.problems.append(f"{reader.damaged_bytes} bytes in the midst of it do not check")
    return verdict
