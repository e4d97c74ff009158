"""How the lines of a table look: header, rows, scroll thumb."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from nftui.widgets.table_layout import GAP, MARGIN, Place, TableData, fit

PICTURES = frozenset({"bar", "faint", "thumb"})
"""Parts that are no text: nobody has to read them."""

StyleOf = Callable[[str, str], Style]
"""Style of a part, and of that part under the cursor (`cursor` or `cell`)."""


def header_line(
    places: Sequence[Place],
    width: int,
    sort: str,
    descending: bool,
    beyond: tuple[bool, bool],
    plain: bool,
    style: StyleOf,
) -> list[Segment]:
    """The header: titles, an arrow at the column that orders the rows, marks where columns are out of sight.

    Args:
        places: columns that are seen.
        width: cells.
        sort: name of the column that orders the rows.
        descending: largest first.
        beyond: whether there are more columns to the left and to the right.
        plain: no characters beyond ASCII.
        style: styles of the parts.
    """
    line = " " * width
    marked = (0, 0)
    for place in places:
        column, start = place.column, place.start
        title = fit(column.title, place.width, column.align)
        if column.name == sort:
            # The arrow stands in the gap beside the column where the title fills it.
            word = column.title[: place.width]
            arrow = ("v" if descending else "^") if plain else ("▼" if descending else "▲")
            right = column.align == "right"
            title = f"{arrow}{word}".rjust(place.width) if right else f"{word}{arrow}".ljust(place.width)
            start -= max(0, len(title) - place.width) if right else 0
            marked = (start, start + len(title))
        line = line[:start] + title + line[start + len(title) :]
    line = line[:width]
    more_left, more_right = ("<", ">") if plain else ("«", "»")
    line = (more_left if beyond[0] else line[:1]) + line[1:-1] + (more_right if beyond[1] else line[-1:])
    header, accent = style("header", ""), style("sorted", "")
    parts = ((line[: marked[0]], header), (line[slice(*marked)], accent), (line[marked[1] :], header))
    return [Segment(text, part) for text, part in parts if text]


def row_line(
    data: TableData, row: int, places: Sequence[Place], sort: str, over: str, cell: str, style: StyleOf
) -> list[Segment]:
    """One row.

    Args:
        data: the rows.
        row: place in the whole table; one that is not there yet is drawn as dots.
        places: columns that are seen.
        sort: name of the column that orders the rows.
        over: `cursor` under the cursor.
        cell: name of the column under the cursor, where it is to be seen.
        style: styles of the parts.
    """
    gap = style("number", over)
    segments = [Segment(" " * MARGIN, gap)]
    index = data.index(row)
    stale = index is not None and bool(len(data.stale)) and bool(data.stale[index])
    for place in places:
        column = place.column
        if index is None:
            text = "…" if place is places[0] else ""
        else:
            value = data.values[column.name][index] if column.name in data.values else None
            text = "" if value is None else column.format(value, place.width)
        part = "lead" if column.name == sort and column.role == "number" else column.role
        if stale:
            part = "faint" if column.role in PICTURES else "dim"
        look = style(part, "cell" if over and column.name == cell else over)
        segments.append(Segment(fit(text, place.width, column.align), look))
        segments.append(Segment(" " * GAP, gap))
    return segments[:-1]


def with_thumb(strip: Strip, line: int, top: int, lines: int, rows: int, mark: Segment) -> Strip:
    """A line with its part of the scroll thumb, if it has one.

    Args:
        strip: the line.
        line: its place below the header, from 0.
        top: first row that is seen.
        lines: rows that are seen.
        rows: rows of the whole table.
        mark: a piece of the thumb.
    """
    if rows <= lines:
        return strip
    size = max(1, lines * lines // rows)
    start = round(top / max(1, rows - lines) * (lines - size))
    if not start <= line < start + size:
        return strip
    return Strip([*strip.crop(0, strip.cell_length - 1), mark])


def merged(segments: list[Segment]) -> list[Segment]:
    """Neighbours of one style as one segment."""
    out: list[Segment] = []
    for segment in segments:
        if out and out[-1].style is segment.style:
            out[-1] = Segment(out[-1].text + segment.text, segment.style)
        else:
            out.append(segment)
    return out
