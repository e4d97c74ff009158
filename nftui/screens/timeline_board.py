"""The timeline on the live screen: what it shows, the questions behind it, and the line that says which time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from nftui.engine.history.values import Measure, Timeline, TimelineRequest, TimeRange
from nftui.screens import status
from nftui.screens.asking import AskingBoard
from nftui.screens.board import BoardOptions
from nftui.screens.layers import KINDS, MEASURES, Colours, from_live, from_timeline
from nftui.screens.navigation import Place
from nftui.screens.outlook import FRAMES, SECOND_MS, Outlook, Surroundings
from nftui.screens.source import Past, Source
from nftui.screens.time_words import length, moment
from nftui.text import compact, counted, measured, percent
from nftui.widgets.ribbon import Item, Ribbon
from nftui.widgets.timeline import Timeline as TimelineWidget
from nftui.widgets.timeline_data import SERIES_COLORS, TimelineData, TimelineMarks

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.screens.inquiry import Inquiry

_WINDOW_MS = 30 * SECOND_MS
_LONGEST_LIVE = 300 * SECOND_MS
"""The live window knows so much of the throughput; a longer frame is asked of the past."""
_EARLIER_MS = 3600 * SECOND_MS
"""A recording's timeline begins at most so long before its first flow was received."""
_REFRESH_SECONDS = 2.0
_PATIENCE = 10
"""A chart that took so long is asked for again after that many times as long."""


