"""A dialog to choose one of many things by typing a part of its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from nftui.text import clean


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose.

    Attributes:
        name: what the dialog closes with.
        title: how it is shown.
        words: what else it is found by, shown beside it.
    """

    name: str
    title: str
    words: str = ""


class Chooser(ModalScreen[str]):
    """Typing narrows the list, Enter takes the marked line; closes with its name, or an empty text.

    Args:
        title: what is chosen.
        choices: in the order in which they are listed.
        current: name of the choice that is in force.
    """

    DEFAULT_CSS = """
    Chooser { align: center middle; background: $background 40%; }
    Chooser > Vertical { width: 64; max-width: 96%; height: 80%; max-height: 30; background: $surface;
        border: round $primary; padding: 0 1; }
    Chooser Static { width: 1fr; height: auto; }
    Chooser Input { height: 1; border: none; padding: 0; background: $panel; width: 1fr; }
    Chooser OptionList { height: 1fr; border: none; padding: 0; background: $surface; text-wrap: nowrap;
        text-overflow: ellipsis; }
    Chooser #keys { color: $text-muted; }
    """
    SCOPE = "dialog"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", id="dialog-cancel"),
        Binding("down", "move(1)", id="dialog-down"), Binding("up", "move(-1)", id="dialog-up"),
        Binding("pagedown", "move(10)", id="dialog-page-down"), Binding("pageup", "move(-10)", id="dialog-page-up"),
    ]  # fmt: skip

    def __init__(self, title: str, choices: Sequence[Choice], current: str = "") -> None:
        super().__init__()
        self._title = title
        self._choices = tuple(choices)
        self._current = current
        self._width = max((len(choice.title) for choice in choices), default=0)

    def compose(self) -> ComposeResult:
        """Title, box, list."""
        with Vertical():
            yield Static(self._title, markup=False)
            yield Input(placeholder="type a part of its name", max_length=60, compact=True)
            yield OptionList(markup=False)
            yield Static("↑↓ choose   Enter take   Esc cancel", markup=False, id="keys")

    def on_mount(self) -> None:
        """The whole list, the present choice marked; the box stands still."""
        self.query_one(Input).cursor_blink = False
        self.query_one(OptionList).can_focus = False
        self._list("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._list(event.value)

    def _list(self, text: str) -> None:
        words = text.lower().split()
        found = [c for c in self._choices if all(w in f"{c.title} {c.words}".lower() for w in words)]
        # What begins with the text stands first.
        found.sort(key=lambda c: not any(p.startswith(text.lower()) for p in (*c.words.split(), c.title.lower())))
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            [Option(clean(f"{c.title:{self._width}}  {c.words}", 200), id=f"c{self._choices.index(c)}") for c in found]
        )
        current = next((i for i, choice in enumerate(found) if choice.name == self._current), 0)
        options.highlighted = (0 if words else current) if found else None

    def action_move(self, lines: int) -> None:
        """Mark another line."""
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            options.highlighted = max(0, min(options.highlighted + lines, options.option_count - 1))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self._take(options.get_option_at_index(options.highlighted))

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self._take(event.option)

    def _take(self, option: Option) -> None:
        self.dismiss(self._choices[int((option.id or "c0")[1:])].name)

    def action_cancel(self) -> None:
        """Close without a choice."""
        self.dismiss("")
