"""Every field of one flow, with its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static

from nftui.text import clean
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.table_layout import GAP, MARGIN, Column, TableData, plain_cell


@dataclass(frozen=True, slots=True)
class DetailLine:
    """One field for people.

    Attributes:
        name: the field's name in files and filters.
        title: its short title.
        value: its value with unit.
        doc: what it means, one sentence.
        term: filter for the flows with this value, empty for none.
        origin: where it comes from on the wire, empty when not from there.
        key: row of another flow that the line stands for, None for none.
    """

    name: str
    title: str
    value: str
    doc: str = ""
    term: str = ""
    origin: str = ""
    key: int | None = None


@dataclass(frozen=True, slots=True)
class DetailSection:
    """Lines under one name."""

    name: str
    lines: tuple[DetailLine, ...]


class FlowDetail(Vertical):
    """Sections of lines, one at a time, and below them the whole value and meaning of the line under the cursor.

    Sections may get other lines while they are read: the cursor stays where it is.
    """

    DEFAULT_CSS = """
    FlowDetail { display: none; background: $background; }
    FlowDetail.-open { display: block; }
    FlowDetail Static { height: auto; max-height: 4; color: $text-muted; background: $surface; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "section_step(1)", id="detail-next"),
        Binding("shift+tab", "section_step(-1)", id="detail-before"),
    ]
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("title", "Field", 15, plain_cell, role="dim", sortable=False, grow=2),
        Column("value", "Value", 27, plain_cell, role="key", sortable=False, grow=12),
        Column("doc", "Meaning", 24, plain_cell, role="dim", sortable=False, grow=60, rank=1),
    )

    @dataclass
    class Opened(Message):
        """Enter on a line that stands for another flow."""

        key: int

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines: tuple[DetailLine, ...] = ()
        self.sections: tuple[DetailSection, ...] = ()
        self.chosen = 0

    def compose(self) -> ComposeResult:
        """Title, sections, fields, and the line about the current one."""
        yield Ribbon(id="detail-title")
        yield Ribbon(id="detail-sections", gap=0)
        yield FlowTable(self.COLUMNS, id="detail-fields")
        yield Static("", markup=False)

    @property
    def table(self) -> FlowTable:
        """The table of fields."""
        return self.query_one(FlowTable)

    @property
    def current(self) -> DetailLine | None:
        """The field under the cursor."""
        row = self.table.cursor_row
        return self.lines[row] if row < len(self.lines) else None

    def show(self, title: str, sections: Sequence[DetailSection]) -> None:
        """Show a flow and take the keys. The section that was read of the flow before is read of this one."""
        self.add_class("-open")
        self.query_one("#detail-title", Ribbon).show([Item(title, "strong")], [Item("Esc closes", "dim", rank=1)])
        self.sections = tuple(sections)
        self.choose(min(self.chosen, len(self.sections) - 1))
        self.table.focus()

    def update(self, sections: Sequence[DetailSection]) -> None:
        """The same sections know more by now."""
        self.sections = tuple(sections)
        self._fill()

    def choose(self, section: int) -> None:
        """Read a section from its first line."""
        self.chosen = section
        self._fill()
        self.table.reset_cursor()
        self._explain()

    def action_section_step(self, step: int) -> None:
        """Read the next section, or the one before."""
        self.choose((self.chosen + step) % len(self.sections))

    def _fill(self) -> None:
        lines = self.lines = self.sections[self.chosen].lines
        self._arrange(max((cell_len(line.value) for line in lines), default=0))
        self.table.set_data(
            TableData(
                list(range(len(lines))),
                {part: [getattr(line, part) for line in lines] for part in ("title", "value", "doc")},
            )
        )
        items = [
            Item(f" {section.name} ", "active" if place == self.chosen else "dim", action=f"detail_section({place})")
            for place, section in enumerate(self.sections)
        ]
        self.query_one("#detail-sections", Ribbon).show(items, [Item("Tab", "dim", rank=1)])
        self._explain()

    def _arrange(self, longest: int) -> None:
        """Give values the room that they need; the meaning, which stands below, too, leaves for those of a section.

        Args:
            longest: cells of the longest value. The list of fields keeps the meaning in any case.
        """
        title, value, doc = self.COLUMNS
        spare = self.size.width - title.width - doc.width - 2 * GAP - MARGIN - 1
        columns = self.COLUMNS
        if value.width + value.grow < longest <= spare:
            columns = (title, replace(value, grow=longest - value.width), doc)
        elif longest > max(spare, value.width + value.grow) and self.chosen:
            columns = (title, replace(value, grow=longest))
        if columns != self.table.columns:
            self.table.set_columns(columns)

    def on_resize(self) -> None:
        """Another width."""
        if self.sections:
            self._fill()

    def close(self) -> None:
        """Hide the pane."""
        self.remove_class("-open")

    @on(FlowTable.Moved)
    def _moved(self, event: FlowTable.Moved) -> None:
        event.stop()
        self._explain()

    @on(FlowTable.Opened)
    def _opened(self, event: FlowTable.Opened) -> None:
        event.stop()
        line = self.current
        if line is not None and line.key is not None:
            self.post_message(self.Opened(line.key))

    def _explain(self) -> None:
        line = self.current
        parts = (f"{line.name or line.title}: {line.value}", f"{line.doc} {line.origin}") if line else ()
        text = "\n".join(parts)
        self.query_one(Static).update("\n".join(clean(part, 2000) for part in text.split("\n")))
