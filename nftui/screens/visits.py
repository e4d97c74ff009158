"""Times that were looked at, to go back to: in order, as a browser does, and by a letter."""

from __future__ import annotations

from collections.abc import Mapping

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


class Bookmarks:
    """Outlooks by letters; the apostrophe stands for the one that was left by the last jump."""

    LAST = "'"

    def __init__(self) -> None:
        self._marks: dict[str, Outlook] = {}

    def set(self, letter: str, outlook: Outlook) -> None:
        """Remember under a letter, in place of what it meant."""
        self._marks[letter] = outlook

    def jump(self, letter: str, leaving: Outlook) -> Outlook | None:
        """The outlook of a letter; None if it has none. `LAST` then is the one that is left."""
        found = self._marks.get(letter)
        if found is not None:
            self._marks[self.LAST] = leaving
        return found

    @property
    def marks(self) -> Mapping[str, Outlook]:
        """All of them, `LAST` too."""
        return self._marks
