"""Times: every element, the wrap of sysUptime, and what is repaired."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
from export_wire import (
    NOW_MS,
    NOW_S,
    Collector,
    Field,
    a_set,
    column,
    ipfix,
    message,
    options_template,
    template,
    v5,
    v5_record,
    v9,
)

from nftui.engine.schema import Quality

NTP = 2_208_988_800
UPTIME = 3_600_000


def ntp(ms: float) -> bytes:
    seconds, part = divmod(ms, 1000)
    return struct.pack(">II", int(seconds) + NTP & 0xFFFFFFFF, int(part / 1000 * 2**32))


def u4(value: int) -> bytes:
    return struct.pack(">I", value)


def u8(value: int) -> bytes:
    return struct.pack(">Q", value)


def times(collector: Collector, datagram: bytes, now_ms: int = NOW_MS) -> tuple[object, object, Quality]:
    decoded = collector.feed(datagram, now_ms=now_ms)
    (start,), (end,), (quality,) = (
        column(decoded, name) for name in ("time_flow_start_ms", "time_flow_end_ms", "quality")
    )
    return start, end, Quality(quality)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "last", "values", "start", "end"),
    [
        ((150, 4), (151, 4), u4(NOW_S - 9) + u4(NOW_S - 2), -9000, -2000),
        ((152, 8), (153, 8), u8(NOW_MS - 9123) + u8(NOW_MS - 1), -9123, -1),
        ((154, 8), (155, 8), ntp(NOW_MS - 9123) + ntp(NOW_MS - 1), -9123, -1),
        ((156, 8), (157, 8), ntp(NOW_MS - 777) + ntp(NOW_MS - 3), -777, -3),
        ((158, 4), (159, 4), u4(5_000_000) + u4(1_500_500), -5000, -1501),
        ((22, 4), (21, 4), u4(UPTIME - 4000) + u4(UPTIME - 10), -4000, -10),
        ((22, 8), (21, 8), u8(UPTIME - 4000) + u8(UPTIME - 10), -4000, -10),
        ((22, 8), (21, 8), u8(NOW_MS - 4000) + u8(NOW_MS - 10), -4000, -10),
        ((152, 8), (161, 4), u8(NOW_MS - 9000) + u4(2500), -9000, -6500),
        ((153, 8), (161, 4), u8(NOW_MS - 9000) + u4(2500), -11500, -9000),
        ((152, 8), (162, 4), u8(NOW_MS - 9000) + u4(2_500_000), -9000, -6500),
        ((152, 8), (323, 8), u8(NOW_MS - 9000) + u8(NOW_MS - 20), -9000, -20),
        ((152, 8), (1, 8), u8(NOW_MS - 9000) + u8(1), -9000, -9000),
        ((323, 8), (1, 4), u8(NOW_MS - 50) + u4(1), -50, -50),
        ((322, 4), (1, 4), u4(NOW_S - 5) + u4(1), -5000, -5000),
        ((324, 8), (1, 4), ntp(NOW_MS - 60) + u4(1), -60, -60),
        ((325, 8), (1, 4), ntp(NOW_MS - 70) + u4(1), -70, -70),
        ((258, 8), (1, 4), u8(NOW_MS - 80) + u4(1), -80, -80),
    ],
)  # fmt: skip
def test_every_element(first: Field, last: Field, values: bytes, start: int, end: int) -> None:
    """RFC 7011 6.1.7 to 6.1.10; sysUptime by the v9 header."""
    sets = template(9, 256, [first, last]) + a_set(256, values)
    found = times(Collector(), v9(sets, uptime=UPTIME))
    assert found == (NOW_MS + start, NOW_MS + end, Quality(0))


def test_absolute_times_win_over_uptime() -> None:
    fields = [(22, 4), (21, 4), (152, 8), (153, 8)]
    sets = template(9, 256, fields) + a_set(256, u4(5) + u4(6) + u8(NOW_MS - 7) + u8(NOW_MS - 3))
    assert times(Collector(), v9(sets)) == (NOW_MS - 7, NOW_MS - 3, Quality(0))


@pytest.mark.parametrize("version", [5, 9])
def test_uptime_across_the_wrap(version: int) -> None:
    """A16: 1 000 flows around the wrap after 49.7 days; start and end are exact."""
    rng = random.Random(1)
    for _ in range(200):
        age = rng.randrange(0, 4_000_000)
        length = rng.randrange(0, 1_000_000)
        uptime = (2**32 + rng.randrange(-3_000_000, 3_000_000)) % 2**32
        last = (uptime - age) % 2**32
        first = (uptime - age - length) % 2**32
        if version == 5:
            found = times(Collector(), v5([v5_record(first=first, last=last)], uptime=uptime))
        else:
            sets = template(9, 256, [(22, 4), (21, 4)]) + a_set(256, u4(first) + u4(last))
            found = times(Collector(), v9(sets, uptime=uptime))
        assert found == (NOW_MS - age - length, NOW_MS - age, Quality(0))


@pytest.mark.parametrize("ahead", [1, 1000, 200_000])
def test_a_flow_slightly_after_its_export(ahead: int) -> None:
    """Also when the counter wrapped between the header and the flow."""
    for uptime in (UPTIME, 2**32 - 1):
        moment = (uptime + ahead) % 2**32
        found = times(Collector(), v5([v5_record(first=moment, last=moment)], uptime=uptime))
        assert found == (NOW_MS + ahead, NOW_MS + ahead, Quality(0))


def test_ipfix_uptime_with_init_time_of_the_record() -> None:
    boot = NOW_MS - UPTIME
    fields = [(160, 8), (22, 4), (21, 4)]
    sets = template(10, 256, fields) + a_set(256, u8(boot) + u4(UPTIME - 500) + u4(UPTIME - 100))
    assert times(Collector(), ipfix(sets)) == (NOW_MS - 500, NOW_MS - 100, Quality(0))


@pytest.mark.parametrize("wraps", [0, 1, 3, 30])
def test_ipfix_uptime_with_init_time_of_options(wraps: int) -> None:
    """Element 160 in options data; the counter may have wrapped many times since."""
    collector = Collector()
    boot = NOW_MS - UPTIME - wraps * 2**32
    options = options_template(10, 300, [(143, 4)], [(160, 8)]) + a_set(300, u4(1) + u8(boot))
    collector.feed(ipfix(options))
    sets = template(10, 256, [(22, 4), (21, 4)]) + a_set(256, u4(UPTIME - 500) + u4(UPTIME - 100))
    assert times(collector, ipfix(sets)) == (NOW_MS - 500, NOW_MS - 100, Quality(0))


def test_ipfix_uptime_of_unknown_origin_keeps_its_duration() -> None:
    sets = template(10, 256, [(22, 4), (21, 4)]) + a_set(256, u4(77_000) + u4(79_500))
    collector = Collector()
    assert times(collector, ipfix(sets)) == (NOW_MS - 2500, NOW_MS, Quality.TIME_MISSING)
    assert collector.counts["times.missing"] == 1


def test_no_time_at_all() -> None:
    sets = template(10, 256, [(8, 4)]) + a_set(256, u4(1))
    assert times(Collector(), ipfix(sets)) == (NOW_MS, NOW_MS, Quality.TIME_MISSING)


def test_end_before_start_is_exchanged() -> None:
    sets = template(10, 256, [(152, 8), (153, 8)]) + a_set(256, u8(NOW_MS - 10) + u8(NOW_MS - 500))
    collector = Collector()
    assert times(collector, ipfix(sets)) == (NOW_MS - 500, NOW_MS - 10, Quality.END_BEFORE_START)
    assert collector.counts["times.exchanged"] == 1


@pytest.mark.parametrize(
    "offset_ms", [301_000, -367 * 86_400_000, 80 * 365 * 86_400_000, -NOW_MS, 2**62, 2**63 - NOW_MS]
)
def test_implausible_times_are_moved_to_reception(offset_ms: int) -> None:
    """A17: flagged and counted; the duration is kept where there is one."""
    moment = NOW_MS + offset_ms
    sets = template(10, 256, [(152, 8), (153, 8)]) + a_set(256, u8(moment) + u8(moment + 700))
    collector = Collector()
    start, end, quality = times(collector, ipfix(sets))
    assert quality == Quality.TIME_REPAIRED
    assert end == NOW_MS
    assert start in {NOW_MS - 700, NOW_MS}
    assert collector.counts["times.repaired"] == 1


def test_one_implausible_time_takes_the_other() -> None:
    sets = template(10, 256, [(152, 8), (153, 8)]) + a_set(256, u8(0) + u8(NOW_MS - 4))
    assert times(Collector(), ipfix(sets)) == (NOW_MS - 4, NOW_MS - 4, Quality.TIME_REPAIRED)


def test_each_row_of_a_mixed_block_keeps_its_own_times() -> None:
    """Layouts with different time elements, decoded together."""
    collector = Collector()
    shapes: list[list[Field]] = [[(150, 4), (1, i % 4 + 1)] for i in range(4)]
    shapes += [[(152, 8)], [(8, 4)], [(22, 4), (7, 2)]]
    payloads = []
    for number, fields in enumerate(shapes):
        first = fields[0]
        value = {150: u4(NOW_S - number), 152: u8(NOW_MS - 40), 8: u4(number), 22: u4(UPTIME - 60)}[first[0]]
        rest = b"".join(b"\1".rjust(item[1], b"\0") for item in fields[1:])
        payloads.append(v9(template(9, 256 + number, fields) + a_set(256 + number, value + rest), uptime=UPTIME))
    decoded = collector.feed(*payloads)
    assert len(decoded.batches) == 1
    expected = [NOW_MS, NOW_MS - 1000, NOW_MS - 2000, NOW_MS - 3000, NOW_MS - 40, NOW_MS, NOW_MS - 60]
    assert column(decoded, "time_flow_start_ms") == expected
    missing = [Quality(value) for value in column(decoded, "quality")]  # type: ignore[arg-type]
    assert [bool(value & Quality.TIME_MISSING) for value in missing] == [False] * 5 + [True, False]


def test_received_time_is_the_datagrams() -> None:
    collector = Collector()
    collector.feed(message(9, template(9, 256, [(8, 4)])))
    decoded = collector.feed(message(9, a_set(256, bytes(8))), now_ms=NOW_MS + 77)
    assert column(decoded, "time_received_ms") == [NOW_MS + 77] * 2
    assert decoded.batches[0].columns["time_received_ms"].dtype == np.int64
