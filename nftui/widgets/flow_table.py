"""A table over columnar snapshots: thousands of rows at several updates a second without repainting what stays.

Textual's DataTable renders every visible cell anew for each change and keeps a Python object per cell. This one
formats only the visible lines, compares them with what it painted before and refreshes the lines that differ.
The cursor belongs to a row's key, not to a position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from nftui.widgets.contrast import readable
from nftui.widgets.table_layout import GAP, MARGIN, Column, Place, TableData, arrange, arrange_scrolled, fit
from nftui.widgets.table_lines import PICTURES, header_line, merged, row_line, with_thumb

_WHEEL_LINES = 3
_NOTE_LINE = 2
_NARROWEST = 3
"""Cells of a column at least."""


class FlowTable(Widget, can_focus=True):
    """Rows of a snapshot under one header line.

    The cursor stays on its row while rows change places, and the row stays on its line of the screen. Until the
    user moves it, or after `Home`, the cursor rests on the first line and rows pass under it.

    Rows count from 0 over the whole table, of which `data` may have a part: rows that are not there yet are dots.

    Attributes:
        data: the rows.
        cursor_key: row under the cursor; None while it is not known.
        cursor_row: its place in the whole table.
        cursor_column: name of the column under the cursor.
        cell_chosen: the user put the cursor on a cell, not only on a row.
        held: the cursor belongs to its row; otherwise it rests on the first line.
        top: first row that is seen.
        left: columns after the first one that are scrolled out, where columns scroll.
        scrolled: all columns stay and scroll; otherwise those of the highest rank go.
        sort: column that orders the rows.
        descending: largest first.
        ascii_only: no characters beyond ASCII.
    """

    DEFAULT_CSS = """
    FlowTable { height: 1fr; background: $background; color: $foreground; }
    FlowTable > .flow-table--header { color: $text-muted; text-style: bold; background: $panel; }
    FlowTable > .flow-table--sorted { color: $accent; text-style: bold; background: $panel; }
    FlowTable > .flow-table--key { color: $foreground; }
    FlowTable > .flow-table--number { color: $foreground 85%; }
    FlowTable > .flow-table--lead { color: $accent; }
    FlowTable > .flow-table--dim { color: $text-muted; }
    FlowTable > .flow-table--bar { color: $primary 70%; }
    FlowTable > .flow-table--faint { color: $foreground 30%; }
    FlowTable > .flow-table--cursor { background: $primary 22%; }
    FlowTable:focus > .flow-table--cursor { background: $primary 40%; }
    FlowTable:focus > .flow-table--cell { background: $primary; color: $background; text-style: bold; }
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
        Binding("pagedown", "page(1)", id="page-down"), Binding("pageup,ctrl+b", "page(-1)", id="page-up"),
        Binding("g,home", "first", id="top"), Binding("G,end", "last", id="end"), Binding("enter", "open", id="open"),
    ]  # fmt: skip

    @dataclass
    class Used(Message):
        """The user did something with a table."""

        table: FlowTable

        @property
        def control(self) -> FlowTable:
            """The table that was used."""
            return self.table

    @dataclass
    class Opened(Used):
        """Enter or a double click on a row."""

        key: int

    @dataclass
    class SortRequested(Message):
        """A click on a header."""

        column: str

    @dataclass
    class Resized(Message):
        """The edge of a column was dragged."""

        column: str
        width: int

    @dataclass
    class Scrolled(Used):
        """Other rows are seen, the cursor stays where it was."""

    @dataclass
    class Moved(Used):
        """The cursor was moved to another row by the user; the key is None where the row is not there yet."""

        key: int | None

    def __init__(self, columns: Sequence[Column] = (), id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.data = TableData()
        self.cursor_key: int | None = None
        self.cursor_row = 0
        self.cursor_column = columns[0].name if columns else ""
        self.cell_chosen = False
        self.held = False
        self.top = 0
        self.left = 0
        self.scrolled = False
        self.sort = ""
        self.descending = True
        self.ascii_only = False
        self.note = ""
        self._dragged: tuple[str, int] | None = None
        self._columns = tuple(columns)
        self._places: list[Place] = []
        self._lines: dict[int, Strip] = {}
        self._styles: dict[tuple[str, str], Style] = {}

    # Content

    def set_note(self, note: str) -> None:
        """Say why there are no rows; shown only while there are none."""
        if note != self.note:
            self.note = note
            self.refresh_lines()

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, shown or not."""
        return self._columns

    @property
    def visible_rows(self) -> int:
        """Rows that fit below the header."""
        return max(1, self.size.height - 1)

    def set_columns(self, columns: Sequence[Column], scrolled: bool = False) -> None:
        """Show other columns, or the same ones with other formats. The cursor's column stays if it still exists."""
        self._columns = tuple(columns)
        self.scrolled = scrolled
        if columns and (not self.held or all(c.name != self.cursor_column for c in columns)):
            self.cursor_column = columns[0].name
            self.cell_chosen = False
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
        row = data.row_of(self.cursor_key) if self.held and self.cursor_key is not None else None
        if not self.held:
            self.cursor_row = 0
        elif row is not None:
            self.cursor_row = row
            if 0 <= line < self.visible_rows:
                self.top = row - line
        self.cursor_row = max(0, min(self.cursor_row, data.rows - 1))
        if data.index(self.cursor_row) is not None:
            self.cursor_key = data.key(self.cursor_row)
        elif not data.rows:
            self.cursor_key = None
        self._clamp_top()
        self.refresh_lines()

    def reset_cursor(self) -> None:
        """Put the cursor on the first line and let rows pass under it."""
        self.held = self.cell_chosen = False
        self.cursor_row = self.top = 0
        self.cursor_key = self.data.key(0)
        self.refresh_lines()

    def hold(self, key: int) -> None:
        """Put the cursor on the row with this key as soon as a snapshot has it."""
        self.held, self.cursor_key = True, key

    def value(self, column: str, row: int | None = None) -> object:
        """Value of a column in a row, by default under the cursor; None where it is not known."""
        values = self.data.values.get(column)
        index = self.data.index(self.cursor_row if row is None else row)
        return values[index] if values is not None and index is not None else None

    def row_of(self, key: int) -> int | None:
        """Place of the row with this key."""
        return self.data.row_of(key)

    def text(self, row: int) -> str:
        """What can be read in a row, in all its columns, seen or not; empty where it is not known."""
        index = self.data.index(row)
        if index is None:
            return ""
        return "  ".join(
            column.format(self.data.values[column.name][index], 64)
            for column in self._columns
            if column.name in self.data.values and column.sortable
        )

    def go(self, row: int) -> None:
        """Put the cursor on a row of the whole table."""
        self._go(row)

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
        width = max(1, self.size.width - 1 - MARGIN)
        if self.scrolled:
            self._places, self.left = arrange_scrolled(self._columns, width, self.left, self.cursor_column)
        else:
            forced = frozenset({self.sort, self.cursor_column} if self.held else {self.sort})
            self._places, self.left = arrange(self._columns, width, forced), 0

    def _beyond(self) -> tuple[bool, bool]:
        """Whether columns are out of sight to the left and to the right."""
        if not self._places:
            return False, False
        if self.scrolled:
            return self.left > 0, self._places[-1].column.name != self._columns[-1].name
        return False, len(self._places) < len(self._columns)

    def _style(self, part: str, over: str = "") -> Style:
        style = self._styles.get((part, over))
        if style is None:
            style = self.get_component_rich_style(f"flow-table--{part}")
            if over:
                above = self.get_component_rich_style(f"flow-table--{over}")
                keep = style.color if over == "cursor" else above.color
                style = Style(color=keep, bgcolor=above.bgcolor, bold=above.bold or style.bold,
                              reverse=above.reverse, underline=above.underline)  # fmt: skip
            self._styles[part, over] = style if part in PICTURES else readable(style)
        return self._styles[part, over]

    def _line(self, y: int) -> Strip:
        width = self.size.width
        row = self.top + y - 1
        if y == 0:
            segments = header_line(
                self._places, width, self.sort, self.descending, self._beyond(), self.ascii_only, self._style
            )
            filler = self._style("header")
        elif row < self.data.rows:
            over = "cursor" if row == self.cursor_row else ""
            cell = self.cursor_column if self.held and self.has_focus else ""
            segments = row_line(self.data, row, self._places, self.sort, over, cell, self._style)
            filler = self._style("number", over)
        else:
            words = f" {fit(self.note, width - 1)}" if y == _NOTE_LINE and not self.data.rows else " " * width
            return Strip([Segment(words, self._style("dim"))])
        used = sum(segment.cell_length for segment in segments)
        if used < width:
            segments.append(Segment(" " * (width - used), filler))
        strip = Strip(merged(segments)).crop(0, width)
        if y == 0:
            return strip
        mark = Segment("|" if self.ascii_only else "▐", self._style("thumb"))
        return with_thumb(strip, y - 1, self.top, self.visible_rows, self.data.rows, mark)

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
        self._go(self.data.rows - 1)

    def action_column(self, step: int) -> None:
        """Move the cursor to the next column; a hidden one comes into view."""
        names = [column.name for column in self._columns]
        if names:
            index = names.index(self.cursor_column) + (step if self.held else 0)
            self.cursor_column = names[max(0, min(index, len(names) - 1))]
            self.cell_chosen = True
            self._go(self.cursor_row)
            self._arrange()
            self.refresh_lines()

    def action_open(self) -> None:
        """Tell the screen that the row under the cursor is to be opened."""
        if self.cursor_key is not None:
            self.post_message(self.Opened(self, self.cursor_key))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the edge of a column: the gap to its right in the header."""
        if event.y == 0:
            edge = next((p for p in self._places if p.start + p.width <= event.x < p.start + p.width + GAP), None)
            if edge is not None:
                self._dragged = (edge.column.name, event.x - edge.width)
                self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Drag the edge."""
        if self._dragged is None:
            return
        name, origin = self._dragged
        width = max(_NARROWEST, event.x - origin)
        if any(p.column.name == name and p.width != width for p in self._places):
            self._columns = tuple(replace(c, width=width, grow=0) if c.name == name else c for c in self._columns)
            self._arrange()
            self.refresh_lines()

    def on_mouse_up(self) -> None:
        """Let go of the edge."""
        if self._dragged is None:
            return
        name, _ = self._dragged
        self.release_mouse()
        width = next((column.width for column in self._columns if column.name == name and not column.grow), 0)
        if width:
            self.post_message(self.Resized(name, width))

    def on_click(self, event: events.Click) -> None:
        """Header: sort. Row: move the cursor; double: open."""
        if self._dragged is not None:
            self._dragged = None
            return
        place = next((p for p in self._places if p.start <= event.x < p.start + p.width + GAP), None)
        if event.y == 0:
            if place and place.column.sortable:
                self.post_message(self.SortRequested(place.column.name))
            return
        row = self.top + event.y - 1
        if row >= self.data.rows:
            return
        if place:
            self.cell_chosen = event.chain == 1
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
        self.post_message(self.Scrolled(self))

    def _go(self, row: int) -> None:
        if not self.data.rows:
            return
        self.held = True
        self.cursor_row = max(0, min(row, self.data.rows - 1))
        self.cursor_key = self.data.key(self.cursor_row)
        self.top = max(min(self.top, self.cursor_row), self.cursor_row - self.visible_rows + 1)
        self.refresh_lines()
        self.post_message(self.Moved(self, self.cursor_key))

    def _clamp_top(self) -> None:
        self.top = max(0, min(self.top, self.data.rows - self.visible_rows))
