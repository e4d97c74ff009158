"""Earlier filters: a bounded list that one walks through and searches."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 500
"""Filters that are remembered; the oldest go first."""


class FilterPast:
    """Earlier filters, the latest last, each once."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._at = 0
        self._draft = ""

    def __len__(self) -> int:
        return len(self._texts)

    def put(self, older: Iterable[str]) -> None:
        """Set what was used in earlier sessions before what was used in this one."""
        self._texts = joined([*older, *self._texts])
        self.rest()

    def add(self, text: str) -> bool:
        """Remember a filter as the latest; False when it was that already."""
        if self._texts[-1:] == [text]:
            return False
        self._texts = joined([*self._texts, text])
        self.rest()
        return True

    def rest(self) -> None:
        """The next step back leads to the latest filter."""
        self._at = len(self._texts)

    def step(self, step: int, text: str) -> str:
        """An earlier (-1) or later (1) filter; behind the latest stands the text that was there before."""
        if self._at == len(self._texts):
            self._draft = text
        self._at = max(0, min(self._at + step, len(self._texts)))
        return self._texts[self._at] if self._at < len(self._texts) else self._draft

    def search(self, words: str) -> list[str]:
        """Filters that have all the words in them, the latest first."""
        wanted = words.lower().split()
        return [text for text in reversed(self._texts) if all(word in text.lower() for word in wanted)]


def joined(texts: Iterable[str]) -> list[str]:
    """Each text once, at the place of its last use; at most `MOST`."""
    latest = dict.fromkeys(reversed([text for text in texts if text]))
    return list(reversed(latest))[-MOST:]
