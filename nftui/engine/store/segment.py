"""Live segments: flows on disk before their slot is sealed, readable by every process at once.

A segment is a file of chunks. A chunk is a header and one complete Arrow IPC stream (schema, one LZ4-compressed
batch, end) with the columns that its flows have, whole numbers as narrow as their range (`nftui.engine.store.narrow`),
written by one system call:

    offset  size  content, little-endian
    0       4     "NFS1"
    4       4     rows
    8       8     bytes of the stream that follows the header, a multiple of 8
    16      4     CRC-32 of the stream
    20      4     CRC-32 of the 20 bytes before

Whatever ends the writer, at most the last chunk is torn, and a reader sees that from the header. A write that
failed is cut off again, so that the next one starts at a clean end. New columns need no new file: the next chunk
simply has them.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa

from nftui.engine.batch import FlowBatch
from nftui.engine.counters import Counts, add
from nftui.engine.schema import SCHEMA_VERSION
from nftui.engine.store.arrow import CORE_COLUMNS, nulls, schema_of, to_arrow
from nftui.engine.store.layout import PartName
from nftui.engine.store.narrow import NarrowBatch, narrow

_HEADER = struct.Struct("<4sIQI")
_CHECK = struct.Struct("<I")
HEADER_BYTES = _HEADER.size + _CHECK.size
_MAGIC = b"NFS1"
_MAX_CHUNK_BYTES = 1 << 30
_METADATA_KEY = b"nftui"
# Negative levels are LZ4's acceleration: -10 takes 8 % less time than the default for 5 % more bytes.
_OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("lz4", compression_level=-10), use_threads=False)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a segment's flows come from; stored in every chunk.

    Attributes:
        slot_ms: start of the slot, UTC ms.
        slot_seconds: length of the slot.
        ident: the collector's name, as given by its user.
    """

    slot_ms: int
    slot_seconds: int
    ident: str


class SegmentWriter:
    """Appends chunks to a new file.

    Attributes:
        name: the part that it will be.
        path: of the file.
        rows: flows written so far.
        bytes: size of the file.

    Raises:
        OSError: the file exists or cannot be made.
    """

    def __init__(self, name: PartName, root: Path, origin: Origin) -> None:
        self.name = name
        self.path = name.segment(root)
        self.origin = origin
        self.rows = 0
        self.bytes = 0
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)

    def write(self, batch: FlowBatch, notes: Mapping[str, int] | None = None) -> None:
        """Append the flows as one chunk; once it returns, they survive the end of the process.

        Args:
            batch: flows of this segment's slot.
            notes: amounts about the slot that its footer will carry, summed over the chunks.

        Raises:
            OSError: the chunk is not in the file, which ends where it ended before.
        """
        payload = _encode(batch, self.origin, notes or {})
        header = _HEADER.pack(_MAGIC, batch.length, payload.size, zlib.crc32(payload))
        self._append([header, _CHECK.pack(zlib.crc32(header)), memoryview(payload)])
        self.rows += batch.length

    def _append(self, parts: list[bytes | memoryview]) -> None:
        wanted = sum(len(part) for part in parts)
        try:
            done = os.writev(self._descriptor, parts)
            if done < wanted:
                # A short write is a full disk or a limit; asking again for the rest names the reason.
                rest = b"".join(parts)[done:]
                while rest:
                    written = os.write(self._descriptor, rest)
                    if not written:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
                    rest = rest[written:]
        except OSError:
            os.ftruncate(self._descriptor, self.bytes)
            os.lseek(self._descriptor, self.bytes, os.SEEK_SET)
            raise
        self.bytes += wanted

    def in_place(self) -> bool:
        """Whether the file still has its name: not removed or unmounted by somebody."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; it stays where it is."""
        os.close(self._descriptor)


