"""Actions of the live screen: the way down from a row to a single flow and back."""

from __future__ import annotations

from textual import on

from nftui.errors import FilterError
from nftui.screens.detailing import Detailing
from nftui.screens.drill import cell_term, combine, is_part, row_filter, row_name
from nftui.screens.navigation import Place
from nftui.widgets.flow_table import FlowTable


class Drilling(Detailing):
    """Drill, flow detail, way back."""

    def action_filter_cell(self, exclude: bool) -> None:
        """Narrow to the value under the cursor, or exclude it."""
        if self.state_name == "detail":
            line = self.detail.current
            term = line.term if line else ""
        else:
            column, view = self.table.cursor_column, self.trail.place.view
            term = cell_term(column, self.table.value(column), view) or row_filter(view, self.table.value) or ""
        if not term:
            self.notify("Nothing to filter by in this column.", markup=False)
            return
        self.narrow(self.trail.place.view, term, exclude, term)

    def narrow(self, view: str, term: str, exclude: bool, crumb: str) -> None:
        """Go to a view of the flows that match a term too, or do not; `back` returns from there."""
        place = self.trail.place
        text = combine(place.filter, term, exclude)
        try:
            self.read_filter(text)
        except FilterError as error:
            self.notify(f"{term}: {error.message}", severity="warning", markup=False)
            return
        self.close_detail()
        self.trail.change(cursor=self.table.cursor_key if self.table.held else None)
        keep = view == place.view
        self.trail.enter(Place(view, text, place.sort if keep else "", place.descending if keep else True, None, crumb))
        self.filter_bar.remember(text)
        self.go_on(reset=True)

    @on(FlowTable.Opened, "#table")
    def _row_opened(self, event: FlowTable.Opened) -> None:
        """A cell that the cursor was put on goes into the filter; a row opens: its flows, or all of a flow's fields."""
        view, table = self.trail.place.view, self.table
        if self.snapshot is not None and self.snapshot.request.view != view:
            self.notify("The rows of this view come yet.", timeout=2, markup=False)
            return
        if view == "flows":
            self.run_worker(self.open_flow(event.key), exclusive=True, group="detail")
            return
        if table.cell_chosen and is_part(view, table.cursor_column):
            term = cell_term(table.cursor_column, table.value(table.cursor_column), view)
            if term and combine(self.trail.place.filter, term) != self.trail.place.filter:
                self.narrow(view, term, exclude=False, crumb=term)
                return
        row = table.row_of(event.key)
        term = row_filter(view, lambda column: table.value(column, row))
        if term:
            crumb = row_name(view, lambda column: table.value(column, row))
            self.narrow("flows", term, exclude=False, crumb=crumb)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        self.table.action_open()

    def action_back(self) -> None:
        """One step back: the answer that takes long, the pane, the way here, the filter, the past."""
        if self.give_up() or self.close_detail():
            return
        if self.trail.back():
            self._arrive()
        elif self.trail.place.filter:
            self.trail.change(filter="")
            self.go_on()
        else:
            self.follow_now()

    def _arrive(self) -> None:
        """The cursor is where it was when this place was left."""
        self.table.reset_cursor()
        if self.trail.place.cursor is not None:
            self.table.hold(self.trail.place.cursor)
        self.go_on()

    def action_back_to(self, depth: int) -> None:
        """Back to a place of the trail; 0 is the first one."""
        self.close_detail()
        while self.trail.depth > depth and self.trail.back():
            pass
        self._arrive()

    def action_leave(self) -> None:
        """Close the pane, or go back, or quit."""
        if self.detail.has_class("-open") or self.trail.depth:
            self.action_back()
        else:
            self.app.exit()
