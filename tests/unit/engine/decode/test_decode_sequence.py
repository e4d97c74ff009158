"""Sequence numbers: the loss that is reported is the loss there was, for each protocol's unit."""

from __future__ import annotations

import random
import struct

import pytest
from export_wire import NOW_MS, Collector, a_set, ipfix, options_template, template, v5, v5_record, v9

FIELDS = [(8, 4), (1, 4)]
TEMPLATE = {9: template(9, 256, FIELDS), 10: template(10, 256, FIELDS)}


class Exporter:
    """Makes numbered datagrams; `units` is what each one adds to the sequence."""

    def __init__(self, version: int, start: int = 0, domain: int = 1) -> None:
        self.version = version
        self.number = start
        self.domain = domain
        self.uptime = 1_000_000
        self.rng = random.Random(version)

    def next(self) -> tuple[bytes, int]:
        """A datagram and its units."""
        records = self.rng.randrange(1, 30)
        self.uptime += 10
        number, body = self.number, struct.pack(">II", 1, 2) * records
        if self.version == 5:
            self.number += records
            return v5([v5_record()] * records, number, uptime=self.uptime, engine=self.domain), records
        if self.version == 9:
            self.number += 1
            return v9(a_set(256, body), number, self.domain, self.uptime), 1
        self.number += records
        return ipfix(a_set(256, body), number, self.domain), records


def collector(version: int, domains: int = 1) -> Collector:
    found = Collector()
    for domain in range(1, domains + 1):
        if version != 5:
            sets = TEMPLATE[version]
            found.feed(v9(sets, -1, domain, 1000) if version == 9 else ipfix(sets, 0, domain))
    found.decoder._domains.expected[:] = -1  # the numbering begins with the test's own datagrams
    found.counts.clear()
    return found


def feed(target: Collector, datagrams: list[bytes], size: int) -> None:
    for start in range(0, len(datagrams), size):
        target.feed(*datagrams[start : start + size], now_ms=NOW_MS + start)


def sequence_counts(target: Collector) -> dict[str, int]:
    return {name.split(".")[1]: amount for name, amount in target.counts.items() if name.startswith("sequence.")}


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("version", [5, 9, 10])
def test_known_holes(version: int, size: int) -> None:
    """1 % single losses and bursts, across a wrap of the number."""
    exporter = Exporter(version, start=-3000 if version == 9 else -30_000)
    rng = random.Random(7)
    kept, lost = [], 0
    skip = 0
    for place in range(1500):
        datagram, units = exporter.next()
        if 0 < place < 1400 and (skip or rng.random() < 0.01):
            skip = skip - 1 if skip else rng.choice([0, 0, 0, 40])
            lost += units
            continue
        kept.append(datagram)
    target = collector(version)
    feed(target, kept, size)
    target.expire()
    assert sequence_counts(target) == {"lost": lost}


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("version", [5, 9, 10])
def test_swaps_and_duplicates(version: int, size: int) -> None:
    """Reordering within 32 datagrams and duplicates are no loss."""
    exporter = Exporter(version)
    datagrams = [exporter.next()[0] for _ in range(1200)]
    rng = random.Random(3)
    for _ in range(60):
        one = rng.randrange(10, 1100)
        other = one + rng.randrange(1, 32)
        datagrams[one], datagrams[other] = datagrams[other], datagrams[one]
    for place in (200, 400, 600, 800, 1000):
        datagrams.insert(place, datagrams[place - 3])
    target = collector(version)
    feed(target, datagrams, size)
    target.expire()
    found = sequence_counts(target)
    assert found.get("lost", 0) == 0
    assert found["duplicates"] == 5
    assert found["reordered"] >= 60


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize("version", [5, 9, 10])
def test_restart(version: int, size: int) -> None:
    """An exporter that begins anew at 0 has lost nothing."""
    exporter = Exporter(version, start=50_000)
    datagrams = [exporter.next()[0] for _ in range(300)]
    exporter.number, exporter.uptime = 0, 0
    datagrams += [exporter.next()[0] for _ in range(300)]
    target = collector(version)
    feed(target, datagrams, size)
    target.expire()
    found = sequence_counts(target)
    assert found["restarts"] == 1
    assert found.get("lost", 0) == 0
    assert found.get("duplicates", 0) <= 2


@pytest.mark.parametrize("version", [5, 9, 10])
def test_domains_count_apart(version: int) -> None:
    """Many domains mixed in one block, one hole each in some of them."""
    exporters = [Exporter(version, start=domain * 1000, domain=domain) for domain in range(1, 41)]
    kept, lost = [], 0
    for turn in range(60):
        for exporter in exporters:
            datagram, units = exporter.next()
            if turn == 30 and exporter.domain % 3 == 0:
                lost += units
            else:
                kept.append(datagram)
    target = collector(version, 40)
    feed(target, kept, 333)
    target.expire()
    assert sequence_counts(target) == {"lost": lost}


def test_uptime_wrap_is_no_restart() -> None:
    target = collector(9)
    begin = 2**32 - 5000
    data = a_set(256, bytes(8))
    feed(target, [v9(data, i, uptime=begin + 100 * i) for i in range(200)], 9)
    target.expire()
    assert sequence_counts(target) == {}


def test_loss_is_counted_after_the_window_without_expire() -> None:
    target = collector(9)
    feed(target, [v9(a_set(256, bytes(8)), i) for i in range(200) if i != 50], 1)
    assert sequence_counts(target) == {"lost": 1}


def test_options_data_count_in_ipfix() -> None:
    """RFC 7011 section 3.1: the number counts data records of every kind."""
    target = Collector()
    target.feed(ipfix(TEMPLATE[10] + options_template(10, 257, [(149, 4)], [(34, 4)]), 0))
    sets = a_set(256, bytes(16)) + a_set(257, bytes(8)) + a_set(257, bytes(24))
    target.feed(*[ipfix(sets, 6 * i) for i in range(5)], ipfix(b"", 33))
    target.expire()
    assert sequence_counts(target) == {"lost": 3}


def test_unknown_number_of_records_is_no_loss() -> None:
    target = Collector()
    sets = a_set(999, bytes(40))
    target.feed(ipfix(TEMPLATE[10], 0), *[ipfix(sets, 9 * i) for i in range(5)], ipfix(b"", 45))
    target.expire()
    assert sequence_counts(target) == {"unknown": 5}
