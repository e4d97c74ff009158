"""Traffic over time in layers, each flow spread evenly over its life.

Octets and packets of a flow are cut at the borders of the buckets with the arithmetic of `nftui.engine.query.series`;
a flow counts as one where it begins. Buckets begin at multiples of their length since 1970, UTC, and are whole: what
the first one has before the range is in it, too.

A sealed file never changes. So what the files of an hour put into the buckets is remembered, and a chart that moves on
reads only what is new.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from nftui.engine.history.layers import LAYERINGS, Layering, Values, busiest, code_sql
from nftui.engine.history.parts import Amounts
from nftui.engine.history.question import Question
from nftui.engine.history.values import TimelineRequest, TimeRange
from nftui.engine.query.filters import Filter
from nftui.engine.query.series import passed_sql
from nftui.engine.query.session import Part, Session

_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000
STEPS_MS: tuple[int, ...] = (
    *(1, 2, 5, 10, 20, 50, 100, 200, 500),
    *(n * _SECOND for n in (1, 2, 5, 10, 15, 30)),
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 3, 6, 12)),
    *(n * _DAY for n in (1, 2, 7, 14, 28, 91, 364)),
)
"""Lengths of a bucket."""

_KEPT_CELLS = 400_000
"""Cells of buckets that are remembered: about 40 MB."""

_MEASURES = ("flows", "packets", "bytes")

Cell = tuple[int, int, int, int, int]
"""Layer, number of the bucket since 1970, flows, packets, octets."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Buckets of a chart.

    Attributes:
        start_ms: start of the first bucket.
        step_ms: length of a bucket.
        count: number of buckets.
    """

    start_ms: int
    step_ms: int
    count: int

    @property
    def range(self) -> TimeRange:
        """All buckets."""
        return TimeRange(self.start_ms, self.start_ms + self.step_ms * self.count)


def scale_of(within: TimeRange, buckets: int) -> Scale:
    """At most so many buckets of a round length, as short as may be, that cover a range."""
    for step in STEPS_MS:
        start = within.start_ms // step * step
        count = max(1, -(-(within.end_ms - start) // step))
        if count <= max(1, buckets) or step == STEPS_MS[-1]:
            return Scale(start, step, count)
    raise AssertionError


@dataclass(frozen=True, slots=True)
class _Kind:
    """Charts that differ in their range only."""

    by: str
    filter: Filter | None
    scaled: bool
    step_ms: int
    layers: tuple[Values, ...]


class Charts:
    """Draws charts and remembers what sealed files put into them."""

    def __init__(self) -> None:
        self._cells: OrderedDict[tuple[_Kind, tuple[str, ...]], tuple[TimeRange, list[Cell]]] = OrderedDict()
        self._chosen: OrderedDict[tuple[str, str, Filter | None, bool, int], tuple[TimeRange, tuple[Values, ...]]]
        self._chosen = OrderedDict()

    def draw(
        self, session: Session, request: TimelineRequest, scale: Scale
    ) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Names of the layers, the busiest first, and the sum of the measure by layer and bucket.

        Args:
            session: files that may hold flows of the buckets.
            request: layers and measure.
            scale: the buckets.
        """
        layering = LAYERINGS[request.by]
        layers = self._layers(session, request, layering, scale)
        kind = _Kind(request.by, request.filter, request.scaled, scale.step_ms, layers)
        cells = self._all_cells(session, kind, layering, scale)
        table = np.zeros((len(layers) + 1, scale.count))
        first = scale.start_ms // scale.step_ms
        measure = 2 + _MEASURES.index(request.measure)
        for cell in cells:
            bucket = cell[1] - first
            if 0 <= bucket < scale.count:
                table[cell[0], bucket] += cell[measure]
        order = np.argsort(-table[:-1].sum(axis=1), kind="stable")
        order = order[table[order].any(axis=1)]
        names = [layering.label(layers[place]) for place in order]
        shown = order[: request.layers]
        rest = table[order[request.layers :]].sum(axis=0) + table[-1]
        values = table[shown]
        if rest.any():
            return (*names[: request.layers], "other"), np.vstack([values, rest])
        return tuple(names[: request.layers]), values

    def _layers(
        self, session: Session, request: TimelineRequest, layering: Layering, scale: Scale
    ) -> tuple[Values, ...]:
        """The layers to tell apart: chosen once for as long as charts of one kind overlap what they were chosen for."""
        if request.by == "proto":
            return tuple((number,) for number in (*range(256), None))
        key = (request.by, request.measure, request.filter, request.scaled, scale.step_ms)
        known = self._chosen.get(key)
        if known is not None and _holds(known[0], scale.range) and len(known[1]) >= request.layers:
            return known[1]
        question = Question(session, scale.range, request.filter, request.scaled)
        chosen = tuple(busiest(question, layering, request.measure, request.layers))
        self._chosen[key] = (_wider(scale), chosen)
        self._chosen.move_to_end(key)
        while len(self._chosen) > 16:
            self._chosen.popitem(last=False)
        return chosen

    def _all_cells(self, session: Session, kind: _Kind, layering: Layering, scale: Scale) -> list[Cell]:
        cells: list[Cell] = []
        missing = []
        for files in by_hour(session.sources.files):
            known = self._cells.get((kind, files))
            if known is not None and _holds(known[0], scale.range):
                self._cells.move_to_end((kind, files))
                cells += known[1]
            else:
                missing.append(files)
        wide = _wider(scale)
        question = Question(session, wide, kind.filter, kind.scaled)
        found = _read_cells(question, kind, layering, missing)
        for files in missing:
            if set(files) <= set(session.sources.files):  # none proved damaged
                self._cells[(kind, files)] = (wide, found.get(files, []))
        for part in found.values():
            cells += part
        while sum(len(part) + 1 for _, part in self._cells.values()) > _KEPT_CELLS:
            self._cells.popitem(last=False)
        return cells


