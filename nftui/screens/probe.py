"""The probe screen: what the probe in this process counts, the flows in its cache, and its commands."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from nftui.errors import NftuiError
from nftui.screens.action_table import action_table, bindings
from nftui.screens.feed import Feed
from nftui.screens.probe_cache import cache_columns, cache_data
from nftui.screens.probe_statistics import Change, statistics_text, styles
from nftui.screens.source import ProbeControl
from nftui.screens.status import footer
from nftui.screens.working import WorkingScreen
from nftui.text import counted
from nftui.widgets.flow_table import FlowTable
from nftui.widgets.question import Question
from nftui.widgets.ribbon import Item, Ribbon

if TYPE_CHECKING:
    from nftui.probe.cache import CacheSnapshot
    from nftui.probe.statistics import ProbeStatistics
    from nftui.probe.timeouts import Timeouts

_REFRESH_SECONDS = 1.0
_RATE_SAMPLES = 4
"""Rates are over so many refreshes."""
_MOST_FLOWS = 2000
"""Flows of the cache that are fetched, those that end next."""


class ProbeScreen(WorkingScreen[None]):
    """Two pages, statistics and flow cache, refreshed every second.

    Args:
        probe: what is shown and controlled.
        feed: runs questions to the probe beside the event loop.
        ascii_only: bars without characters beyond ASCII.
    """

    DEFAULT_CSS = """
    ProbeScreen { background: $background; }
    ProbeScreen VerticalScroll { height: 1fr; background: $background; padding: 0 1; scrollbar-size-vertical: 1;
        scrollbar-color: $primary 50%; scrollbar-background: $surface; }
    ProbeScreen VerticalScroll Static { height: auto; width: 1fr; text-wrap: nowrap; }
    ProbeScreen FlowTable { display: none; }
    ProbeScreen.-cache FlowTable { display: block; }
    ProbeScreen.-cache VerticalScroll { display: none; }
    ProbeScreen Input { display: none; height: 1; border: none; padding: 0 1; background: $surface; }
    ProbeScreen.-typing Input { display: block; }
    ProbeScreen #timeouts { height: auto; display: none; padding: 0 1; background: $surface; color: $text-muted; }
    ProbeScreen.-typing #timeouts { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("probe"), *bindings("statistics")]
    SCOPE = "probe"
    AUTO_FOCUS = "VerticalScroll"

    def __init__(self, probe: ProbeControl, feed: Feed, ascii_only: bool = False) -> None:
        super().__init__()
        self._probe = probe
        self._feed = feed
        self._ascii_only = ascii_only
        self._history: deque[ProbeStatistics] = deque(maxlen=_RATE_SAMPLES + 1)
        self._cache: CacheSnapshot | None = None
        self._sort = ("expires", False)

    def compose(self) -> ComposeResult:
        """Title, the two pages, the line for timeouts, keys."""
        yield Ribbon(id="title")
        with VerticalScroll():
            yield Static(markup=False, id="statistics")
        yield FlowTable(cache_columns(processes=False))
        yield Static(markup=False, id="timeouts")
        yield Input(placeholder="name=time, such as udp=1m30s", max_length=64, compact=True)
        yield Ribbon(id="keys")

    def on_mount(self) -> None:
        """Ask now and then every second."""
        self.table.ascii_only = self._ascii_only
        self.table.set_sort(*self._sort)
        self.query_one(Input).cursor_blink = False
        self._show_keys()
        self.run_worker(self._refresh(), group="refresh")
        self._feed.every(
            _REFRESH_SECONDS, self, lambda: self.run_worker(self._refresh(), group="refresh", exclusive=True)
        )

    def _show_keys(self) -> None:
        self.query_one("#keys", Ribbon).show(*footer(action_table(self.app).hints("statistics")))

    @property
    def help_scope(self) -> str:
        """Keys that help lists: those of the page that is shown."""
        return "probe" if self.has_class("-cache") else "statistics"

    @property
    def table(self) -> FlowTable:
        """The flow cache."""
        return self.query_one(FlowTable)

    # Data

    async def _refresh(self) -> None:
        wanted = self.has_class("-cache")

        def ask() -> tuple[ProbeStatistics, CacheSnapshot | None, Timeouts]:
            cache = self._probe.cache(_MOST_FLOWS) if wanted else None
            return self._probe.statistics(), cache, self._probe.config.timeouts

        found = await self._feed.run(ask)
        if not isinstance(found, tuple) or not self.is_attached:
            return
        statistics, cache, timeouts = found
        self._history.append(statistics)
        self._show_title(statistics)
        if cache is not None:
            self._show_cache(cache, timeouts)
        self._show_statistics()
        names = self.query_one("#timeouts", Static)
        names.update(Text(f"Timeouts: {_timeouts_text(timeouts)}"))

    def _show_title(self, s: ProbeStatistics) -> None:
        seconds = max(0, s.now_ms - s.started_ms) // 1000
        cached = self.has_class("-cache")
        left = [
            Item(" nftui ", "strong", rank=3),
            Item(" 1 probe statistics ", "dim" if cached else "active", action="show(False)", tight=True),
            Item(" 2 flow cache ", "active" if cached else "dim", action="show(True)", tight=True),
        ]
        right = [Item(f"since {seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}", "dim", 2)]
        if cached and self._cache is not None and len(self._cache.entries) < self._cache.total:
            all_flows = counted(self._cache.total, "flow")
            right.insert(0, Item(f"the next {len(self._cache.entries)} of {all_flows}", "warn", 1))
        right.append(Item(" GATHERING ", "chip") if s.gathering else Item(" STOPPED ", "alert"))
        self.query_one("#title", Ribbon).show(left, right)

    def _show_statistics(self) -> None:
        if not self._history or self.has_class("-cache"):
            return
        change = Change(self._history[0], self._history[-1])
        width = max(40, self.size.width - 3)
        text = statistics_text(change, width, styles(self.app.theme_variables), self._ascii_only)
        self.query_one("#statistics", Static).update(text)

    def _show_cache(self, cache: CacheSnapshot, timeouts: Timeouts) -> None:
        self._cache = cache
        columns = cache_columns(any(entry.process for entry in cache.entries))
        if columns != self.table.columns:
            self.table.set_columns(columns)
        self.table.set_data(cache_data(cache, timeouts, *self._sort))

    def on_resize(self) -> None:
        """Fit the text to the terminal."""
        self._show_statistics()

    def _refresh_soon(self) -> None:
        self.run_worker(self._refresh(), group="refresh", exclusive=True)

    # Pages

    def action_show(self, cache: bool) -> None:
        """Show one of the pages."""
        self.set_class(cache, "-cache")
        (self.table if cache else self.query_one(VerticalScroll)).focus()
        self._refresh_soon()

    def action_page(self) -> None:
        """Show the other page."""
        self.action_show(not self.has_class("-cache"))

    def action_scroll(self, lines: int) -> None:
        """Move the statistics."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_sort(self) -> None:
        """Sort the cache by the next column."""
        names = [column.name for column in self.table.columns if column.sortable]
        self._order(names[(names.index(self._sort[0]) + 1) % len(names)])

    @on(FlowTable.SortRequested)
    def _header_clicked(self, event: FlowTable.SortRequested) -> None:
        self._order(event.column)

    def _order(self, column: str) -> None:
        """Sort by a column, the next to expire or the largest first; once more turns it round."""
        again = column == self._sort[0]
        self._sort = (column, not self._sort[1] if again else column != "expires")
        self.table.set_sort(*self._sort)
        self.table.reset_cursor()
        self._refresh_soon()

    def action_back(self) -> None:
        """Leave the line for timeouts, or the screen."""
        if self.has_class("-typing"):
            self._close_input()
        else:
            self.dismiss()

    # Commands

    def action_expire_all(self) -> None:
        """End all flows and hand them on."""
        self._confirm(
            "End all flows in the cache now? They are handed on; what goes on begins new flows.",
            lambda: f"Ended: {counted(self._probe.expire_all(), 'flow')}.",
        )

    def action_delete_all(self) -> None:
        """Forget all flows."""
        self._confirm(
            "Forget all flows in the cache? What they counted is neither shown nor stored.",
            lambda: f"Forgotten: {counted(self._probe.delete_all(), 'flow')}.",
        )

    def action_gather(self) -> None:
        """Stop metering packets, or go on."""
        if not self._history:
            return
        if not self._history[-1].gathering:
            self._carry_out(lambda: self._gather(True))
            return
        self._confirm(
            "Stop metering? Packets are passed over until you start it again; they are lost to the statistics.",
            lambda: self._gather(False),
        )

    def _gather(self, on: bool) -> str:
        self._probe.gather(on)
        return "Packets are metered." if on else "Packets are passed over."

    def action_timeouts(self) -> None:
        """Type a timeout."""
        self.set_class(True, "-typing")
        box = self.query_one(Input)
        box.value = ""
        box.focus()

    @on(Input.Submitted)
    def _timeout_typed(self, event: Input.Submitted) -> None:
        text = event.value.strip()
        if text:
            self._carry_out(lambda: self._set_timeout(text), self._close_input)
        else:
            self._close_input()

    def _set_timeout(self, text: str) -> str:
        self._probe.set_timeout(text)
        return f"{text} holds from now on, for the flows in the cache too."

    def _close_input(self) -> None:
        self.set_class(False, "-typing")
        (self.table if self.has_class("-cache") else self.query_one(VerticalScroll)).focus()

    def _confirm(self, question: str, command: Callable[[], str]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._carry_out(command)

        self.app.push_screen(Question(question), answered)

    def _carry_out(self, command: Callable[[], str], done: Callable[[], None] | None = None) -> None:
        self.run_worker(self._run_command(command, done), group="command")

    async def _run_command(self, command: Callable[[], str], done: Callable[[], None] | None) -> None:
        try:
            said = await self._feed.run(command)
        except NftuiError as error:
            self.notify(str(error), severity="warning", markup=False)
            return
        if done is not None:
            done()
        self.notify(str(said), markup=False)
        await self._refresh()

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        await self.run_action(event.action)


def _timeouts_text(timeouts: Timeouts) -> str:
    """All timeouts in the form in which they are typed."""
    from dataclasses import asdict

    return "  ".join(f"{name.replace('_', '.')}={seconds}" for name, seconds in asdict(timeouts).items())
