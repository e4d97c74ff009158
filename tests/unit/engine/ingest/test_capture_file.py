"""Export datagrams from files: captures of every link type, fragments, IPFIX files, and files that are none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from export_wire import NOW_S, V4, ipfix, v5, v5_record

from nftui.engine.decode.decoder import Decoder
from nftui.engine.ingest.capture_file import ExportDatagram, ExportFile
from nftui.errors import UsageError

V6 = 0x20010DB8 << 96
PAYLOAD = v5([v5_record()] * 3)


def udp(payload: bytes, port: int = 4321) -> bytes:
    return struct.pack(">HHHH", port, 2055, 8 + len(payload), 0) + payload


def ipv4(body: bytes, fragment: int = 0, number: int = 7, protocol: int = 17) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), number, fragment, 64, protocol, 0)
    return head + bytes([192, 0, 2, 9, 192, 0, 2, 1]) + body


def ipv6(body: bytes, following: int = 17) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(body), following, 64)
    return head + (V6 | 9).to_bytes(16, "big") + (V6 | 1).to_bytes(16, "big") + body


def pcap(frames: list[bytes], link: int = 1, order: str = "<", nano: bool = False) -> bytes:
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    for place, frame in enumerate(frames):
        part = (place * 1000 + 500) * (1000 if nano else 1)
        out += struct.pack(order + "IIII", NOW_S, part, len(frame), len(frame)) + frame
    return out


def pcapng(frames: list[bytes], link: int = 1) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", link, 0, 0))
    for place, frame in enumerate(frames):
        ticks = NOW_S * 1_000_000 + place * 1000 + 500
        out += block(6, struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) + frame)
    return out


def read(path: Path, raw: bytes, name: str = "x.pcap") -> tuple[list[ExportDatagram], dict[str, int]]:
    file = path / name
    file.write_bytes(raw)
    export = ExportFile(file)
    return list(export.datagrams()), export.counts


ETHER = bytes(12)
LINKS = [
    ("ethernet", 1, ETHER + b"\x08\x00" + ipv4(udp(PAYLOAD))),
    ("padded", 1, ETHER + b"\x08\x00" + ipv4(udp(PAYLOAD)) + bytes(6)),
    ("vlan", 1, ETHER + b"\x81\x00\x00\x05\x08\x00" + ipv4(udp(PAYLOAD))),
    ("qinq", 1, ETHER + b"\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00" + ipv4(udp(PAYLOAD))),
    ("mpls", 1, ETHER + b"\x88\x47" + b"\0\0\x10\x40" + b"\0\0\x11\x40" + ipv4(udp(PAYLOAD))),
    ("sll", 113, bytes(14) + b"\x08\x00" + ipv4(udp(PAYLOAD))),
    ("sll2", 276, b"\x08\x00" + bytes(18) + ipv4(udp(PAYLOAD))),
    ("null", 0, b"\x02\0\0\0" + ipv4(udp(PAYLOAD))),
    ("loop", 108, b"\0\0\0\x02" + ipv4(udp(PAYLOAD))),
    ("raw", 101, ipv4(udp(PAYLOAD))),
    ("raw ipv4", 228, ipv4(udp(PAYLOAD))),
]


@pytest.mark.parametrize(("link", "frame"), [item[1:] for item in LINKS], ids=[item[0] for item in LINKS])
def test_link_types(tmp_path: Path, link: int, frame: bytes) -> None:
    for raw in (pcap([frame], link), pcap([frame], link, ">"), pcap([frame], link, nano=True), pcapng([frame], link)):
        found, counts = read(tmp_path, raw)
        assert found == [ExportDatagram(V4 | 0xC0000209, 4321, NOW_S * 1000, PAYLOAD)]
        assert counts == {"capture.packets": 1, "capture.datagrams": 1}


@pytest.mark.parametrize(
    "frame",
    [
        ipv6(udp(PAYLOAD)),
        ipv6(b"\x11\0" + bytes(6) + udp(PAYLOAD), following=0),
        ipv6(b"\x2b\0" + bytes(6) + b"\x11\1" + bytes(14) + udp(PAYLOAD), following=60),
    ],
)
def test_ipv6(tmp_path: Path, frame: bytes) -> None:
    found, _ = read(tmp_path, pcap([ETHER + b"\x86\xdd" + frame]))
    assert found == [ExportDatagram(V6 | 9, 4321, NOW_S * 1000, PAYLOAD)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_fragments(tmp_path: Path, order: tuple[int, ...]) -> None:
    whole = udp(PAYLOAD)
    cuts = [whole[:64], whole[64:128], whole[128:]]
    four = [ipv4(part, place * 8 | (0x2000 if place < 2 else 0)) for place, part in enumerate(cuts)]
    six = [
        ipv6(struct.pack(">BxHI", 17, place * 64 | (place < 2), 99) + part, following=44)
        for place, part in enumerate(cuts)
    ]
    frames = [ETHER + b"\x08\x00" + four[place] for place in order]
    frames += [ETHER + b"\x86\xdd" + six[place] for place in order]
    found, _ = read(tmp_path, pcap(frames))
    assert [item.payload for item in found] == [PAYLOAD, PAYLOAD]
    assert [item.address for item in found] == [V4 | 0xC0000209, V6 | 9]


def test_fragments_are_bounded(tmp_path: Path) -> None:
    frames = [ETHER + b"\x08\x00" + ipv4(bytes(64), 0x2000, number) for number in range(300)]
    found, counts = read(tmp_path, pcap(frames))
    assert found == []
    assert counts["capture.skipped.fragments"] == 300 - 256


def test_what_is_not_udp_is_skipped_and_counted(tmp_path: Path) -> None:
    frames = [
        ETHER + b"\x08\x06" + bytes(28),
        ETHER + b"\x08\x00" + ipv4(bytes(40), protocol=6),
        ETHER + b"\x08\x00" + ipv4(b"\0\1"),
        ETHER + b"\x08\x00\x45",
        b"",
        ETHER + b"\x08\x00" + ipv4(udp(PAYLOAD)),
    ]
    found, counts = read(tmp_path, pcap(frames))
    assert len(found) == 1
    assert counts == {
        "capture.packets": 6, "capture.datagrams": 1, "capture.skipped.not_ip": 1, "capture.skipped.not_udp": 1,
        "capture.skipped.truncated": 3,
    }  # fmt: skip
    assert read(tmp_path, pcap([bytes(40)], link=147))[1]["capture.skipped.link_type"] == 1


def test_every_truncation_of_a_capture(tmp_path: Path) -> None:
    """Whole packets are read, the rest never raises anything but one line."""
    frame = ETHER + b"\x08\x00" + ipv4(udp(PAYLOAD[:72]))
    lines = set()
    for raw in (pcap([frame] * 2), pcapng([frame] * 2)):
        for cut in range(len(raw)):
            try:
                found, _ = read(tmp_path, raw[:cut])
            except UsageError as error:
                lines.add(str(error).count("\n"))
                continue
            assert len(found) <= 2
            assert sum(1 for item in found if item.payload == PAYLOAD[:72]) >= len(found) - 1
    assert lines == {0}


def test_ipfix_file(tmp_path: Path) -> None:
    """RFC 5655: messages back to back; the time is the header's."""
    messages = [ipfix(bytes(4 * n), n, seconds=NOW_S + n) for n in range(4)]
    found, counts = read(tmp_path, b"".join(messages), "x.ipfix")
    assert [item.payload for item in found] == messages
    assert [item.received_ms for item in found] == [(NOW_S + n) * 1000 for n in range(4)]
    found, counts = read(tmp_path, b"".join(messages)[:-2], "x.ipfix")
    assert len(found) == 4
    assert counts["capture.skipped.truncated"] == 1
    found, counts = read(tmp_path, messages[0] + b"garbage of any kind", "x.ipfix")
    assert len(found) == 1
    assert counts["capture.skipped.message"] == 1


