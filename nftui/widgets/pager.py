"""Lines of text that are read page by page: coloured, wrapped to the terminal, drawn only where they are seen."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widget import Widget

from nftui.text import clean
from nftui.widgets.ribbon import Role

_WHEEL_LINES = 3
_MARGIN = 1
_LONGEST = 4096

Span = tuple[str, Role]
"""A piece of text and its colour."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line before it is wrapped.

    Attributes:
        spans: its pieces from the left; control characters are removed when they are drawn.
        indent: cells by which what does not fit into the first line is moved in.
        rigid: cut at the right edge instead of wrapped.
    """

    spans: tuple[Span, ...] = ()
    indent: int = 0
    rigid: bool = False

    @property
    def text(self) -> str:
        """Without colours."""
        return "".join(text for text, _ in self.spans)


def plain(text: str, role: Role = "plain", indent: int = 0) -> Line:
    """A line of one colour."""
    return Line(((text, role),), indent)


def heading(text: str) -> Line:
    """A line above others."""
    return Line(((text, "strong"),))


def field(name: str, value: str, role: Role = "plain", width: int = 18) -> Line:
    """A name and its value, values under each other."""
    return Line(((f"{name:<{width}} ", "dim"), (value, role)), width + 1)


def wrap(line: Line, width: int) -> list[tuple[Span, ...]]:
    """The line in pieces of at most `width` cells, broken at blanks where there are some."""
    spans = tuple((clean(text, _LONGEST) if not text.isprintable() else text, role) for text, role in line.spans)
    if sum(cell_len(text) for text, _ in spans) <= width or line.rigid or width < 8:
        return [spans]
    indent = line.indent if line.indent < width - 8 else 2
    whole = "".join(text for text, _ in spans)
    roles = [role for text, role in spans for _ in text]
    broken = textwrap.wrap(
        whole, width, subsequent_indent="\0" * indent, drop_whitespace=False, break_on_hyphens=False
    ) or [whole]  # fmt: skip
    pieces: list[tuple[Span, ...]] = []
    at = 0
    for part in broken:
        body = part.lstrip("\0")
        shown = body.lstrip(" ") if pieces else body
        at += len(body) - len(shown)
        pieces.append(((" " * (len(part) - len(body)), roles[0]), *_coloured(shown, roles[at : at + len(shown)])))
        at += len(shown)
    return pieces


def _coloured(text: str, roles: Sequence[Role]) -> Iterable[Span]:
    begin = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or roles[place] != roles[begin]:
            yield text[begin:place], roles[begin]
            begin = place


class Pager(Widget, can_focus=True):
    """Text from the top, with keys to move in it. What is shown may change below the reader: the place stays."""

    DEFAULT_CSS = """
    Pager { height: 1fr; background: $background; color: $foreground; }
    Pager > .pager--plain { color: $foreground 85%; }
    Pager > .pager--dim { color: $text-muted; }
    Pager > .pager--strong { color: $foreground; text-style: bold; }
    Pager > .pager--accent { color: $accent; }
    Pager > .pager--good { color: $success; }
    Pager > .pager--warn { color: $warning; }
    Pager > .pager--bad { color: $error; text-style: bold; }
    Pager > .pager--thumb { color: $primary 60%; }
    Pager:nocolor > .pager--bad { text-style: bold reverse; }
    Pager:nocolor > .pager--warn { text-style: bold underline; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"pager--{part}" for part in ("plain", "dim", "strong", "accent", "good", "warn", "bad", "thumb")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_lines(1)", id="pager-down"), Binding("k,up", "scroll_lines(-1)", id="pager-up"),
        Binding("pagedown,ctrl+f,space", "page(1)", id="pager-page-down"),
        Binding("pageup,ctrl+b", "page(-1)", id="pager-page-up"),
        Binding("ctrl+d", "page(0.5)", id="pager-half-down"), Binding("ctrl+u", "page(-0.5)", id="pager-half-up"),
        Binding("g,home", "go(0)", id="pager-top"), Binding("G,end", "go(1)", id="pager-end"),
    ]  # fmt: skip

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.lines: tuple[Line, ...] = ()
        self.top = 0
        self.thumb = "┃"
        self._wrapped: list[tuple[Span, ...]] = []
        self._width = 0

    @property
    def rows(self) -> int:
        """Lines after wrapping."""
        return len(self._wrapped)

    @property
    def text(self) -> str:
        """Everything that can be read here, line by line."""
        return "\n".join(line.text for line in self.lines)

    def show(self, lines: Sequence[Line], from_top: bool = False) -> None:
        """Show these lines.

        Args:
            lines: all of them.
            from_top: begin anew, instead of staying at the place.
        """
        if from_top:
            self.top = 0
        new = tuple(lines)
        if new != self.lines:
            self.lines = new
            self._wrap()
        self._move(0)
        self.refresh()

    def on_resize(self) -> None:
        """Fit the text."""
        self._wrap()
        self._move(0)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width, style = self.size.width, self.rich_style
        place = self.top + y
        segments = [Segment(" " * _MARGIN, style)]
        if place < len(self._wrapped):
            segments += [
                Segment(text, self.get_component_rich_style(f"pager--{self._role(role)}"))
                for text, role in self._wrapped[place]
            ]
        strip = Strip(segments).crop(0, max(0, width - 1)).extend_cell_length(max(0, width - 1), style)
        return Strip([*strip, self._thumb(y)]) if width else strip

    @staticmethod
    def _role(role: Role) -> str:
        return {"chip": "accent", "active": "strong", "alert": "bad"}.get(role, role)

    def _thumb(self, y: int) -> Segment:
        height = self.size.height
        if self.rows <= height:
            return Segment(" ", self.rich_style)
        size = max(1, height * height // self.rows)
        at = round(self.top / max(1, self.rows - height) * (height - size))
        inside = at <= y < at + size
        return Segment(self.thumb if inside else " ", self.get_component_rich_style("pager--thumb"))

    def _wrap(self) -> None:
        width = max(8, self.size.width - _MARGIN - 2)
        self._wrapped = [piece for line in self.lines for piece in wrap(line, width)]

    def _move(self, lines: int) -> None:
        before, most = self.top, max(0, self.rows - self.size.height)
        self.top = min(max(0, self.top + lines), most)
        if self.top != before:
            self.refresh()

    def action_scroll_lines(self, lines: int) -> None:
        """Move by lines."""
        self._move(lines)

    def action_page(self, pages: float) -> None:
        """Move by pages, or halves of them."""
        self._move(int(pages * max(1, self.size.height - 1)))

    def action_go(self, end: int) -> None:
        """Go to the first line, or the last."""
        self._move(self.rows if end else -self.rows)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel."""
        event.stop()
        self._move(_WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel."""
        event.stop()
        self._move(-_WHEEL_LINES)
