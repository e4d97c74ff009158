"""The probe's statistics as lines of text: softflowctl's figures, with what changed per second beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from nftui.probe.timeouts import Reason, reason_name
from nftui.text import clean, compact, protocol

if TYPE_CHECKING:
    from nftui.probe.statistics import CaptureStatistics, ProbeStatistics, Spread

_HALF = 37
_GAP = 3
_STEPS = "▁▂▃▄▅▆▇"
_ASCII_STEPS = ".:-=+*#"
_STATE_ROLES = {"capturing": "good", "down": "warn", "gone": "bad"}

Part = tuple[str, str]
Line = list[Part]
"""Texts with their roles, `plain` and the names of the theme's variables in `styles`."""


@dataclass(frozen=True, slots=True)
class Change:
    """Two looks at the counters, for rates; the same one twice gives none."""

    before: ProbeStatistics
    now: ProbeStatistics

    def rate(self, before: int, now: int) -> str:
        """Change per second as text, empty when there is none."""
        seconds = (self.now.now_ms - self.before.now_ms) / 1000
        if seconds <= 0 or now <= before:
            return ""
        return f"{compact((now - before) / seconds)}/s"


def styles(variables: Mapping[str, str]) -> dict[str, str]:
    """Rich style of each role from the theme's variables."""
    return {
        "plain": "", "dim": variables["text-muted"], "heading": f"bold {variables['accent']}",
        "good": variables["success"], "warn": f"bold {variables['warning']}", "bad": f"bold {variables['error']}",
        "bar": variables["primary"],
    }  # fmt: skip


def statistics_text(change: Change, width: int, colors: Mapping[str, str], ascii_only: bool = False) -> Text:
    """All figures, totals and reasons side by side, for a number of cells of at least 40."""
    narrow = width < 2 * _HALF + _GAP
    parts = _totals(change), _reasons(change, ascii_only)
    lines = [*parts[0], [], *parts[1]] if narrow else _beside(*parts)
    lines += [[], *_captures(change), [], *_spreads(change.now, width, ascii_only), [], *_protocols(change)]
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, line in enumerate(lines):
        if number:
            text.append("\n")
        for words, role in line:
            text.append(words, colors[role])
    return text


def _beside(left: Sequence[Line], right: Sequence[Line]) -> list[Line]:
    joined: list[Line] = []
    for one, two in zip_longest(left, right, fillvalue=None):
        here = list(one or [])
        used = sum(cell_len(words) for words, _ in here)
        joined.append([*here, (" " * (_HALF + _GAP - used), "plain"), *(two or [])])
    return joined


def _figure(name: str, value: int, note: str = "", role: str = "plain") -> Line:
    """A line of the totals: 14 cells for the name, 14 for the number, the rest for a rate or a remark."""
    text = f"{value:,}"
    return [
        (f"{name:<14}", "dim"),
        (f"{text if len(text) <= 14 else compact(value):>14}", role),
        (f" {note:>8}", "dim"),
    ]


def _totals(change: Change) -> list[Line]:
    old, s = change.before, change.now
    dropped = sum(c.dropped for c in s.captures)
    lost = sum(c.interface_dropped for c in s.captures)
    lines = [
        [("Accumulated", "heading")],
        _figure("packets", s.packets, change.rate(old.packets, s.packets)),
        _figure("octets", s.octets, change.rate(old.octets, s.octets)),
        _figure("fragments", s.fragments, change.rate(old.fragments, s.fragments)),
        _figure("flows active", s.active_flows, f"of {s.max_flows}"),
        _figure("flows expired", s.expired, change.rate(old.expired, s.expired)),
        _figure("  forced", s.forced, change.rate(old.forced, s.forced), "warn" if s.forced else "plain"),
        _figure("flows exported", s.export.flows, change.rate(old.export.flows, s.export.flows)),
        _figure("  as records", s.export.records),
        _figure("kernel drops", dropped, role="bad" if dropped else "plain"),
        _figure("interface lost", lost, role="bad" if lost else "plain"),
    ]
    ignored = (
        ("not IP", s.non_ip), ("too short", s.too_short), ("not sampled", s.non_sampled), ("own exports", s.own),
        ("cut off", s.truncated), ("wrong length", s.bad_length), ("too deep", s.too_deep),
        ("export failed", s.export.failures),
    )  # fmt: skip
    return [*lines, *(_figure(name, amount) for name, amount in ignored if amount or name in {"not IP", "too short"})]


