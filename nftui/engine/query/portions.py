"""The files of a query in portions by time of reception, for answers whose first line shall come soon."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nftui.engine.query.flow_session import Part
from nftui.engine.store.layout import HOUR_MS, SEALED_SUFFIX, SEGMENT_SUFFIX, PartName, parse_file

_FIRST_SLOTS = 4
_MOST_SLOTS = 256


def portions(files: Sequence[str], segments: Sequence[Path], few: bool = False) -> list[Part]:
    """Files and segments in portions by time: the first ones small, the live segments in the last.

    One portion if the files do not tell their times by their names.

    Args:
        files: Parquet files.
        segments: live segments.
        few: hardly any flow of a file is wanted, so that asking costs more than sorting: larger portions.
    """
    names: dict[str, PartName] = {}
    for path in files:
        name = parse_file(os.path.basename(path), SEALED_SUFFIX)
        if name is None:
            return [Part(tuple(files), True)]
        names[path] = name
    compacted = {name.slot_ms for name in names.values() if name.hour}
    by_slot: dict[int, list[str]] = {}
    for path, name in names.items():
        hour = name.slot_ms // HOUR_MS * HOUR_MS
        by_slot.setdefault(hour if hour in compacted else name.slot_ms, []).append(path)
    live = [name.slot_ms for path in segments if (name := parse_file(path.name, SEGMENT_SUFFIX))]
    last = [slot for slot in sorted(by_slot) if live and slot + HOUR_MS * (slot in compacted) >= min(live)]
    slots = sorted(by_slot.keys() - last)
    out = []
    size = _MOST_SLOTS if few else _FIRST_SLOTS
    while slots:
        now, slots = slots[:size], slots[size:]
        out.append(Part(tuple(path for slot in now for path in by_slot[slot]), False))
        size = min(size * 2, _MOST_SLOTS)
    if segments:
        out.append(Part(tuple(path for slot in last for path in by_slot[slot]), True))
    return out
