"""Narrow columns of live segments: exactly the values of the record come back."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.batch import FlowBatch, TextColumn
from nftui.engine.store.arrow import TYPES, to_arrow
from nftui.engine.store.narrow import NarrowBatch, narrow


def record(column: str, values: list[int], valid: list[bool] | None = None) -> pa.RecordBatch:
    dtype = TYPES[column].to_pandas_dtype()
    name = column.removesuffix("_hi").removesuffix("_lo")
    batch = FlowBatch(len(values), {column: np.array(values, dtype)})
    if valid is not None:
        batch.valid[name] = np.array(valid)
    return to_arrow(batch)


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        ("bytes", [0, 255], pa.uint8()),
        ("bytes", [0, 256], pa.uint16()),
        ("bytes", [1000, 66_535], pa.uint16()),
        ("bytes", [0, 1 << 16], pa.uint32()),
        ("bytes", [5, (1 << 32) + 4], pa.uint32()),
        ("bytes", [0, 1 << 32], pa.int64()),
        ("src_addr_hi", [-(1 << 63), (1 << 63) - 1], pa.int64()),
        ("src_addr_lo", [0xFFFF0A000001, 0xFFFF0A000002], pa.uint8()),
        ("in_if", [70_000, 70_001], pa.uint8()),
        ("in_if", [0, 1 << 16], pa.uint32()),
        ("src_port", [65_280, 65_535], pa.uint8()),
        ("proto", [6, 17], pa.uint8()),
    ],
)
def test_a_column_has_the_bytes_of_its_range(column, values, kind):
    narrowed, offsets = narrow(record(column, values))
    assert narrowed.schema.field(column).type == kind
    assert offsets == ({column: min(values)} if kind != TYPES[column] else {})
    assert NarrowBatch(narrowed, offsets).restore().equals(record(column, values))


@given(st.lists(st.tuples(st.integers(-(1 << 63), (1 << 63) - 1), st.booleans()), min_size=1, max_size=40), st.data())
def test_every_column_comes_back(rows, data):
    base = data.draw(st.sampled_from([1, 200, 60_000, 1 << 31, 1 << 62]))
    values = [value % base for value, _ in rows]
    before = record("time_flow_start_ms", values, [valid for _, valid in rows])
    after = NarrowBatch(*narrow(before)).restore()
    assert after.equals(before)
    assert after.schema == before.schema


def test_only_the_columns_that_are_asked_for_come_back():
    before = to_arrow(FlowBatch(2, {"bytes": np.array([7, 9]), "src_port": np.array([5, 6], np.uint16)}))
    after = NarrowBatch(*narrow(before)).restore({"src_port", "username"})
    assert after.schema.names == ["src_port"]
    assert after.column("src_port").equals(before.column("src_port"))


def test_text_and_empty_batches_stay_as_they_are():
    batch = FlowBatch(2, {"bytes": np.array([1, 2])}, text={"username": TextColumn(np.array([0, -1], np.int32), ["a"])})
    narrowed, offsets = narrow(to_arrow(batch))
    assert narrowed.column("username").to_pylist() == ["a", None]
    assert offsets == {"bytes": 1}
    empty = to_arrow(batch).slice(0, 0)
    assert narrow(empty) == (empty, {})
    assert NarrowBatch(empty).restore() == empty


@pytest.mark.parametrize(
    "offsets", [{"username": 1}, {"bytes": 1 << 63}, {"bytes": "1"}, {"src_port": -1}, {"src_addr_lo": 1}]
)
def test_offsets_that_cannot_be_are_refused(offsets):
    batch = FlowBatch(
        1,
        {"bytes": np.array([1]), "src_port": np.array([9], np.uint16), "src_addr_lo": np.array([1])},
        text={"username": TextColumn(np.array([0], np.int32), ["a"])},
    )
    narrowed, _ = narrow(to_arrow(batch))
    if "src_addr_lo" in offsets:
        narrowed = to_arrow(batch)  # not narrow at all
    with pytest.raises(ValueError, match=next(iter(offsets))):
        NarrowBatch(narrowed, offsets)
