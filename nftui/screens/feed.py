"""Pulls snapshots from a source in a worker thread, at a pace that the terminal can follow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.timer import Timer
from textual.widget import Widget

from nftui.errors import NftuiError, unexpected
from nftui.screens.pace import Pace
from nftui.screens.source import Source

if TYPE_CHECKING:
    from nftui.engine.health import Health
    from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot


_USUAL_RATE = 2.0
"""Refreshes per second while the terminal keeps up."""


@dataclass(frozen=True, slots=True)
class News:
    """What one pull brought.

    Attributes:
        snapshot: answer to the request, None when the source failed.
        health: state of collector and store, None when the source failed.
        problem: why the source failed, empty when it did not.
    """

    snapshot: LiveSnapshot | None
    health: Health | None
    problem: str = ""


class Feed:
    """Asks the source again and again, one question at a time, and hands the answer to the screen.

    The event loop never waits for the source, and the source never calls the event loop: a terminal that is not
    read for minutes holds up the screen only.

    Args:
        owner: widget whose timers and terminal are used.
        source: where the data comes from.
        request: makes the question.
        receive: gets the answer, in the event loop.
        rate: refreshes per second while the terminal keeps up.
    """

    def __init__(
        self,
        owner: Widget,
        source: Source,
        request: Callable[[], LiveRequest],
        receive: Callable[[News], None],
        rate: float = _USUAL_RATE,
    ) -> None:
        self._owner = owner
        self._source = source
        self._request = request
        self._receive = receive
        self._pace = Pace(rate)
        self._pool = ThreadPoolExecutor(1, "snapshot")
        self._timer: Timer | None = None
        self._started = False
        self._busy = False
        self._again = False

    def slow_down(self, rate: float) -> None:
        """At most so many refreshes per second. To be called before `start`."""
        self._pace = Pace(rate)

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._busy

    def start(self) -> None:
        """Begin to pull."""
        self._started = True
        self._next(0.01)

    def rest(self) -> None:
        """Pull no more until `resume`: nobody sees the screen.

        Textual repaints the screen on top for every message that a covered one handles.
        """
        if self._timer:
            self._timer.stop()

    def resume(self) -> None:
        """Pull again after `rest`."""
        if self._started:
            self._next(0.01)

    def stop(self) -> None:
        """Pull no more."""
        if self._timer:
            self._timer.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def now(self) -> None:
        """Pull at once: the user asked for something else."""
        if self._busy:
            self._again = True
        else:
            self._owner.run_worker(self._pull(), group="feed")

    def every(self, seconds: float, owner: Widget, ask: Callable[[], object]) -> None:
        """Do something again and again as long as a screen is there.

        Args:
            seconds: between two times; more where a line is slow or the terminal cannot keep up.
            owner: the screen.
            ask: what is done; left out while the terminal has not taken what was drawn last.
        """

        def again() -> None:
            if self._pace.tick(queued_writes(owner)):
                ask()
            wait()

        def wait() -> None:
            owner.set_timer(seconds * self._pace.interval * _USUAL_RATE, again)

        wait()

    async def run(self, work: Callable[[], object]) -> object:
        """Do something with the source in the worker thread."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _next(self, seconds: float) -> None:
        if self._timer:
            self._timer.stop()
        self._timer = self._owner.set_timer(seconds, self._tick)

    async def _tick(self) -> None:
        if self._pace.tick(queued_writes(self._owner)) and not self._busy:
            self._owner.run_worker(self._pull(), group="feed")
        self._next(self._pace.interval)

    async def _pull(self) -> None:
        if self._busy or not self._can_show():
            return
        self._busy = True
        try:
            request = self._request()
            news = await self.run(lambda: self._ask(request))
        except RuntimeError:
            return  # the pool is shut down: the screen is closing
        finally:
            self._busy = False
        if isinstance(news, News) and self._can_show():
            self._receive(news)
        if self._again:
            self._again = False
            self.now()

    def _can_show(self) -> bool:
        """An application that ends takes the parts of its screens away first, and tells the screens last."""
        return self._owner.is_attached and self._owner.app.is_running

    def _ask(self, request: LiveRequest) -> News:
        health = None
        try:
            health = self._source.health()
            return News(self._source.snapshot(request), health)
        except NftuiError as error:
            return News(None, health, str(error))
        except Exception as error:  # the screen goes on, and the next question may be answered
            return News(None, health, unexpected(error))


def queued_writes(widget: Widget) -> int:
    """Writes that the terminal has not taken yet."""
    writer = getattr(widget.app._driver, "_writer_thread", None)  # noqa: SLF001  the only sign of back-pressure
    return writer._queue.qsize() if writer is not None else 0  # noqa: SLF001
