"""What must hold for files of other tools, and for the store's own, of any content."""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from promises import BrokenPromise, file_of

from nftui.engine.archive.formats import ArchiveFormats, open_archive
from nftui.engine.batch import FlowBatch
from nftui.engine.query.sources import find_sources
from nftui.engine.store.arrow import from_arrow
from nftui.engine.store.footer import KEY, read_footer, totals
from nftui.engine.store.segment import SegmentReader
from nftui.engine.store.verify import verify_sealed
from nftui.errors import CorruptFile, NftuiError, UsageError
from nftui.probe.capture_file import CaptureFile
from nftui.probe.meter import Meter, MeterConfig
from nftui.probe.packets import SPARE

_MOST_FLOWS = 1 << 20
"""Far above what the small inputs of a fuzzer can hold, compressed or not, within the checks of the readers."""


def archive(data: bytes) -> int:
    """A file of nfdump, flow-tools, goflow2, a capture, an IPFIX file; gives flows."""
    path = str(file_of(data))
    formats = ArchiveFormats()
    if not formats.recognise(path):
        return 0
    formats.may_hold(path, 0, 1)
    try:
        opened = open_archive(path)
    except ValueError:
        return 0
    flows = 0
    for batch in opened.batches():
        _check_columns(batch)
        flows += len(batch)
        if flows > _MOST_FLOWS:
            raise BrokenPromise("more flows than the file can hold")
    if opened.records != flows:
        raise BrokenPromise(f"{flows} flows, {opened.records} counted")
    str(opened.trouble)
    return flows


def _check_columns(batch: FlowBatch) -> None:
    wrong = [name for name, column in batch.columns.items() if len(column) != len(batch)]
    if wrong:
        raise BrokenPromise(f"columns of another length: {wrong}")


def capture(data: bytes) -> int:
    """A pcap or pcapng file before the probe; gives packets."""
    try:
        found = CaptureFile(str(file_of(data)))
    except UsageError:
        return 0
    meter = Meter(MeterConfig(), lambda _: None, live=False, started_ms=0)
    packets = 0
    try:
        for block in found.blocks():
            if len(block) and int((block.offset + block.captured.astype(np.int64)).max()) + SPARE > len(block.data):
                raise BrokenPromise("a packet runs out of its block")
            meter.add(block)
            packets += len(block)
    finally:
        found.close()
    meter.finish()
    seen = meter.statistics(0)
    if seen.packets + seen.non_ip + seen.non_sampled != packets:
        raise BrokenPromise("packets are not what was counted")
    return packets


def segment(data: bytes) -> int:
    """A live segment; gives flows."""
    return _read_segment(file_of(data, "2026-11-21T120000Z.arrows"))


def chunk(data: bytes) -> int:
    """The Arrow stream of a chunk behind a header that checks: damage on purpose; gives flows."""
    rows, stream = int.from_bytes(data[:4], "little") & 0xFF, data[4:]
    head = struct.pack("<4sIQI", b"NFS1", rows, len(stream), zlib.crc32(stream))
    return _read_segment(file_of(head + struct.pack("<I", zlib.crc32(head)) + stream, "2026-11-21T120000Z.arrows"))


def _read_segment(path: Path) -> int:
    flows = 0
    with SegmentReader(path) as reader:
        reader.columns()
        for batch in reader.batches():
            with contextlib.suppress(pa.ArrowException):
                _check_columns(from_arrow(batch))
            flows += batch.num_rows
        if reader.rows != flows:
            raise BrokenPromise("flows are not what was counted")
    return flows


def footer(data: bytes) -> int:
    """What the footer of a sealed file says of it; 1 if it is believed."""
    path = file_of(b"", "2026-11-21T120000Z.parquet")
    with contextlib.suppress(UnicodeDecodeError):
        table = pa.table({"src_port": pa.array([1, 2, 3], pa.uint16())})
        pq.write_table(table.replace_schema_metadata({KEY: data.decode()}), path)
        return _read_footer(path)
    return 0


def sealed(data: bytes) -> int:
    """A whole Parquet file of the store; 1 if its footer is believed."""
    return _read_footer(file_of(data, "2026-11-21T120000Z.parquet"))


def _read_footer(path: Path) -> int:
    verify_sealed(path)
    try:
        about = read_footer(path)
    except CorruptFile:
        return 0
    totals(about)
    return 1


def foreign_parquet(data: bytes) -> int:
    """A Parquet file of somebody else in a question; gives flows."""
    from nftui.engine.query.session import Session

    try:
        sources = find_sources([str(file_of(data, "foreign.parquet"))], formats=ArchiveFormats())
    except UsageError:
        return 0
    session = Session(sources, "64MB", 1)
    try:
        rows = session.all_rows(("bytes", "src_addr"), lambda table: f"SELECT count(*), sum(bytes) FROM {table}")
        return int(rows[0][0]) if rows else 0
    except NftuiError:
        return 0
    finally:
        session.close()
