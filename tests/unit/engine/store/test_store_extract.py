"""Extracts: the form of the files, and that every row is in them once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_samples import NOON_MS, sample_flows, stored_ids

from nftui.engine.limits import DEFAULT
from nftui.engine.store.arrow import CORE_COLUMNS, schema_of, to_arrow
from nftui.engine.store.extract import write_file, write_store
from nftui.engine.store.footer import read_footer
from nftui.engine.store.segment import widen

SCHEMA = schema_of([*CORE_COLUMNS, "flow_id"])
SMALL = replace(DEFAULT, row_group_rows=1000)


def batches(*sizes: int, received_ms: int = NOON_MS) -> list[pa.RecordBatch]:
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [widen(to_arrow(sample_flows(s, n, received_ms)), SCHEMA) for s, n in zip(starts, sizes, strict=True)]


@pytest.mark.parametrize("sizes", [(), (1,), (999, 1), (1000,), (1001,), (3500,), (700, 700, 700, 1)])
def test_a_file_has_every_row_once_in_row_groups(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    path = tmp_path / "x.parquet"
    assert write_file(batches(*sizes), path, SCHEMA, SMALL) == sum(sizes)
    assert pq.read_table(path).column("flow_id").to_pylist() == list(range(sum(sizes)))
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert groups == [1000] * (sum(sizes) // 1000) + [sum(sizes) % 1000] * (sum(sizes) % 1000 > 0)


def test_the_footer_counts_what_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_file(batches(700, 700), path, SCHEMA, SMALL)
    about = read_footer(path)
    packets = sum(i % 7 + 1 for i in range(1400))
    assert (about["rows"], about["flows"], about["packets"], about["bytes"]) == (1400, 1400, packets, packets * 100)
    assert about["exporters"] == {"192.0.2.1": 1400}


def test_the_columns_are_written_as_in_sealed_slots(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_file(batches(2000), path, SCHEMA, SMALL)
    group = pq.read_metadata(path).row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert columns["src_addr_lo"].compression == "ZSTD"
    assert "DELTA_BINARY_PACKED" in columns["time_flow_start_ms"].encodings
    assert "RLE_DICTIONARY" in columns["proto"].encodings


def test_a_store_has_a_part_for_each_hour_and_the_same_hour_twice_replaces_nothing(tmp_path: Path) -> None:
    root = tmp_path / "store"
    root.mkdir()
    hour = NOON_MS // 3_600_000 * 3_600_000
    later = [widen(to_arrow(sample_flows(1000 + i, 1, NOON_MS + 3_600_000)), SCHEMA) for i in range(3)]
    again = [widen(to_arrow(sample_flows(2000, 1)), SCHEMA)]
    hours = [(hour, batches(600, 400)), (hour + 3_600_000, later), (hour, again)]
    assert write_store(hours, root, SCHEMA, SMALL) == 1004
    assert stored_ids(root) == [*range(1003), 2000]
    assert len(list(root.glob("date=*/hour=*/*.parquet"))) == 3
