"""Templates that change, collide, come late or belong to another port (docs/reliability.md, A8, A9, A11, A12)."""

from __future__ import annotations

import random
import struct

import pytest
from export_wire import (
    NOW_MS,
    Collector,
    a_set,
    column,
    ipfix,
    message,
    options_template,
    specifiers,
    template,
    v9,
    withdrawal,
)

from nftui.engine.counters import datagram_balance, record_balance
from nftui.engine.decode.datagrams import block_of
from nftui.engine.limits import Limits

PAIR = [(8, 4), (1, 4)]
SWAPPED = [(1, 4), (8, 4)]


def data(octets: int, source: int = 7, template_id: int = 256) -> bytes:
    return a_set(template_id, struct.pack(">II", source, octets))


def balanced(collector: Collector) -> None:
    assert datagram_balance(collector.counts) == 0
    assert record_balance(collector.counts) == 0


@pytest.mark.parametrize("version", [9, 10])
def test_a08_redefined_10_000_times(version: int) -> None:
    """A8: each record is decoded by the template before it on the wire, in blocks and across them."""
    rng = random.Random(version)
    collector = Collector()
    expected: list[int] = []
    got: list[object] = []
    payloads: list[bytes] = []
    current, changes = None, 0
    for place in range(10_000):
        fields = rng.choice([PAIR, SWAPPED])
        changes += current is not None and fields is not current
        current = fields
        record = a_set(256, struct.pack(">II", place, place + 1_000_000))
        payloads.append(message(version, template(version, 256, fields) + record, place))
        expected.append(place + 1_000_000 if fields is PAIR else place)
        if len(payloads) == rng.choice([1, 100, 300]) or place == 9999 or len(payloads) > 300:
            got += sorted(column(collector.feed(*payloads), "bytes"))
            payloads = []
    assert sorted(got) == sorted(expected)
    assert collector.counts["templates.changed"] == changes
    balanced(collector)


@pytest.mark.parametrize("version", [9, 10])
@pytest.mark.parametrize("wrong", ["no length", "too long", "cut"])
def test_a08_invalid_redefinition(version: int, wrong: str) -> None:
    """A8: nothing is decoded by a definition that the exporter no longer uses; a valid one brings all back."""
    collector = Collector()
    collector.feed(message(version, template(version, 256, PAIR) + data(1), 0))
    kind = 0 if version == 9 else 2
    bad = {
        "no length": template(version, 256, [(8, 0), (1, 0)]),
        "too long": template(version, 256, [(8, 4), (1, 60_000), (2, 60_000)]),
        "cut": a_set(kind, struct.pack(">HH", 256, 9) + specifiers(PAIR)),
    }[wrong]
    collector.feed(message(version, bad, 1))
    for place in range(5):
        assert column(collector.feed(message(version, data(10 + place), 2 + place)), "bytes") == []
    decoded = collector.feed(message(version, template(version, 256, PAIR) + data(99), 7))
    assert sorted(column(decoded, "bytes")) == [10, 11, 12, 13, 14, 99]
    balanced(collector)


def test_a08_padding_is_no_record() -> None:
    """A8: up to three bytes behind the last record are padding; more of them are counted."""
    collector = Collector()
    collector.feed(ipfix(template(10, 256, PAIR)))
    for padding in range(8):
        record = struct.pack(">II", 7, 5) + bytes(padding)
        assert column(collector.feed(ipfix(a_set(256, record))), "bytes") == [5]
    assert collector.counts["sets.leftover"] == 4


def test_a09_order_of_the_wire() -> None:
    """A9: define, withdraw, data in one message, and in every other order."""
    parts = {"define": template(10, 256, PAIR), "withdraw": withdrawal(256), "data": data(5)}
    for order, flows in (
        (("define", "data", "withdraw"), 1),
        (("define", "withdraw", "data"), 0),
        (("withdraw", "define", "data"), 1),
        (("define", "withdraw", "define", "data"), 1),
        (("define", "data", "withdraw", "data", "define"), 2),
    ):
        collector = Collector()
        collector.feed(ipfix(b"".join(parts[name] for name in order)))
        assert collector.counts.get("records.flows", 0) == flows, order


