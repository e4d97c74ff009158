"""What a timeline shows: amounts in buckets, and which column of the screen stands for which time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SERIES_COLORS = 8
"""Colours of the palette, `$series-1` and following."""

_COVERED = 0.5
"""A column of which less than this was recorded has a hole."""


class Look(IntFlag):
    """How a column is drawn."""

    PLAIN = 0
    FADED = 1
    """Outside of the brush."""
    GAP = 2
    """Nobody recorded then."""
    LOST = 4
    """Flows were lost on the way."""


@dataclass(frozen=True, slots=True)
class TimelineMarks:
    """What is marked on a timeline.

    Attributes:
        brush: UTC ms from and to; None while nothing is brushed.
        window: the live window likewise, which moves by itself.
        cursor_ms: UTC; None without a cursor.
        playing_ms: where a recording plays; None without one.
        note: what the cursor is on.
        relative: the axis counts back from now.
    """

    brush: tuple[int, int] | None = None
    window: tuple[int, int] | None = None
    cursor_ms: int | None = None
    playing_ms: int | None = None
    note: str = ""
    relative: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TimelineData:
    """Layers over time.

    Attributes:
        labels: names of the layers, the lowest first.
        colors: place of each layer in the palette, from 1.
        values: float64[layers, buckets], per second.
        first_ms: UTC start of the first bucket.
        step_ms: length of a bucket.
        start_ms: UTC, left edge of the frame.
        end_ms: right edge.
        seen_ms: nothing is known of later times.
        unit: unit of the values.
        covered: float64[buckets], part of the bucket that was recorded; empty where that is not known.
        lost: int64[buckets], flows that were lost; empty likewise.
    """

    labels: Sequence[str]
    colors: Sequence[int]
    values: NDArray[np.float64]
    first_ms: int
    step_ms: int
    start_ms: int
    end_ms: int
    seen_ms: int
    unit: str = "bit/s"
    covered: Sequence[float] | NDArray[np.float64] = field(default=())
    lost: Sequence[int] | NDArray[np.int64] = field(default=())

    def continues(self, other: TimelineData) -> bool:
        """Whether this is the same chart a little later, so that its scale may stay."""
        length = self.end_ms - self.start_ms
        moved = abs(self.start_ms - other.start_ms)
        return (length, self.unit) == (other.end_ms - other.start_ms, other.unit) and moved < length // 4

    def column(self, time_ms: int, columns: int) -> int:
        """Column of a time; below 0 or from `columns` on outside of the frame."""
        return (time_ms - self.start_ms) * columns // (self.end_ms - self.start_ms)

    def span_columns(self, span: tuple[int, int] | None, columns: int) -> tuple[int, int] | None:
        """First column and the one behind the last of a range, at least one; None when it is not in the frame."""
        if span is None or span[1] <= self.start_ms or span[0] >= self.end_ms:
            return None
        first = max(0, self.column(span[0], columns))
        stop = min(columns, -(-(span[1] - self.start_ms) * columns // (self.end_ms - self.start_ms)))
        return first, max(stop, first + 1)

    def buckets(self, columns: int) -> NDArray[np.int64]:
        """int64[columns], the bucket in the middle of each column; -1 where there is none."""
        import numpy as np

        length = self.end_ms - self.start_ms
        middle = self.start_ms + (2 * np.arange(columns, dtype=np.int64) + 1) * length // (2 * columns)
        places = (middle - self.first_ms) // self.step_ms
        return np.where((places < 0) | (places >= self.values.shape[1]), -1, places)

    def by_column(self, columns: int) -> NDArray[np.float64]:
        """float64[layers, columns], at least one layer."""
        import numpy as np

        if not self.values.shape[0]:
            return np.zeros((1, columns))
        places = self.buckets(columns)
        return np.where(places < 0, 0.0, self.values[:, np.maximum(places, 0)])

    def looks(self, columns: int, brush: tuple[int, int] | None) -> NDArray[np.int64]:
        """int64[columns], a `Look` each."""
        import numpy as np

        looks = np.zeros(columns, np.int64)
        if brush is not None:
            first, stop = self.span_columns(brush, columns) or (0, 0)
            looks[:first] |= Look.FADED
            looks[stop:] |= Look.FADED
        places = self.buckets(columns)
        known = places >= 0
        if len(self.covered):
            covered = np.asarray(self.covered)[np.maximum(places, 0)]
            starts = self.first_ms + (places + 1) * self.step_ms
            looks[known & (covered < _COVERED) & (starts <= self.seen_ms)] |= Look.GAP
        if len(self.lost):
            looks[known & (np.asarray(self.lost)[np.maximum(places, 0)] > 0)] |= Look.LOST
        return looks

    def loss_columns(self, columns: int) -> list[int]:
        """Columns in which flows were lost."""
        looks = self.looks(columns, None)
        return [int(column) for column in (looks & Look.LOST).nonzero()[0]]

    def at(self, time_ms: int) -> int | None:
        """The bucket of a time; None where there is none."""
        place = (time_ms - self.first_ms) // self.step_ms
        return place if 0 <= place < self.values.shape[1] else None
