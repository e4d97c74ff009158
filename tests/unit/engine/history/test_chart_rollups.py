"""Charts from roll-ups are those of the flows, whatever the roll-ups know; and no flow is read where they know all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from compaction import compact_all, write
from past import HOUR, past_flows
from store_samples import NOON_MS, sample_flows

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.history.history import History
from nftui.engine.history.values import Timeline, TimelineRequest, TimeRange
from nftui.engine.query.flow_session import Part
from nftui.engine.query.session import Session
from nftui.engine.store.layout import parse_rollup

EVERYTHING = TimeRange(NOON_MS - 2 * HOUR, NOON_MS + 4 * HOUR)
ALL = ("proto", "exporter", "interface")


def flows() -> FlowBatch:
    """Of three hours, many of them across the borders of minutes and hours."""
    return past_flows(7, 300)


def rollups(root: Path) -> list[Path]:
    return sorted(root.glob("date=*/hour=*/*.rollup"))


def charts(root: Path, *buckets: int) -> list[Timeline]:
    """By everything and of every measure."""
    history = History([str(root)])
    try:
        return [
            history.timeline(TimelineRequest(EVERYTHING, None, by, measure, count, 300, scaled))
            for by in ALL for measure in ("bytes", "packets", "flows") for scaled in (True, False) for count in buckets
        ]  # fmt: skip
    finally:
        history.close()


def same(some: Sequence[Timeline], others: Sequence[Timeline]) -> None:
    for one, other in zip(some, others, strict=True):
        assert one.labels == other.labels
        assert one.values.tolist() == other.values.tolist()


def forget(path: Path, keep: tuple[str, ...] = ()) -> None:
    """Take charts out of the name of a roll-up: those of version 1 have none."""
    name = parse_rollup(path.name)
    assert name is not None
    path.rename(path.with_name(replace(name, charts=keep).file_name))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that are read flow by flow."""
    paths: list[str] = []
    relation: Callable[..., str] = Session.relation

    def spy(self: Session, fields: Sequence[str], part: Part | None = None) -> str:
        if fields:
            paths.extend(self.sources.files if part is None else part.files)
        return relation(self, fields, part)

    monkeypatch.setattr(Session, "relation", spy)
    return paths


def test_a_chart_of_whole_minutes_reads_no_flow_and_equals_one_that_does(tmp_path: Path, read: list[str]) -> None:
    write(tmp_path, flows())
    assert compact_all(tmp_path)
    paths = rollups(tmp_path)
    assert {name.charts for path in paths if (name := parse_rollup(path.name))} == {ALL}
    summed = charts(tmp_path, 30, 360)
    assert not read
    for path in paths:
        forget(path)
    same(summed, charts(tmp_path, 30, 360))
    assert read


def test_roll_ups_of_both_versions_together_and_a_damaged_one(tmp_path: Path, read: list[str]) -> None:
    write(tmp_path, flows())
    compact_all(tmp_path)
    summed = charts(tmp_path, 30)
    first, second, *_ = rollups(tmp_path)
    forget(first)
    forget(second, ("exporter",))
    same(summed, charts(tmp_path, 30))
    assert read
    for path in rollups(tmp_path)[1:]:
        path.write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    same(summed, charts(tmp_path, 30))


def test_a_chart_of_seconds_reads_flows(tmp_path: Path, read: list[str]) -> None:
    write(tmp_path, flows())
    compact_all(tmp_path)
    history = History([str(tmp_path)])
    minute = TimeRange(NOON_MS + HOUR, NOON_MS + HOUR + 60_000)
    whole = history.timeline(TimelineRequest(minute, buckets=1, layers=300))
    assert not read
    parts = history.timeline(TimelineRequest(minute, buckets=60, layers=300))
    assert read
    assert parts.values.sum() == whole.values.sum() > 0
    history.close()


def test_a_flow_since_1970_leaves_the_hour_without_charts_and_the_chart_right(tmp_path: Path) -> None:
    odd = sample_flows(5000, 1, NOON_MS)
    odd.columns["time_flow_start_ms"] = np.zeros(1, np.int64)
    write(tmp_path, concat([odd, sample_flows(0, 100, NOON_MS)]))
    compact_all(tmp_path)
    [path] = rollups(tmp_path)
    name = parse_rollup(path.name)
    assert name is not None
    assert name.charts == ()
    history = History([str(tmp_path)])
    chart = history.timeline(TimelineRequest(TimeRange(NOON_MS - HOUR, NOON_MS + HOUR), measure="flows"))
    assert chart.values.sum() == 100
    history.close()


def test_more_keys_in_each_minute_than_an_eighth_of_the_flows_make_no_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nftui.engine.query.rollup._LEAST_CELLS", 10)
    many = sample_flows(0, 100)
    many.columns["in_if"] = np.arange(100, dtype=np.uint32)
    write(tmp_path, many)
    compact_all(tmp_path)
    [path] = rollups(tmp_path)
    name = parse_rollup(path.name)
    assert name is not None
    assert name.charts == ("proto", "exporter")
    [chart] = [chart for chart in charts(tmp_path, 30) if chart.request == TimelineRequest(
        EVERYTHING, None, "interface", "bytes", 30, 300
    )]  # fmt: skip
    assert len(chart.labels) == 100
    assert chart.values.sum() == many.columns["bytes"].sum()
