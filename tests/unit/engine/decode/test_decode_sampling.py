"""Sampling: every way to announce a rate, and what wins."""

from __future__ import annotations

import struct

import pytest
from export_wire import V4, Collector, Field, a_set, column, message, options_template, template, v5, v5_record

from nftui.engine.schema import Quality

FLOW: list[Field] = [(8, 4), (1, 4), (48, 4), (10, 4)]


def flow(octets: int = 7, sampler: int = 0, interface: int = 3) -> bytes:
    return struct.pack(">IIII", 1, octets, sampler, interface)


def number(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


@pytest.mark.parametrize(
    ("version", "scope", "fields", "record", "sampler", "rate"),
    [
        (9, [(1, 4)], [(34, 4), (35, 1)], number(0, 100) + b"\1", 0, 100),
        (9, [(1, 4)], [(48, 4), (49, 4), (50, 4)], number(0, 5, 2, 64), 5, 64),
        (9, [(1, 0)], [(48, 1), (34, 2)], struct.pack(">BH", 5, 999), 5, 999),
        (9, [(2, 4)], [(34, 4)], number(3, 50), 0, 50),
        (10, [(302, 4)], [(304, 4), (305, 4), (306, 4)], number(5, 1, 1, 1999), 5, 2000),
        (10, [(302, 4)], [(305, 4), (306, 4)], number(5, 10, 990), 5, 100),
        (10, [(302, 4)], [(309, 4), (310, 4)], number(5, 1, 512), 5, 512),
        (10, [(149, 4)], [(305, 4)], number(1, 4096), 0, 4096),
        (10, [(10, 4)], [(34, 4)], number(3, 77), 0, 77),
        (10, [(302, 4)], [(311, 8)], struct.pack(">Id", 5, 0.001), 5, 1000),
    ],
)
def test_announced_by_options(
    version: int, scope: list[Field], fields: list[Field], record: bytes, sampler: int, rate: int
) -> None:
    collector = Collector()
    collector.feed(message(version, options_template(version, 300, scope, fields) + a_set(300, record)))
    data = template(version, 256, FLOW) + a_set(256, flow(sampler=sampler) + flow(sampler=sampler))
    decoded = collector.feed(message(version, data))
    assert column(decoded, "sampling_rate") == [rate, rate]
    assert column(decoded, "bytes") == [7, 7]
    assert collector.counts["records.options"] == 1


@pytest.mark.parametrize(
    ("fields", "values", "rate"),
    [
        ([(34, 4)], number(10), 10), ([(50, 4)], number(11), 11), ([(305, 4)], number(12), 12),
        ([(305, 4), (306, 4)], number(1, 12), 13), ([(309, 4), (310, 4)], number(2, 30), 15),
        ([(34, 4)], number(0), None), ([(34, 4), (50, 4)], number(0, 9), 9),
    ],
)  # fmt: skip
def test_announced_by_the_record(fields: list[Field], values: bytes, rate: int | None) -> None:
    collector = Collector()
    decoded = collector.feed(message(9, template(9, 256, [(1, 4), *fields]) + a_set(256, number(5) + values)))
    assert column(decoded, "sampling_rate") == [rate]


def test_v5_header() -> None:
    collector = Collector()
    decoded = collector.feed(v5([v5_record()], sampling=0x4000 | 100), v5([v5_record()], 1))
    assert column(decoded, "sampling_rate") == [100, None]


def test_a_sampler_that_was_never_announced() -> None:
    collector = Collector()
    decoded = collector.feed(message(9, template(9, 256, FLOW) + a_set(256, flow(sampler=9) + flow(sampler=0))))
    assert column(decoded, "sampling_rate") == [None, None]
    unknown = [bool(quality & Quality.RATE_UNKNOWN) for quality in column(decoded, "quality")]  # type: ignore[operator]
    assert unknown == [True, False]


def test_a_change_applies_to_what_follows_on_the_wire() -> None:
    collector = Collector()
    collector.feed(message(9, options_template(9, 300, [(1, 4)], [(34, 4)]) + template(9, 256, FLOW)))
    parts = [a_set(300, number(0, rate)) + a_set(256, flow(rate)) for rate in (10, 20, 20, 30)]
    decoded = collector.feed(*[message(9, part) for part in parts])
    assert sorted(zip(column(decoded, "bytes"), column(decoded, "sampling_rate"), strict=True)) == [  # type: ignore[type-var]
        (10, 10), (20, 20), (20, 20), (30, 30),
    ]  # fmt: skip


def test_domain_zero_speaks_for_the_exporter() -> None:
    collector = Collector()
    options = options_template(10, 300, [(149, 4)], [(34, 4)]) + a_set(300, number(0, 128))
    collector.feed(message(10, options, domain=0))
    decoded = collector.feed(message(10, template(10, 256, FLOW) + a_set(256, flow()), domain=7))
    assert column(decoded, "sampling_rate") == [128]


@pytest.mark.parametrize(
    ("static", "header", "rate"),
    [({}, 0, None), ({"192.0.2.1": 50}, 0, 50), ({"192.0.2.0/24": 50}, 7, 7), ({"192.0.2.0/24": -50}, 7, 50),
     ({"10.0.0.0/8": 50}, 0, None), ({"0.0.0.0/0": 5, "192.0.2.1": 6}, 0, 6)],
)  # fmt: skip
def test_configured(static: dict[str, int], header: int, rate: int | None) -> None:
    """As nfcapd -s: positive where nothing was announced, negative in any case."""
    collector = Collector(static_sampling=static)
    assert column(collector.feed(v5([v5_record()], sampling=header)), "sampling_rate") == [rate]


@pytest.mark.parametrize("address", [0x20010DB8 << 96 | 1, V4 | 0x0A000001])
def test_configured_for_ipv6(address: int) -> None:
    collector = Collector(static_sampling={"2001:db8::/32": 9})
    expected = 9 if address >> 96 else None
    assert column(collector.feed(v5([v5_record()]), address=address), "sampling_rate") == [expected]


@pytest.mark.parametrize("rate", [0, 1, 2**32 - 1])
def test_spoofed_rates(rate: int) -> None:
    """A15: raw counters stay as they are; a rate that cannot be is cut and flagged."""
    collector = Collector()
    decoded = collector.feed(message(9, template(9, 256, [(1, 8), (34, 4)]) + a_set(256, b"\xff" * 8 + number(rate))))
    assert column(decoded, "bytes") == [2**63 - 1]
    assert column(decoded, "sampling_rate") == [{0: None, 1: 1}.get(rate, 10_000_000)]
    (quality,) = column(decoded, "quality")
    assert bool(quality & Quality.RATE_CLAMPED) == (rate > 1)  # type: ignore[operator]
    assert quality & Quality.COUNTER_CLAMPED  # type: ignore[operator]


def test_names_from_options() -> None:
    collector = Collector()
    interfaces = options_template(9, 300, [(2, 4)], [(82, 8), (83, 8)])
    applications = options_template(9, 301, [(1, 4)], [(95, 4), (96, 8)])
    names = b"".join(number(i) + b"eth%d" % i + bytes(4) + b"desc" + bytes(4) for i in (1, 2))
    collector.feed(message(9, interfaces + a_set(300, names)))
    collector.feed(message(9, applications + a_set(301, number(0, 0x0D000050) + b"http\x1b[2J")))
    flows = template(9, 256, [(10, 4), (14, 4), (95, 4)]) + a_set(256, number(1, 2, 0x0D000050, 2, 9, 5))
    decoded = collector.feed(message(9, flows))
    assert column(decoded, "in_if_name") == ["eth1", "eth2"]
    assert column(decoded, "out_if_name") == ["eth2", None]
    assert column(decoded, "application_name") == ["http[2J", None]
