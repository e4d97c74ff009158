"""Traffic over time, stacked, with a time axis, the brushed range, a cursor, and where the data has holes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from nftui.text import compact
from nftui.widgets.timeline_axis import ago_ticks, clock_ticks
from nftui.widgets.timeline_data import Look, TimelineData, TimelineMarks

AXIS = 7
"""Columns left of the plot."""

_SHRINK = 0.4
_NARROWEST = 4
_FADED = 0.6
_GAP = int(Look.GAP)
_PARTS = ("axis", "brush", "loss", "cursor", "gap", "lost", "note")


class Timeline(Widget, can_focus=True):
    """A chart of one frame of time. While the frame follows now, it moves by one column when a bucket closes."""

    DEFAULT_CSS = """
    Timeline { height: 8; background: $background; color: $text-muted; }
    Timeline > .timeline--axis { color: $text-muted; }
    Timeline > .timeline--brush { color: $accent; text-style: bold; }
    Timeline:focus > .timeline--brush { color: $background; background: $accent; text-style: bold; }
    Timeline > .timeline--loss { color: $error; text-style: bold; }
    Timeline > .timeline--cursor { color: $foreground; text-style: bold; }
    Timeline > .timeline--gap { color: $foreground 25%; }
    Timeline > .timeline--lost { background: $error 18%; }
    Timeline > .timeline--note { color: $foreground; background: $panel; }
    Timeline:nocolor > .timeline--loss { text-style: bold reverse; }
    Timeline:nocolor > .timeline--note { text-style: reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"timeline--{part}" for part in _PARTS}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "screen.cursor(-1)", show=False, id="timeline-left"),
        Binding("right,l", "screen.cursor(1)", show=False, id="timeline-right"),
        Binding("home,g", "screen.cursor_to(-1)", show=False, id="timeline-first"),
        Binding("end,G", "screen.cursor_to(1)", show=False, id="timeline-last"),
        Binding("pageup,up,k", "screen.zoom(-1)", show=False, id="timeline-out"),
        Binding("pagedown,down,j", "screen.zoom(1)", show=False, id="timeline-in"),
        Binding("enter", "screen.choose", show=False, id="timeline-choose"),
        Binding("backspace", "screen.time_back(-1)", show=False, id="timeline-back"),
        Binding("tab,shift+tab,escape", "screen.timeline", show=False, id="timeline-close"),
    ]

    @dataclass
    class Brushed(Message):
        """A range was drawn with the mouse.

        Attributes:
            from_ms: where the button was pressed.
            to_ms: where it is now.
            done: it was released.
        """

        from_ms: int
        to_ms: int
        done: bool

    @dataclass
    class Pointed(Message):
        """A click."""

        time_ms: int

    @dataclass
    class Zoomed(Message):
        """The wheel was turned."""

        time_ms: int
        out: bool

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.ascii_only = False
        self.data: TimelineData | None = None
        self.marks = TimelineMarks()
        self.scale = 0.0
        self._lines: list[Strip] = []
        self._styles: dict[tuple[int, int, int], Style] = {}
        self._pressed: int | None = None
        self._at = -1

    @property
    def columns(self) -> int:
        """Columns of the plot."""
        return max(_NARROWEST, self.size.width - AXIS)

    def show(self, data: TimelineData, marks: TimelineMarks) -> None:
        """Draw other data or marks, and refresh the lines that differ."""
        before = self.data
        if data is before and marks == self.marks and self._lines:
            return
        if before is None or tuple(before.colors) != tuple(data.colors):
            self._styles.clear()
        if before is None or not data.continues(before):
            self.scale = 0.0
        self.data, self.marks = data, marks
        if self.is_mounted and self.size:
            self._draw()

    # Mouse

    def focus_on_click(self) -> bool:
        """Keys stay with the table when the mouse brushes."""
        return False

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to brush."""
        if event.button == 1 and event.x >= AXIS and self.data is not None:
            self._pressed = self._at = event.x
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Brush on."""
        if self._pressed is not None and event.x != self._at:
            self._at = event.x
            self.post_message(self.Brushed(self._time(self._pressed), self._time(event.x), False))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End of the brush, or a click."""
        if self._pressed is None:
            return
        self.release_mouse()
        pressed, self._pressed = self._pressed, None
        if event.x == pressed == self._at:
            self.post_message(self.Pointed(self._time(pressed)))
        else:
            self.post_message(self.Brushed(self._time(pressed), self._time(event.x), True))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Closer."""
        self._zoom(event, False)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Further away."""
        self._zoom(event, True)

    def _zoom(self, event: events.MouseEvent, out: bool) -> None:
        event.stop()
        if self.data is not None:
            self.post_message(self.Zoomed(self._time(event.x), out))

    def _time(self, x: int) -> int:
        """Time of a column of the widget; the middle of it."""
        assert self.data is not None
        columns = self.columns
        column = min(max(x - AXIS, 0), columns - 1)
        return self.data.start_ms + (2 * column + 1) * (self.data.end_ms - self.data.start_ms) // (2 * columns)

    # Painting

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._lines = []
        self._draw()
        self.refresh()

    def on_focus(self) -> None:
        """Brighter."""
        self.call_after_refresh(self._draw)

    def on_blur(self) -> None:
        """Less bright."""
        self.call_after_refresh(self._draw)

    def notify_style_update(self) -> None:
        """Colours changed: forget those made before."""
        super().notify_style_update()
        self._styles.clear()
        self._lines = []

    def render_line(self, y: int) -> Strip:
        """One line."""
        if not self._lines:
            self._draw(repaint=False)
        return self._lines[y] if y < len(self._lines) else self._blank()

    def _blank(self) -> Strip:
        return Strip.blank(self.size.width, self._style(-1, -1, Look.PLAIN))

    def _draw(self, repaint: bool = True) -> None:
        width, height = self.size.width, self.size.height
        if width < AXIS + _NARROWEST or height < 2 or self.data is None:
            lines = [self._blank()] * height
        else:
            lines = [*self._plot(self.data, width - AXIS, height - 1), self._axis(self.data, width - AXIS)]
            lines[0] = self._with_note(lines[0])
        changed = [
            Region(0, y, width, 1) for y, line in enumerate(lines) if y >= len(self._lines) or self._lines[y] != line
        ]
        self._lines = lines
        if repaint and changed:
            self.refresh(*changed)

    @property
    def _plain(self) -> bool:
        return self.ascii_only or self.app.no_color

    def _plot(self, data: TimelineData, columns: int, height: int) -> list[Strip]:
        import numpy as np

        from nftui.widgets.chart_cells import block_cells, letter_cells, nice_top

        values = data.by_column(columns)
        peak = float(np.nan_to_num(values).sum(axis=0).max()) if values.size else 0.0
        top = nice_top(peak)
        # The scale grows at once and shrinks late, so that the picture does not breathe.
        if not self.scale or top > self.scale or peak < self.scale * _SHRINK:
            self.scale = top
        looks = data.looks(columns, self.marks.brush).tolist()
        cells = (letter_cells if self._plain else block_cells)(values, height, self.scale)
        marks = {0: _mark(self.scale), height // 2: _mark(self.scale * (1 - (height // 2) / height))}
        lines = []
        for y, runs in enumerate(cells):
            mark = marks.get(y, "") if height > 2 or y == 0 else ""
            tick = ("|" if self._plain else "┤") if mark else ("|" if self._plain else "│")
            segments = [Segment(f"{mark:>{AXIS - 2}} {tick}"[:AXIS], self._part("axis"))]
            segments += self._segments(runs, looks)
            lines.append(Strip(segments, columns + AXIS))
        return lines

    def _segments(self, runs: list[tuple[str, int, int]], looks: list[int]) -> list[Segment]:
        """Runs of cells, cut where the look of the columns, a `Look` as number, changes."""
        segments = []
        column = 0
        for text, front, behind in runs:
            begin, end = column, column + len(text)
            while column < end:
                look = looks[column]
                stop = column + 1
                while stop < end and looks[stop] == look:
                    stop += 1
                piece = text[column - begin : stop - begin]
                if front < 0 and look & _GAP:
                    segments.append(Segment(("/" if self._plain else "░") * len(piece), self._part("gap")))
                else:
                    segments.append(Segment(piece, self._style(front, behind, look)))
                column = stop
        return segments

    def _axis(self, data: TimelineData, columns: int) -> Strip:
        plain = self._plain
        line = ["-" if plain else "─"] * columns
        part = ["axis"] * columns
        brush = data.span_columns(self.marks.brush or self.marks.window, columns)
        if brush is not None:
            first, stop = brush
            line[first:stop] = ["=" if plain else "━"] * (stop - first)
            part[first:stop] = ["brush"] * (stop - first)
        self._write_labels(data, line, columns)
        for column in data.loss_columns(columns):
            line[column], part[column] = "!", "loss"
        if plain and brush is not None and self.marks.brush is not None and brush[1] - brush[0] > 1:
            line[brush[0]], line[brush[1] - 1] = "[", "]"
        for time_ms, glyph in (
            (self.marks.playing_ms, "*" if plain else "◆"),
            (self.marks.cursor_ms, "^" if plain else "▲"),
        ):
            column = data.column(time_ms, columns) if time_ms is not None else -1
            if 0 <= column < columns:
                line[column], part[column] = glyph, "cursor"
        segments = [Segment(f"{data.unit:>{AXIS - 2}} "[: AXIS - 1] + ("+" if plain else "└"), self._part("axis"))]
        column = 0
        while column < columns:
            stop = column + 1
            while stop < columns and part[stop] == part[column]:
                stop += 1
            segments.append(Segment("".join(line[column:stop]), self._part(part[column])))
            column = stop
        return Strip(segments, columns + AXIS)

    def _write_labels(self, data: TimelineData, line: list[str], columns: int) -> None:
        taken = [False] * columns
        relative = self.marks.relative
        ticks = (ago_ticks if relative else clock_ticks)(data.start_ms, data.end_ms, columns)
        for tick in ticks:
            column = data.column(tick.time_ms, columns)
            text = tick.label
            if relative and tick.time_ms == data.end_ms:
                start = columns - len(text)
            elif relative:
                start = columns - 1 - round((data.end_ms - tick.time_ms) * columns / (data.end_ms - data.start_ms))
                start -= len(text) // 2
            else:
                start = column  # the label begins where its time does
            if (
                start >= 0
                and start + len(text) <= columns
                and not any(taken[max(0, start - 1) : start + len(text) + 1])
            ):
                line[start : start + len(text)] = text
                taken[start : start + len(text)] = [True] * len(text)

    def _with_note(self, line: Strip) -> Strip:
        """What the cursor is on, in the half of the line where the cursor is not."""
        data, note = self.data, self.marks.note
        if not note or data is None:
            return line
        columns = self.columns
        text = f" {note} "[:columns]
        column = data.column(self.marks.cursor_ms, columns) if self.marks.cursor_ms is not None else 0
        start = AXIS if column > columns // 2 else line.cell_length - len(text)
        return Strip.join([
            line.crop(0, start), Strip([Segment(text, self._part("note"))], len(text)), line.crop(start + len(text)),
        ])  # fmt: skip

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"timeline--{name}")

    def _style(self, front: int, behind: int, look: int) -> Style:
        found = self._styles.get((front, behind, look))
        if found is None:
            base = self._part("lost") if look & Look.LOST else self.rich_style
            faded = bool(look & Look.FADED)
            found = Style(
                color=self._color(front, faded) or base.color,
                bgcolor=self._color(behind, faded) or base.bgcolor,
                dim=(faded and self.app.no_color) or None,
            )
            self._styles[front, behind, look] = found
        return found

    def _color(self, series: int, faded: bool) -> str | None:
        if series < 0:
            return None
        name = self.app.theme_variables.get(f"series-{self.data.colors[series] if self.data else 1}")
        if name is None or not faded:
            return name
        return Color.parse(name).blend(self.styles.background, _FADED, 1).hex6


def _mark(value: float) -> str:
    """A round number as short as it can be: `5G`, `1.5M`."""
    text = compact(value)
    number, unit = (text[:-1], text[-1]) if text[-1].isalpha() else (text, "")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + unit
