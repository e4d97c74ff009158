"""Every field of one flow, with its meaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from nftui.text import clean
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.table_layout import Column, TableData


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
    """

    name: str
    title: str
    value: str
    doc: str = ""
    term: str = ""
    origin: str = ""


def _plain(value: str, width: int) -> str:  # noqa: ARG001  the table cuts
    return value


class FlowDetail(Vertical):
    """A table of fields, and below it the whole value and meaning of the field under the cursor."""

    DEFAULT_CSS = """
    FlowDetail { display: none; background: $background; }
    FlowDetail.-open { display: block; }
    FlowDetail Static { height: auto; max-height: 4; color: $text-muted; background: $surface; padding: 0 1; }
    """
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("title", "Field", 14, _plain, role="dim", sortable=False, grow=2),
        Column("value", "Value", 27, _plain, role="key", sortable=False, grow=12),
        Column("doc", "Meaning", 24, _plain, role="dim", sortable=False, grow=60, rank=1),
    )

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines: tuple[DetailLine, ...] = ()

    def compose(self) -> ComposeResult:
        """Title, fields, and the line about the current one."""
        yield Ribbon(id="detail-title")
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

    def show(self, title: str, lines: Sequence[DetailLine]) -> None:
        """Show the fields of a flow and take the keys."""
        self.lines = tuple(lines)
        self.add_class("-open")
        self.query_one(Ribbon).show([Item(title, "strong")], [Item("Esc closes", "dim", rank=1)])
        self.table.set_data(
            TableData(
                list(range(len(lines))),
                {part: [getattr(line, part) for line in lines] for part in ("title", "value", "doc")},
            )
        )
        self.table.reset_cursor()
        self._explain()
        self.table.focus()

    def close(self) -> None:
        """Hide the pane."""
        self.remove_class("-open")

    @on(FlowTable.Moved)
    def _moved(self, event: FlowTable.Moved) -> None:
        event.stop()
        self._explain()

    def _explain(self) -> None:
        line = self.current
        parts = (f"{line.name}: {line.value}", f"{line.doc} {line.origin}") if line else ()
        text = "\n".join(parts)
        self.query_one(Static).update("\n".join(clean(part, 2000) for part in text.split("\n")))
