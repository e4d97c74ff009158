"""What is stored changes while it is asked about; questions end early; nothing is answered wrongly or in silence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from compaction import compact_all, write
from past import HOUR, expected, overlapping, past_flows, rows_of
from plain_flows import BASE_MS, flow_file
from store_samples import NOON_MS, sample_flows

from nftui.engine.archive.formats import ArchiveFormats
from nftui.engine.batch import concat
from nftui.engine.clock import ManualClock
from nftui.engine.history.history import History
from nftui.engine.history.values import TimelineRequest, TimeRange
from nftui.engine.live.flowlist import COLUMNS
from nftui.engine.live.snapshot import TALKER_VIEWS, VIEWS, LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.session import Interrupted, Session
from nftui.engine.query.sources import find_sources
from nftui.engine.query.statistics import parse_statistic
from nftui.engine.query.time import Window
from nftui.engine.store.catalog import Catalog
from nftui.engine.store.writer import StoreWriter

DAY = TimeRange(NOON_MS - 24 * HOUR, NOON_MS + 24 * HOUR)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History([str(tmp_path)], clock=ManualClock(NOON_MS + 24 * HOUR))
    yield history
    history.close()


def flows_of(history: History, within: TimeRange = DAY, **request: Any) -> int:
    return history.snapshot(LiveRequest(within=within, **request)).total.matched.flows


def test_a_segment_that_grows_and_is_sealed_is_counted_once(tmp_path: Path, history: History) -> None:
    clock = ManualClock(NOON_MS)
    writer = StoreWriter(tmp_path, 300, clock)
    writer.open()
    assert flows_of(history) == 0
    for count in (1, 2, 3):
        writer.append(sample_flows(10 * count, 10, clock.now_ms()))
        clock.advance(1)
        writer.tick()
        assert flows_of(history) == 10 * count
        assert history.timeline(TimelineRequest(DAY, measure="flows")).values.sum() == 10 * count
    writer.close()
    assert not Catalog(tmp_path).live()
    assert flows_of(history) == 30
    compact_all(tmp_path)
    assert flows_of(history) == 30
    assert history.timeline(TimelineRequest(DAY, measure="flows")).values.sum() == 30
    assert history.unread == ()


def test_decoded_flows_are_forgotten_and_counted_again(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOON_MS)
    writer = StoreWriter(tmp_path, 300, clock)
    writer.open()
    writer.append(sample_flows(0, 100))
    clock.advance(1)
    writer.tick()
    chart = TimelineRequest(DAY, measure="flows")
    assert flows_of(history) == 100
    covered = history.timeline(chart).covered.tolist()
    for most in (1, 1 << 30):
        monkeypatch.setattr("nftui.engine.history.holdings._MOST_DECODED", most)
        history.rest()
        assert flows_of(history) == flows_of(history) == 100
        assert history.timeline(chart).covered.tolist() == covered
        assert history.timeline(chart).values.sum() == 100
    [segment] = [kept for store in history._holdings._stores.values() for kept in store.segments()]
    assert segment.decoded_bytes > 0
    history.rest()
    assert segment.decoded_bytes == 0
    assert segment.rows == 100
    writer.close()


def test_a_store_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    history = History([str(tmp_path / "later")])
    assert history.extent() is None
    snapshot = history.snapshot(LiveRequest(within=DAY))
    assert (len(snapshot), snapshot.rows_total, snapshot.total.unfiltered.flows) == (0, 0, 0)
    write(tmp_path / "later", sample_flows(0, 5))
    assert flows_of(history) == 5
    assert history.extent() == TimeRange(NOON_MS - 3000, NOON_MS)
    history.close()


def test_files_that_expire_meanwhile_are_left_out_and_named(tmp_path: Path, history: History) -> None:
    write(tmp_path, sample_flows(0, 100), sample_flows(100, 50, NOON_MS + HOUR))
    first, second = [slot.path for slot in Catalog(tmp_path).slots()]
    answer = Session.rows

    def rows(self: Session, *args: Any, **more: Any) -> Any:
        first.unlink(missing_ok=True)
        return answer(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "rows", rows)
        assert flows_of(history) == 50
        [(path, reason)] = history.unread
        assert path == str(first)
        assert reason.startswith("gone")
    assert flows_of(history) == 50
    assert history.unread == ()
    assert second.exists()


def test_damaged_files_are_left_out_named_and_not_read_again(tmp_path: Path, history: History) -> None:
    write(tmp_path, sample_flows(0, 100), sample_flows(100, 50, NOON_MS + HOUR))
    damaged = Catalog(tmp_path).slots()[0].path
    content = damaged.read_bytes()
    damaged.write_bytes(content[:200] + b"\0" * (len(content) - 400) + content[-200:])
    for _ in range(2):
        assert flows_of(history) == 50
        assert history.unread == ((str(damaged), "damaged"),)
        assert history.timeline(TimelineRequest(DAY, measure="flows")).values.sum() == 50
    damaged.write_bytes(content)
    assert flows_of(history) == 150
    assert history.unread == ()


def test_a_question_is_cancelled_and_the_next_one_answered(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, sample_flows(0, 100))
    started, cancelled = threading.Event(), threading.Event()
    answer = Session.rows

    def rows(self: Session, *args: Any, **more: Any) -> Any:
        started.set()
        assert cancelled.wait(120)
        return answer(self, *args, **more)

    monkeypatch.setattr(Session, "rows", rows)

    def cancel() -> None:
        started.wait(120)
        history.cancel()
        cancelled.set()

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(Interrupted):
        flows_of(history)
    thread.join()
    monkeypatch.setattr(Session, "rows", answer)
    history.cancel()  # nothing is running: it has no effect on what comes
    assert history.progress() < 0
    assert flows_of(history) == 100


def test_an_interrupt_anywhere_in_a_question_is_told_as_such(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, sample_flows(0, 10))

    def prepare(self: Session) -> Any:
        # As DuckDB does in whatever is called next, when it is told to give up before a statement runs.
        raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")

    monkeypatch.setattr(Session, "present", prepare)
    with pytest.raises(Interrupted):
        flows_of(history)
    monkeypatch.undo()
    assert flows_of(history) == 10


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("start", [NOON_MS - 20 * HOUR, NOON_MS + 100 * HOUR], ids=["before", "future"])
def test_ranges_without_flows_are_empty(tmp_path: Path, history: History, view: str, start: int) -> None:
    write(tmp_path, sample_flows(0, 100))
    within = TimeRange(start, start + HOUR)
    snapshot = history.snapshot(LiveRequest(view, within=within))
    assert (len(snapshot), snapshot.rows_total) == (0, 0)
    assert set(snapshot.values) == {column.name for column in snapshot.columns}
    assert snapshot.total.unfiltered.bytes == 0
    chart = history.timeline(TimelineRequest(within))
    assert (chart.labels, chart.values.sum(), chart.covered.sum()) == ((), 0, 0)
    assert chart.end_ms == min(within.end_ms, max(start, NOON_MS + 24 * HOUR))


def test_an_unknown_view_is_told(tmp_path: Path, history: History) -> None:
    write(tmp_path, sample_flows(0, 1))
    with pytest.raises(KeyError):
        history.snapshot(LiveRequest("by:nothing", within=DAY))


@pytest.mark.parametrize(
    ("view", "statistic"), [("host", "ip"), ("as", "as"), ("proto", "proto"), ("exporter", "router")]
)
@pytest.mark.parametrize("condition", ["", "proto 17 or src port 2"])
def test_numbers_are_those_of_dump(tmp_path: Path, history: History, view: str, statistic: str, condition: str) -> None:
    write(tmp_path, past_flows(5, 500))
    compact_all(tmp_path)
    within = TimeRange(NOON_MS + HOUR // 2, NOON_MS + 2 * HOUR)
    session = Session(find_sources([str(tmp_path)], within.start_ms, within.end_ms))
    query = Query(session, parse_filter(condition), Window(within.start_ms, within.end_ms))
    [ranking] = query.rank(parse_statistic(f"{statistic}/bytes"), None)
    session.close()
    asked = LiveRequest(view, parse_filter(condition) if condition else None, "bytes", limit=1000, within=within)
    snapshot = history.snapshot(asked)
    groups = [group.totals for group in ranking.groups if view in {"proto", "exporter"} or group.key[0] is not None]
    assert len(groups) >= 2
    for name in ("bytes", "packets", "flows"):
        assert sorted(snapshot.values[name]) == sorted(getattr(totals, name) for totals in groups)
    assert snapshot.values["bytes"].tolist() == [totals.bytes for totals in groups]  # type: ignore[union-attr]
    total = snapshot.total.matched
    assert (total.flows, total.packets, total.bytes) == (
        ranking.totals.flows, ranking.totals.packets, ranking.totals.bytes,
    )  # fmt: skip


@pytest.mark.parametrize("view", [*TALKER_VIEWS, "by:ip", "by:app"])
def test_now_and_then_have_the_same_numbers(tmp_path: Path, history: History, view: str) -> None:
    """Flows that arrived in the live window's 30 seconds, and the same flows from the store."""
    flows = past_flows(7, 300, opposite=True)
    for name, back in (("time_flow_start_ms", 9000), ("time_flow_end_ms", 4000), ("time_received_ms", 0)):
        flows.columns[name] = np.full(300, NOON_MS - back)
    window = LiveWindow(ManualClock(NOON_MS))
    window.add(flows)
    write(tmp_path, flows)
    within = TimeRange(NOON_MS - 30_000, NOON_MS)
    now = window.snapshot(LiveRequest(view, sort="bytes", limit=1000))
    then = history.snapshot(LiveRequest(view, sort="bytes", limit=1000, within=within))
    assert then.columns == now.columns
    assert then.total.matched.bytes == now.total.matched.bytes

    def by_key(snapshot: LiveSnapshot) -> dict[tuple[str, ...], tuple[float, ...]]:
        names = [column.name for column in snapshot.columns if isinstance(snapshot.values[column.name], list)]
        keys = zip(*(snapshot.values[name] for name in names), strict=True)
        sums = [
            name for name in ("bytes", "packets", "flows", "tx_bytes", "rx_bytes", "share") if name in snapshot.values
        ]
        return dict(zip(keys, zip(*(snapshot.values[name].tolist() for name in sums), strict=True), strict=True))  # type: ignore[union-attr]

    assert by_key(then) == by_key(now)
    # A cursor goes from now to then by these keys.
    assert dict(zip(now.keys.tolist(), by_key(now), strict=True)) == dict(
        zip(then.keys.tolist(), by_key(then), strict=True)
    )
    assert then.values["rate"] == pytest.approx(np.asarray(then.values["bytes"]) * 8 / 30)


