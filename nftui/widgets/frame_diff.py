"""Send the terminal only the cells that changed.

Textual sends a dirty widget whole: 35 KB a tick for a table at 120x40, seconds of key latency over a slow line.
This mixin lets Textual compose its frame as always, compares it with the frame that the terminal shows, and
writes the difference. It overrides `App._display`, which is private: the project pins textual 8.2.8 exactly, and
`nftui --no-diff` turns it off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App
from textual.strip import Strip

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from textual.geometry import Size
    from textual.screen import Screen

Cell = tuple[str, Style | None]
"""What stands in one cell; the second cell of a wide character holds an empty string."""

_JOIN = 5
"""Runs closer than this many cells are written as one: moving the cursor costs about as many bytes."""

_SHIFT_WORTH = 8
"""From this many changed cells on, look whether the line only moved one cell to the left."""

_UNKNOWN: Cell = ("\0", None)


def cells_of(strip: Strip) -> list[Cell]:
    """One entry per cell of the line. Combining characters stay with the character before them."""
    cells: list[Cell] = []
    for text, style, _ in strip:
        if text.isascii():
            cells.extend([(character, style) for character in text])
            continue
        for character in text:
            width = cell_len(character)
            if width:
                cells.append((character, style))
                cells.extend([("", style)] * (width - 1))
            elif cells:
                cells[-1] = (cells[-1][0] + character, cells[-1][1])
    return cells


def changed_runs(old: Sequence[Cell], new: Sequence[Cell]) -> list[tuple[int, int]]:
    """Ranges `[start, end)` of cells to write so that a line showing `old` shows `new` (same length).

    A range never begins or ends within a wide character, neither of the old nor of the new line.
    """
    runs: list[tuple[int, int]] = []
    length = len(new)
    x = 0
    while x < length:
        if old[x] == new[x]:
            x += 1
            continue
        start = x
        while start and (new[start][0] == "" or old[start][0] == ""):
            start -= 1
        end = x + 1
        x = end
        while x < length and x - end < _JOIN:
            if old[x] != new[x]:
                end = x + 1
            x += 1
        while end < length and (new[end][0] == "" or old[end][0] == ""):
            end += 1
        x = max(x, end)
        if runs and start <= runs[-1][1]:
            start = runs.pop()[0]
        runs.append((start, end))
    return runs


Look = tuple[str, str, str]
"""Attributes, foreground and background as SGR parameters; an empty string is the terminal's default."""

_PLAIN: Look = ("", "", "")

Pieces = dict[Look, list[tuple[int, int, list[str]]]]
"""Column, line and the texts of the cells of what has the same look, all of one cell each."""


class Pen:
    """Collects terminal output and remembers the look in force, so that only what differs from it is sent."""

    def __init__(self, colors: ColorSystem) -> None:
        self._colors = colors
        self._parts: list[str] = []
        self._look = _PLAIN
        self._line = self._column = -1

    def move(self, x: int, y: int) -> None:
        """Put the cursor on a cell, counted from 0."""
        if y != self._line:
            self._parts.append(f"\x1b[{y + 1};{x + 1}H")
        elif x > self._column >= 0:
            ahead = x - self._column
            self._parts.append(min(f"\x1b[{ahead if ahead > 1 else ''}C", f"\x1b[{x + 1}G", key=len))
        elif x != self._column:
            self._parts.append(f"\x1b[{x + 1}G")
        self._line, self._column = y, x

    def look(self, style: Style | None) -> Look:
        """What a style is in this terminal."""
        return _look(style, self._colors) if style is not None else _PLAIN

    def delete_cell(self) -> None:
        """Remove the cell under the cursor: the rest of the line moves left (DCH, VT102)."""
        self._parts.append("\x1b[P")

    def write(self, cells: Sequence[Cell]) -> None:
        """Write cells from the cursor on."""
        last: Style | None = None
        first = True
        self._column = -1  # at the end of a line terminals differ in where they are
        for character, style in cells:
            if first or style is not last:
                self._set(self.look(style))
                last, first = style, False
            self._parts.append(character)

    def put(self, look: Look, texts: Sequence[str]) -> None:
        """Write the texts of cells, of one cell each, from the cursor on, not up to the end of the line."""
        self._set(look)
        self._parts.extend(texts)
        self._column += len(texts)

    def finish(self) -> str:
        """All output, with the look switched off at the end."""
        self._set(_PLAIN)
        return "".join(self._parts)

    def _set(self, look: Look) -> None:
        if look == self._look:
            return
        old = self._look
        if look == _PLAIN or look[0] != old[0]:
            # Attributes are switched off one by one with codes that not every terminal knows: begin anew.
            codes = ["0", *(part for part in look if part)]
        else:
            codes = [
                new or default for new, was, default in zip(look[1:], old[1:], ("39", "49"), strict=True) if new != was
            ]
        self._parts.append(f"\x1b[{';'.join(codes)}m")
        self._look = look


