"""A line to look for a text in the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FindBar(Horizontal):
    """Hidden until it is opened. Enter goes to the next row that has the text, Up to the one before."""

    DEFAULT_CSS = """
    FindBar { height: 1; display: none; background: $panel; }
    FindBar.-open { display: block; }
    FindBar #find-label { width: 6; color: $accent; }
    FindBar Input { height: 1; border: none; padding: 0; background: $panel; width: 1fr; }
    FindBar #find-note { width: auto; max-width: 50%; color: $text-muted; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", id="find-leave"),
        Binding("down,f3", "step(1)", id="find-further"), Binding("up,shift+f3", "step(-1)", id="find-back"),
    ]  # fmt: skip

    @dataclass
    class Wanted(Message):
        """Go to the next row with the text, or with a negative step to the one before; 0 is while typing."""

        text: str
        step: int

    class Closed(Message):
        """The line was left."""

    def compose(self) -> ComposeResult:
        """Label, box, what was found."""
        yield Static("find", id="find-label", markup=False)
        yield Input(max_length=200, compact=True)
        yield Static("", id="find-note", markup=False)

    @property
    def text(self) -> str:
        """What is looked for."""
        return self.query_one(Input).value

    def open(self) -> None:
        """Show the line and take the keys."""
        self.add_class("-open")
        box = self.query_one(Input)
        box.cursor_blink = False
        box.focus()

    def close(self) -> None:
        """Hide the line; the text is kept for the next match."""
        self.remove_class("-open")

    def note(self, text: str) -> None:
        """Say what was found."""
        self.query_one("#find-note", Static).update(text)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Wanted(event.value, 0))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Wanted(event.value, 1))

    def action_step(self, step: int) -> None:
        """The next match, or the one before."""
        self.post_message(self.Wanted(self.text, step))

    def action_leave(self) -> None:
        """Back to the table, at the row that was found."""
        self.post_message(self.Closed())
