"""The live window: who is talking now.

The decode thread gives batches of flows (`LiveWindow.add`, microseconds); a screen's worker thread asks for snapshots
a few times a second. A snapshot processes only the flows that came since the one before, except after a change of
view or filter, when it goes through the window once.

Totals (octets, packets, flows, shares) are those of the flows that arrived in the window, whole and exact: in views
with one key per flow the rows add up to the totals. Rates are octets in the window over the time that it covers, but
flows that lasted longer than the window are replayed at their own pace (`nftui.engine.live.pace`). A group whose flows
are only being replayed has a rate and zero totals.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from nftui.engine.batch import FlowBatch
from nftui.engine.clock import Clock
from nftui.engine.limits import DEFAULT, Limits
from nftui.engine.live.backlog import Backlog
from nftui.engine.live.conversations import Conversations
from nftui.engine.live.flowlist import FlowList
from nftui.engine.live.identified import identified_view
from nftui.engine.live.identity import HASH_BITS, Identity
from nftui.engine.live.matching import Matcher
from nftui.engine.live.snapshot import CONVERSATION_VIEW, FLOW_VIEW, LiveRequest, LiveSnapshot, Totals
from nftui.engine.live.talkers import Talkers
from nftui.engine.live.traffic import Traffic

if TYPE_CHECKING:
    from nftui.engine.query.filters import Filter

_KEPT = 8
"""States of filters and views kept up, a table's and those of the panes beside it; the one not asked for longest goes
first."""

_LARGE = 4
"""States that are not on the screen are given up when all together hold this part of `live_rows` in groups."""

_SHORTEST = 1.0
"""Rates are not taken over less than this, so that the first flows after the start are no giants."""


_Name = TypeVar("_Name")
_State = TypeVar("_State")


class LiveWindow:
    """The flows of the last seconds, ranked on request.

    Thread-safe: `add` from any thread, `snapshot` and `flow` from others; snapshots wait for each other, never `add`
    for a snapshot's work.

    Args:
        clock: gives arrival times.
        limits: `live_rows` and `live_bytes` bound memory.
        seconds: length of the window.
        hash_bits: fewer than 64 only in tests of colliding keys.
    """

    def __init__(self, clock: Clock, limits: Limits = DEFAULT, seconds: int = 30, hash_bits: int = HASH_BITS) -> None:
        self._seconds = seconds
        self._limits = limits
        self._backlog = Backlog(clock, limits, seconds)
        self._hash_bits = hash_bits
        self._colliding: dict[str, Identity] = {}
        self._lock = threading.Lock()
        self._version = 0
        self._traffic: dict[tuple[Filter | None, bool], Traffic] = {}
        self._states: dict[tuple[str, Filter | None, bool], Talkers | FlowList] = {}

    def add(self, batch: FlowBatch) -> None:
        """Take flows that arrived now. The batch must not be changed afterwards."""
        self._backlog.add(batch)

    def flow(self, key: int) -> tuple[FlowBatch, int] | None:
        """The record of a row of the flow list, as batch and row, or None when it has left the window."""
        return self._backlog.flow(key)

    def snapshot(self, request: LiveRequest) -> LiveSnapshot:
        """Answer a request. For a worker thread: takes milliseconds, tenths of a second at the window's limits.

        Raises:
            KeyError: there is no such view.
        """
        with self._lock:
            return self._answer(request)

    def _answer(self, request: LiveRequest) -> LiveSnapshot:
        view = self._backlog.view()
        everything = _recent(self._traffic, (None, request.scaled), lambda: self._sums(request))
        matched = _recent(self._traffic, (request.filter, request.scaled), lambda: self._sums(request))
        state = _recent(self._states, (request.view, request.filter, request.scaled), lambda: self._state(request))
        match = Matcher(request.filter, request.scaled)
        everything.update(view, Matcher(None, request.scaled))
        if matched is not everything:
            matched.update(view, match)
        state.update(view, match)
        if sum(kept.groups for kept in self._states.values()) > self._limits.live_rows // _LARGE:
            self._states = {name: kept for name, kept in self._states.items() if kept is state}

        covered = max(0.0, view.now - view.since)
        seconds = max(covered, _SHORTEST)
        total = Totals(matched.amount(seconds), everything.amount(seconds))
        columns = state.columns(request.fields) if isinstance(state, FlowList) else state.columns()
        names = [column.name for column in columns if column.sortable]
        if isinstance(state, FlowList):
            sort = request.sort if request.sort in names else names[0]
            rows = state.rows(request, sort)
        else:
            sort = request.sort if request.sort in names else "rate"
            rows = state.rows(request, sort, view, total.matched, seconds)
        self._version += 1
        return LiveSnapshot(
            request=request,
            version=self._version,
            now_ms=view.now_ms,
            window_seconds=float(self._seconds),
            covered_seconds=covered,
            columns=columns,
            sort=sort,
            values=rows.values,
            keys=rows.keys,
            ranks=rows.ranks.astype(np.int64),
            rows_total=rows.total,
            history=rows.history,
            total=total,
            series=matched.series(view),
            exact=matched.exact,
        )

    def _sums(self, request: LiveRequest) -> Traffic:
        return Traffic(request.scaled, self._seconds)

    def _state(self, request: LiveRequest) -> Talkers | FlowList:
        if request.view == FLOW_VIEW:
            return FlowList(request.scaled)
        view, identity = identified_view(request.view)
        if self._hash_bits < HASH_BITS:
            identity = self._colliding.setdefault(request.view, Identity(view.words, self._hash_bits))
        kind = Conversations if request.view == CONVERSATION_VIEW else Talkers
        return kind(view, identity, request.scaled, self._seconds, self._limits.live_rows)


def _recent(states: dict[_Name, _State], name: _Name, make: Callable[[], _State]) -> _State:
    """A state by name, made when there is none; only the latest few are kept."""
    state = states.pop(name, None)
    if state is None:
        state = make()
    states[name] = state
    while len(states) > _KEPT:
        del states[next(iter(states))]
    return state
