"""From when to when there are flows, whatever clocks exporters have.

One flow that claims to have begun in 1970 would make the past half a century long. Files of a store tell by their names
when their flows were received; times more than a day before the first reception or after the last one do not count
as long as there are others, and are counted.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from nftui.engine.history.chart import by_hour
from nftui.engine.history.values import TimeRange
from nftui.engine.query.flow_session import FlowSession, Part
from nftui.engine.store.layout import DAY_MS, HOUR_MS, SEALED_SUFFIX, SEGMENT_SUFFIX, PartName, parse_file

_SKEW_MS = DAY_MS
_START, _END = "time_flow_start_ms", "time_flow_end_ms"


@dataclass(frozen=True, slots=True)
class Edges:
    """Of some flows.

    Attributes:
        first: earliest start that is plausible, UTC ms; None if none is.
        last: latest end that is plausible.
        far_first: earliest start.
        far_last: latest end.
        far: flow records with an implausible time.
    """

    first: int | None = None
    last: int | None = None
    far_first: int | None = None
    far_last: int | None = None
    far: int = 0

    def joined(self, other: Edges) -> Edges:
        """Of the flows of both."""
        return Edges(
            _least(self.first, other.first),
            _most(self.last, other.last),
            _least(self.far_first, other.far_first),
            _most(self.far_last, other.far_last),
            self.far + other.far,
        )

    @property
    def range(self) -> TimeRange | None:
        """In whole seconds; None without flows."""
        first = self.far_first if self.first is None else self.first
        last = self.far_last if self.last is None else self.last
        if first is None or last is None:
            return None
        return TimeRange(first // 1000 * 1000, (max(first, last) // 1000 + 1) * 1000)


class Extents:
    """Finds the edges of what is stored; those of sealed files are remembered, for a screen asks with each chart."""

    def __init__(self) -> None:
        self._known: tuple[tuple[object, ...], Edges] | None = None

    def find(self, session: FlowSession) -> Edges:
        """Edges of the flows of the first and the last hour and of what is not sealed yet.

        Of all flows where files do not tell by their names when they were received.
        """
        sources = session.sources
        names = _names(session)
        if not names:
            return _read(session, Part(tuple(sources.files), True), None)
        plausible = TimeRange(
            min(name.slot_ms for name in names) - _SKEW_MS,
            max(name.slot_ms for name in names) + HOUR_MS + _SKEW_MS,
        )
        sealed = Edges()
        if sources.files:
            hours = by_hour(sources.files)
            files = tuple(dict.fromkeys((*hours[0], *hours[-1])))
            key = (files, plausible)
            if self._known is None or self._known[0] != key:
                found = _read(session, Part(files, False), plausible)
                if not set(files) <= set(sources.files):  # one proved damaged
                    return self.find(session)
                self._known = (key, found)
            sealed = self._known[1]
        return sealed.joined(_read(session, Part((), True), plausible)) if sources.segments else sealed


def _names(session: FlowSession) -> list[PartName]:
    """Names of all files; empty if any tells nothing."""
    sources = session.sources
    names = [parse_file(os.path.basename(file), SEALED_SUFFIX) for file in sources.files]
    names += [parse_file(segment.path.name, SEGMENT_SUFFIX) for segment in sources.segments]
    known = [name for name in names if name is not None]
    return known if len(known) == len(names) and not sources.foreign else []


def _read(session: FlowSession, part: Part, plausible: TimeRange | None) -> Edges:
    starts = "TRUE" if plausible is None else f"{_START} >= {plausible.start_ms} AND {_START} < {plausible.end_ms}"
    ends = "TRUE" if plausible is None else f"{_END} >= {plausible.start_ms} AND {_END} < {plausible.end_ms}"

    def statement(relation: str) -> str:
        return (
            f"SELECT MIN(CASE WHEN {starts} THEN {_START} END), MAX(CASE WHEN {ends} THEN {_END} END), "  # noqa: S608
            f"MIN({_START}), MAX({_END}), SUM(CASE WHEN {starts} AND {ends} THEN 0 ELSE 1 END) FROM {relation}"
        )

    [row] = [row for portion in session.rows((_START, _END), statement, part) for row in portion]
    first, last, far_first, far_last = (None if value is None else int(value) for value in row[:4])
    return Edges(first, last, far_first, far_last, int(row[4] or 0))


def _least(one: int | None, other: int | None) -> int | None:
    return min((value for value in (one, other) if value is not None), default=None)


def _most(one: int | None, other: int | None) -> int | None:
    return max((value for value in (one, other) if value is not None), default=None)
