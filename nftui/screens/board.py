"""What the live screen shows: its parts, and how a snapshot gets onto them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from nftui.screens import status
from nftui.screens.action_table import action_table
from nftui.screens.columns import Display, table_columns, table_data
from nftui.screens.curtain import Curtain
from nftui.screens.filter_language import FilterLanguage
from nftui.screens.filter_reader import FilterReader
from nftui.screens.health_view import indicators
from nftui.screens.navigation import Place, Trail
from nftui.screens.source import Source
from nftui.screens.working import WorkingScreen
from nftui.text import compact, counted
from nftui.widgets.empty_state import EmptyState
from nftui.widgets.filter_bar import FilterBar
from nftui.widgets.flow_detail import FlowDetail
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.health_strip import HealthStrip
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from nftui.engine.health import Health
    from nftui.engine.live.snapshot import LiveSnapshot

MINIMUM = (40, 10)
_SIDE_BY_SIDE = 140
_CHART_FROM = 18
_CHART_LINES = ((30, 5), (45, 9), (1_000_000, 13))
"""Below this height of the terminal, the chart has so many lines."""


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """How the live screen begins.

    Attributes:
        filter: a valid filter, or none.
        ascii_only: no character beyond ASCII.
        read_filter: parses what is typed.
    """

    filter: str = ""
    ascii_only: bool = False
    read_filter: FilterReader = field(default_factory=FilterReader)


class LiveBoard(WorkingScreen[None]):
    """The parts of the live screen. It shows what it is given; `LiveScreen` decides what that is.

    Attributes:
        trail: where the user is.
        snapshot: what the table shows; held back while paused.
        health: latest state of the source.
        curtain: replaces addresses while it is drawn.
        language: what the filter line knows; its reader parses filters.
    """

    CSS_PATH = "live.tcss"
    AUTO_FOCUS = "#table"

    def __init__(self, source: Source, options: BoardOptions) -> None:
        super().__init__()
        self.source = source
        self.language = FilterLanguage(options.read_filter)
        self.trail = Trail(Place(filter=options.filter))
        self.curtain = Curtain()
        self.display_options = Display(ascii_only=options.ascii_only, curtain=self.curtain)
        self.snapshot: LiveSnapshot | None = None
        self.health: Health | None = None
        self.problem = ""
        self.paused: tuple[float, int] | None = None
        self.chart_wanted = True
        self.chart_tall = False

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        self._classify(*self.app.size)  # before there are parts: a class of the screen restyles all of them
        yield Ribbon(id="tabs", gap=0)
        yield Ribbon(id="totals")
        yield Timeline(id="chart")
        yield Ribbon(id="trail")
        yield FilterBar(self.language, id="filter")
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
    def read_filter(self) -> FilterReader:
        """Parses a filter."""
        return self.language.reader

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
    def awaiting(self) -> bool:
        """Whether an answer about the past is on its way."""
        return False

    @property
    def state_name(self) -> str:
        """What the keys are about: `talkers`, `flows`, `detail`, `typing`, `timeline`, `health` or `waiting`."""
        if self.filter_bar.has_class("-open"):
            return "typing"
        if self.query_one(Timeline).has_focus:
            return "timeline"
        if self.query_one(HealthStrip).has_focus:
            return "health"
        if self.query_one(EmptyState).has_class("-open"):
            return "waiting"
        if self.detail.has_class("-open"):
            return "detail"
        return "flows" if self.trail.place.view == "flows" else "talkers"

    # Showing

    def show_table(self, snapshot: LiveSnapshot) -> None:
        """Rows, order and cursor."""
        before, self.snapshot = self.snapshot, snapshot
        table = self.table
        if before is None or before.columns != snapshot.columns or not table.columns:
            self.show_columns()
        table.set_sort(snapshot.sort, snapshot.request.descending)
        table.set_data(table_data(snapshot))

    def show_columns(self) -> None:
        """Columns in the user's units and words."""
        if self.snapshot is not None:
            decorated = self.snapshot.request.view != "flows"
            self.table.set_columns(table_columns(self.snapshot.columns, self.display_options, decorated))

    def show_chart(self, snapshot: LiveSnapshot) -> None:
        """News of the live window for chart and sums."""

    def draw(self) -> None:
        """Chart and sums again, in other units or colours."""

    def show_lines(self) -> None:
        """Everything but table and chart."""
        place = self.trail.place
        self.query_one("#tabs", Ribbon).show(status.tabs(place.view, self.size.width))
        if self.snapshot is None:
            self.query_one("#totals", Ribbon).show([], status.state(None, "STARTING", ""))
        left, right = status.trail_items(self.trail, self.snapshot)
        trail = self.query_one("#trail", Ribbon)
        fits = not self.has_class("-too-small")
        trail.display = fits and bool(left) and not self.filter_bar.has_class("-open")
        trail.show(self.curtain.items(left), right)
        self.filter_bar.set_note(status.matched(self.snapshot))
        self.table.set_note("" if self.snapshot is None or self.awaiting else status.nothing(place, self._key))
        problem = self.query_one("#problem", Ribbon)
        problem.display = fits and bool(self.problem)
        problem.show([Item(self.curtain.text(self.problem), "bad")])
        if self.health is not None:
            self.query_one(HealthStrip).set_indicators(indicators(self.health))
        self._show_empty()
        self.show_hints()

    def _key(self, name: str) -> str:
        """The first key of an action, or its name on the command line."""
        keys = action_table(self.app).named(name).key_text.split()
        return keys[0] if keys else f":{name}"

    def _show_empty(self) -> None:
        empty = self.query_one(EmptyState)
        idle = self.snapshot is not None and self.health is not None and not self.flows_in()
        waiting = idle and self.trail.place.within is None
        if waiting and self.health is not None:
            refused = [
                f"{sender.address} ({counted(sender.datagrams, 'datagram', short=True)})"
                for sender in self.health.refused
            ]
            note = f"Refused, not in --allow: {', '.join(refused[:5])}. Press e to accept one." if refused else ""
            if self.source.probe is not None:
                note = f"The probe hands on flows when they end, or after some seconds. Press P to see it. {note}"
            if not self.health.listen:
                note += f"{self._key('brush-earlier')} shows what is stored, {self._key('goto')} goes to a time."
            if self.source.playback is not None:
                empty.show((), "; ".join(self.health.warnings), f"Reading {self.health.store_root}.")
            else:
                empty.show(self.health.listen, self.curtain.text(note.rstrip()))
        elif empty.has_class("-open"):
            empty.close()
            self.table.focus()
        tables = not waiting and not self.has_class("-too-small")
        self.query_one("#body").display = tables
        self.query_one(Timeline).display = self.chart_wanted and tables and self.size.height >= _CHART_FROM

    def flows_in(self) -> int:
        """Flows taken in since the start."""
        return self.health.counts.get("flows.in", 0) if self.health else 0

    def _label(self, label: str = "") -> str:
        label = label or self.source.label
        return f"{label}, OTHER ADDRESSES" if self.curtain.drawn else label

    def _pause_text(self) -> str:
        if self.paused is None:
            return ""
        since, flows = self.paused
        new = self.flows_in() - flows
        return f"PAUSED {time.monotonic() - since:.0f} s, +{compact(max(0, new))} new"

    def show_hints(self) -> None:
        """Keys that are useful now, and the place in the table."""
        state = self.state_name
        screen = {"typing": "filter", "timeline": "timeline", "health": "health"}.get(state, "live")
        idle = self.idle_actions()
        useful = [action for action in action_table(self.app).hints(screen, state) if action.name not in idle]
        self.query_one("#hints", Ribbon).show(*status.footer(useful, self._position()))

    def idle_actions(self) -> set[str]:
        """Names of actions that would do nothing now."""
        way_back = self.trail.depth or self.trail.place.filter or self.state_name == "detail"
        return (set() if way_back else {"back"}) | (set() if self.source.probe is not None else {"probe"})

    def _position(self) -> str:
        if self.snapshot is None or not len(self.snapshot) or self.state_name == "detail":
            return ""
        rank = int(self.snapshot.ranks[min(self.table.cursor_row, len(self.snapshot) - 1)]) + 1
        return f"{rank} of {self.snapshot.rows_total}"

    # Size

    def on_resize(self) -> None:
        """Fit the parts to the terminal."""
        width, height = self.size
        self._classify(width, height)
        self.query_one("#too-small", Static).update(f"nftui needs {MINIMUM[0]}x{MINIMUM[1]}, here is {width}x{height}")
        self.fit_chart()
        self.show_lines()

    def fit_chart(self) -> None:
        """Lines of the timeline: some, or half the screen."""
        height = self.size.height
        lines = next(lines for below, lines in _CHART_LINES if height < below)
        self.query_one(Timeline).styles.height = max(lines, height // 2 | 1) if self.chart_tall else lines

    def _classify(self, width: int, height: int) -> None:
        self.set_class(width < MINIMUM[0] or height < MINIMUM[1], "-too-small")
        self.set_class(width < _SIDE_BY_SIDE, "-narrow")
