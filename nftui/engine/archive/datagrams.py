"""Files of export datagrams: packet captures and IPFIX files (RFC 5655), read through the collector's decoder."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from nftui.engine.archive.archive import Archive
from nftui.engine.archive.projection import project
from nftui.engine.batch import FlowBatch, concat
from nftui.engine.counters import Counts, total
from nftui.engine.decode.datagrams import block_of
from nftui.engine.decode.decoder import Decoder
from nftui.engine.ingest.capture_file import ExportDatagram, ExportFile
from nftui.engine.limits import DEFAULT
from nftui.errors import UsageError
from nftui.text import V4_PREFIX

_IPFIX = 10
_HEADER = 16
_LOOPBACK = V4_PREFIX | 0x7F000001
"""Exporter of messages from a file: it does not say whose they are."""
_BLOCK = 512
_WINDOW = 1 << 20
_LOSSES = (
    "datagrams.rejected.header", "datagrams.rejected.bug", "datagrams.truncated", "datagrams.count_mismatch",
    "sets.bad_length", "sets.broken_record", "sets.reserved", "sets.too_many_records", "sets.waiting_expired",
    "sets.waiting_overflow", "sets.waiting_evicted", "templates.rejected", "records.skipped",
)  # fmt: skip
"""Counters of what a decoder could not read. A capture may hold other datagrams, which it rejects, too."""
_CUT = ("capture.cut_short", "capture.skipped.truncated", "capture.skipped.damaged_tail")


class _Located(NamedTuple):
    """A datagram and where it was found in the file."""

    datagram: ExportDatagram
    offset: int


class DatagramFile(Archive):
    """Export datagrams one after the other; flows come out as a collector would have stored them.

    Args:
        path: a capture or an IPFIX file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with open(path, "rb") as file:
            self._capture = file.read(2) != _IPFIX.to_bytes(2, "big")
        self.format = "capture" if self._capture else "IPFIX file"

    def span(self) -> tuple[int, int] | None:
        """None: only reading the file tells."""
        return None

    def pieces(self, fields: Collection[str] | None) -> Iterator[Callable[[], FlowBatch | None]]:
        """A piece each 512 datagrams; they are decoded as they are asked for, for templates come before their data."""
        decoder = Decoder()
        part: list[_Located] = []
        last_ms = 0
        for item in self._captured() if self._capture else self._messages():
            part.append(item)
            last_ms = max(last_ms, item.datagram.received_ms)
            if len(part) == _BLOCK:
                yield partial(project_some, self._decode(decoder, part), fields)
                part = []
        if part:
            yield partial(project_some, self._decode(decoder, part), fields)
        left = decoder.expire(last_ms + 1000 * DEFAULT.waiting_seconds + 1000)
        self._report_losses(left.counts, 0)

    def _decode(self, decoder: Decoder, part: list[_Located]) -> list[FlowBatch]:
        block = block_of(
            [item.datagram.payload for item in part],
            [decoder.session(item.datagram.address, item.datagram.port) for item in part],
            [item.datagram.received_ms for item in part],
        )
        decoded = decoder.decode(block)
        self._report_losses(decoded.counts, part[0].offset)
        return decoded.batches

    def _report_losses(self, counts: Counts, offset: int) -> None:
        for name in _LOSSES if self._capture else ("datagrams.rejected", *_LOSSES[2:]):
            lost = total(counts, name)
            if lost:
                self.report(offset, f"{name} {lost} in the datagrams from here on")

    def _captured(self) -> Iterator[_Located]:
        file = ExportFile(Path(self.path))
        at = 0
        try:
            for datagram in file.datagrams():
                yield _Located(datagram, at)
                at = file.position
        except UsageError as error:
            self.report(at, str(error))
        for name in _CUT:
            if lost := file.counts.get(name, 0):
                self.report(file.position, f"{name} {lost}")

    def _messages(self) -> Iterator[_Located]:
        """Messages back to back; behind a damaged one, the next that fits."""
        at = 0
        with open(self.path, "rb") as file:
            while True:
                file.seek(at)
                header = file.read(_HEADER)
                if not header:
                    return
                length = _message_length(header)
                payload = header + file.read(length - _HEADER) if length else b""
                if length and len(payload) == length and _may_begin(file.read(4)):
                    seconds = int.from_bytes(header[4:8], "big")
                    yield _Located(ExportDatagram(_LOOPBACK, 0, seconds * 1000, payload), at)
                    at += length
                    continue
                again = self._next_message(file, at + 1)
                if length and again is None:
                    seconds = int.from_bytes(header[4:8], "big")
                    self.report(at, f"message cut off or damaged: {len(payload)} of {length} bytes are there")
                    yield _Located(ExportDatagram(_LOOPBACK, 0, seconds * 1000, payload), at)
                    return
                self.report(at, f"no message where one should begin; {(again or at) - at} bytes passed over")
                if again is None:
                    return
                at = again

    @staticmethod
    def _next_message(file: Any, at: int) -> int | None:
        """Where the next message begins that another one or the end follows."""
        while True:
            file.seek(at)
            data = file.read(_WINDOW)
            place = data.find(b"\x00\x0a")
            while place >= 0:
                length = _message_length(data[place : place + _HEADER])
                if length:
                    file.seek(at + place + length - 1)
                    behind = file.read(5)
                    if behind and _may_begin(behind[1:]):
                        return int(at + place)
                place = data.find(b"\x00\x0a", place + 1)
            if len(data) < _WINDOW:
                return None
            at += _WINDOW - _HEADER


def project_some(batches: list[FlowBatch], fields: Collection[str] | None) -> FlowBatch | None:
    """Batches as one, with these fields only; None if there are none."""
    return project(concat(batches), fields) if batches else None


def _message_length(header: bytes) -> int:
    """Length of the message that a header begins; 0 if it is none."""
    version, length = int.from_bytes(header[:2], "big"), int.from_bytes(header[2:4], "big")
    return length if version == _IPFIX and length >= _HEADER and len(header) == _HEADER else 0


def _may_begin(following: bytes) -> bool:
    """Whether the bytes behind a message are the end of the file or begin another one."""
    return not following or following[:2] == b"\x00\x0a"
