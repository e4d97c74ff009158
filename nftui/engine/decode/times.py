"""Start and end of flows from every kind of time element.

Sources: RFC 7011 section 6.1 (encodings), RFC 7012 / IANA registry (elements 21, 22, 150 to 163, 258, 322 to
325), RFC 3954 section 5.1 (sysUptime). A time relative to the start of the exporter is taken modulo 2^32 ms as
a difference to the header's sysUptime, so that the wrap after 49.7 days does not show.
"""

from __future__ import annotations

import numpy as np

from nftui.engine.batch import Array, Mask
from nftui.engine.decode.datagrams import Ints
from nftui.engine.decode.rows import Rows, spread
from nftui.engine.decode.tally import Tally
from nftui.engine.limits import Limits
from nftui.engine.schema import Quality

_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""
_ABSOLUTE_MS = 1 << 36
"""A 64-bit sysUptime above this (two years) is UTC milliseconds: some devices send that in elements 21 and 22."""
_LATEST = np.uint64(1 << 62)
_DAY_MS = 86_400_000
_MOST_WRAPS = 37
_AHEAD_MS = 300_000
"""A flow may seem to begin so much after its export."""
_UNKNOWN = -1

Times = tuple[Ints, Mask | None]


def _as_int(values: Array) -> Ints:
    wide = values.astype(np.uint64, copy=False)
    return (np.minimum(wide, _LATEST) if int(wide.max()) > 1 << 62 else wide).view(np.int64)


def _from_seconds(values: Array) -> Ints:
    return np.minimum(values.astype(np.uint64), np.uint64(1 << 43)).view(np.int64) * 1000


def _from_ntp(values: Array) -> Ints:
    """Milliseconds of an NTP timestamp; its era is the one between 1968 and 2104 (RFC 4330 section 3)."""
    wide = values.astype(np.uint64)
    seconds = (wide >> np.uint64(32)).astype(np.int64)
    seconds += np.where(seconds >> 31, -_NTP_EPOCH, (1 << 32) - _NTP_EPOCH)
    fraction = (wide & np.uint64(0xFFFFFFFF)).astype(np.int64)
    # To the nearest millisecond: exporters cut decimal times to binary fractions, so that 459.000 comes as 458.999.
    return seconds * 1000 + (fraction * 1000 + (1 << 31) >> 32)


_ABSOLUTE = {
    150: _from_seconds, 151: _from_seconds, 152: _as_int, 153: _as_int, 154: _from_ntp, 155: _from_ntp,
    156: _from_ntp, 157: _from_ntp, 258: _as_int, 322: _from_seconds, 323: _as_int, 324: _from_ntp, 325: _from_ntp,
}  # fmt: skip
_START = (152, 156, 154, 150, 158, 22)
_END = (153, 157, 155, 151, 159, 21)
_EVENT = (323, 325, 324, 322, 258)


def since_boot(switched: Array, uptime: Ints, export_ms: Ints) -> Ints:
    """UTC milliseconds of 32-bit sysUptime values, given the header's sysUptime and UTC at the export.

    A value above the header's by more than 2^31 is from before the counter's wrap. One below it by almost 2^32 is
    from just after the wrap, which the header has yet to see.
    """
    ago = uptime - switched.astype(np.int64)
    ago[ago < -(1 << 31)] += 1 << 32
    ago[ago > (1 << 32) - _AHEAD_MS] -= 1 << 32
    return export_ms - ago


def _unwrapped(rows: Rows, switched: Array) -> Ints:
    """UTC milliseconds of sysUptime values of v5 and v9, the short way if no counter wraps nearby."""
    uptime, export_ms = rows.messages.uptime, rows.messages.export_ms
    highest, lowest = int(switched.max()), int(switched.min())
    if highest - int(uptime.min()) <= 1 << 31 and int(uptime.max()) - lowest <= (1 << 32) - _AHEAD_MS:
        times: Ints = (export_ms - uptime)[rows.message]
        times += switched.astype(np.int64, copy=False)
        return times
    return since_boot(switched, uptime[rows.message], export_ms[rows.message])


