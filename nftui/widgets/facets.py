"""A pane with the busiest values of other dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from nftui.widgets.contrast import readable
from nftui.widgets.table_layout import bar, fit

_AMOUNT = 7
_SHARE = 5
_BAR = 8
_WIDE = 34
"""From this width on, a row has a bar."""


@dataclass(frozen=True, slots=True)
class FacetRow:
    """One value.

    Attributes:
        text: the value as it is shown.
        amount: how much it is, as it is shown.
        share: part of the whole, 0 to 1.
        term: filter for it; empty where there is none.
    """

    text: str
    amount: str
    share: float
    term: str


@dataclass(frozen=True, slots=True)
class Facet:
    """A dimension with its busiest values.

    Attributes:
        title: name of the dimension.
        view: the view that has all its values.
        rows: the busiest first.
        total: how many values there are.
        note: said instead of rows: that they are awaited, or why there are none.
    """

    title: str
    view: str
    rows: Sequence[FacetRow] = ()
    total: int = 0
    note: str = ""


class FacetPane(Widget, can_focus=True):
    """Dimensions one below the other; Enter on a value narrows to it, on a title opens the whole view."""

    DEFAULT_CSS = """
    FacetPane { height: 1fr; background: $background; display: none; }
    FacetPane.-open { display: block; }
    FacetPane > .facets--title { color: $accent; text-style: bold; background: $panel; }
    FacetPane > .facets--dim { color: $text-muted; background: $panel; }
    FacetPane > .facets--text { color: $foreground; }
    FacetPane > .facets--note { color: $text-muted; }
    FacetPane > .facets--bar { color: $primary 70%; }
    FacetPane > .facets--cursor { background: $primary 22%; }
    FacetPane:focus > .facets--cursor { background: $primary 40%; text-style: bold; }
    FacetPane:nocolor > .facets--cursor { text-style: reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"facets--{part}" for part in ("title", "dim", "text", "note", "bar", "cursor")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", id="facet-down"), Binding("k,up", "move(-1)", id="facet-up"),
        Binding("pagedown,ctrl+d", "move(10)", id="facet-page-down"),
        Binding("pageup,ctrl+u", "move(-10)", id="facet-page-up"),
        Binding("tab,l,right", "group(1)", id="facet-next"),
        Binding("shift+tab,h,left", "group(-1)", id="facet-previous"),
        Binding("enter,f", "choose(False)", id="facet-choose"), Binding("minus,F", "choose(True)", id="facet-exclude"),
        Binding("escape,vertical_line,q", "leave", id="facet-leave"),
    ]  # fmt: skip

    @dataclass
    class Chosen(Message):
        """Narrow to a value, or exclude it."""

        row: FacetRow
        exclude: bool

    @dataclass
    class Opened(Message):
        """Show the view of a dimension."""

        view: str

    class Left(Message):
        """Close the pane."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.facets: tuple[Facet, ...] = ()
        self.ascii_only = False
        self.cursor = (0, -1)
        self._lines: list[tuple[int, int]] = []
        self._strips: dict[int, Strip] = {}
        self._top = 0

    def show(self, facets: Sequence[Facet]) -> None:
        """Show these values; the cursor stays on its place."""
        self.facets = tuple(facets)
        self._lines = [
            (group, row)
            for group, facet in enumerate(facets)
            for row in range(-1, max(len(facet.rows), bool(facet.note)))
        ]
        if self.cursor not in self._lines:
            group = min(self.cursor[0], len(facets) - 1)
            self.cursor = (group, min(self.cursor[1], len(facets[group].rows) - 1)) if facets else (0, -1)
        self._repaint()

    def _repaint(self) -> None:
        height = self.size.height
        if self.cursor in self._lines:
            place = self._lines.index(self.cursor)
            self._top = max(0, min(self._top, place), place - height + 1)
        self._top = max(0, min(self._top, len(self._lines) - height))
        changed = []
        for y in range(height):
            strip = self._line(y)
            if self._strips.get(y) != strip:
                self._strips[y] = strip
                changed.append(Region(0, y, self.size.width, 1))
        if changed:
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        return self._strips.get(y) or self._line(y)

    def on_resize(self) -> None:
        """Fit the lines."""
        self._strips.clear()
        self._repaint()
        self.refresh()

    def on_focus(self) -> None:
        """The cursor's colour tells where the keys go."""
        self.on_resize()

    def on_blur(self) -> None:
        """Likewise."""
        self.on_resize()

    def notify_style_update(self) -> None:
        """Colours changed."""
        super().notify_style_update()
        self._strips.clear()

    def _look(self, part: str, over: bool) -> Style:
        style = self.get_component_rich_style(f"facets--{part}")
        if over:
            cursor = self.get_component_rich_style("facets--cursor")
            style += cursor.without_color + Style(bgcolor=cursor.bgcolor)
        return style if part == "bar" else readable(style)

    def _line(self, y: int) -> Strip:
        width = self.size.width
        place = self._top + y
        if place >= len(self._lines):
            return Strip.blank(width, self._look("text", False))
        group, row = self._lines[place]
        facet, over = self.facets[group], (group, row) == self.cursor
        if row < 0:
            total = f"{facet.total} " if facet.total else ""
            room = max(1, width - len(total) - 1)
            parts = [Segment(fit(f" {facet.title}", room), self._look("title", over)),
                     Segment(fit(f" {total}", width - room, "right"), self._look("dim", over))]  # fmt: skip
        elif row >= len(facet.rows):
            parts = [Segment(fit(f"  {facet.note}", width), self._look("note", over))]
        else:
            parts = self._row(facet.rows[row], width, over)
        return Strip(parts).crop(0, width)

    def _row(self, row: FacetRow, width: int, over: bool) -> list[Segment]:
        bars = _BAR if width >= _WIDE else 0
        room = max(4, width - 2 - _AMOUNT - _SHARE - 2 - (bars + 1 if bars else 0))
        text, mark = self._look("text", over), self._look("bar", over)
        drawn = bar(row.share, bars, self.ascii_only)
        return [
            Segment("  " + fit(row.text, room), text), Segment(f" {row.amount:>{_AMOUNT}}", text),
            Segment(f" {row.share * 100:>{_SHARE - 1}.1f}%"[: _SHARE + 2], text),
            *([Segment(f" {drawn:<{bars}}", mark)] if bars else []),
        ]  # fmt: skip

    def action_move(self, lines: int) -> None:
        """Move the cursor."""
        if self._lines:
            place = self._lines.index(self.cursor) if self.cursor in self._lines else 0
            self.cursor = self._lines[max(0, min(place + lines, len(self._lines) - 1))]
            self._repaint()

    def action_group(self, step: int) -> None:
        """To the next dimension, or the one before."""
        if self.facets:
            self.cursor = ((self.cursor[0] + step) % len(self.facets), -1)
            self._repaint()

    def action_choose(self, exclude: bool) -> None:
        """Narrow to the value under the cursor, or exclude it; a title opens its view."""
        group, row = self.cursor
        if group >= len(self.facets):
            return
        facet = self.facets[group]
        if 0 <= row < len(facet.rows):
            self.post_message(self.Chosen(facet.rows[row], exclude))
        elif row < 0 and not exclude:
            self.post_message(self.Opened(facet.view))

    def action_leave(self) -> None:
        """Close the pane."""
        self.post_message(self.Left())

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on a line; double: choose."""
        place = self._top + event.y
        if place < len(self._lines):
            self.cursor = self._lines[place]
            self._repaint()
            if event.chain == 2:  # a double click
                self.action_choose(False)
