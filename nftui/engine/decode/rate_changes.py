"""When sampling rates changed: the last changes of each exporter, with their time."""

from __future__ import annotations

from collections import deque

from nftui.engine.decode.status import SamplingChange


class RateChanges:
    """Changes by session slot; bounded per session, and by the number of sessions.

    Args:
        most: changes kept of a session.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[int, deque[SamplingChange]] = {}

    def note(self, session: int, change: SamplingChange) -> None:
        """Remember a change; the oldest goes when there are too many."""
        self._of.setdefault(session, deque(maxlen=self._most)).append(change)

    def of(self, session: int) -> tuple[SamplingChange, ...]:
        """Changes of a session, oldest first."""
        return tuple(self._of.get(session, ()))

    def forget(self, session: int) -> None:
        """Forget a session."""
        self._of.pop(session, None)
