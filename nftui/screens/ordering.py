"""Actions of the live screen: which view, in which order, still or moving."""

from __future__ import annotations

from textual import on

from nftui.screens.actions import VIEW_TITLES
from nftui.screens.asking import AskingBoard
from nftui.screens.views import STATISTIC, all_views, known_view
from nftui.widgets.chooser import Choice, Chooser
from nftui.widgets.flow_table import FlowTable


class Ordering(AskingBoard):
    """Views, order of rows, pause."""

    def action_view(self, view: str) -> None:
        """Show another view of the same flows."""
        if known_view(view) and view != self.trail.place.view:
            self.close_detail()
            self.trail.change(view=view, sort="", descending=True, cursor=None)
            self.go_on(reset=True)

    def action_views(self, text: str = "") -> None:
        """Choose among all views; one that is named is shown at once."""
        if text:
            view = text if known_view(text) else f"{STATISTIC}{text}"
            if known_view(view):
                self.action_view(view)
            else:
                self.notify(f"{text}: no such view; the names are those of `nftui dump -s`.", markup=False)
            return
        choices = [Choice(entry.view, entry.title, entry.words) for entry in all_views()]
        self.app.push_screen(
            Chooser("View by", choices, self.trail.place.view), lambda view: self.action_view(view or "")
        )

    def action_next_view(self, step: int) -> None:
        """The view to the right or left."""
        names, view = list(VIEW_TITLES), self.trail.place.view
        self.action_view(names[(names.index(view) + step) % len(names)] if view in names else names[0])

    def action_sort_by(self, name: str = "") -> None:
        """Sort by a column that is named, by its title or its name in files; without one, choose."""
        columns = [column for column in self.table.columns if column.sortable]
        if name:
            wanted = name.lower()
            found = next((c.name for c in columns if wanted in {c.name, c.title.lower()}), "")
            if found:
                self._sort(found, True)
            else:
                known = ", ".join(column.title for column in columns)
                self.notify(f"No column {name} in this view to sort by; there are {known}.", markup=False)
            return
        choices = [Choice(column.name, column.title, column.name) for column in columns]

        def chosen(column: str | None) -> None:
            if column:
                self._sort(column, True)

        self.app.push_screen(Chooser("Sort by", choices, self.table.sort), chosen)

    def action_sort_next(self, step: int) -> None:
        """Sort by the next column that can be sorted by."""
        names = [column.name for column in self.table.columns if column.sortable]
        if names:
            index = names.index(self.table.sort) if self.table.sort in names else 0
            self._sort(names[(index + step) % len(names)], True)

    def action_sort_reverse(self) -> None:
        """The other way round."""
        self._sort(self.table.sort, not self.trail.place.descending)

    @on(FlowTable.SortRequested)
    def _header_clicked(self, event: FlowTable.SortRequested) -> None:
        same = event.column == self.table.sort
        self._sort(event.column, not self.trail.place.descending if same else True)

    def _sort(self, column: str, descending: bool) -> None:
        self.trail.change(sort=column, descending=descending)
        self.table.set_sort(column, descending)
        self.go_on()

    def action_pause(self) -> None:
        """Hold the table, or let it go on; a recording as a whole."""
        if self.source.playback is not None:
            self.source.playback.pause()
            self.go_on()
            return
        self.hold(self.paused is None)

    def action_playback(self, factor: float) -> None:
        """Play a recording faster or slower."""
        if self.source.playback is None:
            self.notify("Flows come as they are sent: `nftui --replay PATH` plays a recording.", markup=False)
            return
        self.source.playback.change_speed(factor)
        self.go_on()