class TimelineBoard(AskingBoard):
    """A board with a timeline.

    Attributes:
        outlook: which time is looked at.
        timeline: latest answer about a frame; None while there was none.
        earlier: what is stored of the seconds before those that the live window knows.
        extent: from the first to the last flow stored; None while not known, or without any.
        stacked_by: what the layers of the timeline are.
        measure: what it draws.
        live: latest snapshot of the live window, whatever the table shows.
        answered: where the user was when the past last answered for the table.
    """

    def __init__(self, source: Source, options: BoardOptions) -> None:
        super().__init__(source, options)
        self.outlook = Outlook(60 * SECOND_MS)
        self.timeline: Timeline | None = None
        self.earlier: Timeline | None = None
        self.extent: TimeRange | None = None
        self.stacked_by = KINDS[0]
        self.measure: Measure = MEASURES[0]
        self.live: LiveSnapshot | None = None
        self.answered: tuple[Place, Outlook] | None = None
        self._colours = Colours()
        self._drawn: TimelineData | None = None
        self._drawn_of: tuple[Timeline, TimeRange, bool] | None = None
        self._chart_asked: tuple[TimelineRequest, int] | None = None
        self._chart_after = 0.0
        self._earlier_for: object = None
        self._extent_asked = self._extent_known = False

    # What is looked at

    @property
    def chart(self) -> TimelineWidget:
        """The widget."""
        return self.query_one("#chart", TimelineWidget)

    @property
    def now_ms(self) -> int:
        """Time of the source, UTC ms."""
        if self.live is not None:
            return self.live.now_ms
        return self.health.now_ms if self.health is not None else time.time_ns() // 1_000_000

    def around(self) -> Surroundings:
        """What moves of the outlook depend on now."""
        window = round(self.live.window_seconds * 1000) if self.live is not None else _WINDOW_MS
        now = self.now_ms
        bounds = TimeRange(now - window, now)
        if not self._extent_known:  # an answer is awaited: no move is cut short by what is not known
            bounds = TimeRange(now - FRAMES[-1], now)
        if self.extent is not None:
            first, last = self.extent.start_ms, self.extent.end_ms
            if self.source.playback is None:  # a clock that is ahead makes no future; nothing lies around a recording
                first, last = min(first, bounds.start_ms), now
            bounds = TimeRange(first, max(last, first + 1))
        return Surroundings(bounds, self.chart.columns, window, now)

    def shows_seconds(self) -> bool:
        """Whether the timeline shows the seconds that the live window itself knows."""
        follows = self.outlook.frame is None and self.outlook.brush is None
        usual = (self.stacked_by, self.measure) == (KINDS[0], MEASURES[0])
        around = self.around()
        short = self.outlook.grain_ms(around) == SECOND_MS and around.columns * SECOND_MS <= _LONGEST_LIVE
        return follows and usual and short and self.live is not None

    # Questions

    def go_on(self, reset: bool = False) -> None:
        """Ask for the present place at once, of the present or of the past."""
        super().go_on(reset)
        if self.trail.place.within is not None:
            self.past.ask("table", self.table_question(self.request()), self._show_past, self._past_failed, first=True)
        else:
            self.past.drop("table")
        self.draw()

    def table_question(self, request: LiveRequest) -> Callable[[Past], LiveSnapshot]:
        """What is asked of the past for the table; `request.within` is set."""
        return lambda past: past.snapshot(request)

    def _show_past(self, snapshot: LiveSnapshot) -> None:
        place = self.trail.place
        if (snapshot.request.view, snapshot.request.within) == (place.view, place.within):
            self.answered = (place, self.outlook)
            self.show_table(snapshot)
            self.show_totals()
            self.show_lines()

    def ask_chart(self) -> None:
        """Ask the past for what the timeline shows, unless its answer is known or was asked for a moment ago."""
        if self.live is None:
            return
        if self.shows_seconds():
            self._ask_earlier(self.live)
            return
        place, around = self.request(), self.around()
        frame = self.outlook.shown(around)
        wanted = TimelineRequest(
            frame, place.filter, self.stacked_by, self.measure, min(around.columns, frame.length_ms // SECOND_MS),
            scaled=not self.unscaled,
        )  # fmt: skip
        flows = self.flows_in()
        if self._chart_asked is not None:
            asked, flows_then = self._chart_asked
            moved_on = self.outlook.frame is None or frame.end_ms > asked_until(asked, self.timeline)
            same = _but_time(asked) == _but_time(wanted) and (asked.within == frame or self.outlook.frame is None)
            if same and (not moved_on or flows == flows_then or time.monotonic() < self._chart_after):
                return
        self._chart_asked = (wanted, flows)
        began = time.monotonic()

        def receive(answer: tuple[Timeline, TimeRange | None]) -> None:
            self.timeline = answer[0]
            self._note_extent(answer[1])
            took = time.monotonic() - began
            self._chart_after = time.monotonic() + max(_REFRESH_SECONDS, self.timeline.step_ms / 1000, _PATIENCE * took)
            self.draw()

        self._chart_after = float("inf")
        self.past.ask("chart", lambda past: (past.timeline(wanted), past.extent()), receive, self._chart_failed)

    def _ask_earlier(self, live: LiveSnapshot) -> None:
        """Seconds that the live window cannot know: those before the start, or before the filter was another."""
        if not self._extent_asked:
            self._extent_asked = True
            self.past.ask("extent", lambda past: past.extent(), self._note_extent, lambda _: self._note_extent(None))
        columns, seconds = self.chart.columns, live.series.values.shape[1]
        subject = (live.request.filter, live.request.scaled, columns)
        if seconds >= columns or subject == self._earlier_for:
            return
        self._earlier_for = subject
        self.earlier = None
        begin = (live.series.start_ms - (columns - seconds) * SECOND_MS) // SECOND_MS * SECOND_MS
        within = TimeRange(begin, live.series.start_ms)
        buckets = -(-within.length_ms // SECOND_MS)
        request = TimelineRequest(within, live.request.filter, buckets=buckets, scaled=live.request.scaled)

        def look(past: Past) -> tuple[Timeline, TimeRange | None]:
            return past.timeline(request), past.extent()

        def receive(answer: tuple[Timeline, TimeRange | None]) -> None:
            self.earlier = answer[0]
            self._note_extent(answer[1])
            self.draw()

        self.past.ask("earlier", look, receive, lambda _: None)

    def _note_extent(self, extent: TimeRange | None) -> None:
        self.extent, self._extent_known = extent, True

    def following(self) -> Outlook:
        """Nothing brushed: the frame follows now, or shows the whole recording."""
        outlook = self.outlook.follow()
        begun = self.source.playback.begun_ms if self.source.playback is not None else None
        if begun is None or self.extent is None:
            return outlook
        # A single flow of 1970 shall not make a frame of half a century.
        start = max(self.extent.start_ms, begun - _EARLIER_MS)
        return replace(outlook, frame=TimeRange(start, max(self.extent.end_ms, start + 10 * SECOND_MS)))

    def _chart_failed(self, reason: str) -> None:
        self._chart_after = time.monotonic() + _REFRESH_SECONDS
        self._past_failed(reason)

    # Showing

    def show_chart(self, snapshot: LiveSnapshot) -> None:
        """News of the live window."""
        self.live = snapshot
        if self.outlook == self.outlook.follow():
            self.outlook = self.following()  # the whole recording, as soon as it is known how long that is
        self.draw()

    def draw(self) -> None:
        """Timeline and totals for the present outlook; asks for what is missing."""
        if self.live is None or not self.is_mounted:
            return
        bits = self.display_options.bits
        around = self.around()
        if self.shows_seconds():
            fits = self._earlier_for == (self.live.request.filter, self.live.request.scaled, around.columns)
            earlier = self.earlier if fits else None
            self._drawn_of = None
            data = from_live(self.live.series, earlier, around.columns, self._colours, bits)
        elif self.timeline is not None:
            data = self._from_past(self.timeline, self.outlook.shown(around), bits)
        else:
            self._drawn_of = None
            data = from_timeline(
                Timeline(TimelineRequest(self.outlook.shown(around), by=self.stacked_by, measure=self.measure)),
                self.outlook.shown(around), self._colours, bits,
            )  # fmt: skip
        self._drawn = data
        self.chart.show(data, self._marks(data, around))
        self.show_totals()
        self.ask_chart()

    def _from_past(self, timeline: Timeline, frame: TimeRange, bits: bool) -> TimelineData:
        """The same object as long as it is the same picture, which the chart then need not draw again."""
        if self._drawn is not None and self._drawn_of is not None:
            before, *rest = self._drawn_of
            if before is timeline and rest == [frame, bits]:
                return self._drawn
        self._drawn_of = (timeline, frame, bits)
        return from_timeline(timeline, frame, self._colours, bits)

    def _marks(self, data: TimelineData, around: Surroundings) -> TimelineMarks:
        outlook = self.outlook
        brush = (outlook.brush.start_ms, outlook.brush.end_ms) if outlook.brush is not None else None
        window = None
        if brush is None:
            end = data.end_ms if self.shows_seconds() else around.now_ms
            window = (end - around.window_ms, end)
        playing = around.now_ms if self.source.playback is not None else None
        return TimelineMarks(
            brush, window, outlook.cursor_ms, playing, self._note(data), self.shows_seconds() and playing is None
        )

    def _note(self, data: TimelineData) -> str:
        """What the cursor is on: `14:03:20 +20 s  3.2 Gbit/s  TCP 2.1G  UDP 0.9G`."""
        cursor = self.outlook.cursor_ms
        if cursor is None:
            return ""
        place = data.at(cursor)
        words = [f"{moment(cursor, self.now_ms)} +{length(data.step_ms)}"]
        if place is None:
            return words[0]
        column = data.values[:, place]
        words.append(measured(float(column.sum()), data.unit))
        busiest = sorted(range(len(data.labels)), key=lambda i: -column[i])[:3]
        words += [f"{data.labels[i]} {compact(float(column[i]))}" for i in busiest if column[i]]
        if len(data.lost) and data.lost[place]:
            words.append(f"{counted(int(data.lost[place]), 'flow', short=True)} lost")
        if len(data.covered) and data.covered[place] < 1 and cursor < data.seen_ms:
            words.append(f"recorded {percent(data.covered[place])}" if data.covered[place] else "nothing recorded")
        return self.curtain.text("  ".join(words))

    def show_totals(self) -> None:
        """Sums of what the table is about, the layers of the timeline, and which time that is."""
        shown = self.live if self.trail.place.within is None else self.snapshot
        if shown is None:
            return
        legend: list[Item] = []
        if self._drawn is not None:
            palette = [self.app.theme_variables[f"series-{i + 1}"] for i in range(SERIES_COLORS)]
            legend = status.legend(self._drawn, self.stacked_by, palette)
        left = status.totals(shown, self.display_options.bits)
        self.query_one("#totals", Ribbon).show([*left, *self.curtain.items(legend)], self.state_items())

    def state_items(self) -> list[Item]:
        """Which time the table is about, and whether it moves."""
        within = self.trail.place.within
        working = self._working(self.past)
        if self.unscaled:
            working.append(Item(" UNSCALED ", "alert", action="scaled"))
        if within is None:
            live = self.live if self.live is not None else self.snapshot
            recorded = self.source.playback is not None
            return [*working, *status.state(live, self._label(), self._pause_text(), recorded)]
        # A recording has no today, so that its times are told with their date.
        today = self.now_ms if self.source.playback is None else 0
        return [*working, *status.past_state(within, today, self._label("HISTORY"))]

    def _working(self, past: Inquiry) -> list[Item]:
        return status.working(past.progress, self.display_options.ascii_only) if past.slow else []

    def show_state(self) -> None:
        """A question takes long, or has ended."""
        self.show_totals()


def asked_until(asked: TimelineRequest, answer: Timeline | None) -> int:
    """Up to when an answer knows what there was; the end of what was asked if there is none yet."""
    return answer.end_ms if answer is not None and answer.request == asked else asked.within.end_ms


def _but_time(request: TimelineRequest) -> tuple[object, ...]:
    return (request.filter, request.by, request.measure, request.buckets, request.scaled, request.within.length_ms)
