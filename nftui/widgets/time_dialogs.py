"""Two small dialogs of the timeline: a time to go to, and the letter of a bookmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

_MOST_MARKS = 12


class TimePrompt(ModalScreen[str]):
    """Asks for a time in the middle of the screen below; closes with what was typed, or an empty text.

    Args:
        check: what is wrong with a text, empty when nothing is.
        examples: what may be typed, one line.
    """

    DEFAULT_CSS = """
    TimePrompt { align: center middle; background: $background 40%; }
    TimePrompt > Vertical { width: 72; max-width: 96%; height: auto; background: $surface; border: round $primary;
        padding: 0 1; }
    TimePrompt Static { width: 1fr; height: auto; }
    TimePrompt Input { height: 1; border: none; padding: 0; background: $panel; width: 1fr; }
    TimePrompt #examples { color: $text-muted; }
    TimePrompt #wrong { color: $error; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", id="time-cancel")]

    def __init__(self, check: Callable[[str], str], examples: str) -> None:
        super().__init__()
        self._check = check
        self._examples = examples

    def compose(self) -> ComposeResult:
        """Title, box, examples, and what is wrong."""
        with Vertical():
            yield Static("Go to a time or a range", markup=False)
            yield Input(max_length=80, compact=True)
            yield Static(self._examples, markup=False, id="examples")
            yield Static("", markup=False, id="wrong")

    def on_mount(self) -> None:
        """The box stands still."""
        self.query_one(Input).cursor_blink = False

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one("#wrong", Static).update("")

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        wrong = self._check(event.value)
        if wrong:
            self.query_one("#wrong", Static).update(wrong)
        else:
            self.dismiss(event.value)

    def action_leave(self) -> None:
        """Close without a time."""
        self.dismiss("")


class LetterPrompt(ModalScreen[str]):
    """Takes the next key: a letter or the apostrophe; anything else closes it with an empty text.

    Args:
        title: what the letter is for.
        marks: letters that have a meaning, each with it.
    """

    DEFAULT_CSS = """
    LetterPrompt { align: center bottom; background: $background 0%; }
    LetterPrompt > Static { width: 100%; height: auto; background: $surface; padding: 0 1; }
    """

    def __init__(self, title: str, marks: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._marks = marks

    def compose(self) -> ComposeResult:
        """What there is to choose from."""
        lines = [f"  {letter}  {meaning}" for letter, meaning in self._marks[:_MOST_MARKS]]
        if len(self._marks) > _MOST_MARKS:
            lines.append(f"  and {len(self._marks) - _MOST_MARKS} more")
        yield Static("\n".join([self._title, *lines]), markup=False)

    def on_key(self, event: events.Key) -> None:
        """The letter."""
        event.stop()
        event.prevent_default()
        if not self.is_active:
            return  # a second key came before the dialog was gone
        letter = event.character or ""
        self.dismiss(letter if letter.isalpha() or letter == "'" else "")
