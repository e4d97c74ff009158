"""Which time is looked at: what the timeline shows, the brushed part of it, and a cursor.

Arithmetic on UTC milliseconds without clocks and zones: each step makes a new `Outlook`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nftui.engine.history.values import TimeRange

SECOND_MS = 1000
_MINUTE, _HOUR, _DAY = 60 * SECOND_MS, 3600 * SECOND_MS, 86_400 * SECOND_MS

GRAINS = (
    *(n * SECOND_MS for n in (1, 2, 5, 10, 15, 30)), *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)), *(n * _DAY for n in (1, 7, 28, 91, 364)),
)  # fmt: skip
"""Lengths of a bucket, ms."""

FRAMES = (
    *(n * SECOND_MS for n in (10, 30)), *(n * _MINUTE for n in (1, 2, 5, 15, 30)), *(n * _HOUR for n in (1, 3, 6, 12)),
    *(n * _DAY for n in (1, 3, 7, 14, 30, 90, 180, 365, 730, 1825, 3650)),
)  # fmt: skip
"""Lengths of a frame when it is zoomed out, ms."""

_SHORTEST_FRAME = 10 * SECOND_MS
_MOST_OUTER = 40


def grain(length_ms: int, columns: int) -> int:
    """Length of a bucket so that a frame has at most so many of them, ms."""
    wanted = length_ms / max(1, columns)
    return next((step for step in GRAINS if step >= wanted), GRAINS[-1])


def up(time_ms: int, step_ms: int) -> int:
    """The next multiple of a step, or the time itself if it is one."""
    return -(-time_ms // step_ms) * step_ms


def inside(span: TimeRange, bounds: TimeRange) -> TimeRange:
    """A range moved, and where it is longer than the bounds cut, so that it lies within them."""
    length = min(span.length_ms, bounds.length_ms)
    start = min(max(span.start_ms, bounds.start_ms), bounds.end_ms - length)
    return TimeRange(start, start + length)


def cut(span: TimeRange, bounds: TimeRange) -> TimeRange | None:
    """The part of a range that lies within the bounds; None if there is none."""
    start, end = max(span.start_ms, bounds.start_ms), min(span.end_ms, bounds.end_ms)
    return TimeRange(start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the arithmetic depends on.

    Attributes:
        bounds: from the first flow stored to now; the brush never leaves it.
        columns: columns of the timeline.
        window_ms: length of the live window: the brush while nothing is brushed.
        now_ms: the time of the source.
    """

    bounds: TimeRange
    columns: int
    window_ms: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Outlook:
    """A position in time.

    Attributes:
        length_ms: length of the frame while it follows now.
        frame: what the timeline shows; None while it follows now.
        brush: what everything else on the screen is about; None for the live window.
        cursor_ms: start of the bucket under the cursor; None while there is no cursor.
        outer: frames to come back to when zooming out, the innermost last.
    """

    length_ms: int
    frame: TimeRange | None = None
    brush: TimeRange | None = None
    cursor_ms: int | None = None
    outer: tuple[TimeRange, ...] = ()

    def grain_ms(self, around: Surroundings) -> int:
        """Length of a bucket of the timeline."""
        return grain(self.length_ms if self.frame is None else self.frame.length_ms, around.columns)

    def shown(self, around: Surroundings) -> TimeRange:
        """What the timeline shows: while it follows now, a bucket for each column, the last one still filling."""
        if self.frame is not None:
            return self.frame
        step = self.grain_ms(around)
        end = up(around.now_ms + 1, step)
        return TimeRange(end - step * around.columns, end)

    def selected(self, around: Surroundings) -> TimeRange:
        """The brush, or where it would be: the live window."""
        if self.brush is not None:
            return self.brush
        end = min(around.now_ms, around.bounds.end_ms)
        return TimeRange(end - around.window_ms, end)

    # Brush

    def extend(self, buckets: int, around: Surroundings) -> Outlook:
        """Move the end of the brush that the cursor is at; from elsewhere, begin a new brush at the cursor."""
        step = self.grain_ms(around)
        last = self._last_bucket(around)
        cursor = last if self.cursor_ms is None else min(self.cursor_ms // step * step, last)
        return self._brushed(*self._ends(cursor, cursor + buckets * step, step), around)

    def extend_to(self, end: int, around: Surroundings) -> Outlook:
        """Move that end to the first (-1) or last (1) bucket of the frame."""
        step, frame = self.grain_ms(around), self.shown(around)
        last = self._last_bucket(around)
        cursor = last if self.cursor_ms is None else min(self.cursor_ms // step * step, last)
        target = frame.start_ms if end < 0 else min(frame.end_ms - 1, last)
        return self._brushed(*self._ends(cursor, target // step * step, step), around)

    def drag(self, from_ms: int, to_ms: int, around: Surroundings) -> Outlook:
        """Brush all buckets between two times, wherever the brush was."""
        step = self.grain_ms(around)
        low, high = sorted((from_ms // step * step, to_ms // step * step))
        return self._brushed(low, high, to_ms // step * step, around, show=False)

    def step(self, direction: int, around: Surroundings) -> Outlook:
        """Move the brush by its length. At the end of time it is the live window again."""
        span = self.selected(around)
        if direction > 0 and (self.brush is None or span.end_ms >= around.bounds.end_ms):
            return self.follow()
        moved = inside(_moved(span, direction * span.length_ms), around.bounds)
        return replace(self, brush=moved, cursor_ms=None, frame=self._showing(moved, around))

    def go_to(self, brush: TimeRange, around: Surroundings) -> Outlook:
        """Brush a range, and show it with something around it."""
        brush = cut(brush, around.bounds) or inside(brush, around.bounds)
        length = self.shown(around).length_ms
        if not 2 * brush.length_ms <= length <= 60 * brush.length_ms:
            length = next((n for n in FRAMES if n >= 3 * brush.length_ms), FRAMES[-1])
        middle = (brush.start_ms + brush.end_ms) // 2
        frame = inside(TimeRange(middle - length // 2, middle + length - length // 2), _roomy(around.bounds))
        return replace(self, brush=brush, cursor_ms=None, frame=frame, outer=())

    def follow(self) -> Outlook:
        """The live window, in a frame as long as now that ends now."""
        return Outlook(self.length_ms)

    # Frame

    def zoom_in(self, around: Surroundings) -> Outlook:
        """The brush fills the frame; while nothing is brushed, a shorter frame."""
        if self.brush is None and self.frame is None:
            shorter = [n for n in FRAMES if around.window_ms <= n < self.length_ms]
            return replace(self, length_ms=shorter[-1] if shorter else self.length_ms)
        span, frame = self.selected(around), self.shown(around)
        wanted = max(span.length_ms, _SHORTEST_FRAME)
        start = (span.start_ms + span.end_ms - wanted) // 2
        inner = inside(TimeRange(start, start + wanted), _roomy(around.bounds))
        if inner == frame:
            return self
        return self._framed(inner, (*self.outer, frame)[-_MOST_OUTER:], around)

    def zoom_out(self, around: Surroundings) -> Outlook:
        """Back to the frame before it was zoomed in, else a longer one."""
        frame = self.shown(around)
        if self.outer and _contains(self.outer[-1], frame):
            return replace(self, frame=self.outer[-1], outer=self.outer[:-1])
        if self.frame is None:
            room = around.now_ms - around.bounds.start_ms
            longer = [n for n in FRAMES if n > self.length_ms]
            return replace(self, length_ms=longer[0]) if longer and self.length_ms < 2 * room else self
        longer = [n for n in FRAMES if n >= 2 * frame.length_ms] or [frame.length_ms]
        middle = (frame.start_ms + frame.end_ms) // 2
        wider = TimeRange(middle - longer[0] // 2, middle + longer[0] - longer[0] // 2)
        wider = inside(wider, _roomy(around.bounds))
        return replace(self, frame=wider, outer=()) if wider.length_ms > frame.length_ms else self

    def zoom_at(self, time_ms: int, out: bool, around: Surroundings) -> Outlook:
        """Half the frame, or twice as much, with a time staying where it is."""
        frame = self.shown(around)
        length = frame.length_ms * 2 if out else max(_SHORTEST_FRAME, frame.length_ms // 2)
        length = min(length, max(FRAMES[-1], frame.length_ms))
        start = time_ms - (time_ms - frame.start_ms) * length // frame.length_ms
        zoomed = inside(TimeRange(start, start + length), _roomy(around.bounds))
        if out and zoomed.length_ms <= frame.length_ms:
            return self
        return self._framed(zoomed, (), around)

    # Cursor

    def move(self, buckets: int, around: Surroundings) -> Outlook:
        """Move the cursor; the frame goes along at its edges."""
        step = self.grain_ms(around)
        last = self._last_bucket(around)
        cursor = last if self.cursor_ms is None else self.cursor_ms // step * step
        return self.point(cursor + buckets * step, around)

    def point(self, time_ms: int, around: Surroundings) -> Outlook:
        """Put the cursor onto the bucket of a time."""
        step = self.grain_ms(around)
        cursor = min(max(time_ms // step * step, around.bounds.start_ms // step * step), self._last_bucket(around))
        bucket = TimeRange(cursor, cursor + step)
        stays = self.brush is None and self.frame is None and _contains(self.shown(around), bucket)
        return replace(self, cursor_ms=cursor, frame=None if stays else self._showing(bucket, around))

    def _framed(self, frame: TimeRange, outer: tuple[TimeRange, ...], around: Surroundings) -> Outlook:
        """In another frame; shorter buckets of a closer one may leave the cursor before the first that holds flows."""
        step = grain(frame.length_ms, around.columns)
        first = around.bounds.start_ms // step * step
        cursor = None if self.cursor_ms is None else max(self.cursor_ms, first)
        return replace(self, frame=frame, outer=outer, cursor_ms=cursor)

    def _last_bucket(self, around: Surroundings) -> int:
        step = self.grain_ms(around)
        return (around.bounds.end_ms - 1) // step * step

    def _ends(self, cursor: int, target: int, step: int) -> tuple[int, int, int]:
        """First and last bucket of the brush when the cursor goes from one bucket to another, and the cursor."""
        if self.brush is not None and self.cursor_ms is not None:
            first, last = self.brush.start_ms // step * step, (self.brush.end_ms - 1) // step * step
            if cursor in {first, last}:
                other = first if cursor == last else last
                return min(other, target), max(other, target), target
        return min(cursor, target), max(cursor, target), target

    def _brushed(self, first: int, last: int, cursor: int, around: Surroundings, show: bool = True) -> Outlook:
        step = self.grain_ms(around)
        span = TimeRange(first, last + step)
        brush = cut(span, around.bounds) or inside(span, around.bounds)
        cursor = min(max(cursor, brush.start_ms // step * step), (brush.end_ms - 1) // step * step)
        frame = self._showing(TimeRange(cursor, cursor + step), around) if show else self.shown(around)
        return replace(self, brush=brush, cursor_ms=cursor, frame=frame)

    def _showing(self, span: TimeRange, around: Surroundings) -> TimeRange:
        """The frame, moved as far as needed for a range to be in it."""
        frame = self.shown(around)
        if _contains(frame, span):
            return frame
        if span.length_ms > frame.length_ms:
            frame = TimeRange(frame.start_ms, frame.start_ms + span.length_ms)
        # Half a frame at once: each other frame is another question to the past.
        margin = (frame.length_ms - span.length_ms) // 2
        start = span.start_ms - margin
        moved = TimeRange(start, start + frame.length_ms)
        return inside(moved, _roomy(around.bounds)) if moved.length_ms <= _roomy(around.bounds).length_ms else moved


def _moved(span: TimeRange, by_ms: int) -> TimeRange:
    return TimeRange(span.start_ms + by_ms, span.end_ms + by_ms)


def _contains(outer: TimeRange, inner: TimeRange) -> bool:
    return outer.start_ms <= inner.start_ms and inner.end_ms <= outer.end_ms


def _roomy(bounds: TimeRange) -> TimeRange:
    """Bounds of a frame: those of the data, and not less than the shortest frame."""
    return TimeRange(min(bounds.start_ms, bounds.end_ms - 2 * _SHORTEST_FRAME), bounds.end_ms)
