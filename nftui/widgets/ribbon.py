"""One line of short texts that gives up the least important ones when room is scarce.

Tabs, totals, health and key hints are all lines of this kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from nftui.text import clean

Role = Literal["plain", "dim", "strong", "accent", "good", "warn", "bad", "chip", "alert", "active"]


@dataclass(frozen=True, slots=True)
class Item:
    """One text of a ribbon.

    Attributes:
        text: what is shown; control characters are removed.
        role: its colour.
        rank: items with the highest rank are left out first, all of that rank together; 0 never is.
        action: what a click asks for, empty for nothing.
        color: overrides the role's colour, for legends.
        tight: no blank between this item and the one before it.
    """

    text: str
    role: Role = "plain"
    rank: int = 0
    action: str = ""
    color: str = ""
    tight: bool = False


class Ribbon(Widget):
    """A line with items from the left and items from the right."""

    DEFAULT_CSS = """
    Ribbon { height: 1; background: $panel; color: $foreground; }
    Ribbon > .ribbon--plain { color: $foreground 85%; }
    Ribbon > .ribbon--dim { color: $text-muted; }
    Ribbon > .ribbon--strong { color: $foreground; text-style: bold; }
    Ribbon > .ribbon--accent { color: $accent; }
    Ribbon > .ribbon--good { color: $success; }
    Ribbon > .ribbon--warn { color: $warning; }
    Ribbon > .ribbon--bad { color: $error; text-style: bold; }
    Ribbon > .ribbon--chip { color: $background; background: $primary; text-style: bold; }
    Ribbon > .ribbon--alert { color: $background; background: $warning; text-style: bold; }
    Ribbon > .ribbon--active { color: $foreground; background: $primary 40%; text-style: bold; }
    Ribbon:nocolor > .ribbon--chip { text-style: bold reverse; }
    Ribbon:nocolor > .ribbon--alert { text-style: bold reverse; }
    Ribbon:nocolor > .ribbon--active { text-style: bold reverse; }
    Ribbon:nocolor > .ribbon--bad { text-style: bold reverse; }
    Ribbon:nocolor > .ribbon--warn { text-style: bold underline; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"ribbon--{role}"
        for role in ("plain", "dim", "strong", "accent", "good", "warn", "bad", "chip", "alert", "active")
    }

    @dataclass
    class Pressed(Message):
        """A click on an item that has an action."""

        action: str

    def __init__(self, id: str | None = None, gap: int = 2) -> None:  # noqa: A002
        super().__init__(id=id)
        self._gap = gap
        self._left: tuple[Item, ...] = ()
        self._right: tuple[Item, ...] = ()
        self._strip: Strip | None = None
        self._spans: list[tuple[int, int, str]] = []

    def show(self, left: Sequence[Item], right: Sequence[Item] = ()) -> None:
        """Replace the items."""
        if (tuple(left), tuple(right)) != (self._left, self._right):
            self._left, self._right = tuple(left), tuple(right)
            self._strip = None
            self.refresh()

    @property
    def text(self) -> str:
        """What the line shows now."""
        return self.render_line(0).text

    def notify_style_update(self) -> None:
        """Colours changed."""
        super().notify_style_update()
        self._strip = None

    def on_resize(self) -> None:
        """Choose what fits."""
        self._strip = None

    def render_line(self, y: int) -> Strip:
        """The line."""
        if y:
            return Strip.blank(self.size.width, self.rich_style)
        if self._strip is None:
            self._strip = self._build(self.size.width)
        return self._strip

    def on_click(self, event: events.Click) -> None:
        """Ask for the action of the item under the mouse."""
        for start, end, action in self._spans:
            if start <= event.x < end:
                self.post_message(self.Pressed(action))

    def _build(self, width: int) -> Strip:
        left, right = list(self._left), list(self._right)
        while self._cells(left) + self._cells(right) + (self._gap if left and right else 0) + 2 > width:
            worst = max((item.rank for item in (*left, *right)), default=0)
            if not worst:
                break
            left = [item for item in left if item.rank != worst]
            right = [item for item in right if item.rank != worst]
        blank = self.rich_style
        segments = [Segment(" ", blank)]
        self._spans = []
        x = self._place(left, segments, 1)
        pad = max(0, width - x - self._cells(right) - 1)
        segments.append(Segment(" " * pad, blank))
        self._place(right, segments, x + pad)
        segments.append(Segment(" ", blank))
        return Strip(segments).crop(0, width).extend_cell_length(width, blank)

    def _place(self, items: list[Item], segments: list[Segment], x: int) -> int:
        for index, item in enumerate(items):
            if index and not item.tight:
                segments.append(Segment(" " * self._gap, self.rich_style))
                x += self._gap
            text = clean(item.text, 4096) if not item.text.isprintable() else item.text
            style = self.get_component_rich_style(f"ribbon--{item.role}")
            if item.color:
                style = style + Style(color=item.color)
            segments.append(Segment(text, style))
            if item.action:
                self._spans.append((x, x + cell_len(text), item.action))
            x += cell_len(text)
        return x

    def _cells(self, items: Sequence[Item]) -> int:
        return sum(cell_len(item.text) + (0 if item.tight or not i else self._gap) for i, item in enumerate(items))