def test_a09_one_owner_per_id() -> None:
    """A8, A9: an id is a data template or an options template, never both; a withdrawal by kind takes only its own."""
    collector = Collector()
    options = options_template(10, 256, [(149, 4)], [(34, 4)])
    collector.feed(ipfix(template(10, 256, PAIR) + options + data(5)))
    assert (collector.counts.get("records.flows", 0), collector.counts["records.options"]) == (0, 1)
    collector.feed(ipfix(a_set(2, struct.pack(">HH", 2, 0)) + data(5)))
    assert collector.counts["records.options"] == 2
    collector.feed(ipfix(a_set(3, struct.pack(">HH", 3, 0)) + data(5)))
    assert collector.counts["sets.buffered"] == 1


def test_a11_two_processes_of_one_address() -> None:
    """A11: same address and domain, other port, conflicting template 256: none of 20 000 records is wrong."""
    collector = Collector()
    rng = random.Random(11)
    sent: list[int] = []
    got: list[object] = []
    ports = {1000: PAIR, 2000: SWAPPED}
    collector.feed(v9(template(9, 256, PAIR), 0), port=1000)
    sequences = dict.fromkeys(ports, 1)
    for turn in range(200):
        payloads, sessions = [], []
        for place in range(100):
            port = rng.choice(list(ports))
            octets = turn * 1000 + place
            values = (3_000_000_000, octets) if ports[port] is PAIR else (octets, 3_000_000_000)
            announced = template(9, 256, ports[port]) if rng.random() < 0.02 else b""
            payloads.append(v9(announced + a_set(256, struct.pack(">II", *values)), sequences[port]))
            sessions.append(collector.decoder.session(0xFFFF_C000_0201, port))
            sequences[port] += 1
            sent.append(octets)
        got += column(collector.note(collector.decoder.decode(block_of(payloads, sessions, NOW_MS + turn))), "bytes")
    assert sorted(got) == sent
    assert "templates.adopted" not in collector.counts
    assert "sessions.ports_joined" not in collector.counts


@pytest.mark.parametrize("version", [9, 10])
def test_a11_a_process_whose_templates_come_late_waits_for_them(version: int) -> None:
    """A11: as long as another process of the address sends, its templates are not used for anybody else."""
    collector = Collector()
    collector.feed(message(version, template(version, 256, PAIR), 0), port=1000)
    for second in range(50):
        now_ms = NOW_MS + 1000 * second
        assert column(collector.feed(message(version, data(1), 1 + second), port=1000, now_ms=now_ms), "bytes") == [1]
        decoded = collector.feed(message(version, data(1, 2), 5000 + second), port=2000, now_ms=now_ms)
        assert column(decoded, "bytes") == []
    decoded = collector.feed(message(version, template(version, 256, SWAPPED), 5050), port=2000, now_ms=NOW_MS + 50_000)
    assert column(decoded, "bytes") == [2] * 50


@pytest.mark.parametrize("version", [9, 10])
def test_a11_exporter_with_a_new_port_after_its_restart(version: int) -> None:
    """A11: templates of the port that fell silent serve the new one; nothing of what came meanwhile is lost."""
    collector = Collector()
    for second in range(10):
        sets = (template(version, 256, PAIR) if second == 0 else b"") + data(second)
        collector.feed(message(version, sets, second), port=1000, now_ms=NOW_MS + 1000 * second)
    got: list[object] = []
    for second in range(30):
        decoded = collector.feed(
            message(version, data(second), second), port=1001, now_ms=NOW_MS + 10_000 + second * 1000
        )
        got += column(decoded, "bytes")
    assert got == list(range(30))
    assert collector.counts["templates.adopted"] == 1
    assert collector.counts["sets.replayed"] == collector.counts["sets.buffered"] < 15
    balanced(collector)


