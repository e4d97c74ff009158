"""Template sets of newcomers in a crowd: kept as they came, and parsed when data need them.

A flood of templates from invented sources is cheap to send and expensive to parse. Once many sessions have never
delivered a flow, the templates of such sessions are only remembered. For the few that do send data nothing changes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from nftui.engine.limits import Limits

_OVERHEAD = 160
"""Bytes that a remembered set costs besides its own."""
_MOST_BYTES = 16 << 10
"""Of one domain; real exporters announce a few hundred bytes."""


class DeferredSet(NamedTuple):
    """A template set: its kind, its content without header, and its reception."""

    options: bool
    raw: bytes
    received_ms: int


class DeferredTemplates:
    """Template sets by domain slot, bounded by `limits.deferred_bytes`; the domain that waits longest gives way."""

    def __init__(self, limits: Limits) -> None:
        self._limit = limits.deferred_bytes
        self._sets: OrderedDict[int, list[DeferredSet]] = OrderedDict()
        self._bytes = 0

    def __contains__(self, slot: int) -> bool:
        return slot in self._sets

    def add(self, slot: int, item: DeferredSet) -> bool:
        """Remember a set; False when its domain has too many. Call `surplus` afterwards."""
        held = self._sets.setdefault(slot, [])
        if item in held:
            return True
        if sum(map(_cost, held)) + _cost(item) > _MOST_BYTES:
            return False
        held.append(item)
        self._bytes += _cost(item)
        return True

    def surplus(self) -> int:
        """Forget what is beyond the limit; returns the number of sets."""
        forgotten = 0
        while self._bytes > self._limit:
            _, items = self._sets.popitem(last=False)
            self._bytes -= sum(map(_cost, items))
            forgotten += len(items)
        return forgotten

    def take(self, slot: int) -> list[DeferredSet]:
        """Remove and return the sets of a domain, in the order of arrival."""
        items = self._sets.pop(slot, [])
        self._bytes -= sum(map(_cost, items))
        return items


def _cost(item: DeferredSet) -> int:
    return len(item.raw) + _OVERHEAD
