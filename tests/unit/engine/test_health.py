"""Rates, recent changes, forecasts and warnings."""

from dataclasses import replace

from nftui.engine.clock import ManualClock
from nftui.engine.health import History, Rates, warnings
from nftui.engine.store.writer import StoreStatus
from nftui.engine.supervisor import WorkerState

STORE = StoreStatus(0, 0, 0, 0, 0, 0, 0, 0, 10**9, -1, None)


def test_everything_is_recent_in_the_first_minute():
    history = History(ManualClock())
    history.add({"a": 2}, 0)
    assert history.recent({"a": 3, "b": 0}) == {"a": 3}


def test_recent_is_the_change_of_the_last_minute():
    clock = ManualClock()
    history = History(clock)
    for second in range(200):
        history.add({"steady": second, "old": min(second, 100)}, 0)
        clock.advance(1)
    history.add({"steady": 200, "old": 100}, 0)
    assert history.recent({"steady": 200, "old": 100}) == {"steady": 60}
    assert len(history._samples) <= 62


def test_rates_are_taken_over_three_seconds():
    clock = ManualClock()
    history = History(clock)
    assert history.rates({}) == Rates()
    for second in range(10):
        history.add({"datagrams.received": second * 10, "flows.in": second * 300, "bytes.received": second * 1000}, 0)
        clock.advance(1)
    counts = {"datagrams.received": 100, "flows.in": 3000, "bytes.received": 10_000}
    assert history.rates(counts) == Rates(10, 300, 8000)


def test_forecast_needs_a_minute():
    clock = ManualClock()
    history = History(clock)
    assert history.bytes_per_day(0) is None
    history.add({}, 1000)
    clock.advance(59)
    assert history.bytes_per_day(2000) is None
    clock.advance(41)
    assert history.bytes_per_day(101_000) == 86_400_000


def test_nothing_wrong_no_words():
    running = (WorkerState("receive", "running"),)
    assert warnings({"datagrams.received": 5}, STORE, running, ()) == ()


def test_warnings_come_worst_first():
    workers = (WorkerState("receive", "running", 1, "ValueError: x"), WorkerState("store", "failed", 3, "OSError: y"))
    recent = {"flows.failed.disk_full": 7, "flows.failed.queue_full": 1, "datagrams.dropped.not_allowed": 2}
    assert warnings(recent, replace(STORE, error="disk full"), workers, ("buffer small",)) == (
        "the store thread has failed: OSError: y",
        "disk full",
        "8 flows could not be stored in the last minute",
        "2 datagrams of senders that are not allowed in the last minute: see --allow",
        "the receive thread was restarted: ValueError: x",
        "buffer small",
    )


def test_what_the_intake_drops_is_told():
    recent = {"datagrams.dropped.rate_limit": 5, "forward.failed": 3, "forward.sent": 9, "connections.refused.limit": 2}
    assert warnings(recent, STORE, (), ()) == (
        "5 datagrams in the last minute were above their exporter's rate, so its numbers are too low: --rate-limit",
        "3 datagrams in the last minute did not go on: nftui ctl forward says to which collector",
        "2 connections were refused in the last minute: exporters hold too many",
    )
