"""The live window: rates, expiry, order, filter, sampling, nulls."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.limits import DEFAULT
from nftui.engine.live.snapshot import VIEWS, LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.parser import parse_filter
from nftui.engine.schema import FIELDS, Kind

START = 1_700_000_000_000


def flows(*rows: dict[str, Any], at_ms: int = START) -> FlowBatch:
    """A batch of the given flows; addresses as text, None or a missing name for null."""
    defaults: dict[str, Any] = {
        "time_received_ms": at_ms, "time_flow_start_ms": at_ms, "time_flow_end_ms": at_ms, "flow_source": 9,
        "sampler_address": "192.0.2.1", "src_addr": "10.0.0.1", "dst_addr": "10.0.0.2", "src_port": 50000,
        "dst_port": 443, "proto": 6, "bytes": 1000, "packets": 10, "flows": 1,
    }  # fmt: skip
    rows = tuple(defaults | row for row in rows)
    batch = FlowBatch(len(rows))
    for name in dict.fromkeys(name for row in rows for name in row):
        field = FIELDS[name]
        values = [row.get(name) for row in rows]
        valid = np.array([value is not None for value in values])
        if field.kind is Kind.ADDRESS:
            numbers = [text.parse_address(value) if value is not None else 0 for value in values]
            halves = ([n >> 64 for n in numbers], [n & (1 << 64) - 1 for n in numbers])
            for column, half in zip(field.physical, halves, strict=True):
                batch.columns[column] = np.array(half, np.uint64).view(np.int64)
        else:
            batch.columns[name] = np.array([value or 0 for value in values], field.dtype)
        if not valid.all():
            batch.valid[name] = valid
    return batch


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def window(clock: ManualClock) -> LiveWindow:
    return LiveWindow(clock)


def row(snapshot: LiveSnapshot, column: str, value: str) -> dict[str, Any]:
    place = list(snapshot.values[column]).index(value)
    return {name: values[place] for name, values in snapshot.values.items()}


def test_empty_window_answers_every_view(window: LiveWindow) -> None:
    for view in VIEWS:
        snapshot = window.snapshot(LiveRequest(view))
        assert len(snapshot) == 0
        assert snapshot.rows_total == 0
        assert snapshot.total.matched.bytes == 0
        assert all(len(values) == 0 for values in snapshot.values.values())
        assert {column.name for column in snapshot.columns} == set(snapshot.values)


def test_host_counts_both_ends_with_direction(window: LiveWindow, clock: ManualClock) -> None:
    window.add(flows({"bytes": 3000, "packets": 30}, {"src_addr": "10.0.0.2", "dst_addr": "10.0.0.1", "bytes": 500}))
    clock.advance(10)
    snapshot = window.snapshot(LiveRequest("host"))
    one = row(snapshot, "addr", "10.0.0.1")
    assert (one["bytes"], one["tx_bytes"], one["rx_bytes"]) == (3500, 3000, 500)
    assert (one["packets"], one["flows"]) == (40, 2)
    assert one["rate"] == 3500 * 8 / 10
    assert (one["tx"], one["rx"]) == (3000 * 8 / 10, 500 * 8 / 10)
    assert one["packet_rate"] == 4
    assert one["share"] == 100
    assert snapshot.total.matched.bytes == 3500
    assert snapshot.covered_seconds == 10


def test_host_counts_a_flow_to_itself_once(window: LiveWindow) -> None:
    window.add(flows({"src_addr": "10.0.0.1", "dst_addr": "10.0.0.1"}))
    snapshot = window.snapshot(LiveRequest("host"))
    assert snapshot.rows_total == 1
    assert row(snapshot, "addr", "10.0.0.1") | {"seen": 0, "share": 0} == {
        "addr": "10.0.0.1", "bytes": 1000, "tx_bytes": 1000, "rx_bytes": 1000, "packets": 10, "flows": 1,
        "rate": 8000, "tx": 8000, "rx": 8000, "packet_rate": 10, "flow_rate": 1, "seen": 0, "share": 0,
    }  # fmt: skip


def test_reverse_octets_of_a_biflow_count_for_the_other_direction(window: LiveWindow) -> None:
    window.add(flows({"bytes": 100, "out_bytes": 7000, "packets": 1, "out_packets": 9}))
    client = row(window.snapshot(LiveRequest("host")), "addr", "10.0.0.1")
    assert (client["tx_bytes"], client["rx_bytes"], client["bytes"], client["packets"]) == (100, 7000, 7100, 10)
    assert window.snapshot(LiveRequest("pair")).values["bytes"].tolist() == [7100]


def test_flows_leave_the_window(window: LiveWindow, clock: ManualClock) -> None:
    window.add(flows({"src_addr": "10.0.0.9"}))
    window.snapshot(LiveRequest("host"))
    clock.advance(20)
    window.add(flows({}))
    snapshot = window.snapshot(LiveRequest("host"))
    assert row(snapshot, "addr", "10.0.0.9")["bytes"] == 1000
    clock.advance(11)
    snapshot = window.snapshot(LiveRequest("host"))
    assert sorted(snapshot.values["addr"]) == ["10.0.0.1", "10.0.0.2"]
    assert snapshot.total.matched.bytes == 1000
    assert snapshot.covered_seconds == 30
    clock.advance(60)
    assert window.snapshot(LiveRequest("host")).rows_total == 0


def test_equal_rows_keep_their_places(window: LiveWindow, clock: ManualClock) -> None:
    window.add(flows(*({"src_addr": f"10.1.0.{i}", "dst_addr": "10.2.0.1"} for i in range(50))))
    first = window.snapshot(LiveRequest("host", limit=20))
    for _ in range(3):
        clock.advance(1)
        window.add(flows(*({"src_addr": f"10.1.0.{i}", "dst_addr": "10.2.0.1"} for i in reversed(range(50)))))
        assert window.snapshot(LiveRequest("host", limit=20)).keys.tolist() == first.keys.tolist()


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_sorts_both_ways(window: LiveWindow, view: str) -> None:
    rng = np.random.default_rng(5)
    window.add(
        flows(
            *(
                {"src_addr": f"10.0.{a}.1", "dst_addr": f"2001:db8::{b}", "src_port": int(a), "dst_port": int(b),
                 "proto": int(a) % 3, "bytes": int(c), "packets": int(b), "in_if": int(a), "out_if": int(b),
                 "src_as": int(a), "dst_as": int(b), "tcp_flags": int(b), "sampler_address": f"192.0.2.{a}"}
                for a, b, c in rng.integers(1, 30, (100, 3))
            )
        )
    )  # fmt: skip
    everything = window.snapshot(LiveRequest(view, limit=10_000))
    assert len(everything) == everything.rows_total > 2
    numeric = {n: v for n, v in everything.values.items() if isinstance(v, np.ndarray)}
    for column in everything.columns:
        down = window.snapshot(LiveRequest(view, sort=column.name, limit=5))
        up = window.snapshot(LiveRequest(view, sort=column.name, descending=False, limit=5))
        assert down.sort == up.sort == column.name
        if column.name in numeric:
            ordered = np.sort(numeric[column.name])
            assert down.values[column.name].tolist() == ordered[::-1][: len(down)].tolist()
            assert up.values[column.name].tolist() == ordered[: len(up)].tolist()
        elif column.name in {"src_port", "dst_port", "port", "as", "if", "in_if", "out_if"}:
            ordered = sorted(map(int, everything.values[column.name]))
            assert list(map(int, up.values[column.name])) == ordered[: len(up)]
            assert list(map(int, down.values[column.name])) == ordered[::-1][: len(down)]
        elif "addr" in column.name:
            ordered = sorted(map(text.parse_address, everything.values[column.name]))
            assert [text.parse_address(a) for a in up.values[column.name]] == ordered[: len(up)]


@pytest.mark.parametrize("view", ["host", "flows"])
def test_anchor_is_given_with_its_rank(window: LiveWindow, view: str) -> None:
    window.add(flows(*({"src_addr": f"10.1.0.{i}", "bytes": 1000 + i} for i in range(100))))
    everything = window.snapshot(LiveRequest(view, sort="bytes", limit=1000))
    assert everything.ranks.tolist() == list(range(everything.rows_total))
    anchor = int(everything.keys[77])
    some = window.snapshot(LiveRequest(view, sort="bytes", limit=10, anchor=anchor))
    assert some.keys.tolist() == [*everything.keys[:9].tolist(), anchor]
    assert some.ranks.tolist() == [*range(9), 77]
    assert some.values["bytes"][-1] == everything.values["bytes"][77]
    inside = window.snapshot(LiveRequest(view, sort="bytes", limit=10, anchor=int(everything.keys[3])))
    assert inside.keys.tolist() == everything.keys[:10].tolist()
    assert window.snapshot(LiveRequest(view, sort="bytes", limit=10, anchor=12345)).ranks.tolist() == list(range(10))


def test_filter_narrows_rows_and_matched_totals(window: LiveWindow, clock: ManualClock) -> None:
    window.add(flows({"dst_port": 53, "proto": 17, "bytes": 70}, {"bytes": 1000}))
    clock.advance(2)
    request = LiveRequest("flow", filter=parse_filter("dst port 53"))
    for _ in range(2):
        snapshot = window.snapshot(request)
        assert snapshot.values["dst_port"] == ["53"]
        assert snapshot.total.matched.bytes == 70
        assert snapshot.total.unfiltered.bytes == 1070
        assert snapshot.series.labels == ("UDP",)
    window.add(flows({"dst_port": 53, "proto": 17, "bytes": 30}))
    assert window.snapshot(request).values["bytes"].tolist() == [100]
    assert window.snapshot(replace(request, view="flows")).values["bytes"].tolist() == [30, 70]


def test_sampling_multiplies_when_asked(window: LiveWindow) -> None:
    window.add(flows({"sampling_rate": 100}, {"sampling_rate": None}))
    scaled = window.snapshot(LiveRequest("pair"))
    assert scaled.values["bytes"].tolist() == [101_000]
    assert scaled.values["packets"].tolist() == [1010]
    assert scaled.values["flows"].tolist() == [2]
    raw = window.snapshot(LiveRequest("pair", scaled=False))
    assert raw.values["bytes"].tolist() == [2000]
    assert raw.total.unfiltered.bytes == 2000


def test_absurd_counters_are_cut_and_said_so(window: LiveWindow) -> None:
    window.add(flows(*({"bytes": 2**63 - 1, "sampling_rate": 1000} for _ in range(4))))
    snapshot = window.snapshot(LiveRequest("host"))
    assert not snapshot.exact
    assert (snapshot.values["bytes"] > 0).all()
    window.add(flows({}))
    assert not window.snapshot(LiveRequest("host")).exact


def test_ipv6_is_written_as_such(window: LiveWindow) -> None:
    window.add(flows({"src_addr": "2001:db8::1", "dst_addr": "fe80::2", "sampler_address": "2001:db8::ff"}))
    snapshot = window.snapshot(LiveRequest("flow"))
    assert (snapshot.values["src_addr"], snapshot.values["dst_addr"]) == (["2001:db8::1"], ["fe80::2"])
    assert window.snapshot(LiveRequest("exporter")).values["sampler_address"] == ["2001:db8::ff"]
    assert window.snapshot(LiveRequest("flows")).values["src_addr"] == ["2001:db8::1"]


def test_nulls_have_a_row_only_in_views_with_one_key(window: LiveWindow) -> None:
    nulls = dict.fromkeys(("src_addr", "dst_addr", "src_port", "dst_port", "proto"))
    window.add(flows(nulls, {"src_addr": "0.0.0.0", "dst_addr": "0.0.0.0", "src_port": 0, "dst_port": 0, "proto": 0}))
    flow = window.snapshot(LiveRequest("flow"))
    assert sorted(flow.values["src_addr"]) == ["-", "0.0.0.0"]
    assert sorted(flow.values["dst_port"]) == ["-", "0"]
    assert sorted(window.snapshot(LiveRequest("proto")).values["proto"]) == ["-", "HOPOPT"]
    assert sorted(window.snapshot(LiveRequest("pair")).values["src_addr"]) == ["-", "0.0.0.0"]
    assert window.snapshot(LiveRequest("host")).values["addr"] == ["0.0.0.0"]
    assert window.snapshot(LiveRequest("port")).values["flows"].tolist() == [1]
    assert window.snapshot(LiveRequest("as")).rows_total == 0
    assert window.snapshot(LiveRequest("as")).total.matched.flows == 2


def test_interfaces_belong_to_their_exporter(window: LiveWindow) -> None:
    window.add(flows({"in_if": 1, "out_if": 2}, {"in_if": 1, "sampler_address": "192.0.2.2"}))
    snapshot = window.snapshot(LiveRequest("interface"))
    rows = {
        (exporter, index): (tx, rx)
        for exporter, index, tx, rx in zip(
            snapshot.values["sampler_address"], snapshot.values["if"], snapshot.values["tx_bytes"].tolist(),
            snapshot.values["rx_bytes"].tolist(), strict=True,
        )
    }  # fmt: skip
    assert rows == {
        ("192.0.2.1", "1"): (0, 1000),
        ("192.0.2.1", "2"): (1000, 0),
        ("192.0.2.2", "1"): (0, 1000),
    }


def test_long_flow_is_replayed_at_its_own_pace(window: LiveWindow, clock: ManualClock) -> None:
    clock.advance(100)
    minutes = {"bytes": 120_000_000, "packets": 1200, "time_flow_start_ms": START - 20_000,
               "time_flow_end_ms": START + 100_000}  # fmt: skip
    window.add(flows(minutes, at_ms=START + 100_000))
    rates, totals = [], []
    for _ in range(140):
        snapshot = window.snapshot(LiveRequest("pair"))
        rates.append(float(snapshot.values["rate"].sum()))
        totals.append(int(snapshot.values["bytes"].sum()))
        assert snapshot.total.matched.bits_per_second == pytest.approx(rates[-1])
        assert snapshot.total.matched.bytes == totals[-1]
        clock.advance(1)
    assert set(rates) == {8e6, 0.0}
    assert sum(rates) / 8 == pytest.approx(120e6, rel=0.08)
    assert totals[:31] == [120_000_000] * 31
    assert totals[31:] == [0] * 109


def test_long_flows_from_before_the_window_survive_a_change_of_view(window: LiveWindow, clock: ManualClock) -> None:
    window.add(flows({"bytes": 30_000_000, "time_flow_start_ms": START - 300_000}))
    for _ in range(60):
        window.snapshot(LiveRequest("host"))
        clock.advance(1)
    rates = {view: window.snapshot(LiveRequest(view)).values["rate"] for view in ("host", "pair", "flow", "proto")}
    assert {view: set(values.tolist()) for view, values in rates.items()} == {view: {800_000.0} for view in rates}
    snapshot = window.snapshot(LiveRequest("proto", filter=parse_filter("proto tcp")))
    assert snapshot.total.matched.bits_per_second == 800_000
    assert window.snapshot(LiveRequest("proto", filter=parse_filter("proto udp"))).rows_total == 0


def test_series_shows_octets_by_protocol_over_their_duration(window: LiveWindow, clock: ManualClock) -> None:
    window.add(flows({"bytes": 500}, {"proto": 17, "bytes": 100}))
    clock.advance(1)
    window.add(flows({"bytes": 4000, "time_flow_start_ms": START, "time_flow_end_ms": START + 4000}))
    clock.advance(9)
    series = window.snapshot(LiveRequest("host")).series
    assert series.labels == ("TCP", "UDP")
    assert series.start_ms == START
    assert series.values[0].tolist() == [4000, 8000, 8000, 8000, 8000, 0, 0, 0, 0, 0, 0]
    assert series.values[1].tolist() == [800] + [0] * 10
    clock.advance(400)
    assert window.snapshot(LiveRequest("host")).series.values.shape == (0, 300)


def test_history_has_ten_parts_of_the_window(window: LiveWindow, clock: ManualClock) -> None:
    window.add(flows({"bytes": 3100}))
    clock.advance(30)
    window.add(flows({"bytes": 6200}))
    history = window.snapshot(LiveRequest("pair")).history
    assert history.tolist() == [[8000, 0, 0, 0, 0, 0, 0, 0, 0, 16000]]


def test_flow_list_has_the_latest_first_and_finds_the_record(window: LiveWindow, clock: ManualClock) -> None:
    for i in range(5):
        window.add(flows({"src_port": i}, {"src_port": 100 + i}, at_ms=clock.now_ms()))
        clock.advance(1)
    snapshot = window.snapshot(LiveRequest("flows", limit=3))
    assert snapshot.values["src_port"] == ["104", "4", "103"]
    assert snapshot.values["time_received_ms"].tolist() == [START + 4000, START + 4000, START + 3000]
    found = window.flow(int(snapshot.keys[2]))
    assert found is not None
    assert found[0].value("src_port", found[1]) == 103
    first = window.snapshot(LiveRequest("flows", descending=False, limit=2))
    assert first.values["src_port"] == ["0", "100"]
    clock.advance(40)
    window.snapshot(LiveRequest("flows"))
    assert window.flow(int(snapshot.keys[2])) is None
    assert window.flow(0) is None
    assert window.flow(1 << 60) is None


def test_rows_are_bounded_and_the_window_says_how_far_it_reaches(clock: ManualClock) -> None:
    window = LiveWindow(clock, replace(DEFAULT, live_rows=1000))
    for i in range(20):
        window.add(flows(*({"src_addr": f"10.{i}.0.{j}"} for j in range(100))))
        clock.advance(1)
    snapshot = window.snapshot(LiveRequest("flows", limit=5000))
    assert snapshot.rows_total == snapshot.total.matched.flows == 1000
    assert snapshot.covered_seconds == 10
    assert snapshot.total.matched.flows_per_second == 100
    assert window.snapshot(LiveRequest("host", limit=5000)).rows_total == 1001
    window.add(flows(*({"src_port": i} for i in range(3000))))
    assert window.snapshot(LiveRequest("flows", sort="src_port", limit=1)).values["src_port"] == ["2999"]
    assert window.snapshot(LiveRequest("flows")).rows_total == 1000


def test_bytes_are_bounded(clock: ManualClock) -> None:
    batch = flows(*({} for _ in range(100)))
    size = sum(column.nbytes for column in batch.columns.values())
    window = LiveWindow(clock, replace(DEFAULT, live_bytes=5 * size))
    for _ in range(20):
        window.add(batch)
        clock.advance(1)
    assert window.snapshot(LiveRequest("flows")).rows_total == 500


def test_adding_and_asking_at_once_loses_nothing(window: LiveWindow) -> None:
    batch = flows(*({"src_port": i} for i in range(50)))
    writer = threading.Thread(target=lambda: [window.add(batch) for _ in range(400)])
    writer.start()
    while writer.is_alive():
        snapshot = window.snapshot(LiveRequest("port", limit=10))
        assert snapshot.total.matched.flows == snapshot.total.unfiltered.flows
    writer.join()
    snapshot = window.snapshot(LiveRequest("flow", limit=100))
    assert snapshot.values["flows"].tolist() == [400] * 50
    assert snapshot.total.matched.flows == 20_000


def test_unknown_view_is_refused(window: LiveWindow) -> None:
    with pytest.raises(KeyError):
        window.snapshot(LiveRequest("colour"))
