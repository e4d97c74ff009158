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
_APPLICATION = 27
_PRIME = np.uint64(0x9E3779B97F4A7C15)


@dataclass(slots=True)
class Group:
    """Records of one shape.

    Attributes:
        shape: what they are made of.
        rows: which of the records they are; None for all.
        positions: where they begin.
    """

    shape: Shape
    rows: Ints | None
    positions: Ints


class ShapeTable:
    """Knows the shapes of a file's records.

    Args:
        order: byte order of the file, `<` or `>`.
    """

    def __init__(self, order: str) -> None:
        self._order = order
        self._shapes: dict[tuple[int, ...], Shape] = {}

    def groups(self, data: NDArray[Any], positions: Ints, sizes: Ints) -> tuple[list[Group], Ints]:
        """Records by shape.

        Args:
            data: uint8, the block.
            positions: of the flow records, at least one.
            sizes: bytes of each, all within the block.

        Returns:
            The groups, and the indices of records whose elements do not fit them.
        """
        first, size = int(positions[0]), int(sizes[0])
        words = self._words(data, first, size)
        if words is not None and (sizes == size).all():
            shape = self._shape(size, words)
            if all((found == word).all() for found, word in self._compare(shape, data, positions, words)):
                return [Group(shape, None, positions)], np.zeros(0, np.int64)
        return self._by_signature(data, positions, sizes)

    def _by_signature(self, data: NDArray[Any], positions: Ints, sizes: Ints) -> tuple[list[Group], Ints]:
        """Walk through the elements of all records at once, and group records whose elements are equal."""
        good, signature = self._signatures(data, positions, sizes)
        bad = [np.flatnonzero(~good)]
        rows = np.flatnonzero(good)
        rows = rows[np.argsort(signature[rows], kind="stable")]
        ends = np.flatnonzero(np.diff(signature[rows])) + 1
        groups = []
        for part in np.split(rows, ends) if len(rows) else []:
            size = int(sizes[part[0]])
            words = self._words(data, int(positions[part[0]]), size)
            assert words is not None
            part = part[sizes[part] == size]  # noqa: PLW2901 - without those of another length but equal signature
            shape = self._shape(size, words)
            same = np.ones(len(part), np.bool_)
            for found, word in self._compare(shape, data, positions[part], words):
                same &= found == word
            groups.append(Group(shape, part[same], positions[part[same]]))
            bad.append(part[~same])
        return groups, np.concatenate(bad)

    def _signatures(self, data: NDArray[Any], positions: Ints, sizes: Ints) -> tuple[NDArray[np.bool_], Any]:
        """Whether a record's elements fit it, and a number that is equal for records with equal elements."""
        count = self._u2(data, positions + 4) if int(sizes.min()) >= HEADER else np.zeros(len(sizes), np.int64)
        good = (sizes >= HEADER) & (count <= _MOST_ELEMENTS)
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

    def _words(self, data: NDArray[Any], position: int, size: int) -> tuple[int, ...] | None:
        """Ids and lengths of a record's elements, `id << 16 | length` each; None if they do not fit it."""
        if size < HEADER:
            return None
        endian = "little" if self._order == "<" else "big"
        raw = data[position : position + size].tobytes()
        count = int.from_bytes(raw[4:6], endian)  # type: ignore[arg-type]
        words = []
        at = HEADER
        for _ in range(count if count <= _MOST_ELEMENTS else 0):
            length = int.from_bytes(raw[at + 2 : at + 4], endian)  # type: ignore[arg-type]
            if length < _ELEMENT or at + length > size:
                return None
            words.append(int.from_bytes(raw[at : at + 2], endian) << 16 | length)  # type: ignore[arg-type]
            at += length
        return tuple(words) if count <= _MOST_ELEMENTS else None

    def _compare(
        self, shape: Shape, data: NDArray[Any], positions: Ints, words: tuple[int, ...]
    ) -> Iterator[tuple[Any, int]]:
        """What records have where a shape has its number of elements and their headers, and what it should be."""
        image = shape.image(data, positions)

        def at(offset: int) -> Any:
            return np.ndarray((len(image),), f"{self._order}u2", image, offset, image.strides[:1])

        yield at(4), len(words)
        offset = HEADER
        for word in words:
            yield at(offset), word >> 16
            yield at(offset + 2), word & 0xFFFF
            offset += word & 0xFFFF

    def _shape(self, size: int, words: tuple[int, ...]) -> Shape:
        key = (size, *words)
        shape = self._shapes.get(key)
        if shape is None:
            shape = Shape(size)
            offset = HEADER
            for word in words:
                shape.values += element_values(word >> 16, offset + _ELEMENT, (word & 0xFFFF) - _ELEMENT, self._order)
                offset += word & 0xFFFF
            shape.time_events()
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[key] = shape
        return shape


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
            form = member.format[:count] + order + member.format[count:]
            yield Value(offset + member.offset, form, member.field, member.element)
