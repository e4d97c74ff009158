"""One line that says whether anything was lost: quiet as long as nothing was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.message import Message

from nftui.widgets.ribbon import Item, Ribbon, Role

Level = Literal["quiet", "info", "warn", "bad"]

_ROLES: dict[Level, Role] = {"quiet": "dim", "info": "plain", "warn": "warn", "bad": "bad"}
_LOUDNESS: dict[Level, int] = {"bad": 0, "warn": 1}


@dataclass(frozen=True, slots=True)
class Indicator:
    """One figure of the strip.

    Attributes:
        name: what it is.
        value: its value as text.
        level: `quiet` when nothing happened in the last minute; `info` for plain figures.
        rank: which figures leave first on a narrow screen; 0 never does. Figures above `quiet` never leave
            before quiet ones.
        action: the screen that says more: what Enter and a click ask for.
    """

    name: str
    value: str
    level: Level = "quiet"
    rank: int = 1
    action: str = "exporters"


def loudest(found: Sequence[Indicator]) -> Indicator | None:
    """The figure that warns most, the first of those that do so equally; None without figures."""
    return min(found, key=lambda item: _LOUDNESS.get(item.level, 2), default=None)


class HealthStrip(Ribbon, can_focus=True):
    """Receive rate, losses and disk. Enter or a click on one opens the screen that says more.

    Attributes:
        cursor: name of the figure that the keys are about while the strip has them; it stays on its figure while
            others come and go.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", show=False, id="health-open"),
        Binding("left,h", "move(-1)", show=False, id="health-left"),
        Binding("right,l", "move(1)", show=False, id="health-right"),
        Binding("home,g", "move(-99)", show=False, id="health-first"),
        Binding("end,G", "move(99)", show=False, id="health-last"),
        Binding("escape,tab,shift+tab,up,k", "leave", show=False, id="health-leave"),
    ]

    class Left(Message):
        """The keys are the table's again."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.cursor = ""
        self._indicators: tuple[Indicator, ...] = ()

    def set_indicators(self, indicators: Sequence[Indicator]) -> None:
        """Show these figures."""
        self._indicators = tuple(indicators)
        self._write()

    def focus_on_click(self) -> bool:
        """Keys stay with the table when a figure is clicked."""
        return False

    def on_focus(self) -> None:
        """The cursor is on what warns most."""
        if not any(item.name == self.cursor for item in self._indicators):
            first = loudest(self._indicators)
            self.cursor = first.name if first is not None else ""
        self._write()

    def on_blur(self) -> None:
        """No cursor."""
        self._write()

    def action_move(self, step: int) -> None:
        """The figure to the right or left; those that had no room come into view."""
        names = [item.name for item in self._indicators]
        if names:
            at = names.index(self.cursor) if self.cursor in names else 0
            self.cursor = names[min(max(at + step, 0), len(names) - 1)]
            self._write()

    def action_open(self) -> None:
        """The screen that says more about the figure under the cursor."""
        for item in self._indicators:
            if item.name == self.cursor:
                self.post_message(self.Pressed(item.action))

    def action_leave(self) -> None:
        """Give the keys back."""
        self.cursor = ""
        self.post_message(self.Left())

    def _write(self) -> None:
        items = []
        for indicator in self._indicators:
            loud = indicator.level in _LOUDNESS
            rank = 1 if loud else 1 + indicator.rank if indicator.rank else 0
            role = _ROLES[indicator.level]
            if self.has_focus and indicator.name == self.cursor:
                rank, role = 0, "active"
            items.append(Item(f"{indicator.name} {indicator.value}", role, rank, action=indicator.action))
        self.show(items)
