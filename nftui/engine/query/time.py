"""Times and time windows as people write them, in a zone; the store itself knows UTC milliseconds only.

2026/10/01  2026/10/01.12  2026/10/01.12:30  2026/10/01.12:30:15     nfdump
2026-10-01  2026-10-01T12:30  2026-10-01 12:30:15.250  …Z  …+02:00    ISO 8601
12:30  today  yesterday  now  today 14:00  yesterday 23:59:30         by the calendar
-90s  -15m  -1h  -2d  -1w                                             before now
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import Enum

from nftui.errors import UsageError

_NFDUMP = re.compile(r"(\d{4})/(\d\d?)(?:/(\d\d?)(?:\.(\d\d?)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?)?)?")
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(r"(\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?")
_AGO = re.compile(r"-(\d+(?:\.\d+)?)(ms|s|sec|m|min|h|d|w)", re.IGNORECASE)
_UNITS = {
    "ms": 1,
    "s": 1000,
    "sec": 1000,
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_ZONE = re.compile(r"[\w+-]{1,32}(?:/[\w+-]{1,32}){0,3}", re.ASCII)
_EPOCH = re.compile(r"\d{9,13}")


class Mode(Enum):
    """Which flows belong to a window."""

    OVERLAP = "overlap"
    """Any part of the flow lies in it."""
    INSIDE = "inside"
    """All of the flow lies in it; nfdump's rule."""
    START = "start"
    """The flow begins in it."""
    END = "end"
    """The flow ends in it."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, each side optional.

    Attributes:
        start_ms: first millisecond, UTC, or None.
        end_ms: first millisecond after it, UTC, or None.
        first_seconds: instead of times: that many seconds from the start of the data on.
        last_seconds: instead of times: that many seconds before the end of the data.
        mode: which flows belong to it.
    """

    start_ms: int | None = None
    end_ms: int | None = None
    first_seconds: int | None = None
    last_seconds: int | None = None
    mode: Mode = Mode.OVERLAP

    @property
    def relative(self) -> bool:
        """Whether the times depend on the data."""
        return self.first_seconds is not None or self.last_seconds is not None


def zone_of(name: str | None, utc: bool = False) -> tzinfo | None:
    """Time zone for input and output; None stands for the machine's own. Raises UsageError."""
    if utc:
        return UTC
    if name is None:
        return None
    from zoneinfo import ZoneInfo

    try:
        if not _ZONE.fullmatch(name):  # each part may become the import of a package
            raise ValueError
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise UsageError(f"unknown time zone {name!r}: use a name such as Europe/Zurich") from error


def moment(text: str, now_ms: int, zone: tzinfo | None = None) -> int | None:
    """UTC milliseconds of a time as written, or None.

    Args:
        text: see the module's description.
        now_ms: what `now` and relative times refer to.
        zone: zone of times without one; None is the machine's.
    """
    stated = span(text.strip(), now_ms, zone)
    return stated[0] if stated else None


def window(text: str, now_ms: int, zone: tzinfo | None = None, mode: Mode = Mode.OVERLAP) -> Window:
    """A window such as `2026/10/01.12-2026/10/01.14`, `-1h`, `today 14:00..15:00`, `yesterday`, `+10`, `-10`.

    A day given alone, in ISO form or by name, is that day; nfdump's form means from there on, as in nfdump.
    `+n` and `-n` without a unit are nfdump's first and last seconds of the data.

    Raises:
        UsageError: not understood, or it ends before it begins.
    """
    text = text.strip()
    if re.fullmatch(r"\+\d+", text):
        return Window(first_seconds=int(text), mode=mode)
    if re.fullmatch(r"-\d+", text):
        return Window(last_seconds=-int(text), mode=mode)
    if _AGO.fullmatch(text):
        return Window(moment(text, now_ms, zone), None, mode=mode)
    for first, last in _halves(text):
        found = _between(first, last, now_ms, zone, mode)
        if found:
            return found
    single = span(text, now_ms, zone)
    if single is None:
        raise UsageError(
            f"time window {text!r} is not understood: use 2026/10/01.12:00-2026/10/01.13:00, "
            "'2026-10-01T12:00..13:00', -1h, 'today 14:00..15:00' or yesterday"
        )
    whole_day = single[1] - single[0] > 80_000_000 and not _NFDUMP.fullmatch(text)
    return Window(single[0], single[1] if whole_day else None, mode=mode)


def _halves(text: str) -> list[tuple[str, str]]:
    if ".." in text:
        first, _, last = text.partition("..")
        return [(first.strip(), last.strip())]
    return [(text[:i].strip(), text[i + 1 :].strip()) for i, c in enumerate(text) if c == "-" and i > 0]


