"""Files of export datagrams: packet captures (pcap, pcapng), IPFIX files (RFC 5655) and single datagrams.

The datagrams come out with the capture's own times, so that a file decodes as it would have at that time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nftui.engine.counters import Counts
from nftui.engine.decode.datagrams import DatagramBlock, block_of
from nftui.errors import UsageError
from nftui.text import V4_PREFIX, clean

_CAPTURE_MAGIC = {
    b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x0a\x0d\x0d\x0a",
}  # fmt: skip
_VERSIONS = {1, 5, 7, 9, 10}
_SFLOW = 5
"""Version of sFlow, in the first 32 bits."""
_LOOPBACK = V4_PREFIX | 0x7F000001
"""Sender of datagrams from files that name none."""

_ETHER_VLAN = {0x8100, 0x88A8, 0x9100, 0x9200}
_ETHER_MPLS = {0x8847, 0x8848}
_ETHER_IPV4, _ETHER_IPV6 = 0x0800, 0x86DD
_UDP, _FRAGMENT = 17, 44
_IPV6_OPTIONS = {0, 43, 60, 135}
"""IPv6 extension headers with a length of their own in 8-byte units."""

_NULL, _ETHERNET, _LINUX_SLL, _LINUX_SLL2 = 0, 1, 113, 276
_RAW = {12, 14, 101, 228, 229}
_LOOP = 108
_MOST_FRAGMENTED = 256
"""Datagrams in reassembly at a time; the oldest goes first."""
_MOST_FRAGMENTS = 64
_LARGEST_DATAGRAM = 65_535


class ExportDatagram(NamedTuple):
    """One UDP payload: sender as 128-bit address, sender's port, UTC milliseconds, bytes."""

    address: int
    port: int
    received_ms: int
    payload: bytes


@dataclass(slots=True)
class _Packet:
    """The transport part of an IP packet."""

    source: int
    protocol: int
    payload: bytes


