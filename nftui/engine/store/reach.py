"""How far the flows of a day's files reach beyond their slots, said by names of empty files.

A slot holds the flows that were *received* in it; they may have started hours before, or claim to end later. A
query for a window of flow times must know how far, or read everything. So each day's directory has two markers,

    date=YYYY-MM-DD/_before-<seconds>   no flow of the day starts earlier than its slot's start minus this
    date=YYYY-MM-DD/_after-<seconds>    no flow of the day ends later than its slot's start plus this

with powers of two, made before the first file that needs them gets its name. Names cost nothing to read: they
come with the listing. Of several markers the largest holds; a day without one may reach anywhere.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from nftui.engine.store import disk

_MARKER = re.compile(r"_(before|after)-(\d{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reach:
    """Reach of a day's files around the starts of their slots, in seconds; None is without bound."""

    before: int | None = None
    after: int | None = None


def parse_reach(names: list[str]) -> Reach:
    """The reach that the markers among a day's directory entries give."""
    found = {"before": -1, "after": -1}
    for name in names:
        match = _MARKER.fullmatch(name)
        if match is not None:
            found[match[1]] = max(found[match[1]], int(match[2]))
    return Reach(*(None if found[side] < 0 else found[side] for side in ("before", "after")))


def is_marker(name: str) -> bool:
    """Whether a name in a day's directory is that of a marker."""
    return _MARKER.fullmatch(name) is not None


def extend_reach(day: Path, slot_ms: int, first_ms: int, last_ms: int) -> None:
    """Make a day's markers cover flows from `first_ms` to `last_ms` in a slot, before they are published.

    Raises:
        OSError: a marker could not be made durable; the file must not be published.
    """
    names = os.listdir(day)
    known = parse_reach(names)
    if None in {known.before, known.after} and _has_files(day, names):
        return  # of unknown reach: a marker would claim to speak for them, too
    lacking = lacking_markers(known, slot_ms - first_ms, last_ms - slot_ms)
    for name in lacking:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(day / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640))
    if lacking:
        disk.sync_directory(day)


def lacking_markers(known: Reach, before_ms: int, after_ms: int) -> list[str]:
    """Names of the markers that are needed beside those known, for flows that reach so far beyond a slot's start."""
    lacking = []
    for side, have, need_ms in (("before", known.before, before_ms), ("after", known.after, after_ms)):
        need = _power_of_two(-(-max(need_ms, 0) // 1000))
        if have is None or have < need:
            lacking.append(f"_{side}-{need}")
    return lacking


def _has_files(day: Path, names: list[str]) -> bool:
    return any(name.startswith("hour=") and os.listdir(day / name) for name in names)


def _power_of_two(seconds: int) -> int:
    return 1 << (seconds - 1).bit_length() if seconds > 1 else seconds