def test_rows_keep_their_keys_and_the_anchor_is_found(tmp_path: Path, history: History) -> None:
    write(tmp_path, sample_flows(0, 500))
    every = history.snapshot(LiveRequest("host", sort="bytes", limit=1000, within=DAY))
    last = int(every.keys[-1])
    few = history.snapshot(LiveRequest("host", sort="bytes", limit=3, anchor=last, within=DAY))
    assert few.keys.tolist() == [*every.keys[:2].tolist(), last]
    assert few.ranks.tolist() == [0, 1, len(every) - 1]
    assert few.values["addr"][2] == every.values["addr"][-1]
    for sort in ("addr", "seen", "rate"):
        for descending in (True, False):
            order = LiveRequest("host", sort=sort, descending=descending, limit=1000, within=DAY)
            whole = history.snapshot(order).keys.tolist()
            moved = history.snapshot(replace(order, limit=1, anchor=last))
            assert (moved.keys.tolist(), moved.ranks.tolist()) == ([last], [whole.index(last)])
    page = history.snapshot(LiveRequest("host", sort="bytes", limit=5, offset=7, within=DAY))
    assert page.keys.tolist() == every.keys[7:12].tolist()
    assert page.ranks.tolist() == list(range(7, 12))


@pytest.mark.parametrize("sort", ["bytes", "duration", "src_addr", "time_flow_start_ms"])
@pytest.mark.parametrize("descending", [True, False])
def test_a_flow_of_the_list_is_found_in_another_order_and_range(
    tmp_path: Path, history: History, sort: str, descending: bool
) -> None:
    flows = past_flows(3, 150)
    write(tmp_path, concat([flows, flows.slice(0, 50)]))  # some records twice
    known = history.snapshot(LiveRequest("flows", limit=1000, within=DAY))
    order = LiveRequest("flows", sort=sort, descending=descending, limit=1000, within=DAY)
    whole = history.snapshot(order).keys.tolist()
    for key in known.keys.tolist()[::90]:
        history.snapshot(order)
        moved = history.snapshot(replace(order, limit=3, anchor=key))
        place = whole.index(key)
        assert moved.ranks.tolist() == ([0, 1, 2] if place < 3 else [0, 1, place])
        assert moved.keys.tolist() == [whole[rank] for rank in moved.ranks.tolist()]
        assert history.flow(key) is not None
    gone = replace(order, limit=3, anchor=whole[-1], within=TimeRange(DAY.end_ms + HOUR, DAY.end_ms + 2 * HOUR))
    history.snapshot(order)
    assert len(history.snapshot(gone)) == 0


