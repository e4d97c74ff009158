"""Which range a range of time is compared with, and how such ranges are written."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from nftui.engine.history.values import TimeRange

AGAINST: dict[str, str] = {
    "previous": "the time before", "yesterday": "the same time yesterday", "week": "the same time a week before",
    "typed": "a typed time",
}  # fmt: skip
"""Ranges to compare with, each in words."""

_DAYS = {"yesterday": 1, "week": 7}


def other_range(within: TimeRange, against: str, zone: tzinfo | None = None) -> TimeRange:
    """The range to compare with: the one right before, or the one that a calendar has some days before.

    Args:
        within: the range now.
        against: a key of `AGAINST` but `typed`.
        zone: whose clock says what the same time is; None is the machine's. After a change of the clock, the same
            time yesterday is 23 or 25 hours before.
    """
    if against == "previous":
        return TimeRange(within.start_ms - within.length_ms, within.start_ms)
    start = datetime.fromtimestamp(within.start_ms / 1000, zone)
    back = start.replace(tzinfo=None) - timedelta(days=_DAYS[against])
    start_ms = round((back.replace(tzinfo=zone) if zone is not None else back).timestamp() * 1000)
    return TimeRange(start_ms, start_ms + within.length_ms)
