"""Snapshots and charts of stored flows against sums over a list, flow by flow."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compaction import compact_all, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from past import HOUR, VIEWS, expected, overlapping, passed, past_flows, rows_of
from past import write as write_value
from store_samples import NOON_MS

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.history.history import History
from nftui.engine.history.layers import LAYERINGS
from nftui.engine.history.stored_views import stored_view
from nftui.engine.history.values import TimelineRequest, TimeRange
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.talkers import talker_columns
from nftui.engine.query.filters import Filter
from nftui.engine.query.mask import mask
from nftui.engine.query.parser import parse_filter
from nftui.engine.store.writer import StoreWriter

EXAMPLES = 200 if os.environ.get("NFTUI_FULL") else 8
RATES = ("rate", "tx", "rx", "packet_rate")
SUMS = ("bytes", "packets", "flows", "tx_bytes", "rx_bytes")
EVERYTHING = TimeRange(NOON_MS - 4 * HOUR, NOON_MS + 4 * HOUR)
RANGES = st.one_of(
    st.just(EVERYTHING),
    st.builds(
        lambda start, length: TimeRange(NOON_MS + start, NOON_MS + start + length),
        st.integers(-HOUR, 3 * HOUR),
        st.one_of(st.integers(1, 4 * HOUR), st.sampled_from([1, 1000, 60_000])),
    ),
)
FILTERS = [None, "proto 6", "not src port 1 and bytes > 1000"]


def store(root: Path, seed: int, count: int, opposite: bool) -> tuple[StoreWriter, FlowBatch, FlowBatch]:
    """A store with compacted hours, sealed parts and a live segment; its writer is still open."""
    old, late = past_flows(seed, count, opposite), past_flows(seed + 1, 1 + count // 10)
    write(root, old)
    assert compact_all(root)
    clock = ManualClock(NOON_MS)
    writer = StoreWriter(root, 300, clock)
    writer.open()
    writer.append(late)
    for _ in range(2):
        clock.advance(1)
        writer.tick()
    return writer, old, late


def matching(batches: list[FlowBatch], filter_: Filter | None, scaled: bool) -> list[dict[str, Any]]:
    return [
        row
        for batch in batches
        for row, passes in zip(
            rows_of(batch), np.ones(len(batch)) if filter_ is None else mask(filter_, batch, scaled), strict=True
        )
        if passes
    ]


def check_rows(snapshot: LiveSnapshot, rows: list[dict[str, Any]], every: list[dict[str, Any]]) -> None:
    """All columns, the order, the ranks and the totals of a snapshot."""
    request, within = snapshot.request, snapshot.request.within
    assert within is not None
    seconds = within.length_ms / 1000
    groups = expected(request.view, rows, within, request.scaled)
    keys = [column.spec.name for column in stored_view(request.view).talker.columns]
    total = sum(
        (row.get("bytes", 0) + row.get("out_bytes", 0)) * (max(1, row.get("sampling_rate", 1)) if request.scaled else 1)
        for row in rows
    )
    assert snapshot.total.matched.bytes == total
    assert snapshot.total.matched.flows == sum(row["flows"] for row in rows)
    assert snapshot.total.unfiltered.flows == sum(row["flows"] for row in every)
    assert snapshot.rows_total == len(groups)
    assert len(snapshot) == min(request.limit, len(groups)) == len(set(snapshot.keys.tolist()))
    assert snapshot.ranks.tolist() == list(range(len(snapshot)))
    shown = list(zip(*(snapshot.values[name] for name in keys), strict=True))
    for place, key in enumerate(shown):
        group = groups[key]
        for name in set(SUMS) & snapshot.values.keys():
            assert snapshot.values[name][place] == group.sums[name], (name, key)
        for name in set(RATES) & snapshot.values.keys():
            assert snapshot.values[name][place] == pytest.approx(group.sums[name] / seconds), (name, key)
        assert snapshot.values["seen"][place] == group.seen
        assert snapshot.values["share"][place] == pytest.approx(group.sums["bytes"] * 100 / max(1, total))
    if request.sort in {*SUMS, *RATES}:
        amounts = sorted((group.sums[request.sort] for group in groups.values()), reverse=request.descending)
        assert [groups[key].sums[request.sort] for key in shown] == amounts[: len(shown)]
    if request.sort == "seen":
        moments = sorted((group.seen for group in groups.values()), reverse=request.descending)
        assert [groups[key].seen for key in shown] == moments[: len(shown)]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32 - 2),
    count=st.integers(1, 300),
    opposite=st.booleans(),
    within=RANGES,
    scaled=st.booleans(),
    text=st.sampled_from(FILTERS),
    limit=st.sampled_from([1, 5, 1000]),
    descending=st.booleans(),
    sort=st.sampled_from([*SUMS, *RATES, "seen"]),
    views=st.sets(st.sampled_from(VIEWS), min_size=3, max_size=3),
)
def test_every_view_equals_the_reference(
    seed: int,
    count: int,
    opposite: bool,
    within: TimeRange,
    scaled: bool,
    text: str | None,
    limit: int,
    descending: bool,
    sort: str,
    views: set[str],
) -> None:
    filter_ = parse_filter(text) if text else None
    with tempfile.TemporaryDirectory() as folder:
        writer, *batches = store(Path(folder), seed, count, opposite)
        history = History([folder])
        try:
            rows = overlapping(matching(batches, filter_, scaled), within)
            every = overlapping(matching(batches, None, scaled), within)
            for view in sorted(views):
                names = {column.name for column in talker_columns(stored_view(view).talker)}
                order = sort if sort in names else "bytes"
                request = LiveRequest(view, filter_, order, descending, limit, scaled, within=within)
                check_rows(history.snapshot(request), rows, every)
        finally:
            history.close()
            writer.close()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32 - 2),
    count=st.integers(1, 300),
    opposite=st.booleans(),
    within=RANGES,
    scaled=st.booleans(),
    text=st.sampled_from(FILTERS),
    by=st.sampled_from(sorted(LAYERINGS)),
    buckets=st.sampled_from([1, 7, 50]),
    layers=st.sampled_from([1, 3, 300]),
)
def test_charts_equal_the_reference(
    seed: int,
    count: int,
    opposite: bool,
    within: TimeRange,
    scaled: bool,
    text: str | None,
    by: str,
    buckets: int,
    layers: int,
) -> None:
    filter_ = parse_filter(text) if text else None
    with tempfile.TemporaryDirectory() as folder:
        writer, *batches = store(Path(folder), seed, count, opposite)
        history = History([folder])
        rows = matching(batches, filter_, scaled)
        try:
            # The second and third chart are drawn from what is remembered of the ones before, as far as it holds.
            moved = TimeRange(within.start_ms + within.length_ms // 3, within.end_ms + within.length_ms // 3)
            for asked, measure in ((within, "bytes"), (within, "flows"), (moved, "packets"), (within, "packets")):
                request = TimelineRequest(asked, filter_, by, measure, buckets, layers, scaled)
                chart = history.timeline(request)
                check_chart(chart.start_ms, chart.step_ms, chart.values.sum(axis=0), rows, request)
                assert chart.start_ms <= asked.start_ms < chart.start_ms + chart.step_ms
                assert chart.start_ms % chart.step_ms == 0
                assert asked.end_ms <= chart.start_ms + chart.step_ms * len(chart.covered)
                assert chart.values.shape == (len(chart.labels), len(chart.covered))
                assert len(chart.covered) <= buckets or chart.step_ms > 10**10
                assert len([label for label in chart.labels if label != "other"]) <= layers
                if by == "proto" and layers > 3:
                    check_layers(chart.labels, chart.values, chart.start_ms, chart.step_ms, rows, request)
        finally:
            history.close()
            writer.close()


def amount_of(row: dict[str, Any], request: TimelineRequest, bucket: TimeRange) -> int:
    """What a flow puts into a bucket."""
    if request.measure == "flows":
        return int(row["flows"]) if bucket.start_ms <= row["time_flow_start_ms"] < bucket.end_ms else 0
    rate = max(1, row.get("sampling_rate", 1)) if request.scaled else 1
    names = ("bytes", "out_bytes") if request.measure == "bytes" else ("packets", "out_packets")
    amounts = [row.get(name, 0) * rate for name in names]
    if request.measure == "packets":
        amounts = [sum(amounts)]
    return sum(passed(row, amount, bucket) for amount in amounts)


def check_chart(start: int, step: int, sums: Any, rows: list[dict[str, Any]], request: TimelineRequest) -> None:
    """Each bucket has all traffic of its time."""
    for place, total in enumerate(sums.tolist() or []):
        bucket = TimeRange(start + place * step, start + (place + 1) * step)
        assert total == pytest.approx(sum(amount_of(row, request, bucket) for row in rows)), place


def check_layers(
    labels: tuple[str, ...], values: Any, start: int, step: int, rows: list[dict[str, Any]], request: TimelineRequest
) -> None:
    whole = TimeRange(start, start + step * values.shape[1])
    sums: dict[str, int] = {}
    for row in rows:
        name = write_value("proto", row)
        sums[name] = sums.get(name, 0) + amount_of(row, request, whole)
    found = dict(zip(labels, values.sum(axis=1).tolist(), strict=True))
    assert found == pytest.approx({name: amount for name, amount in sums.items() if amount})
    assert list(found.values()) == sorted(found.values(), reverse=True)
