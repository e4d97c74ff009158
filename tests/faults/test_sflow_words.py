"""Every 32-bit word of six sFlow captures set to values that break decoders, one at a time."""

from __future__ import annotations

import tracemalloc

import pytest
from corpus_cases import FOLDER, Case, cases
from export_wire import Collector, flows
from sflow_wire import a_frame, datagram, flow_sample, raw_header

from nftui.engine.counters import datagram_balance, record_balance

NAMES = {
    "akv-sflow-expanded-sample", "akv-sflow-ipv4-data", "gp-sflow-testpacket2", "tg-sflow-issue-15918",
    "cs-host-sample", "vf-sflow-padding",
}  # fmt: skip
CASES = [case for case in cases(("sflow5",)) if case.name in NAMES]
VALUES = (0, 1, 2**31 - 1, 2**31, 2**32 - 1)
PEAK_BYTES = 2 << 20

pytestmark = pytest.mark.skipif(not CASES, reason=f"no interop corpus at {FOLDER} (NFTUI_INTEROP)")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_word_harms_the_neighbours(case: Case) -> None:
    assert len(CASES) == len(NAMES)
    raw = case.datagrams()[0].payload
    neighbour = datagram(flow_sample(raw_header(a_frame("203.0.113.9"))))
    collector = Collector()
    collector.feed(neighbour, raw, neighbour)
    collector.counts.clear()
    tried = 0
    tracemalloc.start()
    try:
        for at in range(0, len(raw) - 3, 4):
            word = int.from_bytes(raw[at : at + 4], "big")
            for value in {*VALUES, (word - 1) % 2**32, (word + 1) % 2**32} - {word}:
                changed = raw[:at] + value.to_bytes(4, "big") + raw[at + 4 :]
                tracemalloc.reset_peak()
                start = tracemalloc.get_traced_memory()[0]
                batch = flows(collector.feed(neighbour, changed, neighbour))
                assert tracemalloc.get_traced_memory()[1] - start < PEAK_BYTES, (at, value)
                sources = [batch.value("src_addr", row) for row in range(len(batch))]
                assert sources.count(0xFFFF << 32 | 0xCB007109) == 2, (at, value)
                tried += 1
    finally:
        tracemalloc.stop()
    assert tried > len(raw)
    assert collector.counts["datagrams.received"] == 3 * tried
    assert datagram_balance(collector.counts) == 0
    assert record_balance(collector.counts) == 0
