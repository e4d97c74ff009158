"""Packets for the probe's tests: blocks of frames, capture files, and frames built by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import numpy as np

from nftui.engine.frames.views import Link
from nftui.probe.packets import SPARE, PacketBlock

START = 1_700_000_000


def block_of(
    frames: Sequence[bytes],
    times: Sequence[float] | None = None,
    link: int = Link.ETHERNET,
    captured: Sequence[int] | None = None,
) -> PacketBlock:
    """Frames as a block; the arena is filled with 0xff where nothing was captured, so that overreads show."""
    lengths = np.array([len(frame) for frame in frames], np.int64)
    kept = lengths if captured is None else np.array(captured, np.int64)
    parts = [frame[:keep] for frame, keep in zip(frames, kept.tolist(), strict=True)]
    data = np.frombuffer(b"".join(parts) + b"\xff" * SPARE, np.uint8)
    stamps = np.array([START + i * 0.001 for i in range(len(frames))] if times is None else times, np.float64)
    nanoseconds = np.round(stamps * 1e9).astype(np.int64)
    return PacketBlock(
        data, np.cumsum(kept) - kept, kept, lengths, nanoseconds // 10**9, nanoseconds % 10**9, link
    )  # fmt: skip


def udp(src: str, dst: str, sport: int, dport: int, payload: int = 10) -> bytes:
    """An Ethernet frame with UDP over IPv4 or IPv6."""
    return ethernet(ip(src, dst, 17, struct.pack(">HHHH", sport, dport, 8 + payload, 0) + bytes(payload)))


def tcp(src: str, dst: str, sport: int, dport: int, flags: int = 0x10, payload: int = 0) -> bytes:
    """An Ethernet frame with TCP over IPv4 or IPv6."""
    header = struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 0x50, flags, 1000, 0, 0)
    return ethernet(ip(src, dst, 6, header + bytes(payload)))


def icmp(src: str, dst: str, kind: int, code: int) -> bytes:
    """An Ethernet frame with ICMP."""
    return ethernet(ip(src, dst, 1, bytes([kind, code]) + bytes(6)))


def ip(src: str, dst: str, proto: int, body: bytes, ident: int = 1, fragment: int = 0) -> bytes:
    """An IP packet; the family is that of the addresses."""
    source, target = ip_address(src), ip_address(dst)
    if source.version == 6:
        return struct.pack(">IHBB", 0x60000000, len(body), proto, 64) + source.packed + target.packed + body
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), ident, fragment, 64, proto, 0)
    return head + source.packed + target.packed + body


def ethernet(packet: bytes, tags: bytes = b"") -> bytes:
    """A frame around an IP packet."""
    kind = b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"
    return bytes.fromhex("020000000001020000000002") + tags + kind + packet


def write_pcap(
    path: Path,
    frames: Sequence[bytes],
    times: Sequence[float] | None = None,
    link: int = Link.ETHERNET,
    order: str = "<",
    nanoseconds: bool = False,
    snaplen: int = 65_535,
) -> Path:
    """Write a classic pcap file."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    unit = 10**9 if nanoseconds else 10**6
    out = [struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, snaplen, link)]
    for number, frame in enumerate(frames):
        stamp = START * unit + number * unit // 1000 if times is None else round(times[number] * unit)
        kept = frame[:snaplen]
        out += [struct.pack(order + "IIII", stamp // unit, stamp % unit, len(kept), len(frame)), kept]
    path.write_bytes(b"".join(out))
    return path


def pcapng_block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def pcapng_section(order: str = "<") -> bytes:
    """A section header block."""
    return pcapng_block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def pcapng_interface(link: int, options: bytes = b"", order: str = "<") -> bytes:
    """An interface description block."""
    return pcapng_block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def pcapng_packet(frame: bytes, stamp: int, interface: int = 0, order: str = "<") -> bytes:
    """An enhanced packet block."""
    head = struct.pack(order + "IIIII", interface, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
    return pcapng_block(6, head + frame, order)
