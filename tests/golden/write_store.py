"""Writes the golden store of the present schema: `python tests/golden/write_store.py`, once for each released schema.

What it makes is committed and never written again: `tests/faults/test_b_files.py` holds every later version to it. The
flows are generated: addresses of the documentation ranges, every column of the schema, nulls among them.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from nftui.engine.batch import ExtraColumn, FlowBatch, TextColumn
from nftui.engine.clock import ManualClock
from nftui.engine.limits import DEFAULT
from nftui.engine.schema import FIELDS, SCHEMA_VERSION, Kind
from nftui.engine.store import layout, segment, writer
from nftui.engine.store.compact import compact_hour

NOON_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z
ROWS = 120
V4 = 0xFFFF00000000
V6 = 0x2001_0DB8 << 32


def golden_flows(first: int, received_ms: int) -> FlowBatch:
    """Flows numbered from `first` with a value in every column, and every seventh value missing where that may be."""
    number = np.arange(first, first + ROWS, dtype=np.int64)
    batch = FlowBatch(ROWS)
    for place, (name, field) in enumerate(FIELDS.items()):
        if field.kind is Kind.TEXT:
            batch.text[name] = TextColumn((number % 3 - 1).astype(np.int32), [f"{name} one", f"{name} two"])
        elif field.kind is Kind.EXTRA:
            batch.extra = ExtraColumn(np.arange(ROWS + 1, dtype=np.int64) * 4, np.full(ROWS * 4, 7, np.uint8))
        elif field.kind is Kind.ADDRESS:
            six = number % 2 == 1
            batch.columns[field.physical[0]] = np.where(six, V6, 0)
            batch.columns[field.physical[1]] = np.where(six, number % 40 + 1, V4 | (0xC6336400 + number % 40))
        else:
            values = (number * (place + 3) % 200).astype(field.dtype)
            batch.columns[field.physical[0]] = values
            if name not in {"packets", "bytes", "flows", "proto", "flow_id"} and not name.startswith("time_"):
                batch.valid[name] = number % 7 != place % 7
    batch.columns |= {
        "time_received_ms": np.full(ROWS, received_ms, np.int64),
        "time_flow_start_ms": received_ms - 3000 - number,
        "time_flow_end_ms": received_ms - 1000 - number,
        "proto": np.array([6, 17, 1], np.uint8)[number % 3],
        "packets": number % 7 + 1,
        "bytes": (number % 7 + 1) * 100,
        "flows": np.ones(ROWS, np.int64),
        "flow_id": number,
    }
    return batch


def write(root: Path) -> dict[str, int]:
    """A store with a compacted hour, a part beside it, a sealed slot and a live segment; its sums."""
    words = iter(f"{number:08x}" for number in range(1, 100))
    writer.new_writer = layout.new_writer = lambda: next(words)
    limits = replace(DEFAULT, row_group_rows=50, reserve_share=0.0)
    clock = ManualClock(NOON_MS)
    times = [NOON_MS + minutes * 60_000 for minutes in (0, 5, 10, 60, 61)]
    stored = 0
    for place, received in enumerate(times):
        clock.step((received - clock.now_ms()) / 1000)
        store = writer.StoreWriter(root, 300, clock, limits, "golden")
        store.open()
        store.note({"sequence.lost": 3})
        store.append(golden_flows(stored, received))
        stored += ROWS
        if place < len(times) - 1:
            store.close()
            if place == 1:
                for _ in compact_hour(root, NOON_MS, limits):
                    pass
        else:  # as after a kill: what the last writer left is a live segment
            clock.advance(1)
            store.tick()
    for path in (*root.glob("_tmp/*"), *root.glob(".*lock")):
        path.unlink()
    numbers = np.arange(stored)
    packets = int((numbers % 7 + 1).sum())
    return {"schema": SCHEMA_VERSION, "flows": stored, "packets": packets, "bytes": packets * 100}


if __name__ == "__main__":
    place = Path(__file__).parent / f"store-v{SCHEMA_VERSION}"
    if place.exists():
        sys.exit(f"{place} is there: a golden store is never written again")
    assert segment.SCHEMA_VERSION == SCHEMA_VERSION
    place.mkdir()
    sums = write(place)
    (place / "sums.json").write_text(json.dumps(sums) + "\n")
