"""Figures minute by minute: what the ring says is what the counters did."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nftui.engine.losses import CollectorMinutes
from nftui.engine.minutes import MINUTE_MS, MinuteRing, Minutes


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), max_size=40))
def test_the_ring_is_a_table_of_differences(steps: list[tuple[int, int]]) -> None:
    ring, minute, count = MinuteRing(("a",), 6), 100, 0
    by_minute: dict[int, int] = {}
    ring.turn(minute * MINUTE_MS, np.array([[0]]))
    for passed, grown in steps:
        minute += passed
        ring.turn(minute * MINUTE_MS + 7, np.array([[count]]))
        count += grown
        by_minute[minute] = by_minute.get(minute, 0) + grown
    found = ring.of([0], np.array([[count]]))
    first = found.start_ms // MINUTE_MS
    assert first == max(100, minute - 5)
    assert found.figures["a"] == tuple(by_minute.get(m, 0) for m in range(first, minute + 1))


def test_a_clock_that_goes_back_loses_nothing() -> None:
    ring = MinuteRing(("a",), 4)
    ring.turn(600_000, np.array([[0]]))
    ring.turn(540_000, np.array([[3]]))
    assert ring.of([0], np.array([[5]])) == Minutes(600_000, {"a": (5,)})


def test_owners_come_later_and_leave_an_heir() -> None:
    ring = MinuteRing(("a", "b"), 4)
    ring.turn(0, np.zeros((2, 1), np.int64))
    ring.turn(60_000, np.array([[0, 4], [0, 5]]))
    ring.forget(1, 30)
    amounts = np.zeros((2, 31), np.int64)
    amounts[:, 30] = 4, 6
    assert ring.of([30], amounts).figures == {"a": (4, 0), "b": (5, 1)}
    assert ring.of([1], amounts).figures == {"a": (0, 0), "b": (0, 0)}


def test_nothing_before_the_first_look() -> None:
    assert MinuteRing(("a",), 4).of([0], np.array([[7]])) == Minutes()
    assert Minutes().total("a") == 0


def test_the_collectors_own_figures() -> None:
    minutes = CollectorMinutes(10)
    minutes.turn(0, {})
    minutes.turn(60_000, {"kernel.dropped": 7, "flows.failed.queue_full": 2, "flows.failed.disk": 1})
    found = minutes.now({"kernel.dropped": 9, "flows.failed.queue_full": 2, "flows.failed.disk": 1})
    assert found.figures["kernel"] == (7, 2)
    assert found.figures["failed"] == (3, 0)
