"""Traffic over time in layers, each flow spread evenly over its life.

Octets and packets of a flow are cut at the borders of the buckets with the arithmetic of `nftui.engine.query.series`;
a flow counts as one where it begins. Buckets begin at multiples of their length since 1970, UTC, and are whole: what
the first one has before the range is in it, too.

A sealed file never changes. So what the files of some hours put into the buckets is remembered, and a chart that
moves on reads only what is new.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nftui.engine.history.layers import LAYERINGS, Layering, Values, busiest, charts_of, code_sql
from nftui.engine.history.parts import Amounts
from nftui.engine.history.question import Question
from nftui.engine.history.values import TimelineRequest, TimeRange
from nftui.engine.query.filters import Filter
from nftui.engine.query.flow_session import FlowSession, Part
from nftui.engine.query.passed import passed_sql
from nftui.engine.query.rollup import ANSWERS, CHARTS, rows_sql
from nftui.engine.store.layout import parse_hour

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

_BLOCK_HOURS = 6
_NO_PROTOCOL = 256
_START, _END = "time_flow_start_ms", "time_flow_end_ms"
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
        self, session: FlowSession, request: TimelineRequest, scale: Scale
    ) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Names of the layers, the busiest first, and the sum of the measure by layer and bucket.

        Args:
            session: files that may hold flows of the buckets.
            request: layers and measure.
            scale: the buckets.
        """
        layering = LAYERINGS[request.by]
        layers = self._layers(session, request, scale)
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

    def _layers(self, session: FlowSession, request: TimelineRequest, scale: Scale) -> tuple[Values, ...]:
        """The layers to tell apart: chosen once for as long as charts of one kind overlap what they were chosen for."""
        if request.by == "proto":
            return tuple((number,) for number in (*range(256), None))
        key = (request.by, request.measure, request.filter, request.scaled, scale.step_ms)
        known = self._chosen.get(key)
        if known is not None and _holds(known[0], scale.range) and len(known[1]) >= request.layers:
            return known[1]
        question = Question(session, scale.range, request.filter, request.scaled)
        chosen = tuple(busiest(question, request.by, request.measure, request.layers, scale.step_ms))
        self._chosen[key] = (_wider(scale), chosen)
        self._chosen.move_to_end(key)
        while len(self._chosen) > 16:
            self._chosen.popitem(last=False)
        return chosen

    def _all_cells(self, session: FlowSession, kind: _Kind, layering: Layering, scale: Scale) -> list[Cell]:
        cells: list[Cell] = []
        missing = []
        for files in _blocks(session.sources.files):
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


def _blocks(files: Sequence[str]) -> list[tuple[str, ...]]:
    """Files of which what they put into a chart is remembered together: six hours of a day, the last two hours apart.

    Each takes part of the time in which a statement is planned: for the 24 hours of 10 M flows that was four fifths of
    the whole answer. What is added to a block makes it be read again.
    """
    hours = by_hour(files)
    blocks: dict[tuple[str, int], list[str]] = {}
    for paths in hours[:-2]:
        folder = PurePath(paths[0]).parent
        hour = parse_hour(folder.name)
        block = (str(folder), 0) if hour is None else (str(folder.parent), hour // _BLOCK_HOURS)
        blocks.setdefault(block, []).extend(paths)
    return [*map(tuple, blocks.values()), *hours[-2:]]


def _read_cells(
    question: Question, kind: _Kind, layering: Layering, hours: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], list[Cell]]:
    """Cells of the files of each hour, and under an empty name those of all flows that are in no sealed file."""
    parts = [*hours, ()]
    found: dict[tuple[str, ...], list[Cell]] = {}
    rows = _read_rolled(question, kind, layering, parts)
    for place, files in enumerate(parts):
        rows += _read_flows(question, kind, layering, place, files)
    for place, *cell in rows:
        layer, bucket, flows, packets, octets = (int(value or 0) for value in cell)
        found.setdefault(parts[place], []).append((layer, bucket, flows, packets, octets))
    return found


def _read_rolled(
    question: Question, kind: _Kind, layering: Layering, parts: Sequence[tuple[str, ...]]
) -> list[tuple[Any, ...]]:
    """What roll-ups know, all of them in one statement: those of a day are read sooner than a statement is planned."""

    def statement(_: str) -> str:
        selects = ["(SELECT 0, 0, 0, 0, 0, 0 LIMIT 0)"]
        charts = charts_of(question, kind.by, kind.step_ms)
        minutes = _minutes_of(question, kind)
        for place, files in enumerate(parts):
            if passed := [charts[path] for path in files if path in charts]:
                selects.append(_passed_sql(passed, place, kind, layering, question.within))
            if begun := [minutes[path] for path in files if path in minutes]:
                selects.append(_minutes_sql(begun, place, kind, question.within.start_ms))
        return " UNION ALL ".join(selects)

    return question.session.all_rows((), statement)


