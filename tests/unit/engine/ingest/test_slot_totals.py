"""Sums per slot: by time of reception, exact at the edges, empty slots included."""

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.ingest.slot_totals import SlotReport, SlotTotals

START = 1_700_000_100_000


def batch(*rows: tuple[int, int, int]) -> FlowBatch:
    received, packets, octets = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return FlowBatch(len(rows), {"time_received_ms": received, "packets": packets, "bytes": octets})


def test_a_slot_is_due_a_moment_after_its_end():
    clock = ManualClock(START)
    totals = SlotTotals(60, clock)
    slot = START - START % 60_000
    clock.advance((slot + 60_000 - START) / 1000)
    assert not totals.due()
    clock.advance(1)
    assert totals.due()
    assert totals.reports({}) == [SlotReport(slot, 0, 0, 0, {})]
    assert not totals.due()


def test_flows_of_a_batch_that_crosses_the_edge_go_to_their_slots():
    clock = ManualClock(START)
    totals = SlotTotals(10, clock)
    totals.add(batch((START, 1, 10), (START + 9_999, 2, 20), (START + 10_000, 4, 40)))
    totals.add(FlowBatch(1, {"packets": np.array([8], np.int64)}))
    clock.advance(11)
    assert totals.reports({"sequence.lost": 3}) == [SlotReport(START, 3, 11, 30, {"sequence.lost": 3})]
    clock.advance(10)
    assert totals.reports({"sequence.lost": 5}) == [SlotReport(START + 10_000, 1, 4, 40, {"sequence.lost": 2})]


def test_the_last_report_holds_what_is_left_and_counts_nothing_twice():
    clock = ManualClock(START)
    totals = SlotTotals(10, clock)
    totals.add(batch((START - 10_000, 1, 1), (START, 1, 1)))
    assert totals.reports({"kernel.dropped": 1}, last=True) == [
        SlotReport(START - 10_000, 1, 1, 1, {"kernel.dropped": 1}),
        SlotReport(START, 1, 1, 1, {}),
    ]
