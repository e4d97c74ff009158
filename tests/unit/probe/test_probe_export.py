import socket
from collections.abc import Iterator

import numpy as np
import pytest
from probe_packets import START, block_of, udp

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.decode.datagrams import block_of as datagrams_of
from nftui.engine.decode.decoder import Decoder
from nftui.errors import UsageError
from nftui.probe.export import ExportConfig, UdpExporter, parse_targets
from nftui.probe.flow_table import Flows
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.records import RecordMaker


@pytest.fixture
def collectors() -> Iterator[list[socket.socket]]:
    opened = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for item in opened:
        item.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        item.bind(("127.0.0.1", 0))
        item.setblocking(False)
    yield opened
    for item in opened:
        item.close()


def records(count: int, first: int = 0) -> FlowBatch:
    ended: list[Flows] = []
    meter = Meter(MeterConfig(), ended.append, live=True, started_ms=0)
    meter.add(block_of([udp(f"10.0.{i >> 8}.{i & 255}", "192.0.2.1", 5, 6) for i in range(first, first + count)]))
    meter.expire_all()
    return concat([RecordMaker(meter.parser.level, meter.parser.stacks, sampler=1).make(f, 1) for f in ended])


def received(opened: socket.socket) -> list[bytes]:
    out = []
    while True:
        try:
            out.append(opened.recv(65_535))
        except BlockingIOError:
            return out


def decoded(datagrams: list[bytes]) -> FlowBatch:
    decoder = Decoder()
    session = decoder.session(1, 1)
    result = decoder.decode(datagrams_of(datagrams, [session] * len(datagrams), START * 1000 + 5000))
    assert {name: count for name, count in result.counts.items() if "rejected" in name or "lost" in name} == {}
    return concat(result.batches)


def targets(collectors: list[socket.socket], count: int) -> tuple[tuple[str, int], ...]:
    return tuple(item.getsockname() for item in collectors[:count])


@pytest.mark.parametrize("version", [5, 9, 10])
def test_what_is_sent_is_what_is_decoded(collectors: list[socket.socket], version: int) -> None:
    exporter = UdpExporter(ExportConfig(targets(collectors, 1), version), START * 1000)
    batch = records(100)
    exporter.write(batch, 100, START * 1000 + 5000)
    got = decoded(received(collectors[0]))
    for name in ("src_addr_lo", "dst_port", "packets", "bytes", "time_flow_start_ms", "time_flow_end_ms"):
        assert sorted(got.columns[name].tolist()) == sorted(batch.columns[name].tolist()), name
    s = exporter.statistics()
    assert (s.flows, s.records, s.failures) == (100, 100, 0)
    exporter.close()


def test_every_target_gets_a_copy_or_a_share(collectors: list[socket.socket]) -> None:
    exporter = UdpExporter(ExportConfig(targets(collectors, 2), 9), START * 1000)
    exporter.write(records(50), 50, START * 1000)
    first, second = received(collectors[0]), received(collectors[1])
    assert first == second
    assert len(decoded(first)) == 50
    exporter.close()
    exporter = UdpExporter(ExportConfig(targets(collectors, 3), 9, balance=True), START * 1000)
    for number in range(7):
        exporter.write(records(10, 10 * number), 10, START * 1000)
    shares = [decoded(received(item)) for item in collectors]
    assert [len(share) for share in shares] == [24, 23, 23]
    together = np.concatenate([share.columns["src_addr_lo"] for share in shares])
    assert len(np.unique(together)) == 70
    exporter.close()


def test_templates_are_sent_again_on_request(collectors: list[socket.socket]) -> None:
    exporter = UdpExporter(ExportConfig(targets(collectors, 1), 10), START * 1000)
    sizes = []
    for again in (False, False, True):
        if again:
            exporter.resend_templates()
        exporter.write(records(1), 1, START * 1000)
        sizes.append(len(received(collectors[0])))
    assert sizes == [2, 1, 2]
    exporter.close()


def test_a_collector_that_is_away_costs_its_records_and_nothing_else(collectors: list[socket.socket]) -> None:
    away = collectors[0].getsockname()
    collectors[0].close()
    exporter = UdpExporter(ExportConfig((away, collectors[1].getsockname()), 5), START * 1000)
    for _ in range(3):
        exporter.write(records(5), 5, START * 1000)
    assert len(decoded(received(collectors[1]))) == 15
    assert exporter.statistics().flows == 15
    exporter.close()


def test_source_and_hop_limit_are_set(collectors: list[socket.socket]) -> None:
    exporter = UdpExporter(ExportConfig(targets(collectors, 1), 5, source="127.0.0.9", hop_limit=7), START * 1000)
    ((ours, theirs),) = exporter.endpoints
    assert (ours[0], theirs) == ("127.0.0.9", collectors[0].getsockname())
    collectors[0].setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
    exporter.write(records(1), 1, START * 1000)
    _, ancillary, _, sender = collectors[0].recvmsg(2000, 100)
    assert sender == ours
    assert int.from_bytes(ancillary[0][2], "little") == 7
    exporter.close()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("192.0.2.1:2055", (("192.0.2.1", 2055),)),
        ("[2001:db8::1]:4739", (("2001:db8::1", 4739),)),
        ("gw:2055, b:9995", (("gw", 2055), ("b", 9995))),
    ],
)
def test_targets(text: str, wanted: tuple[tuple[str, int], ...]) -> None:
    assert parse_targets(text) == wanted


@pytest.mark.parametrize("text", ["gw", "gw:", ":2055", "2001:db8::1:2055", "gw:0", "gw:70000", "gw:nonesuch", ""])
def test_bad_targets(text: str) -> None:
    with pytest.raises(UsageError):
        parse_targets(text)


def test_impossible_settings() -> None:
    for config in ({"version": 8}, {"hop_limit": 300}, {"targets": ()}, {"version": 5, "sampling": 20_000}):
        with pytest.raises(UsageError):
            ExportConfig(**{"targets": (("a", 1),), **config})  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        UdpExporter(ExportConfig((("nonesuch.invalid", 1),)), 0)
