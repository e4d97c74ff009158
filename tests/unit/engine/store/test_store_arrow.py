"""FlowBatch to Arrow and back."""

import numpy as np
import pyarrow as pa
import pytest

from nftui.engine.batch import ExtraColumn, FlowBatch, TextColumn
from nftui.engine.schema import PHYSICAL
from nftui.engine.store.arrow import CORE_COLUMNS, TYPES, from_arrow, schema_of, to_arrow


def test_physical_types() -> None:
    assert str(TYPES["src_addr_hi"]) == str(TYPES["src_addr_lo"]) == "int64"
    assert [str(TYPES[name]) for name in ("bytes", "time_flow_start_ms", "in_if", "src_port", "proto")] == [
        "int64", "int64", "uint32", "uint16", "uint8",
    ]  # fmt: skip
    assert str(TYPES["username"]) == "string"
    assert str(TYPES["extra"]) == "binary"
    assert list(TYPES) == list(PHYSICAL)
    assert {"src_addr_hi", "src_addr_lo", "sampling_rate", "quality"} <= set(CORE_COLUMNS)


def test_nulls_are_nulls_and_empty_columns_are_left_out() -> None:
    batch = FlowBatch(
        3,
        {
            "src_port": np.array([1, 2, 3], np.uint16),
            "src_as": np.array([7, 0, 9], np.uint32),
            "dst_as": np.zeros(3, np.uint32),
            "next_hop_hi": np.array([1, 2, 3]),
            "next_hop_lo": np.array([4, 5, 6]),
        },
        {
            "src_as": np.array([True, False, True]),
            "dst_as": np.zeros(3, bool),
            "next_hop": np.array([True, True, False]),
        },
    )
    record = to_arrow(batch)
    assert record.to_pydict() == {
        "src_port": [1, 2, 3],
        "next_hop_hi": [1, 2, None],
        "next_hop_lo": [4, 5, None],
        "src_as": [7, None, 9],
    }
    back = from_arrow(record)
    assert [back.value("next_hop", row) for row in range(3)] == [1 << 64 | 4, 2 << 64 | 5, None]
    assert [back.value("src_as", row) for row in range(3)] == [7, None, 9]
    assert not back.has("dst_as")


def test_text_and_extra() -> None:
    text = TextColumn(np.array([1, -1, 0, 1], np.int32), ["Zürich", "edge"])
    run = bytes.fromhex("000000000001 0002 abcd".replace(" ", ""))
    extra = ExtraColumn(np.array([0, 0, len(run), len(run), 2 * len(run)]), np.frombuffer(run * 2, np.uint8))
    record = to_arrow(FlowBatch(4, text={"username": text}, extra=extra))
    assert record.to_pydict() == {"username": ["edge", None, "Zürich", "edge"], "extra": [None, run, None, run]}
    for source in (record, pa.Table.from_batches([record.slice(0, 2), record.slice(2)]), record.slice(0)):
        back = from_arrow(source)
        assert [back.value("username", row) for row in range(4)] == ["edge", None, "Zürich", "edge"]
        assert [back.value("extra", row) for row in range(4)] == [[], [(0, 1, b"\xab\xcd")], [], [(0, 1, b"\xab\xcd")]]


def test_slices_with_nulls_keep_their_rows() -> None:
    valid = np.array([True, False, True, True, False, True, True, False, True, True])
    record = to_arrow(FlowBatch(10, {"src_as": np.arange(10, dtype=np.uint32)}, {"src_as": valid}))
    back = from_arrow(record.slice(3, 5))
    assert [back.value("src_as", row) for row in range(5)] == [3, None, 5, 6, None]


def test_columns_without_nulls_are_not_copied() -> None:
    values = np.arange(1000, dtype=np.int64)
    record = to_arrow(FlowBatch(1000, {"bytes": values}))
    assert record.column(0).buffers()[1].address == values.ctypes.data
    assert np.shares_memory(from_arrow(record).columns["bytes"], values)


def test_foreign_columns_and_types_are_read() -> None:
    table = pa.table(
        {"bytes": pa.array([1, 2], pa.int32()), "hour": ["9", "9"], "proto": pa.array([6, 17], pa.uint8())}
    )
    back = from_arrow(table)
    assert sorted(back.columns) == ["bytes", "proto"]
    assert back.columns["bytes"].dtype == np.int64


def test_empty_batch() -> None:
    assert from_arrow(to_arrow(FlowBatch(0))).length == 0
    assert from_arrow(schema_of(CORE_COLUMNS).empty_table()).length == 0


@pytest.mark.parametrize("column", ["src_addr_lo", "bytes"])
def test_whole_range_of_64_bits(column: str) -> None:
    values = np.array([-(1 << 63), -1, 0, (1 << 63) - 1])
    assert from_arrow(to_arrow(FlowBatch(4, {column: values}))).columns[column].tolist() == values.tolist()
