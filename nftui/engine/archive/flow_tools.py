"""Files of flow-tools (`ft-v*`, `tmp-v*`): fixed records of NetFlow v1, v5 or v7, often behind zlib.

A file is 8 bytes, then tags with what its collector knew, padding, and from the offset in the first 8 bytes on the
records, as one zlib stream where a flag says so. Numbers are in the order of the byte that says which.

Source: flow-tools 0.68, ftlib.h and ftio.c; stream version 3, which all versions since 0.50 write.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, BinaryIO

import numpy as np

from nftui.engine.archive.archive import Archive
from nftui.engine.archive.shapes import Builder, Shape, Value, value_of
from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FlowSource
from nftui.text import clean

_LITTLE_ENDIAN = 1
_STREAM_VERSION = 3
_LARGEST_HEADER = 65_536
_READ = 1 << 18

_TAG_EXPORT_VERSION, _TAG_FLAGS, _TAG_HOSTNAME = 0x2, 0x8, 0xF
_FLAG_ZLIB = 0x2
_TAG_SUMS = {0xA: "flows", 0xB: "lost_flows", 0xC: "misordered", 0xD: "corrupt_packets", 0xE: "sequence_resets"}
_TAG_TIMES = {0x6: "capture_start", 0x7: "capture_end"}

_COMMON = (
    ("u4", "seconds"), ("u4", "nanoseconds"), ("u4", "uptime"), ("u4", "sampler_address"), ("u4", "src_addr"),
    ("u4", "dst_addr"), ("u4", "next_hop"), ("u2", "in_if"), ("u2", "out_if"), ("u4", "packets"), ("u4", "bytes"),
    ("u4", "first"), ("u4", "last"), ("u2", "src_port"), ("u2", "dst_port"), ("u1", "proto"), ("u1", "ip_tos"),
    ("u1", "tcp_flags"), ("u1", "-"),
)  # fmt: skip
_ROUTING = (
    ("u1", "engine_type"), ("u1", "engine_id"), ("u1", "src_mask"), ("u1", "dst_mask"), ("u2", "src_as"),
    ("u2", "dst_as"),
)  # fmt: skip
_RECORDS = {1: (60, _COMMON), 5: (64, (*_COMMON, *_ROUTING)), 7: (68, (*_COMMON, *_ROUTING, ("u4", "#130")))}
"""Bytes of a record and its members, by export version; element 130 is the bypassed router of v7."""
_CLOCK = frozenset({"seconds", "nanoseconds", "uptime", "first", "last"})
_HALF_WRAP = 1 << 31


class FlowToolsFile(Archive):
    """A file of flow-tools.

    Args:
        path: the file; its first bytes are those of one.
    """

    format = "flow-tools"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with open(path, "rb") as file:
            head = file.read(8).ljust(8, b"\0")
            self._order = "<" if head[2] == _LITTLE_ENDIAN else ">"
            self._stream_version = head[3]
            self._start = int(np.frombuffer(head, f"{self._order}u4", 1, 4)[0])
            self._version, self._flags = 0, 0
            if self._stream_version == _STREAM_VERSION and 8 <= self._start <= _LARGEST_HEADER:
                self._read_tags(file.read(self._start - 8))
            self._size = file.seek(0, 2)

    def span(self) -> tuple[int, int] | None:
        """None: the file knows when it was written, not when its flows were."""
        return None

    def pieces(self, fields: Collection[str] | None) -> Iterator[Callable[[], FlowBatch]]:
        """A piece each quarter of a megabyte."""
        if self._stream_version != _STREAM_VERSION or not 8 <= self._start <= min(_LARGEST_HEADER, self._size):
            self.report(0, f"header of stream version {self._stream_version} that cannot be read")
            return
        if self._version not in _RECORDS:
            self.report(8, f"records of export version {self._version} are not known")
            return
        size, members = _RECORDS[self._version]
        shape, clock = self._shape(size, members)
        rest = b""
        with open(self.path, "rb") as file:
            file.seek(self._start)
            for data in self._inflated(file) if self._flags & _FLAG_ZLIB else iter(partial(file.read, _READ), b""):
                rest += data
                whole = len(rest) // size * size
                if whole >= _READ:
                    yield partial(self._decode, rest[:whole], shape, clock, fields)
                    rest = rest[whole:]
        whole = len(rest) // size * size
        if whole:
            yield partial(self._decode, rest[:whole], shape, clock, fields)
            rest = rest[whole:]
        if rest:
            self.report(self._size, f"the last record is cut off: {len(rest)} of {size} bytes are there")

    def _inflated(self, file: BinaryIO) -> Iterator[bytes]:
        inflater = zlib.decompressobj()
        waiting = b""
        while not inflater.eof:
            waiting = waiting or file.read(_READ)
            if not waiting:
                self.report(self._size, "the compressed data end too early")
                return
            before = inflater.copy()
            try:
                data = inflater.decompress(waiting, _READ)
            except zlib.error as error:
                self.report(file.tell() - len(waiting), f"the compressed data are damaged: {error}")
                yield from _until_error(before, waiting)
                return
            waiting = inflater.unconsumed_tail
            yield data

    def _shape(self, size: int, members: tuple[tuple[str, str], ...]) -> tuple[Shape, dict[str, Value]]:
        shape, clock = Shape(size), {}
        offset = 0
        for form, meaning in members:
            whole = self._order + form
            if meaning in _CLOCK:
                clock[meaning] = Value(offset, whole)
            elif meaning.startswith("#"):
                shape.values.append(Value(offset, whole, element=(0, int(meaning[1:]))))
            elif meaning != "-":
                shape.values.append(Value(offset, whole, meaning))
            offset += np.dtype(form).itemsize
        return shape, clock

    def _decode(self, data: bytes, shape: Shape, clock: dict[str, Value], fields: Collection[str] | None) -> FlowBatch:
        image = np.frombuffer(data, np.uint8).reshape(-1, shape.size)
        builder = Builder(len(image), fields)
        builder.add(shape, image, None)
        times = {name: value_of(image, value).astype(np.int64) for name, value in clock.items()}
        exported = times["seconds"] * 1000 + times["nanoseconds"] // 1_000_000
        booted = exported - times["uptime"]
        for name, clock_name in (("time_flow_start_ms", "first"), ("time_flow_end_ms", "last")):
            if builder.wants(name):
                builder.put(name, _moment(booted, times["uptime"], times[clock_name]))
        if builder.wants("time_received_ms"):
            builder.put("time_received_ms", exported)
        if builder.wants("flow_source"):
            builder.put("flow_source", np.full(len(image), FlowSource(self._version), np.uint8))
        if builder.wants("flows"):
            builder.put("flows", np.ones(len(image), np.int64))
        return builder.finish()

    def _read_tags(self, raw: bytes) -> None:
        at = 0
        while at + 4 <= len(raw):
            tag, length = (int(n) for n in np.frombuffer(raw, f"{self._order}u2", 2, at))
            value = raw[at + 4 : at + 4 + length]
            at += 4 + length
            if len(value) < length or not tag:
                return
            if tag == _TAG_HOSTNAME:
                self.about.ident = clean(value.split(b"\0")[0])
                continue
            if length not in {2, 4}:
                continue
            number = int(np.frombuffer(value, f"{self._order}u{length}")[0])
            if tag == _TAG_EXPORT_VERSION:
                self._version = number
            elif tag == _TAG_FLAGS:
                self._flags = number
            elif tag in _TAG_SUMS:
                self.about.statistics[_TAG_SUMS[tag]] = number
            elif tag in _TAG_TIMES:
                self.about.statistics[_TAG_TIMES[tag]] = number


def _until_error(inflater: Any, waiting: bytes) -> Iterator[bytes]:
    """What comes out of damaged data: byte by byte, for of bytes given together with damaged ones nothing does."""
    out = b""
    with contextlib.suppress(zlib.error):
        for place in range(len(waiting)):
            out += inflater.decompress(waiting[place : place + 1])
            if len(out) >= _READ:
                yield out
                out = b""
    yield out


def _moment(booted: Any, uptime: Any, ticks: Any) -> Any:
    """UTC ms of a time in ms since the exporter booted, a counter that wraps every 49.7 days.

    Args:
        booted: UTC ms when the counter was 0.
        uptime: the counter when the datagram was sent.
        ticks: the time.
    """
    wrapped = (ticks > uptime + _HALF_WRAP) & (booted + ticks >= 1 << 32)
    return booted + ticks - np.where(wrapped, 1 << 32, 0)
