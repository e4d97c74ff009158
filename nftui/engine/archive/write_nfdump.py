"""Files of nfdump's layout 2, as nfdump 1.7.1 and later read them."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nftui.engine.archive.kept import kept_elements
from nftui.engine.archive.nfdump_layout import (
    BLOCK_HEADER,
    BLOCK_MIXED,
    EXPORTER,
    FILE_HEADER,
    LAYOUT,
    MAGIC,
    RECORD_HEADER,
    SAMPLER,
    STATISTICS,
    USUAL_BLOCK,
    BlockFlag,
    Compression,
    Creator,
    RecordType,
)
from nftui.engine.archive.nfdump_records import KNOWN_TO_1_7_1, SAMPLING_INTERVAL, RecordMaker
from nftui.engine.archive.writing import FlowWriter, Sink
from nftui.engine.batch import FlowBatch
from nftui.engine.counters import add
from nftui.engine.query.mask import scaled_batch
from nftui.engine.schema import FlowSource

_VERSION = 0x01070100
"""Of nfdump, whose records these are: 1.7.1."""
_CODECS: dict[Compression, Literal["lz4_raw", "zstd"]] = {Compression.LZ4: "lz4_raw", Compression.ZSTD: "zstd"}
_MOST_EXPORTERS = 65_535
_SFLOW = 9999
"""Export version by which nfdump means sFlow."""
_GENERIC_SAMPLER = -1
_CLASSES = ("tcp", "udp", "icmp", "other")
_CLASS_OF = np.full(256, _CLASSES.index("other"))
_CLASS_OF[[6, 17, 1, 58]] = [0, 1, 2, 2]

Key = tuple[int, int, int, int, int]
"""An exporter as a file tells them apart: address halves, export version, domain, sampling rate."""


class NfdumpWriter(FlowWriter):
    """Writes one file.

    Args:
        sink: where to.
        compression: LZ4, zstd (nfdump 1.7.3 and later) or none.
        ident: name of the collector.
        anonymised: flag the records as anonymised.
        extensions: those that may be written; see `nfdump_records.KNOWN_TO_1_7_1`.
    """

    def __init__(
        self,
        sink: Sink,
        compression: Compression = Compression.LZ4,
        ident: str = "nftui",
        anonymised: bool = False,
        extensions: Collection[int] = KNOWN_TO_1_7_1,
    ) -> None:
        super().__init__(sink)
        self._compression = compression
        self._codec = pa.Codec(_CODECS[compression]) if compression in _CODECS else None
        self._ident = ident
        self._maker = RecordMaker(anonymised, extensions, self.counts)
        self._exporters: dict[Key, int] = {}
        self._parts: list[bytes] = []
        self._size = self._records = self._blocks = 0
        self._sums = dict.fromkeys(STATISTICS.names or (), 0)
        self._created = int(time.time())

    def begin(self) -> None:
        """Leave room for the header, which is written last."""
        self.sink.append(bytes(FILE_HEADER.itemsize))

    def write(self, batch: FlowBatch) -> None:
        """Add flows; those with the same fields come to lie together."""
        if not len(batch):
            return
        rates = _rates(batch)
        batch = scaled_batch(batch)
        exporter = self._number_exporters(batch, rates)
        for records in self._maker.records(batch, exporter, rates > 1):
            image = records.image
            most = USUAL_BLOCK // image.shape[1]
            start = 0
            while start < len(image):
                fits = max(0, (USUAL_BLOCK - self._size) // image.shape[1])
                if not fits:
                    self._flush()
                    fits = most
                part = image[start : start + fits]
                self._add(part.tobytes(), len(part))
                start += fits
        self._count(batch)

    def state(self) -> dict[str, Any]:
        """What goes on in a file that is continued."""
        self._flush()
        return {
            "blocks": self._blocks,
            "created": self._created,
            "sums": self._sums,
            "exporters": [[*key, number] for key, number in self._exporters.items()],
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where `state` was."""
        self._blocks, self._created = int(state["blocks"]), int(state["created"])
        self._sums |= state["sums"]
        self._exporters = {_key(entry[:-1]): int(entry[-1]) for entry in state["exporters"]}

    def finish(self) -> None:
        """Write the last block, the appendix and the header."""
        self._flush()
        offset = self.sink.offset
        ident = self._ident.encode()[:255] + b"\0"
        sums = np.array([tuple(self._sums.values())], STATISTICS).tobytes()
        records = [_record(RecordType.IDENT, ident), _record(RecordType.STATISTICS, sums)]
        self.sink.append(self._block(records, len(records)))
        header = np.zeros(1, FILE_HEADER)
        values = {
            "magic": MAGIC, "layout": LAYOUT, "nfdump_version": _VERSION, "created": self._created,
            "compression": self._compression, "appendix_blocks": 1, "creator": Creator.NFDUMP,
            "appendix_offset": offset, "blocks": self._blocks,
        }  # fmt: skip
        for name, value in values.items():
            header[name] = value
        self.sink.replace_start(header.tobytes())

    def _add(self, raw: bytes, records: int) -> None:
        self._parts.append(raw)
        self._size += len(raw)
        self._records += records

    def _flush(self) -> None:
        if self._records:
            self.sink.append(self._block(self._parts, self._records))
            self._blocks += 1
            self._parts, self._size, self._records = [], 0, 0

    def _block(self, parts: Sequence[bytes], records: int) -> bytes:
        raw = b"".join(parts)
        flags = 0
        if self._codec is not None:
            packed = self._codec.compress(raw, asbytes=True)
            raw, flags = (packed, 0) if len(packed) < len(raw) else (raw, int(BlockFlag.NOT_COMPRESSED))
        return np.array([(records, len(raw), BLOCK_MIXED, flags)], BLOCK_HEADER).tobytes() + raw

    def _number_exporters(self, batch: FlowBatch, rates: NDArray[np.int64]) -> NDArray[np.uint16]:
        """Number of each flow's exporter; new ones are described first."""
        columns = [batch.columns["sampler_address_hi"], batch.columns["sampler_address_lo"]]
        source = batch.columns["flow_source"].astype(np.int64)
        domain = batch.or_zero("observation_domain_id")
        engine = batch.or_zero("engine_type") << 8 | batch.or_zero("engine_id")
        domain = np.where(domain == 0, engine, domain)
        keys = np.stack([*columns, source, domain, rates], axis=1).astype(np.int64)
        if (keys == keys[0]).all():
            return np.full(len(keys), self._number(_key(keys[0].tolist())), np.uint16)
        distinct, codes = np.unique(keys, axis=0, return_inverse=True)
        numbers = np.array([self._number(_key(row)) for row in distinct.tolist()], np.uint16)
        return numbers[codes.reshape(-1)]

    def _number(self, key: Key) -> int:
        if key in self._exporters:
            return self._exporters[key]
        if len(self._exporters) == _MOST_EXPORTERS:
            add(self.counts, {"exporters.not_described": 1})
            return 0
        number = self._exporters[key] = len(self._exporters) + 1
        high, low, source, domain, rate = key
        record = np.zeros(1, EXPORTER)
        mapped = high == 0 and low >> 32 == 0xFFFF
        record["type"], record["size"] = RecordType.EXPORTER, EXPORTER.itemsize
        record["version"] = _SFLOW if source == FlowSource.SFLOW else source
        halves = (0, low & 0xFFFFFFFF) if mapped else (high & (1 << 64) - 1, low & (1 << 64) - 1)
        record["address"][0] = halves
        record["family"], record["number"], record["domain"] = 2 if mapped else 10, number, domain
        self._add(record.tobytes(), 1)
        if rate > 1:
            sampler = np.zeros(1, SAMPLER)
            sampler["type"], sampler["size"], sampler["exporter"] = RecordType.SAMPLER, SAMPLER.itemsize, number
            sampler["algorithm"], sampler["id"] = 1, _GENERIC_SAMPLER
            sampler["packet_interval"], sampler["space_interval"] = 1, rate - 1
            self._add(sampler.tobytes(), 1)
        return number

    def _count(self, batch: FlowBatch) -> None:
        """Sums for the appendix."""
        classes = _CLASS_OF[batch.or_zero("proto")]
        # As nfdump counts: both directions of a record, and the flows that it stands for.
        sums = {
            "flows": [np.maximum(batch.or_zero("flows"), 1)],
            "packets": [batch.or_zero("packets"), batch.or_zero("out_packets")],
            "bytes": [batch.or_zero("bytes"), batch.or_zero("out_bytes")],
        }
        for name, parts in sums.items():
            for number, kind in enumerate(_CLASSES):
                amount = sum(_total(values[classes == number]) for values in parts)
                self._sums[f"{name}_{kind}"] += amount
                self._sums[name] += amount
        first, last = int(batch.columns["time_flow_start_ms"].min()), int(batch.columns["time_flow_end_ms"].max())
        self._sums["first_ms"] = min(self._sums["first_ms"] or first, max(first, 0))
        self._sums["last_ms"] = max(self._sums["last_ms"], last)


def _total(values: NDArray[np.int64]) -> int:
    """An exact sum: halves of 32 bits, for counters may be as large as an int64."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())


def _key(values: Sequence[int]) -> Key:
    high, low, source, domain, rate = (int(value) for value in values)
    return high, low, source, domain, rate


def _record(kind: RecordType, body: bytes) -> bytes:
    return np.array([(kind, RECORD_HEADER.itemsize + len(body))], RECORD_HEADER).tobytes() + body


def _rates(batch: FlowBatch) -> NDArray[np.int64]:
    """By how much the counters of each flow are multiplied in the file, 1 for not sampled."""
    rates = np.maximum(batch.or_zero("sampling_rate"), 1)
    if batch.extra is not None:
        kept = kept_elements(batch.extra).get((*SAMPLING_INTERVAL, 4))
        if kept is not None:  # multiplied before, by the collector that wrote the file that these come from
            rows, values = kept
            rates[rows] = np.maximum(rates[rows], values.view(">u4")[:, 0])
    return rates
