"""What is stored, asked like the live window: the same requests and the same answers, for any range of time.

A flow belongs to a range if it overlaps it: if any moment of its life, from first to last packet, lies in the range.
Octets, packets, flows and shares are those of all of each such flow, so that they are the numbers of `nftui dump` for
the same window. Rates and the small histories are what passed within the range, each flow spread evenly over its
life, divided by the length of the range; so a download of an hour does not fill a brush of a second. Totals follow
the same rules as rows.

Sums of hours come from roll-ups where all flows of the hour lie within the range and no filter is set; all else is
read flow by flow. Both give the same numbers.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock, SystemClock
from nftui.engine.history.changes import INCOMPARABLE, Changes, change_columns
from nftui.engine.history.chart import Charts, scale_of
from nftui.engine.history.comparison import compare
from nftui.engine.history.conversations import conversation_values, conversation_words, find_conversations
from nftui.engine.history.coverage import Coverage
from nftui.engine.history.extent import Extents
from nftui.engine.history.flow_rows import FoundFlows, find_flows
from nftui.engine.history.holdings import Holdings, Kept
from nftui.engine.history.question import Question
from nftui.engine.history.ranking import rank
from nftui.engine.history.shown import find_shown, group_values, seconds_of
from nftui.engine.history.stored_views import Key, stored_view
from nftui.engine.history.totals import KnownSums, Sums
from nftui.engine.history.values import Timeline, TimelineRequest, TimeRange
from nftui.engine.live.conversations import COLUMNS as CONVERSATION_COLUMNS
from nftui.engine.live.flowlist import flow_columns, flow_values
from nftui.engine.live.ranked import Rows
from nftui.engine.live.snapshot import (
    CONVERSATION_VIEW,
    FLOW_VIEW,
    TALKER_VIEWS,
    ColumnSpec,
    LiveRequest,
    LiveSnapshot,
    Series,
    Totals,
)
from nftui.engine.live.talkers import talker_columns
from nftui.engine.memory import give_back
from nftui.engine.query.duck import SCREEN_MEMORY, named_errors
from nftui.engine.query.flow_session import FlowSession
from nftui.engine.query.session import Session
from nftui.engine.query.sources import Sources
from nftui.errors import UsageError

if TYPE_CHECKING:
    from nftui.engine.archive.formats import ArchiveFormats

_KNOWN_KEYS = 20_000
_GIVE_BACK_SECONDS = 10.0
"""A screen whose chart asks again and again never rests; its memory is given back meanwhile."""
_ALL_CORES = 0
_LEAVE_ONE = max(1, (os.cpu_count() or 2) - 1)


class History:
    """Answers about stored flows. Not thread-safe, except `cancel` and `progress`.

    Attributes:
        unread: path and reason of what the last question could not read.
        far: flow records that `extent` left out for their times.

    Args:
        paths: stores, which may be written meanwhile, directories, files.
        formats: opens files of other tools; None to know none.
        memory: limit of a question as DuckDB writes it; above it, work spills to a temporary directory.
        clock: tells what is in the future.
        holdings: what is there, in the place of `paths` and `formats`.
        sessions: runs the statements of a question over its files, in the place of DuckDB in this process.
        busy: whether so much is received here now that a core has to be left to reception and to the screen's keys;
            asked before each question.
    """

    def __init__(
        self,
        paths: Sequence[str] = (),
        formats: ArchiveFormats | None = None,
        memory: str = SCREEN_MEMORY,
        clock: Clock | None = None,
        holdings: Kept | None = None,
        sessions: Callable[[Sources], FlowSession] | None = None,
        busy: Callable[[], bool] = lambda: True,
    ) -> None:
        self.unread: tuple[tuple[str, str], ...] = ()
        self.far = 0
        self._clock = clock or SystemClock()
        self._charts = Charts()
        self._coverage = Coverage()
        self._extents = Extents()
        self._sums = KnownSums()
        self._holdings = holdings or Holdings(paths, formats)
        self._open = sessions or (lambda sources: Session(sources, memory, _LEAVE_ONE if busy() else _ALL_CORES))
        self._version = 0
        self._known: OrderedDict[tuple[str, int], Key] = OrderedDict()
        self._flows: FoundFlows | None = None
        self._running: FlowSession | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give the files back."""
        self._holdings.close()

    def rest(self) -> None:
        """Give back the memory that only a further question would need: none is expected soon."""
        self._holdings.forget(everything=True)
        give_back()

    def cancel(self) -> None:
        """Give up the question that is being answered, if there is one: it raises Interrupted. From any thread."""
        with self._lock:
            if self._running is not None:
                self._running.interrupt()

    def progress(self) -> float:
        """Percent of the running statement, negative where unknown. From any thread."""
        with self._lock:
            return -1.0 if self._running is None else self._running.progress()

    def extent(self) -> TimeRange | None:
        """From the first flow to the last one, in whole seconds; None without flows.

        Of a store only the first and the last hour are looked at, and what is not sealed yet; `far` counts the records
        there whose times do not count because they are too far from when they were received.
        """
        with self._session() as session:
            edges = self._extents.find(session)
        self.far = edges.far
        return edges.range

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """Answer a request whose `within` is set.

        Raises:
            KeyError: there is no such view.
            Interrupted: the question was cancelled.
            NftuiError: it cannot be answered.
        """
        within = request.within
        assert within is not None
        with self._session(within) as session:
            question = Question(session, within, request.filter, request.scaled)
            unfiltered = self._sums.find(question.without_filter())
            matched = unfiltered if request.filter is None else self._sums.find(question)
            if request.view == FLOW_VIEW:
                return self._flow_list(request, question, matched, unfiltered)
            if request.view == CONVERSATION_VIEW:
                return self._conversations(request, question, matched, unfiltered)
            return self._groups(request, question, matched, unfiltered)

    def timeline(self, request: TimelineRequest) -> Timeline:
        """Answer a request for a chart.

        Raises:
            KeyError: there are no such layers or no such measure.
            Interrupted: the question was cancelled.
            NftuiError: it cannot be answered.
        """
        scale = scale_of(request.within, request.buckets)
        with self._session(scale.range) as session:
            labels, values = self._charts.draw(session, request, scale)
            covered, lost = self._coverage.draw(session, scale.start_ms, scale.step_ms, scale.count)
        end_ms = max(scale.start_ms, min(scale.range.end_ms, self._clock.now_ms()))
        return Timeline(request, scale.start_ms, scale.step_ms, labels, values, covered, lost, end_ms)

    def changes(self, request: LiveRequest, before: TimeRange) -> Changes:
        """Compare the groups of a view in `request.within` with those in another range.

        Raises as `snapshot`, and UsageError for views whose rows are no groups of flows by a key of their own.
        """
        within = request.within
        assert within is not None
        if request.view in INCOMPARABLE:
            raise UsageError(f"{INCOMPARABLE[request.view]}; compare {', '.join(TALKER_VIEWS)} or a statistic")
        view = stored_view(request.view)
        with self._session(within, before) as session:
            one = Question(session, within, request.filter, request.scaled)
            other = Question(session, before, request.filter, request.scaled)
            found = compare(one, other, view, request.sort, max(1, request.limit))
            now, then = self._totals(one), self._totals(other)
            parts = [self._coverage.draw(session, time.start_ms, time.length_ms, 1)[0] for time in (within, before)]
        words = view.words(found.keys)
        numbers = self._remember(request.view, view.identity.keys(words), found.keys)
        return Changes(
            request=request,
            before=before,
            measure=found.measure,
            columns=(*(column.spec for column in view.talker.columns), *change_columns(found.measure)),
            values={**{column.spec.name: column.write(words) for column in view.talker.columns}, **found.values},
            keys=numbers,
            rows_total=sum(tally.groups for tally in found.tallies.values()),
            tallies=found.tallies,
            now=now,
            then=then,
            exact=found.exact,
            covered=float(parts[0][0]),
            covered_then=float(parts[1][0]),
        )

    def _totals(self, question: Question) -> Totals:
        """Sums over the flows of a question, and over all flows of its range."""
        seconds = seconds_of(question.within)
        unfiltered = self._sums.find(question.without_filter())
        matched = unfiltered if question.filter is None else self._sums.find(question)
        return Totals(matched.amount(seconds), unfiltered.amount(seconds))

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """The record of a row of the last flow list, as batch and row, or None when it was not in there."""
        row = None if self._flows is None else self._flows.find(key)
        return None if self._flows is None or row is None else (self._flows.batch, row)

    def _groups(self, request: LiveRequest, question: Question, matched: Sums, unfiltered: Sums) -> LiveSnapshot:
        view = stored_view(request.view)
        columns = talker_columns(view.talker)
        sort = request.sort if request.sort in {column.name for column in columns if column.sortable} else "rate"
        limit = max(1, request.limit)
        anchor = None if request.anchor is None else self._known.get((request.view, request.anchor))
        found = rank(question, view, sort, request.descending, limit, request.offset, anchor)
        keys, ranks = found.keys, np.arange(request.offset, request.offset + len(found.keys))
        if anchor is not None and found.anchor is not None and anchor not in keys:
            keys = [*keys[: limit - 1], anchor]
            ranks = np.append(ranks[: limit - 1], found.anchor)
        shown = find_shown(question, view, keys)
        words = view.words(keys)
        numbers = self._remember(request.view, view.identity.keys(words), keys)
        values = group_values(view, words, shown, matched, seconds_of(question.within))
        rows = Rows(numbers, ranks, found.total, values, shown.history)
        return self._snapshot(request, columns, sort, rows, matched, unfiltered, shown.exact)

    def _conversations(self, request: LiveRequest, question: Question, matched: Sums, unfiltered: Sums) -> LiveSnapshot:
        names = {column.name for column in CONVERSATION_COLUMNS if column.sortable}
        sort = request.sort if request.sort in names else "rate"
        anchor = None if request.anchor is None else self._known.get((request.view, request.anchor))
        found = find_conversations(question, sort, request.descending, max(1, request.limit), request.offset, anchor)
        words, numbers = conversation_words(found.keys)
        self._remember(request.view, numbers, found.keys)
        values = conversation_values(found, words, matched, seconds_of(question.within))
        rows = Rows(numbers, found.ranks, found.total, values, np.zeros((0, 0)))
        return self._snapshot(request, CONVERSATION_COLUMNS, sort, rows, matched, unfiltered, True)

    def _flow_list(self, request: LiveRequest, question: Question, matched: Sums, unfiltered: Sums) -> LiveSnapshot:
        columns = flow_columns(request.fields)
        names = [column.name for column in columns if column.sortable]
        sort = request.sort if request.sort in names else names[0]
        limit = max(1, request.limit)
        offset = max(0, min(request.offset, matched.records - limit))
        anchor = self._flows.only(request.anchor) if self._flows and request.anchor is not None else None
        found = self._flows = find_flows(question, sort, request.descending, limit, offset, anchor)
        values = flow_values(found.batch, request.fields, request.scaled)
        rows = Rows(found.keys, found.ranks, matched.records, values, np.zeros((0, 0)))
        return self._snapshot(request, columns, sort, rows, matched, unfiltered, True)

    def _snapshot(
        self,
        request: LiveRequest,
        columns: tuple[ColumnSpec, ...],
        sort: str,
        rows: Rows,
        matched: Sums,
        unfiltered: Sums,
        exact: bool,
    ) -> LiveSnapshot:
        assert request.within is not None
        self._version += 1
        seconds = seconds_of(request.within)
        return LiveSnapshot(
            request=request,
            version=self._version,
            now_ms=request.within.end_ms,
            window_seconds=seconds,
            covered_seconds=seconds,
            columns=columns,
            sort=sort,
            values=rows.values,
            keys=rows.keys,
            ranks=rows.ranks,
            rows_total=rows.total,
            history=rows.history,
            total=Totals(matched.amount(seconds), unfiltered.amount(seconds)),
            series=Series(),
            exact=exact,
        )

    def _remember(self, view: str, numbers: NDArray[np.uint64], keys: Sequence[Key]) -> NDArray[np.uint64]:
        """Remember what numbers stand for, so that they can be anchors; returns them."""
        for number, key in zip(numbers.tolist(), keys, strict=True):
            self._known[(view, number)] = key
            self._known.move_to_end((view, number))
        while len(self._known) > _KNOWN_KEYS:
            self._known.popitem(last=False)
        return numbers

    @contextmanager
    def _session(self, *ranges: TimeRange) -> Iterator[FlowSession]:
        session = self._open(self._holdings.sources(*ranges))
        session.spare_memory()
        with self._lock:
            self._running = session
        try:
            with named_errors():
                yield session
        finally:
            with self._lock:
                self._running = None
            self.unread = tuple(session.sources.skipped)
            self._holdings.remember(self.unread)
            session.close()
            self._holdings.forget()
            give_back(_GIVE_BACK_SECONDS)
