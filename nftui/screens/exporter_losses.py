"""Where flows of an exporter were lost, minute by minute, and its datagrams that could not be decoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nftui.screens.exporter_words import clock, moment
from nftui.text import counted
from nftui.widgets.hexdump import hexdump
from nftui.widgets.minute_bars import bars, squeeze
from nftui.widgets.pager import Line, heading, plain
from nftui.widgets.ribbon import Role

if TYPE_CHECKING:
    from nftui.engine.decode.status import RejectedDatagram
    from nftui.engine.losses import Losses
    from nftui.engine.minutes import Minutes

_LABEL = 22
_AMOUNT = 11

_ROWS: tuple[tuple[str, str, Role], ...] = (
    ("datagrams", "datagrams", "dim"), ("flows", "flows", "dim"), ("lost", "lost by its numbers", "bad"),
    ("reordered", "came late", "warn"), ("duplicates", "came twice", "warn"), ("restarts", "began anew", "warn"),
    ("rejected", "not decoded", "warn"), ("waited", "waited for a template", "warn"),
)  # fmt: skip
_COLLECTOR_ROWS: tuple[tuple[str, str, Role], ...] = (
    ("datagrams", "datagrams", "dim"), ("kernel", "dropped by the kernel", "bad"),
    ("oversize", "too large", "bad"), ("over rate", "above --rate-limit", "bad"), ("failed", "flows not stored", "bad"),
)  # fmt: skip


def losses(found: Losses, width: int, ascii_only: bool = False) -> list[Line]:
    """Two timelines under each other with one axis: what its numbers say is missing, and what was dropped here."""
    minutes = max(len(found.exporter), len(found.collector))
    if not minutes:
        return [plain("Nothing was counted yet: figures are kept by the minute.", "dim")]
    cells = max(10, width - _LABEL - _AMOUNT - 3)
    lines = [heading("This exporter")]
    lines += [_row(found.exporter, minutes, cells, ascii_only, *row) for row in _ROWS]
    lines += [Line(), heading("This collector, all exporters together")]
    lines += [_row(found.collector, minutes, cells, ascii_only, *row) for row in _COLLECTOR_ROWS]
    lines.append(_axis(found, minutes, cells))
    return [*lines, Line(), *verdict(found)]


def verdict(found: Losses) -> list[Line]:
    """Whether the gaps fall together with drops here, in words."""
    lost, dropped = _amounts(found.exporter, "lost"), _amounts(found.collector, "kernel")
    gaps = sum(amount > 0 for amount in lost)
    if not gaps:
        words = "No gap in its sequence numbers."
        if any(dropped):
            words += " What the kernel dropped was of others, or came before a number could tell."
        return [plain(words, "good" if not any(dropped) else "warn")]
    together = sum(a > 0 and b > 0 for a, b in zip(reversed(lost), reversed(dropped), strict=False))
    minutes = counted(gaps, "minute")
    if together:
        words = f"In {together} of {minutes} with gaps the kernel dropped datagrams, too: its buffer is too small."
    else:
        words = f"{minutes} with gaps, and the kernel dropped nothing then: lost on the way, or by the exporter."
    return [plain(words, "bad")]


def _amounts(minutes: Minutes, name: str) -> tuple[int, ...]:
    return minutes.figures.get(name, ())


def _row(minutes: Minutes, most: int, cells: int, ascii_only: bool, name: str, label: str, role: Role) -> Line:
    amounts = (0,) * (most - len(minutes)) + (_amounts(minutes, name) or (0,) * len(minutes))
    total = sum(amounts)
    shown: Role = role if total else "dim"
    drawn = bars(amounts, cells, ascii_only)
    return Line(((f"{label:<{_LABEL}}", "dim"), (f"{total:>{_AMOUNT},}  ", shown), (drawn, shown)), rigid=True)


def _axis(found: Losses, minutes: int, cells: int) -> Line:
    longest = found.exporter if len(found.exporter) >= len(found.collector) else found.collector
    groups = len(squeeze((0,) * minutes, cells))
    first = clock(longest.start_ms, seconds=False)
    text = f"{first}{'now':>{groups - len(first)}}" if groups > len(first) + 4 else first
    return Line(((" " * (_LABEL + _AMOUNT + 2), "dim"), (text, "dim")), rigid=True)


def rejected(found: Sequence[RejectedDatagram], width: int, hidden: bool = False) -> list[Line]:
    """The latest datagrams that could not be decoded, with their bytes.

    Args:
        found: the latest first.
        width: cells of the terminal.
        hidden: addresses are hidden: bytes would show them.
    """
    if not found:
        return [plain("Every datagram could be decoded.", "good")]
    lines = []
    for item in found:
        data = bytes.fromhex(item.data)
        lines.append(Line(((moment(item.received_ms), "strong"), (f"  {item.reason}", "warn"),
                           (f"  {counted(item.length, 'byte')} from port {item.port}", "plain")), 2))  # fmt: skip
        lines += [plain("  bytes are not shown while addresses are hidden", "dim")] if hidden else hexdump(data, width)
        if not hidden and len(data) < item.length:
            lines.append(plain(f"      {item.length - len(data):,} more were not kept", "dim"))
        lines.append(Line())
    return lines
