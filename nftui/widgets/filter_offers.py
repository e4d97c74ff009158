"""What may be typed next, in a short list over the table below the filter line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from nftui.widgets.table_layout import fit

_LINES = 8
_WIDEST = 64


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing to take.

    Attributes:
        text: what goes into the line.
        note: what it is, in a few words.
    """

    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Offers:
    """What fits at the cursor.

    Attributes:
        start: offset of the text that an offer replaces.
        end: offset behind that text.
        offers: best first.
        eager: worth showing although nobody asked.
        wanted: sets of fields whose values in the data should be asked for; with them there may be more offers.
    """

    start: int = 0
    end: int = 0
    offers: tuple[Offer, ...] = ()
    eager: bool = False
    wanted: tuple[tuple[str, ...], ...] = ()


class OfferList(Widget):
    """A list over other widgets; the box that it belongs to keeps the keyboard."""

    DEFAULT_CSS = """
    OfferList { overlay: screen; constrain: inside; display: none; height: auto; width: auto; background: $panel; }
    OfferList.-open { display: block; }
    OfferList > .offer-list--text { color: $foreground; background: $panel; }
    OfferList > .offer-list--note { color: $text-muted; background: $panel; }
    OfferList > .offer-list--chosen { color: $foreground; background: $primary 50%; text-style: bold; }
    OfferList > .offer-list--chosen-note { color: $foreground; background: $primary 50%; }
    OfferList:nocolor > .offer-list--chosen { text-style: reverse; }
    OfferList:nocolor > .offer-list--chosen-note { text-style: reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"offer-list--{part}" for part in ("text", "note", "chosen", "chosen-note")
    }

    @dataclass
    class Taken(Message):
        """A click on an offer."""

        index: int

    def __init__(self) -> None:
        super().__init__()
        self.offers: tuple[Offer, ...] = ()
        self.chosen = -1
        self._top = 0

    @property
    def is_open(self) -> bool:
        """Whether it is seen."""
        return self.has_class("-open")

    def open(self, offers: Sequence[Offer], column: int) -> None:
        """Show offers, none of them chosen, with their left edge at a column of the parent."""
        self.offers = tuple(offers)
        self.chosen = -1
        self._top = 0
        self.set_class(bool(offers), "-open")
        if offers:
            self.styles.width = self._width()
            self.styles.height = min(_LINES, len(self.offers))
            self.place(column)
            self.refresh(layout=True)

    def place(self, column: int) -> None:
        """Move the left edge to a column of the parent, as far as there is room."""
        if self.is_open:
            self.styles.offset = (max(0, min(column - 1, self.app.size.width - self._width())), 0)

    def close(self) -> None:
        """Hide."""
        self.open((), 0)

    def choose(self, step: int) -> None:
        """Go to the next or the previous offer; before the first one none is chosen."""
        self.chosen = max(-1, min(self.chosen + step, len(self.offers) - 1))
        self._top = max(0, min(self._top, self.chosen), self.chosen - _LINES + 1)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One offer, and in the last line how many there are beyond the list."""
        index = self._top + y
        width = self.size.width
        if index >= len(self.offers):
            return Strip.blank(width, self._part("text"))
        offer, at = self.offers[index], index == self.chosen
        text, note = (
            (self._part("chosen"), self._part("chosen-note")) if at else (self._part("text"), self._part("note"))
        )
        names = min(self._names(), width - 2)
        left = width - names - 4
        remark = offer.note
        if y == _LINES - 1 and index + 1 < len(self.offers):
            remark = f"and {len(self.offers) - index - 1} more"
        segments = [Segment(f" {fit(offer.text, names)} ", text)]
        segments.append(Segment(f" {fit(remark, left)} " if left > 0 else " " * max(0, width - names - 2), note))
        return Strip(segments).crop(0, width).extend_cell_length(width, text)

    def on_click(self, event: events.Click) -> None:
        """Take the offer under the mouse."""
        event.stop()
        if self._top + event.y < len(self.offers):
            self.post_message(self.Taken(self._top + event.y))

    def _names(self) -> int:
        return min(40, max((cell_len(offer.text) for offer in self.offers), default=0))

    def _width(self) -> int:
        notes = max((cell_len(offer.note) for offer in self.offers), default=0)
        more = len("and 999 more") if len(self.offers) > _LINES else 0
        return min(_WIDEST, self.app.size.width, self._names() + max(notes, more) + 4)

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"offer-list--{name}")
