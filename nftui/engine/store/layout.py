"""Where things lie in a store, and what their names mean.

    STORE/.lock                                      held by the one writer
    STORE/.compaction.lock                           held by who compacts
    STORE/_live/<stem>.arrows                        live segments
    STORE/_tmp/.<stem>.tmp                           Parquet files being written
    STORE/_tmp/<stem>.replaced                       parts that were compacted, kept a while for queries that run
    STORE/_quarantine/                               damaged files
    STORE/_state/templates.json                      templates of exporters, a cache of the collector
    STORE/_state/watch.json                          what its watch has learnt, another
    STORE/date=YYYY-MM-DD/hour=H/<stem>.parquet      sealed parts, by time of reception, UTC
    STORE/date=YYYY-MM-DD/hour=H/_<stem>.<span>[.<charts>].rollup    roll-up of the compacted file with that stem

A stem is `<slot start>-<writer>-<part>`, for example `20261121T110500Z-5e1f09ac-000003`. A segment and the file
it is sealed into have the same stem: that is how a crash between the two steps is recognised. The writer is a
random word per opening of the store, so that a restart within a slot never meets its own earlier names. A file
that compaction made of the parts of an hour has the start of the hour and `-hour` at the end of its stem.

Engines that read directories (DuckDB globs, Spark, Hive) skip names that begin with `_` or `.`, or whose suffix
they do not match; both hold for everything here that is not a sealed part.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

LOCK = ".lock"
COMPACTION_LOCK = ".compaction.lock"
LIVE = "_live"
TEMPORARY = "_tmp"
QUARANTINE = "_quarantine"
SEGMENT_SUFFIX = ".arrows"
SEALED_SUFFIX = ".parquet"
ROLLUP_SUFFIX = ".rollup"
REPLACED_SUFFIX = ".replaced"

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_000  # 9999-12-31T23:59:59Z: what a four-digit year can name
_STEM = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([0-9a-f]{8})-(\d{6,9})(-hour)?", re.ASCII)
_ROLLUP = re.compile(
    r"_([0-9A-Za-z-]+)\.(-?\d{1,12})\.(-?\d{1,12})\.(-?\d{1,12})\.(-?\d{1,12})(?:\.([a-z-]{1,80}))?\.rollup", re.ASCII
)
_DATE = re.compile(r"date=(\d{4}-\d{2}-\d{2})", re.ASCII)
_HOUR = re.compile(r"hour=(\d|1\d|2[0-3])", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class PartName:
    """Name of one part of a slot, or of a file that holds parts of all slots of an hour.

    Attributes:
        slot_ms: start of the slot or hour, UTC ms, whole seconds.
        writer: eight hexadecimal digits, different at each opening of the store.
        part: number that grows within a writer.
        hour: whether it stands for an hour.
    """

    slot_ms: int
    writer: str
    part: int
    hour: bool = False

    @property
    def last_slot_ms(self) -> int:
        """Latest start of a slot whose flows may be in the file."""
        return self.slot_ms + HOUR_MS - 1 if self.hour else self.slot_ms

    @property
    def stem(self) -> str:
        """The name without a suffix."""
        return f"{_moment(self.slot_ms):%Y%m%dT%H%M%SZ}-{self.writer}-{self.part:06d}{'-hour' if self.hour else ''}"

    def segment(self, root: Path) -> Path:
        """Path of the live segment."""
        return root / LIVE / (self.stem + SEGMENT_SUFFIX)

    def temporary(self, root: Path) -> Path:
        """Path of the Parquet file while it is written."""
        return root / TEMPORARY / f".{self.stem}.tmp"

    def sealed(self, root: Path) -> Path:
        """Path of the sealed part."""
        return hour_directory(root, self.slot_ms) / (self.stem + SEALED_SUFFIX)


@dataclass(frozen=True, slots=True)
class RollupName:
    """Name of a roll-up, which says between which times the flows of its hour start and end.

    So a query for a window knows from the listing whether all of the hour's flows are in it. In the name the times
    are whole seconds from the start of the hour, rounded outwards.

    Attributes:
        stem: of the compacted file.
        start: earliest and latest start of a flow, UTC ms.
        end: earliest and latest end.
        charts: what it has sections of charts by.
    """

    stem: str
    start: tuple[int, int]
    end: tuple[int, int]
    charts: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: PartName, times: Mapping[str, Sequence[int]], charts: Sequence[str] = ()) -> RollupName:
        """The name for a compacted file; `times` as in its footer."""
        return cls(name.stem, _outwards(*times["start"]), _outwards(*times["end"]), tuple(charts))

    @property
    def file_name(self) -> str:
        """The name with its suffix."""
        name = parse_stem(self.stem)
        assert name is not None
        seconds = [(edge - name.slot_ms) // 1000 for edge in (*self.start, *self.end)]
        charts = f".{'-'.join(self.charts)}" if self.charts else ""
        return f"_{self.stem}.{'.'.join(map(str, seconds))}{charts}{ROLLUP_SUFFIX}"


def _outwards(first: int, last: int) -> tuple[int, int]:
    return first // 1000 * 1000, -(-last // 1000) * 1000


def parse_rollup(file_name: str) -> RollupName | None:
    """What the name of a roll-up says, or None if it is not one."""
    match = _ROLLUP.fullmatch(file_name)
    name = parse_stem(match[1]) if match else None
    if match is None or name is None:
        return None
    edges = [name.slot_ms + int(match[place]) * 1000 for place in range(2, 6)]
    charts = tuple(match[6].split("-")) if match[6] else ()
    return RollupName(name.stem, (edges[0], edges[1]), (edges[2], edges[3]), charts)


def slot_start(time_ms: int, slot_seconds: int) -> int:
    """Start of the slot that holds a time: slots are aligned to the UTC epoch, whatever the local clock does.

    Times before 1970 or after the year 9999 fall into the first or last slot that has a name.
    """
    length = slot_seconds * 1000
    return min(max(time_ms, 0), _LAST_MS) // length * length


def new_writer() -> str:
    """A writer's word: random, because neither clock nor process number is unique over restarts and containers."""
    return os.urandom(4).hex()


