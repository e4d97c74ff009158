"""Values that the filter line offers: from the live window, from the last hour of a store, and when they are wanted."""

from __future__ import annotations

import time
from pathlib import Path

from plain_flows import flow_file

from nftui.engine.clock import ManualClock
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.parser import parse_filter
from nftui.engine.query.query import Query
from nftui.engine.query.session import Session
from nftui.engine.query.sources import find_sources
from nftui.engine.replay.stored import in_order
from nftui.screens.seen_values import SeenFields, live_values, stored_values


def flows(path: Path, now_ms: int) -> Path:
    rows: list[dict[str, int | str | None]] = [
        {"src_addr": f"10.0.0.{1 + i % 2}", "dst_addr": "192.0.2.9", "dst_port": 443 if i % 3 else 53, "proto": 6,
         "application_name": "web" if i % 3 else "\x1b[2Jdns", "bytes": 100, "packets": 1,
         "time_flow_start_ms": now_ms - 3000, "time_flow_end_ms": now_ms - 2000, "time_received_ms": now_ms - 1000}
        for i in range(9)
    ]  # fmt: skip
    return flow_file(path, rows)


def test_values_of_the_store_are_the_most_frequent_first_and_clean(tmp_path: Path) -> None:
    now_ms = time.time_ns() // 1_000_000
    path = str(flows(tmp_path / "flows.parquet", now_ms))
    assert stored_values(path, ("dst_port",), now_ms) == ["443", "53"]
    assert stored_values(path, ("application_name",), now_ms) == ["web", '"[2Jdns"']
    assert stored_values(path, ("dst_port",), now_ms + 2 * 3_600_000) == []
    assert stored_values(str(tmp_path / "nothing"), ("dst_port",), now_ms) == []
    assert stored_values(path, ("duration",), now_ms) == []


class Source:
    """A source with a live window only."""

    def __init__(self, window: LiveWindow) -> None:
        self.snapshot = window.snapshot


def test_values_of_the_live_window(tmp_path: Path) -> None:
    now_ms = 1_790_000_000_000
    window = LiveWindow(ManualClock(now_ms))
    session = Session(find_sources([str(flows(tmp_path / "flows.parquet", now_ms))]))
    for batch in in_order(Query(session, parse_filter("")), session, "time_received_ms", False, None):
        window.add(batch)
    session.close()
    source = Source(window)
    assert sorted(live_values(source, ("src_addr", "dst_addr"))) == ["10.0.0.1", "10.0.0.2", "192.0.2.9"]  # type: ignore[arg-type]
    assert live_values(source, ("proto",)) == ["tcp"]  # type: ignore[arg-type]
    assert live_values(source, ("application_name",)) == []  # type: ignore[arg-type]


def test_a_field_is_asked_for_once_and_again_when_it_is_old() -> None:
    now = [0.0]
    seen = SeenFields(lambda: now[0])
    assert (seen.known(("proto",)), seen.wants(("proto",))) == ([], True)
    assert not seen.wants(("proto",))
    seen.put(("proto",), ["tcp"])
    seen.put(("proto",), ["udp", "tcp"])
    seen.done(("proto",))
    assert (seen.known(("proto",)), seen.wants(("proto",))) == (["udp", "tcp"], False)
    now[0] = 61.0
    assert (seen.known(("proto",)), seen.wants(("proto",))) == (["udp", "tcp"], True)


def test_what_is_kept_is_bounded() -> None:
    seen = SeenFields()
    seen.put(("src_addr",), [*(f"10.0.0.{i}" for i in range(500)), "x" * 500])
    assert len(seen.known(("src_addr",))) == 100
    seen.put(("user",), ["x" * 500])
    assert seen.known(("user",)) == []
    for number in range(200):
        seen.put((f"field{number}",), ["1"])
    assert sum(bool(seen.known((f"field{number}",))) for number in range(200)) == 64
