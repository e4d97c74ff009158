"""Ctrl-C during a query: a second, shorter look that still answers."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from nftui.cli.diagnostics import say
from nftui.engine.query.flow_session import Interrupted

if TYPE_CHECKING:
    from nftui.engine.query.flow_session import FlowSession

_T = TypeVar("_T")

_PATIENCE = 0.25
"""How much longer somebody who has pressed Ctrl-C waits, as a share of the time that he has waited."""
_LEAST_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class Reach:
    """What a partial answer was made from.

    Attributes:
        files: number of files that were read, the oldest ones.
        of: number of files and live segments that were asked for.
    """

    files: int
    of: int


class Interruption:
    """Lets Ctrl-C end the queries of a session instead of the program, while its block runs.

    Attributes:
        reach: what the answer was made from, if it is partial.

    Args:
        session: whose queries end.
        before: called before anything is said.
    """

    def __init__(self, session: FlowSession, before: Callable[[], object] = lambda: None) -> None:
        self._before = before
        self.reach: Reach | None = None
        self._session = session
        self._percent = 0.0
        self._previous: Callable[[int, FrameType | None], object] | int | None = None

    def __enter__(self) -> Self:
        self._previous = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def answer(self, ask: Callable[[], _T]) -> _T:
        """What `ask` gives or, after Ctrl-C, what it gives for the oldest files.

        Sums that are half done are worth nothing, so the question is asked again, of as many files as will take a
        quarter of the time so far; a second Ctrl-C ends that too.

        Raises:
            Interrupted: there are no files to choose from, or Ctrl-C was pressed again.
        """
        try:
            return ask()
        except Interrupted:
            sources = self._session.sources
            of = sources.count
            share = max(self._percent, _LEAST_PERCENT) / 100 * _PATIENCE
            if self.reach is not None or not sources.keep_oldest(share):
                raise
            self.reach = Reach(len(sources.files), of)
            self._before()
            say(f"nftui: interrupted: answering from {self.reach.files} of {of} files; once more to stop")
            self._session.resume()
            return ask()

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        self._percent = self._session.progress()
        self._session.interrupt()
