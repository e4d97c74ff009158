"""The list of keys, made from the action table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static


@dataclass(frozen=True, slots=True)
class HelpGroup:
    """Keys under one heading, each with what it does."""

    title: str
    lines: Sequence[tuple[str, str]]


class HelpOverlay(Screen[None]):
    """All keys of the screen below, in as many columns as fit. Any of the usual keys closes it."""

    DEFAULT_CSS = """
    HelpOverlay { align: center middle; background: $background; }
    HelpOverlay > Vertical { width: 92%; max-width: 150; height: auto; max-height: 94%; background: $surface;
        border: round $primary 60%; padding: 0 1; }
    HelpOverlay.-small > Vertical { width: 100%; height: 100%; max-height: 100%; border: none; }
    HelpOverlay VerticalScroll { height: auto; max-height: 100%; scrollbar-size-vertical: 1; }
    HelpOverlay Horizontal { height: auto; }
    HelpOverlay Static { width: 1fr; height: auto; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q,enter", "dismiss", id="help-close"),
        Binding("j,down", "scroll(1)", id="help-down"), Binding("k,up", "scroll(-1)", id="help-up"),
        Binding("pagedown,ctrl+d,space", "scroll(10)", id="help-page-down"),
        Binding("pageup,ctrl+u", "scroll(-10)", id="help-page-up"),
    ]  # fmt: skip
    _COLUMN = 54

    def __init__(self, groups: Sequence[HelpGroup], heading: str) -> None:
        super().__init__()
        self._groups = groups
        self._heading = heading
        self._columns = 1

    def compose(self) -> ComposeResult:
        """The scrolling text, its groups spread over the columns that fit."""
        self._columns = self._fitting()
        parts: list[list[HelpGroup]] = [[] for _ in range(self._columns)]
        heights = [0] * self._columns
        for group in self._groups:
            shortest = heights.index(min(heights))
            parts[shortest].append(group)
            heights[shortest] += len(group.lines) + 2
        with Vertical(), VerticalScroll(can_focus=False):
            yield Static(Text(self._heading, "bold"), markup=False)
            with Horizontal():
                for part in parts:
                    yield Static(self._column(part, self._columns), markup=False)

    def on_resize(self) -> None:
        """Lay the groups out anew when another number of columns fits."""
        size = self.app.size
        self.set_class(size.width < 100 or size.height < 30, "-small")
        if self._columns != self._fitting():
            self.refresh(recompose=True)

    def _fitting(self) -> int:
        return max(1, min(2, (self.app.size.width - 8) // self._COLUMN))

    def action_scroll(self, lines: int) -> None:
        """Move the text."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _room(self, columns: int) -> int:
        """Cells for the text of a column: what border, padding and scroll bar leave."""
        width = self.app.size.width
        inside = width - 3 if self.has_class("-small") else min(150, width * 92 // 100) - 5
        return inside // columns - 2

    def _column(self, groups: Sequence[HelpGroup], columns: int) -> Text:
        accent = self.app.theme_variables["accent"]
        text = Text()
        for group in groups:
            keys_width = max((cell_len(keys) for keys, _ in group.lines), default=0)
            text.append(f"\n{group.title}\n", "bold")
            for keys, doc in group.lines:
                text.append(keys + " " * (keys_width - cell_len(keys) + 2), accent)
                indent = keys_width + 2
                text.append(_wrapped(doc, max(20, self._room(columns) - indent), indent) + "\n")
        return text


def _wrapped(doc: str, width: int, indent: int) -> str:
    import textwrap

    return f"\n{' ' * indent}".join(textwrap.wrap(doc, width))
