"""Times as the screen writes them, and as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from nftui.engine.history.values import TimeRange
from nftui.engine.query.time import span, window
from nftui.errors import UsageError

_SECOND, _DAY = 1000, 86_400_000
_AGO = re.compile(r"-\d+(?:\.\d+)?[a-z]+", re.IGNORECASE)
EXAMPLES = "14:05   -15m   yesterday   2026-10-01 12:30   12:00..12:30   now"


def local(time_ms: int, zone: tzinfo | None = None) -> datetime:
    """A moment in a zone; None is the machine's."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone)


def zone_name(time_ms: int, zone: tzinfo | None = None) -> str:
    """What the zone is called at that time: `CET`, `UTC`, `+03`."""
    return local(time_ms, zone).tzname() or ""


def length(ms: int) -> str:
    """How long, with at most two units: `5 min`, `1 h 30 min`, `2 d`, `0.25 s`."""
    if ms < 60 * _SECOND:
        return f"{ms / 1000:g} s"
    parts = []
    for size, unit in ((_DAY, "d"), (3_600_000, "h"), (60_000, "min"), (_SECOND, "s")):
        if ms >= size:
            parts.append(f"{ms // size} {unit}")
        ms %= size
    return " ".join(parts[:2])


def moment(time_ms: int, now_ms: int, zone: tzinfo | None = None, seconds: bool = True) -> str:
    """A time without what is the same now: `14:05:00` today, `Oct 01 14:05`, `2025 Oct 01 14:05`."""
    then, now = local(time_ms, zone), local(now_ms, zone)
    clock = f"{then:%H:%M:%S}" if seconds else f"{then:%H:%M}"
    if then.date() == now.date():
        return clock
    return f"{then:%b %d} {clock}" if then.year == now.year else f"{then:%Y %b %d} {clock}"


def written(within: TimeRange, now_ms: int, zone: tzinfo | None = None) -> str:
    """A range: `14:00-14:05`, `Oct 01 23:50 - Oct 02 00:10`, `14:00:05-14:00:06`."""
    seconds = bool(within.start_ms % 60_000 or within.end_ms % 60_000)
    start, end = local(within.start_ms, zone), local(within.end_ms, zone)
    first = moment(within.start_ms, now_ms, zone, seconds)
    if start.date() == end.date():
        return f"{first}-{end:%H:%M:%S}" if seconds else f"{first}-{end:%H:%M}"
    return f"{first} - {moment(within.end_ms, now_ms, zone, seconds)}"


def asked(text: str, now_ms: int, bounds: TimeRange, length_ms: int, zone: tzinfo | None = None) -> TimeRange | None:
    """The range that somebody typed; None for `now`.

    Args:
        text: a time or a range as for `nftui dump -t`; a time alone is as long as it is precise, at least a second.
        now_ms: what relative times refer to.
        bounds: what an open end of a range means.
        length_ms: how long a moment without a length of its own (epoch seconds) is.
        zone: zone of times without one; None is the machine's.

    Raises:
        UsageError: not understood, or all of it lies outside the bounds.
    """
    text = text.strip()
    if text.lower() in {"now", "live", ""}:
        return None
    stated = None if _AGO.fullmatch(text) else span(text, now_ms, zone)
    if stated is not None:
        start, end = stated
        end = max(end, start + _SECOND) if end > start else start + length_ms
    else:
        found = window(text, now_ms, zone)
        if found.relative:
            raise UsageError(f"{text!r} needs a unit: -{text.lstrip('+-')}s, -{text.lstrip('+-')}m, -1h, -2d")
        start = bounds.start_ms if found.start_ms is None else found.start_ms
        end = now_ms if found.end_ms is None else found.end_ms
    if end <= bounds.start_ms or start >= bounds.end_ms:
        raise UsageError(
            f"nothing is stored there: flows are from {moment(bounds.start_ms, now_ms, zone)}"
            f" to {moment(bounds.end_ms, now_ms, zone)}"
        )
    return TimeRange(max(start, bounds.start_ms), max(min(end, bounds.end_ms), bounds.start_ms + 1))
