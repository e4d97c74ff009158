"""Flow records of nfdump's layout 2 grouped by their shape: the sequence of their elements' ids and lengths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.archive.nfdump_layout import EXTENSIONS, FLOW_HEADER, NO_ELEMENT_PEN, Extension
from nftui.engine.archive.shapes import Shape, Value

Ints = NDArray[np.int64]

HEADER = FLOW_HEADER.itemsize
_ELEMENT = 4
_MOST_ELEMENTS = 64
"""Elements of one record; nfdump knows 42."""
_MOST_SHAPES = 4096
"""Shapes that are remembered; records with texts of many lengths make many."""
_MOST_GUESSES = 6
"""Shapes that are tried on all records that are left, before their elements are walked through."""
_APPLICATION = 27
_NONE: Ints = np.zeros(0, np.int64)
_PRIME = np.uint64(0x9E3779B97F4A7C15)


@dataclass(slots=True)
class Group:
    """Records of one shape.

    Attributes:
        shape: what they are made of.
        rows: which of the records they are; None for all.
        image: (n, size) bytes.
    """

    shape: Shape
    rows: Ints | None
    image: NDArray[Any]


class ShapeTable:
    """Knows the shapes of a file's records.

    Args:
        order: byte order of the file, `<` or `>`.
    """

    def __init__(self, order: str) -> None:
        self._order = order
        self._shapes: dict[tuple[int, bytes], Shape] = {}

    def groups(self, data: NDArray[Any], positions: Ints, sizes: Ints) -> tuple[list[Group], Ints]:
        """Records by shape.

        Args:
            data: uint8, the block.
            positions: of the flow records, at least one.
            sizes: bytes of each, all within the block.

        Returns:
            The groups, and the indices of records whose elements do not fit them.
        """
        groups: list[Group] = []
        left: Ints | None = None  # rows without a group yet; None for all
        for _ in range(_MOST_GUESSES):
            first = 0 if left is None else int(left[0])
            size = int(sizes[first])
            heads = self._heads(data, int(positions[first]), size)
            if heads is None:
                break
            of_size = sizes == size if left is None else sizes[left] == size
            rows = (None if of_size.all() else np.flatnonzero(of_size)) if left is None else left[of_size]
            shape = self._shape(size, heads)
            image = shape.image(data, positions if rows is None else positions[rows])
            same = self._same(image, heads)
            if rows is None and same.all():
                return [Group(shape, None, image)], _NONE
            chosen = np.flatnonzero(same) if rows is None else rows[same]
            groups.append(Group(shape, chosen, image[same]))
            mask = np.ones(len(positions), np.bool_)
            for group in groups:
                mask[group.rows] = False
            left = np.flatnonzero(mask)
            if not len(left):
                return groups, _NONE
        more, bad = self._by_signature(data, positions, sizes, np.arange(len(positions)) if left is None else left)
        return [*groups, *more], bad

    def _by_signature(self, data: NDArray[Any], positions: Ints, sizes: Ints, left: Ints) -> tuple[list[Group], Ints]:
        """Walk through the elements of all records at once, and group records whose elements are equal."""
        good, signature = self._signatures(data, positions[left], sizes[left])
        bad = [left[~good]]
        order = np.flatnonzero(good)
        order = order[np.argsort(signature[order], kind="stable")]
        ends = np.flatnonzero(np.diff(signature[order])) + 1
        groups = []
        for part in np.split(left[order], ends) if len(order) else []:
            size = int(sizes[part[0]])
            heads = self._heads(data, int(positions[part[0]]), size)
            assert heads is not None
            rows = part[sizes[part] == size]  # without those of another length but equal signature
            shape = self._shape(size, heads)
            image = shape.image(data, positions[rows])
            same = self._same(image, heads)
            groups.append(Group(shape, rows[same], image[same]))
            bad += [rows[~same], part[sizes[part] != size]]
        return groups, np.concatenate(bad)

    def _signatures(self, data: NDArray[Any], positions: Ints, sizes: Ints) -> tuple[NDArray[np.bool_], Any]:
        """Whether a record's elements fit it, and a number that is equal for records with equal elements."""
        good = sizes >= HEADER
        count = np.zeros(len(sizes), np.int64)
        count[good] = self._u2(data, positions[good] + 4)
        good &= count <= _MOST_ELEMENTS
        signature = sizes.astype(np.uint64) << np.uint64(16) | count.astype(np.uint64)
        place, end = positions + HEADER, positions + sizes
        rows = np.flatnonzero(good)
        for number in range(_MOST_ELEMENTS):
            rows = rows[count[rows] > number]
            if not len(rows):
                break
            inside = place[rows] + _ELEMENT <= end[rows]
            good[rows[~inside]] = False
            rows = rows[inside]
            identity, length = self._u2(data, place[rows]), self._u2(data, place[rows] + 2)
            signature[rows] = signature[rows] * _PRIME + (identity << 16 | length).astype(np.uint64)
            place[rows] += length
            fits = (length >= _ELEMENT) & (place[rows] <= end[rows])
            good[rows[~fits]] = False
            rows = rows[fits]
        return good, signature

    def _u2(self, data: NDArray[Any], positions: Ints) -> Ints:
        view: NDArray[Any] = np.ndarray((len(data) - 1,), f"{self._order}u2", data, strides=(1,))
        return view[positions].astype(np.int64)

    def _heads(self, data: NDArray[Any], position: int, size: int) -> bytes | None:
        """Number of elements and all element headers of a record, 4 bytes each; None if they do not fit it."""
        if size < HEADER:
            return None
        raw = data[position : position + size].tobytes()
        heads = raw[2:6]
        at = HEADER
        count = self._number(raw, 4)
        for _ in range(min(count, _MOST_ELEMENTS)):
            length = self._number(raw, at + 2)
            if length < _ELEMENT or at + length > size:
                return None
            heads += raw[at : at + _ELEMENT]
            at += length
        return heads if count <= _MOST_ELEMENTS else None

    def _number(self, raw: bytes, at: int) -> int:
        return int.from_bytes(raw[at : at + 2], "little" if self._order == "<" else "big")

    def _same(self, image: NDArray[Any], heads: bytes) -> NDArray[np.bool_]:
        """Which records have these heads where a record with them has them."""
        offset = HEADER
        same: NDArray[np.bool_] = _words(image, 2) == int.from_bytes(heads[:4], "little")
        for at in range(4, len(heads), _ELEMENT):
            same &= _words(image, offset) == int.from_bytes(heads[at : at + _ELEMENT], "little")
            offset += self._number(heads, at + 2)
        return same

    def _shape(self, size: int, heads: bytes) -> Shape:
        key = (size, heads)
        shape = self._shapes.get(key)
        if shape is None:
            shape = Shape(size)
            offset = HEADER
            for at in range(4, len(heads), _ELEMENT):
                length = self._number(heads, at + 2)
                shape.values += element_values(
                    self._number(heads, at), offset + _ELEMENT, length - _ELEMENT, self._order
                )
                offset += length
            shape.time_events()
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[key] = shape
        return shape