def test_single_datagram(tmp_path: Path) -> None:
    found, _ = read(tmp_path, PAYLOAD, "x.dat")
    assert found == [ExportDatagram(V4 | 0x7F000001, 0, NOW_S * 1000, PAYLOAD)]


@pytest.mark.parametrize(
    "raw", [b"", b"hello", b"\xd4\xc3\xb2\xa1", b"\x0a\x0d\x0d\x0a" + bytes(30), b"\0\5" + bytes(70_000)]
)
def test_files_that_are_none(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UsageError, match=r"x\.dat"):
        read(tmp_path, raw, "x.dat")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        ExportFile(tmp_path / "none.pcap")


def test_blocks_decode_with_the_captures_times(tmp_path: Path) -> None:
    frames = [ETHER + b"\x08\x00" + ipv4(udp(v5([v5_record()] * 2, 2 * n), port=n % 2)) for n in range(25)]
    file = tmp_path / "x.pcap"
    file.write_bytes(pcap(frames))
    decoder = Decoder()
    sizes, flows = [], 0
    for block in ExportFile(file).blocks(decoder.session, 10):
        sizes.append(len(block))
        decoded = decoder.decode(block)
        flows += decoded.counts["flows.in"]
        assert decoded.batches[0].value("time_received_ms", 0) == int(block.received_ms[0])
    assert sizes == [10, 10, 5]
    assert flows == 50
    assert [item.port for item in decoder.exporters()] == [0, 1]
