"""From counters to the health strip: totals, and colour for what happened in the last minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from nftui.engine.counters import total
from nftui.screens.source import SourceHealth
from nftui.text import compact
from nftui.widgets.health_strip import Indicator

_WINDOW = 60.0
_RATE_WINDOW = 3.0
_LOW_DISK = 2 << 30

_LOSSES: tuple[tuple[str, tuple[str, ...], str, int], ...] = (
    # name, counters, level when it happened in the last minute, rank
    ("drops", ("kernel.dropped", "datagrams.dropped.queue_full", "datagrams.dropped.oversize"), "bad", 1),
    ("gaps", ("sequence.lost",), "bad", 2),
    ("no template", ("sets.waiting_expired", "sets.waiting_overflow"), "warn", 4),
    ("rejected", ("datagrams.rejected", "records.skipped", "sets.bad_length", "templates.rejected"), "warn", 5),
    ("refused", ("datagrams.dropped.not_allowed",), "warn", 3),
    ("failed", ("flows.failed", "decoder_bug"), "bad", 6),
)


class HealthWatch:
    """Remembers a minute of counters."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, dict[str, int]]] = deque()

    def indicators(self, health: SourceHealth, now: float) -> list[Indicator]:
        """Figures of the strip.

        Args:
            health: state now.
            now: monotonic seconds.
        """
        sums = {name: sum(total(health.counts, c) for c in counters) for name, counters, _, _ in _LOSSES}
        sums["received"] = health.counts.get("datagrams.received", 0)
        self._seen.append((now, sums))
        while len(self._seen) > 1 and self._seen[1][0] <= now - _WINDOW:
            self._seen.popleft()
        before = self._seen[0][1]
        found = [Indicator("rx", f"{compact(self._rate(now))}/s", "info", 0)]
        for name, _, level, rank in _LOSSES:
            recent = sums[name] - before.get(name, 0)
            if recent:
                found.append(Indicator(name, f"{compact(sums[name])} (+{compact(recent)})", level, rank))  # type: ignore[arg-type]
            elif name in {"drops", "gaps"} or sums[name]:
                found.append(Indicator(name, compact(sums[name]), "quiet", rank))
        if waiting := health.counts.get("sets.waiting_now", 0):
            found.append(Indicator("waiting", f"{waiting} sets", "warn", 4))
        found.append(_queue(health))
        if health.disk_free is not None:
            low = health.disk_free < _LOW_DISK
            found.append(Indicator("disk", f"{compact(health.disk_free)}B free", "bad" if low else "quiet", 3))
        return found

    def _rate(self, now: float) -> float:
        """Datagrams per second over the last seconds."""
        latest = self._seen[-1]
        base = next((entry for entry in reversed(self._seen) if entry[0] <= now - _RATE_WINDOW), self._seen[0])
        span = latest[0] - base[0]
        return (latest[1]["received"] - base[1]["received"]) / span if span > 0 else 0.0


def _queue(health: SourceHealth) -> Indicator:
    level = "bad" if health.waiting > 0.9 else "warn" if health.waiting > 0.5 else "quiet"
    return Indicator("queue", f"{health.waiting:.0%}", level, 6)  # type: ignore[arg-type]


def flows_seen(counts: Mapping[str, int]) -> int:
    """Flows taken in since the start."""
    return counts.get("flows.in", 0)