def _words(image: NDArray[Any], offset: int) -> NDArray[np.uint32]:
    """Four bytes of each record, as they are in memory."""
    return np.ndarray((len(image),), "<u4", image, offset, image.strides[:1])


def element_values(number: int, offset: int, length: int, order: str) -> list[Value]:
    """Values of one element of a record.

    Args:
        number: its id.
        offset: of its payload in the record.
        length: of its payload.
        order: byte order of the file, `<` or `>`.
    """
    extension = EXTENSIONS.get(number)
    whole = Value(offset, f"{length}u1", element=(NO_ELEMENT_PEN, number), raw=True)
    if number == _APPLICATION:
        # Copied as it was received: in network byte order.
        return [Value(offset, f">u{length}", "application_id")] if length in {1, 2, 4, 8} else [whole]
    if extension is None or extension.whole or not extension.members:
        return [whole] if length else []
    return list(_member_values(extension, offset, length, order))


def _member_values(extension: Extension, offset: int, length: int, order: str) -> Iterator[Value]:
    """Members that an element is long enough for: other versions of nfdump may have shorter ones."""
    for member in extension.members:
        width = np.dtype(member.format).itemsize
        if member.format.startswith("S"):
            width = min(width, length - member.offset)
            if width > 0:
                yield Value(offset + member.offset, f"S{width}", member.field, member.element)
        elif member.offset + width <= length and (member.field or member.element):
            count = len(member.format) - len(member.format.lstrip("0123456789"))
            form = member.format if ">" in member.format else member.format[:count] + order + member.format[count:]
            yield Value(offset + member.offset, form, member.field, member.element, zero_is_null=member.zero_is_null)
