"""What `-r`, `-R` and `-M` name: stores, directories, Parquet files, live segments, files of other tools."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nftui.errors import UsageError

if TYPE_CHECKING:
    from nftui.engine.lake.cache import LakeCache
    from nftui.engine.lake.place import Place
    from nftui.engine.query.foreign import Formats
    from nftui.engine.store.catalog import SlotFile
    from nftui.engine.store.segment import SegmentReader

_SEALED = ".parquet"
_MAGIC = b"PAR1"
_SITE = "site="


@dataclass(slots=True)
class Sources:
    """Files that a query reads.

    Attributes:
        files: Parquet files, in order of their names.
        segments: opened live segments; `close` gives them back.
        skipped: path and reason of what cannot be read.
        rollups: by their paths, those of the files that have a roll-up.
        foreign: files of other tools.
        formats: opens those.
        cache: where files of a bucket are kept once they are fetched; the paths above are those in it.
    """

    files: list[str] = field(default_factory=list)
    segments: list[SegmentReader] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    rollups: dict[str, SlotFile] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    formats: Formats | None = None
    cache: LakeCache | None = None

    @property
    def count(self) -> int:
        """Files of all kinds."""
        return len(self.files) + len(self.segments) + len(self.foreign)

    def keep_oldest(self, share: float) -> bool:
        """Keep the first files that hold about this share of all bytes, at least one, and no segments.

        Returns:
            Whether fewer are left, and at least one.
        """
        sizes = [self._size(path) for path in self.files]
        if not sizes or self.foreign or len(sizes) + len(self.segments) < 2:
            return False
        room = share * sum(sizes)
        count = 0
        while count < len(sizes) and sum(sizes[: count + 1]) <= room:
            count += 1
        count = max(1, min(count, len(sizes) - (not self.segments)))
        self.rollups = {path: slot for path, slot in self.rollups.items() if path in self.files[:count]}
        self.files = self.files[:count]
        self.close()
        return True

    def close(self) -> None:
        """Give the segments back."""
        for reader in self.segments:
            reader.close()
        self.segments = []
        if self.cache is not None:
            self.cache.close()

    def shown(self, path: str) -> str:
        """A path in messages."""
        return self.cache.shown(path) if self.cache is not None else path

    def _size(self, path: str) -> int:
        if self.cache is not None:
            return self.cache.size(path)
        return os.path.getsize(path) if os.path.exists(path) else 0


def find_sources(
    paths: list[str],
    start_ms: int | None = None,
    end_ms: int | None = None,
    ranges: bool = False,
    formats: Formats | None = None,
) -> Sources:
    """Files for the given paths that may hold flows of the window.

    Args:
        paths: a store, a directory, a Parquet file each; with `ranges` also `DIR/FIRST:LAST` and `DIR/FIRST`
            (all files from FIRST on), nfdump's `-R`.
        start_ms: the window, UTC, inclusive; only files that cannot overlap it are left out.
        end_ms: as `start_ms`.
        ranges: paths are those of `-R`.
        formats: opens files of other tools, which may be mixed with the others; None to know none.

    Raises:
        UsageError: a path does not exist or is no source of flows.
    """
    found = Sources(formats=formats)
    try:
        for path in paths:
            _add(found, path, start_ms, end_ms, ranges)
    except BaseException:
        found.close()
        raise
    return found


def lake_sources(
    place: Place, sites: Sequence[str] = (), start_ms: int | None = None, end_ms: int | None = None
) -> Sources:
    """Files of a lake that may hold flows of the window.

    Args:
        place: the lake; a store is one of one site without a name.
        sites: whose; all if empty.
        start_ms: the window, UTC, inclusive.
        end_ms: as `start_ms`.

    Raises:
        UsageError: there is no such site.
        BackendError: the lake cannot be listed.
    """
    from nftui.engine.lake.listing import chosen_sites

    found = Sources()
    if place.remote:
        from nftui.engine.lake.cache import open_cache

        found.cache = open_cache(place, sites, start_ms, end_ms)
        found.files = [slot.file for slot in found.cache.slots]
        found.rollups = {slot.file: slot for slot in found.cache.slots if slot.rollup is not None}
        return found
    for site in chosen_sites(place, sites):
        _add_store(found, place.site_root(site), start_ms, end_ms)
    return found


def expand(dirlist: str, names: list[str]) -> list[str]:
    """Nfdump's `-M /any/a:b:c`: each name below /any/a, /any/b and /any/c; the directories if there are no names."""
    first, *others = dirlist.split(":")
    parent = os.path.dirname(first.rstrip("/"))
    folders = [first, *(os.path.join(parent, other) for other in others)]
    return [os.path.join(folder, name) for folder in folders for name in names or [""]]


def site_of(path: str) -> str:
    """The site of a lake that a file is of, by the directories above it; empty if there is none."""
    if _SITE not in path:
        return ""
    from nftui.engine.lake.place import parse_site

    parts = path.rsplit("/", 4)  # ROOT/site=NAME/date=YYYY-MM-DD/hour=H/<stem>.parquet
    return (parse_site(parts[1]) or "") if len(parts) == 5 else ""


