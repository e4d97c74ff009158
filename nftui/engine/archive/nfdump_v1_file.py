"""nfdump's files of layout 1, as the programs of nfdump 1.6 wrote them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.archive import nfdump_v1_layout as layout
from nftui.engine.archive.archive import Archive, Sampler
from nftui.engine.archive.compression import BlockDamaged, decompress
from nftui.engine.archive.exporters import ExporterTable
from nftui.engine.archive.nfdump_blocks import Block, BlockReader
from nftui.engine.archive.nfdump_file import exporter_of
from nftui.engine.archive.nfdump_layout import EXPORTER, MAGIC, Compression, RecordType, in_order
from nftui.engine.archive.nfdump_v1_layout import RecordFlag
from nftui.engine.archive.records import Found, Walker
from nftui.engine.archive.shapes import Builder, Shape, Value, value_of
from nftui.engine.batch import FlowBatch
from nftui.engine.schema import FlowSource
from nftui.text import clean

_START = layout.FILE_HEADER.itemsize + layout.STATISTICS.itemsize
_COMMON = 8
_SHAPE_FLAGS = RecordFlag.IPV6 | RecordFlag.PACKETS_64 | RecordFlag.BYTES_64
_TYPES = frozenset({layout.BLOCK, layout.BLOCK_LARGE})


@dataclass(slots=True)
class _Piece:
    """A block and its records, None if it cannot be read; flows wait for the extension maps of earlier blocks."""

    block: Block
    data: NDArray[Any] | None = None
    found: Found | None = None
    damage: str = ""


class NfdumpV1File(Archive):
    """A file of layout 1. Sampled counters as in `nftui.engine.archive.nfdump_file.NfdumpFile`.

    Args:
        path: the file; its first bytes are those of one.
    """

    format = "nfdump 1.6"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        with open(path, "rb") as file:
            raw = file.read(_START)
        self._cut = len(raw) < _START
        raw = raw.ljust(_START, b"\0")
        self._order = "<" if int.from_bytes(raw[:2], "little") == MAGIC else ">"
        self._header = np.frombuffer(raw, in_order(layout.FILE_HEADER, self._order), 1)[0]
        self.about.ident = clean(bytes(self._header["ident"]))
        sums = np.frombuffer(
            raw, in_order(layout.STATISTICS, self._order), 1, layout.FILE_HEADER.itemsize
        )[0]  # fmt: skip
        self.about.statistics = {name: int(sums[name]) for name in layout.STATISTICS.names or ()}
        for name, seconds in (("first_ms", "first"), ("last_ms", "last")):
            self.about.statistics[name] += 1000 * self.about.statistics.pop(seconds)
        self._walker = Walker(layout.KNOWN, self._order)
        self._fields: Collection[str] | None = None

    def span(self) -> tuple[int, int] | None:
        """As the statistics of the file say."""
        sums = self.about.statistics
        first, last = sums["first_ms"], sums["last_ms"]
        return (first, last) if sums["flows"] and 0 < first <= last else None

    def begin(self) -> None:
        """Forget exporters and extension maps too: the file tells of them again."""
        super().begin()
        self._table = ExporterTable()
        self._maps: dict[int, tuple[int, ...]] = {}
        self._shapes: dict[tuple[int, int, int, tuple[int, ...]], Shape | None] = {}
        self.about.exporters, self.about.samplers = {}, []

    def pieces(self, fields: Collection[str] | None) -> Iterator[Callable[[], _Piece]]:
        """A piece a block."""
        self._fields = fields
        if self._cut:
            self.report(0, "header cut off")
            return
        flags = int(self._header["flags"])
        compression = next((kind for flag, kind in layout.COMPRESSIONS if flags & flag), Compression.NONE)
        count = 0
        with open(self.path, "rb") as file:
            for block in BlockReader(file, self._order, _TYPES, self.report).blocks(_START, 1 << 62):
                count += 1
                if block.type == layout.BLOCK:
                    yield partial(self._open, block, compression)
        announced = int(self._header["blocks"])
        if announced and announced != count:
            self.report(_START, f"{announced} blocks announced, {count} found")

    def _open(self, block: Block, compression: Compression) -> _Piece:
        kind = Compression.NONE if block.flags & layout.BLOCK_COMPRESSION_OFF else compression
        try:
            data = np.frombuffer(decompress(kind, block.payload), np.uint8)
        except BlockDamaged as error:
            return _Piece(block, damage=f"block of {block.records} records lost, {error}")
        return _Piece(block, data, self._walker.find(data))

    def settle(self, piece: Any) -> FlowBatch | None:
        """Decode the flows, with what earlier blocks said of extensions and exporters."""
        assert isinstance(piece, _Piece)
        if piece.data is None or piece.found is None:
            self.report(piece.block.offset, piece.damage)
            return None
        found = piece.found
        for place, again in found.breaks:
            self.report(piece.block.offset, f"damaged record {place} bytes into a block; {again - place} passed over")
        count = len(found.positions)
        if not found.breaks and not piece.block.cut and count != piece.block.records:
            self.report(piece.block.offset, f"block says {piece.block.records} records and has {count}")
        flows = (found.types == layout.FLOW) | (found.types == layout.FLOW_SHORT)
        maps = self._read_about(piece.data, found, ~flows)
        if not flows.any():
            return None
        return self._flows(piece, flows, maps)

    def _read_about(self, data: Any, found: Found, chosen: Any) -> NDArray[np.int64]:
        """Read the records that are no flows.

        Returns:
            For each record of the block, how many redefinitions of extension maps are before it; the maps themselves
            are in `_versions`.
        """
        self._versions = [dict(self._maps)]
        version = np.zeros(len(found.positions), np.int64)
        for index in np.flatnonzero(chosen).tolist():
            place, size = int(found.positions[index]), int(found.sizes[index])
            raw = data[place : place + size].tobytes()
            kind = int(found.types[index])
            if kind == layout.EXTENSION_MAP and size >= 8:
                numbers = np.frombuffer(raw, f"{self._order}u2", size // 2)
                extensions = tuple(int(number) for number in numbers[4:] if number)
                if self._maps.get(int(numbers[2]), extensions) != extensions:
                    self._versions.append(dict(self._maps))
                    version[index:] += 1
                self._maps[int(numbers[2])] = self._versions[-1][int(numbers[2])] = extensions
            elif kind == RecordType.EXPORTER and size >= EXPORTER.itemsize:
                item = np.frombuffer(raw, in_order(EXPORTER, self._order), 1)[0]
                self.about.exporters[int(item["number"])] = exporter_of(item)
                self._table.add(int(item["number"]), exporter_of(item))
            elif kind == RecordType.SAMPLER_V1 and size >= layout.SAMPLER.itemsize:
                item = np.frombuffer(raw, in_order(layout.SAMPLER, self._order), 1)[0]
                sampler = Sampler(int(item["exporter"]), int(item["id"]), int(item["interval"]))
                self.about.samplers.append(sampler)
                self._table.add_sampler(sampler)
        return version

    def _flows(self, piece: _Piece, flows: Any, version: NDArray[np.int64]) -> FlowBatch | None:
        assert piece.data is not None
        assert piece.found is not None
        positions, sizes = piece.found.positions[flows], piece.found.sizes[flows]
        kinds, version = piece.found.types[flows], version[flows]
        view: Any = np.ndarray((len(piece.data) - 1,), f"{self._order}u2", piece.data, strides=(1,))
        flags, maps = np.zeros_like(positions), np.zeros_like(positions)
        whole = sizes >= 28
        flags[whole], maps[whole] = view[positions[whole] + 4], view[positions[whole] + 6]
        flags = np.where(kinds == layout.FLOW, flags, flags & 0xFF)
        key = np.stack([kinds, sizes, flags & int(_SHAPE_FLAGS), maps, version], axis=1)
        distinct, inverse = np.unique(key, axis=0, return_inverse=True)
        inverse = inverse.reshape(-1)
        shapes = [self._shape(*(int(n) for n in row)) for row in distinct]
        bad = np.isin(inverse, [number for number, shape in enumerate(shapes) if shape is None])
        if bad.any():
            what = f"{int(bad.sum())} records of a block whose extensions are unknown or do not fit"
            self.report(piece.block.offset, what)
        keep = np.flatnonzero(~bad)
        if not len(keep):
            return None
        builder = Builder(len(keep), self._fields)
        exporter = np.zeros(len(keep), np.uint16)
        for number, shape in enumerate(shapes):
            rows = np.flatnonzero(inverse[keep] == number)
            if shape is None or not len(rows):
                continue
            image = shape.image(piece.data, positions[keep[rows]])
            builder.add(shape, image, rows)
            self._add_times(builder, image, rows)
            if int(distinct[number][0]) == layout.FLOW:
                exporter[rows] = value_of(image, Value(28, f"{self._order}u2"))
        if builder.wants("flow_source"):
            builder.put("flow_source", np.full(len(keep), FlowSource.FILE, np.uint8))
        builder.complete(self.about.statistics["last_ms"])
        self._table.fill(builder, exporter, (flags[keep] & RecordFlag.SAMPLED) > 0)
        return builder.finish()

    def _add_times(self, builder: Builder, image: Any, rows: NDArray[np.int64]) -> None:
        for name, seconds, milliseconds in (("time_flow_start_ms", 12, 8), ("time_flow_end_ms", 16, 10)):
            if builder.wants(name):
                whole = value_of(image, Value(seconds, f"{self._order}u4")).astype(np.int64)
                part = value_of(image, Value(milliseconds, f"{self._order}u2"))
                builder.put(name, whole * 1000 + part, rows)

    def _shape(self, kind: int, size: int, flags: int, number: int, version: int) -> Shape | None:
        """Shape of records, None if their size is not that of their extensions."""
        extensions = self._versions[version].get(number)
        if extensions is None:
            return None
        key = (kind, size, flags, extensions)
        if key not in self._shapes:
            self._shapes[key] = self._new_shape(kind, size, flags, extensions)
        return self._shapes[key]

    def _new_shape(self, kind: int, size: int, flags: int, extensions: tuple[int, ...]) -> Shape | None:
        members: list[tuple[str, str]] = [*layout.COMMON]
        if kind == layout.FLOW:
            members += [("u2", "-"), ("u2", "-")]
        address = "2u8" if flags & RecordFlag.IPV6 else "u4"
        members += [(address, "src_addr"), (address, "dst_addr")]
        members.append(("u8" if flags & RecordFlag.PACKETS_64 else "u4", "packets"))
        members.append(("u8" if flags & RecordFlag.BYTES_64 else "u4", "bytes"))
        for extension in extensions:
            found = layout.EXTENSIONS.get(extension)
            if found is None:
                return None
            members += found
        shape = Shape(size)
        offset = _COMMON
        for form, meaning in members:
            shape.values += _value(offset, form, meaning, self._order)
            offset += np.dtype(form).itemsize
        return shape if offset <= size else None


def _value(offset: int, form: str, meaning: str, order: str) -> list[Value]:
    if meaning[0] == "-" or " " in meaning or meaning in {"start", "end"}:
        return []
    digits = len(form) - len(form.lstrip("0123456789"))
    whole = form if form.startswith("S") else form[:digits] + order + form[digits:]
    if meaning[0] != "#":
        return [Value(offset, whole, meaning)]
    pen, _, number = meaning[1:].rpartition(".")
    return [Value(offset, whole, element=(int(pen or 0), int(number)))]
