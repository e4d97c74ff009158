"""All layouts in use: one entry for each distinct list of fields, counted by the templates that use it."""

from __future__ import annotations

import struct
from collections import deque

import numpy as np
from numpy.typing import NDArray

from nftui.engine.decode.layout import SCOPE_PEN, VARIABLE, FieldSpec, Program, compile_layout
from nftui.engine.limits import Limits

IPFIX = 10
_LAST_SCOPE = 5
"""Last scope type of RFC 3954 section 6.1. Exporters that put an element in the scope mean the element."""
_PAIR = struct.Struct(">HH")


class Shape:
    """What has to be known of a list of fields before it is worth compiling it.

    Attributes:
        raw: the field specifiers as on the wire.
        version: 9 or 10.
        scope: number of scope fields, 0 for data.
        fields: number of fields.
        size: bytes of a record; the least possible when fields of variable length occur.
        variable: number of fields of variable length.
        options: whether the records are options data.
    """

    __slots__ = ("fields", "options", "raw", "scope", "size", "variable", "version")

    def __init__(self, raw: bytes, version: int, scope: int, lengths: list[int], options: bool) -> None:
        self.raw = raw
        self.version = version
        self.options = options
        self.scope = scope
        self.fields = len(lengths)
        self.variable = lengths.count(VARIABLE)
        self.size = sum(lengths) - self.variable * (VARIABLE - 1)

    @property
    def key(self) -> tuple[bytes, int, int]:
        """What makes two lists of fields the same layout."""
        return self.raw, self.version, self.scope if self.options else -1

    def wire(self, template_id: int) -> bytes:
        """The template record that announces the fields under an id (RFC 3954 sections 5.2, 6.1; RFC 7011 3.4)."""
        if not self.options:
            return _PAIR.pack(template_id, self.fields) + self.raw
        if self.version == IPFIX:
            return struct.pack(">HHH", template_id, self.fields, self.scope) + self.raw
        return struct.pack(">HHH", template_id, 4 * self.scope, 4 * (self.fields - self.scope)) + self.raw

    def specs(self) -> list[FieldSpec]:
        """The fields."""
        specs = []
        position = 0
        for index in range(self.fields):
            element, length = _PAIR.unpack_from(self.raw, position)
            position += 4
            pen = 0
            if self.version == IPFIX and element & 0x8000:
                pen = int.from_bytes(self.raw[position : position + 4], "big")
                element &= 0x7FFF
                position += 4
            elif self.version != IPFIX and index < self.scope and element <= _LAST_SCOPE:
                pen = SCOPE_PEN
            specs.append(FieldSpec(pen, element, length))
        return specs


class LayoutTable:
    """Shapes by number, with what the decoder looks up for whole arrays of numbers at once.

    Attributes:
        size: bytes of a record (least, if variable) by layout number.
        fixed: whether records have one size, by layout number.
        options: whether the records are options data, by layout number.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._numbers: dict[tuple[bytes, int, int], int] = {}
        self._shapes: list[Shape | None] = []
        self._uses: list[int] = []
        self._programs: dict[int, Program] = {}
        self._free: deque[int] = deque()
        self._unused: set[int] = set()
        self.size = np.zeros(0, np.int64)
        self.fixed = np.zeros(0, np.bool_)
        self.options = np.zeros(0, np.bool_)
        self._places: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def acquire(self, shape: Shape) -> int:
        """Number of the shape, made if it is new and counted as used; -1 when the table is full."""
        key = shape.key
        number = self._numbers.get(key)
        if number is None:
            if len(self._numbers) >= self._limits.layouts:
                self.reclaim()
                if len(self._numbers) >= self._limits.layouts:
                    return -1
            if not self._free:
                self._grow()
            number = self._numbers[key] = self._free.popleft()
            self._shapes[number] = shape
            self._uses[number] = 0
            self.size[number] = shape.size
            self.fixed[number] = not shape.variable
            self.options[number] = shape.options
        self._uses[number] += 1
        self._unused.discard(number)
        return number

    def release(self, number: int) -> None:
        """Count one use less. The number stays valid until `reclaim`."""
        self._uses[number] -= 1
        if not self._uses[number]:
            self._unused.add(number)

    def reclaim(self) -> None:
        """Forget the layouts that nothing uses; to be called between blocks."""
        for number in self._unused:
            del self._numbers[self.shape(number).key]
            self._shapes[number] = None
            program = self._programs.pop(number, None)
            if program is not None:
                for cell in program.cells:
                    offsets, widths = self._places[cell.register]
                    offsets[number] = widths[number] = 0
            self._free.append(number)
        self._unused.clear()

    def shape(self, number: int) -> Shape:
        """The shape with a number that is in use."""
        shape = self._shapes[number]
        assert shape is not None
        return shape

    def find_shape(self, number: int) -> Shape | None:
        """The shape with a number, None when the number is free; for threads other than the decoder's."""
        return self._shapes[number]

    def program(self, number: int) -> Program:
        """The compiled layout; compiled at its first use, because many templates never see data."""
        program = self._programs.get(number)
        if program is None:
            program = compile_layout(self.shape(number).specs(), self._limits.extra_bytes_per_record)
            self._programs[number] = program
            for cell in program.cells:
                offsets, widths = self.places(cell.register)
                offsets[number], widths[number] = cell.place.offset, max(0, cell.place.width)
        return program

    def places(self, register: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Offset and width of a register by number of the (compiled, fixed) layout; width 0 where it has none."""
        found = self._places.get(register)
        if found is None or len(found[0]) < len(self.size):
            offsets, widths = np.zeros(len(self.size), np.int64), np.zeros(len(self.size), np.int64)
            if found is not None:
                offsets[: len(found[0])], widths[: len(found[1])] = found
            found = self._places[register] = (offsets, widths)
        return found

    def _grow(self) -> None:
        old = len(self._shapes)
        more = max(64, old)
        self._shapes += [None] * more
        self._uses += [0] * more
        self.size = np.concatenate([self.size, np.zeros(more, np.int64)])
        self.fixed = np.concatenate([self.fixed, np.zeros(more, np.bool_)])
        self.options = np.concatenate([self.options, np.zeros(more, np.bool_)])
        self._free.extend(range(old, old + more))
