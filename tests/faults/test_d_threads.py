"""Case D3: a thread that fails is told and started again; the others go on, and every flow and datagram is counted."""

import errno
import importlib
import os
import socket
import threading
import time
from contextlib import suppress

import pytest
from collector_process import PATIENCE_SECONDS, RECORDS, send, v5
from loopback_ports import free_port

from nftui.config import CollectorConfig, Config, StoreConfig
from nftui.engine import supervisor
from nftui.engine.control import ControlServer
from nftui.engine.control import ask as ask_control
from nftui.engine.counters import datagram_balance, flow_balance, record_balance
from nftui.engine.engine import Engine
from nftui.engine.health import warnings
from nftui.engine.supervisor import Worker, WorkerState


class Once:
    """Stands before a method and fails at its next call."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
        self.left = 1
        self.failed = 0
        module, _, name = place.rpartition(":")
        owner_name, _, method = name.partition(".")
        owner = getattr(importlib.import_module(module), owner_name)
        self._real = getattr(owner, method)

        def call(*arguments: object, **more: object) -> object:  # a function: it gets the instance
            return self._call(*arguments, **more)

        monkeypatch.setattr(owner, method, call)

    def _call(self, *arguments: object, **more: object) -> object:
        if self.left:
            self.left -= 1
            self.failed += 1
            raise RuntimeError("a fault of the program")
        return self._real(*arguments, **more)


def settings(root, port: int, **more) -> Config:
    return Config(CollectorConfig(listen=(f"127.0.0.1:{port}", f"tcp://127.0.0.1:{port}"), **more), StoreConfig(root))


def wait_for(condition) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "condition not met in time"
        time.sleep(0.01)


def balances(engine: Engine) -> tuple[int, int, int]:
    counts = engine.ledger.snapshot()
    return datagram_balance(counts), record_balance(counts), flow_balance(counts)


@pytest.mark.parametrize(
    ("thread", "place"),
    [
        ("receive", "nftui.engine.ingest.receiver:Receiver.receive"),
        ("receive", "nftui.engine.decode.decoder:Decoder.decode"),
        ("store", "nftui.engine.store.writer:StoreWriter.tick"),
        ("store", "nftui.engine.store.writer:StoreWriter.append"),
        ("watch", "nftui.engine.health:History.add"),
        ("streams", "nftui.engine.ingest.streams:StreamReceiver._expire"),
        ("control", "nftui.engine.control:ControlServer._answer"),
        ("metrics", "nftui.engine.metrics_server:_Server.handle_request"),
        ("upkeep", "nftui.engine.upkeep:Upkeep.once"),
    ],
    ids=lambda part: part.rpartition(":")[2],
)
def test_each_thread(tmp_path, monkeypatch, thread: str, place: str) -> None:
    monkeypatch.setattr(supervisor, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("nftui.engine.upkeep._FIRST_SECONDS", 0.0)
    monkeypatch.setattr("nftui.engine.upkeep._LOOK_SECONDS", 0.05)
    port = free_port()
    engine = Engine(settings(str(tmp_path / "s"), port, metrics=f"127.0.0.1:{free_port()}"))
    engine.start()
    try:
        fault = Once(monkeypatch, place)
        for number in range(3):
            send(port, v5(number * RECORDS))
            time.sleep(0.05)
        ask(engine)
        wait_for(lambda: fault.failed == 1)
        wait_for(lambda: any(restarted(worker, thread) for worker in engine.health().workers))
        states = {worker.name: worker for worker in engine.health().workers}
        assert states[thread].restarts == 1
        assert states[thread].error == "RuntimeError: a fault of the program"
        assert {worker.restarts for name, worker in states.items() if name != thread} == {0}
        assert f"the {thread} thread was restarted: RuntimeError: a fault of the program" in engine.health().warnings
        [trace] = engine.traces()
        assert trace.startswith("Traceback")
        before = engine.ledger.snapshot().get("flows.stored", 0)
        for number in range(3, 6):
            send(port, v5(number * RECORDS))
        wait_for(lambda: engine.ledger.snapshot().get("flows.stored", 0) >= before + 3 * RECORDS)
        assert balances(engine) == (0, 0, 0)
    finally:
        assert engine.stop()
    counts = engine.ledger.snapshot()
    assert balances(engine) == (0, 0, 0)
    assert counts["flows.in_memory"] == 0
    if place.endswith("Decoder.decode"):
        assert counts["datagrams.dropped.internal"] >= 1
    elif place.endswith("StoreWriter.append"):
        assert counts["flows.failed.internal"] >= RECORDS
    elif not place.endswith("Receiver.receive"):
        assert counts["flows.stored"] == 6 * RECORDS


def restarted(worker: WorkerState, thread: str) -> bool:
    return (worker.name, worker.status, worker.restarts) == (thread, "running", 1)


def ask(engine: Engine) -> None:
    """A question on the control socket, whatever comes of it."""
    with socket.socket(socket.AF_UNIX) as asking, suppress(ConnectionResetError, BrokenPipeError):
        asking.connect(str(engine.control_path))
        asking.settimeout(PATIENCE_SECONDS)
        asking.sendall(b'{"ask": "health"}\n')  # the thread may have failed and hung up before it could read this
        while asking.recv(65_536):
            pass


def test_a_fault_of_the_live_window_costs_the_screen_its_flows_and_nothing_else(tmp_path, monkeypatch) -> None:
    port = free_port()
    engine = Engine(settings(str(tmp_path / "s"), port))
    engine.start()
    try:
        fault = Once(monkeypatch, "nftui.engine.live.window:LiveWindow.add")
        fault.left = 10**6
        for number in range(10):
            send(port, v5(number * RECORDS))
        wait_for(lambda: engine.ledger.snapshot().get("flows.stored", 0) == 10 * RECORDS)
        wait_for(lambda: engine.ledger.snapshot().get("live.failed", 0) == 10 * RECORDS)
        assert {worker.restarts for worker in engine.health().workers} == {0}
        assert any("missing on the screen" in warning for warning in engine.health().warnings)
        assert balances(engine) == (0, 0, 0)
    finally:
        assert engine.stop()


def test_want_of_descriptors_does_not_end_the_control_thread(tmp_path) -> None:
    class Exhausted:
        """A socket for which there are no descriptors at first."""

        def __init__(self, real: socket.socket) -> None:
            self.left = 2
            self._real = real

        def accept(self) -> tuple[socket.socket, object]:
            if self.left:
                self.left -= 1
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return self._real.accept()

        def close(self) -> None:
            self._real.close()

    server = ControlServer(tmp_path / "ctl", {"health": lambda: "fine"})
    server.open()
    exhausted = server._socket = Exhausted(server._socket)  # type: ignore[assignment,arg-type]
    worker = Worker("control", server.run)
    worker.start()
    assert ask_control(tmp_path / "ctl", "health", PATIENCE_SECONDS) == "fine"
    assert exhausted.left == 0
    assert worker.stop(PATIENCE_SECONDS)
    assert worker.state().restarts == 0
    server.close()


def test_a_thread_that_hangs_is_told(tmp_path, monkeypatch) -> None:
    release, hanging = threading.Event(), threading.Event()

    def body(stopping) -> None:
        stopping.is_set()
        hanging.set()
        release.wait(PATIENCE_SECONDS)

    worker = Worker("store", body)
    worker.start()
    assert hanging.wait(PATIENCE_SECONDS)
    assert worker.state().silent_seconds == 0
    now = time.monotonic()
    monkeypatch.setattr("nftui.engine.supervisor.time.monotonic", lambda: now + 42)
    state = worker.state()
    assert 42 <= state.silent_seconds < 60
    assert warnings({}, None, (state,), ()) == (f"the store thread has not moved for {state.silent_seconds:.0f} s",)
    release.set()
    assert worker.stop(PATIENCE_SECONDS)
    assert worker.state().silent_seconds == 0
