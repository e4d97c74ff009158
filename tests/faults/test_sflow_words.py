"""Every 32-bit word of six sFlow captures set to values that break decoders, one at a time."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

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


def variants(raw: bytes, values: tuple[int, ...], near: bool = True) -> Iterator[bytes]:
    """The datagram with each word set to each of the values, and (`near`) to one more and one less than it is."""
    for at in range(0, len(raw) - 3, 4):
        word = int.from_bytes(raw[at : at + 4], "big")
        beside = {(word - 1) % 2**32, (word + 1) % 2**32} if near else set()
        for value in ({*values} | beside) - {word}:
            yield raw[:at] + value.to_bytes(4, "big") + raw[at + 4 :]


def neighbour(number: int) -> bytes:
    """A datagram with one sample from a source of its own."""
    return datagram(flow_sample(raw_header(a_frame(f"203.0.{number >> 8}.{number & 255}"))))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_word_harms_the_neighbours(case: Case) -> None:
    assert len(CASES) == len(NAMES)
    collector = Collector()
    changed = list(variants(case.datagrams()[0].payload, VALUES))
    for start in range(0, len(changed), 50):
        part = changed[start : start + 50]
        payloads = [payload for number, raw in enumerate(part) for payload in (neighbour(number), raw)]
        batch = flows(collector.feed(*payloads))
        sources = {batch.value("src_addr", row) for row in range(len(batch))}
        assert sources >= {0xFFFF << 32 | 0xCB000000 | number for number in range(len(part))}
    assert collector.counts["datagrams.received"] == 2 * len(changed)
    assert datagram_balance(collector.counts) == 0
    assert record_balance(collector.counts) == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_word_takes_memory(case: Case) -> None:
    raw = case.datagrams()[0].payload
    collector = Collector()
    collector.feed(raw)
    tracemalloc.start()
    try:
        for changed in variants(raw, (2**32 - 1,), near=False):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            collector.feed(changed)
            assert tracemalloc.get_traced_memory()[1] - before < PEAK_BYTES
    finally:
        tracemalloc.stop()
