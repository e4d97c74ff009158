"""From the columns of a snapshot to the columns of a table: widths, words, units and what leaves first."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

from nftui.text import compact, tcp_flags
from nftui.widgets.table_layout import Column, TableData, bar, plain_cell

if TYPE_CHECKING:
    from nftui.engine.live.snapshot import ColumnSpec, LiveSnapshot
    from nftui.screens.curtain import Curtain

SHARE = "share_bar"
TREND = "trend"
_SPARKS = " ▁▂▃▄▅▆▇█"
_ASCII_SPARKS = " .:-=+*#%"


@dataclass(frozen=True, slots=True)
class Display:
    """How the user wants values written.

    Attributes:
        bits: traffic in bits; False: in bytes.
        names: ports as service names.
        ascii_only: no characters beyond ASCII in charts and bars.
        thrifty: without trends and bars, which change all the time.
        curtain: replaces addresses while it is drawn.
    """

    bits: bool = True
    names: bool = False
    ascii_only: bool = False
    thrifty: bool = False
    curtain: Curtain | None = None


@lru_cache(maxsize=8192)
def service(port: str) -> str:
    """Name of a port in the system's services list, or the port itself."""
    try:
        return socket.getservbyport(int(port))
    except (OSError, ValueError, OverflowError):
        return port


def middle_cut(text: str, width: int) -> str:
    """The text within `width` cells; a longer one keeps its beginning and its end (addresses differ there)."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    tail = width - 2 - head
    return text if width < 4 else f"{text[:head]}..{text[len(text) - tail :]}"


def _address(value: Any, width: int, curtain: Curtain | None = None) -> str:
    return middle_cut(curtain.text(str(value)) if curtain is not None else str(value), width)


def _port(value: Any, width: int, names: bool) -> str:
    text = str(value)
    if names:
        text = service(text)
    return text[:width]


def _missing(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _count(value: Any, width: int, factor: float = 1.0) -> str:  # noqa: ARG001
    if isinstance(value, str):  # a number that is a name, such as an interface: `-` where the record has none
        return value
    return "-" if _missing(value) else compact(float(value) * factor)


def _percent(value: Any, width: int) -> str:  # noqa: ARG001
    return "-" if _missing(value) else f"{value:.1f}"


def _time(value: Any, width: int) -> str:
    if _missing(value):
        return "-"
    moment = datetime.fromtimestamp(float(value) / 1000)
    return moment.strftime("%H:%M:%S") + (f".{moment.microsecond // 1000:03d}" if width >= 12 else "")


def _span(value: Any, width: int) -> str:  # noqa: ARG001
    if _missing(value):
        return "-"
    seconds = float(value)
    if seconds < 100:
        return f"{seconds:.1f}s" if seconds else "0s"
    return f"{seconds / 60:.1f}m" if seconds < 6000 else f"{seconds / 3600:.1f}h"


def _flags(value: Any, width: int) -> str:  # noqa: ARG001
    return value if isinstance(value, str) else tcp_flags(int(value) & 0xFF)


def _bar(value: Any, width: int, ascii_only: bool) -> str:
    return "" if _missing(value) else bar(float(value), width, ascii_only)


def _trend(value: Any, width: int, ascii_only: bool) -> str:
    marks = _ASCII_SPARKS if ascii_only else _SPARKS
    return "".join(marks[level] for level in value[-width:])


_Look = tuple[int, int, Callable[[Any, int], str], Literal["key", "number", "dim", "bar", "faint"]]

_TALKER_RANKS: dict[str, int] = {
    "seen": 9, "tx_bytes": 9, "rx_bytes": 9, "packets": 8, "flows": 7, TREND: 3, "bytes": 5, SHARE: 4, "flow_rate": 6,
    "packet_rate": 2, "tx": 2, "rx": 2, "share": 1, "rate": 1, "opened": 6, "tx_packets": 9, "rx_packets": 9,
}  # fmt: skip
_FLOW_RANKS: dict[str, int] = {
    "out_if": 9, "in_if": 9, "flows": 8, "sampler_address": 7, "rate": 6, "duration": 5, "tcp_flags": 4,
    "time_received_ms": 3, "packets": 2, "bytes": 1,
}  # fmt: skip
"""When a column leaves a narrow screen: the highest first. Key columns never do."""


def table_columns(specs: tuple[ColumnSpec, ...], display: Display, decorated: bool) -> tuple[Column, ...]:
    """Table columns of a snapshot.

    Args:
        specs: columns of the snapshot.
        display: the user's choices.
        decorated: add the trend and the bar that talker views have.
    """
    ranks = _TALKER_RANKS if decorated else _FLOW_RANKS
    columns = [_column(spec, display, ranks) for spec in specs]
    if decorated and not display.thrifty:
        plain = display.ascii_only
        columns.append(Column(TREND, "Trend", 10, partial(_trend, ascii_only=plain), rank=ranks[TREND], role="faint",
                              sortable=False))  # fmt: skip
        columns.append(Column(SHARE, "", 8, partial(_bar, ascii_only=plain), grow=40, rank=ranks[SHARE], role="bar",
                              sortable=False))  # fmt: skip
    return tuple(columns)


_TITLES = {
    "packet_rate": "pkt/s", "flow_rate": "flow/s", "share": "%", "packets": "Pkts", "time_received_ms": "Received",
    "tx_bytes": "TxBytes", "rx_bytes": "RxBytes", "seen": "Seen",
}  # fmt: skip
_SHORT = {"Out bytes": "OutByte", "Back bytes": "BackByte", "Out packets": "OutPkt", "Back packets": "BackPkt"}
"""Titles no wider than what stands below them, by a column's name and by its whole title."""


