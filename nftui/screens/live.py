"""The live screen: who talks now, and every way down from there to a single flow."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import BindingType
from textual.message import Message

from nftui.errors import FilterError, NftuiError
from nftui.screens.actions import VIEW_TITLES, bindings, groups
from nftui.screens.board import LiveBoard
from nftui.screens.drill import cell_term, combine, row_filter, row_name
from nftui.screens.exporters import ExportersScreen
from nftui.screens.feed import Feed, News
from nftui.screens.filter_reader import FilterReader
from nftui.screens.navigation import Place
from nftui.screens.source import Source
from nftui.widgets.filter_bar import FilterBar
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.help_overlay import HelpGroup, HelpOverlay
from nftui.widgets.ribbon import Ribbon
from nftui.widgets.stack_chart import StackChart

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.engine.query.filters import Filter

_FIRST_ROWS = 500
_MOST_ROWS = 20_000


class LiveScreen(LiveBoard):
    """Live tables of one source."""

    BINDINGS: ClassVar[list[BindingType]] = bindings()

    @dataclass
    class Failed(Message):
        """The source could not start."""

        error: NftuiError

    def __init__(
        self,
        source: Source,
        filter_text: str = "",
        ascii_only: bool = False,
        read_filter: FilterReader = FilterReader(),  # noqa: B008
    ) -> None:
        super().__init__(source, filter_text, ascii_only, read_filter)
        self.feed = Feed(self, source, self._request, self._receive)
        self._filter: tuple[str, Filter | None] = ("", None)
        self._unscaled = False
        self._refreeze = False
        self._rows_wanted = _FIRST_ROWS

    # Data

    def on_mount(self) -> None:
        """Show the frame, then start the source behind it."""
        for widget in (self.table, self.detail.table, self.query_one(StackChart)):
            widget.ascii_only = self.display_options.ascii_only
        self.show_lines()
        # Loading the engine before the first frame is out would double the time until it is.
        self.call_after_refresh(lambda: self.set_timer(0.01, self._begin))

    def _begin(self) -> None:
        self.run_worker(self._start())

    async def _start(self) -> None:
        try:
            await self.feed.run(self.source.start)
        except NftuiError as error:
            self.post_message(self.Failed(error))
            return
        self.feed.start()

    def on_screen_suspend(self) -> None:
        """Another screen covers this one."""
        self.feed.rest()

    def on_screen_resume(self) -> None:
        """This screen is seen again."""
        self.feed.resume()

    def on_unmount(self) -> None:
        """Stop asking."""
        self.feed.stop()

    def _request(self) -> LiveRequest:
        from nftui.engine.live.snapshot import LiveRequest

        place, table = self.trail.place, self.table
        if self._filter[0] != place.filter:
            self._filter = (place.filter, self.read_filter(place.filter))
        if table.held and len(table.data) - table.cursor_row < 2 * table.visible_rows:
            last = self.snapshot is not None and table.cursor_row == len(table.data) - 1
            wanted = self.snapshot.rows_total if self.snapshot and last else 2 * table.cursor_row + _FIRST_ROWS
            self._rows_wanted = min(_MOST_ROWS, max(self._rows_wanted, wanted))
        return LiveRequest(
            place.view, self._filter[1], place.sort, place.descending, self._rows_wanted, not self._unscaled,
            table.cursor_key if table.held else None,
        )  # fmt: skip

    def _receive(self, news: News) -> None:
        if news.health is not None:
            self.health = news.health
        warnings = self.health.warnings if self.health else ()
        self.problem = news.problem or "; ".join(warnings[:1])
        snapshot = news.snapshot
        place = self.trail.place
        if snapshot is not None and (snapshot.request.view, _text(snapshot)) == (place.view, place.filter):
            if self.paused is None or self._refreeze:
                self._refreeze = False
                self.show_table(snapshot)
            self.show_chart(snapshot)
        self.show_lines()

    def _go_on(self, reset: bool = False) -> None:
        """Ask for the present place at once."""
        if reset:
            self.table.reset_cursor()
            self._rows_wanted = _FIRST_ROWS
        self._refreeze = self.paused is not None
        if self.paused:
            self.paused = (time.monotonic(), self.flows_in())
        self.show_lines()
        self.feed.now()

    # Views and order

    def action_view(self, view: str) -> None:
        """Show another view of the same flows."""
        if view in VIEW_TITLES and view != self.trail.place.view:
            self._close_detail()
            self.trail.change(view=view, sort="", descending=True, cursor=None)
            self._go_on(reset=True)

    def action_next_view(self, step: int) -> None:
        """The view to the right or left."""
        names = list(VIEW_TITLES)
        self.action_view(names[(names.index(self.trail.place.view) + step) % len(names)])

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
        self._go_on()

    def action_pause(self) -> None:
        """Hold the table, or let it go on; a recording as a whole."""
        if self.source.playback is not None:
            self.source.playback.pause()
            self._go_on()
            return
        self.paused = None if self.paused else (time.monotonic(), self.flows_in())
        self._go_on()
        self._refreeze = False

    # Filter and drill

    def action_filter(self) -> None:
        """Type a filter."""
        self.filter_bar.open(self.trail.place.filter)
        self.show_lines()

    @on(FilterBar.Applied)
    def _filter_applied(self, event: FilterBar.Applied) -> None:
        self.trail.change(filter=event.text)
        self._go_on()

    @on(FilterBar.Closed)
    def _filter_closed(self, event: FilterBar.Closed) -> None:
        if event.cleared and self.trail.place.filter:
            self.trail.change(filter="")
        self.filter_bar.close()
        self.table.focus()
        self._go_on()

    def action_filter_cell(self, exclude: bool) -> None:
        """Narrow to the value under the cursor, or exclude it."""
        if self.state_name == "detail":
            line = self.detail.current
            term = line.term if line else ""
        else:
            column = self.table.cursor_column
            value = self.table.value(column)
            term = cell_term(column, value) or row_filter(self.trail.place.view, self.table.value) or ""
        if not term:
            self.notify("Nothing to filter by in this column.", markup=False)
            return
        self._narrow(self.trail.place.view, term, exclude, term)

    def _narrow(self, view: str, term: str, exclude: bool, crumb: str) -> None:
        place = self.trail.place
        text = combine(place.filter, term, exclude)
        try:
            self.read_filter(text)
        except FilterError as error:
            self.notify(f"{term}: {error.message}", severity="warning", markup=False)
            return
        self._close_detail()
        self.trail.change(cursor=self.table.cursor_key if self.table.held else None)
        keep = view == place.view
        self.trail.enter(Place(view, text, place.sort if keep else "", place.descending if keep else True, None, crumb))
        self.filter_bar.remember(text)
        self._go_on(reset=True)

    @on(FlowTable.Opened, "#table")
    def _row_opened(self, event: FlowTable.Opened) -> None:
        view = self.trail.place.view
        if view == "flows":
            self.run_worker(self._open_flow(event.key), exclusive=True, group="detail")
            return
        row = self.table.row_of(event.key)
        term = row_filter(view, lambda column: self.table.value(column, row))
        if term:
            crumb = row_name(view, lambda column: self.table.value(column, row))
            self._narrow("flows", term, exclude=False, crumb=crumb)

    async def _open_flow(self, key: int) -> None:
        from nftui.screens.field_text import detail_lines, flow_title

        found = await self.feed.run(lambda: self.source.flow(key))
        if not isinstance(found, tuple):
            self.notify("This flow has left the live window.", markup=False)
            return
        batch, row = found
        self.set_class(True, "-detail")
        title = self.curtain.text(flow_title(batch, row))
        self.detail.show(title, self.curtain.details(detail_lines(batch, row)))
        self.show_lines()

    def _close_detail(self) -> bool:
        if not self.detail.has_class("-open"):
            return False
        self.detail.close()
        self.set_class(False, "-detail")
        self.table.focus()
        self.show_lines()
        return True

    def action_open(self) -> None:
        """Open the row under the cursor."""
        self.table.action_open()

    def action_back(self) -> None:
        """One step back: the pane, the way here, the filter."""
        if self._close_detail():
            return
        if self.trail.back():
            self.table.reset_cursor()
            if self.trail.place.cursor is not None:
                self.table.hold(self.trail.place.cursor)
            self._go_on()
        elif self.trail.place.filter:
            self.trail.change(filter="")
            self._go_on()

    def action_leave(self) -> None:
        """Close the pane, or go back, or quit."""
        if self.detail.has_class("-open") or self.trail.depth:
            self.action_back()
        else:
            self.app.exit()

    # Display

    def action_units(self) -> None:
        """Bits or bytes."""
        self._display_changed(bits=not self.display_options.bits)

    def action_names(self) -> None:
        """Port numbers or service names."""
        self._display_changed(names=not self.display_options.names)

    def _display_changed(self, **values: bool) -> None:
        self.display_options = replace(self.display_options, **values)  # type: ignore[arg-type]  # none is the curtain
        self.show_columns()
        if self.snapshot is not None:
            self.show_chart(self.snapshot)

    def action_playback(self, factor: float) -> None:
        """Play a recording faster or slower."""
        if self.source.playback is None:
            self.notify("Flows come as they are sent: `nftui --replay PATH` plays a recording.", markup=False)
            return
        self.source.playback.change_speed(factor)
        self._go_on()

    def action_scaled(self) -> None:
        """Raw counters or scaled ones."""
        self._unscaled = not self._unscaled
        self.notify("Counters as sent, sampling not applied." if self._unscaled else "Counters times sampling rate.")
        self._go_on()

    def action_hide(self) -> None:
        """Other addresses than the real ones, or the real ones again."""
        self.curtain.drawn = not self.curtain.drawn
        self._close_detail()
        self._display_changed()
        self.show_lines()

    def action_chart(self) -> None:
        """Give the chart's lines to the table, or take them back."""
        self.chart_wanted = not self.chart_wanted
        self.show_lines()

    def action_exporters(self) -> None:
        """Who sends, and what was lost on the way."""
        self.app.push_screen(ExportersScreen(self.source, self.feed, self.curtain))

    def action_probe(self) -> None:
        """What the probe in this process counts."""
        if self.source.probe is None:
            self.notify("No probe runs here: `nftui --probe IFACE` starts one.", markup=False)
            return
        from nftui.screens.probe import ProbeScreen  # loads NumPy with the probe's parts

        self.app.push_screen(ProbeScreen(self.source.probe, self.feed, self.display_options.ascii_only))

    def action_help(self) -> None:
        """All keys."""
        listed = [HelpGroup(title, [(a.key_text, a.doc) for a in actions]) for title, actions in groups()]
        self.app.push_screen(HelpOverlay(listed, "Keys of the live screen"))

    @on(FlowTable.Moved, "#table")
    def _cursor_moved(self) -> None:
        self.show_hints()

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        await self.run_action(event.action)


def _text(snapshot: LiveSnapshot) -> str:
    return snapshot.request.filter.text if snapshot.request.filter is not None else ""
