"""Actions of the live screen: time. Brush, zoom, cursor, going to a time and back, bookmarks, seeking a recording."""

from __future__ import annotations

from textual import on

from nftui.errors import NftuiError
from nftui.screens.board import BoardOptions
from nftui.screens.bookmarks import Bookmarks
from nftui.screens.carrying import Carrying
from nftui.screens.layers import KINDS, MEASURES
from nftui.screens.outlook import Outlook
from nftui.screens.source import Source
from nftui.screens.time_words import EXAMPLES, asked, written
from nftui.screens.visits import Visits
from nftui.widgets.time_dialogs import LetterPrompt, TimePrompt
from nftui.widgets.timeline import Timeline


class Browsing(Carrying):
    """Which time everything on the screen is about."""

    def __init__(self, source: Source, options: BoardOptions) -> None:
        super().__init__(source, options)
        self.visits = Visits(self.outlook)
        self.bookmarks = Bookmarks()

    def look(self, outlook: Outlook, adjusting: bool = False, visit: bool = True) -> None:
        """Look at another time.

        Args:
            outlook: which one.
            adjusting: a small move of many, which `time_back` undoes together.
            visit: `time_back` returns from there.
        """
        if outlook == self.outlook:
            return
        before, self.outlook = self.outlook, outlook
        if visit:
            self.visits.arrive(outlook, adjusting)
        if outlook.brush == before.brush:
            self.draw()
            return
        self.turn_to(outlook.brush)

    # Brush and frame

    def action_brush(self, buckets: int) -> None:
        """Move an end of the brush."""
        self.look(self.outlook.extend(buckets, self.around()), adjusting=True)

    def action_brush_to(self, end: int) -> None:
        """Brush to the begin or the end of the frame."""
        self.look(self.outlook.extend_to(end, self.around()), adjusting=True)

    def action_step(self, direction: int) -> None:
        """The time before the brush, as long as the brush, or after it."""
        outlook = self.outlook.step(direction, self.around())
        self.look(self.following() if outlook.brush is None else outlook)

    def action_zoom(self, closer: int) -> None:
        """The brush fills the timeline, or the timeline shows more."""
        around = self.around()
        self.look(self.outlook.zoom_in(around) if closer > 0 else self.outlook.zoom_out(around))

    def action_now(self) -> None:
        """Back to what comes in; of a recording that is looked at there, the next second."""
        if not self.follow_now() and self.source.playback is not None:
            self.action_play_step(1)

    def follow_now(self) -> bool:
        """Back to the live window; False when nothing else is looked at."""
        if self.outlook == self.following():
            return False
        self.look(self.following())
        return True

    def idle_actions(self) -> set[str]:
        """Nothing leads to now where now is looked at; Esc leads there from the past."""
        idle = super().idle_actions()
        if self.outlook == self.following():
            return idle | ({"now"} if self.source.playback is None else set())
        return idle - {"back"}

    # Recording

    def action_play_step(self, seconds: float) -> None:
        """Halt the recording a little later or earlier."""
        if self._recorded():
            self.source.playback.step(seconds)  # type: ignore[union-attr]
            self.feed.now()

    def action_loop(self) -> None:
        """Begin the recording anew after its end, or do not."""
        if self._recorded():
            again = self.source.playback.repeat()  # type: ignore[union-attr]
            self.notify("It begins anew after its end." if again else "It ends at its end.", markup=False, timeout=2)
            self.feed.now()

    def action_seek(self, text: str = "") -> None:
        """Play from the time that is typed, else from the cursor, else from the brush."""
        if not self._recorded():
            return
        around = self.around()
        to_ms = self.outlook.selected(around).start_ms if self.outlook.cursor_ms is None else self.outlook.cursor_ms
        if text:
            wrong = self._time_error(text)
            within = None if wrong else asked(text, around.now_ms, around.bounds, around.window_ms)
            if within is None:
                self.notify(wrong or "That is where it plays.", markup=False)
                return
            to_ms = within.start_ms
        self.source.playback.seek(to_ms)  # type: ignore[union-attr]
        self.look(self.following())
        self.feed.now()

    def _recorded(self) -> bool:
        if self.source.playback is None:
            self.notify("Flows come as they are sent: `nftui --replay PATH` plays a recording.", markup=False)
        return self.source.playback is not None

    # Cursor

    def action_cursor(self, buckets: int) -> None:
        """Move the cursor of the timeline."""
        self.look(self.outlook.move(buckets, self.around()), visit=False)

    def action_cursor_to(self, end: int) -> None:
        """The first or the last bucket of the frame."""
        around = self.around()
        frame = self.outlook.shown(around)
        self.look(self.outlook.point(frame.start_ms if end < 0 else frame.end_ms - 1, around), visit=False)

    def action_choose(self) -> None:
        """Enter on the timeline: closer to the brush; a recording plays from the cursor."""
        if self.source.playback is not None:
            self.action_seek()
        else:
            self.action_zoom(1)

    def action_timeline(self) -> None:
        """Give the keys and more lines to the timeline, or give them back to the table."""
        chart = self.chart
        self.chart_tall = not chart.has_focus and chart.display
        if self.chart_tall:
            chart.focus()
        else:
            self.table.focus()
        self.fit_chart()
        self.show_hints()

    # Going places

    def action_time_back(self, step: int) -> None:
        """The time that was looked at before this one, or after it."""
        found = self.visits.move(step)
        if found is None:
            self.notify("No other time was looked at." if step < 0 else "This is the last one.", markup=False)
        else:
            self.look(found, visit=False)

    def action_goto(self, text: str = "") -> None:
        """Type a time, or go to the one given."""
        if text:
            wrong = self._time_error(text)
            if wrong:
                self.notify(wrong, severity="warning", markup=False)
            else:
                self._go_to(text)
            return
        self.app.push_screen(TimePrompt(self._time_error, EXAMPLES), self._go_to)

    def _time_error(self, text: str) -> str:
        around = self.around()
        try:
            asked(text, around.now_ms, around.bounds, around.window_ms)
        except NftuiError as error:
            return str(error)
        return ""

    def _go_to(self, text: str | None) -> None:
        if not text:
            return
        around = self.around()
        within = asked(text, around.now_ms, around.bounds, self.outlook.selected(around).length_ms)
        self.look(self.following() if within is None else self.outlook.go_to(within, around))

    @property
    def store(self) -> str:
        """What the flows are stored in, for what is remembered about it; empty while not known."""
        return self.health.store_root if self.health is not None else ""

    def action_mark(self) -> None:
        """Remember the time under a letter."""

        def chosen(letter: str | None) -> None:
            if letter and letter.isalpha():
                self.bookmarks.set(self.store, letter, self.outlook)
                self.notify(f"' {letter} returns here.", markup=False, timeout=2)

        self.app.push_screen(LetterPrompt("Remember this time under a letter", self._bookmark_lines()), chosen)

    def action_jump(self) -> None:
        """Go to a remembered time."""

        def chosen(letter: str | None) -> None:
            if not letter:
                return
            found = self.bookmarks.jump(self.store, letter, self.outlook)
            if found is None:
                self.notify(f"m {letter} was not pressed yet.", markup=False)
            else:
                self.look(found)

        self.app.push_screen(
            LetterPrompt("Go to the time of a letter; ' for the last one", self._bookmark_lines()), chosen
        )

    def _bookmark_lines(self) -> list[tuple[str, str]]:
        return [
            (letter, "now" if outlook.brush is None else written(outlook.brush, self.now_ms))
            for letter, outlook in sorted(self.bookmarks.marks(self.store).items())
        ]

    # What is drawn

    def action_layers(self) -> None:
        """What the layers of the timeline are."""
        self.stacked_by = KINDS[(KINDS.index(self.stacked_by) + 1) % len(KINDS)]
        self.draw()

    def action_measure(self) -> None:
        """Bytes, packets or flows over time."""
        self.measure = MEASURES[(MEASURES.index(self.measure) + 1) % len(MEASURES)]
        self.draw()

    # Waiting

    def give_up(self) -> bool:
        """Wait no longer for an answer that takes long; what is on the screen is looked at again."""
        if not (self.past.slow and self.past.give_up()):
            return False
        if self.trail.place.within is not None:
            place, outlook = self.answered or (None, self.following())
            if place is not None:
                self.trail.change(view=place.view, filter=place.filter, sort=place.sort, descending=place.descending)
            self.outlook = outlook
            self.trail.change(within=outlook.brush)
            self.visits.arrive(outlook)
            if outlook.brush is None:
                self.go_on()
        self.notify("Given up: this is what was shown before.", markup=False)
        self.show_lines()
        self.draw()
        return True

    # Mouse

    @on(Timeline.Brushed)
    def _drawn_with_mouse(self, event: Timeline.Brushed) -> None:
        self.look(self.outlook.drag(event.from_ms, event.to_ms, self.around()), adjusting=True)

    @on(Timeline.Pointed)
    def _clicked(self, event: Timeline.Pointed) -> None:
        self.look(self.outlook.point(event.time_ms, self.around()), visit=False)
        if self.source.playback is not None and self.outlook.brush is None:
            self.action_seek()

    @on(Timeline.Zoomed)
    def _wheel(self, event: Timeline.Zoomed) -> None:
        self.look(self.outlook.zoom_at(event.time_ms, event.out, self.around()), adjusting=True)