def _column(spec: ColumnSpec, display: Display, ranks: dict[str, int]) -> Column:
    width, grow, write, role = _look(spec, display)
    title = _SHORT.get(spec.title) or _TITLES.get(spec.name, spec.title)
    if spec.name == "rate":
        title = "bit/s" if display.bits else "B/s"
    align: Literal["left", "right"] = "right" if spec.align == "right" else "left"
    if spec.show.value == "port" and display.names:
        align = "left"
    rank = ranks.get(spec.name, 0 if role == "key" else 3)
    return Column(spec.name, title, max(width, len(title)), write, align, grow, rank, role, spec.sortable)


def _look(spec: ColumnSpec, display: Display) -> _Look:
    show = spec.show.value
    if show == "address":
        return 15, 24, partial(_address, curtain=display.curtain), "key"
    if show == "port":
        return (10 if display.names else 5), 0, partial(_port, names=display.names), "key"
    if show == "protocol":
        return 5, 1, plain_cell, "key"
    if show == "time":
        return 8, 4, _time, "dim"
    if show == "tcp_flags":
        return 8, 0, _flags, "dim"
    if show == "text":
        return 8, 12, plain_cell, "key"
    if spec.unit == "bit/s":
        return 6, 1, partial(_count, factor=1.0 if display.bits else 0.125), "number"
    if spec.unit == "%":
        return 5, 0, _percent, "number"
    if spec.unit == "s":
        return 6, 0, _span, "dim"
    if spec.name in {"as", "if"}:
        return 10, 0, plain_cell, "key"
    return 5, 1, _count, "number"


def table_data(snapshot: LiveSnapshot, stale: Any = ()) -> TableData:
    """Rows of a snapshot, with the columns that `table_columns` adds.

    Args:
        snapshot: rows without a gap in their ranks.
        stale: which of them are out of date, bool[rows].
    """
    values: dict[str, Any] = dict(snapshot.values)
    if snapshot.history.size:
        values[TREND] = _levels(snapshot.history)
    by = snapshot.values.get(snapshot.sort)
    if by is None or isinstance(by, list):
        by = next((snapshot.values[c.name] for c in snapshot.columns if c.unit == "bit/s"), None)
    if by is not None and not isinstance(by, list) and len(by):
        top = float(by.max())
        values[SHARE] = by / top if top > 0 else by * 0.0
    first = int(snapshot.ranks[0]) if len(snapshot) else 0
    return TableData(snapshot.keys, values, first, snapshot.rows_total, stale)  # type: ignore[arg-type]


def _levels(history: Any) -> Any:
    """Each row's history as marks from 0 to 8, of the row's own peak."""
    import numpy as np

    peak = history.max(axis=1, keepdims=True)
    levels = np.ceil(history / np.where(peak > 0, peak, 1) * 8)
    return levels.clip(0, 8).astype(np.int64)
