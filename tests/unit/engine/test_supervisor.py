"""Threads that cannot fail quietly."""

import threading

from nftui.engine import supervisor
from nftui.engine.clock import ManualClock
from nftui.engine.supervisor import Worker, WorkerState


def test_a_body_runs_until_it_is_told_to_stop():
    started = threading.Event()

    def body(stopping):
        started.set()
        stopping.wait(300)

    worker = Worker("w", body)
    assert worker.state() == WorkerState("w", "ready")
    worker.start()
    assert started.wait(120)
    assert worker.state() == WorkerState("w", "running")
    assert worker.stop(120)
    assert worker.state() == WorkerState("w", "stopped")


def test_a_failure_is_recorded_and_the_body_started_again(monkeypatch):
    monkeypatch.setattr(supervisor, "_PAUSE_SECONDS", 0)
    runs = []
    again = threading.Event()

    def body(stopping):
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("first\nsecond line")
        again.set()
        stopping.wait(300)

    worker = Worker("w", body)
    worker.start()
    assert again.wait(120)
    assert worker.state() == WorkerState("w", "running", 1, "ValueError: first")
    assert "second line" in worker.trace
    assert worker.stop(120)
    assert worker.state().error == "ValueError: first"


def run_failing(monkeypatch, seconds_between: float, runs_wanted: int) -> tuple[Worker, int]:
    monkeypatch.setattr(supervisor, "_PAUSE_SECONDS", 0)
    clock = ManualClock()
    runs = []
    done = threading.Event()

    def body(stopping):
        runs.append(1)
        clock.advance(seconds_between)
        if len(runs) >= runs_wanted:
            done.set()
            stopping.wait(300)
            return
        raise RuntimeError("again")

    worker = Worker("w", body, clock)
    worker.start()
    if runs_wanted < 100:
        assert done.wait(120)
        worker.stop(120)
    else:
        worker._thread.join(120)
    return worker, len(runs)


def test_failures_in_quick_succession_end_it(monkeypatch):
    worker, runs = run_failing(monkeypatch, 1, 100)
    assert runs == 1 + supervisor.RESTARTS
    assert worker.state() == WorkerState("w", "failed", 3, "RuntimeError: again")
    assert worker.stop(120)


def test_failures_that_are_rare_do_not(monkeypatch):
    worker, runs = run_failing(monkeypatch, 61, 10)
    assert runs == 10
    assert worker.state() == WorkerState("w", "stopped", 9, "RuntimeError: again")


def test_a_survived_failure_is_shown():
    worker = Worker("w", lambda _: None)
    worker.note(KeyError("x"))
    assert worker.state() == WorkerState("w", "ready", 0, "KeyError: 'x'")


def test_stop_tells_when_a_body_hangs():
    release = threading.Event()
    worker = Worker("w", lambda _: release.wait(300))
    worker.start()
    assert not worker.stop(0.01)
    release.set()
    assert worker.stop(120)


def test_stop_before_start_is_no_error():
    assert Worker("w", lambda _: None).stop(1)
