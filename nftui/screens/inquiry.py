"""Questions to the past: in a thread of their own, so that what is live goes on beside them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from textual.timer import Timer
from textual.widget import Widget

from nftui.errors import NftuiError, unexpected
from nftui.text import clean, counted

if TYPE_CHECKING:
    from nftui.screens.source import Past

_TICK_SECONDS = 0.2
_SHOWN_AFTER = 0.3
"""A question that takes longer than this, in seconds, is seen to be under way."""

_REST_SECONDS = 5.0
"""Without a question for so long, the past gives its memory back."""

_STEPS_BACK = 5
"""Of the priority: what comes in and what is pressed go before a question that takes seconds."""

_Answer = TypeVar("_Answer")


class NoPast(NftuiError):
    """The source keeps nothing that could be asked about."""


@dataclass(slots=True, eq=False)
class _Asked:
    """One question and who wants the answer."""

    subject: str
    question: Callable[[Past], Any]
    receive: Callable[[Any], None]
    failed: Callable[[str], None]
    began: float = 0.0
    cancelled: bool = False


class Inquiry:
    """Asks the past one question at a time; a new one takes the place of the one before about the same subject.

    Args:
        owner: widget whose timers are used.
        past: opens the past; called in the worker thread, at the first question.
        changed: called in the event loop while a question takes long, and when it has ended.
    """

    def __init__(self, owner: Widget, past: Callable[[], Past | None], changed: Callable[[], None]) -> None:
        self._owner = owner
        self._open = past
        self._changed = changed
        self._pool = ThreadPoolExecutor(1, "past", _make_courteous)
        self._past: Past | None = None
        self._waiting: dict[str, _Asked] = {}
        self._running: _Asked | None = None
        self._pumping = self._loaded = False
        self._timer: Timer | None = None
        self._resting: Timer | None = None

    def beside(self, owner: Widget, changed: Callable[[], None]) -> Inquiry:
        """Another one about the same past, which does not wait for this one."""
        return Inquiry(owner, self._open, changed)

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._pumping

    @property
    def slow(self) -> bool:
        """Whether the running question takes so long that this should be seen."""
        return self._running is not None and time.monotonic() - self._running.began > _SHOWN_AFTER

    @property
    def progress(self) -> float | None:
        """Percent of the running question; None while nothing is known."""
        percent = self._past.progress() if self._running is not None and self._past is not None else -1.0
        return percent if percent >= 0 else None

    @property
    def unread(self) -> str:
        """Which files the last question left out and why, and flows that the timeline does, in words; empty if none."""
        files = self._past.unread if self._past is not None else ()
        words = []
        if files:
            path, reason = files[0]
            first = f"{clean(os.path.basename(path))} {clean(reason)}"
            words.append(f"{counted(len(files), 'file')} not read: {first}{', ...' if files[1:] else ''}")
        if self._past is not None and self._past.far:
            flows = "the times of 1 flow are" if self._past.far == 1 else f"the times of {self._past.far:,} flows are"
            words.append(f"{flows} more than a day from when they came, outside of the timeline")
        return "; ".join(words)

    def ask(
        self,
        subject: str,
        question: Callable[[Past], _Answer],
        receive: Callable[[_Answer], None],
        failed: Callable[[str], None],
        first: bool = False,
    ) -> None:
        """Ask when the thread is free.

        Args:
            subject: a question about the same subject that still waits is dropped, a running one cancelled.
            question: called in the worker thread.
            receive: gets the answer, in the event loop, unless it was cancelled.
            failed: gets the reason when there is no answer; empty when the user gave up.
            first: before all that wait.
        """
        self.drop(subject)
        asked = _Asked(subject, question, receive, failed)
        self._waiting = {subject: asked, **self._waiting} if first else {**self._waiting, subject: asked}
        if not self._pumping:
            self._pumping = True
            self._owner.run_worker(self._pump(), group="past")

    def drop(self, subject: str) -> None:
        """Answers about this subject are no longer wanted."""
        self._waiting.pop(subject, None)
        if self._running is not None and self._running.subject == subject:
            self._interrupt(self._running)

    async def run(self, question: Callable[[Past], _Answer]) -> _Answer:
        """Ask something short and wait for it. Raises NftuiError."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: _named(question, self._opened()))

    def give_up(self) -> bool:
        """Cancel everything, for the user does not want to wait; False when nothing was under way."""
        given_up = [*self._waiting.values(), *([self._running] if self._running else [])]
        self._waiting.clear()
        if self._running is not None:
            self._interrupt(self._running)
        for asked in given_up:
            asked.failed("")
        return bool(given_up)

    def stop(self) -> None:
        """Ask no more, and let go of the past."""
        self._waiting.clear()
        if self._running is not None:
            self._interrupt(self._running)
        self._pool.submit(self._close)
        self._pool.shutdown(wait=False)

    def _interrupt(self, asked: _Asked) -> None:
        asked.cancelled = True
        if self._past is not None:
            self._past.cancel()

    def _close(self) -> None:
        if self._past is not None:
            self._past.close()

    def _opened(self) -> Past:
        if self._past is None:
            self._past = self._open()
        if self._past is None:
            raise NoPast("there is no store here that could be asked about the past")
        return self._past

    def _answer(self, asked: _Asked) -> object:
        past = self._opened()
        return None if asked.cancelled else _named(asked.question, past)

    def _rest(self) -> None:
        if self._past is not None and not self._pumping:
            self._pool.submit(self._past.rest)

    async def _pump(self) -> None:
        if self._resting is not None:
            self._resting.stop()
        self._timer = self._owner.set_interval(_TICK_SECONDS, self._tick)
        try:
            while self._waiting:
                asked = self._running = self._waiting.pop(next(iter(self._waiting)))
                asked.began = time.monotonic()
                await self._settle(asked)
        finally:
            self._timer.stop()
            self._running = None
            self._pumping = False
        if self._owner.is_attached and self._owner.app.is_running:
            self._resting = self._owner.set_timer(_REST_SECONDS, self._rest)
            self._changed()

    async def _settle(self, asked: _Asked) -> None:
        problem, answer = "", None
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, asked)
        except NftuiError as error:
            problem = str(error)
        except RuntimeError:  # the pool is shut down: the screen is closing
            return
        self._running = None
        if not self._loaded:
            from nftui.engine.memory import freeze_loaded

            self._loaded = True
            freeze_loaded()
        if asked.cancelled or not (self._owner.is_attached and self._owner.app.is_running):
            return
        if problem:
            asked.failed(problem)
        else:
            asked.receive(answer)

    def _tick(self) -> None:
        running = self._running
        if running is not None and running.cancelled and self._past is not None:
            self._past.cancel()  # once more: the question had not begun when it was cancelled first
        if self.slow:
            self._changed()


def _make_courteous() -> None:
    from nftui.engine.courtesy import step_back

    step_back(_STEPS_BACK)


def _named(question: Callable[[Past], _Answer], past: Past) -> _Answer:
    """Ask; whatever goes wrong is one line for the user, and no reason for the screen to end."""
    try:
        return question(past)
    except NftuiError:
        raise
    except Exception as error:
        raise NftuiError(f"no answer: {unexpected(error)}") from error
