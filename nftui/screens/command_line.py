"""The command line: `:` or ctrl+p, every action by its name, with its keys beside it."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from nftui.screens.action_table import ActionTable, bindings
from nftui.screens.commands import Choices, Offer, offers
from nftui.text import clean
from nftui.widgets.table_layout import fit

_LINES = 10
_LONGEST = 4200


class CommandInput(Input):
    """The box."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("command")

    def action_choose(self, step: int) -> None:
        """Another line of the list."""
        self.query_ancestor(CommandLine).choose(step)

    def action_complete(self) -> None:
        """The chosen name into the box."""
        self.query_ancestor(CommandLine).complete()

    def action_close(self) -> None:
        """Do nothing."""
        self.query_ancestor(CommandLine).dismiss(None)

    def on_paste(self, event: events.Paste) -> None:
        """A paste becomes one line of harmless text."""
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(clean(" ".join(event.text.split()), _LONGEST))


class CommandLine(ModalScreen[Offer | None]):
    """A box at the foot of the screen, and above it the actions that answer what is typed; closes with one of them.

    Args:
        table: all actions.
        screen: scope of the screen below.
        choices: known arguments of an action.
    """

    DEFAULT_CSS = """
    CommandLine { align: left bottom; background: transparent; }
    CommandLine > Vertical { width: 100%; height: auto; background: $surface; }
    CommandLine Horizontal { height: 1; background: $panel; }
    CommandLine .prompt { width: 3; color: $accent; text-style: bold; }
    CommandLine CommandInput { height: 1; border: none; padding: 0; background: $panel; width: 1fr; }
    CommandLine .list { width: 1fr; height: auto; }
    """
    SCOPE = "command"

    def __init__(self, table: ActionTable, screen: str, choices: Choices) -> None:
        super().__init__()
        self._table = table
        self._below = screen
        self._choices = choices
        self._offers: list[Offer] = []
        self._chosen = 0

    def compose(self) -> ComposeResult:
        """The list above the box."""
        with Vertical():
            yield Static(classes="list", markup=False)
            with Horizontal():
                yield Static(" :", classes="prompt", markup=False)
                yield CommandInput(max_length=_LONGEST, compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        """Everything, as nothing is typed yet."""
        self._box.cursor_blink = False
        self._box.focus()
        self._look("")

    def on_resize(self) -> None:
        """Lines of another length."""
        self._show()

    @property
    def offered(self) -> list[str]:
        """Texts of the list, for those who look at it from outside."""
        return [offer.text for offer in self._offers]

    @property
    def _box(self) -> CommandInput:
        return self.query_one(CommandInput)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        self._look(event.value)

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if self._offers:
            self.dismiss(self._offers[self._chosen])

    def choose(self, step: int) -> None:
        """Move the mark."""
        if self._offers:
            self._chosen = (self._chosen + step) % len(self._offers)
            self._show()

    def complete(self) -> None:
        """Put the marked text into the box, with a blank where something may follow."""
        if self._offers:
            offer = self._offers[self._chosen]
            follows = " " if offer.action.argument and " " not in offer.text else ""
            self._box.value = offer.text + follows
            self._box.cursor_position = len(self._box.value)

    def _look(self, typed: str) -> None:
        self._offers = offers(self._table, self._below, typed, self._choices)
        self._chosen = 0
        self._show()

    def _show(self) -> None:
        room = max(1, min(_LINES, self.app.size.height - 4))
        first = max(0, min(self._chosen - room + 1, len(self._offers) - room)) if self._chosen >= room else 0
        visible = self._offers[first : first + room]
        width = self.app.size.width - 1
        names = min(max((cell_len(offer.text) for offer in visible), default=0), max(12, width // 2))
        keys = min(max((cell_len(offer.keys) for offer in visible), default=0), 16)
        accent = self.app.theme_variables["accent"]
        text = Text(no_wrap=True, overflow="crop")
        for number, offer in enumerate(visible, first):
            line = Text(f" {fit(clean(offer.text, _LONGEST), names)}  ", "bold")
            line.append(f"{fit(offer.keys, keys)}  ", accent)
            line.append(offer.note)
            line.truncate(width, overflow="ellipsis", pad=True)
            if number == self._chosen:
                line.stylize("reverse")
            text.append_text(line)
            text.append("\n")
        if not visible:
            text.append(" nothing is called that\n")
        text.right_crop(1)
        self.query_one(".list", Static).update(text)