def parse_stem(stem: str) -> PartName | None:
    """The name's parts, or None if it is not one of ours."""
    match = _STEM.fullmatch(stem)
    if match is None:
        return None
    year, month, day, hour, minute, second, writer, part, compacted = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return None
    return PartName(int(moment.timestamp()) * 1000, writer, int(part), compacted is not None)


def parse_file(name: str, suffix: str) -> PartName | None:
    """What a file name with the given suffix says, or None if it is not one of ours."""
    return parse_stem(name.removesuffix(suffix)) if name.endswith(suffix) else None


def date_name(time_ms: int) -> str:
    """Directory name of the day that holds a time."""
    return f"date={_moment(time_ms):%Y-%m-%d}"


def hour_directory(root: Path, time_ms: int) -> Path:
    """Directory of the hour that holds a time."""
    return root / date_name(time_ms) / f"hour={_moment(time_ms).hour}"


def replaced_path(sealed: Path) -> Path:
    """Where a sealed part lies for a while after a compaction has replaced it: for queries that had listed it."""
    return sealed.parents[2] / TEMPORARY / (sealed.name.removesuffix(SEALED_SUFFIX) + REPLACED_SUFFIX)


def parse_date(name: str) -> int | None:
    """UTC ms of the day that a directory name stands for, or None."""
    match = _DATE.fullmatch(name)
    if match is None:
        return None
    try:
        return (datetime.fromisoformat(match[1]).replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
    except ValueError:
        return None


def parse_hour(name: str) -> int | None:
    """Hour that a directory name stands for, or None."""
    match = _HOUR.fullmatch(name)
    return int(match[1]) if match else None


def _moment(time_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=time_ms)
