"""From the engine's health to the strip: totals, and colour for what happened in the last minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nftui.engine.counters import total
from nftui.text import compact, measured, percent
from nftui.widgets.health_strip import Indicator, Level, loudest

if TYPE_CHECKING:
    from nftui.engine.health import Health

_LOW_DISK = 2 << 30
_LOW_DAYS = 3.0

_LOSSES: tuple[tuple[str, tuple[str, ...], Level, int], ...] = (
    # name, counters, level when it happened in the last minute, rank
    ("drops", ("kernel.dropped", "datagrams.dropped.oversize"), "bad", 1),
    ("gaps", ("sequence.lost",), "bad", 2),
    ("no template", ("sets.waiting", "sets.waiting_expired", "sets.waiting_overflow"), "warn", 4),
    ("rejected", ("datagrams.rejected", "records.skipped", "sets.bad_length", "templates.rejected"), "warn", 5),
    ("findings", ("watch.findings",), "warn", 3),
    ("refused", ("datagrams.dropped.not_allowed",), "warn", 3),
    ("failed", ("flows.failed", "decoder_bug"), "bad", 6),
)
_DOORS = {"findings": "watch", "failed": "store", "queue": "store", "disk": "store"}
"""Screen that says more than an indicator, where it is not the exporters'."""
_ALWAYS = frozenset({"drops", "gaps", "no template"})


def indicators(health: Health) -> list[Indicator]:
    """Figures of the strip, the most telling first."""
    found = [Indicator("rx", f"{compact(health.rates.datagrams)} dgram/s", "info", 0)]
    for name, counters, level, rank in _LOSSES:
        amount = sum(total(health.counts, counter) for counter in counters)
        recent = sum(total(health.recent, counter) for counter in counters)
        if recent > 0:
            found.append(Indicator(name, f"{compact(amount)} (+{compact(recent)})", level, rank))
        elif amount or name in _ALWAYS:
            found.append(Indicator(name, compact(amount), "quiet", rank))
    fill = health.queue_fill
    found.append(Indicator("queue", percent(fill), "bad" if fill > 0.9 else "warn" if fill > 0.5 else "quiet", 6))
    found.append(_disk(health))
    return [replace(item, action=_DOORS.get(item.name, item.action)) for item in found]


def worst_door(found: Sequence[Indicator]) -> str:
    """The screen that says more about the loudest indicator; the exporters where all is quiet."""
    found_loudest = loudest(found)
    return found_loudest.action if found_loudest is not None else "exporters"


def _disk(health: Health) -> Indicator:
    if health.store is None:
        return Indicator("disk", "?", "quiet", 3)
    if health.store.error:
        return Indicator("disk", "cannot be written", "bad", 3)
    free, days = health.store.free_bytes, health.days_left
    short = days is not None and days < _LOW_DAYS
    text = f"{measured(free, 'B')} free" if free >= 0 else "?"
    if short and days is not None:
        text += f", full in {days:.1f} d"
    return Indicator("disk", text, "bad" if 0 <= free < _LOW_DISK else "warn" if short else "quiet", 3)
