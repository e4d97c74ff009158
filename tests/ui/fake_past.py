"""A past in memory: flows by time of reception, answered with the live window, and questions that can be held up."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
from fake_changes import changes_between

from nftui import text
from nftui.engine.batch import FlowBatch
from nftui.engine.clock import ManualClock
from nftui.engine.history.changes import Changes
from nftui.engine.history.values import Timeline, TimelineRequest, TimeRange
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot
from nftui.engine.live.window import LiveWindow
from nftui.engine.query.mask import mask
from nftui.engine.query.session import Interrupted

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800)


class FakePast:
    """Answers like `nftui.engine.history.history.History`, except that flows count at their time of reception.

    Attributes:
        batches: what is stored, in order of reception.
        snapshots: ranges that were asked for.
        timelines: questions for charts.
        holes: when nothing was recorded, as far as charts tell.
        losses: when flows were lost.
        gate: questions wait for it; set from the start.
        cancelled: how many were given up.
        closed: whether it was let go of.
        compared: ranges that were compared.
        covered_then: part of the earlier range in which something was collected.
        rested: how often it was told that no question is expected soon.
        unread: files that no question could read.
        far: flows with times that the extent leaves out.
    """

    def __init__(self) -> None:
        self.batches: list[FlowBatch] = []
        self.snapshots: list[LiveRequest] = []
        self.timelines: list[TimelineRequest] = []
        self.holes: list[TimeRange] = []
        self.losses: list[TimeRange] = []
        self.gate = threading.Event()
        self.gate.set()
        self.cancelled = 0
        self.closed = False
        self.compared: list[tuple[LiveRequest, TimeRange]] = []
        self.covered_then = 1.0
        self.rested = 0
        self.unread: tuple[tuple[str, str], ...] = ()
        self.far = 0
        self._stop = threading.Event()
        self._last: LiveWindow | None = None

    def extent(self) -> TimeRange | None:
        if not self.batches:
            return None
        times = [int(batch.columns["time_received_ms"][0]) for batch in self.batches]
        return TimeRange(min(times), max(times) + 1)

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        assert request.within is not None
        self.snapshots.append(request)
        self._wait()
        within = request.within
        clock = ManualClock(within.end_ms)
        window = self._last = LiveWindow(clock, seconds=max(1, within.length_ms // 1000))
        for batch in self._between(within):
            window.add(batch)
        return replace(window.snapshot(replace(request, within=None)), request=request, now_ms=within.end_ms)

    def timeline(self, request: TimelineRequest) -> Timeline:
        self.timelines.append(request)
        self._wait()
        seconds = request.within.length_ms / 1000 / max(1, request.buckets)
        step = 1000 * next((step for step in _STEPS if step >= seconds), _STEPS[-1])
        start = request.within.start_ms // step * step
        buckets = max(1, -(-(request.within.end_ms - start) // step))
        names: dict[str, np.ndarray] = {}
        for batch in self._between(request.within):
            kept = batch if request.filter is None else batch.take(mask(request.filter, batch, request.scaled))
            if not len(kept):
                continue
            place = (int(kept.columns["time_received_ms"][0]) - start) // step
            for number in np.unique(kept.columns["proto"]).tolist():
                rows = kept.columns["proto"] == number
                row = names.setdefault(text.protocol(number), np.zeros(buckets))
                rate = kept.columns["sampling_rate"][rows] if request.scaled and request.measure != "flows" else 1
                row[place] += float((kept.columns[request.measure][rows] * rate).sum())
        order = sorted(names, key=lambda name: -names[name].sum())
        values = np.array([names[name] for name in order]).reshape(len(order), buckets)
        covered = np.full(buckets, 1.0 if self.batches else 0.0)
        lost = np.zeros(buckets, np.int64)
        for hole in self.holes:
            covered[(hole.start_ms - start) // step : (hole.end_ms - start) // step] = 0.0
        for loss in self.losses:
            lost[(loss.start_ms - start) // step : (loss.end_ms - start) // step] = 40
        return Timeline(request, start, step, tuple(order), values, covered, lost,
                        request.within.end_ms)  # fmt: skip

    def changes(self, request: LiveRequest, before: TimeRange) -> Changes:
        everything = replace(request, limit=100_000, sort="")
        now, then = (self.snapshot(replace(everything, within=within)) for within in (request.within, before))
        self.compared.append((request, before))
        return replace(changes_between(now, then, request, before), covered_then=self.covered_then)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        return self._last.flow(key) if self._last is not None else None

    def cancel(self) -> None:
        self._stop.set()

    def progress(self) -> float:
        return -1.0 if self.gate.is_set() else 42.0

    def rest(self) -> None:
        self.rested += 1

    def close(self) -> None:
        self.closed = True

    def _between(self, within: TimeRange) -> list[FlowBatch]:
        return [b for b in self.batches if within.start_ms <= int(b.columns["time_received_ms"][0]) < within.end_ms]

    def _wait(self) -> None:
        self._stop.clear()
        while not self.gate.wait(0.005):
            if self._stop.is_set():
                self.cancelled += 1
                raise Interrupted("interrupted")
