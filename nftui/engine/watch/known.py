"""The findings so far: the same one seen again goes on, and the number of them is bounded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nftui.engine.watch.finding import Finding

_NEW_AFTER_MS = 600_000
"""A finding that was not seen for so long begins anew when it comes back."""

Identity = tuple[str, str, str]


class Findings:
    """All findings, each once.

    Args:
        most: kept at a time; the one not seen for longest goes first.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[Identity, Finding] = {}
        self._muted: dict[Identity, int] = {}

    def take(self, found: Iterable[Finding]) -> tuple[list[Finding], int]:
        """Add what a moment showed.

        Returns:
            Findings that are new, or come back after a while, and how many old ones were forgotten for them.
        """
        fresh = []
        for finding in found:
            if finding.identity in self._muted:
                continue
            before = self._found.pop(finding.identity, None)
            if before is None or finding.last_ms - before.last_ms > _NEW_AFTER_MS:
                fresh.append(finding)
                self._found[finding.identity] = finding
            else:
                self._found[finding.identity] = _joined(before, finding)
        forgotten = 0
        while len(self._found) > self._most:
            del self._found[next(iter(self._found))]
            forgotten += 1
        return fresh, forgotten

    @property
    def muted(self) -> dict[Identity, int]:
        """Those that are not told any more, with the UTC ms since when."""
        return dict(self._muted)

    def mute(self, identity: Identity, now_ms: int) -> None:
        """Do not tell of this one any more."""
        self._found.pop(identity, None)
        self._muted[identity] = now_ms
        while len(self._muted) > self._most:
            del self._muted[next(iter(self._muted))]

    def tell_all(self) -> int:
        """Tell of everything again; returns how many were muted."""
        count = len(self._muted)
        self._muted.clear()
        return count

    def latest(self) -> tuple[Finding, ...]:
        """All of them, the latest seen first."""
        return tuple(reversed(self._found.values()))


_TOTALS = frozenset({"threshold", "scan", "beacon"})
"""Kinds that tell of the whole so far each time; of the others each moment tells its own flows."""


def _joined(before: Finding, now: Finding) -> Finding:
    if now.kind in _TOTALS:
        return replace(
            now,
            first_ms=min(before.first_ms, now.first_ms),
            flows=max(before.flows, now.flows),
            packets=max(before.packets, now.packets),
            bytes=max(before.bytes, now.bytes),
        )
    return replace(
        now,
        first_ms=min(before.first_ms, now.first_ms),
        flows=before.flows + now.flows,
        packets=before.packets + now.packets,
        bytes=before.bytes + now.bytes,
    )
