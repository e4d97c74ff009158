"""A dialog that shows a text to copy from."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from nftui.text import clean

_MOST = 16_384
"""Characters that are shown; more were sent to the terminal all the same."""


class TextDialog(ModalScreen[None]):
    """Shows a text over the whole width, without a border that would come along when it is selected.

    Args:
        title: what it is, and what became of it.
        text: the text; its lines stay lines.
    """

    DEFAULT_CSS = """
    TextDialog { align: center bottom; background: $background 0%; }
    TextDialog > VerticalScroll { width: 100%; height: auto; max-height: 60%; background: $surface; }
    TextDialog Static { width: 1fr; height: auto; }
    TextDialog #title, TextDialog #keys { color: $text-muted; background: $panel; }
    """
    SCOPE = "text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,space", "cancel", id="text-close"),
    ]  # fmt: skip

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title = title
        self._text = text

    def compose(self) -> ComposeResult:
        """Title, text, keys."""
        with VerticalScroll():
            yield Static(self._title, markup=False, id="title")
            yield Static("\n".join(clean(line, _MOST) for line in self._text.split("\n")), markup=False, id="text")
            yield Static("Esc closes   F2 lets go of the mouse, to select with it", markup=False, id="keys")

    def action_cancel(self) -> None:
        """Close."""
        self.dismiss(None)
