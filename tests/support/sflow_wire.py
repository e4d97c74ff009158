"""sFlow datagrams by hand, for tests that need full control of every byte."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from probe_packets import tcp

AGENT = "192.0.2.1"


def datagram(
    *samples: bytes, agent: str = AGENT, sub_agent: int = 0, sequence: int = 1, uptime: int = 60_000,
    count: int | None = None,
) -> bytes:  # fmt: skip
    """A datagram of version 5."""
    address = ip_address(agent)
    head = struct.pack(">II", 5, 1 if address.version == 4 else 2) + address.packed
    number = len(samples) if count is None else count
    return head + struct.pack(">IIII", sub_agent, sequence, uptime, number) + b"".join(samples)


def item(kind: int, body: bytes) -> bytes:
    """A sample or record: format, length, content."""
    return struct.pack(">II", kind, len(body)) + body


def flow_sample(
    *records: bytes,
    sequence: int = 1,
    source: int = 3,
    rate: int = 512,
    drops: int = 0,
    in_if: int = 3,
    out_if: int = 4,
) -> bytes:
    """A flow sample."""
    head = struct.pack(">IIIIIIII", sequence, source, rate, rate * sequence, drops, in_if, out_if, len(records))
    return item(1, head + b"".join(records))


def expanded_sample(*records: bytes, sequence: int = 1, index: int = 1 << 24, in_if: int = 1 << 30) -> bytes:
    """An expanded flow sample."""
    head = struct.pack(">IIIIIIIIIII", sequence, 0, index, 512, 512, 0, 0, in_if, 0, 7, len(records))
    return item(3, head + b"".join(records))


def raw_header(frame: bytes, octets: int | None = None, protocol: int = 1) -> bytes:
    """A sampled header."""
    size = len(frame) + 4 if octets is None else octets
    padded = frame + bytes(-len(frame) % 4)
    return item(1, struct.pack(">IIII", protocol, size, 4, len(frame)) + padded)


def a_frame(source: str = "10.0.0.1") -> bytes:
    """A TCP packet."""
    return tcp(source, "10.0.0.2", 1024, 80)


def counter_sample(*records: bytes, sequence: int = 1, source: int = 3) -> bytes:
    """A counter sample."""
    return item(2, struct.pack(">III", sequence, source, len(records)) + b"".join(records))


def interface(index: int = 3, octets: int = 1000, speed: int = 10**9) -> bytes:
    """Generic interface counters."""
    head = struct.pack(">IIQII", index, 6, speed, 1, 3)
    return item(1, head + struct.pack(">Q6IQ6I", octets, 10, 11, 12, 13, 14, 0, 2 * octets, 20, 21, 22, 23, 24, 0))
