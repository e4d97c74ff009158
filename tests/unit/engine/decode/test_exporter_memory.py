"""What the decoder keeps for a look at an exporter: bad datagrams, figures per minute, changes of sampling."""

from __future__ import annotations

import struct
import tracemalloc

import pytest
from export_wire import (
    NOW_MS,
    PAIR,
    V4,
    Collector,
    a_set,
    ipfix,
    message,
    options_template,
    template,
    v5,
    v5_record,
    v9,
)
from sflow_wire import a_frame, datagram, flow_sample, raw_header

from nftui.engine.decode.status import MissingTemplate, NumberingStatus, SamplingChange
from nftui.engine.limits import Limits

BAD = {
    "datagrams.rejected.version": b"\x00\x63" + bytes(30),
    "datagrams.rejected.short": b"\x00",
    "datagrams.rejected.empty": b"",
    "datagrams.rejected.header": ipfix(b"", length=8),
    "sets.bad_length": v9(struct.pack(">HH", 256, 3) + bytes(4)),
    "templates.rejected": bytes.fromhex("0100000100000000"),
}


@pytest.mark.parametrize("reason", [reason for reason in BAD if reason != "templates.rejected"])
def test_a_bad_datagram_is_kept_with_its_reason(reason: str) -> None:
    collector = Collector()
    collector.feed(v5([v5_record()]), BAD[reason], port=9996, now_ms=NOW_MS + 5)
    (kept,) = collector.decoder.rejected()
    assert (kept.reason, kept.address, kept.port) == (reason, "192.0.2.1", 9996)
    assert (kept.received_ms, kept.length, kept.data) == (NOW_MS + 5, len(BAD[reason]), BAD[reason].hex())
    assert collector.counts[reason] == 1


def test_a_bad_template_set_is_kept_without_its_datagram() -> None:
    collector = Collector()
    collector.feed(v9(template(9, 256, [(8, 4)]) + template(9, 200, [(8, 4)])))
    (kept,) = collector.decoder.rejected()
    assert (kept.reason, kept.data) == ("templates.rejected", struct.pack(">HHHH", 200, 1, 8, 4).hex())


def test_a_broken_sflow_header_is_kept() -> None:
    collector = Collector()
    collector.feed(struct.pack(">IIIIIII", 5, 9, 1, 0, 1, 1, 0))
    assert [(kept.reason, kept.length) for kept in collector.decoder.rejected()] == [("datagrams.rejected.header", 28)]


def test_broken_sets_of_many_datagrams_are_those_of_the_right_ones() -> None:
    collector = Collector()
    good = v9(a_set(999, bytes(4)))
    collector.feed(*[good] * 20, BAD["sets.bad_length"], *[good] * 20)
    assert [kept.data for kept in collector.decoder.rejected()] == [BAD["sets.bad_length"].hex()]


def test_a_flood_displaces_only_its_own() -> None:
    collector = Collector(Limits(rejected_kept=8, rejected_kept_per_exporter=3, rejected_bytes=4))
    collector.feed(b"\x00\x09one", address=V4 | 1)
    for number in range(50):
        collector.feed(*[struct.pack(">HH", 99, number)] * 40, address=V4 | 2)
    kept = collector.decoder.rejected()
    assert [item.address for item in kept] == ["0.0.0.2"] * 3 + ["0.0.0.1"]
    assert {item.data for item in kept[:3]} == {"00630031"}
    assert [item.data for item in collector.decoder.rejected("0.0.0.1")] == ["00096f6e"], "cut to the limit"
    for number in range(3, 40):
        collector.feed(b"\x00", address=V4 | number)
    assert len(collector.decoder.rejected()) == 8


def test_good_datagrams_leave_nothing_behind() -> None:
    collector = Collector()
    block = [v5([v5_record()] * 20, sequence=20 * number) for number in range(200)]
    collector.feed(*block)
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    collector.feed(*block)
    grown = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/rejected.py")])
    tracemalloc.stop()
    assert collector.decoder.rejected() == []
    assert sum(entry.size_diff for entry in grown.compare_to(before, "lineno")) <= 0


def test_figures_per_minute() -> None:
    collector = Collector()
    minute = NOW_MS // 60_000 * 60_000
    sequence = 0
    collector.expire(minute)
    for number, lost in enumerate((0, 5, 0)):
        now = minute + number * 60_000
        sequence += lost
        collector.expire(now)
        collector.feed(v5([v5_record()] * 2, sequence=sequence), b"", now_ms=now)
        sequence += 2
        collector.expire(now + 5000)
    collector.expire(minute + 180_000)
    found = collector.decoder.minutes(V4 | 0xC0000201)
    assert (found.start_ms, len(found)) == (minute, 4)
    assert found.figures["flows"] == (2, 2, 2, 0)
    assert found.figures["lost"] == (0, 5, 0, 0)
    assert found.figures["rejected"] == (1, 1, 1, 0)
    assert found.figures["datagrams"] == (2, 2, 2, 0)
    assert found.total("lost") == 5
    assert found.total("lost", 2) == 0