def _between(first: str, last: str, now_ms: int, zone: tzinfo | None, mode: Mode) -> Window | None:
    start = span(first, now_ms, zone) if first else None
    if first and start is None:
        return None
    if start and _CLOCK.fullmatch(last):
        # "today 14:00..15:00": the second time belongs to the day of the first
        local = datetime.fromtimestamp(start[0] / 1000, UTC).astimezone(zone)
        end = span(f"{local:%Y-%m-%d} {last.zfill(5) if last.count(':') == 1 else last.zfill(8)}", now_ms, zone)
    else:
        end = span(last, now_ms, zone) if last else None
    if (last and end is None) or (start is None and end is None):
        return None
    by_day = end is not None and end[1] - end[0] > 80_000_000 and not _NFDUMP.fullmatch(last)
    start_ms = start[0] if start else None
    end_ms = None if end is None else end[1] if by_day else end[0]
    if start_ms is not None and end_ms is not None and end_ms < start_ms:
        raise UsageError(f"time window {first}..{last} ends before it begins")
    return Window(start_ms, end_ms, mode=mode)


def span(text: str, now_ms: int, zone: tzinfo | None = None) -> tuple[int, int] | None:
    """First millisecond and the first one after the stated time, as precisely as it was stated; None if not a time."""
    if text == "now":
        return now_ms, now_ms
    ago = _AGO.fullmatch(text)
    if ago:
        then = max(0, now_ms - round(float(ago[1]) * _UNITS[ago[2].lower()]))
        return then, then
    if _EPOCH.fullmatch(text):
        value = int(text) * (1 if len(text) > 11 else 1000)
        return value, value
    for pattern in (_ISO, _NFDUMP):
        match = pattern.fullmatch(text)
        if match:
            return _calendar(match, zone)
    return _by_name(text, now_ms, zone)


def _by_name(text: str, now_ms: int, zone: tzinfo | None) -> tuple[int, int] | None:
    day, _, clock = text.rpartition(" ") if _CLOCK.fullmatch(text.rpartition(" ")[2]) else (text, "", "")
    if day.lower() not in {"", "today", "yesterday"} or (not day and not clock):
        return None
    date = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date()
    if day.lower() == "yesterday":
        date -= timedelta(days=1)
    if not clock:
        return _local_ms(date.year, date.month, date.day, zone=zone), _next_day(date.year, date.month, date.day, zone)
    match = _CLOCK.fullmatch(clock)
    assert match is not None
    hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3))
    try:
        start = _local_ms(date.year, date.month, date.day, hour, minute, second, zone=zone)
    except ValueError:
        return None
    return start, start + (1000 if match[3] else 60_000)


def _calendar(match: re.Match[str], zone: tzinfo | None) -> tuple[int, int] | None:
    year, month, day, hour, minute, second, fraction = match.groups()[:7]
    if match.re is _ISO and match[8]:
        offset = match[8].upper().replace(":", "")
        if offset == "Z":
            zone = UTC
        else:
            shift = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:] or 0))
            if shift > timedelta(hours=14):
                return None
            shift = shift if offset[0] == "+" else -shift
            return _calendar_at(year, month, day, hour, minute, second, fraction, UTC, shift)
    return _calendar_at(year, month, day, hour, minute, second, fraction, zone, timedelta())


def _calendar_at(
    year: str, month: str, day: str | None, hour: str | None, minute: str | None, second: str | None,
    fraction: str | None, zone: tzinfo | None, shift: timedelta,
) -> tuple[int, int] | None:  # fmt: skip
    try:
        start = _local_ms(
            int(year), int(month), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), zone=zone
        )
        if day is None:
            return start, start
        if hour is None:
            return start, _next_day(int(year), int(month), int(day), zone)
    except (ValueError, OverflowError):
        return None
    start += int((fraction or "0").ljust(3, "0")[:3]) - round(shift.total_seconds() * 1000)
    return start, start + (1 if fraction else 1000 if second else 60_000 if minute else 3_600_000)


def _next_day(year: int, month: int, day: int, zone: tzinfo | None) -> int:
    following = datetime(year, month, day, tzinfo=UTC) + timedelta(days=1)
    return _local_ms(following.year, following.month, following.day, zone=zone)


def _local_ms(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, *, zone: tzinfo | None
) -> int:
    # Hour 24 is the end of the day, as ISO 8601 has it.
    if hour > 24 or (hour == 24 and (minute or second)):
        raise ValueError(hour)
    local = datetime(year, month, day, hour % 24, minute, second, tzinfo=zone)
    if hour == 24:
        local += timedelta(days=1)
    return round(local.timestamp() * 1000)
