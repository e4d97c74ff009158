"""Actions of the live screen: which columns a table has, rows of long tables, an order that holds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on

from nftui.screens.asking import AskingBoard
from nftui.screens.board import BoardOptions
from nftui.screens.column_choice import ColumnChoices
from nftui.screens.column_offers import column_offers
from nftui.screens.columns import table_columns, table_data
from nftui.screens.row_window import covers, lost_row, rows_wanted
from nftui.screens.source import Source
from nftui.screens.views import view_title
from nftui.text import compact
from nftui.widgets.column_dialog import ColumnAnswer, ColumnDialog
from nftui.widgets.flow_table import FlowTable

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.screens.steadiness import Steadiness, Steady


class Tables(AskingBoard):
    """The rows and columns of the main table.

    Attributes:
        choices: columns that the user chose.
        steady: latest snapshot in the order in which it is shown.
    """

    def __init__(self, source: Source, options: BoardOptions) -> None:
        super().__init__(source, options)
        self.choices = ColumnChoices()
        self.steady: Steady | None = None
        self._steadiness: Steadiness | None = None

    @property
    def order_held(self) -> bool:
        """Whether rows keep their places."""
        return self._steadiness is not None and self._steadiness.held

    # Rows

    def request(self) -> LiveRequest:
        """The rows around those that are seen, and the fields that were chosen as columns."""
        request = super().request()
        offset, limit, anchor = rows_wanted(self.table, self.order_held)
        fields = self.choices.of(request.view).names if request.view == "flows" else ()
        return replace(request, offset=offset, limit=limit, anchor=anchor, fields=fields)

    def show_table(self, snapshot: LiveSnapshot) -> None:
        """Rows, order and cursor."""
        if self._steadiness is None:  # loads NumPy, which the first snapshot has loaded already
            from nftui.screens.steadiness import Steadiness

            self._steadiness = Steadiness()
        table = self.table
        lost = lost_row(snapshot)
        if lost is not None and not self.order_held:
            # The cursor's row went far down the order: the table follows it there.
            line = table.cursor_row - table.top
            table.cursor_row, table.top = lost, max(0, lost - line)
            self.go_on()
            return
        before, self.steady = self.snapshot, self._steadiness.order(snapshot)
        self.snapshot = snapshot = self.steady.snapshot
        known = before is not None and before.request.view == snapshot.request.view
        if not known or before is None or before.columns != snapshot.columns or not table.columns:
            self.show_columns()
        table.set_sort(snapshot.sort, snapshot.request.descending)
        table.set_data(table_data(snapshot, self.steady.stale))

    @on(FlowTable.Moved, "#table")
    @on(FlowTable.Scrolled, "#table")
    def _other_rows(self) -> None:
        if self.snapshot is not None and not self.order_held and not covers(self.snapshot, self.table):
            self.go_on()

    def action_hold_order(self) -> None:
        """Hold the order of the rows, or let it go on."""
        if self._steadiness is None or self.snapshot is None:
            return
        if self.trail.place.within is not None:
            self.notify("Nothing moves in the past.", markup=False)
            return
        self._steadiness.held = not self._steadiness.held
        self.go_on()

    def _pause_text(self) -> str:
        """What stands still, for the title line."""
        paused = super()._pause_text()
        if not self.order_held or self.steady is None:
            return paused
        held = [f"ORDER HELD, +{compact(self.steady.new)} new"]
        if self.steady.gone:
            held.append(f"{self.steady.gone} gone")
        return ", ".join([*held, *([paused] if paused else [])])

    def _position(self) -> str:
        if self.snapshot is None or not len(self.snapshot) or self.state_name == "detail":
            return ""
        return f"{self.table.cursor_row + 1} of {self.snapshot.rows_total}"

    # Columns

    def show_columns(self) -> None:
        """Columns in the user's units and words, those that the user chose."""
        if self.snapshot is not None:
            view = self.snapshot.request.view
            columns = table_columns(self.snapshot.columns, self.display_options, decorated=view != "flows")
            self.table.set_columns(*self.choices.apply(view, columns))

    def action_columns(self) -> None:
        """Choose the columns of this view."""
        if self.snapshot is None:
            return
        view = self.snapshot.request.view
        shown = [(column.name, column.width) for column in self.table.columns]
        columns = table_columns(self.snapshot.columns, self.display_options, decorated=view != "flows")
        offers = column_offers(view, columns, dict(shown))
        dialog = ColumnDialog(f"Columns of {view_title(view)}", offers, self.choices.of(view).widths)
        self.app.push_screen(dialog, lambda answer: self._columns_chosen(view, answer))

    def _columns_chosen(self, view: str, answer: ColumnAnswer | None) -> None:
        if answer is not None:
            self.choices.choose(view, answer.names, answer.widths)
            self.show_columns()
            self.go_on()

    @on(FlowTable.Resized)
    def _column_resized(self, event: FlowTable.Resized) -> None:
        if self.snapshot is not None:
            self.choices.resize(self.snapshot.request.view, event.column, event.width)
            self.show_columns()
