"""What the filter line knows: the language, the user's saved filters, and values that occur in the data."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from nftui.errors import FilterError
from nftui.screens.filter_reader import FilterReader
from nftui.screens.seen_values import SeenFields
from nftui.text import clean
from nftui.widgets.filter_offers import Offer, Offers

if TYPE_CHECKING:
    from nftui.engine.query.filters import Filter

_JOINING = {"and", "or"}
_INCLUDE = "@include"
"""Not offered: what is typed on the screen reads no files."""


class FilterLanguage:
    """Answers the filter line at once: values that are not known yet are named, not waited for.

    Attributes:
        reader: parses, with the saved filters.
        seen: values that are known.
    """

    def __init__(self, reader: FilterReader) -> None:
        self.reader = reader
        self.seen = SeenFields()
        self.parts = lru_cache(4)(_parts)  # a box is drawn several times for each key
        self._latest: tuple[FilterReader, str, Filter | FilterError | None] = (reader, "", None)

    def check(self, text: str) -> Filter | None:
        """The filter, parsed once for all who ask about the same text. Raises FilterError if it is none."""
        reader, known, found = self._latest
        if reader is not self.reader or known != text:
            try:
                found = self.reader(text)
            except FilterError as error:
                found = error
            self._latest = (self.reader, text, found)
        if isinstance(found, FilterError):
            raise found
        return found

    def explain(self, text: str) -> str:
        """What a filter lets through, in one line; empty if it is none.

        Keys go on after the text that an answer is about: Enter and a letter right behind it.
        """
        from nftui.engine.query.explain import sentence

        try:
            understood = self.check(text)
        except FilterError:
            return ""
        return sentence(understood) if understood is not None else ""

    def offers(self, text: str, cursor: int) -> Offers:
        """Words, names and values for the place of the cursor; the right word for a wrong one if nothing fits."""
        from nftui.engine.query.complete import complete

        wanted: list[tuple[str, ...]] = []

        def values(fields: tuple[str, ...]) -> list[str]:
            if self.seen.wants(fields):
                wanted.append(fields)
            return self.seen.known(fields)

        found = complete(text, cursor, values, self.reader.saved)
        offers = tuple(Offer(word, self._note(word)) for word in found.candidates if word != _INCLUDE)
        missing = tuple(wanted)
        if not offers:
            return self._meant(text, missing)
        eager = cursor > found.start or (bool(text[:cursor].strip()) and not _JOINING.issuperset(found.candidates[:2]))
        return Offers(found.start, cursor, offers, eager, missing)

    def _meant(self, text: str, missing: tuple[tuple[str, ...], ...]) -> Offers:
        try:
            self.check(text)
        except FilterError as error:
            if error.suggestion and error.text == text:
                end = error.position + error.length
                return Offers(error.position, end, (Offer(error.suggestion, "did you mean this?"),), False, missing)
        return Offers(wanted=missing)

    def _note(self, word: str) -> str:
        if word.startswith("@"):
            return clean(self.reader.saved[word[1:]], 60)
        return _meaning(word)


@lru_cache(512)
def _meaning(word: str) -> str:
    """What a word of the language asks for, empty for others."""
    from nftui.engine.query.words import PHRASES

    known = PHRASES.get((word,))
    return known.shape.value if known is not None else ""


def _parts(text: str) -> list[tuple[int, int, str]]:
    from nftui.engine.query.highlight import parts

    return [(part.start, part.end, part.role) for part in parts(text)]