def _reasons(change: Change, ascii_only: bool) -> list[Line]:
    old, s = dict(change.before.reasons), dict(change.now.reasons)
    most = max(1, *s.values())
    lines: list[Line] = [[("Expired because of", "heading")]]
    for reason in Reason:
        amount = s.get(reason, 0)
        rate = change.rate(old.get(reason, 0), amount)
        size = -(-6 * amount // most)
        shown = ("=" if ascii_only else "━") * size
        name = "over 2 GiB" if reason is Reason.OVERBYTES else reason_name(reason)
        lines.append([
            (f"{name:<10}", "dim"), (f"{amount:>11,}", "plain"), (f" {rate:>7} ", "dim"), (shown, "bar"),
        ])  # fmt: skip
    return lines


def _captures(change: Change) -> list[Line]:
    known = {c.name: c for c in change.before.captures}
    titles = ("received", 13), ("rate", 9), ("dropped", 9), ("ring", 6), ("gaps", 6), ("away", 7)
    heading = f"{'Interface':<16}{'state':<10}" + "".join(f"{title:>{cells}}" for title, cells in titles)
    lines: list[Line] = [[(heading, "heading")]]
    for c in change.now.captures:
        old: CaptureStatistics = known.get(c.name, c)
        rate = change.rate(old.received, c.received)
        dropped = c.dropped + c.interface_dropped
        away = f"{c.gap_seconds:.0f}s" if c.gaps else ""
        lines.append([
            (f"{clean(c.name, 15):<16}", "plain"), (f"{c.state:<10}", _STATE_ROLES.get(c.state, "plain")),
            (f"{c.received:>13,}{rate:>9}", "plain"), (f"{compact(dropped):>9}", "bad" if dropped else "plain"),
            (f"{c.ring_used:>6.0%}", "warn" if c.ring_used > 0.5 else "plain"),
            (f"{c.gaps:>6}{away:>7}", "warn" if c.gaps else "plain"),
        ])  # fmt: skip
    return lines


def _spreads(s: ProbeStatistics, width: int, ascii_only: bool) -> list[Line]:
    heading = f"{'Expired flows':<14}{'minimum':>10}{'average':>10}{'maximum':>10}"
    room = max(8, width - len(heading) - 4)
    lines: list[Line] = [[(heading, "heading"), ("  distribution, powers of 2", "dim")]]
    for name, spread, unit in (("octets", s.sizes, ""), ("packets", s.lengths, ""), ("seconds", s.durations, "s")):
        numbers = (spread.minimum, spread.average, spread.maximum)
        shown = "".join(f"{f'{n:,.2f}' if unit else compact(n):>10}" for n in numbers)
        lines.append(
            [(f"{name:<14}", "dim"), (f"{shown}  ", "plain"), (distribution(spread, ascii_only)[:room], "bar")]
        )
    return lines


def distribution(spread: Spread, ascii_only: bool = False) -> str:
    """One character for each bin from the first to the last that has flows; a blank where there are none."""
    used = [place for place, amount in enumerate(spread.bins) if amount]
    if not used:
        return ""
    steps = _ASCII_STEPS if ascii_only else _STEPS
    most = max(spread.bins)
    shown = spread.bins[used[0] : used[-1] + 1]
    return "".join(steps[min(6, 7 * amount // most)] if amount else " " for amount in shown)


def _protocols(change: Change) -> list[Line]:
    heading = f"{'Protocol':<14}{'flows':>12}{'octets':>16}{'packets':>14}{'avg life':>11}{'max life':>11}"
    lines: list[Line] = [
        [
            (f"{protocol(p.proto):<14}", "plain"),
            (f"{p.flows:>12,}{p.octets:>16,}{p.packets:>14,}", "plain"),
            (f"{p.average_life:>10.2f}s{p.maximum_life:>10.2f}s", "dim"),
        ]
        for p in sorted(change.now.protocols, key=lambda p: -p.octets)
    ]
    return [[(heading, "heading")], *lines]