def test_a11_adopted_templates_give_way_to_own_ones() -> None:
    collector = Collector()
    collector.feed(v9(template(9, 256, PAIR) + data(1), 0), port=1000)
    for second in range(20):
        collector.feed(v9(data(1, 2), second), port=1001, now_ms=NOW_MS + 1000 * second)
    assert collector.counts["templates.adopted"] == 1
    decoded = collector.feed(v9(template(9, 256, SWAPPED) + data(1, 2), 20), port=1001, now_ms=NOW_MS + 20_000)
    assert column(decoded, "bytes") == [2]
    for second in range(20):  # and the address is left alone from then on
        collector.feed(v9(data(1, 2), second), port=1002, now_ms=NOW_MS + 60_000 + 1000 * second)
    assert collector.counts["templates.adopted"] == 1
    assert column(collector.feed(v9(data(1, 2), 1), port=1000, now_ms=NOW_MS + 90_000), "bytes") == [1]


def test_a11_owners_that_disagree_are_not_adopted() -> None:
    """A11: two silent processes with different definitions: a third port might be either of them."""
    collector = Collector()
    collector.feed(v9(template(9, 256, PAIR), 0), port=1000)
    collector.feed(v9(template(9, 256, SWAPPED), 0), port=2000)
    for second in range(40):
        collector.feed(v9(data(1), second), port=3000, now_ms=NOW_MS + 1000 * second)
    assert "templates.adopted" not in collector.counts
    assert "records.flows" not in collector.counts


@pytest.mark.parametrize("version", [9, 10])
def test_a11_exporter_with_a_new_port_for_every_datagram(version: int) -> None:
    """A11: every record is decoded, none is counted lost, and the ports fill no table."""
    collector = Collector(Limits(exporters=64))
    got: list[object] = []
    for place in range(2000):
        sets = (template(version, 256, PAIR) if place % 100 == 3 else b"") + data(place)
        # Records of IPFIX and datagrams of v9 both grow by one.
        got += column(
            collector.feed(message(version, sets, place), port=10_000 + place, now_ms=NOW_MS + place), "bytes"
        )
    missing = set(range(2000)) - set(got)
    assert len(got) == len(set(got))
    assert missing <= {0, 1, 2}  # before the first template, of ports that never came back
    assert collector.counts["sessions.ports_joined"] == 8
    collector.expire(NOW_MS + 30_000)
    assert collector.counts.get("sequence.lost", 0) == 0
    assert len(collector.decoder.exporters()) < 16
    balanced(collector)


def test_a11_two_exporters_behind_one_port_are_recognised() -> None:
    """A11: two devices behind a forwarder, same domain and id, other fields: counted, and shown with the template."""
    collector = Collector()
    for _ in range(10):
        collector.feed(v9(template(9, 256, PAIR)), v9(template(9, 256, SWAPPED)))
    assert collector.counts["templates.changed"] == 19
    assert collector.counts["templates.contested"] == 18
    (status,) = collector.decoder.exporters()
    assert status.templates[0].contested == 18


def test_a12_data_before_template_keep_their_order_and_time() -> None:
    """A12: 1 000 sets of three templates, then the templates: all flows, once, with their time of reception."""
    collector = Collector()
    for place in range(1000):
        datagram = ipfix(data(place, template_id=256 + place % 3), place)
        collector.feed(datagram, now_ms=NOW_MS + 10 * place)
    sets = b"".join(template(10, 256 + number, PAIR) for number in range(3))
    decoded = collector.feed(ipfix(sets, 1000), now_ms=NOW_MS + 20_000)
    found = sorted(zip(column(decoded, "bytes"), column(decoded, "time_received_ms"), strict=True))
    kept = collector.counts["sets.buffered"]
    assert found == [(place, NOW_MS + 10 * place) for place in range(kept)]
    assert kept + collector.counts.get("sets.waiting_overflow", 0) == 1000
    assert kept > 960  # 256 KiB by exporter
    assert collector.feed(ipfix(sets, 1000), now_ms=NOW_MS + 20_001).batches == []


def test_a12_bounds_over_all_exporters() -> None:
    """A12: what waits for all exporters together is bounded, and what does not fit is counted."""
    collector = Collector(Limits(waiting_bytes=100 * (256 + 1000)))
    for place in range(150):
        collector.feed(ipfix(a_set(256, bytes(1000))), address=0xFFFF_0A00_0000 + place)
    assert collector.counts["sets.buffered"] == 100
    assert collector.counts["sets.waiting_overflow"] == 50
    assert collector.expire(NOW_MS + 61_000).counts["sets.waiting_expired"] == 100
