"""Brings the sealed files of a store to a lake, each once, and takes away there what compaction has replaced.

For each file, oldest first:

    1. markers of reach, of the day and of the site
    2. its roll-up                       crash up to here: nobody reads a roll-up without its flows
    3. the file itself                   crash after this: it is found in the lake, and not sent again
    4. parts that it replaces move away  readers leave them out from step 3 on, by its footer
    5. a line in the journal

Steps may be done twice. Names are unique, see `store.layout`, so nothing of another writer is ever touched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nftui.engine.counters import Counts
from nftui.engine.lake.files import KEEP_SECONDS, LakeFiles
from nftui.engine.lake.journal import Journal
from nftui.engine.lake.listing import footer_bytes
from nftui.engine.lake.place import Place
from nftui.engine.store import checksum
from nftui.engine.store.catalog import Catalog, SlotFile
from nftui.engine.store.footer import read_footer
from nftui.engine.store.layout import (
    DAY_MS,
    REPLACED_SUFFIX,
    SEALED_SUFFIX,
    TEMPORARY,
    date_name,
    parse_date,
    parse_file,
    parse_rollup,
)
from nftui.engine.store.reach import Reach, lacking_markers, parse_reach
from nftui.errors import CorruptFile

_HOUR_SECONDS = 3600.0


class Upload:
    """The way from one store to one site of a lake. For one process at a time.

    Args:
        store: the local store.
        place: the lake.
        site: name of the site.
        files: of the lake.
        keep_ms: files whose slot began longer ago are not sent, and removed from the lake; None to leave that to
            others, such as rules of the bucket.
        report: takes amounts by the names of counters as they come.
        alive: called now and then while a file is sent.
    """

    def __init__(
        self,
        store: Path,
        place: Place,
        site: str,
        files: LakeFiles,
        keep_ms: int | None = None,
        report: Callable[[Counts], None] = lambda _: None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        self.journal = Journal(store, place, site)
        self._catalog = Catalog(store)
        self._root = place.site_root(site)
        self._files = files
        self._keep_ms = keep_ms
        self._report = report
        self._alive = alive
        self._reach: dict[str, Reach | None] = {}
        self._tidied: float | None = None

    def waiting(self, now_ms: int) -> list[SlotFile]:
        """Files that are not in the lake yet, oldest first. Raises OSError."""
        stems = self.journal.stems()
        oldest = now_ms - self._keep_ms if self._keep_ms is not None else None
        found = self._catalog.slots()
        return [
            file
            for file in found
            if file.name.stem not in stems and (oldest is None or file.name.last_slot_ms >= oldest)
        ]

    def run(self, now_ms: int) -> None:
        """Bring what is waiting, and keep the site in order once an hour.

        Raises:
            OSError: the lake or the disk failed; what was done until then stays done.
        """
        while waiting := self.waiting(now_ms):
            for file in waiting:
                self._bring(file)
        self.journal.forget({file.name.stem for file in self._catalog.slots()})
        if self._tidied is None or time.monotonic() - self._tidied > _HOUR_SECONDS:
            self.tidy(now_ms)
            self._tidied = time.monotonic()

    def tidy(self, now_ms: int) -> None:
        """Remove what was replaced or given up a while ago, and days that are older than the lake shall keep."""
        for entry in self._files.walk(f"{self._root}/{TEMPORARY}"):
            if entry.changed + KEEP_SECONDS < now_ms / 1000 and entry.name.endswith((REPLACED_SUFFIX, ".tmp")):
                self._files.delete(entry.path)
        if self._keep_ms is None:
            return
        oldest = now_ms - self._keep_ms
        days = sorted(day for name in self._files.names(self._root) if (day := parse_date(name)) is not None)
        for day in (day for day in days if day < oldest):
            self._expire(f"{self._root}/{date_name(day)}", day, oldest)

    def _bring(self, file: SlotFile) -> None:
        try:
            if checksum.check(file.path) is False:
                raise CorruptFile(f"{file.file}: its checksum is wrong")
            about = read_footer(file.path)
        except FileNotFoundError:
            return  # compacted or expired meanwhile: the next look knows
        except CorruptFile:
            self.journal.add(file.name.stem)  # dealt with: it will not get better
            self._report({"lake.failed.damaged": 1})
            return
        hour = self._hour(file)
        self._mark(file, about)
        if self._send(file, hour):
            self._take_away(about, hour)
            self.journal.add(file.name.stem)

    def _mark(self, file: SlotFile, about: Mapping[str, Any]) -> None:
        """Make the markers that the file needs; none where they would speak for files of unknown reach, too."""
        edges = [int(edge) for name in ("start", "end") for edge in about["times"][name]]
        before, after = file.start_ms - min(edges), max(edges) - file.name.last_slot_ms
        for directory in (self._root, f"{self._root}/{date_name(file.start_ms)}"):
            if directory not in self._reach:
                names = self._files.names(directory)
                known = parse_reach(names)
                unknown = None in {known.before, known.after} and any("=" in name for name in names)
                self._reach[directory] = None if unknown else known
            reach = self._reach[directory]
            lacking = lacking_markers(reach, before, after) if reach is not None else []
            for name in lacking:
                self._files.mark(f"{directory}/{name}")
            if lacking:
                del self._reach[directory]

    def _send(self, file: SlotFile, hour: str) -> bool:
        """Whether the file is in the lake now; not if the store has lost it meanwhile."""
        sent = [Path(file.rollup_file)] if file.rollup_file is not None else []
        for source in (*sent, file.path):
            try:
                size = self._put(source, f"{hour}/{source.name}")
            except FileNotFoundError:
                if source.exists():
                    raise
                if source == file.path:
                    return False
                continue
            if source == file.path:
                self._report({"lake.uploaded": 1, "lake.uploaded_bytes": size} if size else {"lake.present": 1})
        return True

    def _put(self, source: Path, target: str) -> int:
        """Bytes that were sent, 0 if the lake has the file."""
        size = source.stat().st_size
        there = self._files.state(target)
        if there is not None:
            # The end of a file has a checksum over all of it.
            end = footer_bytes(self._files, target) if there.size == size else b""
            if end and end == _end(source, len(end)):
                return 0
            self._report({"lake.repaired": 1})
        self._files.put(source, target, lambda _: self._alive())
        return size

    def _take_away(self, about: Mapping[str, Any], hour: str) -> None:
        """Move the parts that a compacted file replaces out of sight, and remove their roll-ups."""
        replaced = set(about.get("replaces", ()))
        if not replaced:
            return
        for entry in self._files.walk(hour):
            self._alive()
            part, rollup = parse_file(entry.name, SEALED_SUFFIX), parse_rollup(entry.name)
            if part is not None and part.stem in replaced:
                self._files.move(entry.path, f"{self._root}/{TEMPORARY}/{part.stem}{REPLACED_SUFFIX}")
                self._report({"lake.replaced": 1})
            elif rollup is not None and rollup.stem in replaced:
                self._files.delete(entry.path)

    def _expire(self, directory: str, day: int, oldest: int) -> None:
        """Remove the files of a day whose slots began before a time; the markers with the last of them."""
        entries = self._files.walk(directory)
        gone = []
        for entry in entries:
            rollup = parse_rollup(entry.name)
            name = parse_file(f"{rollup.stem}{SEALED_SUFFIX}" if rollup else entry.name, SEALED_SUFFIX)
            if name is not None and name.last_slot_ms < oldest:
                gone.append((rollup is None, entry))
        # The roll-ups first: flows without one are whole, one without flows would be a left-over.
        for flows, entry in sorted(gone):
            self._alive()
            self._files.delete(entry.path)
            if flows:
                self._report({"lake.expired": 1})
        if len(gone) < len(entries) and day + DAY_MS + _HOUR_SECONDS * 1000 < oldest:
            for entry in entries:
                if parse_reach([entry.name]) != Reach():
                    self._files.delete(entry.path)
            self._reach.pop(directory, None)

    def _hour(self, file: SlotFile) -> str:
        hour = file.path.parent
        return f"{self._root}/{hour.parent.name}/{hour.name}"


def _end(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(-count, 2)
        return file.read(count)
