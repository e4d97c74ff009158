"""The `nftui dump` command line that gives what a table shows."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nftui.screens.navigation import Place
from nftui.screens.views import CONVERSATIONS, STATISTIC

if TYPE_CHECKING:
    from nftui.engine.history.values import TimeRange

_STATISTICS = {"host": "ip", "port": "port:p", "proto": "proto", "as": "as", "exporter": "router", "interface": "if"}
"""Views and the statistics that count the same; `if` adds up interfaces of one number over all exporters."""

_AGGREGATIONS = {
    "pair": ("-A", "srcip,dstip"),
    "flow": ("-A", "proto,srcip,srcport,dstip,dstport"),
    CONVERSATIONS: ("-B", "--initiator"),
}

_ORDERS = {
    "rate": "bytes", "share": "bytes", "bytes": "bytes", "packet_rate": "packets", "packets": "packets",
    "flow_rate": "flows", "flows": "flows",
}  # fmt: skip
"""Columns and the orders of sums: over one range, rates are in the order of the sums."""

_LIST_ORDERS = {"time_received_ms": "tend", "duration": "duration", "rate": "bps", "seen": "tend"}


def dump_command(place: Place, paths: Sequence[str], sort: str, rows: int, scaled: bool, live_seconds: float) -> str:
    """A command line for a shell.

    Args:
        place: view, filter and range.
        paths: where the flows are stored; none for the default store.
        sort: column that orders the rows.
        rows: how many are seen; 0 for all.
        scaled: sampling is applied.
        live_seconds: length of the live window, for a place without a range.
    """
    words = ["nftui", "dump"]
    for path in paths:
        words += ["-r", path]
    words += (
        ["-t", f"-{round(live_seconds)}s"] if place.within is None else ["--utc", "-t", written_range(place.within)]
    )
    words += _what(place, sort)
    words += ["-n", str(rows)]
    if not scaled:
        words.append("--unscaled")
    if place.filter.strip():
        words.append(place.filter.strip())
    return shlex.join(words)


def stored_paths(root: str) -> list[str]:
    """What `-r` takes, of what a source says that its flows are stored in."""
    return [path for path in root.split(", ") if path]


def _what(place: Place, sort: str) -> list[str]:
    """View and order."""
    ascending = "" if place.descending else ":a"
    statistic = _STATISTICS.get(place.view)
    if place.view.startswith(STATISTIC):
        statistic = place.view.removeprefix(STATISTIC)
    if statistic is not None:
        return ["-s", f"{statistic}/{_ORDERS.get(sort, 'bytes')}{ascending}"]
    order = _LIST_ORDERS.get(sort) if place.view == "flows" else None
    return [*_AGGREGATIONS.get(place.view, ()), "-O", f"{order or _ORDERS.get(sort, 'bytes')}{ascending}"]


def written_range(within: TimeRange) -> str:
    """A range as `-t` takes it with `--utc`."""
    return f"{_moment(within.start_ms)}..{_moment(within.end_ms)}"


def _moment(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    fraction = f".{ms % 1000:03d}" if ms % 1000 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
