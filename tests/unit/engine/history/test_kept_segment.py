"""A live segment of which the decoded flows are kept: many chunks become few batches, with all flows in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
from store_samples import NOON_MS, sample_flows

from nftui.engine.history.holdings import KeptSegment
from nftui.engine.store.arrow import schema_of
from nftui.engine.store.layout import PartName
from nftui.engine.store.segment import Origin, SegmentWriter, widen


def _numbers(segment: KeptSegment) -> list[int]:
    return [number for batch in segment.batches() for number in batch.column("flow_id").to_pylist()]


def test_chunks_with_different_columns_become_few_batches_with_every_flow_in_order(tmp_path: Path) -> None:
    (tmp_path / "_live").mkdir()
    writer = SegmentWriter(PartName(NOON_MS, "0123abcd", 1), tmp_path, Origin(NOON_MS, 300, "here"))
    segment = KeptSegment(writer.path)
    ports: list[int | None] = []
    for chunk in range(300):
        flows = sample_flows(chunk * 3, 3, NOON_MS + chunk)
        if chunk % 2:
            flows.columns["src_port"] = np.full(3, chunk, np.uint16)
        ports += [chunk if chunk % 2 else None] * 3
        writer.write(flows)
        if chunk == 100:
            assert _numbers(segment) == list(range(303))
    assert _numbers(segment) == _numbers(segment) == list(range(900))
    batches = list(segment.batches())
    assert len(batches) <= 3 * 15
    schema = schema_of({"flow_id", "src_port"})
    assert pa.Table.from_batches([widen(batch, schema) for batch in batches]).column("src_port").to_pylist() == ports
    assert (segment.rows, segment.last_ms) == (900, NOON_MS + 299)
    segment.forget()
    assert segment.decoded_bytes == 0
    assert _numbers(segment) == list(range(900))
    assert segment.rows == 900
    writer.close()
    segment.release()
