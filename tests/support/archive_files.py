"""Small files of other tools, put together from descriptions of their formats, not with the project's writers."""

from __future__ import annotations

import bz2
import struct
import zlib
from ipaddress import ip_address

import lz4.block
import pyarrow as pa

START_MS = 1_700_000_000_000
LITTLE, BIG = "<", ">"


def packed(order: str, form: str, *values: object) -> bytes:
    return struct.pack(order + form, *values)


def lzo_of_literals(data: bytes) -> bytes:
    """LZO1X without any compression: one run of literals and the end mark."""
    zeros, rest = divmod(len(data) - 18 - 1, 255)
    return b"\0" + bytes(zeros) + bytes([rest + 1]) + data + b"\x11\0\0"


COMPRESSORS = {
    "none": (0, lambda data: data),
    "lzo": (1, lzo_of_literals),
    "bz2": (2, bz2.compress),
    "lz4": (3, lambda data: lz4.block.compress(data, store_size=False)),
    "zstd": (4, lambda data: pa.compress(data, "zstd", asbytes=True)),
}


def flow_record(number: int, order: str = LITTLE, label: bytes = b"") -> bytes:
    """A flow record of layout 2; every third is IPv6, all are of exporter 1, from 127.0.0.9."""
    generic = packed(
        order, "QQQQQHHBBBB", START_MS + number, START_MS + number + 1000, START_MS + 9000, number + 1,
        100 * (number + 1), 1024 + number, 443, 6, 0x1B, 64, 8,
    )  # fmt: skip
    elements = [(1, generic)]
    if number % 3 == 2:
        elements.append((3, packed(order, "QQQQ", 0x20010DB8 << 32, number, 0x20010DB8 << 32, 0xFFFF)))
    else:
        elements.append((2, packed(order, "II", 0x0A000000 + number, 0xC0000201)))
    elements.append((4, packed(order, "IIBBBBBBH", number, 7, 24, 16, 1, 0, 0, 2, 0)))
    elements.append((12, packed(order, "I", 0x7F000009)))
    if label:
        elements.append((28, label))
    body = b"".join(packed(order, "HH", identity, 4 + len(data)) + data for identity, data in elements)
    head = packed(order, "HHHBBHBB", 11, 12 + len(body), len(elements), 0, 0, 1, 0, 10)
    return head + body


def exporter_record(order: str = LITTLE) -> bytes:
    return packed(order, "HHIQQHHI", 7, 32, 10, 0, 0x7F000009, 2, 1, 55)


def block(order: str, records: int, payload: bytes, kind: int = 3, flags: int = 0) -> bytes:
    return packed(order, "IIHH", records, len(payload), kind, flags) + payload


def nfdump_file(
    blocks: list[list[bytes]], compression: str = "none", order: str = LITTLE, ident: str = "edge"
) -> bytes:
    """A file of layout 2; its statistics count the flow records."""
    number, compress = COMPRESSORS[compression]
    data = b"".join(block(order, len(records), compress(b"".join(records))) for records in blocks)
    flows = sum(record[:2] == packed(order, "H", 11) for records in blocks for record in records)
    name = ident.encode() + b"\0"
    sums = packed(order, "18Q", flows, *([0] * 14), START_MS, START_MS + 10_000, 3)
    appendix = packed(order, "HH", 0x8001, 4 + len(name)) + name + packed(order, "HH", 0x8002, 148) + sums
    header = packed(
        order, "HHIqBBHIqII", 0xA50C, 2, 0x01070100, START_MS // 1000, number, 0, 1, 1, 40 + len(data), 0, len(blocks)
    )
    return header + data + block(order, 2, appendix, flags=1)


def sample_nfdump_file(compression: str = "none", order: str = LITTLE, flows: int = 60) -> bytes:
    """Three blocks, the first with the exporter's record."""
    records = [flow_record(number, order) for number in range(flows)]
    third = flows // 3
    blocks = [[exporter_record(order), *records[:third]], records[third : 2 * third], records[2 * third :]]
    return nfdump_file(blocks, compression, order)