class ExportFile:
    """Export datagrams of a file, read as a stream.

    Args:
        path: a capture, an IPFIX file (`.ipfix`, messages back to back) or a file with one datagram.

    Attributes:
        counts: `capture.packets`, `capture.datagrams`, `capture.skipped.<kind>`.
        position: of a capture, bytes of the file that were read.

    Raises:
        UsageError: the file cannot be read or is none of these.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counts = {}
        self.position = 0
        self._fragments: dict[tuple[int, int, int, int], dict[int, tuple[bytes, bool]]] = {}
        try:
            with path.open("rb") as file:
                self._head = file.read(16)
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None

    def datagrams(self) -> Iterator[ExportDatagram]:
        """The datagrams in the order of the file."""
        if self._head[:4] in _CAPTURE_MAGIC:
            yield from self._from_capture()
        elif self.path.suffix == ".ipfix":
            yield from self._from_messages()
        elif _is_export(self._head):
            with self.path.open("rb") as file:
                payload = file.read(_LARGEST_DATAGRAM + 1)
            if len(payload) > _LARGEST_DATAGRAM:
                raise UsageError(f"{self.path} is neither a capture nor one datagram")
            yield self._of_file(payload)
        else:
            raise UsageError(f"{self.path} is no pcap, pcapng or IPFIX file")

    def blocks(self, session: Callable[[int, int], int], size: int = 512) -> Iterator[DatagramBlock]:
        """The datagrams in blocks.

        Args:
            session: gives the index of a transport session by address and port, see `Decoder.session`.
            size: datagrams per block.
        """
        part: list[ExportDatagram] = []
        for datagram in self.datagrams():
            part.append(datagram)
            if len(part) == size:
                yield _block(part, session)
                part = []
        if part:
            yield _block(part, session)

    # -- files without packets

    def _of_file(self, payload: bytes) -> ExportDatagram:
        """A datagram without a capture's time has the export time of its header."""
        if payload[:2] == b"\0\0":
            seconds = int(self.path.stat().st_mtime)  # sFlow has none
        else:
            at = 4 if payload[:2] == b"\x00\x0a" else 8
            seconds = int.from_bytes(payload[at : at + 4], "big")
        self._count("capture.datagrams")
        return ExportDatagram(_LOOPBACK, 0, seconds * 1000, payload)

    def _from_messages(self) -> Iterator[ExportDatagram]:
        with self.path.open("rb") as file:
            while header := file.read(4):
                version, length = struct.unpack(">HH", header) if len(header) == 4 else (0, 0)
                if version != 10 or length < 16:
                    self._count("capture.skipped.message")
                    return
                payload = header + file.read(length - 4)
                if len(payload) < length:
                    self._count("capture.skipped.truncated")
                yield self._of_file(payload)

    # -- captures

    def _from_capture(self) -> Iterator[ExportDatagram]:
        for link, time_ms, frame in self._frames():
            self._count("capture.packets")
            try:
                packet = self._packet(link, frame)
            except (struct.error, IndexError):
                self._count("capture.skipped.truncated")
                continue
            if packet is None:
                continue
            if packet.protocol != _UDP:
                self._count("capture.skipped.not_udp")
                continue
            if len(packet.payload) < 8:
                self._count("capture.skipped.truncated")
                continue
            port, length = struct.unpack_from(">H2xH", packet.payload)
            end = length if length >= 8 else len(packet.payload)
            if end > len(packet.payload):
                self._count("capture.cut_short")
            self._count("capture.datagrams")
            yield ExportDatagram(packet.source, port, time_ms, packet.payload[8:end])

    def _frames(self) -> Iterator[tuple[int, int, bytes]]:
        """Link type, UTC milliseconds and bytes of each frame."""
        from scapy.error import Scapy_Exception
        from scapy.utils import RawPcapReader

        try:
            with RawPcapReader(str(self.path)) as reader:
                while True:
                    try:
                        frame, about = next(reader)
                    except StopIteration:
                        return
                    if getattr(about, "caplen", 0) > len(frame) and self._ends_at(reader.f.tell()):
                        self._count("capture.skipped.damaged_tail")
                    else:
                        self.position = reader.f.tell()
                    yield _link_and_time(reader, about, frame)
        except (Scapy_Exception, EOFError, struct.error, OSError, ValueError, TypeError, KeyError) as error:
            if self.counts:
                self._count("capture.skipped.damaged_tail")
                return
            raise UsageError(f"{self.path} is a damaged capture: {clean(str(error), 100)}") from None

    def _ends_at(self, place: int) -> bool:
        return place >= self.path.stat().st_size

    def _packet(self, link: int, frame: bytes) -> _Packet | None:
        found = _network(link, frame)
        if found is None:
            self._count("capture.skipped.link_type")
            return None
        kind, offset = found
        if kind == _ETHER_IPV4:
            return self._ipv4(frame, offset)
        if kind == _ETHER_IPV6:
            return self._ipv6(frame, offset)
        self._count("capture.skipped.not_ip")
        return None

    def _ipv4(self, frame: bytes, at: int) -> _Packet | None:
        header = (frame[at] & 15) * 4
        total, identification, fragment = struct.unpack_from(">HHH", frame, at + 2)
        source = V4_PREFIX | int.from_bytes(frame[at + 12 : at + 16], "big")
        end = at + total if total >= header else len(frame)
        packet = _Packet(source, frame[at + 9], frame[at + header : end])
        if fragment & 0x3FFF:
            destination = int.from_bytes(frame[at + 16 : at + 20], "big")
            key = (source, destination, identification, packet.protocol)
            return self._join(key, packet, (fragment & 0x1FFF) * 8, bool(fragment & 0x2000))
        return packet

    def _ipv6(self, frame: bytes, at: int) -> _Packet | None:
        length, following = struct.unpack_from(">HB", frame, at + 4)
        source = int.from_bytes(frame[at + 8 : at + 24], "big")
        destination = int.from_bytes(frame[at + 24 : at + 40], "big")
        end = at + 40 + length if length else len(frame)
        at += 40
        while following in _IPV6_OPTIONS:
            following, size = frame[at], frame[at + 1]
            at += 8 + 8 * size
        if following == _FRAGMENT:
            following, fragment, identification = struct.unpack_from(">BxHI", frame, at)
            packet = _Packet(source, following, frame[at + 8 : end])
            key = (source, destination, identification, following)
            return self._join(key, packet, fragment & 0xFFF8, bool(fragment & 1))
        return _Packet(source, following, frame[at:end])

    def _join(self, key: tuple[int, int, int, int], packet: _Packet, offset: int, more: bool) -> _Packet | None:
        """Keep a fragment; the whole packet when it is complete."""
        parts = self._fragments.get(key)
        if parts is None:
            if len(self._fragments) >= _MOST_FRAGMENTED:
                self._fragments.pop(next(iter(self._fragments)))
                self._count("capture.skipped.fragments")
            parts = self._fragments[key] = {}
        if len(parts) >= _MOST_FRAGMENTS:
            del self._fragments[key]
            self._count("capture.skipped.fragments")
            return None
        parts[offset] = (packet.payload, more)
        whole = b""
        while len(whole) in parts and len(whole) <= _LARGEST_DATAGRAM:
            payload, follows = parts[len(whole)]
            whole += payload
            if not follows:
                del self._fragments[key]
                return _Packet(packet.source, packet.protocol, whole)
            if not payload:
                break
        return None

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