@pytest.mark.parametrize("sort", [column.name for column in COLUMNS])
@pytest.mark.parametrize("descending", [True, False])
def test_the_flow_list_is_in_order_of_any_column(tmp_path: Path, history: History, sort: str, descending: bool) -> None:
    flows = past_flows(3, 200, opposite=True)
    write(tmp_path, flows)
    asked = LiveRequest("flows", sort=sort, descending=descending, limit=1000, within=DAY)
    snapshot = history.snapshot(asked)
    assert len(snapshot) == snapshot.rows_total == 200
    batch = find_sorted(history, snapshot)
    if sort in {"packets", "bytes", "rate", "flows", "duration", "time_received_ms"}:
        values = np.asarray(snapshot.values[sort]).tolist()
    else:
        values = [batch[int(key)].get(sort) or 0 for key in snapshot.keys]
    assert values == sorted(values, reverse=descending)
    assert len(set(snapshot.keys.tolist())) == 200
    page = history.snapshot(replace(asked, limit=50, offset=120))
    assert page.keys.tolist() == snapshot.keys[120:170].tolist()
    assert page.ranks.tolist() == list(range(120, 170))


def find_sorted(history: History, snapshot: LiveSnapshot) -> dict[int, dict[str, Any]]:
    """Values of the records by their keys."""
    out = {}
    for key in snapshot.keys.tolist():
        found = history.flow(key)
        assert found is not None
        out[key] = {name: found[0].value(name, found[1]) for name in ("proto", "src_addr", "src_port", "dst_addr",
                    "dst_port", "tcp_flags", "in_if", "out_if", "sampler_address", "bytes")}  # fmt: skip
    assert history.flow(12345) is None
    return out


