"""Columns of a table, and which of them fit a given width."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.cells import cell_len, set_cell_size

from nftui.text import clean, compact

GAP = 2
"""Blank cells between two columns."""

MARGIN = 1
"""Blank cells before the first column."""


def plain_cell(value: object, width: int) -> str:  # noqa: ARG001  the table cuts
    """A value as it is."""
    return str(value)


def count_cell(value: int, width: int) -> str:  # noqa: ARG001
    """A number with three digits and a unit prefix."""
    return compact(value)


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: key of the column's values in `TableData.values`.
        title: header text.
        width: cells that it needs at least.
        format: text of a value within a number of cells.
        align: numbers stand right, names left.
        grow: cells that it may take on top when there is room.
        rank: columns with the highest rank disappear first on a narrow screen; 0 never does.
        role: what its colour says: a key, a number, something dim, a bar, or a faint picture.
        sortable: whether the header and the sort keys choose it.
    """

    name: str
    title: str
    width: int
    format: Callable[[Any, int], str]
    align: Literal["left", "right"] = "left"
    grow: int = 0
    rank: int = 0
    role: Literal["key", "number", "dim", "bar", "faint"] = "number"
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class TableData:
    """Rows as columns, in the order in which they are shown; perhaps only those around what is seen.

    Attributes:
        keys: identity of each row; it stays the same from snapshot to snapshot.
        values: column name to one value per row.
        first: place of the first of these rows in the whole table.
        total: rows of the whole table; negative for just these.
        stale: whether each row is out of date and so is drawn dim; empty for none.
    """

    keys: Sequence[int] = ()
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    first: int = 0
    total: int = -1
    stale: Sequence[bool] = ()

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def rows(self) -> int:
        """Rows of the whole table."""
        return max(self.total, self.first + len(self.keys))

    def index(self, row: int) -> int | None:
        """Where a row of the whole table is among these; None when it is not."""
        index = row - self.first
        return index if 0 <= index < len(self.keys) else None

    def key(self, row: int) -> int | None:
        """Identity of a row of the whole table, where it is known."""
        index = self.index(row)
        return None if index is None else int(self.keys[index])

    def row_of(self, key: int) -> int | None:
        """Place of the row with this key in the whole table."""
        keys: Any = self.keys
        if isinstance(keys, (list, tuple)):
            return keys.index(key) + self.first if key in keys else None
        found = (keys == key).nonzero()[0]  # an array
        return int(found[0]) + self.first if len(found) else None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column stands: `width` cells from cell `start` on."""

    column: Column
    start: int
    width: int


def arrange(columns: Sequence[Column], width: int, forced: frozenset[str] = frozenset()) -> list[Place]:
    """Choose the columns that fit and give each its place.

    Columns leave in the order of their rank, equals together, those named in `forced` last; then those without a rank,
    from the right, one by one. What is left over goes to the key columns that may grow, in proportion, and then to the
    others from left to right.
    """
    shown = list(columns)
    while len(shown) > 1 and sum(c.width for c in shown) + GAP * (len(shown) - 1) > width:
        candidates = [c for c in shown if c.rank and c.name not in forced] or [c for c in shown if c.rank]
        if not candidates:
            shown.pop()
            continue
        worst = max(c.rank for c in candidates)
        shown = [c for c in shown if c.rank != worst or c not in candidates]
    spare = max(0, width - sum(c.width for c in shown) - GAP * (len(shown) - 1))
    extra = dict.fromkeys((c.name for c in shown), 0)
    most = sum(c.grow for c in shown if c.role == "key")
    share = min(1.0, spare / most) if most else 0.0
    for column in sorted(shown, key=lambda c: c.role != "key"):
        given = min(spare, int(column.grow * share) if column.role == "key" else column.grow)
        extra[column.name] = given
        spare -= given
    places = []
    start = MARGIN
    for column in shown:
        cells = min(column.width + extra[column.name], max(1, width + MARGIN - start))
        places.append(Place(column, start, cells))
        start += cells + GAP
    return places


def arrange_scrolled(columns: Sequence[Column], width: int, left: int, cursor: str) -> tuple[list[Place], int]:
    """Give all columns their width and show those that fit from a place on; the first one always stays.

    Args:
        columns: in their order.
        width: cells.
        left: how many columns after the first are scrolled out.
        cursor: name of a column that must be seen.

    Returns:
        The places, and `left` as it had to be.
    """
    rest = columns[1:]
    wanted = next((i for i, column in enumerate(rest) if column.name == cursor), None)
    left = max(0, min(left, len(rest) - 1))
    if wanted is not None:
        left = min(left, wanted)
    while True:
        places: list[Place] = []
        start = MARGIN
        for column in (*columns[:1], *rest[left:]):
            if places and start + column.width > width + MARGIN:
                break
            places.append(Place(column, start, min(column.width, max(1, width + MARGIN - start))))
            start += column.width + GAP
        if wanted is None or left == wanted or any(place.column.name == cursor for place in places):
            return places, left
        left += 1


def fit(text: str, width: int, align: str = "left") -> str:
    """The text in exactly `width` cells, without control characters; what is cut off leaves an ellipsis."""
    if not text.isprintable():
        text = clean(text)
    if text.isascii():
        if len(text) > width:
            text = text[: width - 1] + "…" if width > 1 else text[:width]
        return text.rjust(width) if align == "right" else text.ljust(width)
    cells = cell_len(text)
    if cells > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, width)
    return " " * (width - cells) + text if align == "right" else text + " " * (width - cells)


def bar(fraction: float, width: int, ascii_only: bool = False) -> str:
    """A thin bar over the given part of `width` cells, in steps of half a cell."""
    whole, half = divmod(round(max(0.0, min(1.0, fraction)) * width * 2), 2)
    return "=" * whole if ascii_only else "━" * whole + "╸" * half
