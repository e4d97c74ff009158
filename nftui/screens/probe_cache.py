"""The flow cache as a table: flows in progress, and when and why each will end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nftui.probe.timeouts import Reason, reason_name
from nftui.text import address, protocol
from nftui.widgets.table_layout import Column, TableData, count_cell, plain_cell

if TYPE_CHECKING:
    from nftui.probe.cache import CacheEntry, CacheSnapshot
    from nftui.probe.timeouts import Timeouts


def _time(seconds: float, width: int) -> str:  # noqa: ARG001
    """Seconds as `4.2s`, `75s`, `12m`, `3h` or `2d`."""
    for limit, size, unit in ((10, 0, "s"), (600, 1, "s"), (36_000, 60, "m"), (864_000, 3600, "h")):
        if seconds < limit:
            return f"{seconds:.1f}s" if not size else f"{seconds / size:.0f}{unit}"
    return f"{seconds / 86_400:.0f}d"


def _left(seconds: float, width: int) -> str:
    return "now" if seconds <= 0 else f"{seconds:.0f}s" if seconds < 10 else _time(seconds, width)


CACHE_COLUMNS: tuple[Column, ...] = (
    Column("expires", "Ends in", 7, _left, "right"),
    Column("reason", "Reason", 8, plain_cell, role="dim", rank=5, sortable=False),
    Column("proto", "Proto", 5, plain_cell, role="dim", sortable=False),
    Column("lower", "Lower end", 15, plain_cell, grow=30, role="key", sortable=False),
    Column("upper", "Upper end", 15, plain_cell, grow=30, role="key", sortable=False),
    Column("packets", "Packets", 7, count_cell, "right"),
    Column("octets", "Octets", 7, count_cell, "right"),
    Column("age", "Age", 6, _time, "right", rank=3),
    Column("idle", "Idle", 6, _time, "right", rank=4),
    Column("process", "Process", 12, plain_cell, role="dim", rank=6, sortable=False),
)


def cache_columns(processes: bool) -> tuple[Column, ...]:
    """The columns; that of local processes only where the probe names them."""
    return CACHE_COLUMNS if processes else CACHE_COLUMNS[:-1]


def cache_data(cache: CacheSnapshot, timeouts: Timeouts, sort: str, descending: bool) -> TableData:
    """The rows in the order of a column; among equals, next to expire first."""
    order: Callable[[dict[str, Any]], Any] = lambda row: row[sort]  # noqa: E731
    rows = [_row(entry, cache.now_ms, timeouts) for entry in cache.entries]
    rows.sort(key=order, reverse=descending)
    names = [column.name for column in CACHE_COLUMNS]
    return TableData([row["key"] for row in rows], {name: [row[name] for row in rows] for name in names})


def _row(entry: CacheEntry, now_ms: int, timeouts: Timeouts) -> dict[str, Any]:
    return {
        "key": entry.sequence,
        "expires": max(0, entry.expires - now_ms // 1000),
        "reason": _reason(entry, timeouts),
        "proto": protocol(entry.proto),
        "lower": _end(entry, 0),
        "upper": _end(entry, 1),
        "packets": sum(entry.packets),
        "octets": sum(entry.octets),
        "age": entry.age_seconds(now_ms),
        "idle": entry.idle_seconds(now_ms),
        "process": entry.process,
    }


def _reason(entry: CacheEntry, timeouts: Timeouts) -> str:
    """Why it will end: the longest life of a flow comes first where that is over before the wait for a packet."""
    if timeouts.lifetime and entry.expires >= entry.start_ms // 1000 + timeouts.lifetime:
        return "active" if timeouts.lifetime == timeouts.active else reason_name(Reason.MAXLIFE)
    return "2 GiB" if entry.reason is Reason.OVERBYTES else reason_name(entry.reason)


def _end(entry: CacheEntry, side: int) -> str:
    """Address and port, `192.0.2.1:53` or `[2001:db8::1]:53`; the type and code of ICMP stand as a port."""
    text = address(entry.address[side])
    return f"[{text}]:{entry.port[side]}" if ":" in text else f"{text}:{entry.port[side]}"
