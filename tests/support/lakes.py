"""Stores and lakes for tests, and a bucket that is a directory."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
from store_samples import NOON_MS, sample_flows

from nftui.engine.clock import ManualClock
from nftui.engine.lake.directory import DirectoryFiles
from nftui.engine.lake.files import Entry, LakeFiles, open_files
from nftui.engine.lake.listing import list_files
from nftui.engine.lake.place import Place
from nftui.engine.lake.upload import Upload
from nftui.engine.limits import DEFAULT
from nftui.engine.store.compact import compact_hour
from nftui.engine.store.writer import StoreWriter

SLOT_MS = 300_000


def write_slots(root: Path, first: int, slots: int, rows: int = 60, start_ms: int = NOON_MS) -> list[int]:
    """Append sealed slots to a store; the numbers of their flows."""
    writer = StoreWriter(root, SLOT_MS // 1000, ManualClock(start_ms))
    writer.open()
    for number in range(slots):
        writer.append(sample_flows(first + number * rows, rows, start_ms + number * SLOT_MS))
    writer.close()
    return list(range(first, first + slots * rows))


def compact(root: Path, hour_ms: int = NOON_MS) -> None:
    """Compact an hour of a store."""
    for _ in compact_hour(root, hour_ms, DEFAULT):
        pass


def bring(
    root: Path, place: Place, site: str = "a", files: LakeFiles | None = None, now_ms: int = NOON_MS
) -> dict[str, int]:
    """Upload what waits; what was counted."""
    counts: dict[str, int] = {}

    def report(amounts: dict[str, int]) -> None:
        for name, amount in amounts.items():
            counts[name] = counts.get(name, 0) + amount

    Upload(root, place, site, files or open_files(place), report=report).run(now_ms)
    return counts


def lake_ids(place: Place, files: LakeFiles | None = None, sites: tuple[str, ...] = ()) -> list[int]:
    """Numbers of all flows that a reader of a lake finds, sorted; one that is there twice is listed twice."""
    files = files or open_files(place)
    ids: list[int] = []
    for one in list_files(place, sites, files=files):
        content = files.end(one.file.file, one.size)
        ids += pq.read_table(io.BytesIO(content), columns=["flow_id"]).column(0).to_pylist()
    return sorted(ids)


class FolderBucket:
    """A bucket in a directory: no objects under temporary names, errors without a number, calls that are counted.

    Args:
        folder: where the objects lie, each at its key.
        before: called with the name of the call and the path before each.
    """

    def __init__(self, folder: Path, before: Callable[[str, str], object] = lambda call, path: None) -> None:
        self._folder = folder
        self._inner = DirectoryFiles(Place(str(folder)))
        self._before = before
        self.calls: list[tuple[str, str]] = []

    def _at(self, call: str, path: str) -> str:
        self.calls.append((call, path))
        self._before(call, path)
        return str(self._folder / path)

    def _key(self, entry: Entry) -> Entry:
        return Entry(str(Path(entry.path).relative_to(self._folder)), entry.size, entry.changed)

    def names(self, directory: str) -> list[str]:
        return self._inner.names(self._at("names", directory))

    def walk(self, directory: str) -> list[Entry]:
        return [self._key(entry) for entry in self._inner.walk(self._at("walk", directory))]

    def state(self, path: str) -> Entry | None:
        found = self._inner.state(self._at("state", path))
        return self._key(found) if found else None

    def end(self, path: str, count: int) -> bytes:
        return self._inner.end(self._at("end", path), count)

    def put(self, source: Path, path: str, alive: Callable[[int], None]) -> None:
        target = Path(self._at("put", path))
        target.parent.mkdir(parents=True, exist_ok=True)
        content = source.read_bytes()
        alive(len(content))
        target.write_bytes(content)

    def mark(self, path: str) -> None:
        target = Path(self._at("mark", path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()

    def move(self, path: str, target: str) -> None:
        self._inner.move(self._at("move", path), str(self._folder / target))

    def delete(self, path: str) -> None:
        self._inner.delete(self._at("delete", path))

    def fetch(self, path: str, target: Path) -> None:
        self._inner.fetch(self._at("fetch", path), target)
