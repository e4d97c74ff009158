"""A dialog that asks in which format and under which name to write what is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from nftui.widgets.ribbon import Item, Ribbon


@dataclass(frozen=True, slots=True)
class ExportAnswer:
    """What to write.

    Attributes:
        format: one of the formats offered.
        path: where to.
    """

    format: str
    path: str


class ExportDialog(ModalScreen[ExportAnswer | None]):
    """Up and down choose the format, the name follows it until it was edited; closes with None when cancelled.

    Args:
        title: what will be written.
        formats: what there is to choose from.
        propose: a name for a format.
    """

    DEFAULT_CSS = """
    ExportDialog { align: center middle; background: $background 40%; }
    ExportDialog > Vertical { width: 72; max-width: 96%; height: auto; background: $surface; border: round $primary;
        padding: 0 1; }
    ExportDialog Static { width: 1fr; height: auto; }
    ExportDialog Ribbon { background: $surface; }
    ExportDialog Input { height: 1; border: none; padding: 0; background: $panel; width: 1fr; }
    ExportDialog #keys { color: $text-muted; }
    """
    SCOPE = "dialog"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", id="dialog-cancel"),
        Binding("down", "move(1)", id="dialog-down"), Binding("up", "move(-1)", id="dialog-up"),
    ]  # fmt: skip

    def __init__(self, title: str, formats: Sequence[str], propose: Callable[[str], str]) -> None:
        super().__init__()
        self._title = title
        self._formats = tuple(formats)
        self._propose = propose
        self._chosen = 0

    def compose(self) -> ComposeResult:
        """Title, formats, name, keys."""
        with Vertical():
            yield Static(self._title, markup=False)
            yield Ribbon()
            yield Input(self._propose(self._formats[0]), max_length=4096, compact=True)
            yield Static("↑↓ format   Enter write   Esc cancel", markup=False, id="keys")

    def on_mount(self) -> None:
        """The box stands still."""
        self.query_one(Input).cursor_blink = False
        self._show()

    def _show(self) -> None:
        items = [
            Item(f" {name} ", "active" if place == self._chosen else "dim", action=f"format({place})")
            for place, name in enumerate(self._formats)
        ]
        self.query_one(Ribbon).show(items, [])

    def action_move(self, step: int) -> None:
        """The next format, or the one before."""
        self.action_format((self._chosen + step) % len(self._formats))

    def action_format(self, place: int) -> None:
        """This format; the name follows when it is still the proposed one."""
        box = self.query_one(Input)
        if box.value == self._propose(self._formats[self._chosen]):
            box.value = self._propose(self._formats[place])
            box.cursor_position = len(box.value)
        self._chosen = place
        self._show()

    @on(Ribbon.Pressed)
    async def _pressed(self, event: Ribbon.Pressed) -> None:
        event.stop()
        await self.run_action(event.action)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value.strip():
            self.dismiss(ExportAnswer(self._formats[self._chosen], event.value.strip()))

    def action_cancel(self) -> None:
        """Write nothing."""
        self.dismiss(None)
