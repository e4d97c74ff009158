"""Throughput over time, stacked by protocol, with a legend, a value axis and a time axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from nftui.text import compact

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SERIES_COLORS = 8
"""Colours of the palette, `$series-1` and following."""

_AXIS = 7
_SHRINK = 0.4


@dataclass(frozen=True, slots=True)
class ChartData:
    """What a chart shows.

    Attributes:
        labels: names of the series, the lowest first.
        colors: place of each series in the palette, from 1.
        values: float64[series, buckets], the newest bucket last.
        step_seconds: length of a bucket.
        unit: unit of the values.
        partial_last: the newest bucket is still filling.
    """

    labels: Sequence[str]
    colors: Sequence[int]
    values: NDArray[np.float64]
    step_seconds: float
    unit: str = "bit/s"
    partial_last: bool = False


class StackChart(Widget):
    """A chart whose newest bucket stands at the right edge; it moves by one column when a bucket closes."""

    DEFAULT_CSS = """
    StackChart { height: 8; background: $background; color: $text-muted; }
    StackChart > .stack-chart--axis { color: $text-muted; }
    StackChart > .stack-chart--grid { color: $foreground 12%; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"stack-chart--axis", "stack-chart--grid"}

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.ascii_only = False
        self.data: ChartData | None = None
        self.scale = 0.0
        self._lines: list[Strip] = []
        self._styles: dict[tuple[int, int], Style] = {}

    def show(self, data: ChartData) -> None:
        """Draw new data and refresh the lines that differ."""
        if self.data is None or tuple(self.data.colors) != tuple(data.colors):
            self._styles.clear()
        self.data = data
        if self.is_mounted and self.size:
            self._draw()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._lines = []
        self._draw()
        self.refresh()

    def notify_style_update(self) -> None:
        """Colours changed: forget those made before."""
        super().notify_style_update()
        self._styles.clear()
        self._lines = []

    def render_line(self, y: int) -> Strip:
        """One line of the chart."""
        if not self._lines:
            self._draw(repaint=False)
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self._style(-1, -1))

    def _draw(self, repaint: bool = True) -> None:
        width, height = self.size.width, self.size.height
        plot_height = height - 1
        if width < _AXIS + 4 or plot_height < 1 or self.data is None:
            lines = [Strip.blank(width, self._style(-1, -1))] * height
        else:
            lines = [*self._plot(self.data, width - _AXIS, plot_height), self._time_axis(self.data, width)]
        changed = [
            Region(0, y, width, 1) for y, line in enumerate(lines) if y >= len(self._lines) or self._lines[y] != line
        ]
        self._lines = lines
        if repaint and changed:
            self.refresh(*changed)

    def _plot(self, data: ChartData, columns: int, height: int) -> list[Strip]:
        import numpy as np

        from nftui.widgets.chart_cells import block_cells, letter_cells, nice_top

        values = np.asarray(data.values, np.float64)[:, -columns:]
        if not values.shape[0]:
            values = np.zeros((1, values.shape[1]))
        blank = columns - values.shape[1]
        if blank:
            values = np.hstack([np.zeros((values.shape[0], blank)), values])
        peak = float(np.nan_to_num(values).sum(axis=0).max()) if values.size else 0.0
        top = nice_top(peak)
        # The scale grows at once and shrinks late, so that the picture does not breathe.
        if not self.scale or top > self.scale or peak < self.scale * _SHRINK:
            self.scale = top
        plain = self.ascii_only or self.app.no_color
        cells = (letter_cells if plain else block_cells)(values, height, self.scale)
        marks = {0: _mark(self.scale), height // 2: _mark(self.scale * (1 - (height // 2) / height))}
        lines = []
        for y, runs in enumerate(cells):
            mark = marks.get(y, "") if height > 2 or y == 0 else ""
            tick = ("|" if plain else "┤") if mark else ("|" if plain else "│")
            segments = [
                Segment(f"{mark:>{_AXIS - 2}} {tick}"[:_AXIS], self.get_component_rich_style("stack-chart--axis"))
            ]
            segments += [Segment(text, self._style(front, behind)) for text, front, behind in runs]
            lines.append(Strip(segments, columns + _AXIS))
        return lines

    def _time_axis(self, data: ChartData, width: int) -> Strip:
        plain = self.ascii_only or self.app.no_color
        columns = width - _AXIS
        line = [" "] * columns
        unit_text = f"{data.unit:>{_AXIS - 2}} "[: _AXIS - 1] + ("+" if plain else "└")
        step = _tick_seconds(columns * data.step_seconds)
        ticks = range(1, int(columns * data.step_seconds / step) + 1)
        for label, position in [
            ("now", columns - 1),
            *((_ago(n * step), columns - 1 - round(n * step / data.step_seconds)) for n in ticks),
        ]:
            start = position - len(label) + 1 if label == "now" else position - len(label) // 2
            if start >= 0 and all(c == " " for c in line[max(0, start - 1) : start + len(label) + 1]):
                line[start : start + len(label)] = label
        rule = "-" if plain else "─"
        text = "".join(line).replace(" ", rule)
        return Strip([Segment(unit_text + text, self.get_component_rich_style("stack-chart--axis"))], width)

    def _style(self, front: int, behind: int) -> Style:
        style = self._styles.get((front, behind))
        if style is None:
            base = self.rich_style
            style = Style(color=self._color(front) or base.color, bgcolor=self._color(behind) or base.bgcolor)
            self._styles[front, behind] = style
        return style

    def _color(self, series: int) -> str | None:
        if series < 0:
            return None
        color = self.data.colors[series] if self.data else 1
        return self.app.theme_variables.get(f"series-{color}")


def _tick_seconds(span: float) -> int:
    """Distance of time marks: about five over the whole axis."""
    steps = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    return next((step for step in steps if span / step <= 6), 7200)


def _mark(value: float) -> str:
    """A round number as short as it can be: `5G`, `1.5M`."""
    text = compact(value)
    number, unit = (text[:-1], text[-1]) if text[-1].isalpha() else (text, "")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + unit


def _ago(seconds: float) -> str:
    seconds = round(seconds)
    if seconds % 60 == 0:
        return f"-{seconds // 60}m"
    return f"-{seconds}s" if seconds < 60 else f"-{seconds // 60}m{seconds % 60:02d}"