def _holds(outer: TimeRange, inner: TimeRange) -> bool:
    return outer.start_ms <= inner.start_ms and inner.end_ms <= outer.end_ms


def _wider(scale: Scale) -> TimeRange:
    """The buckets and as many before and after: flows are cut there, for some claim to last for months."""
    length = scale.range.length_ms
    return TimeRange(scale.start_ms - length, scale.range.end_ms + length)


def by_hour(files: Sequence[str]) -> list[tuple[str, ...]]:
    """Files that lie in one directory: those of an hour."""
    hours: dict[str, list[str]] = {}
    for path in files:
        hours.setdefault(str(PurePath(path).parent), []).append(path)
    return [tuple(paths) for paths in hours.values()]


def _read_cells(
    question: Question, kind: _Kind, layering: Layering, hours: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], list[Cell]]:
    """Cells of the files of each hour, and under an empty name those of all flows that are in no sealed file."""
    session = question.session
    code = "COALESCE(proto, 256)" if kind.by == "proto" else code_sql(layering, kind.layers)
    fields = {*layering.fields, *question.amounts.fields}
    parts = [*hours, ()]

    def statement(_: str) -> str:
        selects = []
        for place, files in enumerate(parts):
            left = [path for path in files if path in session.sources.files]
            live = not files and bool(session.sources.segments or session.sources.foreign)
            if not left and not live:
                continue
            names, over = question.over(fields, partial(_select, question.amounts, place, code))
            selects.append(over(session.relation(names, Part(tuple(left), live))))
        if not selects:
            return "SELECT 1 LIMIT 0"
        return _cells_sql(" UNION ALL ".join(selects), kind.step_ms, question.within, question.amounts.opposite)

    found: dict[tuple[str, ...], list[Cell]] = {}
    for place, *cell in session.all_rows((), statement):
        layer, bucket, flows, packets, octets = (int(value or 0) for value in cell)
        found.setdefault(parts[place], []).append((layer, bucket, flows, packets, octets))
    return found


def _select(amounts: Amounts, place: int, code: str, source: str) -> str:
    return amounts.relation(source, f"{place} AS part", f"{code} AS code")


def _cells_sql(flows: str, step: int, wide: TimeRange, opposite: bool) -> str:
    """Sums by part, layer and bucket; flows that touch one bucket only are not cut."""
    low, high = wide.start_ms, wide.end_ms
    counters = ("pk", "fwd", "bwd") if opposite else ("pk", "fwd")
    first, last = f"GREATEST(s, {low})", f"LEAST(e, {high})"
    placed = (
        f"SELECT *, {first} // {step} AS b0, GREATEST({last} - 1, {first}) // {step} AS b1, "  # noqa: S608
        f"s >= {low} AND e <= {high} AND s < {high} AS whole FROM ({flows}) AS counted"
    )
    cut = (
        f"SELECT *, i * {step} AS t0, (i + 1) * {step} AS t1 FROM "  # noqa: S608
        "(SELECT *, UNNEST(RANGE(b0, b1 + 1)) AS i FROM placed WHERE NOT (whole AND b0 = b1)) AS unfolded"
    )
    shares = ", ".join(f"({passed_sql(n, 't1')}) - ({passed_sql(n, 't0')}) AS {n}" for n in counters)
    names = ", ".join(counters)
    octets = " + ".join(f"SUM({name})" for name in counters[1:])
    return (
        f"WITH placed AS NOT MATERIALIZED ({placed}), "  # noqa: S608
        f"parts AS (SELECT part, code, b0 AS i, flows, {names} FROM placed WHERE whole AND b0 = b1 UNION ALL "
        f"SELECT part, code, i, CASE WHEN s >= t0 AND s < t1 THEN flows ELSE 0 END, {shares} FROM ({cut}) AS cut) "
        f"SELECT part, code, i, SUM(flows), SUM(pk), {octets} FROM parts GROUP BY part, code, i"
    )