def _read_flows(
    question: Question, kind: _Kind, layering: Layering, place: int, files: tuple[str, ...]
) -> list[tuple[Any, ...]]:
    """What no roll-up knows of some files; of what is in no sealed file if there are none."""
    session = question.session
    code = f"COALESCE(proto, {_NO_PROTOCOL})" if kind.by == "proto" else code_sql(layering.columns, kind.layers)
    fields = {*layering.fields, *question.amounts.fields}
    live = not files and bool(session.sources.segments or session.sources.foreign)

    def statement(_: str) -> str:
        charts, minutes = charts_of(question, kind.by, kind.step_ms), _minutes_of(question, kind)
        left = [path for path in files if path in session.sources.files and path not in charts]
        selects = ["(SELECT 0, 0, 0, 0, 0, 0 LIMIT 0)"]
        for make, some in ((_begun_sql, [path for path in left if path not in minutes]), (_moved_sql, left)):
            if some or live:
                names, over = question.over(fields, partial(make, question.amounts, place, code, kind.step_ms))
                selects.append(over(session.relation(names, Part(tuple(some), live))))
        return " UNION ALL ".join(selects)

    if not live and set(files) <= charts_of(question, kind.by, kind.step_ms).keys():
        return []
    return session.all_rows((), statement)


def _minutes_of(question: Question, kind: _Kind) -> dict[str, str]:
    """Roll-ups by the paths of their flows that know only what began in each minute, and suffice for that."""
    if kind.by != "proto" or kind.step_ms % _MINUTE or question.plan(("minute",)).reason:
        return {}
    rollups = question.session.sources.rollups.items()
    charts = charts_of(question, kind.by, kind.step_ms)
    return {path: slot.rollup_file for path, slot in rollups if slot.rollup_file and path not in charts}


def _passed_sql(rollups: Sequence[str], place: int, kind: _Kind, layering: Layering, within: TimeRange) -> str:
    """Sums by layer and bucket, complete, from roll-ups."""
    code = f"COALESCE(key_lo, {_NO_PROTOCOL})" if kind.by == "proto" else code_sql(layering.rolled, kind.layers)
    return (
        f"SELECT {place}, {code} AS code, minute // {kind.step_ms} AS i, {_rolled_sums(kind)} "  # noqa: S608
        f"FROM ({rows_sql(rollups, (CHARTS[kind.by].kind,))}) AS minutes "
        f"WHERE minute >= {within.start_ms} AND minute < {within.end_ms} GROUP BY code, i"
    )


def _minutes_sql(rollups: Sequence[str], place: int, kind: _Kind, low: int) -> str:
    """As `_begun_sql`, from roll-ups."""
    return (
        f"SELECT {place}, COALESCE(key_lo, {_NO_PROTOCOL}) AS code, key_hi // {kind.step_ms} AS i, "  # noqa: S608
        f"{_rolled_sums(kind)} FROM ({rows_sql(rollups, ANSWERS[('minute',)])}) AS minutes "
        f"WHERE key_hi >= {low} GROUP BY code, i"
    )


def _rolled_sums(kind: _Kind) -> str:
    packets, octets = (f"COALESCE(scaled_{n}, {n})" if kind.scaled else n for n in ("packets", "bytes"))
    return f"SUM(flows), SUM({packets}), SUM({octets})"


def _begun_sql(amounts: Amounts, place: int, code: str, step: int, source: str) -> str:
    """Sums by layer and bucket that flows begin in, whole."""
    flows = amounts.relation(source, f"{code} AS code")
    return (
        f"SELECT {place}, code, s // {step} AS i, SUM(flows), SUM(pk), {_octets(amounts)} "  # noqa: S608
        f"FROM ({flows}) AS counted WHERE s >= {amounts.within.start_ms} GROUP BY code, i"
    )


def _moved_sql(amounts: Amounts, place: int, code: str, step: int, source: str) -> str:
    """What flows have in other buckets than the one that they begin in, and that one lacks; nearly all have none."""
    low, high = amounts.within.start_ms, amounts.within.end_ms
    flows = amounts.relation(source, f"{code} AS code")
    crossing = f"{flows} WHERE {_START} // {step} <> {_END} // {step} OR {_START} < {low}"
    first, last = f"GREATEST(s, {low})", f"LEAST(e, {high})"
    unfolded = (
        f"SELECT *, UNNEST(RANGE({first} // {step}, GREATEST({last} - 1, {first}) // {step} + 1)) AS i "  # noqa: S608
        f"FROM ({crossing}) AS crossing"
    )
    cut = f"SELECT *, i * {step} AS t0, (i + 1) * {step} AS t1 FROM ({unfolded}) AS unfolded"  # noqa: S608
    moved = ", ".join(
        f"({passed_sql(name, 't1')}) - ({passed_sql(name, 't0')}) - "
        f"CASE WHEN s >= {low} AND s // {step} = i THEN {name} ELSE 0 END AS {name}"
        for name in ("pk", "fwd", "bwd")[: 3 if amounts.opposite else 2]
    )
    return (
        f"SELECT {place}, code, i, 0, SUM(pk), {_octets(amounts)} "  # noqa: S608
        f"FROM (SELECT code, i, {moved} FROM ({cut}) AS cut) AS moved GROUP BY code, i"
    )


def _octets(amounts: Amounts) -> str:
    return "SUM(fwd) + SUM(bwd)" if amounts.opposite else "SUM(fwd)"
