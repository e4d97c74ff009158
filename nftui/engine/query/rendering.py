"""Rows to lines, a column at a time.

Writing a flow costs a dozen function calls if it is done value by value. Here each cell's text is looked up by
its value in a dictionary that computes what it does not have: ports, protocols, addresses and counters repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Protocol

Row = tuple[Any, ...]

_REMEMBERED = 200_000
"""Texts remembered per cell; more and it starts afresh."""


class LineWriter(Protocol):
    """A format made ready for a list of flows."""

    @property
    def header(self) -> str:
        """First line, or empty."""
        ...

    @property
    def columns(self) -> Sequence[str]:
        """SQL expressions to select."""
        ...

    @property
    def fields(self) -> Sequence[str]:
        """Registry fields that they read."""
        ...

    def lines(self, rows: Sequence[Row]) -> Iterable[str]:
        """One text per row of the selected columns; may be several lines."""
        ...


class Cell(dict[Any, str]):
    """Text of one cell by the values that it shows.

    Args:
        places: positions in the row of these values.
        render: makes the text from them.
    """

    def __init__(self, places: Sequence[int], render: Callable[..., str]) -> None:
        super().__init__()
        self._places = tuple(places)
        self._render = render

    def __missing__(self, key: Any) -> str:
        text = self._render(*key) if len(self._places) > 1 else self._render(key)
        self[key] = text
        return text

    def texts(self, columns: Sequence[Sequence[Any]]) -> Iterator[str]:
        """Texts for all rows, given by columns."""
        if len(self) > _REMEMBERED:
            self.clear()
        keys: Iterable[Any] = columns[self._places[0]]
        if len(self._places) > 1:
            keys = zip(*(columns[place] for place in self._places), strict=True)
        return map(self.__getitem__, keys)


@dataclass(frozen=True, slots=True)
class Column:
    """Texts of a column whose values hardly ever repeat.

    Attributes:
        place: position in the row.
        render: makes the texts of all values.
    """

    place: int
    render: Callable[[Iterable[Any]], Iterator[str]]

    def texts(self, columns: Sequence[Sequence[Any]]) -> Iterator[str]:
        """Texts for all rows, given by columns."""
        return self.render(columns[self.place])


def joined(rows: Sequence[Row], parts: Sequence[str | Cell | Column], separator: str = "") -> Iterator[str]:
    """Cells and literal texts of each row, joined."""
    columns = list(zip(*rows, strict=True))
    texts = [repeat(part, len(rows)) if isinstance(part, str) else part.texts(columns) for part in parts]
    return map(separator.join, zip(*texts, strict=True))
