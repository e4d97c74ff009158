"""Whatever flows a decoder makes come back from segment and Parquet as they were: values, nulls, text, extra."""

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nftui.engine.batch import ExtraColumn, FlowBatch, TextColumn
from nftui.engine.clock import ManualClock
from nftui.engine.limits import DEFAULT
from nftui.engine.schema import FIELDS, NON_NULL, Kind
from nftui.engine.store.arrow import from_arrow, to_arrow
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.writer import StoreWriter

NOON_MS = 1_795_262_400_000
NUMBERS = [name for name, field in FIELDS.items() if field.kind in {Kind.INT, Kind.ADDRESS}]
TEXTS = [name for name, field in FIELDS.items() if field.kind is Kind.TEXT]
ALWAYS = sorted(NON_NULL)


@st.composite
def batches(draw: st.DrawFn) -> FlowBatch:
    """Any flows with the fields that decoders always fill, received within 200 s around a slot's end."""
    count = draw(st.integers(1, 30))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    batch = FlowBatch(count)
    for name in [*ALWAYS, *draw(st.lists(st.sampled_from(NUMBERS), max_size=12, unique=True))]:
        field = FIELDS[name]
        limits = np.iinfo(field.dtype)
        for column in field.physical:
            few = rng.integers(limits.min, limits.max, 4, field.dtype, endpoint=True)
            batch.columns[column] = rng.choice(np.append(few, np.array([0, limits.min, limits.max], few.dtype)), count)
        if name not in NON_NULL and draw(st.booleans()):
            batch.valid[name] = rng.random(count) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    batch.columns["time_received_ms"] = NOON_MS + rng.integers(0, 200_000, count)
    for name in draw(st.lists(st.sampled_from(TEXTS), max_size=3, unique=True)):
        words = draw(st.lists(st.text(max_size=10), min_size=1, max_size=4, unique=True))
        batch.text[name] = TextColumn(rng.integers(-1, len(words), count, np.int32), words)
    if draw(st.booleans()):
        runs = [b"".join(_entry(rng) for _ in range(rng.integers(0, 3))) for _ in range(count)]
        offsets = np.concatenate([[0], np.cumsum([len(run) for run in runs])]).astype(np.int64)
        batch.extra = ExtraColumn(offsets, np.frombuffer(b"".join(runs), np.uint8))
    return batch


def _entry(rng: np.random.Generator) -> bytes:
    value = rng.bytes(int(rng.integers(0, 20)))
    return rng.bytes(6) + len(value).to_bytes(2, "big") + value


def rows_of(flows: list[FlowBatch]) -> Counter[str]:
    """Multiset of the rows, each with all fields of the registry; no extra elements is no extra column."""
    return Counter(
        repr([batch.value(name, row) if name != "extra" else batch.value(name, row) or None for name in FIELDS])
        for batch in flows
        for row in range(batch.length)
    )


@given(batches())
@settings(max_examples=80, deadline=None)
def test_arrow_and_back(batch: FlowBatch) -> None:
    record = to_arrow(batch)
    assert rows_of([from_arrow(record)]) == rows_of([batch])
    sliced = pa.Table.from_batches([record.slice(0, 1), record.slice(1)])
    assert rows_of([from_arrow(sliced)]) == rows_of([batch])


@given(st.lists(batches(), min_size=1, max_size=5), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_segment_and_parquet_and_back(flows: list[FlowBatch], chunk: int, segment: int, group: int) -> None:
    limits = replace(DEFAULT, chunk_rows=chunk, segment_rows=segment, row_group_rows=group)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        writer = StoreWriter(root, 60, ManualClock(NOON_MS), limits)
        writer.open()
        for batch in flows:
            writer.append(batch)
        writer.close()
        files = Catalog(root).slots()
        back = [from_arrow(pq.read_table(file.path, partitioning=None)) for file in files]
        for file, batch in zip(files, back, strict=True):
            received = batch.columns["time_received_ms"]
            assert file.start_ms <= received.min() <= received.max() < file.start_ms + 60_000
    assert writer.drain_counts() == {
        "flows.in_memory": -sum(map(len, flows)), "flows.stored": sum(map(len, flows)),
    }  # fmt: skip
    assert rows_of(back) == rows_of(flows)
