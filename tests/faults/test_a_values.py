"""Values that lie: sampling rates, times, texts (docs/reliability.md, A15, A16, A17, A19)."""

from __future__ import annotations

import json
import random
import struct
import unicodedata

import pytest
from export_wire import (
    NOW_MS,
    NOW_S,
    VARIABLE,
    Collector,
    a_set,
    column,
    ipfix,
    message,
    template,
    v5,
    v5_record,
    v9,
    varying,
)

from nftui.engine.decode.decoder import Decoded
from nftui.engine.query.format_machine import csv_cell, json_text
from nftui.engine.schema import Quality
from nftui.text import clean

WRAP = 1 << 32
BIDIRECTIONAL = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


def flagged(decoded: Decoded, bit: Quality) -> int:
    return sum(bool(value & bit) for value in column(decoded, "quality"))


@pytest.mark.parametrize("rate", [0, 1, 1000, 10_000_000, 10_000_001, 2**32 - 1])
@pytest.mark.parametrize("version", [9, 10])
def test_a15_sampling_rates_of_records(version: int, rate: int) -> None:
    """A15: counters stay as sent, the rate is a column of its own, bounded and flagged."""
    fields = [(8, 4), (1, 8), (2, 8), (34, 4)]
    record = struct.pack(">IQQI", 1, 2**62, 2**61, rate)
    decoded = Collector().feed(message(version, template(version, 256, fields) + a_set(256, record)))
    assert column(decoded, "bytes") == [2**62]
    assert column(decoded, "packets") == [2**61]
    expected = None if rate == 0 else min(rate, 10_000_000)
    assert column(decoded, "sampling_rate") == [expected]
    assert flagged(decoded, Quality.RATE_CLAMPED) == (rate > 10_000_000)


@pytest.mark.parametrize("rate", [0, 1, 0x3FFF])
def test_a15_sampling_rates_of_v5_headers(rate: int) -> None:
    decoded = Collector().feed(v5([v5_record(octets=2**32 - 1)], sampling=1 << 14 | rate))
    assert column(decoded, "bytes") == [2**32 - 1]
    assert column(decoded, "sampling_rate") == [rate or None]


@pytest.mark.parametrize("version", [5, 9])
def test_a16_uptime_across_the_wrap(version: int) -> None:
    """A16: 1 000 flows around the wrap after 49.7 days: start and end exact, and in order."""
    rng = random.Random(version)
    collector = Collector()
    fields = [(8, 4), (1, 4), (22, 4), (21, 4)]
    if version == 9:
        collector.feed(v9(template(9, 256, fields), uptime=0))
    for place in range(1000):
        exported = rng.randrange(-3_600_000, 3_600_000)  # milliseconds after the wrap
        last = exported - rng.randrange(300_000)
        first = last - rng.randrange(1_800_000)
        if version == 5:
            datagram = v5([v5_record(first=first, last=last)], place, uptime=exported)
        else:
            record = struct.pack(">IIII", 1, 2, first % WRAP, last % WRAP)
            datagram = v9(a_set(256, record), place, uptime=exported)
        decoded = collector.feed(datagram)
        assert column(decoded, "time_flow_start_ms") == [NOW_MS - exported + first]
        assert column(decoded, "time_flow_end_ms") == [NOW_MS - exported + last]
        assert column(decoded, "quality") == [0]
    assert "times.repaired" not in collector.counts


def test_a17_times_far_off() -> None:
    """A17: 1 000 good ones, 10 in 2106, 10 in 1970, 10 at 2^63: all kept, 30 moved to reception, flagged."""
    good = [NOW_MS - 1000 * place for place in range(1000)]
    bad = [4_291_747_200_000] * 10 + [1000] * 10 + [2**63] * 10
    times = good + bad
    random.Random(17).shuffle(times)
    collector = Collector()
    collector.feed(ipfix(template(10, 256, [(8, 4), (1, 4), (152, 8), (153, 8)])))
    payloads = [
        ipfix(a_set(256, b"".join(struct.pack(">IIQQ", 1, 2, when, when) for when in times[start : start + 10])))
        for start in range(0, len(times), 10)
    ]
    decoded = collector.feed(*payloads)
    ends = column(decoded, "time_flow_end_ms")
    assert sorted(ends) == sorted(good + [NOW_MS] * 30)
    assert flagged(decoded, Quality.TIME_REPAIRED) == collector.counts["times.repaired"] == 30
    assert set(column(decoded, "time_received_ms")) == {NOW_MS}


