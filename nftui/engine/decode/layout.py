"""Layouts: what a template's list of fields means for the columns of a flow batch.

A layout is compiled once for each distinct list of fields and shared by all exporters that announce the same
one. It says for every field where it lies in a record and which *register* takes it: a column of the schema, or
an intermediate value that becomes columns later (times, sampling, both address families, ICMP type and code).
Fields without a register are kept as extra entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nftui.engine import elements
from nftui.engine.schema import FIELDS, Kind

VARIABLE = 65535
"""Length in a template that stands for variable length, RFC 7011 section 7."""
SCOPE_PEN = 1 << 32
"""Stands in place of an enterprise number for the scope types of NetFlow v9 (RFC 3954 section 6.1), which are
not elements: 1 system, 2 interface, 3 line card, 4 cache, 5 template."""
PADDING = 210
"""paddingOctets: carries nothing."""
PART_PEN = SCOPE_PEN + 1
"""Stands in place of an enterprise number for a part of an element: element * 4 + number of the part. Parts are the
three hashes of 4 bytes of a Cisco ASA's ACL id (33000, 33001, "ASA NetFlow Implementation Guide": access list, entry,
entry of the object group), and engine and number of an application id of 9 bytes (95)."""
APPLICATION = 95
WIDE_APPLICATION_BYTES = 9
"""Engine, enterprise number and 4 bytes of number (RFC 6759 section 4.1, engine 20), as Fortinet sends it."""
DSCP_ELEMENTS = {195: "ip_tos", 98: "dst_tos"}
"""ipDiffServCodePoint: the upper six bits of the type of service, for records that do not have it."""
ACL_ELEMENTS = {33000: "ingress", 33001: "egress"}
ACL_PARTS = ("acl", "ace", "xace")
FRAME_ELEMENTS = {315: "frame", 104: "frame", 313: "packet"}
"""Sections of sampled packets (RFC 5477 section 8.5 and Cisco's layer2packetSectionData): from the link layer on,
or from the IP header on."""

TIME_ELEMENTS = (21, 22, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 258, 322, 323, 324, 325)
"""Elements that times.py turns into start and end."""
RATE_ELEMENTS = (34, 50, 305, 306, 309, 310)
"""Elements that announce a sampling rate within the record."""
ICMP_ELEMENTS = (32, 139)
"""Type * 256 + code for ICMP and ICMPv6."""
LATENCIES = {"client": (123, 57595), "server": (124, 57596), "app": (125, 57597)}
"""Delays in milliseconds as nProbe sends them: element of enterprise 35632, and of NetFlow v9 (nProbe's manual)."""
_NTOP = 35632


class FieldSpec(NamedTuple):
    """One field of a template: enterprise number (0 for IANA), element id, length in bytes or `VARIABLE`."""

    pen: int
    element: int
    length: int


class Target(NamedTuple):
    """Where an element goes: field or register name, storage kind, NumPy type, preference (0 is best)."""

    name: str
    kind: Kind
    dtype: str
    rank: int


def _targets() -> dict[tuple[int, int], Target]:
    targets: dict[tuple[int, int], Target] = {}
    for item in FIELDS.values():
        if item.name == "sampling_rate":
            continue
        for rank, element in enumerate(item.elements):
            key = (0, element) if isinstance(element, int) else element
            targets[key] = Target(item.name, item.kind, item.dtype, rank)
    for prefix, numbers in (("time", TIME_ELEMENTS), ("rate", RATE_ELEMENTS), ("icmp", ICMP_ELEMENTS)):
        for element in numbers:
            targets[0, element] = Target(f"{prefix}.{element}", Kind.INT, "u8", 0)
    for who, (element, v9_element) in LATENCIES.items():
        for rank, key in enumerate(((_NTOP, element), (0, v9_element))):
            targets[key] = Target(f"latency.{who}", Kind.INT, "u4", rank)
    for element, side in ACL_ELEMENTS.items():
        for number, part in enumerate(ACL_PARTS):
            targets[PART_PEN, element << 2 | number] = Target(f"{side}_{part}_id", Kind.INT, "u4", 0)
    targets[PART_PEN, APPLICATION << 2] = Target("application.engine", Kind.INT, "u1", 0)
    targets[PART_PEN, APPLICATION << 2 | 1] = Target("application.number", Kind.INT, "u8", 0)
    for element in DSCP_ELEMENTS:
        targets[0, element] = Target(f"dscp.{element}", Kind.INT, "u1", 0)
    return targets


TARGETS = _targets()
"""Element to target, from the schema registry and the conversions above."""


class Place(NamedTuple):
    """Where a field lies in a record.

    A record is a sequence of runs of fixed size with variable-length fields between them. `run` is the number of
    the run and `offset` the place in it; for a variable-length field `width` is -1 and `run` is the number of the
    variable-length field.
    """

    run: int
    offset: int
    width: int


@dataclass(slots=True)
class Cell:
    """A register and where its value lies.

    Attributes:
        register: name of the register: a column, `FIELD.4` or `FIELD.6` for addresses, `time.N` and so on.
        kind: INT, ADDRESS (4 or 16 bytes by the register's name) or TEXT.
        dtype: NumPy type that the values get.
        place: where they lie.
        counter: whether a value above 2^63-1 is cut instead of ignored.
        parts: for fixed integers and addresses, names in the run's dtype, high part first, with their bytes.
    """

    register: str
    kind: Kind
    dtype: str
    place: Place
    counter: bool = False
    parts: tuple[tuple[str, int], ...] = ()


class ExtraCell(NamedTuple):
    """A field that is kept as an extra entry."""

    pen: int
    element: int
    place: Place


@dataclass(slots=True)
class Program:
    """A compiled layout.

    Attributes:
        runs: size of each fixed run; a layout without variable-length fields has exactly one.
        dtypes: structured type of each run with the fields that are read, or None for an empty one.
        cells: registers to fill.
        extras: fields kept as extra entries, within the limit of bytes per record as far as it is known.
        ignored: fields per record whose length does not fit their type; they are kept as extra entries.
        extras_dropped: fields per record that do not fit the limit of extra bytes.
        first_family: for each address field that occurs in both families, the one first on the wire ("4" or "6").
        frame: the first section of a sampled packet, which is also kept as an extra entry; None without one.
        unnamed: fields per record that nobody named, see `nftui.engine.elements`.
    """

    runs: list[int]
    dtypes: list[np.dtype[np.void] | None]
    cells: list[Cell]
    extras: list[ExtraCell]
    ignored: int = 0
    extras_dropped: int = 0
    first_family: dict[str, str] = field(default_factory=dict)
    frame: ExtraCell | None = None
    unnamed: int = 0

    @property
    def alone(self) -> bool:
        """Whether records cannot be read together with those of other layouts."""
        return bool(self.first_family) or self.frame is not None


def compile_layout(fields: Iterable[FieldSpec], extra_limit: int) -> Program:
    """Make the program of a list of fields.

    Args:
        fields: in the order of the wire.
        extra_limit: bytes of extra entries kept per record.
    """
    runs, placed = _place(fields)
    winners = _winners(placed)
    program = Program(runs, [], [], [])
    extra_bytes = 0
    names: list[dict[str, tuple[str, int]]] = [{} for _ in runs]
    for index, (spec, place) in enumerate(placed):
        target = TARGETS.get((spec.pen, spec.element))
        register = winners.get(index)
        if register is not None and target is not None:
            cell = _cell(target, register, place)
            if place.width >= 0 and cell.kind is not Kind.TEXT:
                cell.parts = _parts(cell, place, names[place.run])
            program.cells.append(cell)
            if cell.kind is Kind.ADDRESS:
                program.first_family.setdefault(target.name, register[-1])
                if program.first_family[target.name] == register[-1]:
                    continue
            else:
                continue
        elif spec.element == PADDING and spec.pen == 0:
            continue
        elif target is not None and spec.length and not _fits(target, spec.length):
            program.ignored += 1
        width = max(0, place.width)
        if extra_bytes + 8 + width > extra_limit:
            program.extras_dropped += 1
            continue
        extra_bytes += 8 + width
        cell_kept = ExtraCell(spec.pen, spec.element, place)
        program.extras.append(cell_kept)
        if program.frame is None and spec.pen == 0 and spec.element in FRAME_ELEMENTS and spec.length:
            program.frame = cell_kept
        program.unnamed += spec.pen != SCOPE_PEN and elements.find(spec.pen, spec.element) is None
    both = {name[:-2] for name in winners.values() if name.endswith(".4")} & {
        name[:-2] for name in winners.values() if name.endswith(".6")
    }
    program.first_family = {name: family for name, family in program.first_family.items() if name in both}
    program.dtypes = [
        np.dtype({
            "names": list(parts),
            "formats": [dtype for dtype, _ in parts.values()],
            "offsets": [offset for _, offset in parts.values()],
            "itemsize": size,
        }) if parts else None
        for size, parts in zip(runs, names, strict=True)
    ]  # fmt: skip
    return program


def _place(fields: Iterable[FieldSpec]) -> tuple[list[int], list[tuple[FieldSpec, Place]]]:
    runs = [0]
    placed = []
    for spec in _split(fields):
        if spec.length == VARIABLE:
            placed.append((spec, Place(len(runs) - 1, 0, -1)))
            runs.append(0)
        else:
            placed.append((spec, Place(len(runs) - 1, runs[-1], spec.length)))
            runs[-1] += spec.length
    return runs, placed


def fold_application(raw: bytes) -> bytes:
    """An application id of 9 bytes in 8: the upper byte of the enterprise number, which is 0, is left out."""
    return raw[:1] + raw[2:] if len(raw) == WIDE_APPLICATION_BYTES else raw


def _split(fields: Iterable[FieldSpec]) -> Iterator[FieldSpec]:
    """The fields, with the first ACL id of each direction, and a wide application id, in their parts."""
    done: set[int] = set()
    listed = list(fields)
    wide = [spec[:2] for spec in listed].count((0, APPLICATION)) == 1
    for spec in listed:
        if spec.pen == 0 and spec.element in ACL_ELEMENTS and spec.length == 12 and spec.element not in done:
            done.add(spec.element)
            for part in range(3):
                yield FieldSpec(PART_PEN, spec.element << 2 | part, 4)
        elif wide and spec == (0, APPLICATION, WIDE_APPLICATION_BYTES):
            yield FieldSpec(PART_PEN, APPLICATION << 2, 1)
            yield FieldSpec(0, PADDING, 1)
            yield FieldSpec(PART_PEN, APPLICATION << 2 | 1, 7)
        else:
            yield spec


def _fits(target: Target, length: int) -> bool:
    """Whether a field of this length can be read as its type; RFC 7011 section 6.2 for reduced sizes."""
    if length == VARIABLE or target.kind is Kind.TEXT:
        return True
    if target.kind is Kind.ADDRESS:
        return length in {4, 16}
    return 1 <= length <= 8


def _winners(placed: list[tuple[FieldSpec, Place]]) -> dict[int, str]:
    """Register for each field that gets one: the best rank, then the first on the wire; the rest goes to extra."""
    best: dict[str, tuple[int, int]] = {}
    for index, (spec, place) in enumerate(placed):
        target = TARGETS.get((spec.pen, spec.element))
        if target is None or not spec.length or not _fits(target, spec.length):
            continue
        register = target.name
        if target.kind is Kind.ADDRESS:
            family = "v" if place.width < 0 else "4" if place.width == 4 else "6"
            if family == "v":
                continue  # an address of variable length is no address: kept as it came
            register = f"{target.name}.{family}"
        if register not in best or (target.rank, index) < best[register]:
            best[register] = (target.rank, index)
    for element, name in DSCP_ELEMENTS.items():
        if name in best:
            best.pop(f"dscp.{element}", None)
    return {index: register for register, (_, index) in best.items()}


def _cell(target: Target, register: str, place: Place) -> Cell:
    counter = target.name in FIELDS and FIELDS[target.name].summable
    return Cell(register, target.kind, target.dtype, place, counter)


_PIECES = {1: (1,), 2: (2,), 3: (2, 1), 4: (4,), 5: (4, 1), 6: (4, 2), 7: (4, 2, 1), 8: (8,), 16: (8, 8)}


def _parts(cell: Cell, place: Place, names: dict[str, tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Entries of the run's dtype for an integer or address, odd widths in pieces."""
    parts = []
    offset = place.offset
    for size in _PIECES[place.width]:
        name = f"{cell.register}@{offset}"
        names[name] = (f">u{size}" if size > 1 else "u1", offset)
        parts.append((name, size))
        offset += size
    return tuple(parts)
