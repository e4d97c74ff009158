"""What the lines of the live screen say: tabs, totals, trail, hints."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from nftui.screens.action import Action
from nftui.screens.actions import VIEW_TITLES
from nftui.screens.layers import KINDS
from nftui.screens.navigation import Place, Trail
from nftui.screens.time_words import length, written, zone_name
from nftui.screens.views import view_title
from nftui.text import compact, counted, measured
from nftui.widgets.ribbon import Item, Role
from nftui.widgets.timeline_data import TimelineData

if TYPE_CHECKING:
    from nftui.engine.history.values import TimeRange
    from nftui.engine.live.snapshot import LiveSnapshot

_NARROW_TITLES = {"proto": "proto", "interface": "if", "exporter": "export"}
_NARROW = 100
_FIRST_DAY_MS = 86_400_000


def tabs(view: str, width: int) -> list[Item]:
    """The views, the current one marked."""
    items = [Item(" nftui ", "strong", rank=30)]
    for number, (name, title) in enumerate(VIEW_TITLES.items(), 1):
        words = _NARROW_TITLES.get(name, title) if width < _NARROW else title
        role: Role = "active" if name == view else "dim"
        items.append(
            Item(f" {number} {words} ", role, 0 if name == view else 10 + number, f"view('{name}')", tight=number > 1)
        )
    if view not in VIEW_TITLES:
        items.insert(1, Item(f" {view_title(view)} ", "active", 0, "views"))
    return items


def totals(snapshot: LiveSnapshot, bits: bool) -> list[Item]:
    """Sums over the window."""
    sums = snapshot.total.matched
    rate = sums.bits_per_second if bits else sums.bits_per_second / 8
    return [
        Item(measured(rate, "bit/s" if bits else "B/s"), "strong"),
        Item(f"{compact(sums.packets_per_second)} pkt/s", "plain", 2),
        Item(f"{compact(sums.flows_per_second)} flow/s", "plain", 1),
    ]


def legend(chart: TimelineData, layers: str, palette: Sequence[str]) -> list[Item]:
    """What the layers of the timeline are, and in which colour."""
    items = [Item(f"by {layers}", "dim", 4)] if layers != KINDS[0] else []
    for index in reversed(range(len(chart.labels))):
        color = palette[chart.colors[index] - 1]
        items.append(Item("■", "plain", 10 + index, color=color))
        items.append(Item(f" {chart.labels[index]}", "dim", 10 + index, tight=True))
    return items


def state(snapshot: LiveSnapshot | None, label: str, paused: str, dated: bool = False) -> list[Item]:
    """Window, its time, and whether the screen moves."""
    items = []
    if snapshot is not None:
        covered, window = snapshot.covered_seconds, snapshot.window_seconds
        short = covered < window * 0.8
        items.append(Item(f"last {covered if short else window:.0f} s", "warn" if short and covered > 1 else "dim", 6))
        now = datetime.fromtimestamp(snapshot.now_ms // 1000)
        if snapshot.now_ms > _FIRST_DAY_MS:  # before, a recording has not begun
            items.append(Item(f"{now:%Y-%m-%d %H:%M:%S}" if dated else f"{now:%H:%M:%S}", "dim", 5))
    items.append(Item(f" {paused} ", "alert") if paused else Item(f" {label} ", "chip"))
    return items


def past_state(within: TimeRange, now_ms: int, label: str) -> list[Item]:
    """The range that the table is about."""
    return [
        Item(written(within, now_ms), "strong"),
        Item(length(within.length_ms), "dim", 6),
        Item(zone_name(within.start_ms), "dim", 5),
        Item(f" {label} ", "alert"),
    ]


def working(percent: float | None, ascii_only: bool) -> list[Item]:
    """An answer takes long."""
    wheel = "|/-\\" if ascii_only else "⠋⠙⠹⠸⠼⠴⠦⠧"
    sign = wheel[int(time.monotonic() * 5) % len(wheel)]
    return [Item(sign if percent is None else f"{sign} {percent:.0f} %", "accent"), Item("Esc gives up", "dim", 7)]


def trail_items(trail: Trail, snapshot: LiveSnapshot | None) -> tuple[list[Item], list[Item]]:
    """The applied filter and how one came here; both sides are empty when there is nothing to say."""
    place: Place = trail.place
    if not place.filter and not trail.depth:
        return [], []
    left = []
    if place.filter:
        left += [Item("filter", "accent"), Item(place.filter, "strong")]
    if trail.depth:
        steps = trail.steps()
        for depth, words in enumerate(steps):
            before = " > " if depth else ""
            rank = 3 if depth == len(steps) - 1 else 4 + len(steps) - depth
            left.append(Item(f"{before}{words}", "dim", rank, f"back_to({depth})", tight=bool(depth)))
    right = []
    if snapshot is not None and place.filter:
        right.append(Item(matched(snapshot), "plain", 2))
    return left, [*right, Item("Esc back" if trail.depth else "Esc clears", "dim", 4)]


def matched(snapshot: LiveSnapshot | None) -> str:
    """How many flows of the window the filter lets through."""
    if snapshot is None:
        return ""
    matched, every = snapshot.total.matched.flows, snapshot.total.unfiltered.flows
    share = f" {100 * matched / every:.1f} %" if every else ""
    return f"{compact(matched)} of {counted(every, 'flow', short=True)}{share}"


def nothing(place: Place, key: Callable[[str], str]) -> str:
    """What an empty table says: why there may be no rows, and what to press.

    Args:
        place: where the user is.
        key: the key of an action, by its name.
    """
    if place.filter:
        return f"No flow here passes the filter: {key('filter')} changes it, {key('negate')} turns it round."
    if place.within is not None:
        return f"No flows in this time: {key('brush-earlier')} and {key('brush-later')} go on, {key('now')} is now."
    return f"No flows lately: {key('brush-earlier')} shows the time before, {key('goto')} goes to a time."


def footer(hints: Sequence[Action], position: str = "") -> tuple[list[Item], list[Item]]:
    """Keys that are useful now, the most useful first, and the place in the table."""
    left: list[Item] = []
    for rank, action in enumerate(hints, 1):
        left.append(Item(action.key_text.split()[0], "accent", rank, action.command))
        left.append(Item(f" {action.label}", "dim", rank, action.command, tight=True))
    return left, [Item(position, "dim", 0)] if position else []
