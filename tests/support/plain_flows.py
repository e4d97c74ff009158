"""Files of flows from plain values, for tests that compute the answer themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nftui.engine.schema import FIELDS, Kind
from nftui.engine.store.arrow import CORE_COLUMNS, schema_of
from nftui.text import parse_address

BASE_MS = 1_767_261_600_000  # 2026-01-01T10:00:00Z
DEFAULTS: dict[str, int | str | None] = {
    "time_received_ms": BASE_MS + 2000, "time_flow_start_ms": BASE_MS, "time_flow_end_ms": BASE_MS + 1000,
    "sampler_address": "127.0.0.1", "flow_source": 9, "src_addr": "10.0.0.1", "dst_addr": "192.0.2.1",
    "src_port": 1024, "dst_port": 443, "proto": 6, "bytes": 1000, "packets": 10, "flows": 1, "quality": 0,
}  # fmt: skip


def flow_file(path: Path, rows: Sequence[Mapping[str, int | str | None]]) -> Path:
    """A Parquet file in the store's columns.

    Args:
        path: of the file.
        rows: registry fields of each flow, addresses as text, None for absent; `DEFAULTS` fills up.
    """
    full = [{**DEFAULTS, **row} for row in rows]
    schema = schema_of({*CORE_COLUMNS, *(column for row in rows for name in row for column in FIELDS[name].physical)})
    columns: dict[str, list[int | str | None]] = {name: [] for name in schema.names}
    for row in full:
        for name, item in FIELDS.items():
            value = row.get(name)
            if item.kind is Kind.ADDRESS and item.physical[0] in columns:
                halves = (None, None) if value is None else divmod(parse_address(str(value)), 1 << 64)
                for column, half in zip(item.physical, halves, strict=True):
                    columns[column].append(None if half is None else half - (half >> 63 << 64))
            elif name in columns:
                columns[name].append(value)
    pq.write_table(pa.table(columns, schema), path)
    return path
