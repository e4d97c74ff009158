"""Times that were looked at, to go back to, in order, as a browser does."""

from __future__ import annotations

from nftui.screens.outlook import Outlook

_MOST = 100


class Visits:
    """Outlooks in the order in which they were looked at, and the place among them.

    Args:
        outlook: the first one.
    """

    def __init__(self, outlook: Outlook) -> None:
        self._visited = [outlook]
        self._place = 0
        self._adjusting = False

    def arrive(self, outlook: Outlook, adjusting: bool = False) -> None:
        """Look at something else; what lay ahead is forgotten.

        Args:
            outlook: what is looked at now.
            adjusting: a small move of many, such as a brush that grows by a bucket: all together are one visit.
        """
        if not (adjusting and self._adjusting):
            self._visited = [*self._visited[: self._place + 1], outlook][-_MOST:]
            self._place = len(self._visited) - 1
        self._visited[self._place] = outlook
        self._adjusting = adjusting

    def move(self, step: int) -> Outlook | None:
        """The one before (-1) or after (1); None where there is none."""
        place = self._place + step
        if not 0 <= place < len(self._visited):
            return None
        self._place, self._adjusting = place, False
        return self._visited[place]