def since_init(switched: Array, boot_ms: Ints, export_ms: Ints) -> Ints:
    """UTC milliseconds of 32-bit sysUptime values of an IPFIX exporter, given when its sysUptime was 0.

    IPFIX headers have no sysUptime. A counter that has wrapped shows by a time that is long past, while the same
    value some wraps later lies within the day before the export. Above five years of uptime the value is taken as it
    is: records of a replayed capture are older than that, and any value would fit some wrap.

    A value that would lie in the future is one from before the start, as softflowd sends for the packets of a file.
    """
    times = boot_ms + switched.astype(np.int64)
    ago = export_ms - times
    wraps = (ago + _AHEAD_MS) >> 32
    recent = (wraps > 0) & (wraps <= _MOST_WRAPS) & (ago - (wraps << 32) < _DAY_MS)
    return np.where(recent | (wraps == -1), times + (wraps << 32), times)


def fill_times(rows: Rows, boot_ms: Ints | None, limits: Limits, tally: Tally) -> tuple[Ints, Ints]:
    """Start and end in UTC milliseconds for each row; what had to be repaired is flagged and counted.

    Args:
        rows: registers `time.N`.
        boot_ms: for IPFIX, by row: when the exporter's sysUptime was 0, -1 where unknown; None if never known.
        limits: range of plausible times.
        tally: gets `times.missing`, `times.repaired` and `times.exchanged`.
    """
    received = spread(rows.messages.received_ms, rows.message)
    start = _first(rows, _START, boot_ms)
    end = _first(rows, _END, boot_ms)
    if start is None or end is None or start[1] is not None or end[1] is not None:
        start, end = _complete(rows, start, end, received, tally)
    first, last = _repair(rows, start[0], end[0], received, limits, tally)
    wrong = last < first
    if wrong.any():
        _note(rows, wrong, Quality.END_BEFORE_START, "times.exchanged", tally)
        first, last = np.minimum(first, last), np.maximum(first, last)
    return first, last


def _note(rows: Rows, where: Mask, bit: Quality, name: str, tally: Tally) -> None:
    rows.flag(where, bit)
    tally.many(name, rows.messages.rank[rows.message[where]])


def _first(rows: Rows, elements: tuple[int, ...], boot_ms: Ints | None) -> Times | None:
    """For each row the first of the elements that it has."""
    found: Times | None = None
    for element in elements:
        register = f"time.{element}"
        if register not in rows.values or (found is not None and found[1] is None):
            continue
        mine = _convert(rows, element, rows.values[register], boot_ms)
        valid = rows.valid.get(register)
        if valid is not None:
            mine = (mine[0], valid if mine[1] is None else mine[1] & valid)
        found = mine if found is None else _merge(found, mine)
    return found


def _merge(one: Times | None, other: Times | None) -> Times | None:
    """Where `one` has no value, that of `other`."""
    if one is None or other is None or one[1] is None:
        return other if one is None else one
    values = np.where(one[1], one[0], other[0])
    return values, None if other[1] is None else one[1] | other[1]


def _convert(rows: Rows, element: int, values: Array, boot_ms: Ints | None) -> Times:
    absolute = _ABSOLUTE.get(element)
    if absolute is not None:
        return absolute(values), None
    if element in {158, 159}:  # microseconds before the export time
        export_ms = rows.messages.export_ms[rows.message]
        return (export_ms * 1000 - np.minimum(_as_int(values), 1 << 53)) // 1000, None
    known: Mask | None = None
    narrow = values if values.dtype.itemsize <= 4 or int(values.max()) < 1 << 32 else values & np.uint64(0xFFFFFFFF)
    if rows.messages.version != 10:
        times = _unwrapped(rows, narrow)
    else:
        origin, known = _boot(rows, boot_ms)
        times = since_init(narrow, origin, rows.messages.export_ms[rows.message])
    if narrow is not values:
        wide = values > np.uint64(0xFFFFFFFF)
        large = _as_int(values)
        if rows.messages.version != 10:
            origin = (rows.messages.export_ms - rows.messages.uptime)[rows.message]
        times = np.where(wide, np.where(large >= _ABSOLUTE_MS, large, origin + large), times)
        if known is not None:
            known = known | (large >= _ABSOLUTE_MS)
    return times, known


