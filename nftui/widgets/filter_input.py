"""The box of the filter line: coloured text, and pasted text made harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from nftui.text import clean

MAX_LENGTH = 4096
"""Characters of a filter on the screen; longer ones belong into a file."""

ROLES = ("keyword", "joining", "operator", "value", "saved", "comment", "wrong")

Colour = Callable[[str], Iterable[tuple[int, int, str]]]
"""Start, end and role (one of `ROLES`, others stay plain) of the parts of a filter."""


class FilterInput(Input):
    """A one-line box whose keys beyond editing are its bar's business.

    Attributes:
        colour: names the parts of the text; None for plain text.

    Args:
        answer: called at once with `take`, `up`, `down`, `search`, `name` or `leave`, so that the next key finds
            the text as the one before it left it.
    """

    DEFAULT_CSS = """
    FilterInput { height: 1; border: none; padding: 0; background: $surface; width: 1fr; }
    FilterInput > .filter-input--keyword { color: $accent; }
    FilterInput > .filter-input--joining { color: $secondary; text-style: bold; }
    FilterInput > .filter-input--operator { color: $warning; }
    FilterInput > .filter-input--value { color: $success; }
    FilterInput > .filter-input--saved { color: $primary; text-style: bold; }
    FilterInput > .filter-input--comment { color: $text-muted; text-style: italic; }
    FilterInput > .filter-input--wrong { color: $error; text-style: underline; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"filter-input--{role}" for role in ROLES}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", id="filter-keep"), Binding("escape", "bar('leave')", id="filter-clear"),
        Binding("up,ctrl+p", "bar('up')", id="filter-earlier"),
        Binding("down,ctrl+n", "bar('down')", id="filter-later"),
        Binding("tab", "bar('take')", id="filter-take"), Binding("ctrl+r", "bar('search')", id="filter-search"),
        Binding("ctrl+s", "bar('name')", id="filter-save"),
    ]  # fmt: skip

    @dataclass
    class Cut(Message):
        """Pasted text did not fit.

        Attributes:
            length: characters that were pasted.
        """

        length: int

    def __init__(self, answer: Callable[[str], None]) -> None:
        super().__init__(max_length=MAX_LENGTH, compact=True, select_on_focus=False, highlighter=_Colours(self))
        self._answer = answer
        self.colour: Colour | None = None
        self._wrong = (0, 0)

    @property
    def wrong(self) -> tuple[int, int]:
        """Start and end of what is underlined as wrong."""
        return self._wrong

    @wrong.setter
    def wrong(self, place: tuple[int, int]) -> None:
        if place != self._wrong:
            self._wrong = place
            self.refresh()

    def action_bar(self, what: str) -> None:
        """Let the bar answer a key."""
        self._answer(what)

    def show(self, text: str) -> None:
        """Replace the text; the cursor stands behind it."""
        self.value = text
        self.cursor_position = len(text)

    def on_paste(self, event: events.Paste) -> None:
        """A pasted filter becomes one line of harmless text, as much of it as fits."""
        event.prevent_default()
        event.stop()
        start, end = sorted(self.selection)
        room = MAX_LENGTH - len(self.value) + end - start
        # Ten times the room is enough to find that much in, whatever is removed; a pasted gigabyte is not looked at.
        text = clean(" ".join(event.text[: 10 * MAX_LENGTH].split()), 10 * MAX_LENGTH)
        if len(text) > room:
            self.post_message(self.Cut(len(event.text)))
        if room > 0:
            self.replace(text[:room], start, end)


class _Colours(Highlighter):
    """Colours the text of a box."""

    def __init__(self, box: FilterInput) -> None:
        self._box = box

    def highlight(self, text: Text) -> None:
        """Colour the parts and underline what is wrong."""
        box = self._box
        if box.colour is None:
            return
        for start, end, role in box.colour(text.plain):
            if role in ROLES:
                text.stylize(_ink(box.get_component_rich_style(f"filter-input--{role}")), start, end)
        start, end = box.wrong
        if end > start:
            text.stylize(_ink(box.get_component_rich_style("filter-input--wrong")), start, end)


def _ink(style: Style) -> Style:
    """A style without its background, which is the cursor's and the selection's."""
    return Style(color=style.color, bold=style.bold, italic=style.italic, underline=style.underline)
