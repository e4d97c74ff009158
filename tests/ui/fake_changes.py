"""What changed between two snapshots of the live window: plain arithmetic over their rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nftui.engine.history.changes import KINDS, Changes, Tally, change_columns
from nftui.engine.history.values import TimeRange
from nftui.engine.live.snapshot import LiveRequest, LiveSnapshot, Totals


def changes_between(now: LiveSnapshot, then: LiveSnapshot, request: LiveRequest, before: TimeRange) -> Changes:
    """Compare all rows of two snapshots of a view, ordered by the change of their bit rates."""
    keys = [spec for spec in now.columns if isinstance((now.values | then.values)[spec.name], list)]
    rows: dict[int, dict[str, Any]] = {}
    numbers: dict[tuple[Any, ...], int] = {}  # windows number their groups each in their own way
    for snapshot, column in ((then, "before"), (now, "now")):
        seconds = _seconds(snapshot)
        for row in range(len(snapshot)):
            key = {spec.name: snapshot.values[spec.name][row] for spec in keys}
            found = rows.setdefault(numbers.setdefault(tuple(key.values()), len(numbers)), key)
            found[column] = 8 * float(snapshot.values["bytes"][row]) / seconds
    for values in rows.values():
        n, b = values.setdefault("now", 0.0), values.setdefault("before", 0.0)
        values["difference"] = n - b
        values["change"] = KINDS[0 if not b else 1 if not n else 2 if n > b else 3 if n < b else 4]
    whole = sum(abs(values["difference"]) for values in rows.values()) or 1.0
    order = sorted(rows, key=lambda key: -abs(rows[key]["difference"]))[: request.limit]
    columns = (*keys, *change_columns("rate"))
    listed: dict[str, Any] = {}
    for spec in columns:
        column = [rows[k].get(spec.name, 100 * abs(rows[k]["difference"]) / whole) for k in order]
        listed[spec.name] = column if isinstance(column[:1] and column[0], str) else np.array(column, np.float64)
    kinds = {
        kind: Tally(len(kept := [v for v in rows.values() if v["change"] == kind]), sum(v["difference"] for v in kept))
        for kind in KINDS
    }
    asked = replace(request, sort="rate")
    return Changes(asked, before, "rate", columns, listed, np.array(order, np.uint64), len(rows), kinds, _totals(now),
                   _totals(then))  # fmt: skip


def _seconds(snapshot: LiveSnapshot) -> float:
    assert snapshot.request.within is not None
    return snapshot.request.within.length_ms / 1000


def _totals(snapshot: LiveSnapshot) -> Totals:
    """Rates over the range: to the live window all of its flows came at once."""
    matched, seconds = snapshot.total.matched, _seconds(snapshot)
    return replace(snapshot.total, matched=replace(matched, bits_per_second=8 * matched.bytes / seconds))