def _boot(rows: Rows, boot_ms: Ints | None) -> tuple[Ints, Mask | None]:
    """When sysUptime was 0: element 160 of the record, else what options data said."""
    own = rows.values.get("time.160")
    fallback = np.full(rows.length, _UNKNOWN, np.int64) if boot_ms is None else boot_ms
    boot = fallback
    if own is not None:
        valid = rows.valid.get("time.160")
        boot = _as_int(own) if valid is None else np.where(valid, _as_int(own), fallback)
    known = boot > 0
    return boot, None if known.all() else known


def _complete(rows: Rows, start: Times | None, end: Times | None, received: Ints, tally: Tally) -> tuple[Times, Times]:
    """Fill in what is missing: event time, the other end with the duration, at last the time of reception."""
    event = _first(rows, _EVENT, None)
    if event is not None:
        # An event record (NSEL, NAT) may say when the flow began: then the event is its end.
        end = event if end is None else _merge(end, event)
    duration = _duration(rows)
    has_start = _mask(rows, start)
    has_end = _mask(rows, end)
    missing = ~(has_start | has_end)
    if missing.any():
        _note(rows, missing, Quality.TIME_MISSING, "times.missing", tally)
    last = received if end is None else np.where(has_end, end[0], received)
    if end is None or not has_end.all():
        open_end = has_start & ~has_end
        if start is not None:
            last = np.where(open_end, start[0] + duration, last)
    first = last - duration
    if start is not None:
        first = np.where(has_start, start[0], first)
    return (first, None), (last, None)


def _mask(rows: Rows, times: Times | None) -> Mask:
    if times is None:
        return np.zeros(rows.length, np.bool_)
    return np.ones(rows.length, np.bool_) if times[1] is None else times[1]


def _duration(rows: Rows) -> Ints:
    """Milliseconds by elements 161 and 162, or between two sysUptime values of an unknown origin; else 0."""
    out = np.zeros(rows.length, np.int64)
    first, last = rows.values.get("time.22"), rows.values.get("time.21")
    if first is not None and last is not None:
        between = (last.astype(np.uint32) - first.astype(np.uint32)).view(np.int32).astype(np.int64)
        out = np.maximum(between, 0)
    for element, unit in ((162, 1000), (161, 1)):
        values = rows.values.get(f"time.{element}")
        if values is not None:
            amount = np.minimum(_as_int(values) // unit, 1 << 40)
            valid = rows.valid.get(f"time.{element}")
            out = amount if valid is None else np.where(valid, amount, out)
    return out


def _repair(rows: Rows, first: Ints, last: Ints, received: Ints, limits: Limits, tally: Tally) -> tuple[Ints, Ints]:
    """Move times that cannot be to the time of reception; a plausible duration is kept."""
    past, future = 1000 * limits.past_seconds, 1000 * limits.future_seconds
    low, high = int(received.max()) - past, int(received.min()) + future
    if first.min() >= low and first.max() <= high and last.min() >= low and last.max() <= high:
        return first, last
    bad_first = (first < received - past) | (first > received + future)
    bad_last = (last < received - past) | (last > received + future)
    bad = bad_first | bad_last
    if not bad.any():
        return first, last
    _note(rows, bad, Quality.TIME_REPAIRED, "times.repaired", tally)
    both = bad_first & bad_last
    with np.errstate(over="ignore"):
        span = last - first
    span = np.where((span >= 0) & (span <= _DAY_MS), span, 0)
    new_last = np.where(both, received, np.where(bad_last, first, last))
    new_first = np.where(both, received - span, np.where(bad_first, last, first))
    return new_first, new_last
