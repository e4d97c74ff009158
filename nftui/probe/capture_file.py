"""Capture files: pcap in every byte order and resolution, and pcapng; any size, from a file, gzip or a pipe."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.frames.views import load
from nftui.errors import UsageError
from nftui.probe.capture_formats import MAX_BLOCK, MAX_PACKET, PcapngBlocks, PcapRecords
from nftui.probe.packets import SPARE, SUPPORTED, PacketBlock
from nftui.probe.record_index import index_records

WINDOW = 16 << 20
"""Bytes read at a time; with 32 MiB the index is as fast, with 8 MiB and below slower."""

_SECTION, _INTERFACE, _PACKET, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_PCAP = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
"""Magic number to nanoseconds of one unit of the fraction."""


@dataclass(frozen=True, slots=True)
class _Interface:
    """What an interface description block of a pcapng section says."""

    link: int
    units: int
    """Units of a time stamp in one second."""
    offset: int
    """Seconds to add to a time stamp."""


class CaptureFile:
    """Reads packets from a capture file as blocks.

    Attributes:
        size: bytes of the file, or 0 when that cannot be known (pipes).
        position: bytes read so far, for a progress bar.
        damage: why reading ended before the end of the file, or None.
        skipped: packets that were passed over because their link type is not supported (pcapng only).

    Args:
        path: name of the file, `-` for standard input.

    Raises:
        UsageError: the file cannot be read, is no capture, or holds a link type that cannot be metered.
    """

    def __init__(self, path: str) -> None:
        self._name = path
        try:
            self._file = os.fdopen(0, "rb", 0, closefd=False) if path == "-" else open(path, "rb", 0)  # noqa: SIM115
            self._descriptor = self._file.fileno()
            mode = os.fstat(self._descriptor)
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
        self.size = mode.st_size if stat.S_ISREG(mode.st_mode) else 0
        self._stream = stat.S_ISFIFO(mode.st_mode) or stat.S_ISSOCK(mode.st_mode)
        self._source: Any = self._file
        self._packed = False
        self.position = 0
        self.damage: str | None = None
        self.skipped = 0
        self._buffer = np.zeros(WINDOW + SPARE, np.uint8)
        self._filled = 0
        self._ended = False
        self._fill(self._read_first)
        if self._filled >= 2 and bytes(self._buffer[:2]) == b"\x1f\x8b":
            self._unpack()
        self._start()

    @property
    def link(self) -> int:
        """Link type of the first packets; filters are compiled for it."""
        return self._link

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def blocks(self) -> Iterator[PacketBlock]:
        """All packets, in order; a block is valid until the next one is asked for."""
        return self._pcapng_blocks() if self._pcapng else self._pcap_blocks()

    # Reading

    _read_first = 1 << 16

    def _fill(self, want: int) -> None:
        """Read until `want` bytes are in the buffer or the file ends; pipes give what they have."""
        view = memoryview(self._buffer.data)
        while self._filled < want and not self._ended:
            try:
                got = self._source.readinto(view[self._filled : want]) or 0
            except (OSError, EOFError) as error:
                self.damage = f"reading stopped: {error}"
                got = 0
            self._ended = got == 0
            self._filled += got
            if not self._packed:
                self.position += got
            if self._stream and got and self._filled >= 24:
                break

    def _unpack(self) -> None:
        """Go on through gzip, from the start of the file."""
        head = bytes(self._buffer[: self._filled])
        self._packed = True
        if self.size:
            self._file.seek(0)
            self._source = gzip.GzipFile(fileobj=self._file, mode="rb")
        else:
            rest = io.BytesIO(head + self._file.read())
            self._source = gzip.GzipFile(fileobj=rest, mode="rb")
        self._filled, self._ended = 0, False
        self._fill(self._read_first)

    def _consume(self, used: int) -> None:
        """Forget the first bytes of the window and read more behind the rest."""
        rest = self._filled - used
        self._buffer[:rest] = self._buffer[used : self._filled].copy()
        self._filled = rest
        self._fill(WINDOW)
        if self._packed and self.size:
            self.position = os.lseek(self._descriptor, 0, os.SEEK_CUR)

    # Headers

    def _start(self) -> None:
        """Read the file header, or the blocks before the first packet of a pcapng file."""
        head = bytes(self._buffer[: min(self._filled, 24)])
        magic = struct.unpack_from("<I", head)[0] if len(head) >= 4 else 0
        swapped = struct.unpack_from(">I", head)[0] if len(head) >= 4 else 0
        self._pcapng = magic == _SECTION
        self._link = -1
        if self._pcapng:
            self._interfaces: list[_Interface] = []
            self._order = "<"
            self._scan_interfaces()
        elif len(head) == 24 and (magic in _PCAP or swapped in _PCAP):
            self._order = "<" if magic in _PCAP else ">"
            self._unit = _PCAP[magic if magic in _PCAP else swapped]
            self._snaplen, link = struct.unpack_from(self._order + "II", head, 16)
            self._link = link & 0xFFFF
            if self._link not in SUPPORTED:
                raise UsageError(f"{self._name}: link type {self._link} is not supported")
        else:
            raise UsageError(f"{self._name}: not a pcap or pcapng file")

    def _scan_interfaces(self) -> None:
        """Look ahead for the first interface, so that `link` is known before packets are read."""
        position = 0
        order = self._order
        while position + 12 <= self._filled:
            head = bytes(self._buffer[position : position + 20])
            if head[:4] == b"\x0a\x0d\x0d\x0a":
                order = _byte_order(head)
            kind, length = struct.unpack_from(order + "II", head)
            if kind == _INTERFACE and len(head) >= 10:
                self._link = struct.unpack_from(order + "H", head, 8)[0]
                return
            position += max(12, length)

    # Classic pcap

    def _pcap_blocks(self) -> Iterator[PacketBlock]:
        self._consume(24)
        while self._filled >= 16:
            data = self._buffer
            fraction_limit = 1_000_000_000 // self._unit
            records = PcapRecords(data[: self._filled + SPARE], self._order, self._snaplen, fraction_limit, 0)
            starts = index_records(records, 0, self._filled)
            header = np.dtype([(name, self._order + "u4") for name in ("seconds", "fraction", "captured", "wire")])
            fields = load(data, "V16")[starts].view(header)
            captured = fields["captured"]
            whole = len(starts)
            if captured.max() > MAX_PACKET:
                whole = int(np.argmax(captured > MAX_PACKET))
                self.damage = f"a packet of {int(captured[whole])} bytes: the file is damaged"
            elif int(starts[-1]) + 16 + int(captured[-1]) > self._filled:
                whole -= 1
            if whole:
                fields = fields[:whole]
                yield PacketBlock(
                    data,
                    starts[:whole] + 16,
                    fields["captured"],
                    fields["wire"],
                    fields["seconds"],
                    fields["fraction"] * np.uint32(self._unit),
                    self._link,
                )
            if self.damage:
                return
            used = int(starts[whole - 1]) + 16 + int(captured[whole - 1]) if whole else 0
            if self._ended:
                if used < self._filled:
                    self.damage = "the last packet is cut off"
                return
            self._consume(used)
        if self._filled and not self.damage:
            self.damage = "the last packet is cut off"

    # pcapng

    def _pcapng_blocks(self) -> Iterator[PacketBlock]:
        self._fill(WINDOW)
        while self._filled >= 12:
            if bytes(self._buffer[:4]) == b"\x0a\x0d\x0d\x0a":
                self._order = _byte_order(bytes(self._buffer[:12]))
                self._interfaces = []
            data = self._buffer
            starts = index_records(PcapngBlocks(data[: self._filled + SPARE], self._order), 0, self._filled)
            words = load(data, self._order + "u4")
            kinds, lengths = words[starts], words[starts + 4].astype(np.int64)
            whole = self._whole_blocks(starts, kinds, lengths)
            kinds = kinds[:whole]
            for start in starts[:whole][kinds == _INTERFACE]:
                self._add_interface(int(start), int(words[start + 4]))
            yield from self._enhanced(starts[:whole], kinds, lengths[:whole], words)
            if self.damage:
                return
            used = int(starts[whole - 1] + lengths[whole - 1]) if whole else 0
            if self._ended and (used >= self._filled or not whole):
                if used < self._filled:
                    self.damage = "the last block is cut off"
                return
            self._consume(used)
        if self._filled and not self.damage:
            self.damage = "the last block is cut off"

    def _whole_blocks(self, starts: NDArray[np.int64], kinds: NDArray[np.uint32], lengths: NDArray[np.int64]) -> int:
        """How many of the blocks are complete, sane, and of the section that the window starts with."""
        bad = (lengths < 12) | (lengths % 4 != 0) | (lengths > MAX_BLOCK)
        cut = starts + lengths > self._filled
        section = kinds == _SECTION
        section[0] = False
        stop = bad | cut | section
        if not stop.any():
            return len(starts)
        whole = int(np.argmax(stop))
        if bad[whole] and not section[whole]:
            self.damage = f"a block of {int(lengths[whole])} bytes: the file is damaged"
        return whole

    def _add_interface(self, start: int, length: int) -> None:
        body = bytes(self._buffer[start + 8 : start + length - 4])
        if len(body) < 8:
            self._interfaces.append(_Interface(-1, 1_000_000, 0))
            return
        link = struct.unpack_from(self._order + "H", body)[0]
        units, offset, position = 1_000_000, 0, 8
        while position + 4 <= len(body):
            code, size = struct.unpack_from(self._order + "HH", body, position)
            value = body[position + 4 : position + 4 + size]
            if code == 0:
                break
            if code == 9 and len(value) == 1:
                exponent = value[0] & 0x7F
                units = 1 << min(exponent, 62) if value[0] & 0x80 else 10 ** min(exponent, 18)
            elif code == 14 and len(value) == 8:
                offset = struct.unpack(self._order + "q", value)[0]
            position += 4 + (size + 3) // 4 * 4
        self._interfaces.append(_Interface(link, units, offset))

    def _enhanced(
        self,
        starts: NDArray[np.int64],
        kinds: NDArray[np.uint32],
        lengths: NDArray[np.int64],
        words: NDArray[np.uint32],
    ) -> Iterator[PacketBlock]:
        """Packets of enhanced, simple and obsolete packet blocks; one block for each kind of interface."""
        packets = (kinds == _ENHANCED) | (kinds == _SIMPLE) | (kinds == _PACKET)
        at, kind, room = starts[packets], kinds[packets], lengths[packets]
        if not len(at):
            return
        simple = kind == _SIMPLE
        number = words[at + 8].astype(np.int64)
        old = kind == _PACKET
        if old.any():
            number[old] = load(self._buffer, self._order + "u2")[at[old] + 8]
        number[simple] = 0
        body = np.where(simple, 12, 28)
        most = room - body - 4
        wire = np.where(simple, words[at + 8], words[at + 24]).astype(np.int64)
        captured = np.where(simple, np.minimum(wire, most), words[at + 20]).astype(np.int64)
        stamp = words[at + 12].astype(np.uint64) << np.uint64(32) | words[at + 16].astype(np.uint64)
        stamp[simple] = 0
        good = (most >= 0) & (captured <= most) & (number < len(self._interfaces))
        if not good.all():
            self.damage = "a packet block whose lengths or interface do not fit"
        kinds_of = {item: i for i, item in enumerate(dict.fromkeys(self._interfaces))}
        group_of = np.array([kinds_of[item] for item in self._interfaces] or [0])
        group = np.where(good, group_of[np.where(good, number, 0)], -1)
        for interface, index in kinds_of.items():
            mine = group == index
            if not mine.any():
                continue
            if interface.link not in SUPPORTED:
                self.skipped += int(mine.sum())
                continue
            units = np.uint64(interface.units)
            seconds, rest = stamp[mine] // units, stamp[mine] % units
            # Finer than nanoseconds would overflow the product: scale those down first.
            scale = max(1, interface.units // 1_000_000_000)
            fine = rest // np.uint64(scale) * np.uint64(1_000_000_000) // np.uint64(max(1, interface.units // scale))
            yield PacketBlock(
                self._buffer,
                at[mine] + body[mine],
                captured[mine],
                wire[mine],
                seconds.astype(np.int64) + interface.offset,
                fine.astype(np.int64),
                interface.link,
            )


def _byte_order(section: bytes) -> str:
    """Byte order of a section header block by its magic number."""
    return "<" if section[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
