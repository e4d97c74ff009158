"""For which time a collector was writing, and what exporters sent in it that did not arrive: from names and footers."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.history.holdings import KeptSegment
from nftui.engine.query.flow_session import FlowSession
from nftui.engine.store.footer import KEY
from nftui.engine.store.segment import SegmentReader

_MINUTE_MS = 60_000
_PAUSE_MS = 300_000
"""Of a compacted hour only the minutes with flows are known. A longer pause is a gap."""

_LOST = "sequence.lost"
_KEPT = 20_000

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Written:
    """What a file covers.

    Attributes:
        intervals: UTC ms, each without its end.
        lost: flows, datagrams or records that exporters numbered and that did not arrive.
    """

    intervals: tuple[Interval, ...]
    lost: int


class Coverage:
    """What files cover, remembered while they are there."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, Written] = OrderedDict()

    def draw(
        self, session: FlowSession, start_ms: int, step_ms: int, buckets: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Covered part of each bucket and what was lost in it.

        Files without a footer of ours say nothing about gaps: where there are any, all time counts as covered.
        """
        files = session.sources.files
        self._learn(session, [path for path in files if path not in self._files])
        known = [self._files[path] for path in files if path in self._files]
        known += [_of_segment(segment) for segment in session.sources.segments]
        borders = start_ms + np.arange(buckets + 1) * step_ms
        covered = np.zeros(buckets)
        lost = np.zeros(buckets, np.int64)
        for first, last in _merged(interval for written in known for interval in written.intervals):
            covered += np.diff(np.clip(borders, first, last).astype(np.float64))
        for written in known:
            if written.lost:
                lost += _spread(written, borders)
        covered /= step_ms
        if len(known) < len(files) + len(session.sources.segments) or session.sources.foreign:
            covered[:] = 1.0
        return covered, lost

    def _learn(self, session: FlowSession, paths: Sequence[str]) -> None:
        for path, about in session.said(KEY, paths).items():
            try:
                self._files[path] = _of_footer(json.loads(about))
            except (ValueError, KeyError, TypeError):
                continue
        while len(self._files) > _KEPT:
            self._files.popitem(last=False)


def _of_footer(about: dict[str, Any]) -> Written:
    start, length = int(about["slot_ms"]), int(about["slot_seconds"]) * 1000
    intervals: tuple[Interval, ...] = ((start, start + length),)
    series = about["series"]
    if "replaces" in about and series is not None:
        intervals = tuple(_merged(((int(entry[0]), int(entry[0]) + _MINUTE_MS) for entry in series), _PAUSE_MS))
    return Written(intervals, int(about["notes"].get(_LOST, 0)))


def _of_segment(segment: SegmentReader) -> Written:
    """A live segment covers its slot up to the flows that were received last."""
    if segment.origin is None or not isinstance(segment, KeptSegment):
        return Written((), 0)
    start, end = segment.origin.slot_ms, segment.origin.slot_ms + segment.origin.slot_seconds * 1000
    return Written(((start, max(start, min(end, segment.last_ms + 1))),), segment.notes.get(_LOST, 0))


def _merged(intervals: Iterable[Interval], pause_ms: int = 0) -> list[Interval]:
    """Intervals in order that do not overlap; pauses up to this length are filled."""
    out: list[Interval] = []
    for first, last in sorted(intervals):
        if out and first <= out[-1][1] + pause_ms:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def _spread(written: Written, borders: NDArray[np.int64]) -> NDArray[np.int64]:
    """What a file lost, evenly over the time that it covers, whole numbers that add up."""
    before = np.zeros(len(borders), np.float64)
    for first, last in written.intervals:
        before += np.clip(borders, first, last) - first
    whole = sum(last - first for first, last in written.intervals)
    passed = np.floor(before / max(1, whole) * written.lost).astype(np.int64)
    return np.diff(passed)
