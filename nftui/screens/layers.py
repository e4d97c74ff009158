"""From answers about traffic over time to what the timeline draws: units, order and colours of the layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nftui.engine.history.values import Measure, Timeline, TimeRange
from nftui.widgets.timeline_data import SERIES_COLORS, TimelineData

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nftui.engine.live.snapshot import Series

KINDS: tuple[str, ...] = ("proto", "port", "exporter", "interface")
"""What the layers may be."""

MEASURES: tuple[Measure, ...] = ("bytes", "packets", "flows")

_OTHER = "other"
_KNOWN = ("TCP", "UDP", "ICMP", "ICMP6", "ESP", "GRE")
"""Protocols with a colour of their own, the lowest in the stack first; others share one."""


class Colours:
    """Which colour a layer has: the same as long as it is seen, while shares change."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def arrange(self, kind: str, labels: Sequence[str]) -> tuple[list[int], list[int]]:
        """Order of the layers, the lowest first, and the colour of each in that order."""
        if kind == "proto":
            places = {label: place for place, label in enumerate(_KNOWN)}
            order = sorted(
                range(len(labels)), key=lambda i: (labels[i] == _OTHER, places.get(labels[i], 99), labels[i])
            )
            return order, [self._protocol(labels[i]) for i in order]
        for gone in set(self._given).difference(labels):
            del self._given[gone]
        for label in labels:
            if label != _OTHER and label not in self._given:
                taken = set(self._given.values())
                self._given[label] = next((n for n in range(1, SERIES_COLORS) if n not in taken), SERIES_COLORS - 1)
        order = sorted(range(len(labels)), key=lambda i: self._given.get(labels[i], SERIES_COLORS))
        return order, [self._given.get(labels[i], SERIES_COLORS) for i in order]

    @staticmethod
    def _protocol(label: str) -> int:
        if label == _OTHER:
            return SERIES_COLORS
        return _KNOWN.index(label) + 1 if label in _KNOWN else SERIES_COLORS - 1


def unit_of(measure: Measure, bits: bool) -> str:
    """Unit of a timeline."""
    if measure == "bytes":
        return "bit/s" if bits else "B/s"
    return "pkt/s" if measure == "packets" else "flow/s"


def from_timeline(timeline: Timeline, frame: TimeRange, colours: Colours, bits: bool) -> TimelineData:
    """An answer of the past, in a frame that may have moved on meanwhile."""
    request = timeline.request
    order, colors = colours.arrange(request.by, timeline.labels)
    factor = (8 if bits and request.measure == "bytes" else 1) * 1000 / timeline.step_ms
    values = timeline.values[order] * factor if order else timeline.values
    return TimelineData(
        [timeline.labels[i] for i in order], colors, values, timeline.start_ms, timeline.step_ms,
        frame.start_ms, frame.end_ms, timeline.end_ms, unit_of(request.measure, bits), timeline.covered, timeline.lost,
    )  # fmt: skip


def from_live(series: Series, earlier: Timeline | None, columns: int, colours: Colours, bits: bool) -> TimelineData:
    """The live window's seconds, one a column, and what is stored of the time before them.

    Args:
        series: bits per second; the last bucket is still filling.
        earlier: bytes by protocol of the same flows, in buckets of a second; None if not asked yet.
        columns: seconds to show.
        colours: of the layers.
        bits: bits, not bytes.
    """
    import numpy as np

    seconds = series.values.shape[1]
    end = series.start_ms + seconds * series.step_ms
    start = end - columns * series.step_ms
    rows: dict[str, NDArray[np.float64]] = {}
    if earlier is not None and earlier.step_ms == series.step_ms and columns > seconds:
        middle = start + np.arange(columns - seconds) * series.step_ms + series.step_ms // 2
        places = (middle - earlier.start_ms) // earlier.step_ms
        known = (places >= 0) & (places < earlier.values.shape[1])
        for label, amounts in zip(earlier.labels, earlier.values, strict=True):
            row = rows[label] = np.zeros(columns)
            row[: columns - seconds][known] = amounts[places[known]] * 8
    for label, rates in zip(series.labels, series.values, strict=True):
        row = rows.setdefault(label, np.zeros(columns))
        shown = rates[-columns:]
        row[columns - len(shown) :] = shown
    labels = list(rows)
    order, colors = colours.arrange("proto", labels)
    values = np.array([rows[labels[i]] for i in order]) if order else np.zeros((0, columns))
    return TimelineData(
        [labels[i] for i in order], colors, values if bits else values / 8, start, series.step_ms, start, end, end,
        unit_of("bytes", bits),
    )  # fmt: skip
