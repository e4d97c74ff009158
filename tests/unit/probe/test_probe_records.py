import numpy as np
from probe_packets import START, block_of, ethernet, icmp, ip, tcp, udp

from nftui.engine.batch import FlowBatch, concat
from nftui.engine.schema import FlowSource
from nftui.probe.flow_table import Flows
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.packets import PacketBlock
from nftui.probe.parse import Level
from nftui.probe.records import RecordMaker
from nftui.text import address


def records_of(block: PacketBlock, level: Level = Level.FULL, **options: object) -> FlowBatch:
    ended: list[Flows] = []
    meter = Meter(MeterConfig(level=level), ended.append, live=True, started_ms=0)
    meter.add(block)
    meter.expire_all()
    maker = RecordMaker(level, meter.parser.stacks, sampler=1, **options)  # type: ignore[arg-type]
    return concat([maker.make(flows, 123) for flows in ended])


def rows(batch: FlowBatch, *names: str) -> list[tuple[object, ...]]:
    out = []
    for row in range(len(batch)):
        values = [batch.value(name, row) for name in names]
        out.append(tuple(address(v) if n.endswith("addr") else v for n, v in zip(names, values, strict=True)))  # type: ignore[arg-type]
    return sorted(out, key=repr)


BOTH = [
    tcp("10.0.0.9", "10.0.0.1", 1234, 80, 2),
    tcp("10.0.0.1", "10.0.0.9", 80, 1234, 0x12, 100),
    tcp("10.0.0.9", "10.0.0.1", 1234, 80, 0x11, 7),
]


def test_each_direction_with_packets_is_a_record() -> None:
    batch = records_of(block_of([*BOTH, udp("2001:db8::2", "2001:db8::1", 5, 6)]))
    assert rows(batch, "src_addr", "src_port", "dst_addr", "dst_port", "proto", "packets", "bytes", "tcp_flags") == [
        ("10.0.0.1", 80, "10.0.0.9", 1234, 6, 1, 140, 0x12),
        ("10.0.0.9", 1234, "10.0.0.1", 80, 6, 2, 87, 0x13),
        ("2001:db8::2", 5, "2001:db8::1", 6, 17, 1, 58, 0),
    ]
    assert set(batch.columns["time_flow_start_ms"].tolist()) == {START * 1000, START * 1000 + 3}
    assert set(batch.columns["time_flow_end_ms"].tolist()) == {START * 1000 + 2, START * 1000 + 3}
    assert batch.columns["flow_source"].tolist() == [FlowSource.PROBE] * 3
    assert batch.columns["flow_end_reason"].tolist() == [4] * 3
    assert batch.columns["time_received_ms"].tolist() == [123] * 3


def test_a_biflow_has_its_source_where_the_first_packet_came_from() -> None:
    batch = records_of(block_of(BOTH), biflow=True)
    names = ("src_addr", "src_port", "dst_addr", "dst_port", "packets", "bytes", "out_packets", "out_bytes")
    assert rows(batch, *names) == [("10.0.0.9", 1234, "10.0.0.1", 80, 2, 87, 1, 140)]


def test_icmp_has_type_and_code_and_others_have_not() -> None:
    batch = records_of(block_of([icmp("10.0.0.1", "10.0.0.2", 3, 4), BOTH[0]]))
    assert rows(batch, "proto", "src_port", "dst_port", "icmp_type", "icmp_code") == [
        (1, 0, 772, 3, 4),
        (6, 1234, 80, None, None),
    ]


def test_vlan_and_link_addresses_come_with_their_level() -> None:
    tagged = ethernet(BOTH[0][14:], bytes.fromhex("81000005"))
    batch = records_of(block_of([tagged, udp("10.0.0.1", "10.0.0.2", 1, 2)]), Level.ETHER)
    assert rows(batch, "proto", "src_vlan", "in_src_mac", "in_dst_mac") == [
        (17, None, 0x020000000002, 0x020000000001),
        (6, 5, 0x020000000002, 0x020000000001),
    ]
    assert not records_of(block_of([tagged])).has("src_vlan")


def test_labels_flow_label_and_sampling() -> None:
    labels = bytes.fromhex("00010440 00011140")  # 16/2, then 17 at the bottom
    packet = bytearray(ip("2001:db8::1", "2001:db8::2", 17, bytes(8)))
    packet[1:4] = b"\x0a\xbc\xde"
    frame = bytes(12) + b"\x88\x47" + labels + bytes(packet)
    batch = records_of(block_of([frame, BOTH[0]]), labels=3, sampling=100)
    assert rows(batch, "proto", "mpls_1", "mpls_2", "ipv6_flow_label", "sampling_rate") == [
        (17, 0x000104, 0x000111, 0xABCDE, 100),
        (6, None, None, None, 100),
    ]
    assert not batch.has("mpls_3")


def test_the_interface_of_the_first_packet_is_the_input_interface() -> None:
    block = block_of(BOTH)
    block.interface = np.array([7, 8, 7], np.uint32)
    assert records_of(block).columns["in_if"].tolist() == [7, 7]
