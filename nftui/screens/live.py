"""The live screen: who talks now, and every way down from there to a single flow."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from nftui.errors import FilterError, NftuiError
from nftui.screens import status
from nftui.screens.actions import VIEW_TITLES, bindings, groups
from nftui.screens.columns import Display, table_columns, table_data
from nftui.screens.drill import cell_term, combine, row_filter, row_name
from nftui.screens.exporters import ExportersScreen
from nftui.screens.feed import Feed, News
from nftui.screens.health_view import indicators
from nftui.screens.navigation import Place, Trail
from nftui.screens.source import Source
from nftui.text import compact
from nftui.widgets.empty_state import EmptyState
from nftui.widgets.filter_bar import FilterBar
from nftui.widgets.flow_detail import FlowDetail
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.health_strip import HealthStrip
from nftui.widgets.help_overlay import HelpGroup, HelpOverlay
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.stack_chart import SERIES_COLORS, StackChart

if TYPE_CHECKING:
    from nftui.engine.health import Health
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.engine.query.parser import Filter

MINIMUM = (40, 10)
_FIRST_ROWS = 500
_MOST_ROWS = 20_000
_SIDE_BY_SIDE = 140


def check_filter(text: str) -> Filter | None:
    """The parsed filter, None for an empty text. Raises FilterError."""
    from nftui.engine.query.parser import parse_filter

    return parse_filter(text) if text.strip() else None


class LiveScreen(Screen[None]):
    """Live tables of one source."""

    CSS_PATH = "live.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings()
    AUTO_FOCUS = "#table"
    TITLE: ClassVar[str | None] = None

    @dataclass
    class Failed(Message):
        """The source could not start."""

        error: NftuiError

    def __init__(self, source: Source, filter_text: str = "", ascii_only: bool = False) -> None:
        super().__init__()
        self.source = source
        self.trail = Trail(Place(filter=filter_text))
        self.display_options = Display(ascii_only=ascii_only)
        self.unscaled = False
        self.snapshot: LiveSnapshot | None = None
        self.health: Health | None = None
        self.feed = Feed(self, source, self._request, self._receive)
        self._filter: tuple[str, Filter | None] = ("", None)
        self._paused: tuple[float, int] | None = None
        self._refreeze = False
        self._chart_wanted = True
        self._rows_wanted = _FIRST_ROWS
        self._problem = ""

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield Ribbon(id="tabs", gap=0)
        yield Ribbon(id="totals")
        yield StackChart(id="chart")
        yield Ribbon(id="trail")
        yield FilterBar(lambda text: void(check_filter(text)), id="filter")
        yield EmptyState(id="empty")
        with Horizontal(id="body"):
            yield FlowTable(id="table")
            yield FlowDetail(id="detail")
        yield Ribbon(id="problem")
        yield HealthStrip(id="health")
        yield Ribbon(id="hints")
        yield Static(id="too-small", markup=False)

    # Parts

    @property
    def table(self) -> FlowTable:
        """The main table."""
        return self.query_one("#table", FlowTable)

    @property
    def detail(self) -> FlowDetail:
        """The pane with one flow."""
        return self.query_one(FlowDetail)

    @property
    def filter_bar(self) -> FilterBar:
        """The filter line."""
        return self.query_one(FilterBar)

    @property
    def state_name(self) -> str:
        """What the keys are about: `talkers`, `flows` or `detail`."""
        if self.detail.has_class("-open"):
            return "detail"
        return "flows" if self.trail.place.view == "flows" else "talkers"

    # Data

    def on_mount(self) -> None:
        """Show the frame, then start the source behind it."""
        for widget in (self.table, self.detail.table, self.query_one(StackChart)):
            widget.ascii_only = self.display_options.ascii_only
        self._show_lines()
        self.run_worker(self._start())

    async def _start(self) -> None:
        try:
            await self.feed.run(self.source.start)
        except NftuiError as error:
            self.post_message(self.Failed(error))
            return
        self.feed.start()

    def on_unmount(self) -> None:
        """Stop asking."""
        self.feed.stop()

    def _request(self) -> LiveRequest:
        from nftui.engine.live.snapshot import LiveRequest

        place, table = self.trail.place, self.table
        if self._filter[0] != place.filter:
            self._filter = (place.filter, check_filter(place.filter))
        if table.held and len(table.data) - table.cursor_row < 2 * table.visible_rows:
            self._rows_wanted = min(_MOST_ROWS, max(self._rows_wanted, 2 * table.cursor_row + _FIRST_ROWS))
        return LiveRequest(
            place.view, self._filter[1], place.sort, place.descending, self._rows_wanted, not self.unscaled,
            table.cursor_key if table.held else None,
        )  # fmt: skip

    def _receive(self, news: News) -> None:
        if news.health is not None:
            self.health = news.health
        warnings = self.health.warnings if self.health else ()
        self._problem = news.problem or "; ".join(warnings[:1])
        snapshot = news.snapshot
        place = self.trail.place
        if snapshot is not None and (snapshot.request.view, _text(snapshot)) == (place.view, place.filter):
            if self._paused is None or self._refreeze:
                self._refreeze = False
                self._show_table(snapshot)
            self._show_chart(snapshot)
        self._show_lines()

    def _show_table(self, snapshot: LiveSnapshot) -> None:
        before, self.snapshot = self.snapshot, snapshot
        table = self.table
        if before is None or before.columns != snapshot.columns or not table.columns:
            self._show_columns()
        table.set_sort(snapshot.sort, snapshot.request.descending)
        table.set_data(table_data(snapshot))

    def _show_columns(self) -> None:
        if self.snapshot is not None:
            decorated = self.snapshot.request.view != "flows"
            self.table.set_columns(table_columns(self.snapshot.columns, self.display_options, decorated))

    def _show_chart(self, snapshot: LiveSnapshot) -> None:
        bits = self.display_options.bits
        data = status.chart_data(snapshot.series, bits)
        self.query_one(StackChart).show(data)
        palette = [self.app.theme_variables[f"series-{i + 1}"] for i in range(SERIES_COLORS)]
        left = status.totals(snapshot, data, bits, palette)
        self.query_one("#totals", Ribbon).show(left, status.state(snapshot, self.source.label, self._pause_text()))

    def _show_lines(self) -> None:
        """Everything but table and chart."""
        place = self.trail.place
        self.query_one("#tabs", Ribbon).show(status.tabs(place.view, self.size.width))
        if self.snapshot is None:
            self.query_one("#totals", Ribbon).show([], status.state(None, "STARTING", ""))
        left, right = status.trail_items(self.trail, self.snapshot)
        trail = self.query_one("#trail", Ribbon)
        trail.display = bool(left) and not self.filter_bar.has_class("-open")
        trail.show(left, right)
        problem = self.query_one("#problem", Ribbon)
        problem.display = bool(self._problem)
        problem.show([Item(self._problem, "bad")])
        if self.health is not None:
            self.query_one(HealthStrip).set_indicators(indicators(self.health))
        self.query_one("#hints", Ribbon).show(*self._footer())
        self._show_empty()

    def _show_empty(self) -> None:
        empty = self.query_one(EmptyState)
        waiting = self.snapshot is not None and self.health is not None and not self._flows_in()
        if waiting and self.health is not None:
            refused = [f"{sender.address} ({compact(sender.datagrams)} datagrams)" for sender in self.health.refused]
            note = f"Refused, not in --allow: {', '.join(refused[:5])}. Press e to accept one." if refused else ""
            empty.show(self.health.listen, note)
        else:
            empty.close()
        self.query_one("#body").display = not waiting
        self.query_one(StackChart).display = self._chart_wanted and not waiting and self.size.height >= 18

    def _flows_in(self) -> int:
        return self.health.counts.get("flows.in", 0) if self.health else 0

    def _pause_text(self) -> str:
        if self._paused is None:
            return ""
        since, flows = self._paused
        new = self._flows_in() - flows
        return f"PAUSED {time.monotonic() - since:.0f} s, +{compact(max(0, new))} new"

    def _footer(self) -> tuple[list[Item], list[Item]]:
        way_back = bool(self.trail.depth or self.trail.place.filter) or self.state_name == "detail"
        return status.footer(self.state_name, way_back, self._position())

    def _position(self) -> str:
        if self.snapshot is None or not len(self.snapshot) or self.state_name == "detail":
            return ""
        rank = int(self.snapshot.ranks[min(self.table.cursor_row, len(self.snapshot) - 1)]) + 1
        return f"{rank} of {self.snapshot.rows_total}"

    def _go_on(self, reset: bool = False) -> None:
        """Ask for the present place at once."""
        if reset:
            self.table.reset_cursor()
            self._rows_wanted = _FIRST_ROWS
        self._refreeze = self._paused is not None
        if self._paused:
            self._paused = (time.monotonic(), self._flows_in())
        self._show_lines()
        self.feed.now()

    # Size

    def on_resize(self) -> None:
        """Fit the parts to the terminal."""
        width, height = self.size
        small = width < MINIMUM[0] or height < MINIMUM[1]
        self.set_class(small, "-too-small")
        self.set_class(width < _SIDE_BY_SIDE, "-narrow")
        self.query_one("#too-small", Static).update(f"nftui needs {MINIMUM[0]}x{MINIMUM[1]}, here is {width}x{height}")
        self.query_one(StackChart).styles.height = 5 if height < 30 else 9 if height < 45 else 13
        self._show_lines()

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
        """Hold the table, or let it go on."""
        self._paused = None if self._paused else (time.monotonic(), self._flows_in())
        self._go_on()
        self._refreeze = False

    # Filter and drill

    def action_filter(self) -> None:
        """Type a filter."""
        self.filter_bar.open(self.trail.place.filter)
        self._show_lines()

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
            check_filter(text)
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
        term = row_filter(view, self.table.value)
        if term:
            self._narrow("flows", term, exclude=False, crumb=row_name(view, self.table.value))

    async def _open_flow(self, key: int) -> None:
        from nftui.screens.field_text import detail_lines, flow_title

        found = await self.feed.run(lambda: self.source.flow(key))
        if not isinstance(found, tuple):
            self.notify("This flow has left the live window.", markup=False)
            return
        batch, row = found
        self.set_class(True, "-detail")
        self.detail.show(flow_title(batch, row), detail_lines(batch, row))
        self._show_lines()

    def _close_detail(self) -> bool:
        if not self.detail.has_class("-open"):
            return False
        self.detail.close()
        self.set_class(False, "-detail")
        self.table.focus()
        self._show_lines()
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
            self.app.exit(0)

    # Display

    def action_units(self) -> None:
        """Bits or bytes."""
        self._display_changed(bits=not self.display_options.bits)

    def action_names(self) -> None:
        """Port numbers or service names."""
        self._display_changed(names=not self.display_options.names)

    def _display_changed(self, **values: bool) -> None:
        self.display_options = replace(self.display_options, **values)
        self._show_columns()
        if self.snapshot is not None:
            self._show_chart(self.snapshot)

    def action_scaled(self) -> None:
        """Raw counters or scaled ones."""
        self.unscaled = not self.unscaled
        self.notify("Counters as sent, sampling not applied." if self.unscaled else "Counters times sampling rate.")
        self._go_on()

    def action_chart(self) -> None:
        """Give the chart's lines to the table, or take them back."""
        self._chart_wanted = not self._chart_wanted
        self._show_lines()

    def action_exporters(self) -> None:
        """Who sends, and what was lost on the way."""
        self.app.push_screen(ExportersScreen(self.source, self.feed))

    def action_help(self) -> None:
        """All keys."""
        listed = [HelpGroup(title, [(a.key_text, a.doc) for a in actions]) for title, actions in groups()]
        self.app.push_screen(HelpOverlay(listed, "Keys of the live screen"))

    @on(FlowTable.Moved, "#table")
    def _cursor_moved(self) -> None:
        self.query_one("#hints", Ribbon).show(*self._footer())

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        await self.run_action(event.action)


def void(value: object) -> None:
    """Take a value and give none: for callbacks that only check."""


def _text(snapshot: LiveSnapshot) -> str:
    return snapshot.request.filter.text if snapshot.request.filter is not None else ""
