"""The engine behind one name: inert until started, leaves nothing behind, answers while it runs."""

import dataclasses
import json
import socket
import threading
import time

import pytest
from loopback_ports import free_port

from nftui.config import CollectorConfig, Config, StoreConfig
from nftui.engine.answers import restore
from nftui.engine.decode.status import ExporterStatus
from nftui.engine.encode.netflow5 import NetFlow5Encoder
from nftui.engine.engine import Engine
from nftui.engine.ingest.sampling import static_sampling
from nftui.engine.live.snapshot import LiveRequest
from nftui.engine.viewer import Viewer
from nftui.errors import ListenError, StoreLocked, UsageError

PORT, OTHER = free_port(), free_port()


def settings(root, *listen: str, **more) -> Config:
    return Config(CollectorConfig(listen=listen, **more), StoreConfig(path=str(root)))


@pytest.fixture
def engine(tmp_path):
    running = Engine(settings(tmp_path / "s", f"127.0.0.1:{PORT}"))
    running.start()
    yield running
    running.stop()


def send(payload: bytes, source: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.sendto(payload, ("127.0.0.1", PORT))


def wait_for(condition) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def v5(count: int) -> bytes:
    import numpy as np

    from nftui.engine.batch import FlowBatch

    now = int(time.time() * 1000)
    batch = FlowBatch(
        count,
        {
            "src_addr_hi": np.zeros(count, np.int64),
            "src_addr_lo": np.full(count, 0xFFFF0A000001),
            "dst_addr_hi": np.zeros(count, np.int64),
            "dst_addr_lo": np.full(count, 0xFFFF0A000002),
            "bytes": np.full(count, 1000, np.int64),
            "packets": np.ones(count, np.int64),
            "time_flow_start_ms": np.full(count, now - 2000),
            "time_flow_end_ms": np.full(count, now - 1000),
        },
    )
    return bytes(next(iter(NetFlow5Encoder(boot_ms=now - 50_000).encode(batch, now))))


def test_constructing_touches_nothing(tmp_path):
    before = set(threading.enumerate())
    engine = Engine(settings(tmp_path / "s", f"127.0.0.1:{PORT}"))
    assert not (tmp_path / "s").exists()
    assert set(threading.enumerate()) <= before
    assert engine.health().listen == ()
    assert engine.exporters() == []
    assert engine.stop()


def test_flows_reach_the_live_window_and_the_store(engine):
    send(v5(10))
    wait_for(lambda: engine.health().counts.get("flows.stored") == 10)
    health = engine.health()
    assert health.counts["datagrams.decoded"] == 1
    assert health.listen == (f"127.0.0.1:{PORT}",)
    assert {worker.name: worker.status for worker in health.workers} == dict.fromkeys(
        ["store", "receive", "watch", "control", "findings", "upkeep"], "running"
    )
    assert health.warnings == ()
    assert health.rates.flows > 0
    assert health.recent["flows.in"] == 10
    assert health.store.live_flows == 10
    assert [exporter.address for exporter in engine.exporters()] == ["127.0.0.1"]
    wait_for(lambda: engine.snapshot(LiveRequest(view="host")).rows_total == 2)  # the window comes after the store
    snapshot = engine.snapshot(LiveRequest(view="host"))
    assert snapshot.total.matched.bytes == 10_000


def test_a_refused_sender_is_shown_and_can_be_let_in(tmp_path):
    engine = Engine(settings(tmp_path / "s", f"127.0.0.1:{PORT}", allow=("10.0.0.0/8",)))
    engine.start()
    try:
        send(v5(10))
        wait_for(engine.refused)
        assert [(one.address, one.datagrams) for one in engine.refused()] == [("127.0.0.1", 1)]
        wait_for(lambda: engine.health().warnings)
        assert "1 datagrams of senders that are not allowed" in engine.health().warnings[0]
        engine.allow("127.0.0.1")
        send(v5(10))
        wait_for(lambda: engine.health().counts.get("flows.in") == 10)
        assert engine.refused() == []
    finally:
        engine.stop()


def test_bad_configuration_is_found_before_anything_is_opened(tmp_path):
    for broken in ({"allow": ("nowhere",)}, {"sources": ("x",)}):
        with pytest.raises(UsageError):
            Engine(settings(tmp_path / "s", **broken))
    with pytest.raises(UsageError):
        Engine(settings(tmp_path / "s", "99999"))


def test_a_source_map_replaces_the_default_allow_list_only(tmp_path):
    sources = ("gw,127.0.0.9",)
    alone = Engine(settings(tmp_path / "s", sources=sources))
    assert [alone._intake.allow.permits(0xFFFF7F000000 + n) for n in (9, 1)] == [True, False]
    config = Config(
        CollectorConfig(sources=sources), StoreConfig(path=str(tmp_path / "s")), origins={"collector.allow": "x"}
    )
    assert Engine(config)._intake.allow.permits(0xFFFF7F000001)


def test_a_failed_start_leaves_nothing_open(tmp_path):
    first = Engine(settings(tmp_path / "a", f"127.0.0.1:{PORT}"))
    first.start()
    try:
        second = Engine(settings(tmp_path / "b", f"127.0.0.1:{OTHER}", f"127.0.0.1:{PORT}"))
        with pytest.raises(ListenError):
            second.start()
        third = Engine(settings(tmp_path / "b", f"127.0.0.1:{OTHER}"))  # its port and its store are free again
        third.start()
        assert third.stop()
        with pytest.raises(StoreLocked):
            Engine(settings(tmp_path / "a")).start()
    finally:
        first.stop()


def test_stopping_twice_is_no_error_and_frees_all(tmp_path):
    for _ in range(2):
        engine = Engine(settings(tmp_path / "s", f"127.0.0.1:{PORT}"))
        engine.start()
        assert engine.stop()
        assert engine.stop()
    assert not (tmp_path / "s" / ".control.sock").exists()
    wait_for(lambda: {worker.status for worker in engine.health().workers} == {"stopped"})


def test_a_thread_that_dies_is_shown_and_the_others_go_on(engine, monkeypatch):
    def _broken(*_):
        raise RuntimeError("decoder lost its mind")

    monkeypatch.setattr(engine._decoder, "decode", _broken)
    send(v5(1))
    wait_for(lambda: any(worker.restarts for worker in engine.health().workers))
    assert "the receive thread was restarted: RuntimeError: decoder lost its mind" in engine.health().warnings
    monkeypatch.undo()
    wait_for(lambda: {worker.status for worker in engine.health().workers} == {"running"})
    send(v5(10))
    wait_for(lambda: engine.health().counts.get("flows.in") == 10)


def test_static_sampling_rates():
    assert static_sampling(1) == {}
    assert static_sampling(-100) == {"0.0.0.0/0": -100, "::/0": -100}


def test_without_a_socket_nothing_is_received_but_blocks_can_be_fed(tmp_path):
    from nftui.engine.decode.datagrams import block_of

    engine = Engine(settings(tmp_path / "s"), live=False)
    engine.start()
    session = engine.session(0xFFFF7F000001, 5)
    engine.feed(block_of([v5(10)], [session], int(time.time() * 1000)))
    assert engine.stop()
    assert engine.ledger.snapshot()["flows.stored"] == 10


def test_a_store_that_hangs_does_not_hold_the_end(tmp_path, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("nftui.engine.store.writer.StoreWriter.append", lambda *_: release.wait(60))
    monkeypatch.setattr("nftui.engine.engine._STOP_SECONDS", 1.0)
    engine = Engine(settings(tmp_path / "s", f"127.0.0.1:{PORT}"))
    engine.start()
    send(v5(10))
    wait_for(lambda: engine.health().counts.get("flows.in") == 10)
    assert not engine.stop()
    assert engine.ledger.snapshot()["flows.in_memory"] == 10
    release.set()
    wait_for(lambda: {w.status for w in engine.health().workers} == {"stopped"})


def test_a_store_that_is_slow_gets_the_time_that_it_needs(tmp_path, monkeypatch):
    from nftui.engine.store.writer import StoreWriter

    real = StoreWriter.append

    def _slow(self, batch) -> None:
        time.sleep(0.2)
        real(self, batch)
        self.tick()

    monkeypatch.setattr(StoreWriter, "append", _slow)
    monkeypatch.setattr("nftui.engine.engine._STOP_SECONDS", 0.5)
    monkeypatch.setattr("nftui.engine.ending._PROGRESS_SECONDS", 1.5)
    engine = Engine(settings(tmp_path / "s"))
    engine.start()
    from nftui.engine.decode.datagrams import block_of

    session = engine.session(0xFFFF7F000001, 5)
    for _ in range(15):
        engine.feed(block_of([v5(10)], [session], int(time.time() * 1000)))
    assert engine.stop()
    assert engine.ledger.snapshot()["flows.stored"] == 150


def test_a_viewer_reads_what_the_engine_answers(engine, tmp_path):
    send(v5(10))
    wait_for(engine.exporters)
    viewer = Viewer(Config(store=StoreConfig(path=str(tmp_path / "s"))))
    assert [(exporter.address, exporter.versions) for exporter in viewer.exporters()] == [("127.0.0.1", (5,))]
    assert viewer.refused() == []
    assert viewer.health().listen == (f"127.0.0.1:{PORT}",)
    assert viewer.health().warnings == ()


def test_a_viewer_leaves_out_what_only_a_newer_collector_knows(engine):
    send(v5(10))
    wait_for(engine.exporters)
    (exporter,) = engine.exporters()
    assert restore(ExporterStatus, {**json.loads(json.dumps(dataclasses.asdict(exporter))), "invented": 1}) == exporter
