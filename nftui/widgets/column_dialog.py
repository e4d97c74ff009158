"""A dialog that says which columns a table has, in which order, how wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from nftui.widgets.flow_table import FlowTable
from nftui.widgets.table_layout import Column, TableData, plain_cell

WIDEST = 80
NARROWEST = 3
"""Bounds of a column's width, cells."""


@dataclass(frozen=True, slots=True)
class ColumnOffer:
    """A column that a table may have.

    Attributes:
        name: its name.
        title: header.
        width: cells that it has now.
        doc: what it is, in a sentence.
        shown: whether the table has it.
    """

    name: str
    title: str
    width: int
    doc: str
    shown: bool


@dataclass(frozen=True, slots=True)
class ColumnAnswer:
    """What the user chose.

    Attributes:
        names: columns in their order; empty: those that fit.
        widths: cells of those whose width was changed.
    """

    names: tuple[str, ...]
    widths: Mapping[str, int]


class ColumnDialog(ModalScreen[ColumnAnswer | None]):
    """Space shows or hides a column, J and K move it, + and - resize it; closes with None when nothing shall change.

    Args:
        title: of which table.
        offers: all columns, those that are shown first and in their order.
        widths: cells of the columns that were resized before.
    """

    DEFAULT_CSS = """
    ColumnDialog { align: center middle; background: $background 40%; }
    ColumnDialog > Vertical { width: 124; max-width: 98%; height: 90%; max-height: 40; background: $surface;
        border: round $primary; padding: 0 1; }
    ColumnDialog Static { width: 1fr; height: auto; }
    ColumnDialog #keys { color: $text-muted; }
    """
    SCOPE = "columns"
    AUTO_FOCUS = "FlowTable"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("mark", "", 2, plain_cell, sortable=False),
        Column("title", "Column", 16, plain_cell, grow=8, role="key"),
        Column("width", "Width", 5, plain_cell, "right"),
        Column("doc", "", 10, plain_cell, grow=80, rank=1, role="dim"),
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "show", id="columns-toggle"),
        Binding("J,shift+down", "shift(1)", id="columns-down"), Binding("K,shift+up", "shift(-1)", id="columns-up"),
        Binding("plus,greater_than_sign", "resize(1)", id="columns-wider"),
        Binding("minus,less_than_sign", "resize(-1)", id="columns-narrower"),
        Binding("a", "automatic", id="columns-automatic"), Binding("escape,q", "cancel", id="columns-cancel"),
    ]  # fmt: skip

    def __init__(self, title: str, offers: Sequence[ColumnOffer], widths: Mapping[str, int]) -> None:
        super().__init__()
        self._title = title
        self._offers = list(offers)
        self._shown = {offer.name for offer in offers if offer.shown}
        self._changed = dict(widths)

    def compose(self) -> ComposeResult:
        """Title, list, keys."""
        with Vertical():
            yield Static(self._title, markup=False)
            yield FlowTable(self.COLUMNS)
            yield Static("Space show  J K move  + - width  a those that fit  Enter done  Esc cancel",
                         markup=False, id="keys")  # fmt: skip

    def on_mount(self) -> None:
        """The list."""
        self._list()

    def _list(self) -> None:
        keys = [hash(offer.name) & 0x7FFFFFFFFFFFFFFF for offer in self._offers]
        self.query_one(FlowTable).set_data(
            TableData(
                keys,
                {
                    "mark": ["x" if offer.name in self._shown else "" for offer in self._offers],
                    "title": [offer.title for offer in self._offers],
                    "width": [self._changed.get(offer.name, offer.width) for offer in self._offers],
                    "doc": [offer.doc for offer in self._offers],
                },
            )
        )

    @property
    def _row(self) -> int:
        return self.query_one(FlowTable).cursor_row

    def action_show(self) -> None:
        """Show the column, or hide it; one stays."""
        name = self._offers[self._row].name
        if name not in self._shown:
            self._shown.add(name)
        elif len(self._shown) > 1:
            self._shown.discard(name)
        self._list()
        self.query_one(FlowTable).go(min(self._row + 1, len(self._offers) - 1))

    def action_shift(self, step: int) -> None:
        """Move the column up or down."""
        row = self._row
        other = row + step
        if 0 <= other < len(self._offers):
            self._offers[row], self._offers[other] = self._offers[other], self._offers[row]
            self.query_one(FlowTable).go(other)
            self._list()
            self.query_one(FlowTable).go(other)

    def action_resize(self, step: int) -> None:
        """Make the column wider or narrower."""
        offer = self._offers[self._row]
        width = self._changed.get(offer.name, offer.width) + step
        self._changed[offer.name] = max(NARROWEST, min(width, WIDEST))
        self._list()

    @on(FlowTable.Opened)
    def _done(self, event: FlowTable.Opened) -> None:
        event.stop()
        names = tuple(offer.name for offer in self._offers if offer.name in self._shown)
        self.dismiss(ColumnAnswer(names, self._changed))

    def action_automatic(self) -> None:
        """Let the table choose the columns that fit, at their usual width."""
        self.dismiss(ColumnAnswer((), {}))

    def action_cancel(self) -> None:
        """Change nothing."""
        self.dismiss(None)
