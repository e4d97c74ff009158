"""The filter line: checked while it is typed, with the error under the place that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from nftui.errors import FilterError
from nftui.text import clean

MAX_LENGTH = 4096
_HISTORY = 100
_PROMPT = " filter "


class FilterInput(Input):
    """The box: up and down walk through earlier filters."""

    BINDINGS: ClassVar[list[BindingType]] = [("up,ctrl+p", "history(-1)"), ("down,ctrl+n", "history(1)")]

    def action_history(self, step: int) -> None:
        """Fetch an earlier or later filter."""
        bar = self.query_ancestor(FilterBar)
        bar.recall(step)

    def on_paste(self, event: events.Paste) -> None:
        """A pasted filter becomes one line of harmless text."""
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(clean(" ".join(event.text.split()), MAX_LENGTH))


class FilterBar(Vertical):
    """A one-line box and a line for what is wrong with it.

    While the text is valid it is applied as it is typed; while it is not, the last valid filter stays applied.
    Enter leaves the box, Esc clears it.
    """

    DEFAULT_CSS = """
    FilterBar { height: auto; display: none; background: $surface; }
    FilterBar.-open { display: block; }
    FilterBar Horizontal { height: 1; }
    FilterBar .prompt { width: auto; color: $accent; text-style: bold; }
    FilterBar FilterInput { height: 1; border: none; padding: 0; background: $surface; width: 1fr; }
    FilterBar .problem { height: 1; display: none; color: $error; }
    FilterBar.-wrong .problem { display: block; }
    FilterBar .note { width: auto; color: $text-muted; }
    """

    @dataclass
    class Applied(Message):
        """A valid filter to apply; empty for none."""

        text: str

    @dataclass
    class Closed(Message):
        """The user is done with the box."""

        cleared: bool

    def __init__(self, check: Callable[[str], object], id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._check = check
        self._history: list[str] = []
        self._recalled = 0
        self._applied = ""
        self._note = ""

    def compose(self) -> ComposeResult:
        """Prompt, box, note and the line below."""
        with Horizontal():
            yield Static(_PROMPT, classes="prompt", markup=False)
            yield FilterInput(max_length=MAX_LENGTH, compact=True, select_on_focus=False)
            yield Static("", classes="note", markup=False)
        yield Static("", classes="problem", markup=False)

    def on_mount(self) -> None:
        """No blinking: it would send bytes for nothing."""
        self.input.cursor_blink = False

    @property
    def input(self) -> FilterInput:
        """The box."""
        return self.query_one(FilterInput)

    @property
    def problem(self) -> str:
        """The line under the box, empty when the text is valid."""
        return str(self.query_one(".problem", Static).content) if self.has_class("-wrong") else ""

    def open(self, text: str) -> None:
        """Start editing the given filter."""
        self._applied = text
        self._recalled = len(self._history)
        self.add_class("-open")
        box = self.input
        box.value = text
        box.cursor_position = len(text)
        box.focus()
        self._report(None)

    def close(self) -> None:
        """Leave the box and forget what was wrong in it."""
        self._report(None)
        self.remove_class("-open")

    def set_note(self, text: str) -> None:
        """A short remark at the right, such as how many flows match."""
        if text != self._note:
            self._note = text
            self.query_one(".note", Static).update(clean(text) + " ")

    def recall(self, step: int) -> None:
        """Put an earlier (-1) or later (1) filter into the box."""
        if not self._history:
            return
        self._recalled = max(0, min(self._recalled + step, len(self._history)))
        text = self._history[self._recalled] if self._recalled < len(self._history) else ""
        self.input.value = text
        self.input.cursor_position = len(text)

    def remember(self, text: str) -> None:
        """Add a filter to the history, once."""
        if text:
            self._history = [*(t for t in self._history if t != text), text][-_HISTORY:]
            self._recalled = len(self._history)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        text = event.value.strip()
        if not self.has_class("-open") or self._report(self._error(event.value)) or text == self._applied:
            return
        self._applied = text
        self.post_message(self.Applied(text))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._report(self._error(event.value)):
            return
        self.remember(event.value.strip())
        self.post_message(self.Closed(cleared=False))

    def on_key(self, event: events.Key) -> None:
        """Esc clears and leaves."""
        if event.key == "escape":
            event.stop()
            self.post_message(self.Closed(cleared=True))

    def _error(self, text: str) -> FilterError | None:
        if not text.strip():
            return None
        try:
            self._check(text)
        except FilterError as error:
            return error
        return None

    def _report(self, error: FilterError | None) -> bool:
        self.set_class(error is not None, "-wrong")
        if error is not None:
            room = max(10, self.size.width - 1)
            self.query_one(".problem", Static).update(Text(problem_line(error, len(_PROMPT), room), no_wrap=True))
        return error is not None


def problem_line(error: FilterError, indent: int, width: int) -> str:
    """Carets under the wrong place, and beside them what is wrong, within `width` cells."""
    words = error.message
    if error.suggestion:
        words += f" - did you mean {error.suggestion}?"
    elif error.expected:
        words += f" - expected {', '.join(error.expected[:3])}"
    words = clean(words, 200)
    column = min(indent + error.position, width - 2)
    carets = "^" * max(1, min(error.length, width - column - 1))
    after = f"{' ' * column}{carets} {words}"
    if len(after) <= width:
        return after
    if len(words) + 1 <= column:
        return f"{' ' * (column - len(words) - 1)}{words} {carets}"
    room = max(8, width - column - len(carets) - 1)
    return f"{' ' * column}{carets} {words[: room - 1]}…"