@lru_cache(maxsize=4096)
def _look(style: Style, colors: ColorSystem) -> Look:
    color, bgcolor = style.color, style.bgcolor
    attributes = Strip.render_ansi(Style(
        bold=style.bold, dim=style.dim, italic=style.italic, underline=style.underline, blink=style.blink,
        reverse=style.reverse, strike=style.strike,
    ), colors)  # fmt: skip
    return (
        attributes,
        ";".join(color.downgrade(colors).get_ansi_codes()) if color else "",
        ";".join(bgcolor.downgrade(colors).get_ansi_codes(foreground=False)) if bgcolor else "",
    )


class Painted:
    """The frame that the terminal shows."""

    def __init__(self) -> None:
        self.size: Size | None = None
        self.lines: dict[int, tuple[Strip, list[Cell]]] = {}

    def forget(self) -> None:
        """The terminal's content is unknown: the next frame is sent whole."""
        self.lines.clear()

    def difference(self, strips: Sequence[Strip], colors: ColorSystem) -> str:
        """Output that turns the painted frame into the given one, which is then the painted one."""
        pen = Pen(colors)
        pieces: Pieces = {}
        for y, strip in enumerate(strips):
            shown = self.lines.get(y)
            if shown is not None and (shown[0] is strip or shown[0] == strip):
                continue
            cells = cells_of(strip)
            if shown is None or len(shown[1]) != len(cells):
                pen.move(0, y)
                pen.write(cells)
            else:
                _write_changes(pen, y, shown[1], cells, pieces)
            self.lines[y] = (strip, cells)
        for look, found in pieces.items():
            for x, y, texts in found:
                pen.move(x, y)
                pen.put(look, texts)
        return pen.finish()


def _write_changes(pen: Pen, y: int, old: list[Cell], new: list[Cell], pieces: Pieces) -> None:
    """Write what must be written in order, and leave the rest among the pieces."""
    runs = changed_runs(old, new)
    if sum(end - start for start, end in runs) >= _SHIFT_WORTH:
        first = runs[0][0]
        shifted = [*old[:first], *old[first + 1 :], _UNKNOWN]
        # A wide character at the seam would be cut in two by the terminal: repaint instead.
        if all(text != "" for text, _ in old[first:]):
            moved = changed_runs(shifted, new)
            if 2 * sum(end - start for start, end in moved) < sum(end - start for start, end in runs):
                pen.move(first, y)
                pen.delete_cell()
                runs = moved
                old = shifted
    for start, end in runs:
        if end == len(new) or any(
            not text or not shown for (text, _), (shown, _) in zip(new[start:end], old[start:end], strict=True)
        ):
            pen.move(start, y)
            pen.write(new[start:end])
        else:
            _cut(pieces, pen, y, start, old[start:end], new[start:end])


def _cut(pieces: Pieces, pen: Pen, y: int, start: int, old: Sequence[Cell], new: Sequence[Cell]) -> None:
    """Cut a run where its look changes: all pieces of a look are written together, for a look costs twice a move."""
    begin = 0
    while begin < len(new):
        style = new[begin][1]
        end = begin + 1
        while end < len(new) and new[end][1] is style:
            end += 1
        first, last = begin, end
        while first < last and old[first] == new[first]:
            first += 1
        while first < last and old[last - 1] == new[last - 1]:
            last -= 1
        if first < last:
            texts = [character for character, _ in new[first:last]]
            pieces.setdefault(pen.look(style), []).append((start + first, y, texts))
        begin = end


class _Output(CompositorUpdate):
    """Finished output in the place of an update."""

    def __init__(self, text: str) -> None:
        self._text = text

    def render_segments(self, console: Console) -> str:  # noqa: ARG002
        return self._text


class FrameDiffApp(App[int]):
    """An application that sends the terminal only what changed."""

    frame_diff = True
    """Whether frames are compared before they are sent."""

    def __init__(self) -> None:
        super().__init__()
        self._painted = Painted()

    def repaint(self) -> None:
        """Send the whole screen anew, whatever the terminal shows."""
        self._painted.forget()
        self.refresh(layout=True)

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        update = isinstance(renderable, LayoutUpdate | ChopsUpdate) and screen is self.screen
        if not (self.frame_diff and update and self._can_write()):
            super()._display(screen, renderable)
            return
        if self._painted.size != self.size:
            self._painted.forget()
            self._painted.size = self.size
        colors = self.console._color_system or ColorSystem.TRUECOLOR  # noqa: SLF001  as Strip.render does
        text = self._painted.difference(screen._compositor.render_strips(), colors)  # noqa: SLF001
        cursor = screen.outer_size.clamp_offset(self.cursor_position)
        if text or cursor != self._previous_cursor_position:
            super()._display(screen, cast("RenderableType", _Output(text)))

    def _can_write(self) -> bool:
        """Whether `App._display` would write now; what it does not write must not count as painted."""
        return bool(
            self._running and not self._closed and not self._batch_count and not self.is_headless and self._driver
        )
