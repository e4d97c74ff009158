"""Asks the source for what the live screen shows, and puts the answers onto it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from nftui.errors import NftuiError
from nftui.screens.board import BoardOptions, LiveBoard
from nftui.screens.feed import Feed, News
from nftui.screens.inquiry import Inquiry
from nftui.screens.source import Source
from nftui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from nftui.engine.batch import FlowBatch
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
    from nftui.engine.query.filters import Filter
    from nftui.screens.navigation import Place

_FIRST_ROWS = 500
_MOST_ROWS = 20_000


class AskingBoard(LiveBoard):
    """A board whose parts are kept up to date with the place that the user is at.

    The groups of actions of the live screen build on this: they change the place, then `go_on`.

    Attributes:
        feed: runs questions to the source in a worker thread.
        past: runs questions about a range of time in another one.
        unscaled: counters as sent, sampling not applied.
        past_problem: why the past could not answer the last question; empty when it did.
    """

    @dataclass
    class Failed(Message):
        """The source could not start."""

        error: NftuiError

    def __init__(self, source: Source, options: BoardOptions) -> None:
        super().__init__(source, options)
        self.feed = Feed(self, source, self._live_request, self._receive)
        self.past = Inquiry(self, source.past, self.show_state)
        self.unscaled = False
        self.past_problem = ""
        self._filter: tuple[str, Filter | None] = ("", None)
        self._refreeze = False
        self._rows_wanted = _FIRST_ROWS
        self._asked: tuple[Place, bool] | None = None

    def on_mount(self) -> None:
        """Show the frame, then start the source behind it."""
        for widget in (self.table, self.detail.table, self.query_one(Timeline)):
            widget.ascii_only = self.display_options.ascii_only
        self.show_lines()
        # Loading the engine before the first frame is out would double the time until it is.
        self.call_after_refresh(lambda: self.set_timer(0.01, self._begin))

    def _begin(self) -> None:
        self.run_worker(self._start())

    async def _start(self) -> None:
        from nftui.engine.memory import freeze_loaded

        try:
            await self.feed.run(self.source.start)
        except NftuiError as error:
            self.post_message(self.Failed(error))
            return
        freeze_loaded()
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
        self.past.stop()

    def request(self) -> LiveRequest:
        """The question that the table answers, for the present place."""
        from nftui.engine.live.snapshot import LiveRequest

        place, table = self.trail.place, self.table
        if self._filter[0] != place.filter:
            self._filter = (place.filter, self.read_filter(place.filter))
        if table.held and len(table.data) - table.cursor_row < 2 * table.visible_rows:
            last = self.snapshot is not None and table.cursor_row == len(table.data) - 1
            wanted = self.snapshot.rows_total if self.snapshot and last else 2 * table.cursor_row + _FIRST_ROWS
            self._rows_wanted = min(_MOST_ROWS, max(self._rows_wanted, wanted))
        return LiveRequest(
            place.view, self._filter[1], place.sort, place.descending, self._rows_wanted, not self.unscaled,
            table.cursor_key if table.held else None, place.within,
        )  # fmt: skip

    def _live_request(self) -> LiveRequest:
        """What to ask of the live window: while the table is about another time, sums and chart, and no groups."""
        from nftui.engine.live.snapshot import LiveRequest

        request = self.request()
        self._asked = (self.trail.place, self.unscaled)
        if request.within is None:
            return request
        return LiveRequest("flows", request.filter, "time_received_ms", limit=1, scaled=request.scaled)

    async def answer(self, request: LiveRequest) -> LiveSnapshot:
        """The answer to a question beside the table's, of its time or of the live window. Raises NftuiError."""
        if request.within is not None:
            return await self.past.run(lambda past: past.snapshot(request))
        return await self.feed.run(lambda: self.source.snapshot(request))  # type: ignore[return-value]

    async def flow_of(self, key: int) -> tuple[FlowBatch, int] | None:
        """The record of a row of the flow list that is shown, as batch and row; None when it is gone."""
        if self.trail.place.within is not None:
            return await self.past.run(lambda past: past.flow(key))
        found = await self.feed.run(lambda: self.source.flow(key))
        return found if isinstance(found, tuple) else None

    def show_state(self) -> None:
        """Whether an answer is awaited, and of which time the table is."""

    def give_up(self) -> bool:
        """Wait no longer for an answer that takes long; False when none does."""
        return False

    @property
    def awaiting(self) -> bool:
        """Whether an answer about the past is on its way."""
        return self.past.busy

    def action_resolve(self) -> None:
        """Ask for names of the addresses of the flow that is read, or no longer."""

    def follow_now(self) -> bool:
        """Back to the live window; False when nothing else is looked at."""
        return False

    def _past_failed(self, reason: str) -> None:
        self.problem = self.past_problem = reason
        self.show_lines()

    def _receive(self, news: News) -> None:
        if news.health is not None:
            self.health = news.health
        warnings = self.health.warnings if self.health else ()
        noted = "; ".join(words for words in (self.past.unread, *warnings[:1]) if words)
        self.problem = news.problem or self.past_problem or noted
        snapshot = news.snapshot
        place = self.trail.place
        if snapshot is not None and _text(snapshot) == place.filter:
            # What was asked before the user went elsewhere may be the sums alone, or in another order.
            answers = self._asked == (place, self.unscaled) and place.within is None
            if answers and (self.paused is None or self._refreeze):
                self._refreeze = False
                self.show_table(snapshot)
            self.show_chart(snapshot)
        self.show_lines()

    def go_on(self, reset: bool = False) -> None:
        """Ask for the present place at once."""
        if reset:
            self.table.reset_cursor()
            self._rows_wanted = _FIRST_ROWS
        self.past_problem = ""
        self._refreeze = self.paused is not None
        if self.paused:
            self.paused = (time.monotonic(), self.flows_in())
        self.show_lines()
        self.feed.now()

    def hold(self, held: bool) -> None:
        """Hold the table still, or let it go on."""
        self.paused = (time.monotonic(), self.flows_in()) if held else None
        self.go_on()
        self._refreeze = False

    def close_detail(self) -> bool:
        """Close the pane with one flow; False when it was not open."""
        if not self.detail.has_class("-open"):
            return False
        self.detail.close()
        self.set_class(False, "-detail")
        self.table.focus()
        self.show_lines()
        return True


def _text(snapshot: LiveSnapshot) -> str:
    return snapshot.request.filter.text if snapshot.request.filter is not None else ""
