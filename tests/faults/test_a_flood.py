"""A flood from invented sources: what it may cost, and that real exporters do not notice (A10, A20).

`benchmarks/flood.py` does the same with 1 000 000 templates over loopback, beside nfcapd.
"""

from __future__ import annotations

import random
import struct
import tracemalloc

import pytest
from export_wire import NOW_MS, V4, Collector, a_set, column, message, template, v9

from nftui.engine.counters import datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of

PAIR = [(8, 4), (1, 4)]
DATA = a_set(256, struct.pack(">II", 1, 2))


def invented(rng: random.Random, templates: int) -> bytes:
    """Templates that nobody else has, of a domain that nobody else has."""
    sets = b"".join(
        template(9, 256 + place, [(rng.randrange(1, 400), rng.choice((1, 2, 4, 8))) for _ in range(12)])
        for place in range(templates)
    )
    return v9(sets, 0, domain=rng.getrandbits(32))


def test_a10_flood_of_templates() -> None:
    """A10: 25 000 templates of 5 000 sources: flat memory, and an exporter that was there before loses nothing."""
    rng = random.Random(10)
    collector = Collector()
    collector.feed(message(9, template(9, 256, PAIR) + DATA))
    collector.feed(message(9, DATA, 1))
    pool = [invented(rng, 5) for _ in range(500)]
    got, half = 0, 0
    tracemalloc.start()
    try:
        for turn in range(50):
            payloads, sessions = [], []
            for place in range(100):
                source = turn * 100 + place
                raw = bytearray(pool[rng.randrange(500)])
                raw[28:30] = source.to_bytes(2, "big")  # another first field: another template
                payloads.append(bytes(raw))
                sessions.append(collector.decoder.session(V4 | 0x0B000000 | source, 1024 + source % 999))
            payloads.insert(rng.randrange(100), message(9, DATA, 2 + turn))
            sessions.insert(
                payloads.index(message(9, DATA, 2 + turn)), collector.decoder.session(V4 | 0xC0000201, 2055)
            )
            decoded = collector.note(collector.decoder.decode(block_of(payloads, sessions, NOW_MS + 100 * turn)))
            got += len(column(decoded, "bytes"))
            if turn == 25:
                half = tracemalloc.get_traced_memory()[0]
        final, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert got == 50
    assert collector.counts.get("sequence.lost", 0) == 0
    assert collector.counts["sessions.evicted"] > 3500
    assert peak < 32 << 20
    assert final - half < 2 << 20
    assert datagram_balance(collector.counts) == 0
    assert record_balance(collector.counts) == 0


def test_a10_flood_of_sources_that_send_data_too() -> None:
    """A10: invented sources with data of their own push out each other, not an exporter that keeps sending."""
    collector = Collector()
    got = 0
    collector.feed(message(9, template(9, 256, PAIR) + DATA))
    for turn in range(1, 60):
        payloads, sessions = [message(9, DATA, turn)], [collector.decoder.session(V4 | 0xC0000201, 2055)]
        for place in range(100):
            sessions.append(collector.decoder.session(V4 | 0x0B000000 | turn * 100 + place, 9))
            payloads.append(message(9, template(9, 256, PAIR) + DATA, 0))
        decoded = collector.note(collector.decoder.decode(block_of(payloads, sessions, NOW_MS + turn)))
        got += len(column(decoded, "bytes"))
    assert got == 59 * 101
    assert collector.counts.get("sets.buffered", 0) == 0


def test_a10_flood_of_domains() -> None:
    """A10: one source that invents domains loses its own, not those of others."""
    collector = Collector()
    collector.feed(message(9, template(9, 256, PAIR) + DATA), address=V4 | 5)
    collector.feed(message(9, DATA, 1), address=V4 | 5)
    for turn in range(20):
        payloads = [message(9, template(9, 256, PAIR), 0, domain=turn * 1000 + place) for place in range(1000)]
        collector.feed(*payloads, now_ms=NOW_MS + turn)
    assert column(collector.feed(message(9, DATA, 2), address=V4 | 5, now_ms=NOW_MS + 60), "bytes") == [2]
    domains = sum(len(status.domains) for status in collector.decoder.exporters())
    assert domains <= 16_384


@pytest.mark.parametrize("wrong", ["noise", "no template"])
def test_a20_bad_datagrams_write_nothing(wrong: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A20: what is wrong is counted; 100 000 bad datagrams write not one line anywhere."""
    rng = random.Random(20)
    collector = Collector()
    for turn in range(100):
        if wrong == "noise":
            payloads = [rng.randbytes(rng.randrange(1, 80)) for _ in range(1000)]
        else:
            payloads = [message(9, a_set(300 + rng.randrange(500), bytes(60)), turn * 1000 + i) for i in range(1000)]
        collector.feed(*payloads, now_ms=NOW_MS + turn * 1000)
    assert datagram_balance(collector.counts) == 0
    assert collector.counts["datagrams.received"] == 100_000
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
