"""A table over columnar snapshots: thousands of rows at several updates a second without repainting what stays.

Textual's DataTable renders every visible cell anew for each change and keeps a Python object per cell. This one
formats only the visible lines, compares them with what it painted before and refreshes the lines that differ.
The cursor belongs to a row's key, not to a position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from nftui.widgets.table_layout import GAP, MARGIN, Column, Place, TableData, arrange, fit

_WHEEL_LINES = 3


class FlowTable(Widget, can_focus=True):
    """Rows of a snapshot under one header line.

    The cursor stays on its row while rows change places, and the row stays on its line of the screen. Until the
    user moves it, or after `Home`, the cursor rests on the first line and rows pass under it.
    """

    DEFAULT_CSS = """
    FlowTable { height: 1fr; background: $background; color: $foreground; }
    FlowTable > .flow-table--header { color: $text-muted; text-style: bold; background: $panel; }
    FlowTable > .flow-table--sorted { color: $accent; text-style: bold; background: $panel; }
    FlowTable > .flow-table--key { color: $foreground; }
    FlowTable > .flow-table--number { color: $foreground 80%; }
    FlowTable > .flow-table--lead { color: $accent; }
    FlowTable > .flow-table--dim { color: $text-muted; }
    FlowTable > .flow-table--bar { color: $primary 70%; }
    FlowTable > .flow-table--faint { color: $foreground 30%; }
    FlowTable > .flow-table--cursor { background: $primary 22%; }
    FlowTable:focus > .flow-table--cursor { background: $primary 40%; }
    FlowTable:focus > .flow-table--cell { background: $primary 75%; color: $text; text-style: bold; }
    FlowTable > .flow-table--thumb { color: $primary 60%; }
    FlowTable:nocolor > .flow-table--header { text-style: bold underline; }
    FlowTable:nocolor > .flow-table--sorted { text-style: bold underline; }
    FlowTable:nocolor > .flow-table--cursor { text-style: reverse; }
    FlowTable:focus:nocolor > .flow-table--cell { text-style: reverse bold underline; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"flow-table--{part}"
        for part in ("header", "sorted", "key", "number", "lead", "dim", "bar", "faint", "cursor", "cell", "thumb")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", id="row-down"), Binding("k,up", "move(-1)", id="row-up"),
        Binding("h,left", "column(-1)", id="column-left"), Binding("l,right", "column(1)", id="column-right"),
        Binding("ctrl+d", "page(0.5)", id="half-page-down"), Binding("ctrl+u", "page(-0.5)", id="half-page-up"),
        Binding("pagedown,ctrl+f", "page(1)", id="page-down"), Binding("pageup,ctrl+b", "page(-1)", id="page-up"),
        Binding("g,home", "first", id="top"), Binding("G,end", "last", id="end"), Binding("enter", "open", id="open"),
    ]  # fmt: skip

    @dataclass
    class Opened(Message):
        """Enter or a double click on a row."""

        table: FlowTable
        key: int

        @property
        def control(self) -> FlowTable:
            """The table that was used."""
            return self.table

    @dataclass
    class SortRequested(Message):
        """A click on a header."""

        column: str

    @dataclass
    class Moved(Message):
        """The cursor was moved to another row by the user."""

        table: FlowTable
        key: int

        @property
        def control(self) -> FlowTable:
            """The table that was used."""
            return self.table

    def __init__(self, columns: Sequence[Column] = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.data = TableData()
        self.cursor_key: int | None = None
        self.cursor_row = 0
        self.cursor_column = columns[0].name if columns else ""
        self.held = False
        self.top = 0
        self.sort = ""
        self.descending = True
        self.ascii_only = False
        self._columns = tuple(columns)
        self._places: list[Place] = []
        self._lines: dict[int, Strip] = {}
        self._styles: dict[tuple[str, str], Style] = {}

    # Content

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, shown or not."""
        return self._columns

    @property
    def visible_rows(self) -> int:
        """Rows that fit below the header."""
        return max(1, self.size.height - 1)

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Show other columns, or the same ones with other formats. The cursor's column stays if it still exists."""
        self._columns = tuple(columns)
        if columns and (not self.held or all(c.name != self.cursor_column for c in columns)):
            self.cursor_column = columns[0].name
        self._arrange()
        self.refresh_lines()

    def set_sort(self, column: str, descending: bool) -> None:
        """Mark a column as the one that orders the rows."""
        if (column, descending) != (self.sort, self.descending):
            self.sort, self.descending = column, descending
            self._arrange()
            self.refresh_lines()

    def set_data(self, data: TableData) -> None:
        """Show a new snapshot: the cursor stays on its row, and its row on its line of the screen."""
        line = self.cursor_row - self.top
        self.data = data
        row = self.row_of(self.cursor_key) if self.held and self.cursor_key is not None else None
        if not self.held:
            self.cursor_row = 0
        elif row is not None:
            self.cursor_row = row
            if 0 <= line < self.visible_rows:
                self.top = row - line
        self.cursor_row = max(0, min(self.cursor_row, len(data) - 1))
        self.cursor_key = int(data.keys[self.cursor_row]) if len(data) else None
        self._clamp_top()
        self.refresh_lines()

    def reset_cursor(self) -> None:
        """Put the cursor on the first line and let rows pass under it."""
        self.held = False
        self.cursor_row = self.top = 0
        self.cursor_key = int(self.data.keys[0]) if len(self.data) else None
        self.refresh_lines()

    def hold(self, key: int) -> None:
        """Put the cursor on the row with this key as soon as a snapshot has it."""
        self.held, self.cursor_key = True, key

    def value(self, column: str, row: int | None = None) -> object:
        """Value of a column in a row, by default under the cursor; None without rows."""
        values = self.data.values.get(column)
        row = self.cursor_row if row is None else row
        return values[row] if values is not None and row < len(values) else None

    def row_of(self, key: int) -> int | None:
        """Position of the row with this key."""
        keys: Any = self.data.keys
        if isinstance(keys, (list, tuple)):
            return keys.index(key) if key in keys else None
        found = (keys == key).nonzero()[0]  # an array
        return int(found[0]) if len(found) else None

    # Painting

    def refresh_lines(self) -> None:
        """Refresh the lines whose content differs from what was painted."""
        if not self.is_mounted or not self.size:
            return
        changed = []
        for y in range(self.size.height):
            strip = self._line(y)
            if self._lines.get(y) != strip:
                self._lines[y] = strip
                changed.append(Region(0, y, self.size.width, 1))
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        strip = self._lines.get(y)
        if strip is None:
            strip = self._lines[y] = self._line(y)
        return strip

    def notify_style_update(self) -> None:
        """Colours changed: forget everything that was made with the old ones."""
        super().notify_style_update()
        self._styles.clear()
        self._lines.clear()

    def on_resize(self) -> None:
        """Choose the columns that fit."""
        self._lines.clear()
        self._arrange()
        self._clamp_top()
        self.refresh()

    def on_focus(self) -> None:
        """The cursor's colour tells where the keys go."""
        self.notify_style_update()
        self.refresh()

    on_blur = on_focus

    def _arrange(self) -> None:
        forced = frozenset({self.sort, self.cursor_column} if self.held else {self.sort})
        self._places = arrange(self._columns, max(1, self.size.width - 1 - MARGIN), forced)

    def _style(self, part: str, over: str = "") -> Style:
        style = self._styles.get((part, over))
        if style is None:
            style = self.get_component_rich_style(f"flow-table--{part}")
            if over:
                above = self.get_component_rich_style(f"flow-table--{over}")
                keep = style.color if over == "cursor" else above.color
                style = Style(color=keep, bgcolor=above.bgcolor, bold=above.bold or style.bold,
                              reverse=above.reverse, underline=above.underline)  # fmt: skip
            self._styles[part, over] = style
        return style

    def _line(self, y: int) -> Strip:
        width = self.size.width
        row = self.top + y - 1
        if y == 0:
            segments = self._header_segments()
            filler = self._style("header")
        elif row < len(self.data):
            over = "cursor" if row == self.cursor_row else ""
            segments = self._row_segments(row, over)
            filler = self._style("number", over)
        else:
            return Strip.blank(width, self._style("number"))
        used = sum(segment.cell_length for segment in segments)
        if used < width:
            segments.append(Segment(" " * (width - used), filler))
        strip = Strip(_merged(segments)).crop(0, width)
        return self._with_thumb(strip, y, width) if y else strip

    def _header_segments(self) -> list[Segment]:
        width = max((place.start + place.width for place in self._places), default=0) + 1
        line = " " * width
        marked = (0, 0)
        for place in self._places:
            column, start = place.column, place.start
            title = fit(column.title, place.width, column.align)
            if column.name == self.sort:
                # The arrow stands in the gap beside the column where the title fills it.
                word = column.title[: place.width]
                arrow = ("v" if self.descending else "^") if self.ascii_only else ("▼" if self.descending else "▲")
                right = column.align == "right"
                title = f"{arrow}{word}".rjust(place.width) if right else f"{word}{arrow}".ljust(place.width)
                start -= max(0, len(title) - place.width) if right else 0
                marked = (start, start + len(title))
            line = line[:start] + title + line[start + len(title) :]
        header, accent = self._style("header"), self._style("sorted")
        parts = ((line[: marked[0]], header), (line[slice(*marked)], accent), (line[marked[1] :], header))
        return [Segment(text, style) for text, style in parts if text]

    def _row_segments(self, row: int, over: str) -> list[Segment]:
        gap = self._style("number", over)
        segments = [Segment(" " * MARGIN, gap)]
        values = self.data.values
        for place in self._places:
            column = place.column
            value = values[column.name][row] if column.name in values else None
            text = "" if value is None else column.format(value, place.width)
            part = "lead" if column.name == self.sort and column.role == "number" else column.role
            on_cell = over and column.name == self.cursor_column and self.held and self.has_focus
            segments.append(
                Segment(fit(text, place.width, column.align), self._style(part, "cell" if on_cell else over))
            )
            segments.append(Segment(" " * GAP, gap))
        return segments[:-1]

    def _with_thumb(self, strip: Strip, y: int, width: int) -> Strip:
        rows, lines = len(self.data), self.visible_rows
        if rows <= lines:
            return strip
        size = max(1, lines * lines // rows)
        start = round(self.top / max(1, rows - lines) * (lines - size))
        if not start <= y - 1 < start + size:
            return strip
        thumb = "|" if self.ascii_only else "▐"
        return Strip([*strip.crop(0, width - 1), Segment(thumb, self._style("thumb"))])

    # Keys and mouse

    def action_move(self, rows: int) -> None:
        """Move the cursor down, or up for negative numbers."""
        self._go(self.cursor_row + rows)

    def action_page(self, pages: float) -> None:
        """Move the cursor by a part of what is visible."""
        self._go(self.cursor_row + round(pages * self.visible_rows))

    def action_first(self) -> None:
        """Go to the first row and stay at the top."""
        self.reset_cursor()
        if self.cursor_key is not None:
            self.post_message(self.Moved(self, self.cursor_key))

    def action_last(self) -> None:
        """Go to the last row."""
        self._go(len(self.data) - 1)

    def action_column(self, step: int) -> None:
        """Move the cursor to the next column; a hidden one comes into view."""
        names = [column.name for column in self._columns]
        if names:
            index = names.index(self.cursor_column) + (step if self.held else 0)
            self.cursor_column = names[max(0, min(index, len(names) - 1))]
            self._go(self.cursor_row)
            self._arrange()
            self.refresh_lines()

    def action_open(self) -> None:
        """Tell the screen that the row under the cursor is to be opened."""
        if self.cursor_key is not None:
            self.post_message(self.Opened(self, self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        """Header: sort. Row: move the cursor; double: open."""
        place = next((p for p in self._places if p.start <= event.x < p.start + p.width + GAP), None)
        if event.y == 0:
            if place and place.column.sortable:
                self.post_message(self.SortRequested(place.column.name))
            return
        row = self.top + event.y - 1
        if row >= len(self.data):
            return
        if place:
            self.cursor_column = place.column.name
        self._go(row)
        if event.chain == 2:  # a double click
            self.action_open()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move the view, not the cursor."""
        self._scroll(event, _WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move the view, not the cursor."""
        self._scroll(event, -_WHEEL_LINES)

    def _scroll(self, event: events.MouseEvent, lines: int) -> None:
        event.stop()
        self.held = True
        self.top += lines
        self._clamp_top()
        self.refresh_lines()

    def _go(self, row: int) -> None:
        if not len(self.data):
            return
        self.held = True
        self.cursor_row = max(0, min(row, len(self.data) - 1))
        self.cursor_key = int(self.data.keys[self.cursor_row])
        self.top = max(min(self.top, self.cursor_row), self.cursor_row - self.visible_rows + 1)
        self.refresh_lines()
        self.post_message(self.Moved(self, self.cursor_key))

    def _clamp_top(self) -> None:
        self.top = max(0, min(self.top, len(self.data) - self.visible_rows))


def _merged(segments: list[Segment]) -> list[Segment]:
    out: list[Segment] = []
    for segment in segments:
        if out and out[-1].style is segment.style:
            out[-1] = Segment(out[-1].text + segment.text, segment.style)
        else:
            out.append(segment)
    return out