class SegmentReader:
    """Reads the complete chunks of a segment that may still be growing; takes no lock.

    Keeps reading after the file was sealed and removed, as long as the reader stays open.

    Attributes:
        rows: flows read so far.
        damaged_bytes: bytes that were skipped because they do not check.
        notes: sums of the notes of the chunks read.
        origin: from the chunks read, None before the first.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.damaged_bytes = 0
        self.notes: Counts = {}
        self.origin: Origin | None = None
        self._position = 0
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll(self) -> list[pa.RecordBatch]:
        """The batches that were completed since the last call."""
        return list(self.batches())

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The complete batches from the current position on, one at a time."""
        for batch in self.narrow_batches():
            yield batch.restore()

    def narrow_batches(self) -> Iterator[NarrowBatch]:
        """The same batches as they are stored."""
        while (chunk := self._next_payload()) is not None:
            batch = self._decode(*chunk)
            if batch is not None and batch.record.num_rows:
                self.rows += batch.record.num_rows
                yield batch

    def skip(self) -> int:
        """Move behind the complete chunks, checking but not decoding them; returns the flows in them."""
        rows = 0
        while (chunk := self._next_payload()) is not None:
            rows += chunk[0]
        return rows

    def table(self, columns: list[str] | None = None) -> pa.Table:
        """All flows from the current position on, with every core column, or only the given columns."""
        batches = self.poll()
        if columns is None:
            columns = list(CORE_COLUMNS) + [name for batch in batches for name in batch.schema.names]
        schema = schema_of(columns)
        return pa.Table.from_batches([widen(batch, schema) for batch in batches], schema)

    def columns(self) -> set[str]:
        """All columns of the complete chunks from the current position on, without reading flows; moves nothing."""
        position, damaged = self._position, self.damaged_bytes
        names: set[str] = set()
        while (chunk := self._next_chunk()) is not None:
            start, length = chunk
            head = os.pread(self._descriptor, min(length, 1 << 16), start + HEADER_BYTES)
            # A schema that cannot be read belongs to a chunk that will be skipped.
            with contextlib.suppress(pa.ArrowException, OSError, ValueError):
                names.update(pa.ipc.read_schema(pa.py_buffer(head)).names)
        self._position, self.damaged_bytes = position, damaged
        return names

    def rewind(self) -> None:
        """Read from the start again, and count again what is read."""
        self.rows = self.damaged_bytes = self._position = 0
        self.notes = {}
        self.origin = None

    @property
    def tail_bytes(self) -> int:
        """Bytes after the last complete chunk: one being written, or torn."""
        return max(0, os.fstat(self._descriptor).st_size - self._position)

    @property
    def removed(self) -> bool:
        """Whether the file lost its name: it was sealed, and nothing more will come."""
        return os.fstat(self._descriptor).st_nlink == 0

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)

    def _check_header(self, position: int, size: int) -> int:
        """Bytes of the stream of the chunk at `position`, 0 if it is not complete yet, -1 if it is no chunk."""
        if position + HEADER_BYTES > size:
            return 0
        raw = os.pread(self._descriptor, HEADER_BYTES, position)
        if len(raw) < HEADER_BYTES:
            return 0
        head, (check,) = raw[: _HEADER.size], _CHECK.unpack_from(raw, _HEADER.size)
        magic, _, length, _ = _HEADER.unpack(head)
        if magic != _MAGIC or check != zlib.crc32(head) or not 0 < length <= _MAX_CHUNK_BYTES:
            return -1
        return length if position + HEADER_BYTES + length <= size else 0

    def _next_chunk(self) -> tuple[int, int] | None:
        """Place of the next complete chunk and bytes of its stream; moves behind it. None if there is none."""
        size = os.fstat(self._descriptor).st_size
        length = self._check_header(self._position, size)
        if length < 0:
            self._resynchronise(size)
            length = self._check_header(self._position, size)
        if length <= 0:
            return None
        start = self._position
        self._position += HEADER_BYTES + length
        return start, length

    def _next_payload(self) -> tuple[int, memoryview] | None:
        """Rows and stream of the next chunk that checks, or None at the end of what is complete."""
        while (chunk := self._next_chunk()) is not None:
            start, length = chunk
            raw = os.pread(self._descriptor, HEADER_BYTES + length, start)
            if len(raw) < HEADER_BYTES + length:
                self._position = start  # cut off again by its writer after a failed write
                return None
            _, rows, _, check = _HEADER.unpack_from(raw)
            payload = memoryview(raw)[HEADER_BYTES:]
            if zlib.crc32(payload) == check:
                return rows, payload
            self.damaged_bytes += len(raw)
        return None

    def _resynchronise(self, size: int) -> None:
        """Move to the next sound header, or to the end of the file if there is none."""
        window = 1 << 20
        found = size
        for start in range(self._position, size, window):
            raw = os.pread(self._descriptor, window + len(_MAGIC), start)
            at = raw.find(_MAGIC, 1 if start == self._position else 0)
            while 0 <= at < window and self._check_header(start + at, size) < 0:
                at = raw.find(_MAGIC, at + 1)
            if 0 <= at < window:
                found = start + at
                break
        self.damaged_bytes += found - self._position
        self._position = found

    def _decode(self, rows: int, payload: memoryview) -> NarrowBatch | None:
        try:
            stream = pa.ipc.open_stream(pa.py_buffer(payload))
            about = json.loads(stream.schema.metadata[_METADATA_KEY])
            record = stream.read_next_batch().replace_schema_metadata(None)
            record.validate()  # a stream may announce more values than a buffer has
            batch = NarrowBatch(record, about.get("offsets", {}))
            self.origin = Origin(int(about["slot_ms"]), int(about["slot_seconds"]), str(about["ident"]))
            if batch.record.num_rows != rows:
                raise ValueError("the header counts other rows")
            add(self.notes, about["notes"])
        except (pa.ArrowException, OSError, StopIteration, KeyError, TypeError, ValueError, RecursionError):
            self.damaged_bytes += HEADER_BYTES + len(payload)
            return None
        return batch


def widen(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with exactly the columns of `schema`; those it does not have are null."""
    have = set(batch.schema.names)
    arrays = [batch.column(name) if name in have else nulls(batch.num_rows, name) for name in schema.names]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _encode(batch: FlowBatch, origin: Origin, notes: Mapping[str, int]) -> pa.Buffer:
    record, offsets = narrow(to_arrow(batch))
    about = {
        "schema_version": SCHEMA_VERSION,
        "slot_ms": origin.slot_ms,
        "slot_seconds": origin.slot_seconds,
        "ident": origin.ident,
        "notes": dict(notes),
        "offsets": offsets,
    }
    record = record.replace_schema_metadata({_METADATA_KEY: json.dumps(about).encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, record.schema, options=_OPTIONS) as stream:
        stream.write_batch(record)
    return sink.getvalue()
