"""Mutated datagrams of the interop corpus: nothing raises, everything is counted, memory stays flat.

A22 of docs/reliability.md: 100 000 seeded mutations of each protocol; with NFTUI_FULL=1 a million, of another seed.
`benchmarks/mutations.py` prints the slowest datagram.
"""

from __future__ import annotations

import os
import random
import resource

import pytest
from corpus_cases import FOLDER, cases
from export_wire import NOW_MS, V4
from mutations import mutations

from nftui.engine.counters import Counts, add, datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder

FULL = os.environ.get("NFTUI_FULL") == "1"
TOTAL = 1_000_000 if FULL else 100_000
SEED = 20_261_122 if FULL else 20_261_121
GROUPS = {"v5": ("v1", "v5", "v7"), "v9": ("v9",), "ipfix": ("ipfix",), "sflow": ("sflow5",)}
SIZES = (1, 3, 17, 128, 512)

pytestmark = pytest.mark.skipif(not cases(), reason=f"no interop corpus at {FOLDER} (NFTUI_INTEROP)")


def resident_kb() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


@pytest.mark.timeout(3600 if FULL else 300)
@pytest.mark.parametrize("group", GROUPS)
def test_mutations(group: str) -> None:
    datagrams = [item.payload for case in cases(GROUPS[group]) for item in case.datagrams()]
    rng = random.Random(group)
    decoder = Decoder()
    counts: Counts = {}
    part: list[bytes] = []
    size, now_ms, before = 1, NOW_MS, 0
    for place, raw in enumerate(mutations(SEED, datagrams, TOTAL)):
        part.append(raw)
        if len(part) < size and place < TOTAL - 1:
            continue
        sessions = [decoder.session(V4 | 0x0A000000 | rng.randrange(50), 2055) for _ in part]
        decoded = decoder.decode(block_of(part, sessions, now_ms))
        assert decoded.counts.get("decoder_bug", 0) == 0
        assert decoded.counts["datagrams.received"] == len(part)
        assert decoded.counts.get("records.flows", 0) == sum(len(batch) for batch in decoded.batches)
        add(counts, decoded.counts)
        for batch in decoded.batches:
            for name, column in batch.columns.items():
                assert len(column) == len(batch), name
        assert datagram_balance(counts) == 0
        assert record_balance(counts) == 0
        part, size, now_ms = [], rng.choice(SIZES), now_ms + 50
        if place % 1000 == 0:
            add(counts, decoder.expire(now_ms).counts)
        if not before and place > TOTAL // 4:
            before = resident_kb()
    assert counts["records.flows"] > 1000
    assert resident_kb() - before < 48 << 10


def test_by_exporter_adds_up() -> None:
    datagrams = [item.payload for case in cases() for item in case.datagrams()]
    decoder = Decoder()
    part = list(mutations(7, datagrams, 800))
    sessions = [decoder.session(V4 | place % 7, place % 3) for place in range(len(part))]
    decoded = decoder.decode(block_of(part, sessions, NOW_MS))
    summed: Counts = {}
    for counts in decoded.by_exporter.values():
        assert datagram_balance(counts) == 0
        assert record_balance(counts) == 0
        add(summed, counts)
    assert summed == decoded.counts
    assert len(decoded.by_exporter) == 7
