"""Which files of a lake hold the flows of a time window, each flow once: the rules of `store.catalog`, anywhere.

A directory per site is listed as the store that it is. In a bucket every question costs a request, so days are
listed as a whole, and not at all where the markers of their site say that they cannot have flows of the window.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nftui.engine.lake.files import Entry, LakeFiles, cause, explained, open_files
from nftui.engine.lake.place import Place, parse_site
from nftui.engine.store.catalog import Catalog, SlotFile, files_of, slot_window, without_replaced
from nftui.engine.store.layout import DAY_MS, date_name, parse_date, parse_hour
from nftui.engine.store.reach import Reach, parse_reach
from nftui.errors import BackendError, CorruptFile, UsageError

_FOOTER_BYTES = 64 << 10
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, order=True)
class LakeFile:
    """A file of flows.

    Attributes:
        site: whose; empty for that of a plain store.
        file: its name, and where it lies: an absolute path, or `bucket/key`.
        size: bytes.
        rollup_size: bytes of the roll-up, 0 without one.
    """

    site: str
    file: SlotFile
    size: int
    rollup_size: int = field(default=0, compare=False)


def list_sites(place: Place, files: LakeFiles | None = None) -> list[str]:
    """Names of the sites in order; one empty name for a plain store.

    Raises:
        BackendError: the lake cannot be listed.
    """
    files = files or open_files(place)
    try:
        names = files.names(place.root)
    except OSError as error:
        raise BackendError(explained(place, error)) from error
    sites = sorted(site for name in names if (site := parse_site(name)) is not None)
    if not sites and any(parse_date(name) is not None for name in names):
        return [""]
    return sites


def chosen_sites(place: Place, wanted: Sequence[str], files: LakeFiles | None = None) -> list[str]:
    """The sites of a lake that are wanted; all if none is named.

    Raises:
        UsageError: there is no such site.
        BackendError: the lake cannot be listed.
    """
    known = list_sites(place, files)
    if not known and not (wanted or place.remote) and not Path(place.root).is_dir():
        raise UsageError(f"{place.label}: no such directory")
    missing = [site for site in wanted if site not in known]
    if missing:
        there = ", ".join(site or "(a plain store)" for site in known) or "none"
        raise UsageError(f"lake {place.label}: no site {missing[0]}; there are: {there}")
    return [site for site in known if not wanted or site in wanted]


def list_files(
    place: Place,
    sites: Sequence[str] = (),
    start_ms: int | None = None,
    end_ms: int | None = None,
    files: LakeFiles | None = None,
) -> list[LakeFile]:
    """The files that may hold flows overlapping a window, in order of sites and slots; each flow is in one of them.

    Args:
        place: the lake.
        sites: whose; all if empty.
        start_ms: the window, UTC, inclusive.
        end_ms: as `start_ms`.
        files: of the place, if they are open already.

    Raises:
        UsageError: there is no such site.
        BackendError: the lake cannot be listed.
    """
    files = files or open_files(place)
    found: list[LakeFile] = []
    try:
        for site in chosen_sites(place, sites, files):
            root = place.site_root(site)
            if place.remote:
                found += _bucket_files(files, site, root, start_ms, end_ms)
            else:
                found += _directory_files(files, site, root, start_ms, end_ms)
    except OSError as error:
        raise BackendError(explained(place, error)) from error
    return found


def _directory_files(
    files: LakeFiles, site: str, root: str, start_ms: int | None, end_ms: int | None
) -> Iterator[LakeFile]:
    for slot in Catalog(Path(root)).slots(start_ms, end_ms):
        state = files.state(slot.file)
        if state is not None:
            rollup = files.state(slot.rollup_file) if slot.rollup_file is not None else None
            yield LakeFile(site, slot, state.size, rollup.size if rollup else 0)


def _bucket_files(
    files: LakeFiles, site: str, root: str, start_ms: int | None, end_ms: int | None
) -> Iterator[LakeFile]:
    names = files.names(root)
    reach = parse_reach(names)
    days = sorted(day for name in names if (day := parse_date(name)) is not None)
    days = [day for day in days if _reaches(reach, start_ms, end_ms, day)]
    with ThreadPoolExecutor(_AT_ONCE, "lake") as pool:
        for day, entries in zip(days, pool.map(lambda day: files.walk(f"{root}/{date_name(day)}"), days), strict=True):
            yield from _day_files(files, site, f"{root}/{date_name(day)}", day, entries, start_ms, end_ms)


def _reaches(reach: Reach, start_ms: int | None, end_ms: int | None, day: int) -> bool:
    first, last = slot_window(reach, start_ms, end_ms, day)
    return first <= last


def _day_files(
    files: LakeFiles,
    site: str,
    root: str,
    day: int,
    entries: list[Entry],
    start_ms: int | None,
    end_ms: int | None,
) -> Iterator[LakeFile]:
    sizes = {entry.path: entry.size for entry in entries}
    hours: dict[str, list[str]] = {}
    for path in sizes:
        directory, _, name = path.rpartition("/")
        hours.setdefault(directory, []).append(name)
    whole = start_ms is None and end_ms is None
    reach = parse_reach(hours.get(root, []))
    first, last = (day, day + DAY_MS - 1) if whole else slot_window(reach, start_ms, end_ms, day)
    for directory in sorted(hours, key=lambda path: parse_hour(path.rpartition("/")[2]) or 0):
        if directory.rpartition("/")[0] != root or parse_hour(directory.rpartition("/")[2]) is None:
            continue
        for slot in without_replaced(files_of(directory, hours[directory]), lambda slot: read_end(files, slot.file)):
            if slot.name.last_slot_ms >= first and slot.name.slot_ms <= last:
                yield LakeFile(site, slot, sizes[slot.file], sizes.get(slot.rollup_file or "", 0))


def read_end(files: LakeFiles, path: str) -> Mapping[str, Any]:
    """What the footer of a file says, as `footer.read_footer`."""
    from nftui.engine.store.footer import parse_footer

    end = footer_bytes(files, path)
    try:
        return parse_footer(io.BytesIO(end), path)
    except OSError as error:
        raise CorruptFile(f"{path}: {cause(error)}") from error


def footer_bytes(files: LakeFiles, path: str) -> bytes:
    """The footer of a Parquet file with its length and mark, and perhaps what stands before it."""
    end = files.end(path, _FOOTER_BYTES)
    length = int.from_bytes(end[-8:-4], "little") + 8
    return end if length <= len(end) or len(end) < _FOOTER_BYTES else files.end(path, length)