def by_site(files: Sequence[str]) -> dict[str, list[str]]:
    """Files by their sites, those of none under an empty name."""
    found: dict[str, list[str]] = {}
    for path in files:
        found.setdefault(site_of(path), []).append(path)
    return found


def is_store(path: str) -> bool:
    """Whether a directory has the marks of a store."""
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        return any(e.name in {".lock", "_live"} or e.name.startswith("date=") for e in entries)
    return False


def is_lake(path: str) -> bool:
    """Whether a directory has stores of sites."""
    with contextlib.suppress(OSError), os.scandir(path) as entries:
        return any(e.name.startswith(_SITE) and e.is_dir() for e in entries)
    return False


def _add(found: Sources, path: str, start_ms: int | None, end_ms: int | None, ranges: bool) -> None:
    if os.path.isdir(path):
        if is_store(path):
            _add_store(found, path, start_ms, end_ms)
        elif is_lake(path):
            from nftui.engine.lake.listing import list_sites
            from nftui.engine.lake.place import parse_place

            place = parse_place(path)
            for site in list_sites(place):
                _add_store(found, place.site_root(site), start_ms, end_ms)
        else:
            _add_listed(found, _files_below(path, found.formats), start_ms, end_ms)
    elif os.path.isfile(path) and not ranges:
        _add_file(found, path, start_ms, end_ms)
    elif ranges and os.path.isdir(os.path.dirname(path.partition(":")[0]) or "."):
        _add_listed(found, _range(path, found.formats), start_ms, end_ms)
    elif path.startswith("s3://"):
        raise UsageError(
            f"{path.partition('?')[0]}: a bucket is read with --lake by nftui dump, ioc and replay; "
            "nftui dump --lake URI -w PATH writes its flows to a file or a store"
        )
    elif os.path.lexists(path):
        raise UsageError(f"{path}: neither a directory nor a file")
    else:
        raise UsageError(f"{path}: no such file or directory")


def _add_store(found: Sources, path: str, start_ms: int | None, end_ms: int | None) -> None:
    from nftui.engine.store.catalog import Catalog

    snapshot = Catalog(Path(path)).snapshot(start_ms, end_ms)
    found.segments += snapshot.live
    found.files += [slot.file for slot in snapshot.sealed]
    found.rollups |= {slot.file: slot for slot in snapshot.sealed if slot.rollup is not None}


def _add_file(found: Sources, path: str, start_ms: int | None, end_ms: int | None) -> None:
    if path.endswith(".arrows"):
        from nftui.engine.store.segment import SegmentReader

        found.segments.append(SegmentReader(Path(path)))
        return
    if found.formats is not None and found.formats.recognise(path):
        _add_listed(found, [(path, True)], start_ms, end_ms)
        return
    with open(path, "rb") as file:
        magic = file.read(4)
    if magic != _MAGIC:
        found.skipped.append((path, "no file of flows" if magic else "empty"))
    else:
        found.files.append(path)


def _add_listed(found: Sources, files: list[tuple[str, bool]], start_ms: int | None, end_ms: int | None) -> None:
    """Add files with whether they are of another tool, those that may hold flows of the window."""
    found.files += [path for path, foreign in files if not foreign]
    for path in (path for path, foreign in files if foreign):
        assert found.formats is not None
        try:
            if found.formats.may_hold(path, start_ms, end_ms):
                found.foreign.append(path)
        except OSError as error:
            found.skipped.append((path, (error.strerror or str(error)).lower()))


def _files_below(folder: str, formats: Formats | None) -> list[tuple[str, bool]]:
    """Files of flows below a directory, in order of their names, each with whether it is of another tool."""
    foreign = formats.below(folder) if formats is not None else []
    own = set(_parquet_below(folder)).difference(foreign)
    return sorted([*((path, False) for path in own), *((path, True) for path in foreign)])


def _range(path: str, formats: Formats | None) -> list[tuple[str, bool]]:
    """Files of `DIR/FIRST:LAST` or `DIR/FIRST`, by name; LAST relative to DIR or to a directory above it.

    nfcapd's sub-directories: `base/2026/10/01/FIRST:2026/10/02/LAST`, LAST relative to base.
    """
    start, _, last = path.partition(":")
    folder = os.path.dirname(start) or "."
    base = folder
    while last and not os.path.exists(os.path.join(base, last)) and os.path.dirname(base) not in {base, ""}:
        base = os.path.dirname(base)
    base = base if not last or os.path.exists(os.path.join(base, last)) else folder
    first = os.path.join(base, os.path.relpath(start, base))
    final = os.path.join(base, last) if last else None
    files = _files_below(base, formats)
    names = {name for name, _ in files}
    for name in (first, final):
        if name is not None and name not in names:
            raise UsageError(f"{name}: no such file; -R takes DIR, DIR/FIRST or DIR/FIRST:LAST")
    return [(name, foreign) for name, foreign in files if name >= first and (final is None or name <= final)]


def _parquet_below(folder: str) -> Iterator[str]:
    """Parquet files below a directory; names that begin with `_` or `.` are somebody's work in progress."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name[0] in "_.":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _parquet_below(entry.path)
            elif entry.name.endswith(_SEALED):
                yield entry.path
