"""Loss between exporter and collector: what is reported is what there was (docs/reliability.md, L).

100 000 datagrams with known holes, bursts, swaps, duplicates, one restart and one wrap of the number, by protocol.
"""

from __future__ import annotations

import random
import struct

import pytest
from export_wire import NOW_MS, Collector, a_set, ipfix, options_template, template, v5, v5_record, v9

DATAGRAMS = 100_000
BLOCK = 487
FIELDS = [(8, 4), (1, 4)]
RECORD = struct.pack(">II", 1, 2)
RESTART = 60_000


class Exporter:
    """Numbers its datagrams in a unit: what each adds is given by its numbers of flows, options and templates."""

    def __init__(self, version: int, unit: str, start: int) -> None:
        self.version = version
        self.unit = unit
        self.number = start
        self.uptime = 0
        self.rng = random.Random(f"{version}{unit}")
        self.place = 0

    def next(self) -> tuple[bytes, int]:
        """A datagram, and by how much the next number is higher."""
        flows, options, templates = self.rng.randrange(1, 6), 0, 0
        sets = a_set(256, RECORD * flows)
        if self.version != 5 and self.place % 20 == 0:
            sets = template(self.version, 256, FIELDS) + sets
            templates = 1
        if self.version != 5 and self.place % 20 == 10:
            scope = [(1, 4)] if self.version == 9 else [(149, 4)]
            sets = options_template(self.version, 257, scope, [(34, 4)]) + a_set(257, bytes(8)) + sets
            templates, options = 1, 1
        self.place += 1
        self.uptime += 10
        records = flows + options
        units = {"datagrams": 1, "records": records, "flows": flows, "all": records + templates, "nothing": 0}
        step = units[self.unit]
        number, self.number = self.number, self.number + step
        if self.version == 5:
            return v5([v5_record()] * flows, number, uptime=self.uptime), step
        if self.version == 9:
            return v9(sets, number, uptime=self.uptime), step
        return ipfix(sets, number), step

    def restart(self) -> None:
        """Begin anew."""
        self.number, self.uptime = 0, 0


def sequence_counts(target: Collector) -> dict[str, int]:
    return {name.split(".")[1]: amount for name, amount in target.counts.items() if name.startswith("sequence.")}


def feed(datagrams: list[bytes], size: int = BLOCK) -> Collector:
    target = Collector()
    for start in range(0, len(datagrams), size):
        target.feed(*datagrams[start : start + size], now_ms=NOW_MS + start)
    target.expire()
    return target


@pytest.mark.parametrize(("version", "unit"), [(5, "records"), (9, "datagrams"), (10, "records")])
def test_loss_of_100_000_datagrams(version: int, unit: str) -> None:
    """1 % lost alone and in bursts, swaps of distance 32, 5 duplicates, 1 restart, 1 wrap: error 0."""
    exporter = Exporter(version, unit, 2**32 - 20_000)
    rng = random.Random(version)
    kept: list[bytes] = []
    lost = skip = 0
    for place in range(DATAGRAMS):
        if place == RESTART:
            exporter.restart()
        datagram, step = exporter.next()
        calm = place < 5 or abs(place - RESTART) < 200 or place > DATAGRAMS - 200
        if not calm and (skip or rng.random() < 0.005):
            skip = skip - 1 if skip else rng.choice([0, 0, 0, 0, 0, 0, 0, 9])
            lost += step
            continue
        kept.append(datagram)
    # Swaps and duplicates lie apart, so that each is known to be one.
    swaps = [place for place in range(1000, len(kept) - 1000, 200) if abs(place - RESTART) > 2000]
    for place in swaps:
        other = place + 1 + place % 32
        kept[place], kept[other] = kept[other], kept[place]
    doubles = [5100, 17_300, 33_500, 70_900, 88_100]
    for place in doubles:
        kept.insert(place, kept[place - 2])
    found = sequence_counts(feed(kept))
    assert found.pop("reordered") >= len(swaps)
    assert found == {"lost": lost, "duplicates": len(doubles), "restarts": 1}


@pytest.mark.parametrize(
    ("version", "unit"),
    [(5, "datagrams"), (9, "records"), (9, "flows"), (9, "all"), (10, "datagrams"), (10, "flows"), (10, "all")],
)
@pytest.mark.parametrize("size", [1, 50])
def test_exporters_that_count_something_else(version: int, unit: str, size: int) -> None:
    """The unit is learnt from the first datagrams: no false loss, and real loss in the exporter's own unit."""
    exporter = Exporter(version, unit, 1_000_000)
    kept: list[bytes] = []
    lost = 0
    for place in range(2000):
        datagram, step = exporter.next()
        if place > 300 and place % 97 == 0:
            lost += step
        else:
            kept.append(datagram)
    target = feed(kept, size)
    found = sequence_counts(target)
    assert found.pop("learnt") >= 1
    assert found == {"lost": lost}
    (status,) = target.decoder.exporters()
    (numbering,) = status.numbering
    assert (numbering.unit, numbering.standard) == (unit, False)


@pytest.mark.parametrize("version", [5, 9, 10])
def test_exporters_that_count_nothing(version: int) -> None:
    """The same number for ever: neither loss nor duplicates are reported."""
    exporter = Exporter(version, "nothing", 0)
    target = feed([exporter.next()[0] for _ in range(500)], 7)
    assert sequence_counts(target) == {"learnt": 1}


@pytest.mark.parametrize(("version", "unit"), [(5, "records"), (9, "datagrams"), (10, "records")])
def test_loss_is_not_taken_for_another_unit(version: int, unit: str) -> None:
    """Every third datagram is lost from the beginning: the exporter still counts what its protocol says."""
    exporter = Exporter(version, unit, 0)
    kept: list[bytes] = []
    lost = 0
    for place in range(3000):
        datagram, step = exporter.next()
        if place % 3 == 1 and place < 2990:
            lost += step
        else:
            kept.append(datagram)
    target = feed(kept)
    assert sequence_counts(target) == {"lost": lost}
    assert target.decoder.exporters()[0].numbering[0].standard


def test_an_exporter_may_count_something_else_after_its_restart() -> None:
    exporter = Exporter(9, "datagrams", 500_000)
    datagrams = [exporter.next()[0] for _ in range(500)]
    exporter.restart()
    exporter.unit = "records"
    datagrams += [exporter.next()[0] for _ in range(500)]
    target = feed(datagrams, 20)
    assert sequence_counts(target).get("lost", 0) == 0
    assert target.decoder.exporters()[0].numbering[0].unit in {"records", "flows", "all"}
