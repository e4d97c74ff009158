"""Rows that do not dance: a damped order, or one that is held, while values go on.

Values that hover around each other would make their rows change places at every refresh. A row is ordered by its
score: the value it had when the scores were last renewed, until the value has moved away from it by a tenth. All
scores are renewed together every few seconds, so that the order is never further behind than that. Equal scores are
in order of the rows' keys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import LiveSnapshot

MARGIN = 0.1
"""A value this part away from its score gives the row a new one at once."""

RENEWED_MS = 3000
"""All scores are renewed after this time."""

_FADING = 0.5
"""A row without a new flow for this part of the window is drawn as out of date."""


@dataclass(frozen=True, slots=True)
class Steady:
    """A snapshot in the order in which it is shown.

    Attributes:
        snapshot: rows in that order.
        stale: bool[rows], rows that are out of date: no flow for half the window, or no longer in the answer.
        gone: rows of a held order that are no longer in the answer.
        new: rows that would stand among those of a held order.
    """

    snapshot: LiveSnapshot
    stale: NDArray[np.bool_]
    gone: int = 0
    new: int = 0


class Steadiness:
    """Orders one snapshot after the other.

    Attributes:
        held: the order stays as it is, rows neither come nor go.
    """

    def __init__(self) -> None:
        self.held = False
        self._question: tuple[Any, ...] = ()
        self._keys: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._scores: NDArray[np.float64] = np.zeros(0)
        self._renewed_ms = 0
        self._shown: LiveSnapshot | None = None

    def order(self, snapshot: LiveSnapshot) -> Steady:
        """The snapshot in the order to show it in."""
        request = snapshot.request
        question = (request.view, request.filter, request.within, snapshot.sort, request.descending, request.scaled)
        if question[:3] != self._question[:3]:
            self.held = False
        again, self._question = question == self._question, question
        if self.held and self._shown is not None:
            return self._hold(self._shown, snapshot)
        if not again:
            self._keys, self._scores = np.zeros(0, np.uint64), np.zeros(0)
        ordered = self._damp(snapshot)
        self._shown = ordered
        return Steady(ordered, _fading(ordered))

    def _damp(self, snapshot: LiveSnapshot) -> LiveSnapshot:
        values = snapshot.values.get(snapshot.sort)
        request = snapshot.request
        moving = request.within is None and request.view != "flows" and isinstance(values, np.ndarray)
        if not moving or not len(snapshot) or int(snapshot.ranks[-1]) != len(snapshot) - 1:
            return snapshot
        scores = np.asarray(values, np.float64)
        if snapshot.now_ms - self._renewed_ms < RENEWED_MS and len(self._keys):
            scores = damped(snapshot.keys, scores, self._keys, self._scores)
        else:
            self._renewed_ms = snapshot.now_ms
        order = np.argsort(snapshot.keys)
        self._keys, self._scores = snapshot.keys[order], scores[order]
        return arranged(snapshot, np.lexsort((snapshot.keys, -scores if request.descending else scores)))

    def _hold(self, shown: LiveSnapshot, snapshot: LiveSnapshot) -> Steady:
        """The rows that were shown, with new values where there are any."""
        order = np.argsort(snapshot.keys)
        places = np.searchsorted(snapshot.keys, shown.keys, sorter=order)
        places = order[np.minimum(places, max(0, len(order) - 1))] if len(order) else np.zeros(len(shown), np.int64)
        present = snapshot.keys[places] == shown.keys if len(order) else np.zeros(len(shown), np.bool_)
        values: dict[str, NDArray[Any] | list[str]] = {}
        for name, fresh in snapshot.values.items():
            old = shown.values.get(name)
            if isinstance(fresh, list):
                kept = old if isinstance(old, list) else [""] * len(shown)
                values[name] = [fresh[p] if here else k for p, here, k in zip(places, present, kept, strict=True)]
            else:
                kept_values = old if isinstance(old, np.ndarray) else np.zeros(len(shown))
                values[name] = np.where(present, fresh[places], kept_values) if len(fresh) else kept_values
        history = shown.history
        if history.size and snapshot.history.size:
            history = np.where(present[:, None], snapshot.history[places], history)
        now = replace(
            snapshot,
            values=values,
            keys=shown.keys,
            ranks=np.arange(len(shown)),
            rows_total=len(shown),
            history=history,
        )
        self._shown = now
        gone = int(np.count_nonzero(~present))
        first = snapshot.keys[snapshot.ranks < len(shown)]
        new = len(first) - int(np.count_nonzero(np.isin(first, shown.keys)))
        return Steady(now, _fading(now) | ~present, gone, new)


def damped(
    keys: NDArray[np.uint64], values: NDArray[np.float64], known: NDArray[np.uint64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Scores of rows: the one before for a value near it, else the value.

    Args:
        keys: of the rows.
        values: of the rows.
        known: keys of rows that had a score, ascending.
        scores: their scores.
    """
    places = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    old = scores[places]
    near = (known[places] == keys) & (np.abs(values - old) <= MARGIN * np.abs(old))
    return np.where(near, old, values)


def arranged(snapshot: LiveSnapshot, order: NDArray[np.intp]) -> LiveSnapshot:
    """The snapshot with its rows in another order."""
    values = {
        name: [column[i] for i in order.tolist()] if isinstance(column, list) else column[order]
        for name, column in snapshot.values.items()
    }
    history = snapshot.history[order] if snapshot.history.size else snapshot.history
    return replace(snapshot, values=values, keys=snapshot.keys[order], history=history)


def _fading(snapshot: LiveSnapshot) -> NDArray[np.bool_]:
    seen = snapshot.values.get("seen")
    if snapshot.request.within is not None or not isinstance(seen, np.ndarray):
        return np.zeros(len(snapshot), np.bool_)
    return np.asarray(seen < snapshot.now_ms - snapshot.window_seconds * 1000 * _FADING)