def test_gaps_and_losses_are_drawn_where_they_were(tmp_path: Path, history: History) -> None:
    """Slots of five minutes at 12:00 and 12:20, of which the second lost 30 flows."""
    clock = ManualClock(NOON_MS)
    writer = StoreWriter(tmp_path, 300, clock)
    writer.open()
    writer.append(sample_flows(0, 10))
    clock.advance(1200)
    writer.tick()
    writer.append(sample_flows(10, 10, clock.now_ms()))
    writer.note({"sequence.lost": 30})
    writer.close()
    request = TimelineRequest(TimeRange(NOON_MS, NOON_MS + 1_800_000), buckets=6)
    for _ in range(2):
        chart = history.timeline(request)
        assert (chart.start_ms, chart.step_ms) == (NOON_MS, 300_000)
        assert chart.covered.tolist() == [1, 0, 0, 0, 1, 0]
        assert chart.lost.tolist() == [0, 0, 0, 0, 30, 0]
        compact_all(tmp_path)  # of an hour's file only the minutes with flows are known
        if Catalog(tmp_path).slots()[0].name.hour:
            chart = history.timeline(request)
            assert chart.covered.tolist() == [0.2, 0, 0, 0, 0.2, 0]
            assert chart.lost.sum() == 30
            break


def test_the_sum_of_the_small_history_is_the_rate(tmp_path: Path, history: History) -> None:
    flows = past_flows(11, 300)
    write(tmp_path, flows)
    compact_all(tmp_path)
    for within in (DAY, TimeRange(NOON_MS, NOON_MS + HOUR), TimeRange(NOON_MS + 1, NOON_MS + 7)):
        snapshot = history.snapshot(LiveRequest("host", limit=100, within=within))
        assert snapshot.history.shape == (len(snapshot), 10)
        rows = overlapping(rows_of(flows), within)
        step = max(1, -(-within.length_ms // 10))
        lengths = np.diff(np.minimum(np.arange(11) * step, within.length_ms)).clip(1) / 1000
        octets = (snapshot.history * lengths).sum(axis=1)
        groups = expected("host", rows, within, True)
        assert octets == pytest.approx([groups[(addr,)].sums["rate"] for addr in snapshot.values["addr"]])


def test_a_chart_over_many_hours_takes_in_those_that_come(tmp_path: Path, history: History) -> None:
    chart = TimelineRequest(TimeRange(NOON_MS - HOUR, NOON_MS + 11 * HOUR), measure="flows", buckets=12)
    for hours in (range(9), range(9, 10), range(10, 11)):
        write(tmp_path, *(sample_flows(10 * hour, 10 + hour, NOON_MS + hour * HOUR + HOUR // 2) for hour in hours))
        drawn = history.timeline(chart)
        stored = hours[-1] + 1
        assert drawn.values.sum(axis=0).tolist() == [0, *(10 + hour for hour in range(stored)), *[0] * (11 - stored)]
        compact_all(tmp_path)
        assert history.timeline(chart).values.tolist() == drawn.values.tolist()


def test_files_of_other_tools_and_plain_parquet_are_asked_too(tmp_path: Path) -> None:
    path = flow_file(tmp_path / "flows.parquet", [{"bytes": 700}, {"bytes": 300, "src_addr": None}])
    history = History([str(path)], ArchiveFormats())
    within = TimeRange(BASE_MS, BASE_MS + 1000)
    assert history.extent() == TimeRange(BASE_MS, BASE_MS + 2000)
    snapshot = history.snapshot(LiveRequest("host", within=within))
    assert snapshot.values["bytes"].tolist() == [1000, 700]  # type: ignore[union-attr]
    chart = history.timeline(TimelineRequest(within, buckets=10))
    assert chart.values.sum() == 1000
    assert chart.covered.tolist() == [1.0] * 10
    history.close()
