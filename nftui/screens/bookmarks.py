"""Times under letters, for each store its own; what of them goes into the session and comes back from it."""

from __future__ import annotations

from collections.abc import Mapping

from nftui.engine.history.values import TimeRange
from nftui.screens.outlook import FRAMES, Outlook

_MOST = 60
"""Letters of a store."""

_LATEST_MS = 1 << 43


class Bookmarks:
    """Outlooks by letters; the apostrophe stands for the one that was left by the last jump."""

    LAST = "'"

    def __init__(self) -> None:
        self._stores: dict[str, dict[str, Outlook]] = {}

    def set(self, store: str, letter: str, outlook: Outlook) -> None:
        """Remember under a letter, in place of what it meant; of too many the earliest is forgotten."""
        marks = self._stores.setdefault(store, {})
        marks.pop(letter, None)
        marks[letter] = outlook
        if len(marks) > _MOST:
            del marks[next(iter(marks))]

    def jump(self, store: str, letter: str, leaving: Outlook) -> Outlook | None:
        """The outlook of a letter; None if it has none. `LAST` then is the one that is left."""
        found = self.marks(store).get(letter)
        if found is not None:
            self.set(store, self.LAST, leaving)
        return found

    def marks(self, store: str) -> Mapping[str, Outlook]:
        """All of a store, `LAST` too."""
        return self._stores.get(store, {})

    def kept(self, latest: str) -> dict[str, object]:
        """What the session keeps: by store, that of the latest last, each letter's frame length, brush and frame."""
        order = sorted((store for store in self._stores if store), key=lambda store: store == latest)
        return {
            store: {
                letter: [outlook.length_ms, _span(outlook.brush), _span(outlook.frame)]
                for letter, outlook in self._stores[store].items()
                if letter != self.LAST
            }
            for store in order
        }

    def recall(self, kept: Mapping[str, object]) -> None:
        """Take what a session kept. What is no bookmark is left out: the file is not trusted."""
        for store, marks in kept.items():
            for letter, value in marks.items() if isinstance(marks, dict) else ():
                outlook = _outlook(value)
                if outlook is not None and len(letter) == 1 and letter.isalpha():
                    self.set(store, letter, outlook)


def _span(span: TimeRange | None) -> list[int] | None:
    return None if span is None else [span.start_ms, span.end_ms]


def _outlook(value: object) -> Outlook | None:
    if not isinstance(value, list) or len(value) != 3:
        return None
    length, brush, frame = value
    known = isinstance(length, int) and FRAMES[0] <= length <= FRAMES[-1]
    if not known or not all(part is None or _is_span(part) for part in (brush, frame)):
        return None
    return Outlook(length, brush=_range(brush), frame=_range(frame))


def _is_span(part: object) -> bool:
    if not isinstance(part, list) or len(part) != 2 or not all(type(end) is int for end in part):
        return False
    return bool(0 <= part[0] < part[1] <= _LATEST_MS)


def _range(part: list[int] | None) -> TimeRange | None:
    return None if part is None else TimeRange(*part)
