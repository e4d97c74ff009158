"""Records to registers: the values of many records of one or several layouts, as arrays.

Three ways lead there, all without a Python step per record. Records of one fixed size are copied once and read
through a structured dtype (`read_fixed`). Few records of many layouts are read together, one gather per
register at `start + offset[layout]` (`read_mixed`). Records with variable-length fields are located first
(`nftui.engine.decode.variable`) and then read run by run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import Array, ExtraColumn, Mask
from nftui.engine.decode import extra
from nftui.engine.decode.datagrams import Ints, Wire, positions, spans
from nftui.engine.decode.layout import TARGETS, Cell, ExtraCell, Place, Program
from nftui.engine.decode.layouts import LayoutTable
from nftui.engine.decode.tally import Tally
from nftui.engine.limits import Limits
from nftui.engine.schema import FIELDS, Kind, Quality

_Scalar = TypeVar("_Scalar", bound=np.generic)
_LARGEST = np.int64(0x7FFFFFFFFFFFFFFF)


@dataclass(slots=True)
class Messages:
    """What the headers of n datagrams say.

    Attributes:
        wire: their arena.
        version: 1, 5, 7, 9 or 10.
        rank: exporter in the tally, by datagram.
        session: session slot, by datagram.
        slot: domain slot, by datagram.
        received_ms: reception, by datagram.
        export_ms: export time, by datagram.
        uptime: sysUptime, by datagram; 0 for IPFIX, which has none.
        late: whether the data waited for their template.
    """

    wire: Wire
    version: int
    rank: Ints
    session: Ints
    slot: Ints
    received_ms: Ints
    export_ms: Ints
    uptime: Ints
    late: bool = False


@dataclass(slots=True)
class DataSets:
    """Data sets in the order of the wire.

    Attributes:
        message: index of the datagram in `Messages`.
        start, end: first byte and end of the records in the arena.
        layout: layout number.
        order: place of the set among all sets of the block.
    """

    message: Ints
    start: Ints
    end: Ints
    layout: Ints
    order: Ints

    def take(self, rows: Ints | Mask) -> DataSets:
        """The chosen sets."""
        return DataSets(self.message[rows], self.start[rows], self.end[rows], self.layout[rows], self.order[rows])


@dataclass(slots=True)
class Rows:
    """n records as registers.

    Attributes:
        length: n.
        messages: headers of their datagrams.
        message: index of the datagram in `messages`, by row.
        values: register name to values; integers of the register's dtype, `FIELD.4` and `FIELD.6_hi`,
            `FIELD.6_lo` int64.
        valid: register name (`FIELD.6` without half) to mask; no entry means all valid.
        texts: field name to positions, lengths and mask of strings in the arena.
        first_family: see `nftui.engine.decode.layout.Program`.
        frames: positions and lengths of sampled packets in the arena and the element they came as, None without.
        quality: bits of `Quality` that some rows have.
        extra: elements without a column.
    """

    length: int
    messages: Messages
    message: Ints
    values: dict[str, Array] = field(default_factory=dict)
    valid: dict[str, Mask] = field(default_factory=dict)
    texts: dict[str, tuple[Ints, Ints, Mask | None]] = field(default_factory=dict)
    first_family: dict[str, str] = field(default_factory=dict)
    frames: tuple[Ints, Ints, int] | None = None
    quality: NDArray[np.uint16] | None = None
    extra: ExtraColumn | None = None

    def flag(self, rows: Mask, bit: Quality) -> None:
        """Set a quality bit where the mask is True."""
        if self.quality is None:
            self.quality = np.zeros(self.length, np.uint16)
        self.quality[rows] |= np.uint16(bit)


def spread(values: NDArray[_Scalar], message: Ints) -> NDArray[_Scalar]:
    """A value per datagram as a column."""
    if len(values) == 1 or bool((values == values[0]).all()):
        return np.full(len(message), values[0], values.dtype)
    return values[message]


class Reader:
    """Reads rows of one block.

    Args:
        layouts: all layouts.
        limits: bounds.
        tally: gets `fields.ignored`, `fields.unnamed`, `extra.dropped`, `counters.clamped`.
    """

    def __init__(self, layouts: LayoutTable, limits: Limits, tally: Tally) -> None:
        self.layouts = layouts
        self.limits = limits
        self.tally = tally

    def read_fixed(self, messages: Messages, sets: DataSets, counts: Ints) -> Rows:
        """Rows of sets that have one fixed-size layout; `counts` is the number of records of each set."""
        number = int(sets.layout[0])
        program = self.layouts.program(number)
        size = int(self.layouts.size[number])
        position = positions(sets.start, counts, size)
        rows = Rows(len(position), messages, np.repeat(sets.message, counts))
        self.fill(rows, program, [position], [], [])
        return rows

    def fill(self, rows: Rows, program: Program, runs: list[Ints], starts: list[Ints], lengths: list[Ints]) -> None:
        """Read the cells of one layout.

        Args:
            rows: gets the registers.
            program: the layout.
            runs: position of each fixed run, by row.
            starts: position of each variable-length field, by row.
            lengths: bytes of each variable-length field, by row.
        """
        wire = rows.messages.wire
        images = [
            None if dtype is None else wire.images(position, size).view(dtype)
            for position, size, dtype in zip(runs, program.runs, program.dtypes, strict=True)
        ]
        for cell in program.cells:
            place = cell.place
            if place.width < 0:
                self._read_variable(rows, cell, starts[place.run], lengths[place.run])
            elif cell.kind is Kind.TEXT:
                width = np.full(rows.length, place.width, np.int64)
                rows.texts[cell.register] = (runs[place.run] + place.offset, width, None)
            else:
                image = images[place.run]
                assert image is not None
                self._read_cell(rows, cell, image)
        rows.first_family = program.first_family
        entries = [self._entry(cell.pen, cell.element, cell.place, runs, starts, lengths) for cell in program.extras]
        rows.extra, dropped = extra.build(wire, rows.length, entries, self.limits.extra_bytes_per_record)
        if program.frame is not None:
            rows.frames = self._frames(program.frame, rows.length, runs, starts, lengths)
        self._count(rows, "fields.ignored", program.ignored)
        self._count(rows, "fields.unnamed", program.unnamed)
        self._count(rows, "extra.dropped", program.extras_dropped)
        if dropped:
            self.tally.one("extra.dropped", int(rows.messages.rank[rows.message[0]]), dropped)

    @staticmethod
    def _frames(
        cell: ExtraCell, rows: int, runs: list[Ints], starts: list[Ints], lengths: list[Ints]
    ) -> tuple[Ints, Ints, int]:
        place = cell.place
        if place.width < 0:
            return starts[place.run], lengths[place.run], cell.element
        return runs[place.run] + place.offset, np.full(rows, place.width, np.int64), cell.element

    @staticmethod
    def _entry(
        pen: int, element: int, place: Place, runs: list[Ints], starts: list[Ints], lengths: list[Ints]
    ) -> extra.Entries:
        if place.width >= 0:
            return extra.Entries(extra.header(pen, element, place.width), runs[place.run] + place.offset, place.width)
        length = lengths[place.run]
        headers = np.tile(extra.header(pen, element, 0), (len(length), 1))
        headers[:, 6] = length >> 8
        headers[:, 7] = length & 255
        return extra.Entries(headers, starts[place.run], length)

    def _read_cell(self, rows: Rows, cell: Cell, image: NDArray[np.void]) -> None:
        if cell.kind is Kind.ADDRESS:
            if cell.place.width == 4:
                rows.values[cell.register] = image[cell.parts[0][0]].astype(np.int64)
            else:
                for half, (name, _) in zip(("_hi", "_lo"), cell.parts, strict=True):
                    rows.values[cell.register + half] = image[name].astype(np.uint64).view(np.int64)
            return
        name, _ = cell.parts[0]
        values: Array = image[name]
        if len(cell.parts) > 1:
            wide = values.astype(np.uint64)
            for piece, size in cell.parts[1:]:
                wide = wide << np.uint64(8 * size) | image[piece].astype(np.uint64)
            values = wide
        self.put(rows, cell.register, cell.dtype, cell.counter, values, cell.place.width, None)

    def put(
        self, rows: Rows, register: str, dtype: str, counter: bool, values: Array, width: int, valid: Mask | None
    ) -> None:
        """Store unsigned integers as a register, checking that they fit.

        Args:
            rows: gets the register.
            register: its name.
            dtype: its NumPy type.
            counter: whether values that do not fit are cut (and flagged) or become null (and are counted).
            values: unsigned integers.
            width: bytes that the largest of them may need.
            valid: False where a row has no value, None if all have one.
        """
        target = np.dtype(dtype)
        if width > target.itemsize or (width == 8 and dtype == "i8"):
            wide = values.astype(np.uint64)
            over = wide > np.uint64(np.iinfo(target).max)
            if valid is not None:
                over &= valid
            if over.any():
                where = np.flatnonzero(over)
                if counter:
                    wide[where] = np.uint64(_LARGEST)
                    rows.flag(over, Quality.COUNTER_CLAMPED)
                else:
                    valid = ~over if valid is None else valid & ~over
                kind = "counters.clamped" if counter else "fields.ignored"
                self.tally.many(kind, rows.messages.rank[rows.message[where]])
            values = wide.view(np.int64) if dtype == "i8" else wide.astype(target)
        else:
            values = values.astype(target)
        rows.values[register] = values
        if valid is not None:
            rows.valid[register] = valid

    def _read_variable(self, rows: Rows, cell: Cell, starts: Ints, lengths: Ints) -> None:
        if cell.kind is Kind.TEXT:
            rows.texts[cell.register] = (starts, lengths, None)
            return
        fits = (lengths > 0) & (lengths <= 8)
        odd = lengths > 8
        if odd.any():
            self.tally.many("fields.ignored", rows.messages.rank[rows.message[odd]])
        values = self._gather(rows.messages.wire, starts, np.where(fits, lengths, 8))
        self.put(rows, cell.register, cell.dtype, cell.counter, values, 8, None if fits.all() else fits)

    @staticmethod
    def _gather(wire: Wire, at: Ints, widths: Ints) -> NDArray[np.uint64]:
        """Numbers of 1 to 8 bytes at the given positions."""
        return wire.u8[at].astype(np.uint64) >> (64 - 8 * widths).astype(np.uint64)

    def _count(self, rows: Rows, name: str, per_row: int) -> None:
        if per_row and rows.length:
            self.tally.many(name, rows.messages.rank[rows.message], np.full(rows.length, per_row, np.int64))

    def read_mixed(self, messages: Messages, sets: DataSets, counts: Ints) -> Rows:
        """Rows of sets of several fixed-size layouts, each with records and none with both families of an address."""
        position = np.repeat(sets.start, counts) + spans(counts) * np.repeat(self.layouts.size[sets.layout], counts)
        layout = np.repeat(sets.layout, counts)
        rows = Rows(len(position), messages, np.repeat(sets.message, counts))
        numbers = np.unique(sets.layout)
        programs = [self.layouts.program(number) for number in numbers.tolist()]
        for register, (kind, dtype, counter) in _REGISTERS.items():
            offsets, widths = self.layouts.places(register)
            if not widths[numbers].any():
                continue
            width = widths[layout]
            at = position + offsets[layout]
            has = width > 0
            valid = None if has.all() else has
            if kind is Kind.TEXT:
                rows.texts[register] = (at, width, valid)
            elif kind is Kind.INT:
                values = self._gather(messages.wire, at, np.where(has, width, 1))
                self.put(rows, register, dtype, counter, values, int(width.max()), valid)
            else:
                self._put_address(rows, register, at, valid)
        self._extras_mixed(rows, position, layout, numbers, programs)
        return rows

    def _put_address(self, rows: Rows, register: str, at: Ints, valid: Mask | None) -> None:
        wire = rows.messages.wire
        if register.endswith(".4"):
            rows.values[register] = wire.u4[at].astype(np.int64)
        else:
            rows.values[register + "_hi"] = wire.u8[at].astype(np.uint64).view(np.int64)
            rows.values[register + "_lo"] = wire.u8[at + 8].astype(np.uint64).view(np.int64)
        if valid is not None:
            rows.valid[register] = valid

    def _extras_mixed(self, rows: Rows, position: Ints, layout: Ints, numbers: Ints, programs: list[Program]) -> None:
        rank = np.searchsorted(numbers, layout)
        for name, per_record in (
            ("fields.ignored", [program.ignored for program in programs]),
            ("fields.unnamed", [program.unnamed for program in programs]),
            ("extra.dropped", [program.extras_dropped for program in programs]),
        ):
            if any(per_record):
                self.tally.many(name, rows.messages.rank[rows.message], np.array(per_record, np.int64)[rank])
        entries = []
        for index in range(max(len(program.extras) for program in programs)):
            headers = np.zeros((len(programs), 8), np.uint8)
            offsets = np.zeros(len(programs), np.int64)
            lengths = np.zeros(len(programs), np.int64)
            present = np.zeros(len(programs), np.bool_)
            for place, program in enumerate(programs):
                if index < len(program.extras):
                    cell = program.extras[index]
                    headers[place] = extra.header(cell.pen, cell.element, cell.place.width)
                    offsets[place], lengths[place] = cell.place.offset, cell.place.width
                    present[place] = True
            entries.append(extra.Entries(headers[rank], position + offsets[rank], lengths[rank], present[rank]))
        limit = self.limits.extra_bytes_per_record
        rows.extra, _ = extra.build(rows.messages.wire, rows.length, entries, limit)


def _registers() -> dict[str, tuple[Kind, str, bool]]:
    registers: dict[str, tuple[Kind, str, bool]] = {}
    for target in TARGETS.values():
        counter = target.name in FIELDS and FIELDS[target.name].summable
        names = [target.name]
        if target.kind is Kind.ADDRESS:
            names = [f"{target.name}.4", f"{target.name}.6"]
        for name in names:
            registers[name] = (target.kind, target.dtype, counter)
    return registers


_REGISTERS = _registers()
"""Kind, dtype and whether it is a counter, of every register."""