def test_minutes_of_an_evicted_exporter_are_not_another_ones() -> None:
    collector = Collector(Limits(exporters=1))
    collector.expire(NOW_MS)
    collector.feed(v5([v5_record()] * 3), address=V4 | 1)
    collector.feed(v5([v5_record()]), address=V4 | 2)
    collector.expire(NOW_MS + 60_000)
    collector.feed(v5([v5_record()]), address=V4 | 2)
    assert sum(collector.decoder.minutes(V4 | 1).figures.get("flows", ())) == 0
    assert collector.decoder.minutes(V4 | 2).total("flows") == 2


def test_a_template_that_data_waits_for() -> None:
    collector = Collector()
    collector.feed(v9(template(9, 256, [(8, 4), (1, 4)]), domain=7))
    collector.feed(*[v9(a_set(300, bytes(8)), sequence=n + 1, domain=7) for n in range(3)])
    (exporter,) = collector.decoder.exporters()
    assert exporter.missing == (MissingTemplate(9, 7, 300, 3),)
    (known,) = exporter.templates
    assert known.elements == ("sourceIPv4Address", "octetDeltaCount")
    assert (known.numbers, known.lengths) == (((0, 8), (0, 1)), (4, 4))


def test_changes_of_rates_with_their_time() -> None:
    collector = Collector()
    announce = options_template(9, 257, [(1, 4)], [(48, 1), (50, 4)])
    collector.feed(v9(announce + a_set(257, struct.pack(">IBI", 1, 3, 100))))
    collector.feed(v9(a_set(257, struct.pack(">IBI", 1, 3, 200)), sequence=1), now_ms=NOW_MS + 1000)
    collector.feed(v9(a_set(257, struct.pack(">IBI", 1, 3, 200)), sequence=2), now_ms=NOW_MS + 2000)
    (exporter,) = collector.decoder.exporters()
    assert exporter.rate_changes == (SamplingChange(NOW_MS + 1000, 1, 3, None, 100, 200),)


def test_changes_of_rates_in_headers_and_samples() -> None:
    collector = Collector()
    for number, rate in enumerate((10, 10, 20)):
        collector.feed(v5([v5_record()], sequence=number, sampling=rate), now_ms=NOW_MS + number)
        sample = flow_sample(raw_header(a_frame()), sequence=number + 1, rate=rate)
        collector.feed(datagram(sample, sequence=number + 1), address=V4 | 9, now_ms=NOW_MS + number)
    found = {exporter.address: exporter.rate_changes for exporter in collector.decoder.exporters()}
    assert [(c.at_ms, c.before, c.after) for c in found["192.0.2.1"]] == [(NOW_MS + 2, 10, 20)]
    assert [(c.at_ms, c.before, c.after, c.sampler) for c in found["0.0.0.9"]] == [(NOW_MS + 2, 10, 20, 3)]


def test_changes_are_bounded() -> None:
    collector = Collector(Limits(rate_changes_per_exporter=4))
    for number in range(20):
        collector.feed(v5([v5_record()], sequence=number, sampling=10 + number % 2), now_ms=NOW_MS + number)
    (exporter,) = collector.decoder.exporters()
    assert [change.at_ms - NOW_MS for change in exporter.rate_changes] == [16, 17, 18, 19]


def test_numbers_that_are_held_back_until_their_unit_is_clear() -> None:
    collector = Collector()
    collector.feed(message(10, template(10, 256, PAIR)))
    for number in range(1, 6):  # counts messages where IPFIX counts records
        collector.feed(message(10, a_set(256, bytes(16)), sequence=number))
    (exporter,) = collector.decoder.exporters()
    (found,) = exporter.numbering
    assert found == NumberingStatus(10, 1, "records", standard=True, certain=False, held=found.held)
    assert found.held > 0
    for number in range(6, 60):
        collector.feed(message(10, a_set(256, bytes(16)), sequence=number))
    (exporter,) = collector.decoder.exporters()
    assert exporter.numbering == (NumberingStatus(10, 1, "datagrams", standard=False),)


def test_repaired_times_tell_nothing_about_the_export_delay() -> None:
    collector = Collector()
    collector.feed(v5([v5_record()]), now_ms=NOW_MS)
    (exporter,) = collector.decoder.exporters()
    assert exporter.export_delay_ms == 1000
    ahead = Collector()
    ahead.feed(v5([v5_record()]), now_ms=NOW_MS - 3_600_000)
    (exporter,) = ahead.decoder.exporters()
    assert (exporter.clock_skew_ms, exporter.export_delay_ms) == (3_600_000, -1)