def _link_and_time(reader: Any, about: Any, frame: bytes) -> tuple[int, int, bytes]:
    if hasattr(about, "tshigh"):  # pcapng: each packet has its interface's link type and clock
        ticks = (about.tshigh or 0) << 32 | (about.tslow or 0)
        return about.linktype, ticks * 1000 // max(1, about.tsresol or 1_000_000), frame
    unit = 1_000_000 if getattr(reader, "nano", False) else 1000
    return reader.linktype, about.sec * 1000 + about.usec // unit, frame


def _network(link: int, frame: bytes) -> tuple[int, int] | None:
    """Ethernet type and offset of the network header, None for a link type that is not known."""
    if link == _ETHERNET:
        kind, at = _ether(frame, 12), 14
    elif link == _LINUX_SLL:
        kind, at = _ether(frame, 14), 16
    elif link == _LINUX_SLL2:
        kind, at = _ether(frame, 0), 20
    elif link in {_NULL, _LOOP}:
        return _by_version(frame, 4), 4
    elif link in _RAW:
        return _by_version(frame, 0), 0
    else:
        return None
    while kind in _ETHER_VLAN:
        kind, at = _ether(frame, at + 2), at + 4
    if kind in _ETHER_MPLS:
        while not frame[at + 2] & 1:
            at += 4
        at += 4
        kind = _by_version(frame, at)
    return kind, at


def _ether(frame: bytes, at: int) -> int:
    return frame[at] << 8 | frame[at + 1]


def _is_export(head: bytes) -> bool:
    """Whether bytes begin as a datagram of NetFlow, IPFIX or sFlow does."""
    short, long = int.from_bytes(head[:2], "big"), int.from_bytes(head[:4], "big")
    return len(head) >= 4 and (short in _VERSIONS or long == _SFLOW)


def _by_version(frame: bytes, at: int) -> int:
    return {4: _ETHER_IPV4, 6: _ETHER_IPV6}.get(frame[at] >> 4, 0)


def _block(part: list[ExportDatagram], session: Callable[[int, int], int]) -> DatagramBlock:
    return block_of(
        [item.payload for item in part],
        [session(item.address, item.port) for item in part],
        [item.received_ms for item in part],
    )
