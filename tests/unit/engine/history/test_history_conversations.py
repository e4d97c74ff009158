"""Conversations of the past are those of `nftui dump -B --initiator` and of the live window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from plain_flows import BASE_MS, flow_file

from nftui.engine.clock import ManualClock
from nftui.engine.history.history import History
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.live.window import LiveWindow
from nftui.engine.store.arrow import from_arrow

ALL = TimeRange(BASE_MS - 1000, BASE_MS + 60_000)
SHOWN = ("proto", "src_addr", "src_port", "dst_addr", "dst_port", "opened", "bytes", "tx_bytes", "rx_bytes", "packets",
         "tx_packets", "rx_packets", "flows", "share")  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(11)
    rows: list[dict[str, int | str | None]] = []
    for number in range(300):
        ends = [f"10.0.0.{random.integers(1, 4)}", "2001:db8::1" if number % 5 == 0 else "192.0.2.1"]
        ports = [int(random.integers(2000, 2004)), int(random.choice([443, 53, 50_000]))]
        back = bool(random.integers(2))
        start = BASE_MS + number * 10
        rows.append({
            "src_addr": ends[back], "dst_addr": ends[not back], "src_port": None if number % 11 == 0 else ports[back],
            "dst_port": ports[not back], "proto": int(random.choice([6, 6, 17, 1])), "tcp_flags": 2 << number % 5,
            "bytes": int(random.integers(9000)), "packets": int(random.integers(20)), "out_bytes": number % 3,
            "sampling_rate": 1 + number % 2, "time_flow_start_ms": start, "time_flow_end_ms": start + 2000,
            "time_received_ms": start + 2500, "flow_id": number,
        })  # fmt: skip
    return flow_file(tmp_path_factory.mktemp("flows") / "flows.parquet", rows)


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    history = History([str(path)])
    yield history
    history.close()


def test_past_and_present_show_the_same(path: Path, history: History) -> None:
    window = LiveWindow(ManualClock(BASE_MS + 5000))
    window.add(from_arrow(pq.read_table(path)))
    live = window.snapshot(LiveRequest("conversation", limit=1000))
    past = history.snapshot(LiveRequest("conversation", limit=1000, within=ALL))
    assert past.columns == live.columns
    assert past.rows_total == live.rows_total > 50
    tables = [
        sorted(tuple(str(shown.values[name][row]) for name in SHOWN[:-1]) for row in range(len(shown)))
        for shown in (live, past)
    ]
    assert tables[0] == tables[1]
    keys = [dict(zip(shown.keys.tolist(), shown.values["bytes"], strict=True)) for shown in (live, past)]
    assert keys[0] == keys[1]
    assert sorted(past.values["share"]) == pytest.approx(sorted(live.values["share"]))


def test_rates_are_what_passed_within_the_range(history: History) -> None:
    whole = history.snapshot(LiveRequest("conversation", limit=1000, within=ALL))
    seconds = ALL.length_ms / 1000
    assert whole.values["rate"] == pytest.approx(whole.values["bytes"] * 8 / seconds)
    assert whole.values["tx"] + whole.values["rx"] == pytest.approx(whole.values["rate"])
    half = history.snapshot(LiveRequest("conversation", limit=1000, within=TimeRange(BASE_MS + 1000, BASE_MS + 2000)))
    assert (half.values["rate"] <= half.values["bytes"] * 8).all()
    assert half.values["rate"].sum() < half.values["bytes"].sum() * 8


@pytest.mark.parametrize("sort", ["bytes", "tx_bytes", "rx_packets", "seen", "src_port", "src_addr", "rate"])
def test_portions_make_the_whole_order_and_an_anchor_is_found(history: History, sort: str) -> None:
    request = LiveRequest("conversation", sort=sort, limit=1000, within=ALL)
    whole = history.snapshot(request)
    parts = [
        history.snapshot(LiveRequest("conversation", sort=sort, limit=20, offset=offset, within=ALL))
        for offset in range(0, whole.rows_total, 20)
    ]
    assert np.concatenate([part.keys for part in parts]).tolist() == whole.keys.tolist()
    assert np.concatenate([part.ranks for part in parts]).tolist() == list(range(len(whole)))
    anchor = int(whole.keys[40])
    found = history.snapshot(LiveRequest("conversation", sort=sort, limit=10, anchor=anchor, within=ALL))
    assert found.ranks.tolist() == [*range(9), 40]
    assert int(found.keys[-1]) == anchor