def nfdump_v1_file(flows: int = 60, compression: str = "none", order: str = LITTLE) -> bytes:
    """A file of layout 1, in one block: an extension map (interfaces, AS, received), an exporter, flows."""
    flag, compress = (
        {"none": (0, 0), "lzo": (1, 1), "bz2": (8, 2), "lz4": (16, 3)}[compression][0],
        COMPRESSORS[compression][1],
    )
    extensions = (5, 7, 27)
    extension_map = packed(order, "8H", 2, 16, 0, 24, *extensions, 0)
    records = [extension_map, exporter_record(order)]
    for number in range(flows):
        v6 = number % 3 == 2
        addresses = (
            packed(order, "QQQQ", 0x20010DB8 << 32, number, 0x20010DB8 << 32, 0xFFFF)
            if v6
            else packed(order, "II", 0x0A000000 + number, 0xC0000201)
        )
        rest = packed(order, "II", number + 1, 100 * (number + 1)) + packed(
            order, "IIIIQ", number, 7, 64512, 3, START_MS
        )
        common = packed(
            order, "HHIIBBBBHHHH", number % 1000, 0, START_MS // 1000, START_MS // 1000 + 5, 64, 0x1B, 6, 8,
            1024 + number, 443, 1, 0,
        )  # fmt: skip
        size = 8 + len(common) + len(addresses) + len(rest)
        records.append(packed(order, "HHHH", 10, size, int(v6), 0) + common + addresses + rest)
    payload = compress(b"".join(records))
    header = packed(order, "HHII", 0xA50C, 1, flag, 1) + b"old".ljust(128, b"\0")
    seconds = START_MS // 1000
    sums = packed(order, "15Q", flows, *([0] * 14)) + packed(order, "IIHHI", seconds, seconds + 5, 0, 0, 4)
    return header + sums + block(order, len(records), payload, kind=2)


def flow_tools_file(version: int = 5, flows: int = 60, order: str = LITTLE, compressed: bool = True) -> bytes:
    """A file of flow-tools, of NetFlow v5 or v7."""
    records = b""
    for number in range(flows):
        records += packed(
            order, "IIIIIIIHHIIIIHHBBBBBBBBHH", START_MS // 1000, 0, 100_000, 0x7F000009, 0x0A000000 + number,
            0xC0000201, 0xC0000202, number, 7, number + 1, 100 * (number + 1), 50_000 + number, 60_000 + number,
            1024 + number, 443, 6, 8, 0x1B, 0, 1, 2, 24, 16, 64512, 3,
        )  # fmt: skip
        if version == 7:
            records += packed(order, "I", 0xC0000209)
    tags = packed(order, "HHH", 2, 2, version) + packed(order, "HHI", 8, 4, 2 if compressed else 0)
    tags += packed(order, "HH", 0xF, 5) + b"edge\0" + packed(order, "HHI", 0xB, 4, 17) + packed(order, "HH", 0, 0)
    head = b"\xcf\x10" + bytes([1 if order == LITTLE else 2, 3]) + packed(order, "I", 8 + len(tags))
    return head + tags + (zlib.compress(records) if compressed else records)


def netflow5(first: int, flows: int) -> bytes:
    """An export datagram of NetFlow v5."""
    head = struct.pack(">HHIIIIBBH", 5, flows, 100_000, START_MS // 1000, 0, first, 0, 0, 0)
    return head + b"".join(
        struct.pack(
            ">IIIHHIIIIHHBBBBHHBBH", 0x0A000000 + n, 0xC0000201, 0, n, 7, n + 1, 100 * (n + 1), 50_000, 60_000,
            1024 + n, 443, 0, 0x1B, 6, 8, 64512, 3, 24, 16, 0,
        )
        for n in range(first, first + flows)
    )  # fmt: skip


def capture_file(payloads: list[bytes]) -> bytes:
    """A pcap of UDP datagrams from 127.0.0.9."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number, payload in enumerate(payloads):
        udp = struct.pack(">HHHH", 2000, 2055, 8 + len(payload), 0) + payload
        source, target = (int(ip_address(name)) for name in ("127.0.0.9", "127.0.0.1"))
        ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0, source, target) + udp
        frame = bytes(12) + b"\x08\x00" + ip
        out += struct.pack("<IIII", START_MS // 1000, number, len(frame), len(frame)) + frame
    return out


def ipfix_message(first: int, flows: int) -> bytes:
    """An IPFIX message with its template: addresses, ports, protocol, packets, bytes, start and end."""
    fields = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (2, 8), (1, 8), (152, 8), (153, 8))
    template = struct.pack(">HH", 300, len(fields)) + b"".join(struct.pack(">HH", *field) for field in fields)
    data = b"".join(
        struct.pack(
            ">IIHHBQQQQ", 0x0A000000 + n, 0xC0000201, 1024 + n, 443, 6, n + 1, 100 * (n + 1), START_MS + n,
            START_MS + n + 1000,
        )
        for n in range(first, first + flows)
    )  # fmt: skip
    sets = struct.pack(">HH", 2, 4 + len(template)) + template + struct.pack(">HH", 300, 4 + len(data)) + data
    return struct.pack(">HHIII", 10, 16 + len(sets), START_MS // 1000 + 60, first, 55) + sets
