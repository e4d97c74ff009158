"""Where a time axis has its marks, and what they say, in the reader's zone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SECONDS = (1, 2, 5, 10, 15, 30, *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)))
_HOURS = (1, 2, 3, 6, 12)
_DAYS = (1, 2, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60)
_WIDTH = 15
"""Columns from one mark to the next, at least."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark.

    Attributes:
        time_ms: UTC.
        label: the time as said there.
    """

    time_ms: int
    label: str


def clock_ticks(start_ms: int, end_ms: int, columns: int, zone: tzinfo | None = None) -> list[Tick]:
    """Marks at round times of the zone's clock or calendar; the first of each day or year says which.

    Args:
        start_ms: UTC, left edge.
        end_ms: UTC, right edge.
        columns: width.
        zone: None is the machine's.
    """
    wanted = (end_ms - start_ms) / 1000 * _WIDTH / max(1, columns)
    for step in _SECONDS:
        if step >= wanted:
            return _clock(_by_seconds(start_ms, end_ms, step, zone), step % _MINUTE > 0, zone)
    for hours in _HOURS:
        if hours * _HOUR >= wanted:
            return _clock(_by_hours(start_ms, end_ms, hours, zone), False, zone)
    for days in _DAYS:
        if days * _DAY >= wanted:
            return _calendar(_by_days(start_ms, end_ms, days, zone), "%b %d", zone)
    months = next((n for n in _MONTHS if n * 28 * _DAY >= wanted), _MONTHS[-1])
    return _calendar(_by_months(start_ms, end_ms, months, zone), "%b", zone)


def ago_ticks(start_ms: int, end_ms: int, columns: int) -> list[Tick]:
    """Marks at round distances before the right edge, which is `now`."""
    wanted = (end_ms - start_ms) / 1000 * _WIDTH / max(1, columns)
    step = next((n for n in (5, *_SECONDS[3:], *(n * _HOUR for n in _HOURS)) if n >= wanted), _DAY)
    marks = range(step, (end_ms - start_ms) // 1000 + 1, step)
    return [Tick(end_ms, "now"), *(Tick(end_ms - n * 1000, _ago(n)) for n in marks)]


def _ago(seconds: int) -> str:
    if seconds % _HOUR == 0:
        return f"-{seconds // _HOUR}h"
    if seconds % _MINUTE == 0:
        return f"-{seconds // _MINUTE}m"
    return f"-{seconds}s" if seconds < _MINUTE else f"-{seconds // _MINUTE}m{seconds % _MINUTE:02d}"


def _local(time_ms: int, zone: tzinfo | None) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone)


def _by_seconds(start_ms: int, end_ms: int, step: int, zone: tzinfo | None) -> Iterator[int]:
    offset = _local(start_ms, zone).utcoffset() or timedelta()
    shift = round(offset.total_seconds())
    first = -(-(start_ms // 1000 + shift) // step) * step - shift
    yield from (n * 1000 for n in range(first, -(-end_ms // 1000), step) if n * 1000 >= start_ms)


def _by_hours(start_ms: int, end_ms: int, step: int, zone: tzinfo | None) -> Iterator[int]:
    day = _local(start_ms, zone).date()
    while (begin := _midnight(day, zone)) is not None and begin < end_ms:
        for hour in range(0, 24, step):
            time_ms = _moment(datetime(day.year, day.month, day.day, hour), zone)
            # An hour that the clock leaps over has no place of its own.
            if start_ms <= time_ms < end_ms and _local(time_ms, zone).hour == hour:
                yield time_ms
        day += timedelta(days=1)


def _by_days(start_ms: int, end_ms: int, step: int, zone: tzinfo | None) -> Iterator[int]:
    day = _local(start_ms, zone).date()
    # Weeks begin on Monday, and so do pairs of them; other days count from the same one.
    day -= timedelta(days=(day.toordinal() - 1) % step)
    while (begin := _midnight(day, zone)) is not None and begin < end_ms:
        if begin >= start_ms:
            yield begin
        day += timedelta(days=step)


def _by_months(start_ms: int, end_ms: int, step: int, zone: tzinfo | None) -> Iterator[int]:
    first = _local(start_ms, zone)
    number = (first.year * 12 + first.month - 1) // step * step
    while number // 12 < 9999:
        time_ms = _midnight(date(number // 12, number % 12 + 1, 1), zone)
        if time_ms is None or time_ms >= end_ms:
            return
        if time_ms >= start_ms:
            yield time_ms
        number += step


def _midnight(day: date, zone: tzinfo | None) -> int | None:
    return _moment(datetime(day.year, day.month, day.day), zone)


def _moment(naive: datetime, zone: tzinfo | None) -> int:
    return round(naive.replace(tzinfo=zone).timestamp() * 1000)


def _clock(times: Iterator[int], seconds: bool, zone: tzinfo | None) -> list[Tick]:
    found = []
    before: date | None = None
    for time_ms in times:
        then = _local(time_ms, zone)
        label = f"{then:%H:%M:%S}" if seconds else f"{then:%H:%M}"
        if before is not None and then.date() != before:
            label = f"{then:%b %d}" if (then.hour, then.minute, then.second) == (0, 0, 0) else f"{then:%b %d} {label}"
        before = then.date()
        found.append(Tick(time_ms, label))
    return found


def _calendar(times: Iterator[int], pattern: str, zone: tzinfo | None) -> list[Tick]:
    found = []
    year = 0
    for time_ms in times:
        then = _local(time_ms, zone)
        found.append(Tick(time_ms, f"{then:{pattern}}" if then.year == year else f"{then:{pattern} %Y}"))
        year = then.year
    return found