@pytest.mark.parametrize("off_s", [-86_400 * 400, -7200, -1, 0, 1, 240, 86_400])
@pytest.mark.parametrize("version", [5, 9])
def test_a17_clock_skew_is_estimated(version: int, off_s: int) -> None:
    """A17: the exporter's clock is off; known after some datagrams on their way for up to two seconds."""
    rng = random.Random(off_s)
    collector = Collector()
    for place in range(200):
        sent = NOW_MS + 137 * place
        raw = bytearray(v5([v5_record()]) if version == 5 else v9(b""))
        clock = sent + 1000 * off_s
        raw[8:12] = (clock // 1000).to_bytes(4, "big")
        if version == 5:
            raw[12:16] = (clock % 1000 * 1_000_000).to_bytes(4, "big")
        collector.feed(bytes(raw), now_ms=sent + rng.choice([0, 5, 2000]))
    (status,) = collector.decoder.exporters()
    assert abs(status.clock_skew_ms - 1000 * off_s) <= (0 if version == 5 else 150)


def test_a17_export_delay_is_estimated() -> None:
    """The exporter keeps flows for 15 s before it exports them."""
    collector = Collector()
    fields = [(8, 4), (1, 4), (152, 8), (153, 8)]
    for place in range(100):
        record = struct.pack(">IIQQ", 1, 2, NOW_MS - 20_000, NOW_MS - 15_000)
        collector.feed(ipfix(template(10, 256, fields) + a_set(256, record * 5), 5 * place))
    assert collector.decoder.exporters()[0].export_delay_ms == 15_000


def test_a17_the_clock_of_a_repaired_exporter_is_forgotten() -> None:
    """A clock that was an hour ahead and was set right does not stay an hour ahead in the status."""
    collector = Collector()
    collector.expire(NOW_MS)
    collector.feed(v9(b"", seconds=NOW_S + 3600))
    assert collector.decoder.exporters()[0].clock_skew_ms == 3_600_000
    for minute in range(1, 4):
        collector.expire(NOW_MS + 61_000 * minute)
        collector.feed(v9(b"", seconds=NOW_S + 61 * minute), now_ms=NOW_MS + 61_000 * minute)
    assert collector.decoder.exporters()[0].clock_skew_ms == 0


def test_a19_every_code_point_of_the_basic_plane() -> None:
    """A19: 65 536 code points as application names: no control character in a column, in csv or in ndjson."""
    collector = Collector()
    collector.feed(ipfix(template(10, 256, [(1, 4), (96, VARIABLE)])))
    values = [("a" + chr(point) + "b").encode("utf-8", "surrogatepass") for point in range(65_536)]
    seen = 0
    for start in range(0, len(values), 2000):
        records = b"".join(struct.pack(">I", 1) + varying(value) for value in values[start : start + 2000])
        names = column(collector.feed(ipfix(a_set(256, records))), "application_name")
        for name in names:
            assert isinstance(name, str)
            for text in (name, csv_cell(name), json_text(name), json.loads(json_text(name))):
                assert not any(unicodedata.category(char) in {"Cc", "Cs"} or char in BIDIRECTIONAL for char in text)
                assert clean(text) == text
        seen += len(names)
    assert seen == 65_536


@pytest.mark.parametrize("value", [b"=1+1", b"+1", b"-1", b"@SUM(A1)", b"\t=1", b"\r=1"])
def test_a19_formulas_are_no_formulas_in_csv(value: bytes) -> None:
    collector = Collector()
    sets = template(10, 256, [(1, 4), (96, VARIABLE)]) + a_set(256, struct.pack(">I", 1) + varying(value))
    (name,) = column(collector.feed(ipfix(sets)), "application_name")
    assert csv_cell(name).lstrip('"').startswith("'")


@pytest.mark.parametrize("value", [b"[red]x[/red]", b"[@click=app.quit]x[/]", b"[link=http://x]y[/link]"])
def test_a19_markup_stays_text(value: bytes) -> None:
    collector = Collector()
    sets = template(10, 256, [(1, 4), (96, VARIABLE)]) + a_set(256, struct.pack(">I", 1) + varying(value))
    assert column(collector.feed(ipfix(sets)), "application_name") == [value.decode()]
