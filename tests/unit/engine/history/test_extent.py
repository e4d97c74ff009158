"""From when to when there are flows: a clock that is wrong does not stretch the past, and is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from compaction import compact_all, write
from plain_flows import BASE_MS, flow_file
from store_samples import NOON_MS, sample_flows

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.history.history import History
from nftui.engine.history.values import TimeRange
from nftui.engine.query.session import Session
from nftui.engine.store.writer import StoreWriter

HOUR = 3_600_000
DAY = 24 * HOUR


def odd(start_ms: int, end_ms: int, received_ms: int = NOON_MS) -> FlowBatch:
    """A flow with other times than it was received at."""
    flows = sample_flows(9000, 1, received_ms)
    flows.columns["time_flow_start_ms"] = np.array([start_ms])
    flows.columns["time_flow_end_ms"] = np.array([end_ms])
    return flows


def extent(root: Path) -> tuple[TimeRange | None, int]:
    history = History([str(root)])
    try:
        return history.extent(), history.far
    finally:
        history.close()


def test_flows_of_1970_and_of_next_year_do_not_count(tmp_path: Path) -> None:
    write(
        tmp_path,
        sample_flows(0, 10),
        odd(0, NOON_MS),
        odd(0, 1000),
        sample_flows(20, 10, NOON_MS + 2 * HOUR),
        odd(NOON_MS, NOON_MS + 365 * DAY, NOON_MS + 2 * HOUR),
    )
    right = TimeRange(NOON_MS - 3000, NOON_MS + 2 * HOUR)
    assert extent(tmp_path) == (right, 3)
    assert compact_all(tmp_path)
    assert extent(tmp_path) == (right, 3)


def test_a_clock_that_is_some_hours_off_counts(tmp_path: Path) -> None:
    write(tmp_path, sample_flows(0, 10), odd(NOON_MS - 20 * HOUR, NOON_MS + 20 * HOUR))
    assert extent(tmp_path) == (TimeRange(NOON_MS - 20 * HOUR, NOON_MS + 20 * HOUR + 1000), 0)


def test_where_all_flows_are_far_off_they_are_shown(tmp_path: Path) -> None:
    write(tmp_path, odd(5000, 7000))
    assert extent(tmp_path) == (TimeRange(5000, 8000), 1)


def test_of_files_that_do_not_tell_when_they_were_received_all_times_count(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "flows.parquet", [{"bytes": 700}, {"bytes": 300}])
    assert extent(path) == (TimeRange(BASE_MS, BASE_MS + 2000), 0)


def test_sealed_hours_are_looked_at_once_and_live_ones_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, sample_flows(0, 10))
    clock = ManualClock(NOON_MS + 60_000)
    writer = StoreWriter(tmp_path, 300, clock)
    writer.open()
    looks: list[bool] = []
    rows = Session.rows

    def spy(self: Session, fields: object, statement: object, part: object = None, size: int = 10_000) -> object:
        looks.append(bool(getattr(part, "files", ())))
        return rows(self, fields, statement, part, size)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "rows", spy)
    history = History([str(tmp_path)])
    for count in (1, 2, 3):
        writer.append(sample_flows(100 * count, 1, NOON_MS + 60_000 * count))
        for _ in range(2):
            clock.advance(1)
            writer.tick()
        assert history.extent() == TimeRange(NOON_MS - 3000, NOON_MS + 60_000 * count)
    assert looks.count(True) == 1
    assert looks.count(False) == 3
    history.close()
    writer.close()
