"""nfdump's files of layout 2, as nfcapd, sfcapd, nfpcapd and nfdump 1.7 write them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.archive.archive import Archive, Exporter, Sampler
from nftui.engine.archive.compression import BlockDamaged, decompress
from nftui.engine.archive.exporters import ExporterTable
from nftui.engine.archive.nfdump_blocks import Block, BlockReader
from nftui.engine.archive.nfdump_layout import (
    BLOCK_ARRAY,
    BLOCK_MIXED,
    EXPORTER,
    FILE_HEADER,
    MAGIC,
    SAMPLER,
    STATISTICS,
    BlockFlag,
    Compression,
    FlowFlag,
    RecordType,
    in_order,
)
from nftui.engine.archive.nfdump_shapes import Group, ShapeTable
from nftui.engine.archive.records import Walker
from nftui.engine.archive.shapes import Builder, Value, value_of
from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FlowSource
from nftui.text import clean

_TYPES = frozenset({BLOCK_MIXED, BLOCK_ARRAY})
_KNOWN = frozenset(int(kind) for kind in RecordType)
_VERSIONS = [FlowSource.V1, FlowSource.V5, FlowSource.V7, FlowSource.V9, FlowSource.IPFIX]
_SOURCES = np.full(256, FlowSource.FILE, np.uint8)
"""Flow source by export version."""
_SOURCES[_VERSIONS] = _VERSIONS
_WITH_ENGINE = np.isin(np.arange(256), (FlowSource.V5, FlowSource.V7))


@dataclass(slots=True)
class _Piece:
    """What a block held.

    Attributes:
        builder: the flows; None without any.
        exporter: number of each flow's exporter.
        sampled: which flows' counters were multiplied.
        exporters, samplers: records about them, as they are.
        damage: offset and words.
    """

    builder: Builder | None = None
    exporter: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))
    sampled: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    exporters: list[tuple[int, Exporter]] = field(default_factory=list)
    samplers: list[Sampler] = field(default_factory=list)
    damage: list[tuple[int, str]] = field(default_factory=list)


class NfdumpFile(Archive):
    """A file of layout 2.

    Counters of sampled flows are those of the file: nfcapd multiplied them by the sampling rate before it wrote them.
    They come with `sampling_rate` 1, and the rate, where the file tells it, in `extra` as element 305.

    Args:
        path: the file; its first bytes are those of one.
    """

    format = "nfdump 1.7"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with open(path, "rb") as file:
            raw = file.read(FILE_HEADER.itemsize)
            self._cut = len(raw) < FILE_HEADER.itemsize
            self._order = "<" if int.from_bytes(raw[:2], "little") == MAGIC else ">"
            raw = raw.ljust(FILE_HEADER.itemsize, b"\0")
            self._header = np.frombuffer(raw, in_order(FILE_HEADER, self._order))[0]
            self._appendix = int(self._header["appendix_offset"])
            created = int(self._header["created"])
            self._created_ms = created * 1000 if 0 < created < 1 << 32 else 0
            reader = BlockReader(file, self._order, _TYPES, lambda *_: None)
            if int(self._header["appendix_blocks"]) and self._appendix >= FILE_HEADER.itemsize:
                for block in reader.blocks(self._appendix, self._appendix + (16 << 20)):
                    self._read_appendix(block)
        self._walker = Walker(_KNOWN, self._order)
        self._shapes = ShapeTable(self._order)
        self._table = ExporterTable()

    def span(self) -> tuple[int, int] | None:
        """As the statistics of the file say."""
        sums = self.about.statistics
        first, last = sums.get("first_ms", 0), sums.get("last_ms", 0)
        return (first, last) if sums.get("flows") and 0 < first <= last < 1 << 62 else None

    def begin(self) -> None:
        """Forget exporters too: the file tells of them again."""
        super().begin()
        self._table = ExporterTable()
        self.about.exporters, self.about.samplers = {}, []

    def pieces(self, fields: Collection[str] | None) -> Iterator[Callable[[], _Piece]]:
        """A piece a block."""
        if self._cut:
            self.report(0, "header cut off")
            return
        if int(self._header["encryption"]) not in {0, 1}:
            self.report(0, "encrypted")
            return
        try:
            compression = Compression(int(self._header["compression"]))
        except ValueError:
            self.report(0, f"unknown compression {int(self._header['compression'])}")
            return
        start, announced = FILE_HEADER.itemsize, int(self._header["blocks"])
        # A file that is being written has neither a number of blocks nor an appendix yet.
        end = self._appendix if self._appendix >= start else 1 << 62
        found = 0
        with open(self.path, "rb") as file:
            for block in BlockReader(file, self._order, _TYPES, self.report).blocks(start, end):
                found += 1
                if block.type == BLOCK_MIXED:
                    yield partial(self._decode, block, compression, fields)
        if announced != found and (announced or self._appendix):
            self.report(start, f"{announced} blocks announced, {found} found")

    def settle(self, piece: Any) -> FlowBatch | None:
        """Name the exporters: records about them may be in earlier blocks."""
        assert isinstance(piece, _Piece)
        for offset, what in piece.damage:
            self.report(offset, what)
        for number, exporter in piece.exporters:
            self._table.add(number, exporter)
            self.about.exporters[number] = exporter
        for sampler in piece.samplers:
            self._table.add_sampler(sampler)
            self.about.samplers.append(sampler)
        if piece.builder is None:
            return None
        self._table.fill(piece.builder, piece.exporter, piece.sampled)
        return piece.builder.finish()

    def _decode(self, block: Block, compression: Compression, fields: Collection[str] | None) -> _Piece:
        piece = _Piece()
        kind = Compression.NONE if block.flags & BlockFlag.NOT_COMPRESSED else compression
        try:
            data = np.frombuffer(decompress(kind, block.payload), np.uint8)
        except BlockDamaged as error:
            piece.damage.append((block.offset, f"block of {block.records} records lost, {error}"))
            return piece
        found = self._walker.find(data)
        piece.damage += [
            (block.offset, f"damaged record {place} bytes into a block; {again - place} bytes passed over")
            for place, again in found.breaks
        ]
        if not found.breaks and not block.cut and len(found.positions) != block.records:
            what = f"block says {block.records} records and has {len(found.positions)}"
            piece.damage.append((block.offset, what))
        flows = found.types == RecordType.FLOW
        for place, kind_of, size in zip(
            *(part[~flows].tolist() for part in (found.positions, found.types, found.sizes)), strict=True
        ):
            self._read_about(data[place : place + size].tobytes(), kind_of, piece)
        if flows.any():
            self._read_flows(block, data, found.positions[flows], found.sizes[flows], fields, piece)
        return piece

    def _read_flows(
        self, block: Block, data: Any, positions: Any, sizes: Any, fields: Collection[str] | None, piece: _Piece
    ) -> None:
        groups, bad = self._shapes.groups(data, positions, sizes)
        if len(bad):
            piece.damage.append((block.offset, f"{len(bad)} records of a block whose elements do not fit"))
            good = np.ones(len(positions), np.bool_)
            good[bad] = False
            renumbered = np.cumsum(good) - 1
            for group in groups:
                group.rows = None if group.rows is None else renumbered[group.rows]
        count = len(positions) - len(bad)
        if not count:
            return
        builder = piece.builder = Builder(count, fields)
        piece.exporter, flags, versions = (
            np.zeros(count, np.uint16),
            np.zeros(count, np.uint8),
            np.zeros(count, np.uint8),
        )
        for group in groups:
            builder.add(group.shape, group.image, group.rows)
            rows = slice(None) if group.rows is None else group.rows
            piece.exporter[rows] = value_of(group.image, Value(8, f"{self._order}u2"))
            flags[rows], versions[rows] = group.image[:, 10], group.image[:, 11]
            self._add_engine(builder, group)
        if builder.wants("flow_source"):
            builder.put("flow_source", _SOURCES[versions])
        builder.complete(self._created_ms)
        piece.sampled = (flags & FlowFlag.SAMPLED).astype(np.bool_)

    @staticmethod
    def _add_engine(builder: Builder, group: Group) -> None:
        """Engine type and id, which only some export versions have."""
        for name, place in (("engine_type", 6), ("engine_id", 7)):
            if builder.wants(name):
                valid = _WITH_ENGINE[group.image[:, 11]]
                if valid.any():
                    builder.put(name, group.image[:, place], group.rows, valid)

    def _read_about(self, raw: bytes, kind: int, piece: _Piece) -> None:
        """A record about exporters or samplers."""
        if kind == RecordType.EXPORTER and len(raw) >= EXPORTER.itemsize:
            item = np.frombuffer(raw, in_order(EXPORTER, self._order), 1)[0]
            piece.exporters.append((int(item["number"]), exporter_of(item)))
        elif kind == RecordType.SAMPLER and len(raw) >= SAMPLER.itemsize:
            item = np.frombuffer(raw, in_order(SAMPLER, self._order), 1)[0]
            interval = int(item["packet_interval"])
            if interval:
                rate = (interval + int(item["space_interval"])) // interval
                piece.samplers.append(Sampler(int(item["exporter"]), int(item["id"]), rate))

    def _read_appendix(self, block: Block) -> None:
        """Ident and statistics."""
        endian = "little" if self._order == "<" else "big"
        try:
            compressed = not block.flags & BlockFlag.NOT_COMPRESSED
            kind = Compression(int(self._header["compression"])) if compressed else Compression.NONE
            data = decompress(kind, block.payload)
        except ValueError:
            return
        at = 0
        while at + 4 <= len(data):
            kind_of, size = (int.from_bytes(data[at + i : at + i + 2], endian) for i in (0, 2))  # type: ignore[arg-type]
            if size < 4:
                return
            raw = data[at + 4 : at + size]
            if kind_of == RecordType.IDENT:
                self.about.ident = clean(raw.split(b"\0")[0])
            elif kind_of == RecordType.STATISTICS and len(raw) >= STATISTICS.itemsize:
                sums = np.frombuffer(raw, in_order(STATISTICS, self._order), 1)[0]
                self.about.statistics = {name: int(sums[name]) for name in STATISTICS.names or ()}
            at += size


def exporter_of(item: Any) -> Exporter:
    """An exporter record, also of layout 1."""
    high, low = (int(half) for half in item["address"])
    address = 0xFFFF << 32 | (low & 0xFFFFFFFF) if int(item["family"]) == 2 else high << 64 | low
    return Exporter(address, int(item["version"]), int(item["domain"]))
